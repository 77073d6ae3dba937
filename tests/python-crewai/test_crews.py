"""The recorded rows match the crews' work."""

from collections import Counter

import pytest
from openai_stub import ANSWER, QUALITY


def rows(collector, table, order="time"):
    return collector.sql(f"SELECT * FROM {table} ORDER BY {order}")


def ended(collector):
    return collector.sql("SELECT * FROM task_runs WHERE ended IS NOT NULL ORDER BY started")


def is_whole(did):
    """Nothing was lost, left waiting or misunderstood on the way."""
    return (did["sent"], did["dropped"], did["puzzled"]) == (True, 0, 0)


def check_sequential(collector, did, driver):
    assert is_whole(did) and did["refused"] == 0, did
    [crew] = rows(collector, "crews")
    assert (crew["framework"], crew["framework_version"]) == ("crewai", driver.release)
    assert (crew["runtime"], crew["runtime_version"]) == ("python", did["python"])
    assert (crew["process"], crew["memory"], crew["inputs_present"]) == ("sequential", False, True)
    assert (crew["task_count"], crew["agent_count"]) == (2, 2)

    agents = {agent["role"]: agent for agent in rows(collector, "agents")}
    assert set(agents) == {"Senior Researcher", "Report Writer"}
    researcher, writer = agents["Senior Researcher"], agents["Report Writer"]
    assert (researcher["tool_names"], writer["tool_names"]) == (["word_counter"], [])
    assert (researcher["max_rpm"], writer["max_rpm"]) == (30, None)
    assert (researcher["max_iterations"], researcher["max_retry_limit"]) == (6, 2)
    assert writer["max_retry_limit"] == 1
    assert (researcher["verbose"], researcher["delegation_enabled"]) == (False, False)
    assert researcher["code_execution_allowed"] is False
    assert researcher["llm_model"] == "gpt-4o-mini" and researcher["llm_class_name"].isidentifier()

    tasks = {task["id"]: task for task in rows(collector, "tasks")}
    assert sorted(task["agent_role"] for task in tasks.values()) == ["Report Writer", "Senior Researcher"]
    by_role = {task["agent_role"]: task for task in tasks.values()}
    assert by_role["Report Writer"]["agent_key"] == writer["key"] != researcher["key"]
    assert all((task["async_execution"], task["human_input"]) == (False, False) for task in tasks.values())
    assert all(task["crew_id"] == crew["id"] and task["crew_key"] == crew["key"] for task in tasks.values())

    runs = ended(collector)
    assert [run["task_id"] for run in runs] == [by_role[role]["id"] for role in ("Senior Researcher", "Report Writer")]
    assert all(run["outcome"] == "completed" and run["duration"] > 0 for run in runs)
    assert all(run["crew_id"] == crew["id"] and run["error_type"] is None for run in runs)
    # One after the other.
    assert runs[0]["ended"] <= runs[1]["started"]
    [done] = rows(collector, "crew_completions")
    assert (done["crew_id"], done["outcome"]) == (crew["id"], "completed")
    assert done["duration"] >= sum(run["duration"] for run in runs)


@pytest.mark.short
def test_a_crew_that_does_not_share_leaves_no_content(driver, collector):
    did = driver.run("sequential")
    check_sequential(collector, did, driver)
    assert collector.files_with("CANARY") == [] == driver.spool_holds("CANARY")
    assert collector.tables_with("CANARY") == set()
    assert all(not table["rows"] for table in collector.tables() if table["tier"] == "shared")


@pytest.mark.short
def test_a_crew_that_shares_fills_the_shared_tables_only(driver, collector):
    did = driver.run("sequential", share=True)
    check_sequential(collector, did, driver)
    goals = {agent["role"]: agent["goal"] for agent in rows(collector, "shared_agents")}
    assert goals["Senior Researcher"] == "CANARY-GOAL of Senior Researcher"
    details = rows(collector, "shared_tasks")
    assert "CANARY-DESCRIPTION look into {topic}" in {detail["description"] for detail in details}
    assert "CANARY-DESCRIPTION look into CANARY-INPUT" in {detail["formatted_description"] for detail in details}
    assert ["CANARY-DESCRIPTION look into {topic}"] in [detail["context"] for detail in details]
    inputs = collector.sql("SELECT content FROM shared_io WHERE direction = 'input'")
    assert inputs == [{"content": '{"topic": "CANARY-INPUT"}'}]
    outputs = collector.sql("SELECT content FROM shared_io WHERE direction = 'output' AND task_id IS NOT NULL")
    assert sorted(row["content"] for row in outputs) == sorted(did["outputs"])
    executions = rows(collector, "shared_executions")
    assert did["output"] in {row["output"] for row in executions}
    assert any(row["tasks_output"] and ANSWER in row["tasks_output"] for row in executions)
    [machine] = collector.sql("SELECT system, cpu_count FROM shared_environments")
    assert machine["system"] and machine["cpu_count"] >= 1
    holding = collector.tables_with("CANARY")
    assert holding and all(name.startswith("shared_") for name in holding), holding


@pytest.mark.short
def test_what_waits_on_disk_holds_content_of_sharing_crews_only(driver):
    for share in (False, True):
        driver.home = driver.home.with_name(f"home-{share}")
        # Nobody was told: what is recorded stays.
        did = driver.run("sequential", share=share, options={"told_user": False})
        assert did["decision"].startswith("local"), did
        assert driver.spool_holds("Senior Researcher")
        assert bool(driver.spool_holds("CANARY")) is share


@pytest.mark.short
def test_a_hierarchical_crew_has_its_manager(driver, collector):
    did = driver.run("hierarchical")
    assert is_whole(did), did
    [crew] = rows(collector, "crews")
    assert (crew["process"], crew["agent_count"], crew["task_count"]) == ("hierarchical", 3, 1)
    managers = collector.sql("SELECT * FROM agents WHERE role = 'Crew Manager'")
    assert [(manager["llm_model"], manager["delegation_enabled"]) for manager in managers] == [("gpt-4o", True)]
    [run] = ended(collector)
    assert (run["outcome"], run["crew_id"]) == ("completed", crew["id"])
    calls = {(use["tool_name"], use["outcome"]) for use in rows(collector, "tool_uses")}
    assert calls == {("delegate_work_to_coworker", "used")}
    assert [done["outcome"] for done in rows(collector, "crew_completions")] == ["completed"]
    assert collector.tables_with("CANARY") == set()


def test_two_tasks_at_the_same_time(driver, collector):
    did = driver.run("asynchronous", agents=2)
    assert is_whole(did) and "error" not in did, did
    tasks = {task["id"]: task["async_execution"] for task in rows(collector, "tasks")}
    assert Counter(tasks.values()) == {True: 2, False: 1}
    runs = ended(collector)
    assert {run["task_id"] for run in runs} == set(tasks) and len(runs) == 3
    assert all(run["outcome"] == "completed" for run in runs)
    beside = [run for run in runs if tasks[run["task_id"]]]
    assert max(run["started"] for run in beside) < min(run["ended"] for run in beside), "they did not overlap"
    assert len(rows(collector, "crew_completions")) == 1


def test_one_agent_with_two_tasks_at_the_same_time(driver, collector):
    did = driver.run("asynchronous", agents=1)
    assert is_whole(did), did
    outcomes = Counter(run["outcome"] for run in ended(collector))
    [done] = rows(collector, "crew_completions")
    if "error" in did:
        # The one that was refused, and with it the crew. The other may still be at work when that is known.
        assert outcomes["failed"] >= 1 and done["outcome"] == "failed"
        assert "RuntimeError" in {run["error_type"] for run in ended(collector)}
    else:
        assert (outcomes, done["outcome"]) == (Counter(completed=3), "completed")


def test_human_input_is_a_setting_and_no_content(driver, collector):
    did = driver.run("human")
    assert is_whole(did), did
    assert [task["human_input"] for task in rows(collector, "tasks")] == [True]
    assert [run["outcome"] for run in ended(collector)] == ["completed"]


@pytest.mark.short
def test_a_test_counts_its_iterations_and_scores(driver, collector):
    did = driver.run("tested")
    assert is_whole(did), did
    crews = rows(collector, "crews")
    assert len(crews) == 2 and len({crew["key"] for crew in crews}) == 1
    tests = rows(collector, "tests")
    [begun] = [test for test in tests if test["step"] == "execution"]
    assert (begun["iterations"], begun["model_name"]) == (2, "gpt-4o-mini")
    assert begun["crew_id"] == crews[0]["id"]
    scored = [test for test in tests if test["step"] == "result"]
    assert [(test["quality"], test["model_name"]) for test in scored] == [(QUALITY, "gpt-4o-mini")] * 2
    assert [test["crew_id"] for test in scored] == [crew["id"] for crew in crews]
    assert all(test["execution_time"] is not None and test["execution_time"] >= 0 for test in scored)
    # The judge's own tasks belong to no crew.
    assert len(ended(collector)) == 2
    assert [done["outcome"] for done in rows(collector, "crew_completions")] == ["completed"] * 2


def test_a_crew_that_runs_again_keeps_its_keys_and_its_inputs_to_itself(driver, collector):
    did = driver.run("repeated")
    assert is_whole(did), did
    crews = rows(collector, "crews")
    assert len(crews) == 4 and len({crew["id"] for crew in crews}) == 4
    agents = rows(collector, "agents")
    assert {agent["role"] for agent in agents} == {"{topic} expert"}
    assert len({agent["key"] for agent in agents}) == 1
    assert len({task["key"] for task in rows(collector, "tasks")}) == 1
    assert len(ended(collector)) == 4
    completed = {done["crew_id"] for done in rows(collector, "crew_completions")}
    assert completed == {crew["id"] for crew in crews}
    assert collector.tables_with("CANARY") == set()


def test_crews_at_the_same_time_are_told_apart(driver, collector):
    did = driver.run("concurrent")
    assert is_whole(did), did
    crews = rows(collector, "crews")
    assert len(crews) == 2 + 3 + 2
    tasks = {task["id"]: task["crew_id"] for task in rows(collector, "tasks")}
    runs = ended(collector)
    assert len(runs) == 7
    # Each task ran once, in the crew that it belongs to.
    assert {run["task_id"]: run["crew_id"] for run in runs} == tasks
    completions = rows(collector, "crew_completions")
    assert Counter(done["crew_id"] for done in completions) == Counter(crew["id"] for crew in crews)
    failed = {done["crew_id"] for done in completions if done["outcome"] == "failed"}
    assert len(failed) == did["refused_crews"]
    assert failed == {run["crew_id"] for run in runs if run["outcome"] == "failed"}


def test_agents_and_tasks_without_a_crew_are_counted_as_such(driver, collector):
    did = driver.run("alone")
    assert is_whole(did), did
    assert rows(collector, "crews") == [] == rows(collector, "task_runs")
    features = Counter(use["feature"] for use in rows(collector, "feature_uses"))
    assert (features["agent:kickoff"], features["task:alone"]) == (1, 1)


def test_a_task_that_a_guardrail_sends_back_ran_once(driver, collector):
    did = driver.run("guarded")
    assert is_whole(did) and did["tries"] == 2, did
    assert [run["outcome"] for run in ended(collector)] == ["completed"]
    features = Counter(use["feature"] for use in rows(collector, "feature_uses"))
    assert features["guardrail:execution"] == 2


def test_planning_is_a_feature_and_its_task_is_nobodys(driver, collector):
    did = driver.run("planned")
    assert is_whole(did), did
    features = Counter(use["feature"] for use in rows(collector, "feature_uses"))
    assert features["planning:crew"] == 1 and features["task:alone"] == 0
    assert len(ended(collector)) == 1


def test_memory_is_a_feature(driver, collector):
    did = driver.run("remembering")
    assert is_whole(did), did
    assert [crew["memory"] for crew in rows(collector, "crews")] == [True]
    features = Counter(use["feature"] for use in rows(collector, "feature_uses"))
    assert features["memory:query"] + features["memory:query_failed"] >= 1, features
    assert collector.tables_with("CANARY") == set()


@pytest.mark.short
def test_a_crew_that_fails_says_so(driver, collector):
    did = driver.run("failing")
    assert is_whole(did), did
    [run] = ended(collector)
    assert (run["outcome"], run["error_type"]) == ("failed", did["error"])
    assert [done["outcome"] for done in rows(collector, "crew_completions")] == ["failed"]


def test_an_interrupted_crew_failed(driver, collector):
    """CrewAI does not tell of an interrupt: the crew is at work until it is thrown away or the process ends."""
    did = driver.run("interrupted", end=True)
    assert did["puzzled"] == 0
    assert driver.run("nothing")["sent"]
    assert [run["outcome"] for run in ended(collector)] == ["failed"]
    assert [done["outcome"] for done in rows(collector, "crew_completions")] == ["failed"]


def test_a_killed_process_leaves_starts_without_ends(driver, collector):
    done = driver.start("killed")
    assert done.returncode == -9, done.stdout + done.stderr
    # The next process of this installation sends what that one left.
    assert driver.run("nothing")["sent"]
    assert len(rows(collector, "crews")) == len(rows(collector, "agents")) == len(rows(collector, "tasks")) == 1
    assert len(rows(collector, "task_runs")) == 1 and ended(collector) == []
    assert rows(collector, "crew_completions") == []
