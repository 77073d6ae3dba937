"""Real CrewAI: what its crews did is what the tables say."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from openai_stub import ANSWER, Stub

DRIVER = Path(__file__).with_name("crew_driver.py")
DRIVER_SECONDS = 180

pytestmark = pytest.mark.skipif(
    "HEADCOUNT_CREWAI_PYTHON" not in os.environ and "CI" not in os.environ,
    reason="HEADCOUNT_CREWAI_PYTHON names no interpreter with crewai; tests/python/run makes one",
)


def run_crew(scenario: str, traces_url: str, folder: Path) -> dict:
    """What the driver says about the crew it ran."""
    # Nothing of the caller's own telemetry settings, and no file outside the test's folder.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "CREWAI_"))}
    for switch in ("DO_NOT_TRACK", "HEADCOUNT_DISABLED"):
        inherited.pop(switch, None)
    home = folder / "home"
    home.mkdir(exist_ok=True)
    with Stub() as model_url:
        driver = subprocess.run(
            [os.environ["HEADCOUNT_CREWAI_PYTHON"], DRIVER, scenario, traces_url, model_url],
            env=inherited | {"HOME": str(home), "XDG_DATA_HOME": str(home)},
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DRIVER_SECONDS,
        )
    assert driver.returncode == 0, driver.stdout + driver.stderr
    return json.loads(driver.stdout.strip().splitlines()[-1])


def check_the_default_tier(collector, did: dict) -> None:
    [crew] = collector.sql("SELECT * FROM crews")
    assert crew["id"] == did["crew"]["id"]
    assert crew["key"] and crew["key"] != did["crew"]["key"]
    assert (crew["framework_version"], crew["runtime_version"]) == (did["version"], did["python"])
    assert (crew["process"], crew["memory"], crew["inputs_present"]) == ("sequential", False, True)
    assert (crew["task_count"], crew["agent_count"]) == (2, 2)

    agents = {agent["id"]: agent for agent in collector.sql("SELECT * FROM agents")}
    assert set(agents) == {agent["id"] for agent in did["agents"]}
    researcher, writer = (agents[agent["id"]] for agent in did["agents"])
    assert (researcher["role"], writer["role"]) == ("Senior Researcher", "Report Writer")
    assert (researcher["tool_names"], writer["tool_names"]) == (["word_counter"], [])
    assert (researcher["max_rpm"], writer["max_rpm"]) == (30, None)
    assert researcher["max_iterations"] == 6 and researcher["delegation_enabled"] is False
    assert researcher["llm_model"] == "gpt-4o-mini" or researcher["llm_model_name"] == "gpt-4o-mini"

    tasks = {task["id"]: task for task in collector.sql("SELECT * FROM tasks")}
    assert set(tasks) == {task["id"] for task in did["tasks"]}
    research, report = (tasks[task["id"]] for task in did["tasks"])
    assert (research["agent_key"], report["agent_key"]) == (researcher["key"], writer["key"])
    assert (research["async_execution"], research["human_input"]) == (False, False)

    runs = collector.sql("SELECT * FROM task_runs WHERE ended IS NOT NULL")
    assert {run["task_id"] for run in runs} == set(tasks)
    assert all(run["outcome"] == "completed" and run["duration"] > 0 for run in runs)
    [done] = collector.sql("SELECT * FROM crew_completions")
    assert (done["crew_id"], done["outcome"]) == (did["crew"]["id"], "completed")


def test_a_crew_that_does_not_share_leaves_no_content(collector, tmp_path):
    did = run_crew("default", collector.traces_url, tmp_path)
    check_the_default_tier(collector, did)
    assert collector.files_with("CANARY") == []
    assert collector.tables_with("CANARY") == set()
    assert all(not table["rows"] for table in collector.tables() if table["tier"] == "shared")


def test_a_crew_that_shares_fills_the_shared_tables_only(collector, tmp_path):
    did = run_crew("shared", collector.traces_url, tmp_path)
    check_the_default_tier(collector, did)

    goals = {agent["role"]: agent["goal"] for agent in collector.sql("SELECT * FROM shared_agents")}
    assert goals["Senior Researcher"] == "CANARY-GOAL of Senior Researcher"
    descriptions = {task["description"] for task in collector.sql("SELECT * FROM shared_tasks")}
    assert "CANARY-DESCRIPTION write it up" in descriptions
    inputs = collector.sql("SELECT content FROM shared_io WHERE direction = 'input'")
    assert any("CANARY-INPUT" in row["content"] for row in inputs)
    outputs = collector.sql("SELECT task_id, content FROM shared_io WHERE direction = 'output'")
    assert {task["id"] for task in did["tasks"]} <= {row["task_id"] for row in outputs}
    assert any(ANSWER in row["content"] for row in outputs)
    assert collector.sql("SELECT output FROM shared_executions") == [{"output": did["output"]}]
    [machine] = collector.sql("SELECT system, cpu_count FROM shared_environments")
    assert machine["system"] and machine["cpu_count"] >= 1

    holding = collector.tables_with("CANARY")
    assert holding and all(name.startswith("shared_") for name in holding), holding
