"""The files of a data folder: docs/formats/wal.md and tables.md."""

import struct
from pathlib import Path


def segments(data: Path) -> list[Path]:
    return sorted((data / "wal").glob("[0-9]*.wal"))


def frames(segment: Path) -> list[tuple[int, int]]:
    """Offset and length, header included, of each frame."""
    content = segment.read_bytes()
    at = 20 + struct.unpack_from("<I", content, 12)[0]
    found = []
    while at + 16 <= len(content):
        length = 16 + struct.unpack_from("<I", content, at)[0]
        if at + length > len(content):
            break
        found.append((at, length))
        at += length
    return found


def table(data: Path, name: str = "crews") -> Path:
    return data / "tables/default" / name


def commits(data: Path, name: str = "crews") -> list[Path]:
    return sorted((table(data, name) / "_delta_log").glob("[0-9]*.json"))


def checkpoints(data: Path, name: str = "crews") -> list[Path]:
    return sorted((table(data, name) / "_delta_log").glob("[0-9]*.checkpoint*.parquet"))


def parquet(data: Path) -> set[Path]:
    """Every Parquet file of the tables, also those that belong to none."""
    return {path for path in (data / "tables").glob("*/*/**/*.parquet") if "_delta_log" not in path.parts}


def named(data: Path, name: str = "crews") -> list[Path]:
    """The files that another implementation of Delta says belong to the table."""
    from deltalake import DeltaTable

    path = table(data, name)
    # A kill before the first commit leaves the folder of the log alone.
    if not commits(data, name) and not checkpoints(data, name):
        return []
    return sorted(Path(uri.removeprefix("file://")) for uri in DeltaTable(str(path)).file_uris())


def orders(data: Path) -> list[Path]:
    return sorted((data / "erasures").glob("*.order"))


def unfinished(data: Path) -> list[Path]:
    """What a crash left without its name: parts of commits, checkpoints, segments."""
    return sorted(path for path in data.rglob("*.tmp"))
