"""The promises that the client keeps in a Python program as in any other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import headcount
import pytest
import spool
from conftest import FRAMEWORK
from receiver import receiver

Program = Callable[..., "subprocess.CompletedProcess[str]"]

START = "telemetry = headcount.start(FRAMEWORK, '1', told_user=True, switches=('TESTED_OFF',), endpoint=os.environ.get('ENDPOINT'))\n"
EVERYTHING = """
agent = headcount.Agent('Role', goal='CANARY', llm='gpt-4o')
task = headcount.Task('CANARY', agent=agent)
with telemetry.crew(headcount.Crew([agent], [task], inputs='CANARY', share_crew=True)) as run, run.task(task) as doing:
    telemetry.tool_used('search')
    doing.output = 'CANARY'
with telemetry.flow('Flow'): pass
telemetry.deployment('cli').step('start')
telemetry.feature_used('memory:save')
telemetry.project_created('crew', 'project')
telemetry.flush(1)
"""
OFF = {
    "OTEL_SDK_DISABLED": "true", "HEADCOUNT_DISABLED": "1", "DO_NOT_TRACK": "please", "TESTED_OFF": "yes",
}  # fmt: skip


def test_the_import_brings_nothing_along_and_does_nothing(home: Path) -> None:
    source = """
import sys
before = set(sys.modules)
import headcount
print(sorted(set(sys.modules) - before))
import os
print(len(os.listdir('/proc/self/task')) if os.path.exists('/proc/self/task') else 1)
"""
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert ended.stdout == "['headcount', 'headcount._native']\n1\n", ended.stderr
    assert not home.exists()


@pytest.mark.parametrize("switch", OFF)
def test_off_means_off_no_file_no_thread_no_socket(switch: str, program: Program, home: Path) -> None:
    """Promise 3."""
    look = """
import os
print(telemetry.decision, len(os.listdir('/proc/self/task')) if os.path.exists('/proc/self/task') else 1)
"""
    with receiver() as collector:
        ended = program(START + EVERYTHING + look, ENDPOINT=collector.endpoint, **{switch: OFF[switch]})
        assert ended.returncode == 0, ended.stderr
        assert not collector.bodies
    assert ended.stdout.startswith("off: ") and switch in ended.stdout
    assert ended.stdout.endswith(" 1\n")
    assert not home.exists()


@pytest.mark.skipif(shutil.which("strace") is None and "CI" not in os.environ, reason="strace is not installed")
def test_off_means_off_as_the_operating_system_sees_it(tmp_path: Path, home: Path) -> None:
    """Promise 3: beside importing the package, a program that is off makes no system call that one without it does not make."""
    calls = tmp_path / "calls"
    mark = "os.path.exists('/mark')\n"
    source = "import headcount, os\nFRAMEWORK = 'tested'\n" + mark + START + EVERYTHING + mark
    command = ["strace", "-f", "-o", str(calls), sys.executable, "-c", source]
    environment = os.environ | {"DO_NOT_TRACK": "1"}
    traced = subprocess.run(command, env=environment, capture_output=True, text=True)
    if ("PTRACE" in traced.stderr or "ptrace" in traced.stderr) and "CI" not in os.environ:
        pytest.skip("strace may not trace here")
    assert traced.returncode == 0, traced.stderr
    _, between, _ = re.split(r".*\"/mark\".*", calls.read_text())
    # Memory may be asked for, and the mask of signals is put on and taken off around the look at the switches.
    allowed = re.compile(r"\d+ +(brk|mmap|munmap|mremap|madvise|mprotect|futex|rt_sigprocmask|rt_sigpending)\(")
    others = [line for line in between.splitlines() if line and not allowed.match(line)]
    assert others == []


def test_two_tiers_content_is_recorded_only_for_a_crew_that_shares(
    telemetry: headcount.Telemetry, recorded: Callable[[], list[spool.Span]]
) -> None:
    """Promise 2."""
    for share in (False, True):
        agent = headcount.Agent("Role", goal="CANARY", backstory="CANARY", i18n_prompt_file="CANARY")
        task = headcount.Task("CANARY", agent=agent, expected_output="CANARY", context=[headcount.Task("CANARY")])
        crew = headcount.Crew([agent], [task], name="CANARY", project="CANARY", inputs="CANARY", share_crew=share)
        with telemetry.crew(crew) as run:
            with run.task(task) as doing:
                doing.share_input("CANARY")
                doing.output = "CANARY"
            run.share_formatted(task, "CANARY", "CANARY")
            run.share_execution("CANARY", "CANARY")
            run.test_started(1, "gpt-4o", inputs="CANARY")
            run.output = "CANARY"
        spans = recorded()
        with_content = [span for span in spans if any("CANARY" in str(value) for value in span.attributes.values())]
        assert bool(with_content) is share
        assert all(span.attributes.get("consent.share_crew") is True for span in with_content)
    shown = [repr(thing) for thing in (agent, task, crew, run, doing, telemetry)]
    assert not any("CANARY" in text for text in shown)


def test_values_survive(telemetry: headcount.Telemetry, recorded: Callable[[], list[spool.Span]]) -> None:
    """Promise 9: false, 0 and the empty text are recorded as such, and what was not said is not."""
    agent = headcount.Agent("", verbose=False, max_rpm=0, tools=[], llm=headcount.Llm("", top_k=0, temperature=0.0))
    telemetry.crew(headcount.Crew([agent], [], memory=False, inputs_present=False)).complete()
    crew, described, _ = recorded()
    assert crew.attributes["crew.memory"] is False
    assert crew.attributes["crew.inputs_present"] is False
    assert crew.attributes["crew.task_count"] == 0
    assert "crew.process" not in crew.attributes
    found = {key: value for key, value in described.attributes.items() if not key.endswith(("id", "key"))}
    assert found == {
        "agent.role": "", "agent.verbose": False, "agent.max_rpm": 0, "agent.tool_names": [], "llm.llm_model": "",
        "llm.llm_top_k": 0.0, "llm.llm_temperature": 0.0,
    }  # fmt: skip


def test_what_you_see_is_what_is_sent(program: Program, home: Path) -> None:
    """Promise 6."""
    assert program(START + EVERYTHING).returncode == 0
    waiting = list(spool.bodies(home, FRAMEWORK))
    with receiver() as collector:
        ended = program(START + "assert telemetry.flush(20)", ENDPOINT=collector.endpoint)
        assert ended.returncode == 0, ended.stderr
        assert collector.bodies == waiting


def test_the_runtime_is_this_python(telemetry: headcount.Telemetry, recorded: Callable[[], list[spool.Span]], home: Path) -> None:
    telemetry.tool_used("search")
    recorded()
    (request,) = spool.requests(home, FRAMEWORK)
    assert request.resource["versions.framework"] == FRAMEWORK
    assert request.resource["versions.framework_version"] == "1.2.3"
    assert request.resource["versions.runtime"] == "python"
    version = ".".join(str(part) for part in sys.version_info[:3])
    assert str(request.resource["versions.runtime_version"]).startswith(version)
    assert request.scope == ("headcount", headcount.__version__)


def test_nothing_of_the_host_is_inherited(program: Program, home: Path) -> None:
    """No variable of OpenTelemetry, no proxy."""
    with receiver() as collector:
        ended = program(
            START + "telemetry.tool_used('search'); assert telemetry.flush(20)",
            ENDPOINT=collector.endpoint,
            OTEL_EXPORTER_OTLP_HEADERS="authorization=SECRET",
            OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
            OTEL_RESOURCE_ATTRIBUTES="owner=SECRET",
            HTTP_PROXY="http://127.0.0.1:9",
            http_proxy="http://127.0.0.1:9",
        )
        assert ended.returncode == 0, ended.stderr
        assert len(collector.spans()) == 1
        assert not any(b"SECRET" in body for body in collector.bodies)


def test_the_weekly_beat_goes_with_events_and_names_nobody(program: Program, home: Path) -> None:
    with receiver() as collector:
        for _ in range(2):
            ended = program(
                START + "telemetry.tool_used('search'); assert telemetry.flush(20)", ENDPOINT=collector.endpoint
            )
            assert ended.returncode == 0, ended.stderr
        [beat] = collector.beats()
    assert beat.attributes == {
        "activity.age_weeks": "1",
        "activity.active_days": "1",
        "activity.newer_releases": "0",
    }
    line = (home / "state" / FRAMEWORK / "activity").read_text()
    assert line.startswith("1 ") and line.split()[5:7] == ["0000001", "1"]


def test_turned_off_while_it_runs_nothing_is_recorded_any_more(
    telemetry: headcount.Telemetry, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """The switches are asked again where a crew begins, in the environment of the process and not a copy of Python's."""
    telemetry.tool_used("search")
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    run = telemetry.crew(headcount.Crew())
    assert telemetry.mode == "off" and not telemetry.is_recording and not run.is_recording
    run.complete()
    telemetry.tool_used("search")
    assert telemetry.counters().recorded == 1
    assert str(telemetry.decision).startswith("on: "), "the decision at the start stays what it was"


def test_an_endpoint_that_cannot_be_used_is_told(home: Path) -> None:
    def told(endpoint: str | None) -> str | None:
        return headcount.start("fw", "1", endpoint=endpoint, told_user=True, home=home).endpoint_error

    assert told(None) is told("http://127.0.0.1:4318") is told("https://telemetry.example.com") is None
    error = told("http://telemetry.example.com")
    assert error is not None and "https" in error
    assert headcount.Telemetry.off().endpoint_error is None


def test_off_says_so() -> None:
    telemetry = headcount.Telemetry.off()
    assert (telemetry.mode, telemetry.is_recording, telemetry.flush(60)) == ("off", False, True)
    decision = telemetry.decision
    assert (decision.mode, decision.reason, decision.source) == ("off", "switched_off", "code")
    assert str(decision) == "off: code says so"
    assert decision == headcount.start("fw", "1", disabled=True).decision
    assert repr(decision) == 'Decision(mode="off", reason="switched_off", source="code")'
