"""``python -m headcount``: the commands of the ``headcount`` binary."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import headcount
import pytest
from conftest import FRAMEWORK
from receiver import black_hole


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "headcount", *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture
def waiting(telemetry: headcount.Telemetry) -> None:
    """An event in the queue."""
    telemetry.tool_used("search", llm="gpt-4o-mini")
    while telemetry.counters().written < 1:
        telemetry.flush(0)


def test_every_command_says_what_it_does() -> None:
    listed = command("--help")
    assert listed.returncode == 0
    for name in ("status", "on", "off", "preview", "log", "forget"):
        assert f"\n  {name} " in listed.stdout
        described = command(name, "--help")
        assert described.returncode == 0
        assert f"python -m headcount {name}" in described.stdout
    assert command("--version").stdout.split() == ["python", "-m", "headcount", headcount.__version__]


def test_a_wrong_command_line_is_told_so() -> None:
    for arguments in ([], ["no-such-command"], ["status", "--no-such-option"]):
        ended = command(*arguments)
        assert ended.returncode == 2
        assert "Usage: python -m headcount" in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("value", "options", "expected"),
    [
        ("https://telemetry.example.com", (), "count CrewAI's crews"),
        ("https://telemetry.example.com", ("-S",), "does not read .pth files"),
        ("perhaps", (), "neither an address"),
        ("", (), None),
    ],
)
def test_status_says_whether_the_variable_for_crewai_has_an_effect(
    value: str, options: tuple[str, ...], expected: str | None
) -> None:
    folder = str(Path(headcount.__file__).parent.parent)
    ended = subprocess.run(
        [sys.executable, *options, "-m", "headcount", "status"],
        env=os.environ | {"HEADCOUNT_CREWAI": value, "PYTHONPATH": folder},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0
    assert expected is None and "HEADCOUNT_CREWAI" not in ended.stderr or expected is not None and expected in ended.stderr


def test_status_says_why_events_wait(program: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    source = "t = headcount.start(FRAMEWORK, '1', told_user=True, endpoint='http://127.0.0.1:9')\nt.tool_used('search')"
    for _ in range(2):
        assert program(source).returncode == 0
    status = command("status", "--format", "json")
    [row] = json.loads(status.stdout)
    assert row["pending"] == 2 and "cannot connect to the collector" in row["last_failure"], row
    assert "2 events wait" in status.stderr and "next attempt from" in status.stderr


@pytest.mark.usefixtures("waiting")
def test_status_and_preview_show_what_this_process_recorded() -> None:
    status = command("status")
    assert status.returncode == 0
    assert FRAMEWORK in status.stdout
    preview = command("preview")
    assert preview.returncode == 0
    assert "gpt-4o-mini" in preview.stdout and "tool_usage.tool_name" in preview.stdout


@pytest.mark.usefixtures("waiting")
def test_status_speaks_json() -> None:
    ended = command("status", "--format", "json")
    assert ended.returncode == 0, ended.stderr
    assert FRAMEWORK in json.dumps(json.loads(ended.stdout))


def test_off_deletes_what_waits_and_holds_for_what_starts_then(
    home: Path, program: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    program("headcount.start(FRAMEWORK, '1', told_user=True).tool_used('search')")
    assert list((home / "state" / FRAMEWORK / "spool").glob("*.spool"))
    assert command("off").returncode == 0
    assert headcount.start(FRAMEWORK, "1", told_user=True).mode == "off"
    assert not list((home / "state" / FRAMEWORK / "spool").glob("*.spool"))
    assert command("on").returncode == 0
    telemetry = headcount.start(FRAMEWORK, "1")
    assert (telemetry.mode, telemetry.decision.reason) == ("on", "switched_on")


@pytest.mark.usefixtures("waiting")
def test_forget_deletes_what_is_kept(home: Path) -> None:
    assert (home / "state" / FRAMEWORK / "secret").exists()
    ended = command("forget", "--yes") if "--yes" in command("forget", "--help").stdout else command("forget")
    assert ended.returncode == 0, ended.stderr
    assert not (home / "state" / FRAMEWORK / "secret").exists()


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_ctrl_c_ends_a_command_that_waits(home: Path) -> None:
    with black_hole() as endpoint:
        telemetry = headcount.start(FRAMEWORK, "1", told_user=True, endpoint=endpoint)
        telemetry.tool_used("search")
        telemetry.flush(0.5)
        assert (home / "state" / FRAMEWORK / "sent-to").exists()
        waiting = subprocess.Popen([sys.executable, "-m", "headcount", "forget"], stdin=subprocess.DEVNULL)
        time.sleep(1)
        assert waiting.poll() is None, "it asks a collector that does not answer"
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(5) == -signal.SIGINT


def test_a_reader_that_went_away_is_no_failure() -> None:
    shell = f"{sys.executable} -m headcount --help | head -1; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", shell], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
