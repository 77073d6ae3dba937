"""Tables that another program has changed: right answers, or a refusal that says why."""

import json
import struct

import pyarrow.parquet as pq
import pytest

import folder

Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def add_of(path) -> dict:
    """An action that adds one of the table's files as it is."""
    from deltalake import DeltaTable

    import pyarrow as pa

    files = pa.table(DeltaTable(str(path)).get_add_actions(flatten=True)).to_pylist()
    file = max(files, key=lambda file: file["num_records"])
    return {
        "path": file["path"],
        "partitionValues": {},
        "size": file["size_bytes"],
        "modificationTime": folder.now_ms(),
        "dataChange": True,
        "stats": json.dumps({"numRecords": file["num_records"]}),
    }


def removal(add: dict) -> dict:
    kept = {key: add[key] for key in ("path", "partitionValues", "size")}
    return kept | {"deletionTimestamp": folder.now_ms(), "dataChange": True, "extendedFileMetadata": True}


def first_two_rows() -> dict:
    """The descriptor of an inline deletion vector over rows 0 and 1."""
    bitmap = struct.pack("<II", 12346, 1) + struct.pack("<HH", 0, 1) + struct.pack("<I", 16) + struct.pack("<2H", 0, 1)
    vector = struct.pack("<I", 1681511377) + struct.pack("<Q", 1) + struct.pack("<I", 0) + bitmap
    padded = vector + b"\0" * (-len(vector) % 4)
    text = ""
    for at in range(0, len(padded), 4):
        number, digits = int.from_bytes(padded[at : at + 4], "big"), ""
        for _ in range(5):
            number, digit = divmod(number, 85)
            digits = Z85[digit] + digits
        text += digits
    return {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(vector), "cardinality": 2}


PROTOCOL = {
    "minReaderVersion": 3,
    "minWriterVersion": 7,
    "readerFeatures": ["deletionVectors"],
    "writerFeatures": ["deletionVectors", "appendOnly", "invariants"],
}


@pytest.mark.parametrize("order", ["remove first", "add first"])
def test_a_table_with_a_deletion_vector_is_refused_and_the_others_are_read(data, order):
    path = folder.tables(data)["tool_uses"]
    add = add_of(path)
    files = [{"remove": removal(add)}, {"add": add | {"deletionVector": first_two_rows()}}]
    if order == "add first":
        files.reverse()
    [crews] = folder.ask(data, "SELECT count(*) AS n FROM crews")
    folder.commit(path, {"protocol": PROTOCOL}, *files)
    for query in ("SELECT count(*) AS n FROM tool_uses", "SELECT tool_name FROM tool_uses LIMIT 1"):
        why = folder.refused(data, query)
        assert "deletion vector" in why and add["path"].split("/")[-1] in why, why
    assert folder.ask(data, "SELECT count(*) AS n FROM crews") == [crews]


def test_a_feature_that_is_not_implemented_is_named(data):
    path = folder.tables(data)["tool_uses"]
    folder.commit(path, {"protocol": PROTOCOL | {"readerFeatures": ["variantType"]}})
    assert "variantType" in folder.refused(data, "SELECT count(*) FROM tool_uses")


def test_the_deletion_vectors_feature_without_a_vector_is_no_reason_to_refuse(data):
    path = folder.tables(data)["tool_uses"]
    before = folder.ask(data, "SELECT count(*) AS n FROM tool_uses")
    folder.commit(path, {"protocol": PROTOCOL})
    assert folder.ask(data, "SELECT count(*) AS n FROM tool_uses") == before


def test_a_file_without_statistics_is_counted(data):
    path = folder.tables(data)["tool_uses"]
    [before] = folder.ask(data, "SELECT count(*) AS n FROM tool_uses")
    add = add_of(path)
    copy = add["path"].replace(".parquet", "-copy.parquet")
    (path / copy).write_bytes((path / add["path"]).read_bytes())
    del add["stats"]
    folder.commit(path, {"add": add | {"path": copy}})
    rows = pq.ParquetFile(path / copy).metadata.num_rows
    [after] = folder.ask(data, "SELECT count(*) AS n FROM tool_uses")
    assert after["n"] == before["n"] + rows
    [scanned] = folder.ask(data, "SELECT count(*) AS n FROM tool_uses WHERE time > TIMESTAMP '2000-01-01'")
    assert scanned["n"] == after["n"]


def test_a_commit_that_is_missing_is_named(data):
    path = folder.tables(data)["tool_uses"]
    for _ in range(3):
        folder.commit(path, {"commitInfo": {"operation": "NOTHING"}})
    missing = folder.commits(path)[-2]
    missing.unlink()
    assert missing.name in folder.refused(data, "SELECT count(*) FROM tool_uses")
