"""Fixtures: a home folder for each test, telemetry that records there, and its files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import headcount
import pytest
import spool

FRAMEWORK = "tested"

# The consent setting of the person who runs the tests must not affect them.
SWITCHES = ("OTEL_SDK_DISABLED", "HEADCOUNT_DISABLED", "DO_NOT_TRACK")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, so that nothing of the person's is looked at or changed."""
    for switch in SWITCHES:
        monkeypatch.delenv(switch, raising=False)
    home = tmp_path / "home"
    monkeypatch.setenv("HEADCOUNT_HOME", str(home))
    return home


@pytest.fixture
def telemetry(home: Path) -> Iterator[headcount.Telemetry]:
    """Telemetry that records, and has nowhere to send to."""
    telemetry = headcount.start(FRAMEWORK, "1.2.3", told_user=True)
    assert telemetry.mode == "on"
    yield telemetry


@pytest.fixture
def recorded(home: Path, telemetry: headcount.Telemetry) -> Callable[[], list[spool.Span]]:
    """The spans recorded so far."""

    def read() -> list[spool.Span]:
        # The client's own thread may be writing at this very moment.
        deadline = time.monotonic() + 10
        while True:
            telemetry.flush(0)
            counters = telemetry.counters()
            if counters.recorded == counters.written:
                break
            assert time.monotonic() < deadline, counters
            time.sleep(0.001)
        return spool.spans(home, FRAMEWORK)

    return read


@pytest.fixture
def program(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program in an interpreter of its own; it finds ``headcount``, ``os``, ``sys``, ``time`` imported."""

    def run(source: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        source = f"import headcount, os, sys, time\nFRAMEWORK = {FRAMEWORK!r}\n" + source
        return subprocess.run(
            [sys.executable, "-c", source, *arguments],
            env=os.environ | {"HEADCOUNT_HOME": str(home)} | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run
