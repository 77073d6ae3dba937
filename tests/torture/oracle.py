"""Acknowledged = stored, once: the rows of a store against the senders' books."""

from dataclasses import dataclass
from pathlib import Path

import folder
from bodies import SPANS
from senders import Ledger
from server import Refused, audit_folder

QUERY = (
    "SELECT substr(id, 1, 8) AS batch, count(*) AS n, count(DISTINCT id) AS ids, sum(task_count) AS places"
    " FROM crews WHERE framework = 'torture' GROUP BY 1"
)


@dataclass
class Stored:
    """Rows of one batch: how many, how many different ones, and the sum of their places."""

    rows: int
    ids: int
    places: int


def stored(ask) -> dict[int, Stored]:
    """The batches that `ask` (a server's or a folder's) answers."""
    return {int(row["batch"], 16): Stored(row["n"], row["ids"], row["places"]) for row in ask(QUERY)}


def differences(found: dict[int, Stored], ledger: Ledger, is_erased: bool = False) -> list[str]:
    """Where the rows are not what the senders know. `is_erased`: every accepted order to erase was carried out."""
    wrong = []
    for number in range(ledger.last):
        batch = ledger.acknowledged.get(number) or ledger.unknown.get(number)
        spans = batch.spans if batch else SPANS
        whole = Stored(spans, spans, spans * (spans - 1) // 2)
        seen = found.get(number)
        receipt = batch.receipt if batch else None
        if receipt and receipt.is_ordered and not is_erased:
            # Under way: any part of it may be gone, and none may be there twice.
            if seen and seen.rows != seen.ids:
                wrong.append(f"batch {number}: {seen.rows} rows of {seen.ids} crews, while it is erased")
        elif receipt and receipt.is_accepted:
            if seen:
                wrong.append(f"batch {number}: {seen.rows} rows after its erasure")
        elif receipt and receipt.is_ordered:
            if seen and seen != whole:
                wrong.append(f"batch {number}: {seen} after an order to erase that was not answered")
        elif number in ledger.acknowledged and seen != whole:
            wrong.append(f"batch {number}: acknowledged, {spans} spans, and stored as {seen}")
        elif seen and seen != whole:
            wrong.append(f"batch {number}: not acknowledged, {spans} spans, and stored in part or twice as {seen}")
    wrong += [f"batch {number}: never sent, stored as {seen}" for number, seen in found.items() if number >= ledger.last]
    wrong += [f"batch {number}: its spans were rejected" for number in ledger.rejected]
    return wrong


def account(data: Path, may_be_refused: bool = False) -> list[str]:
    """What `headcount audit` finds wrong in a folder that no server writes: a difference, or a loss that it knows of. `may_be_refused`:
    another program made tables unreadable, which the audit says."""
    rows, said = audit_folder(data)
    wrong = [f"account: {row}" for row in rows if row["difference"] != 0]
    return wrong if may_be_refused else wrong + [f"account: {each}" for each in said]


def compare(round, ledger: Ledger, when: str, ask, is_erased: bool = False) -> None:
    """Notes the differences of what `ask` answers as wrong."""
    try:
        found = stored(ask)
    except Refused as refused:
        round.wrong.append(f"{when}: no answer: {refused}")
        return
    wrong = differences(found, ledger, is_erased)
    round.wrong += [f"{when}: {each}" for each in wrong[:5]]
    if wrong[5:]:
        round.wrong.append(f"{when}: and {len(wrong) - 5} more")


def seen_by_deltalake(data: Path) -> dict[int, Stored]:
    """The same rows as another implementation of Delta reads them. Rows that are not flushed are missing."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from deltalake import DeltaTable

    path = folder.table(data)
    if not folder.commits(data) and not folder.checkpoints(data):
        return {}
    table = DeltaTable(str(path)).to_pyarrow_table(columns=["id", "task_count", "framework"])
    table = table.filter(pc.equal(pc.cast(table["framework"], pa.string()), "torture"))
    found: dict[int, list[tuple[str, int]]] = {}
    for crew, place in zip(table["id"].to_pylist(), table["task_count"].to_pylist()):
        found.setdefault(int(crew[:8], 16), []).append((crew, place))
    return {
        number: Stored(len(rows), len({crew for crew, _ in rows}), sum(place for _, place in rows))
        for number, rows in found.items()
    }


def batches_in_files(data: Path) -> set[int]:
    """The batches of which any Parquet file holds rows, whether or not the file belongs to its table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = set()
    for path in (data / "tables/default/crews").glob("**/*.parquet"):
        if path.parent.name == "_delta_log":
            continue
        try:
            crews = pq.read_table(path, columns=["id"])["id"].to_pylist()
        except pa.ArrowInvalid:
            # Cut off by a kill, so that no commit names it: deltalake has just read those that belong to the table.
            continue
        found |= {int(crew[:8], 16) for crew in crews}
    return found
