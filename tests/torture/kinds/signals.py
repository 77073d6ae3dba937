"""Signals, under load: those that stop it do so with every row in its table, the others, and a reload, do nothing to the load."""

import signal
import time

import folder
import oracle
from oracle import compare
from senders import Ledger, Load
from server import ask_folder

ROUNDS, SHORT = 6, 1
STOPPING = ("SIGTERM", "SIGINT", "SIGQUIT")
IGNORED = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGWINCH")


def run(round) -> None:
    rng, ledger, server = round.random, Ledger(), round.server()
    order = rng.sample(STOPPING, k=len(STOPPING))
    for name in order:
        if not round.expect_start(server):
            return
        with Load(server, ledger, rng):
            time.sleep(rng.uniform(0.1, 0.5))
            pass_over(round, server, ledger, rng.choice(IGNORED))
            if rng.random() < 0.5:
                pause(round, server, ledger)
            server.signal(getattr(signal, name))
            if rng.random() < 0.5:
                # Whoever waits for it may lose patience and signal again; that ends nothing early.
                time.sleep(rng.uniform(0, 0.05))
                if server.is_running:
                    server.signal(getattr(signal, name))
            code = server.wait()
        stopped(round, server, ledger, name, code)
    round.did.append(f"{', '.join(order)}; {len(ledger.acknowledged)} acknowledged")


def pass_over(round, server, ledger: Ledger, name: str) -> None:
    server.signal(getattr(signal, name))
    before = len(ledger.acknowledged)
    time.sleep(0.2)
    round.expect(server.is_running and len(ledger.acknowledged) > before, f"{name} ended or held up the server: {server.said()[-300:]}")


def pause(round, server, ledger: Ledger) -> None:
    """SIGSTOP and SIGCONT: what was sent meanwhile is answered afterwards."""
    server.signal(signal.SIGSTOP)
    time.sleep(round.random.uniform(0.2, 2))
    server.signal(signal.SIGCONT)
    before = len(ledger.acknowledged)
    time.sleep(0.5)
    round.expect(len(ledger.acknowledged) > before, "nothing is acknowledged after SIGCONT")


def stopped(round, server, ledger: Ledger, name: str, code: int | None) -> None:
    round.expect(code == 0, f"{name}: exit code {code} instead of 0: {server.said()[-400:]}")
    left = folder.segments(round.data)
    round.expect(not left, f"{name}: the log is not in the tables: {[path.name for path in left]}")
    compare(round, ledger, name, lambda query: ask_folder(round.data, query))
    found = oracle.seen_by_deltalake(round.data)
    round.wrong += [f"{name}, deltalake: {each}" for each in oracle.differences(found, ledger)[:5]]
