"""Connections that stay idle, heads and bodies that come slowly or stop, and few descriptors."""

import resource
import socket
import time

import folder
from oracle import compare
from senders import Ledger, Sender

ROUNDS, SHORT = 4, 2
FAULTS = ("idle, 1024 descriptors", "slow", "stalled", "idle, 5000 connections")
# A well-behaved sender beside them.
SMALL_WITHIN = 5.0
PROBE_WITHIN = 3.0


def run(round) -> None:
    fault = FAULTS[round.number % len(FAULTS)]
    round.did.append(fault)
    limit = raise_own_limit()
    ledger = Ledger()
    server = round.server(open_files=1024 if "1024" in fault else None)
    if not round.expect_start(server):
        return
    good = Sender(server, ledger, round.random.getrandbits(32), pause=0.02)
    good.start()
    time.sleep(0.3)
    count = {"idle, 1024 descriptors": 1200, "slow": 300, "stalled": 8, "idle, 5000 connections": 5000}[fault]
    opened = open_many(server, min(count, limit - 100), fault)
    probe(round, server, fault, "with them")
    # A flush needs descriptors, too. It is due after a minute.
    round.clock.set(speed=30)
    linger(round, opened, fault, 3 if round.is_short else 12)
    round.clock.set()
    round.expect(bool(folder.parquet(round.data)), f"{fault}: nothing was flushed meanwhile")
    probe(round, server, fault, "later")
    good.stopping.set()
    good.join()
    failed = {status for _, status in good.waits} - {200}
    # With the clock thirty times as fast, an idle connection is closed after three seconds, also under a sender's hands.
    allowed = {"RemoteDisconnected", "ConnectionResetError", "BrokenPipeError"}
    round.expect(not failed - allowed, f"{fault}: a small request ended with {failed - allowed}")
    round.expect(good.longest_wait < SMALL_WITHIN, f"{fault}: a small request took {good.longest_wait:.1f} s")
    for each in opened:
        each.close()
    complaints = [line for line in server.complaints() if "flush" in line or "not stored" in line]
    round.expect(not complaints, f"{fault}: {complaints[:2]}")
    compare(round, ledger, fault, server.sql)
    round.expect_stop(server)
    round.did.append(f"{len(opened)} opened, {len(ledger.acknowledged)} acknowledged beside them")


def raise_own_limit() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(hard, 8192)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def open_many(server, count: int, fault: str) -> list[socket.socket]:
    """Connections that send nothing, or a beginning."""
    head = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
    beginnings = {
        "slow": [head, head + b"Content-Length: 100000\r\n\r\n"],
        # All but the end of a body of 16 MiB.
        "stalled": [head + b"Content-Length: 16000000\r\n\r\n" + bytes(15_000_000)],
    }.get(fault, [b""])
    opened = []
    for place in range(count):
        connection = socket.socket()
        connection.settimeout(5)
        try:
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(beginnings[place % len(beginnings)])
        except OSError:
            # Refused, or cut off while it sends: the server defends itself.
            connection.close()
            continue
        connection.setblocking(False)
        opened.append(connection)
    return opened


def linger(round, opened: list[socket.socket], fault: str, seconds: float) -> None:
    """Slow ones send a byte now and then."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if fault == "slow":
            for connection in opened:
                try:
                    connection.send(b"a")
                except OSError:
                    pass
        time.sleep(0.5)


def probe(round, server, fault: str, when: str) -> None:
    """New connections are answered: those of probes, of senders, of people."""
    for path in ("/healthz", "/readyz", "/api/v1/reports/overview"):
        began = time.monotonic()
        status = server.status(path, timeout=10)
        taken = time.monotonic() - began
        round.expect(status == 200 and taken < PROBE_WITHIN, f"{fault}, {when}: {path} says {status} after {taken:.1f} s")
