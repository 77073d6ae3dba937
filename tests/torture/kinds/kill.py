"""`kill -9` in every phase of a server's life."""

import time

import folder
import oracle
from oracle import compare
from senders import Ledger, Load, deliver, order_erasure
from server import Server, ask_folder

ROUNDS, SHORT = 25, 1
LIVES, SHORT_LIVES = 8, 7

# How fast the clock runs in each: a flush is due after a minute, removed files go after an hour.
PHASES = {"ingest": 1, "start": 1, "close": 1, "erasure": 60, "flush": 60, "merge": 240, "vacuum": 1200}
# After how many files of a day they are merged.
MERGED = 8
MOST_SECONDS = 20


def run(round) -> None:
    ledger, server = Ledger(), round.server()
    lives = SHORT_LIVES if round.is_short else LIVES
    # Each phase once, then as they come.
    phases = round.random.sample(sorted(PHASES), k=min(lives, len(PHASES)))
    phases += round.random.choices(sorted(PHASES), k=lives - len(phases))
    caught = 0
    for life, phase in enumerate(phases):
        if not live(round, server, ledger, phase):
            return
        caught += bool(remains(round.data))
        if life % 3 == 2:
            # The dead server's folder alone answers for everything that it acknowledged.
            compare(round, ledger, f"after a kill in {phase}", lambda query: ask_folder(round.data, query))
    round.did.append(f"{len(phases)} kills, {caught} within a write of a table, {len(ledger.acknowledged)} acknowledged")
    finish(round, server, ledger)


def live(round, server: Server, ledger: Ledger, phase: str) -> bool:
    """One life, killed in a phase of it; whether it began."""
    rng = round.random
    round.clock.set(speed=PHASES[phase])
    if phase == "start":
        for _ in range(rng.randint(1, 4)):
            server.launch()
            time.sleep(rng.uniform(0, 0.15))
            server.kill()
    if not round.expect_start(server):
        return False
    before = len(ledger.acknowledged)
    with Load(server, ledger, rng):
        deadline = time.monotonic() + MOST_SECONDS
        while len(ledger.acknowledged) == before and time.monotonic() < deadline:
            time.sleep(0.001)
        round.expect(len(ledger.acknowledged) > before, f"nothing was acknowledged before {phase}: {dict(ledger.statuses)}")
        if phase in ("erasure", "vacuum"):
            order_some(server, ledger, rng)
        await_phase(round, phase)
        if phase == "close":
            server.signal(15)
            time.sleep(rng.uniform(0, 0.1))
        server.kill()
    return True


def await_phase(round, phase: str) -> None:
    rng, began = round.random, time.monotonic()
    if phase not in ("flush", "merge", "vacuum"):
        time.sleep(rng.uniform(0, 1.0))
        return
    before = folder.parquet(round.data)
    while time.monotonic() < began + MOST_SECONDS:
        now = folder.parquet(round.data)
        if phase == "flush" and now - before:
            break
        if phase == "merge" and len(now - before) >= MERGED:
            break
        # An old file leaves the disk only when it is vacuumed, or erased from.
        if phase == "vacuum" and before - now:
            break
        before |= now if phase == "vacuum" else set()
        time.sleep(0.001)
    time.sleep(rng.choice([0, rng.uniform(0, 0.03)]))


def order_some(server: Server, ledger: Ledger, rng) -> None:
    """Orders to erase some of what was sent. The newest receipts are still in use by their senders."""
    old = [receipt for receipt in ledger.receipts[:-6] if not receipt.is_ordered]
    for receipt in rng.sample(old, k=min(3, len(old))):
        order_erasure(server, receipt)


def remains(data) -> list:
    """What shows that a write of a table was cut off: files without their names, or that no commit names."""
    unnamed = folder.parquet(data) - set(folder.named(data))
    return folder.unfinished(data) + [path for path in unnamed if path.parts[-3] == "crews"]


def finish(round, server: Server, ledger: Ledger) -> None:
    """Senders send again what was not answered; erasures are carried out; other readers agree."""
    rng = round.random
    round.clock.set(speed=120)
    if not round.expect_start(server):
        return
    again = rng.sample(sorted(ledger.acknowledged), k=min(20, len(ledger.acknowledged)))
    ordered = {number for number in again if (receipt := ledger.acknowledged[number].receipt) and receipt.is_ordered}
    deliver(server, ledger, [ledger.acknowledged[number] for number in again if number not in ordered])
    deliver(server, ledger, [batch for batch in ledger.unknown.values() if not (batch.receipt and batch.receipt.is_ordered)])
    deadline = time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline and server.metric("headcount_erasures_pending"):
        time.sleep(0.1)
    round.expect(server.metric("headcount_erasures_pending") == 0, "orders to erase are still pending")
    round.clock.set()
    compare(round, ledger, "in the end", server.sql, is_erased=True)
    round.expect_stop(server)
    compare(round, ledger, "in the folder", lambda query: ask_folder(round.data, query), is_erased=True)
    judge(round, ledger)


def judge(round, ledger: Ledger) -> None:
    """deltalake finds the same rows, and no file holds rows that were erased."""
    found = oracle.seen_by_deltalake(round.data)
    round.wrong += [f"deltalake: {each}" for each in oracle.differences(found, ledger, is_erased=True)[:5]]
    erased = {batch.number for batch in ledger.acknowledged.values() if batch.receipt and batch.receipt.is_accepted}
    left = erased & oracle.batches_in_files(round.data)
    round.expect(not left, f"files still hold rows of erased batches: {sorted(left)[:5]}")
    round.did.append(f"{len(erased)} erased")
