"""From a call in Python to a row in a table: through a real collector, and back out again.

Needs the built `headcount` binary (HEADCOUNT_BINARY, or target/release/headcount).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# The server of the tests with stock exporters.
sys.path.insert(0, str(Path(__file__).parents[1] / "python"))
from collector import Collector, binary  # type: ignore[import-not-found]  # noqa: E402

Program = Callable[..., "subprocess.CompletedProcess[str]"]

EVERYTHING = """
telemetry = headcount.start(FRAMEWORK, '4.5.6', told_user=True, endpoint=os.environ['ENDPOINT'])
llm = headcount.Llm('gpt-4o-mini', temperature=0.0, top_k=40, class_name='ChatOpenAI')
agent = headcount.Agent('Researcher', llm=llm, tools=['search'], verbose=False, max_rpm=0, goal='CANARY goal')
task = headcount.Task('CANARY description', agent=agent, async_execution=False)
crew = headcount.Crew([agent], [task], process='sequential', memory=False, inputs='CANARY inputs', share_crew=sys.argv[1] == 'share')
with telemetry.crew(crew) as run:
    with run.task(task) as doing:
        telemetry.tool_used('search', attempts=2, llm='gpt-4o-mini')
        telemetry.tool_failed('search')
        doing.output = 'CANARY output'
    try:
        with run.task(task): raise TimeoutError('CANARY message')
    except TimeoutError: pass
    run.test_scored(8.5, 0.0, 'gpt-4o-mini')
with telemetry.flow('Flow') as flow: flow.method_failed('ValueError')
telemetry.deployment('cli').failed('api_4xx', 422)
telemetry.feature_used('memory:save')
telemetry.evaluation_used('evaluation', False, ['gpt-4o'])
telemetry.feedback_requested(True, 2)
telemetry.project_created('crew', 'CANARY project')
telemetry.template_installed('research')
assert telemetry.flush(30)
assert telemetry.counters().values_refused == 0
"""


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    if not binary().exists():
        if os.environ.get("CI"):
            pytest.fail(f"no binary at {binary()}; build it with: cargo build --release")
        pytest.skip(f"no binary at {binary()}; build it with: cargo build --release")
    running = Collector(tmp_path)
    try:
        running.start()
        yield running
        assert running.stop() == 0, running.written()
    finally:
        running.kill()


def endpoint(collector: Collector) -> str:
    return f"http://127.0.0.1:{collector.http_port}"


def one(collector: Collector, query: str) -> dict[str, Any]:
    (row,) = collector.sql(query)
    return dict(row)


@pytest.mark.parametrize("share", [False, True])
def test_what_a_program_does_is_in_the_tables(share: bool, collector: Collector, program: Program) -> None:
    ended = program(EVERYTHING, "share" if share else "keep", ENDPOINT=endpoint(collector))
    assert ended.returncode == 0, ended.stderr
    runtime = ".".join(str(part) for part in sys.version_info[:3])
    assert one(collector, "SELECT framework, framework_version, runtime, runtime_version, process, memory, inputs_present, agent_count FROM crews") == {
        "framework": "tested", "framework_version": "4.5.6", "runtime": "python", "runtime_version": runtime,
        "process": "sequential", "memory": False, "inputs_present": True, "agent_count": 1,
    }  # fmt: skip
    assert one(collector, "SELECT role, verbose, max_rpm, llm_model, llm_temperature, llm_top_k, tool_names FROM agents") == {
        "role": "Researcher", "verbose": False, "max_rpm": 0, "llm_model": "gpt-4o-mini", "llm_temperature": 0.0,
        "llm_top_k": 40.0, "tool_names": ["search"],
    }  # fmt: skip
    assert collector.sql("SELECT outcome, attempts, llm_model FROM tool_uses ORDER BY outcome") == [
        {"outcome": "error", "attempts": 1, "llm_model": None},
        {"outcome": "used", "attempts": 2, "llm_model": "gpt-4o-mini"},
    ]
    assert collector.sql("SELECT outcome, error_type FROM task_runs WHERE outcome IS NOT NULL ORDER BY outcome") == [
        {"outcome": "completed", "error_type": None},
        {"outcome": "failed", "error_type": "TimeoutError"},
    ]
    assert one(collector, "SELECT outcome FROM crew_completions") == {"outcome": "completed"}
    assert one(collector, "SELECT quality, execution_time FROM tests") == {"quality": 8.5, "execution_time": 0.0}
    assert one(collector, "SELECT step, reason, status_code FROM deployments") == {
        "step": "failed", "reason": "api_4xx", "status_code": 422,
    }  # fmt: skip
    rows = {row["table_name"]: row["rows"] for row in collector.tables()}
    assert rows["flow_events"] == 3 and rows["feature_uses"] == 2 and rows["human_feedback"] == 1 and rows["projects"] == 2
    assert rows.get("refusals", 0) == 0
    holding = collector.tables_with("CANARY")
    assert holding == ({"shared_agents", "shared_tasks", "shared_io"} if share else set())
    assert share or not collector.files_with("CANARY")


def test_a_killed_program_loses_nothing_that_was_on_disk(collector: Collector, program: Program) -> None:
    # Nobody was told yet: it records for this collector, and does not send.
    killed = program(
        f"telemetry = headcount.start(FRAMEWORK, '1', endpoint={endpoint(collector)!r})\n"
        "for event in range(100): telemetry.tool_used('search')\n"
        "time.sleep(0.5); os.kill(os.getpid(), 9)"
    )
    assert killed.returncode == -9
    start = f"telemetry = headcount.start(FRAMEWORK, '1', told_user=True, endpoint={endpoint(collector)!r})\n"
    later = program(start + "assert telemetry.flush(30)")
    assert later.returncode == 0, later.stderr
    assert one(collector, "SELECT count(*) AS uses FROM tool_uses") == {"uses": 100}


def test_forget_erases_what_was_sent(collector: Collector, program: Program) -> None:
    sent = program(EVERYTHING, "keep", ENDPOINT=endpoint(collector))
    assert sent.returncode == 0, sent.stderr
    forgotten = subprocess.run([sys.executable, "-m", "headcount", "forget"], capture_output=True, text=True, timeout=60)
    assert forgotten.returncode == 0, forgotten.stderr
    assert endpoint(collector) in forgotten.stdout + forgotten.stderr
