"""A data folder, as Headcount and as other programs see it."""

import json
import os
import subprocess
import time
from pathlib import Path

BINARY = os.environ["HEADCOUNT_BINARY"]
ROUNDS = 13
CHECKPOINT_EVERY = 4


def make(folder: Path):
    program = os.environ["HEADCOUNT_FOLDER_PROGRAM"]
    subprocess.run([program, folder, str(ROUNDS), str(CHECKPOINT_EVERY)], check=True, timeout=120)


def headcount(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=60)


def ask(folder: Path, query: str) -> list[dict]:
    """The answer of `headcount sql`."""
    done = headcount("sql", query, "--data", folder, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(folder: Path, query: str) -> str:
    """Why `headcount sql` did not answer."""
    done = headcount("sql", query, "--data", folder, "--format", "json")
    assert done.returncode == 1, (done.stdout, done.stderr)
    return done.stderr


def tables(folder: Path) -> dict[str, Path]:
    """The tables that exist, by name."""
    return {path.name: path for path in sorted((folder / "tables").glob("*/*")) if (path / "_delta_log").is_dir()}


def commits(table: Path) -> list[Path]:
    return sorted((table / "_delta_log").glob("[0-9]*.json"))


def checkpoints(table: Path) -> list[Path]:
    return sorted((table / "_delta_log").glob("[0-9]*.checkpoint*"))


def newest(table: Path) -> int:
    return max(int(path.name[:20]) for path in commits(table) + checkpoints(table))


def commit(table: Path, *actions: dict):
    """Commits as another program does."""
    path = table / "_delta_log" / f"{newest(table) + 1:020}.json"
    with path.open("x") as file:
        file.write("".join(json.dumps(action) + "\n" for action in actions))


def now_ms() -> int:
    return int(time.time() * 1000)
