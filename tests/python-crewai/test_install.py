"""How the listener gets in and out, what it does not touch, and what it survives."""

import json
import os
import subprocess

import pytest
from conftest import PYTHONS
from test_crews import check_sequential, is_whole, rows


def test_status_says_that_crewais_own_telemetry_is_silent(driver):
    driver.run("sequential")
    command = [PYTHONS[driver.release], "-m", "headcount", "status", "--format", "json"]
    home = os.environ | {"HEADCOUNT_HOME": str(driver.home / "headcount")}
    answer = subprocess.run(command, env=home, capture_output=True, text=True, check=True)
    [status] = json.loads(answer.stdout)
    assert (status["framework"], status["replaces"]) == ("crewai", "CrewAI's own telemetry")
    assert "CrewAI's own telemetry is silent while this one runs" in answer.stderr


def test_installed_after_crewai_it_counts_the_same(driver, collector):
    check_sequential(collector, driver.run("sequential", how="late"), driver)


def test_the_end_of_the_block_is_the_end_of_counting(driver, collector):
    did = driver.run("restored", how="with")
    assert did["door_is_closed"] and not did["is_listening"]
    # It ran twice: inside, and after it was taken out.
    assert len(rows(collector, "crews")) == len(rows(collector, "crew_completions")) == 1


@pytest.mark.short
def test_a_variable_counts_without_a_line_of_code(driver, collector):
    consent = driver.home / "headcount" / "consent"
    consent.parent.mkdir(parents=True)
    consent.write_text("on since today\n")
    driver.variables = {"HEADCOUNT_CREWAI": driver.address}
    check_sequential(collector, driver.run("sequential", how="variable"), driver)


def test_a_variable_that_only_says_yes_keeps_it_on_this_machine(driver, collector):
    consent = driver.home / "headcount" / "consent"
    consent.parent.mkdir(parents=True)
    consent.write_text("on since today\n")
    driver.variables = {"HEADCOUNT_CREWAI": "1"}
    did = driver.run("sequential", how="variable")
    assert not did["sent"] and rows(collector, "crews") == []
    assert driver.spool_holds("Senior Researcher")


def test_code_that_names_a_collector_knows_better_than_the_variable(driver, collector):
    driver.variables = {"HEADCOUNT_CREWAI": "http://127.0.0.1:9"}
    check_sequential(collector, driver.run("sequential"), driver)


def test_an_installation_is_counted_once_a_week(driver, collector):
    driver.run("sequential")
    driver.run("sequential")
    [beat] = rows(collector, "activity")
    assert beat["framework"] == "crewai" and beat["framework_version"]
    assert (beat["age_weeks"], beat["active_days"], beat["idle_weeks"], beat["newer_releases"]) == ("1", "1", None, "0")


def test_a_second_call_changes_nothing(driver, collector):
    did = driver.run("twice")
    assert did["is_the_same"]
    check_sequential(collector, did, driver)


def test_a_forked_child_says_nothing_of_its_parents_crew(driver, collector):
    did = driver.run("forked")
    assert did["puzzled"] == 0
    assert [done["outcome"] for done in rows(collector, "crew_completions")] == ["completed"]


def test_without_the_variable_nothing_is_imported(release):
    look = "import sys; print([name for name in sys.modules if 'headcount' in name], len(sys.meta_path))"
    plain = {name: value for name, value in os.environ.items() if name != "HEADCOUNT_CREWAI"}
    told = []
    for variables in ({}, {"HEADCOUNT_CREWAI": "0"}, {"HEADCOUNT_CREWAI": "perhaps"}, {"HEADCOUNT_CREWAI": "1"}):
        answer = subprocess.run(
            [PYTHONS[release], "-c", look], env=plain | variables, capture_output=True, text=True, check=True
        )
        told.append(answer.stdout.strip().rpartition("] "))
    assert told[0][0] == "["
    # Only the last waits for CrewAI.
    assert [int(count) for _, _, count in told[:3]] == [int(told[0][2])] * 3
    assert int(told[3][2]) == int(told[0][2]) + 1


def test_to_import_it_imports_nothing_of_crewais(release):
    theirs = ("crewai", "pydantic", "opentelemetry")
    look = f"import headcount.crewai, sys; print([name for name in sys.modules if name.startswith({theirs})])"
    answer = subprocess.run([PYTHONS[release], "-c", look], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.short
def test_off_means_off(driver, collector):
    for name in ("CREWAI_DISABLE_TELEMETRY", "CREWAI_DISABLE_TRACKING", "DO_NOT_TRACK"):
        driver.variables = {name: "true"}
        driver.home = driver.home.with_name(f"home-{name}")
        did = driver.run("silenced")
        assert did["decision"].startswith("off") and name in did["decision"]
        assert did["threads"] == []
        assert not (driver.home / "headcount").exists()
    assert rows(collector, "crews") == []


def test_nothing_is_warned_of_because_of_us(driver):
    """CrewAI marks settings as deprecated: reading them would print a warning to the builder."""
    did = driver.run("warned")
    assert did["warnings"] == [] and did["puzzled"] == 0


@pytest.mark.short
def test_odd_events_are_survived(driver, collector):
    done = driver.run("odd_events")
    assert done["sent"] and done["dropped"] == 0
    # Of an odd crew what can be read is there, each of its five odd tasks among it.
    assert len(collector.sql("SELECT * FROM crews WHERE task_count = 5 AND agent_count = 5")) == 1
    # The crew that ran after them is there, whole.
    [crew] = collector.sql("SELECT * FROM crews WHERE task_count = 2")
    completed = f"SELECT * FROM task_runs WHERE crew_id = '{crew['id']}' AND outcome = 'completed'"
    assert len(collector.sql(completed)) == 2
    assert collector.tables_with("CANARY") == set()


@pytest.mark.short
def test_nothing_of_a_crew_is_kept(driver, collector):
    did = driver.run("many", count=40)
    assert is_whole(did), did
    assert len(rows(collector, "crew_completions")) == 40
    assert did["tables"] == 0
    # CrewAI itself holds on to some of them, in old releases to all.
    assert did["alive"] <= driver.run("many", count=40, how="none")["alive"] + 1
