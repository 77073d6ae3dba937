"""Tool calls of every path, and flows."""

from collections import Counter

import pytest
from test_crews import is_whole, rows


def calls(collector):
    return Counter((use["tool_name"], use["outcome"], use["attempts"]) for use in rows(collector, "tool_uses"))


def test_calls_by_text_are_used_repeated_and_failed(driver, collector):
    did = driver.run("text_calls")
    assert is_whole(did), did
    expected = {("word_counter", "used", 1): 1, ("word_counter", "repeated", 1): 1}
    # Each attempt fails, until CrewAI gives up.
    expected |= {("flaky_tool", "error", attempt): 1 for attempt in (1, 2, 3)}
    assert calls(collector) == expected
    # A call that CrewAI refuses to make again is told by its own client, which does not know the agent's model.
    models = {(use["outcome"], use["llm_model"]) for use in rows(collector, "tool_uses")}
    assert models == {("used", "text-model"), ("error", "text-model"), ("repeated", None)}
    [agent] = rows(collector, "agents")
    settings = (agent["llm_model"], agent["llm_temperature"], agent["llm_top_k"], agent["llm_class_name"])
    assert settings == ("text-model", 0.25, 40.0, "TextOnly")
    assert collector.tables_with("CANARY") == set()


@pytest.mark.short
def test_native_calls_are_used_repeated_and_failed(driver, collector):
    did = driver.run("native_calls")
    assert did["puzzled"] == 0 and did["sent"], did
    if not driver.is_native:
        # There the model is not offered tools, and its answer is none that the text path understands.
        return
    expected = {("word_counter", "used", 1): 1, ("word_counter", "repeated", 1): 1, ("flaky_tool", "error", 1): 1}
    # The model made the last name up: it is counted and not kept.
    assert calls(collector) == expected | {(None, "error", 1): 1}
    assert {use["llm_model"] for use in rows(collector, "tool_uses")} == {"gpt-4o-mini"}
    assert collector.files_with("CANARY") == [] and collector.tables_with("CANARY") == set()


def test_a_call_that_a_plans_step_tells_again_counts_once(driver, collector):
    did = driver.run("stepped")
    assert is_whole(did), did
    assert calls(collector) == {("word_counter", "used", 1): 2}


@pytest.mark.short
def test_flows_from_start_to_end(driver, collector):
    did = driver.run("flows")
    assert is_whole(did), did
    events = [event for event in rows(collector, "flow_events") if event["origin"] == "user"]
    told = Counter((event["flow_name"], event["event"], event["outcome"]) for event in events)
    expected = {(flow, event, None): 1 for flow in ("GoodFlow", "BadFlow") for event in ("created", "started")}
    expected |= {("GoodFlow", "completed", "completed"): 1, ("BadFlow", "completed", "failed"): 1}
    assert told == expected | {("BadFlow", "method_failed", None): 1}
    [failed] = [event for event in events if event["event"] == "method_failed"]
    assert failed["error_type"] == "LookupError"
    assert all(event["duration"] > 0 for event in events if event["event"] == "completed")
    # The crew inside is counted as any other.
    assert [done["outcome"] for done in rows(collector, "crew_completions")] == ["completed"]
    assert collector.tables_with("anary") == set()


def test_feedback_is_asked_for_and_given_and_a_flow_may_wait_for_it(driver, collector):
    did = driver.run("reviewed")
    assert is_whole(did), did
    if not did["has_feedback"]:
        assert not driver.is_native
        return
    told = [event for event in rows(collector, "flow_events") if event["origin"] == "user"]
    events = {(event["flow_name"], event["event"]) for event in told if event["event"] not in ("created", "started")}
    assert events == {("ReviewedFlow", "completed"), ("WaitingFlow", "paused")}
    columns = ("event_type", "has_routing", "feedback_provided")
    feedback = [tuple(each[column] for column in columns) for each in rows(collector, "human_feedback")]
    assert ("requested", False, None) in feedback and ("received", None, True) in feedback
    assert collector.tables_with("CANARY") == set()


def test_frameworks_own_flows_are_told_apart(driver, collector):
    driver.run("sequential")
    names = {event["flow_name"] for event in rows(collector, "flow_events") if event["origin"] == "user"}
    assert names == set()
