"""They read our checkpoints, we read theirs."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, QueryBuilder
from deltalake.table import TableFeatures

import folder


def rows_by_deltalake(path) -> pa.Table:
    query = QueryBuilder().register("t", DeltaTable(str(path)))
    return pa.table(query.execute("SELECT * FROM t"))


def test_our_logs_begin_with_a_checkpoint(made):
    tables = folder.tables(made)
    assert len(tables) > 8
    cut = [path for path in tables.values() if not (path / "_delta_log" / f"{0:020}.json").exists()]
    assert len(cut) > 5, cut
    for path in cut:
        assert folder.checkpoints(path), path


def test_deltalake_reads_the_rows_that_we_read(made):
    for name, path in folder.tables(made).items():
        [ours] = folder.ask(made, f"SELECT count(*) AS n, min(time) AS a, max(time) AS b FROM {name}")
        theirs = rows_by_deltalake(path)
        assert theirs.num_rows == ours["n"], name
    theirs = rows_by_deltalake(folder.tables(made)["tool_uses"])
    [ours] = folder.ask(
        made, "SELECT sum(attempts) AS attempts, count(DISTINCT tool_name) AS tools, count(tool_name) AS named FROM tool_uses"
    )
    assert pc.sum(theirs["attempts"]).as_py() == ours["attempts"]
    assert pc.count_distinct(theirs["tool_name"].cast(pa.string())).as_py() == ours["tools"]
    assert theirs.num_rows - theirs["tool_name"].null_count == ours["named"]


def test_deltalake_finds_no_file_missing_or_left_over_in_our_checkpoint(made):
    for name, path in folder.tables(made).items():
        table = DeltaTable(str(path))
        files = {str(file).removeprefix(str(path) + "/") for file in table.file_uris()}
        assert files and all((path / file).is_file() for file in files), name
        # A merge replaced files; the checkpoint remembers them, so that a vacuum by others gives readers their week.
        vacuumed = table.vacuum(retention_hours=168, dry_run=True)
        assert not set(vacuumed) & files, name


def checkpoint_by(path, **features):
    table = DeltaTable(str(path))
    if features.get("v2"):
        table.alter.add_feature(TableFeatures.V2Checkpoint, allow_protocol_versions_increase=True)
        table = DeltaTable(str(path))
    table.create_checkpoint()
    version = table.version()
    for commit in folder.commits(path):
        if int(commit.stem) <= version:
            commit.unlink()
    for checkpoint in folder.checkpoints(path):
        if int(checkpoint.name[:20]) < version:
            checkpoint.unlink()
    # Only a hint: we do without.
    (path / "_delta_log" / "_last_checkpoint").unlink()


@pytest.mark.parametrize("v2", [False, True])
def test_we_read_checkpoints_of_deltalake_and_write_on(data, v2):
    path = folder.tables(data)["tool_uses"]
    before = folder.ask(data, "SELECT tool_name, count(*) AS n FROM tool_uses GROUP BY 1 ORDER BY n DESC, 1")
    victim = before[0]["tool_name"]
    DeltaTable(str(path)).delete(f"tool_name = '{victim}'")
    checkpoint_by(path, v2=v2)
    after = folder.ask(data, "SELECT tool_name, count(*) AS n FROM tool_uses GROUP BY 1 ORDER BY n DESC, 1")
    assert after == before[1:]
    assert rows_by_deltalake(path).num_rows == sum(row["n"] for row in after)
    # The transaction of ours is in their checkpoint: the log's rows are not taken twice.
    sample = data.parent / "sample.bin"
    sample.write_bytes((folder.Path(__file__).parents[2] / "corpus/crewai-0.134.0/default/000.bin").read_bytes())
    ingested = folder.headcount("ingest", sample, "--data", data)
    assert ingested.returncode == 0, ingested.stderr
    [ours] = folder.ask(data, "SELECT count(*) AS n FROM tool_uses")
    assert rows_by_deltalake(path).num_rows == ours["n"] > sum(row["n"] for row in after)
