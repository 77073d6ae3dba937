"""One damaged file of each kind: what it held is still answered, or something says that it is not. Everything else goes on."""

import atexit
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import folder
import oracle
from bodies import Receipt
from senders import Ledger, deliver, order_erasure
from server import BINARY, GAUGES, Refused, attempt

ROUNDS, SHORT = 60, 9
# In memory and in the log only, when the folder is made.
UNFLUSHED = 30
# Files without which the store cannot know what is true: it may refuse to start, and then names the file.
MAY_REFUSE = ("commit", "secret", "collector")


@dataclass
class Base:
    """A folder that every round copies: commits, a checkpoint, fingerprints, a pending order, a log that is not flushed."""

    data: Path
    ledger: Ledger
    tasks: int


_bases: dict[int, Base] = {}


def run(round) -> None:
    base = _bases.get(round.seed) or make(round)
    if base is None:
        return
    shutil.copytree(base.data, round.data)
    # The first rounds go through the kinds of files; control is a folder without damage.
    targets = ["control", *TARGETS]
    target = targets[round.number] if round.number < len(targets) else round.random.choice(list(TARGETS))
    damaged, manner = None, ""
    if target != "control":
        damaged = TARGETS[target](round)
        if damaged is None:
            round.did.append(f"no {target}")
            return
        manner = harm(round, target, damaged)
    round.did.append(f"{target} {manner}".strip())
    examine(round, base, target, damaged)


def make(round) -> Base | None:
    place = Path(tempfile.mkdtemp(prefix="torture-base-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    data, ledger = place / "data", Ledger()
    server = round.server(data)
    # Fifty flushes and a checkpoint in some seconds. By a time of day that is behind, the commits before it are not an hour old,
    # so that they stay, as they do on a server that is not idle.
    round.clock.set(speed=1200, offset=-6 * 3600)
    if not round.expect_start(server):
        return None
    url = f"http://127.0.0.1:{server.port}"
    subprocess.run([BINARY, "demo", "--url", url, "--crews", "40", "--seed", "7"], check=True, capture_output=True, timeout=60)
    carried_out, pending = Receipt(), Receipt()
    deadline = time.monotonic() + 40
    while not folder.checkpoints(data) and time.monotonic() < deadline:
        receipt = {0: carried_out, 1: pending}.get(ledger.last)
        deliver(server, ledger, [ledger.batch(receipt=receipt)])
        time.sleep(0.06)
    order_erasure(server, carried_out)
    while server.metric("headcount_erasures_pending") and time.monotonic() < deadline:
        time.sleep(0.1)
    round.clock.set()
    if not (round.expect(server.stop() == 0, "the folder to damage: no clean stop") and round.expect_start(server)):
        return None
    # An order is pending for 35 s after its rows were replaced. It flushes, so what is to stay in the log comes later.
    order_erasure(server, pending)
    time.sleep(1)
    deliver(server, ledger, [ledger.batch() for _ in range(UNFLUSHED)])
    tasks = count_tasks(server)
    server.kill()
    _bases[round.seed] = Base(data, ledger, tasks)
    return _bases[round.seed]


def count_tasks(server) -> int:
    """Rows of another table, which damage to `crews` must not concern."""
    return server.sql("SELECT count(*) AS n FROM tasks")[0]["n"]


def pick(round, files: list[Path]) -> Path | None:
    return round.random.choice(files) if files else None


def own_table(data: Path) -> list[Path]:
    return [path for path in folder.named(data) if "crews" in path.parts]


TARGETS = {
    "segment": lambda round: pick(round, folder.segments(round.data)),
    # Those before a checkpoint are not read any more.
    "commit": lambda round: pick(round, [each for each in folder.commits(round.data) if each.stem > folder.checkpoints(round.data)[-1].name]),
    "checkpoint": lambda round: pick(round, folder.checkpoints(round.data)),
    "_last_checkpoint": lambda round: pick(round, list(folder.table(round.data).glob("_delta_log/_last_checkpoint"))),
    "parquet": lambda round: pick(round, own_table(round.data)),
    "seen": lambda round: pick(round, sorted((round.data / "seen").iterdir())),
    "order": lambda round: pick(round, folder.orders(round.data)),
    "secret": lambda round: round.data / "secret",
    "collector": lambda round: round.data / "collector",
}


def harm(round, target: str, path: Path) -> str:
    """Damages a file in a manner that leaves a trace; says how."""
    rng, content = round.random, bytearray(path.read_bytes())
    manners = ["scramble", "zeros", "cut", "empty", "deleted"]
    begin, end = 0, len(content)
    if target == "segment":
        # A log's torn end cannot be told from one that was never acknowledged (docs/formats/wal.md, rule 2).
        frames = folder.frames(path)
        manners, end = ["bit", "scramble", "zeros", "empty"], frames[-1][0]
        if rng.random() < 0.2:
            path.unlink()
            return f"{path.name} deleted"
        if rng.random() < 0.4:
            # Its header, without the version: a later one is refused, as it should be.
            manners, begin, end = ["bit", "scramble", "zeros"], 12, frames[0][0]
    elif target in ("secret", "collector"):
        manners = ["cut", "empty", "deleted"]
    elif target in ("seen", "order"):
        manners.append("bit")
    manner, at = rng.choice(manners), rng.randrange(begin, end)
    if manner == "bit":
        content[at] ^= 1 << rng.randrange(8)
    elif manner == "scramble":
        at = max(begin, min(at, end - 16))
        content[at : at + 16] = bytes(byte ^ 0x55 for byte in content[at : at + 16])
    elif manner == "zeros":
        stop = min(end, at + 512)
        content[at:stop] = bytes(stop - at)
    elif manner == "cut":
        del content[at:]
    elif manner == "empty":
        content.clear()
    if manner == "deleted":
        path.unlink()
    else:
        path.write_bytes(content)
    return f"{path.name} {manner} at {at}"


def examine(round, base: Base, target: str, damaged: Path | None) -> None:
    server, ledger = round.server(), base.ledger
    round.clock.set(speed=60)
    if not server.start():
        said = server.said()
        # A checkpoint may be gone without harm where the commits before it are still there.
        is_needed = target == "checkpoint" and not folder.commits(round.data)[0].name.startswith("0" * 20)
        round.expect(target in MAY_REFUSE or is_needed, f"a damaged {target} keeps it from starting: {said[-400:]}")
        round.expect(damaged.name in said or damaged.parent.name in said, f"it does not start, and names no file: {said[-400:]}")
        return
    # A flush, and what upkeep finds.
    fresh = Ledger()
    fresh._next = 1 << 20
    batch = fresh.batch()
    deliver(server, fresh, [batch])
    round.expect(batch.number in fresh.acknowledged, f"new batches are not taken: {dict(fresh.statuses)}")
    time.sleep(1.1)
    round.clock.set()
    tasks = attempt(lambda: count_tasks(server))
    round.expect(tasks == base.tasks, f"another table: {tasks} instead of {base.tasks} rows")
    found = attempt(lambda: oracle.stored(server.sql))
    if isinstance(found, Refused):
        round.did.append("refused")
        round.expect(target != "control", f"a sound folder is refused: {found}")
    else:
        seen = found.pop(batch.number, None)
        round.expect(seen is not None and seen.ids == batch.spans, f"a new batch is stored as {seen}")
        answered(round, server, ledger, found, target)
    if target in ("secret", "collector"):
        round.expect(bool(server.complaints()), f"silent: {target} was lost, and the log does not say so")
    round.expect(server.status("/healthz") == 200, "/healthz does not answer")
    code = server.stop()
    round.expect(code == 0 or bool(server.complaints()), f"exit code {code}, and no reason")
    if target == "control":
        round.expect(not server.complaints(), f"a sound folder, and it complains: {server.complaints()[:3]}")


def answered(round, server, ledger: Ledger, found: dict, target: str) -> None:
    """Rows that are missing or double are told: by the log, or by a metric."""
    wrong = oracle.differences(found, ledger)
    gauges = {name: value for name in GAUGES if (value := server.metric(name))}
    if not wrong:
        return
    told = bool(server.complaints() or gauges)
    round.did.append(f"{len(wrong)} batches differ, told by {', '.join(gauges) or 'the log'}" if told else "silent")
    round.expect(target != "control", f"a sound folder: {wrong[:3]}")
    round.expect(told, f"silent: {len(wrong)} batches differ, and neither the log nor a metric says so: {wrong[:2]}")
