"""Whatever is handed over, nothing is raised into the host, and the rest of the event is recorded.

Each parameter of each call is given each hostile value, while all others are as they should be. Then nothing was raised, the
event is there with all its other attributes, and the value was counted.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import headcount
import pytest
import spool
from hostile_calls import CALLS
from hostile_values import (
    BAD_LISTS,
    INTEGERS,
    NEVER,
    NOT_MEMBER,
    NOT_NUMBER,
    NUMBERS,
    RaisingInteger,
    RaisingList,
    RaisingText,
    cyclic_list,
)

#: Parameters that stand for the very thing that is recorded: a call without it records nothing, and counts that.
SUBJECTS: dict[str, Callable[[headcount.Telemetry, Any], Any]] = {
    "Telemetry.crew(crew)": lambda telemetry, value: telemetry.crew(value).complete(),
    "CrewRun.task(task)": lambda telemetry, value: telemetry.crew(headcount.Crew()).task(value).complete(),
    "CrewRun.share_formatted(task)": lambda telemetry, value: telemetry.crew(
        headcount.Crew(share_crew=True)
    ).share_formatted(value, "text"),
}
#: Tested by `test_start_takes_anything` and `test_flush_takes_anything`.
APART = {"start", "Telemetry.flush"}


def parts(telemetry: headcount.Telemetry, recorded: Callable[[], list[spool.Span]], calls: list[Callable[[], Any]]) -> list[list[spool.Span]]:
    """The spans that each call recorded."""
    for call in calls:
        call()
        telemetry.feature_used("mark:end")
        telemetry.flush(0)
    parts: list[list[spool.Span]] = [[]]
    for span in recorded():
        if span.attributes.get("feature_usage.feature") == "mark:end":
            parts.append([])
        else:
            parts[-1].append(span)
    return parts[:-1]


def first(spans: list[spool.Span], name: str) -> spool.Span:
    return next(span for span in spans if span.name == name)


@pytest.mark.parametrize("name", CALLS)
def test_a_bad_value_is_left_out_and_counted_and_the_rest_is_recorded(
    name: str, telemetry: headcount.Telemetry, recorded: Callable[[], list[spool.Span]]
) -> None:
    call = CALLS[name]
    cases = [(parameter, value, missing) for parameter, (values, missing) in call.tried.items() for value in values]
    refused: list[int] = []

    def counted(arguments: dict[str, Any]) -> None:
        before = telemetry.counters().values_refused
        call.make(telemetry, **arguments)
        refused.append(telemetry.counters().values_refused - before)

    def with_bad(parameter: str, value: str) -> Callable[[], None]:
        return lambda: counted(call.arguments | {parameter: call.tried[parameter][0][value]()})

    calls = [lambda: counted(call.arguments)] + [with_bad(parameter, value) for parameter, value, _ in cases]
    good, *bad = parts(telemetry, recorded, calls)
    assert refused[0] == 0
    expected = first(good, call.span)
    for (parameter, value, missing), spans, count in zip(cases, bad, refused[1:], strict=True):
        about = f"{name}({parameter}={value})"
        assert count > 0, f"{about} is not counted"
        found = first(spans, call.span)
        wanted = {key: value for key, value in expected.attributes.items() if key not in missing}
        assert found.attributes.keys() == wanted.keys(), about
        for key, value_there in wanted.items():
            if key not in call.random and not key.endswith((".id", ".crew_id", "_key", ".key", "duration")):
                assert found.attributes[key] == value_there, f"{about}: {key}"
        assert found.failed == expected.failed, about


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_call_about_nothing_records_nothing_and_is_counted(
    name: str, telemetry: headcount.Telemetry, recorded: Callable[[], list[spool.Span]]
) -> None:
    values = NOT_MEMBER | {"None": lambda: None}
    for value, make in values.items():
        before = telemetry.counters().values_refused
        SUBJECTS[name](telemetry, make())
        assert telemetry.counters().values_refused > before, value
        telemetry.flush(0)
    assert {span.name for span in recorded()} <= {"Crew Created", "Crew Completed", "Environment Detail"}


@pytest.mark.parametrize("parameter", ["framework", "version", "endpoint", "switches", "trust", "told_user", "disabled", "replaces"])
def test_start_takes_anything(parameter: str, home: Any) -> None:
    good: dict[str, Any] = {
        "framework": "hostile", "version": "1.2.3", "endpoint": "http://127.0.0.1:9", "switches": ("A_SWITCH",), "trust": (),
        "told_user": True, "disabled": False, "replaces": "nothing",
    }  # fmt: skip
    values = NEVER | INTEGERS | NUMBERS | BAD_LISTS
    for value, make in values.items():
        telemetry = headcount.start(**(good | {parameter: make(), "home": home / "own"}))
        # A switch or a word of the framework's own that cannot be understood may have been meant to turn it off.
        is_off = parameter in ("framework", "switches", "disabled")
        expected = "off" if is_off else "local" if parameter == "told_user" else "on"
        assert telemetry.mode == expected, value
        if not is_off:
            assert telemetry.counters().values_refused > 0, value
        telemetry.tool_used("search")


class Ending:
    """A path that ends the host, which is not ours to prevent."""

    def __fspath__(self) -> str:
        raise KeyboardInterrupt


class Broken:
    def __fspath__(self) -> str:
        raise ValueError


def test_a_home_that_is_no_path_is_passed_over(home: Any) -> None:
    values = NEVER | INTEGERS | NUMBERS | BAD_LISTS | {"a path that raises": Broken}
    del values["an object that raises"], values["a class that raises"]
    for value, make in values.items():
        telemetry = headcount.start("hostile", "1", home=make(), told_user=True)
        assert telemetry.mode == "on", value
        assert telemetry.counters().values_refused == 1, value
    assert (home / "state" / "hostile").exists()
    with pytest.raises(KeyboardInterrupt):
        headcount.start("hostile", "1", home=Ending())


def test_flush_takes_anything(home: Any) -> None:
    telemetry = headcount.start("hostile", "1")
    values = NOT_NUMBER
    for value, make in values.items():
        before = telemetry.counters().values_refused
        assert isinstance(telemetry.flush(make()), bool), value
        assert telemetry.counters().values_refused > before or value in ("-1", "-inf", "inf"), value


def test_arguments_that_a_call_does_not_have_are_counted(
    telemetry: headcount.Telemetry, recorded: Callable[[], list[spool.Span]]
) -> None:
    before = telemetry.counters().values_refused
    telemetry.tool_used("search", 1, "gpt-4o", "extra", "extra", unknown=1)  # type: ignore[call-arg]
    assert telemetry.counters().values_refused == before + 3
    agent = headcount.Agent("Role", "extra", unknown=1)  # type: ignore[call-arg,arg-type]
    with telemetry.crew(headcount.Crew([agent]), unknown=1) as run:  # type: ignore[call-arg]
        run.complete("output", 1)  # type: ignore[call-arg]
    assert telemetry.counters().values_refused == before + 7
    (use,) = (span for span in recorded() if span.name == "Tool Usage")
    assert use.attributes["tool_usage.tool_name"] == "search"


def test_missing_arguments_are_counted(telemetry: headcount.Telemetry, recorded: Callable[[], list[spool.Span]]) -> None:
    """Not one call raises for want of an argument."""
    run = telemetry.crew(headcount.Crew([headcount.Agent()], [headcount.Task()]))  # type: ignore[call-arg]
    before = telemetry.counters().values_refused
    assert before == 2
    for subject in (run, telemetry, telemetry.deployment("cli"), telemetry.flow("Flow")):
        for name, method in inspect.getmembers(subject, callable):
            if not name.startswith("_") and name not in ("flush", "off", "complete", "fail", "pause"):
                method()
    assert telemetry.counters().values_refused > before
    run.complete()
    names = {span.name for span in recorded()}
    assert {"Tool Usage", "Test", "Flow", "Feature Usage", "Human Feedback", "Project", "Deployment"} <= names


def test_every_parameter_of_every_call_is_tried() -> None:
    """All parameters are in the package's signatures."""
    tried = {f"{name.split(',')[0]}({parameter})" for name, call in CALLS.items() for parameter in call.tried}
    tried |= set(SUBJECTS)
    for name in headcount.__all__:
        subject = getattr(headcount, name)
        if name in APART or name == "__version__":
            continue
        members = inspect.getmembers(subject, callable)
        callables = {f"{name}.{member}": value for member, value in members if not member.startswith("_")}
        if name in ("Agent", "Crew", "Llm", "Task", "Tool"):
            callables[name] = subject
        for qualified, value in callables.items():
            if qualified in APART:
                continue
            for parameter in inspect.signature(value).parameters:
                if parameter != "self":
                    assert f"{qualified}({parameter})" in tried, f"{qualified}({parameter}) is not tried"


def test_a_text_that_raises_is_a_text_all_the_same(
    telemetry: headcount.Telemetry, recorded: Callable[[], list[spool.Span]]
) -> None:
    """Characters and digits are read as they are stored; no method of the host's is called."""
    telemetry.tool_used(RaisingText("search"), RaisingInteger(3), RaisingText("gpt-4o"))
    agent = headcount.Agent(RaisingText("Role"), tools=RaisingList(["search"]))
    telemetry.crew(headcount.Crew(RaisingList([agent]))).complete()
    assert telemetry.counters().values_refused == 0
    use, _, described, _ = recorded()
    assert use.attributes == {
        "tool_usage.tool_name": "search", "tool_usage.attempts": 3, "tool_usage.outcome": "used", "llm.llm_model": "gpt-4o",
    }  # fmt: skip
    assert described.attributes["agent.role"] == "Role"
    assert described.attributes["agent.tool_names"] == ["search"]


def test_of_a_list_the_good_items_are_taken(telemetry: headcount.Telemetry, recorded: Callable[[], list[spool.Span]]) -> None:
    tools: Any = ["one", 2, headcount.Tool("three"), headcount.Tool(4), None, "\ud800", cyclic_list()]  # type: ignore[arg-type]
    telemetry.crew(headcount.Crew([headcount.Agent("Role", tools=tools)])).complete()
    assert first(recorded(), "Agent").attributes["agent.tool_names"] == ["one", "three"]
    assert telemetry.counters().values_refused == 5


def test_long_lists_are_read_as_far_as_their_limit(telemetry: headcount.Telemetry, recorded: Callable[[], list[spool.Span]]) -> None:
    agent = headcount.Agent("Role", tools=["tool"] * 1_000_000)
    telemetry.crew(headcount.Crew([agent])).complete()
    assert len(first(recorded(), "Agent").attributes["agent.tool_names"]) == 64  # type: ignore[arg-type]
    assert telemetry.counters().values_refused > 0


def test_what_is_off_takes_anything_too() -> None:
    telemetry = headcount.Telemetry.off()
    for call in CALLS.values():
        for parameter, (values, _) in call.tried.items():
            for make in values.values():
                call.make(telemetry, **(call.arguments | {parameter: make()}))
    assert telemetry.counters() == headcount.Telemetry.off().counters()
