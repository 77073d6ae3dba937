"""ClickHouse reads our tables. Only with `tests/tables/run --all`."""

import chdb

import folder


def test_clickhouse_reads_the_rows_that_we_read(made, monkeypatch):
    # It reads files below its own folder alone, which is the working directory.
    monkeypatch.chdir(made)
    for name, path in folder.tables(made).items():
        [ours] = folder.ask(made, f"SELECT count(*) AS n FROM {name}")
        theirs = chdb.query(f"SELECT count() FROM deltaLakeLocal('{path}')", "CSV").bytes().decode().strip()
        assert int(theirs) == ours["n"], name
