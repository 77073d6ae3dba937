"""Overload: 2, 8 and 16 clients with large bodies, beside one with small ones."""

import threading
import time

from oracle import compare
from senders import Ledger, Load, Sender

ROUNDS, SHORT = 2, 1
SECONDS, SHORT_SECONDS = 12, 2
# A body of 14 MiB in few spans: it costs the memory of a large one, and Python little time.
SPANS, PADDING = 500, 29_000
# With sixteen clients, at least this part of what the best number of them gets acknowledged. Clients and server share the
# processors of this machine, and clients that are refused build their bodies all the same.
GOODPUT = 0.4
SMALL_WITHIN = 5.0


def run(round) -> None:
    ledger, server = Ledger(), round.server()
    if not round.expect_start(server):
        return
    rates = {clients: load(round, server, ledger, clients) for clients in (2, 8, 16)}
    best = max(rates.values())
    worst = rates[16]
    round.did.append(", ".join(f"{clients} clients {rate:.0f} spans/s" for clients, rate in rates.items()))
    round.expect(worst >= GOODPUT * best, f"sixteen clients get {worst:.0f} spans/s acknowledged, fewer ones {best:.0f}")
    round.expect(server.status("/readyz") == 200, f"not ready after the load: {server.ask('/readyz')}")
    compare(round, ledger, "after the load", server.sql)
    round.expect_stop(server)


def load(round, server, ledger: Ledger, clients: int) -> float:
    """Acknowledged spans a second of the large bodies."""
    seconds = SHORT_SECONDS if round.is_short else SECONDS
    small = Sender(server, ledger, round.random.getrandbits(32), pause=0.02)
    probes: list[float] = []
    stopping = threading.Event()
    prober = threading.Thread(target=probe, args=(server, probes, stopping))
    began = time.monotonic()
    with Load(server, ledger, round.random, clients, spans=SPANS, padding=PADDING) as large:
        small.start()
        prober.start()
        time.sleep(seconds)
        small.stopping.set()
        stopping.set()
    taken = time.monotonic() - began
    small.join()
    prober.join()
    failed = {status for _, status in small.waits} - {200}
    round.expect(not failed, f"{clients} clients: a small request was answered {failed}")
    round.expect(small.longest_wait < SMALL_WITHIN, f"{clients} clients: a small request took {small.longest_wait:.1f} s")
    round.expect(max(probes) < SMALL_WITHIN, f"{clients} clients: /healthz took {max(probes):.1f} s")
    strange = set(large.statuses()) - {200, 503}
    round.expect(not strange, f"{clients} clients: large requests ended with {strange}")
    return large.statuses()[200] * SPANS / taken


def probe(server, probes: list[float], stopping: threading.Event) -> None:
    while not stopping.is_set():
        began = time.monotonic()
        is_up = server.status("/healthz", timeout=10) == 200
        probes.append(time.monotonic() - began if is_up else float("inf"))
        time.sleep(0.1)
