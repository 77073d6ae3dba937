"""A disk that is full, and has room again."""

import os
import time

from oracle import compare
from senders import Ledger, Load, deliver
from server import ask_folder

ROUNDS, SHORT = 6, 1
MEBIBYTES = 40
# Senders come back after this many seconds at the latest (`Retry-After` is 1 to 4 s, drawn).
RECOVERS_WITHIN = 15


def run(round) -> None:
    disk = round.mount("disk", MEBIBYTES)
    data, ballast = disk / "data", disk / "ballast"
    round.clock.set(speed=round.random.choice([1, 60]))
    ledger, server = Ledger(), round.server(data)
    if not round.expect_start(server):
        return
    with Load(server, ledger, round.random):
        time.sleep(0.5)
        fill(ballast, leave=round.random.randrange(0, 256) << 10)
        is_full = round.expect(await_answer(ledger, 503), "a full disk refuses nothing")
        round.clock.set()
        if is_full:
            while_full(round, server, ledger)
        ballast.unlink()
        before, since = len(ledger.acknowledged), time.monotonic()
        while len(ledger.acknowledged) == before and time.monotonic() < since + RECOVERS_WITHIN:
            time.sleep(0.02)
        taken = time.monotonic() - since
        round.expect(len(ledger.acknowledged) > before, f"nothing is acknowledged {RECOVERS_WITHIN} s after there is room again")
        time.sleep(0.5)
    round.did.append(f"{len(ledger.acknowledged)} acknowledged, {ledger.statuses[503]} refused, again after {taken:.1f} s")
    compare(round, ledger, "with room again", server.sql)
    if killed_while_full(round, server, ledger, ballast):
        deliver(server, ledger, ledger.unknown.values())
        compare(round, ledger, "in the end", server.sql)
        round.expect_stop(server)
        compare(round, ledger, "in the folder", lambda query: ask_folder(data, query))


def fill(ballast, leave: int) -> None:
    """Takes all room but some bytes."""
    file = os.open(ballast, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        while True:
            os.write(file, b"\1" * (1 << 16))
    except OSError:
        size = os.fstat(file).st_size
        os.ftruncate(file, max(0, size - leave))
    finally:
        os.close(file)


def await_answer(ledger: Ledger, status: int, so_far: int = 0) -> bool:
    deadline = time.monotonic() + 30
    while ledger.statuses[status] == so_far and time.monotonic() < deadline:
        time.sleep(0.01)
    return ledger.statuses[status] > so_far


def while_full(round, server, ledger: Ledger) -> None:
    """It says that it is full, and goes on answering questions."""
    status, answer = server.ask("/readyz")
    round.expect(status == 503 and b"disk" in answer, f"/readyz on a full disk: {status} {answer[:100]!r}")
    for path in ("/healthz", "/", "/api/v1/reports/overview", "/metrics"):
        status = server.status(path, timeout=20)
        round.expect(status == 200, f"{path} on a full disk: {status}")
    compare(round, ledger, "on a full disk", server.sql)


def killed_while_full(round, server, ledger: Ledger, ballast) -> bool:
    """Killed on a full disk, and started on it: it answers, or says that there is no room. Whether it runs in the end."""
    refused = ledger.statuses[503]
    with Load(server, ledger, round.random):
        fill(ballast, leave=0)
        await_answer(ledger, 503, refused)
        time.sleep(round.random.uniform(0, 0.3))
        server.kill()
    if server.start():
        compare(round, ledger, "started on a full disk", server.sql)
        server.kill()
    else:
        said = server.said()
        round.expect("No space left" in said or "disk is full" in said, f"on a full disk it ends and does not say why: {said[-400:]}")
    ballast.unlink()
    return round.expect_start(server)
