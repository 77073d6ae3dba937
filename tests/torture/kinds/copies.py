"""Copies of a live folder: a copy holds what was acknowledged before it began, or it says that something is missing."""

import shutil
import subprocess
import time

import oracle
from senders import Ledger, Load
from server import GAUGES, Refused, attempt

ROUNDS, SHORT = 12, 1
PARTS = ("secret", "collector", "newest-segment", "tables", "seen", "erasures", "wal")
WAYS = ("cp", "tar", "tables first", "log first", "tables without the log")


def run(round) -> None:
    rng, ledger, server = round.random, Ledger(), round.server()
    round.clock.set(speed=rng.choice([60, 240]))
    if not round.expect_start(server):
        return
    way = WAYS[round.number % len(WAYS)] if not round.is_short else rng.choice(WAYS)
    copy = round.scratch / "copy"
    with Load(server, ledger, rng):
        time.sleep(rng.uniform(1, 3))
        before = dict(ledger.acknowledged)
        make(round, way, copy)
    server.kill()
    round.clock.set()
    known = Ledger()
    known.acknowledged, known._next = before, ledger.last
    known.unknown = {number: batch for number, batch in (ledger.acknowledged | ledger.unknown).items() if number not in before}
    round.did.append(f"{way}, {len(before)} acknowledged before")
    examine(round, way, copy, known)


def make(round, way: str, copy) -> None:
    data = round.data
    if way == "cp":
        # Files that vanish meanwhile are a complaint of cp, not of ours.
        subprocess.run(["cp", "-a", data, copy], capture_output=True)
    elif way == "tar":
        copy.mkdir()
        archived = subprocess.run(["tar", "-C", data, "-cf", "-", "."], capture_output=True)
        subprocess.run(["tar", "-C", copy, "-xf", "-"], input=archived.stdout, capture_output=True)
    else:
        order = {"tables first": PARTS, "log first": PARTS[::-1], "tables without the log": PARTS[:-1]}[way]
        copy.mkdir()
        for part in order:
            subprocess.run(["cp", "-a", data / part, copy], capture_output=True)
            # As a large folder takes.
            time.sleep(0.4)


def examine(round, way: str, copy, known: Ledger) -> None:
    server = round.server(copy)
    if not server.start():
        said = server.said()
        round.expect(str(copy) in said, f"the copy does not open, and it names no file: {said[-400:]}")
        round.did.append(f"does not open: {said.strip()[-200:]}")
        return
    found = attempt(lambda: oracle.stored(server.sql))
    told = bool(server.complaints() or any(server.metric(name) for name in GAUGES))
    if isinstance(found, Refused):
        round.did.append("refused")
    else:
        wrong = oracle.differences(found, known)
        if wrong:
            round.did.append(f"{len(wrong)} batches differ, {'told' if told else 'silent'}")
        round.expect(told or not wrong, f"silent: {len(wrong)} of {len(known.acknowledged)} batches: {wrong[:2]}")
        double = {number: seen for number, seen in found.items() if seen.rows != seen.ids}
        round.expect(not double, f"rows are double: {list(double.items())[:2]}")
    server.stop()
    shutil.rmtree(copy, ignore_errors=True)
