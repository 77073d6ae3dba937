"""Commits of other programs beside a running server: it answers what the table says, or refuses by name."""

import json
import time

import folder
import oracle
from bodies import SPANS
from senders import Ledger, deliver
from server import Refused, ask_folder, attempt

ROUNDS, SHORT = 26, 4
# Other programs' commits are looked for before each answer.
SEEN_WITHIN = 2.5


def run(round) -> None:
    ledger, server = Ledger(), round.server()
    # Two files, and rows in memory.
    for _ in range(2):
        if not round.expect_start(server):
            return
        deliver(server, ledger, [ledger.batch() for _ in range(10)])
        round.expect_stop(server)
    if not round.expect_start(server):
        return
    in_memory = {ledger.last + place for place in range(5)}
    deliver(server, ledger, [ledger.batch() for _ in in_memory])
    names = list(UNDERSTOOD) + list(REFUSED)
    name = names[round.number] if round.number < len(names) else round.random.choice(names)
    if round.is_short:
        # In short, the one that rewrites, the one that removes files, the one whose log loses its beginning, one that is refused.
        name = ("delete", "vacuum", "clean up the log", "an unknown feature")[round.number % SHORT]
    round.did.append(name)
    if name in REFUSED:
        refuse(round, server, ledger, name)
    else:
        commit_as_others_do(lambda: UNDERSTOOD[name](folder.table(round.data), round.random))
        follow(round, server, ledger, in_memory)


def commit_as_others_do(change) -> None:
    """Runs `change` again where the server committed meanwhile, as deltalake's error says: at a start it merges files."""
    from deltalake.exceptions import CommitFailedError

    for left in reversed(range(5)):
        try:
            return change()
        except CommitFailedError:
            if not left:
                raise


def follow(round, server, ledger: Ledger, in_memory: set[int]) -> None:
    whole = oracle.Stored(SPANS, SPANS, SPANS * (SPANS - 1) // 2)
    expected = oracle.seen_by_deltalake(round.data) | {number: whole for number in in_memory}
    deadline, found = time.monotonic() + SEEN_WITHIN, None
    while found != expected and time.monotonic() < deadline:
        found = attempt(lambda: oracle.stored(server.sql))
    same(round, found, expected, f"the server, after {SEEN_WITHIN} s")
    same(round, attempt(lambda: oracle.stored(lambda query: ask_folder(round.data, query))), expected, "headcount sql")
    # Flushes, merges, a checkpoint on top of it.
    round.clock.set(speed=600)
    for _ in range(30):
        batch = ledger.batch()
        deliver(server, ledger, [batch])
        expected[batch.number] = whole
        time.sleep(0.05)
    round.clock.set()
    round.expect(len(ledger.acknowledged) == ledger.last, f"new batches are not taken: {dict(ledger.statuses)}")
    same(round, attempt(lambda: oracle.stored(server.sql)), expected, "the server, after further flushes")
    complaints = server.complaints()
    round.expect(not complaints, f"it complains: {complaints[:2]}")
    round.expect_stop(server)
    same(round, oracle.seen_by_deltalake(round.data), expected, "deltalake in the end")
    same(round, attempt(lambda: oracle.stored(lambda query: ask_folder(round.data, query))), expected, "headcount sql in the end")


def same(round, found, expected: dict, who: str) -> None:
    if isinstance(found, Refused):
        round.wrong.append(f"{who}: no answer: {found}")
        return
    different = {number for number in found.keys() | expected.keys() if found.get(number) != expected.get(number)}
    few = {number: (found.get(number), expected.get(number)) for number in sorted(different)[:2]}
    round.expect(not different, f"{who}: {len(different)} batches differ from what the table says: {few}")


def refuse(round, server, ledger: Ledger, name: str) -> None:
    """The table is refused by the feature's name, others are answered, new rows are kept; and all is well once it is gone."""
    undo = REFUSED[name](round.data)
    word = "deletion vector" if "vector" in name else "torture"
    for who, ask in (("the server", server.sql), ("headcount sql", lambda query: ask_folder(round.data, query))):
        found = attempt(lambda: oracle.stored(ask))
        is_refused = isinstance(found, Refused) and word in str(found).lower()
        round.expect(is_refused, f"{who} does not refuse it by name: {str(found)[:300]}")
    round.expect(not isinstance(attempt(lambda: server.sql("SELECT count(*) FROM agents")), Refused), "another table is refused, too")
    deliver(server, ledger, [ledger.batch() for _ in range(5)])
    round.expect(len(ledger.acknowledged) == ledger.last, f"new batches are not taken: {dict(ledger.statuses)}")
    undo()
    found = attempt(lambda: oracle.stored(server.sql))
    if isinstance(found, Refused):
        round.wrong.append(f"after it was undone: {found}")
    else:
        round.wrong += [f"after it was undone: {each}" for each in oracle.differences(found, ledger)[:3]]
    round.expect_stop(server)


def delta(path):
    from deltalake import DeltaTable

    return DeltaTable(str(path))


def one_batch(rng) -> str:
    number = rng.randrange(20)
    return f"id >= '{number:08x}' AND id < '{number + 1:08x}'"


def append(path, rng) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    rows = pa.table(delta(path).to_pyarrow_table())
    copied = rows["id"].to_pylist()
    renamed = pa.array([f"7{crew[1:]}" for crew in copied], pa.string())
    write_deltalake(str(path), rows.set_column(rows.column_names.index("id"), "id", renamed), mode="append")


def compact_and_vacuum(path, rng) -> None:
    delta(path).optimize.compact()
    vacuum(path, rng)


def vacuum(path, rng) -> None:
    delta(path).delete(one_batch(rng))
    delta(path).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)


def clean_up(path, rng) -> None:
    delta(path).create_checkpoint()
    for commit in (path / "_delta_log").glob("[0-9]*.json"):
        if int(commit.stem) < delta(path).version():
            commit.unlink()


def add_column(path, rng) -> None:
    from deltalake import Field
    from deltalake.schema import PrimitiveType

    delta(path).alter.add_columns([Field("torture", PrimitiveType("string"))])


UNDERSTOOD = {
    "delete": lambda path, rng: delta(path).delete(one_batch(rng)),
    "delete everything": lambda path, rng: delta(path).delete(),
    "update": lambda path, rng: delta(path).update(updates={"task_count": "99"}, predicate=one_batch(rng)),
    "append": append,
    "merge files": lambda path, rng: delta(path).optimize.compact(),
    "z-order": lambda path, rng: delta(path).optimize.z_order(["id"]),
    "merge files and vacuum": compact_and_vacuum,
    "vacuum": vacuum,
    "checkpoint": lambda path, rng: delta(path).create_checkpoint(),
    "clean up the log": clean_up,
    "add a column": add_column,
    "set a property": lambda path, rng: delta(path).alter.set_table_properties({"delta.logRetentionDuration": "interval 2 days"}),
}


def commit(path, *actions: dict) -> None:
    newest = delta(path).version()
    with (path / "_delta_log" / f"{newest + 1:020}.json").open("x") as file:
        file.write("".join(json.dumps(action) + "\n" for action in actions))


def unknown_feature(data):
    path = folder.table(data)
    features = ["tortureFeature"]
    commit(path, {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}})

    def undo():
        version = max(int(each.stem) for each in folder.commits(data)) + 1
        back = {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}
        (path / "_delta_log" / f"{version:020}.json").write_text(json.dumps(back) + "\n")

    return undo


def deletion_vector(data):
    """A vector in a file of its own, which need not exist: nobody may look at the rows before it is read."""
    path = folder.table(data)
    file = folder.named(data)[0]
    relative = str(file.relative_to(path))
    common = {"path": relative, "partitionValues": {}, "size": file.stat().st_size}
    add = common | {"modificationTime": 0, "dataChange": True, "stats": json.dumps({"numRecords": 400})}
    remove = common | {"deletionTimestamp": 0, "dataChange": True}
    vector = {"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 1, "sizeInBytes": 34, "cardinality": 2}
    features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors", "appendOnly", "invariants"]}
    protocol = {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7} | features}
    commit(path, protocol, {"remove": remove}, {"add": add | {"deletionVector": vector}})

    def undo():
        version = max(int(each.stem) for each in folder.commits(data)) + 1
        actions = [{"remove": remove | {"deletionVector": vector}}, {"add": add}]
        (path / "_delta_log" / f"{version:020}.json").write_text("".join(json.dumps(each) + "\n" for each in actions))

    return undo


# Each returns what takes it back.
REFUSED = {"an unknown feature": unknown_feature, "a deletion vector": deletion_vector}
