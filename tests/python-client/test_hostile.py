"""Whatever is handed over, nothing is raised into the host, and the rest of the event is recorded.

Each parameter of each call is given each hostile value, while all others are as they should be. Then nothing was raised, the
event is there with all its other attributes, and the value was counted.
"""

from __future__ import annotations

import inspect
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import headcount
import pytest
import spool


class Raising:
    """Raises whatever it is asked; even what is no Exception, for a call that asked would then end the host."""

    def _raise(self, *_: object) -> Any:
        raise KeyboardInterrupt("the host's code was run")

    __str__ = __repr__ = __iter__ = __len__ = __bool__ = __float__ = __int__ = __index__ = _raise  # type: ignore[assignment]
    __eq__ = __hash__ = __getitem__ = __contains__ = __format__ = __bytes__ = __await__ = _raise  # type: ignore[assignment]
    __getattr__ = _raise


class RaisingText(str):
    """A text whose every method raises. Its characters are there all the same."""

    def _raise(self, *_: object, **__: object) -> Any:
        raise KeyboardInterrupt("the host's code was run")

    __str__ = __repr__ = __iter__ = __len__ = __eq__ = __hash__ = encode = __getitem__ = _raise  # type: ignore[assignment]


class RaisingList(list):  # type: ignore[type-arg]
    def _raise(self, *_: object) -> Any:
        raise KeyboardInterrupt("the host's code was run")

    __iter__ = __len__ = __getitem__ = __bool__ = _raise  # type: ignore[assignment]


class RaisingInteger(int):
    def _raise(self, *_: object) -> Any:
        raise KeyboardInterrupt("the host's code was run")

    __index__ = __int__ = __float__ = __bool__ = __eq__ = __hash__ = _raise  # type: ignore[assignment]


class RaisingMeta(type):
    def __getattribute__(cls, name: str) -> Any:
        raise KeyboardInterrupt("the host's code was run")

    def __instancecheck__(cls, instance: object) -> bool:
        raise KeyboardInterrupt("the host's code was run")


class LyingAboutItsClass:
    """Says that it is whatever is hoped for."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise KeyboardInterrupt("the host's code was run")


def stops_midway() -> Iterator[str]:
    yield "one"
    raise RuntimeError("midway")


def cyclic_list() -> list[Any]:
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    return cyclic


def cyclic_dict() -> dict[str, Any]:
    cyclic: dict[str, Any] = {}
    cyclic["self"] = cyclic
    return cyclic


def nested_list() -> list[Any]:
    nested: list[Any] = []
    for _ in range(10_000):
        nested = [nested]
    return nested


#: Of no use to any parameter.
NEVER: dict[str, Callable[[], Any]] = {
    "an object that raises": Raising,
    "an object that lies": LyingAboutItsClass,
    "a class that raises": lambda: RaisingMeta("Class", (), {}),
    "a lone surrogate": lambda: "\ud800",
    "a text of 10 MB": lambda: "x" * 10_000_000,
    "a text of 10 MB beyond ASCII": lambda: "ü" * 10_000_000,
    "bytes": lambda: b"bytes",
    "bytearray": lambda: bytearray(b"bytes"),
    "a complex number": lambda: 1j,
    "an integer of 100 digits": lambda: 10**100,
    "a negative integer of 100 digits": lambda: -(10**100),
    "a set": lambda: {"one"},
    "a dict": lambda: {"one": 1},
    "a cyclic dict": cyclic_dict,
    "a generator that raises": stops_midway,
    "an endless iterator": lambda: itertools.repeat("x"),
    "a module": lambda: itertools,
    "a function": lambda: stops_midway,
    "Ellipsis": lambda: ...,
}
#: Of use to some parameter: each is handed to those that it is wrong for.
TEXTS = {"a text": lambda: "text"}
INTEGERS = {"an integer": lambda: 7, "an integer that raises": lambda: RaisingInteger(7)}
NUMBERS = {"nan": lambda: float("nan"), "inf": lambda: float("inf"), "-inf": lambda: float("-inf"), "a number": lambda: 0.5}
BOOLEANS = {"True": lambda: True, "False": lambda: False}
LISTS = {"a list": lambda: ["text"], "a tuple": lambda: ("text",)}
BAD_LISTS = {"a cyclic list": cyclic_list, "a nested list": nested_list, "a list of None": lambda: [None]}

NOT_TEXT = NEVER | INTEGERS | NUMBERS | BOOLEANS | LISTS | BAD_LISTS
NOT_WORD = NOT_TEXT | TEXTS | {"an empty text": lambda: "", "a text that raises": lambda: RaisingText("text")}
NOT_TOKEN = NOT_TEXT | {"a text with spaces": lambda: "two words", "an empty text": lambda: ""}
# Of a class the name is taken, without asking anybody.
NOT_ERROR = {name: make for name, make in NOT_TOKEN.items() if name != "a class that raises"}
NOT_BOOLEAN = NEVER | TEXTS | INTEGERS | NUMBERS | LISTS | BAD_LISTS
NOT_INTEGER = NEVER | TEXTS | NUMBERS | BOOLEANS | LISTS | BAD_LISTS | {"-1": lambda: -1, "2**63": lambda: 2**63}
NOT_NUMBER = (
    NEVER | TEXTS | BOOLEANS | LISTS | BAD_LISTS | {k: v for k, v in NUMBERS.items() if k != "a number"} | {"-1": lambda: -1.0}
)
NOT_MOMENT = NEVER | TEXTS | BOOLEANS | LISTS | BAD_LISTS | {"nan": lambda: float("nan"), "-1": lambda: -1, "1e300": lambda: 1e300}
NOT_TEXTS = NEVER | INTEGERS | NUMBERS | BOOLEANS | BAD_LISTS | TEXTS | {"a list of ints": lambda: [1]}
NOT_MEMBER = NOT_TEXT | TEXTS


@dataclass
class Call:
    """A call with values as they should be; which of its parameters are tried, with what, and what they set."""

    make: Callable[..., Any]
    arguments: dict[str, Any]
    #: Of each parameter: what it is tried with, and the attributes that are missing then.
    tried: dict[str, tuple[dict[str, Callable[[], Any]], set[str]]]
    #: The span that it records.
    span: str
    #: Names of attributes that differ from call to call.
    random: set[str] = field(default_factory=set)


def agent(telemetry: headcount.Telemetry, **arguments: Any) -> None:
    telemetry.crew(headcount.Crew([headcount.Agent(**arguments)], share_crew=True)).complete()


def llm(telemetry: headcount.Telemetry, **arguments: Any) -> None:
    telemetry.crew(headcount.Crew([headcount.Agent("Role", llm=headcount.Llm(**arguments))])).complete()


def task(telemetry: headcount.Telemetry, **arguments: Any) -> None:
    telemetry.crew(headcount.Crew([], [headcount.Task(**arguments)], share_crew=True)).complete()


def crew(telemetry: headcount.Telemetry, **arguments: Any) -> None:
    telemetry.crew(headcount.Crew(**arguments), started=EARLIER).complete()


def crew_since(telemetry: headcount.Telemetry, **arguments: Any) -> None:
    telemetry.crew(headcount.Crew([], []), **arguments).complete()


def on_run(method: str, **finish: Any) -> Callable[..., None]:
    """A method of a run of a sharing crew, which ends after it."""

    def call(telemetry: headcount.Telemetry, **arguments: Any) -> None:
        run = telemetry.crew(headcount.Crew([], [TASK], share_crew=True))
        getattr(run, method)(**arguments)
        run.complete(**finish)

    return call


def on_task(method: str) -> Callable[..., None]:
    def call(telemetry: headcount.Telemetry, **arguments: Any) -> None:
        run = telemetry.crew(headcount.Crew([], [TASK], share_crew=True))
        doing = run.task(TASK)
        getattr(doing, method)(**arguments)
        run.complete()

    return call


def task_since(telemetry: headcount.Telemetry, **arguments: Any) -> None:
    run = telemetry.crew(headcount.Crew([], [TASK]))
    run.task(TASK, **arguments).complete()
    run.complete()


def set_output(of_task: bool) -> Callable[..., None]:
    def call(telemetry: headcount.Telemetry, output: Any) -> None:
        with telemetry.crew(headcount.Crew([], [TASK], share_crew=True)) as run:
            if of_task:
                with run.task(TASK) as doing:
                    doing.output = output
            else:
                run.output = output

    return call


def on_telemetry(method: str) -> Callable[..., Any]:
    return lambda telemetry, **arguments: getattr(telemetry, method)(**arguments)


def flow(method: str) -> Callable[..., Any]:
    def call(telemetry: headcount.Telemetry, **arguments: Any) -> None:
        getattr(telemetry, method)(**arguments).complete()

    return call


def flow_failed(telemetry: headcount.Telemetry, **arguments: Any) -> None:
    run = telemetry.flow("Flow")
    run.method_failed(**arguments)
    run.pause()


def on_deployment(method: str) -> Callable[..., Any]:
    return lambda telemetry, **arguments: getattr(telemetry.deployment("cli"), method)(**arguments)


def deployment(telemetry: headcount.Telemetry, **arguments: Any) -> None:
    telemetry.deployment(**arguments).step("start")


#: A minute ago.
EARLIER = time.time() - 60
TASK = headcount.Task("Find papers")
AGENT = headcount.Agent("Role")
TOOL_USE = Call(
    on_telemetry("tool_used"),
    {"tool": "search", "attempts": 2, "llm": "gpt-4o"},
    {
        "tool": (NOT_TEXT, {"tool_usage.tool_name"}),
        "attempts": (NOT_INTEGER, {"tool_usage.attempts"}),
        "llm": (NOT_TEXT, {"llm.llm_model"}),
    },
    "Tool Usage",
)
FLOW = Call(
    flow("flow"),
    {"name": "Flow", "origin": "internal", "started": EARLIER},
    {
        "name": (NOT_TEXT, {"flow_lifecycle.flow_name"}),
        "origin": (NOT_WORD, {"flow_lifecycle.origin"}),
        "started": (NOT_MOMENT, set()),
    },
    "Flow",
    {"flow_lifecycle.duration"},
)
NAMED_FLOW = {"name": (NOT_TEXT, {"flow_lifecycle.flow_name"}), "origin": (NOT_WORD, {"flow_lifecycle.origin"})}

CALLS: dict[str, Call] = {
    "Agent": Call(
        agent,
        {
            "role": "Role",
            "verbose": True,
            "delegation_enabled": False,
            "code_execution_allowed": True,
            "max_iterations": 1,
            "max_rpm": 2,
            "max_retry_limit": 3,
            "llm": "gpt-4o",
            "function_calling_llm": "gpt-4o-mini",
            "tools": ["search"],
            "goal": "Goal",
            "backstory": "Backstory",
            "i18n_prompt_file": "de.json",
        },
        {
            "role": (NOT_TEXT, {"agent.role"}),
            "verbose": (NOT_BOOLEAN, {"agent.verbose"}),
            "delegation_enabled": (NOT_BOOLEAN, {"agent.delegation_enabled"}),
            "code_execution_allowed": (NOT_BOOLEAN, {"agent.code_execution_allowed"}),
            "max_iterations": (NOT_INTEGER, {"agent.max_iterations"}),
            "max_rpm": (NOT_INTEGER, {"agent.max_rpm"}),
            "max_retry_limit": (NOT_INTEGER, {"agent.max_retry_limit"}),
            "llm": (NOT_TEXT, {"llm.llm_model"}),
            "function_calling_llm": (NOT_TEXT, {"agent.function_calling_llm"}),
            "tools": (NOT_TEXTS, set()),
            "goal": (NOT_TEXT, set()),
            "backstory": (NOT_TEXT, set()),
            "i18n_prompt_file": (NOT_TEXT, set()),
        },
        "Agent",
        {"agent.tool_names"},
    ),
    "Agent, its content": Call(
        agent,
        {"role": "Role", "goal": "Goal", "backstory": "Backstory", "i18n_prompt_file": "de.json"},
        {
            "role": (NOT_TEXT, {"agent_expanded.role"}),
            "goal": (NOT_TEXT, {"agent_expanded.goal"}),
            "backstory": (NOT_TEXT, {"agent_expanded.backstory"}),
            "i18n_prompt_file": (NOT_TEXT, {"agent_expanded.i18n_prompt_file"}),
        },
        "Agent Detail",
    ),
    "Llm": Call(
        llm,
        {"model": "gpt-4o", "name": "n", "model_name": "mn", "top_k": 40, "temperature": 0.5, "class_name": "ChatOpenAI"},
        {
            "model": (NOT_TEXT, {"llm.llm_model"}),
            "name": (NOT_TEXT, {"llm.llm_name"}),
            "model_name": (NOT_TEXT, {"llm.llm_model_name"}),
            "top_k": (NOT_NUMBER, {"llm.llm_top_k"}),
            "temperature": (NOT_NUMBER, {"llm.llm_temperature"}),
            "class_name": (NOT_TOKEN, {"llm.llm_class_name"}),
        },
        "Agent",
    ),
    "Task": Call(
        task,
        {"description": "Find", "agent": AGENT, "async_execution": False, "human_input": True, "tools": ["search"]},
        {
            "description": (NOT_TEXT, set()),
            "agent": (NOT_MEMBER, {"task.agent_role", "task.agent_key"}),
            "async_execution": (NOT_BOOLEAN, {"task.async_execution"}),
            "human_input": (NOT_BOOLEAN, {"task.human_input"}),
            "tools": (NOT_TEXTS, set()),
        },
        "Task",
        {"task.tool_names"},
    ),
    "Task, its content": Call(
        task,
        {"description": "Find", "expected_output": "Papers", "context": [TASK]},
        {
            "description": (NOT_TEXT, {"task_detail.description"}),
            "expected_output": (NOT_TEXT, {"task_detail.expected_output"}),
            "context": (NOT_TEXTS | LISTS, {"task_detail.context"}),
        },
        "Task Detail",
    ),
    "Crew": Call(
        crew,
        {
            "agents": [AGENT],
            "tasks": [TASK],
            "name": "Crew",
            "process": "sequential",
            "memory": False,
            "project": "project",
            "inputs": "{}",
            "inputs_present": True,
            "share_crew": False,
        },
        {
            "agents": (NOT_TEXTS | LISTS, set()),
            "tasks": (NOT_TEXTS | LISTS, set()),
            "name": (NOT_TEXT, set()),
            "process": (NOT_WORD, {"crew.process"}),
            "memory": (NOT_BOOLEAN, {"crew.memory"}),
            "project": (NOT_TEXT, {"crew.project_id"}),
            "inputs": (NOT_TEXT, set()),
            "share_crew": (NOT_BOOLEAN, set()),
        },
        "Crew Created",
        {"crew.agent_count", "crew.task_count"},
    ),
    "Crew, without inputs at hand": Call(
        crew, {"inputs_present": False}, {"inputs_present": (NOT_BOOLEAN, {"crew.inputs_present"})}, "Crew Created"
    ),
    "Telemetry.crew": Call(
        crew_since, {"started": EARLIER}, {"started": (NOT_MOMENT, set())}, "Crew Completed"
    ),
    "CrewRun.task": Call(
        task_since, {"started": EARLIER}, {"started": (NOT_MOMENT, set())}, "Task Execution"
    ),
    "CrewRun.complete": Call(
        lambda telemetry, **arguments: telemetry.crew(headcount.Crew(share_crew=True)).complete(**arguments),
        {"output": "Papers"},
        {"output": (NOT_TEXT, set())},
        "Crew Completed",
    ),
    "TaskRun.complete": Call(
        on_task("complete"), {"output": "Papers"}, {"output": (NOT_TEXT, set())}, "Task Execution"
    ),
    "CrewRun.output=": Call(set_output(False), {"output": "Papers"}, {"output": (NOT_TEXT, set())}, "Crew Completed"),
    "TaskRun.output=": Call(set_output(True), {"output": "Papers"}, {"output": (NOT_TEXT, set())}, "Task Execution"),
    "TaskRun.fail": Call(
        on_task("fail"),
        {"error": "ValueError"},
        {"error": (NOT_ERROR, {"task_lifecycle.error_type"})},
        "Task Execution",
    ),
    "CrewRun.test_started": Call(
        on_run("test_started"),
        {"iterations": 3, "model": "gpt-4o", "inputs": "{}"},
        {
            "iterations": (NOT_INTEGER, {"test.iterations"}),
            "model": (NOT_TEXT, {"test.model_name"}),
            "inputs": (NOT_TEXT, set()),
        },
        "Test",
    ),
    "CrewRun.test_scored": Call(
        on_run("test_scored"),
        {"quality": 8.5, "seconds": 1, "model": "gpt-4o"},
        {
            "quality": (NOT_NUMBER, {"test.quality"}),
            "seconds": (NOT_NUMBER, {"test.execution_time"}),
            "model": (NOT_TEXT, {"test.model_name"}),
        },
        "Test",
    ),
    "CrewRun.share_formatted": Call(
        lambda telemetry, **arguments: telemetry.crew(headcount.Crew(share_crew=True)).share_formatted(TASK, **arguments),
        {"description": "Find", "expected_output": "Papers"},
        {
            "description": (NOT_TEXT, {"task_detail.formatted_description"}),
            "expected_output": (NOT_TEXT, {"task_detail.formatted_expected_output"}),
        },
        "Task Detail",
    ),
    "CrewRun.share_execution": Call(
        lambda telemetry, **arguments: telemetry.crew(headcount.Crew(share_crew=True)).share_execution(**arguments),
        {"tasks_output": "[]", "log": "log"},
        {
            "tasks_output": (NOT_TEXT, {"crew_execution.tasks_output"}),
            "log": (NOT_TEXT, {"crew_execution.log"}),
        },
        "Crew Execution Detail",
    ),
    "Telemetry.tool_used": TOOL_USE,
    "Telemetry.tool_repeated": Call(on_telemetry("tool_repeated"), TOOL_USE.arguments, TOOL_USE.tried, "Tool Usage"),
    "Telemetry.tool_failed": Call(on_telemetry("tool_failed"), TOOL_USE.arguments, TOOL_USE.tried, "Tool Usage"),
    "Tool": Call(
        lambda telemetry, name: telemetry.tool_used(headcount.Tool(name)),
        {"name": "search"},
        {"name": (NOT_TEXT, {"tool_usage.tool_name"})},
        "Tool Usage",
    ),
    "Telemetry.flow": FLOW,
    "Telemetry.flow_resumed": Call(
        flow("flow_resumed"),
        {"name": "Flow", "origin": "internal", "is_conversational": True},
        NAMED_FLOW | {"is_conversational": (NOT_BOOLEAN, {"flow_lifecycle.conversational"})},
        "Flow",
        {"flow_lifecycle.duration"},
    ),
    "Telemetry.flow_created": Call(on_telemetry("flow_created"), {"name": "Flow", "origin": "internal"}, NAMED_FLOW, "Flow"),
    "Telemetry.flow_plotted": Call(on_telemetry("flow_plotted"), {"name": "Flow", "origin": "internal"}, NAMED_FLOW, "Flow"),
    "FlowRun.method_failed": Call(
        flow_failed,
        {"error": "ValueError"},
        {"error": (NOT_ERROR, {"flow_lifecycle.error_type"})},
        "Flow",
        {"flow_lifecycle.duration"},
    ),
    "Telemetry.deployment": Call(deployment, {"source": "cli"}, {"source": (NOT_WORD, {"deployment.source"})}, "Deployment"),
    "Deployment.step": Call(
        on_deployment("step"), {"step": "start"}, {"step": (NOT_WORD, {"deployment.step"})}, "Deployment"
    ),
    "Deployment.failed": Call(
        on_deployment("failed"),
        {"reason": "api_4xx", "status": 422},
        {
            "reason": (NOT_WORD, {"deployment.reason"}),
            "status": (NOT_INTEGER | {"600": lambda: 600}, {"deployment.status_code"}),
        },
        "Deployment",
    ),
    "Deployment.logs_pulled": Call(
        on_deployment("logs_pulled"), {"log_type": "crew"}, {"log_type": (NOT_TOKEN, {"deployment.log_type"})}, "Deployment"
    ),
    "Telemetry.feedback_requested": Call(
        on_telemetry("feedback_requested"),
        {"has_routing": True, "outcomes": 2},
        {
            "has_routing": (NOT_BOOLEAN, {"human_feedback.has_routing"}),
            "outcomes": (NOT_INTEGER, {"human_feedback.num_outcomes"}),
        },
        "Human Feedback",
    ),
    "Telemetry.feedback_received": Call(
        on_telemetry("feedback_received"),
        {"was_given": True, "outcome": "approved"},
        {
            "was_given": (NOT_BOOLEAN, {"human_feedback.feedback_provided"}),
            "outcome": (NOT_TEXT, {"human_feedback.outcome"}),
        },
        "Human Feedback",
    ),
    "Telemetry.feature_used": Call(
        on_telemetry("feature_used"), {"feature": "memory:save"}, {"feature": (NOT_TOKEN, {"feature_usage.feature"})}, "Feature Usage"
    ),
    "Telemetry.evaluation_used": Call(
        on_telemetry("evaluation_used"),
        {"feature": "eval", "authenticated": False, "models": ["gpt-4o"]},
        {
            "feature": (NOT_TOKEN, {"feature_usage.feature"}),
            "authenticated": (NOT_BOOLEAN, {"feature_usage.authenticated"}),
            "models": (NEVER | TEXTS | BOOLEANS | NUMBERS, {"feature_usage.models", "feature_usage.models_count"}),
        },
        "Feature Usage",
    ),
    "Telemetry.project_created": Call(
        on_telemetry("project_created"),
        {"kind": "crew", "project": "project"},
        {"kind": (NOT_WORD, {"project.kind"}), "project": (NOT_TEXT, {"project.project_id"})},
        "Project",
    ),
    "Telemetry.template_installed": Call(
        on_telemetry("template_installed"), {"template": "research"}, {"template": (NOT_TEXT, {"template.template_name"})}, "Project"
    ),
}

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
    """What each of several calls recorded."""
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
        before = telemetry.books().values_refused
        call.make(telemetry, **arguments)
        refused.append(telemetry.books().values_refused - before)

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
        before = telemetry.books().values_refused
        SUBJECTS[name](telemetry, make())
        assert telemetry.books().values_refused > before, value
        telemetry.flush(0)
    assert {span.name for span in recorded()} <= {"Crew Created", "Crew Completed", "Environment Detail"}


@pytest.mark.parametrize("parameter", ["framework", "version", "endpoint", "switches", "trust", "told_user", "disabled", "replaces"])
def test_start_takes_anything(parameter: str, home: Any) -> None:
    good = {
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
            assert telemetry.books().values_refused > 0, value
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
        assert telemetry.books().values_refused == 1, value
    assert (home / "state" / "hostile").exists()
    with pytest.raises(KeyboardInterrupt):
        headcount.start("hostile", "1", home=Ending())


def test_flush_takes_anything(home: Any) -> None:
    telemetry = headcount.start("hostile", "1")
    values = NOT_NUMBER
    for value, make in values.items():
        before = telemetry.books().values_refused
        assert isinstance(telemetry.flush(make()), bool), value
        assert telemetry.books().values_refused > before or value in ("-1", "-inf", "inf"), value


def test_arguments_that_a_call_does_not_have_are_counted(
    telemetry: headcount.Telemetry, recorded: Callable[[], list[spool.Span]]
) -> None:
    before = telemetry.books().values_refused
    telemetry.tool_used("search", 1, "gpt-4o", "extra", "extra", unknown=1)  # type: ignore[call-arg]
    assert telemetry.books().values_refused == before + 3
    agent = headcount.Agent("Role", "extra", unknown=1)  # type: ignore[call-arg,misc]
    with telemetry.crew(headcount.Crew([agent]), unknown=1) as run:  # type: ignore[call-arg]
        run.complete("output", 1)  # type: ignore[call-arg]
    assert telemetry.books().values_refused == before + 7
    (use,) = (span for span in recorded() if span.name == "Tool Usage")
    assert use.attributes["tool_usage.tool_name"] == "search"


def test_missing_arguments_are_counted(telemetry: headcount.Telemetry, recorded: Callable[[], list[spool.Span]]) -> None:
    """Not one call raises for want of an argument."""
    run = telemetry.crew(headcount.Crew([headcount.Agent()], [headcount.Task()]))  # type: ignore[call-arg]
    before = telemetry.books().values_refused
    assert before == 2
    for subject in (run, telemetry, telemetry.deployment("cli"), telemetry.flow("Flow")):
        for name, method in inspect.getmembers(subject, callable):
            if not name.startswith("_") and name not in ("flush", "off", "complete", "fail", "pause"):
                method()
    assert telemetry.books().values_refused > before
    run.complete()
    names = {span.name for span in recorded()}
    assert {"Tool Usage", "Test", "Flow", "Feature Usage", "Human Feedback", "Project", "Deployment"} <= names


def test_every_parameter_of_every_call_is_tried() -> None:
    """The package's own signatures say what there is."""
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
    assert telemetry.books().values_refused == 0
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
    assert telemetry.books().values_refused == 5


def test_long_lists_are_read_as_far_as_their_limit(telemetry: headcount.Telemetry, recorded: Callable[[], list[spool.Span]]) -> None:
    agent = headcount.Agent("Role", tools=["tool"] * 1_000_000)
    telemetry.crew(headcount.Crew([agent])).complete()
    assert len(first(recorded(), "Agent").attributes["agent.tool_names"]) == 64  # type: ignore[arg-type]
    assert telemetry.books().values_refused > 0


def test_what_is_off_takes_anything_too() -> None:
    telemetry = headcount.Telemetry.off()
    for call in CALLS.values():
        for parameter, (values, _) in call.tried.items():
            for make in values.values():
                call.make(telemetry, **(call.arguments | {parameter: make()}))
    assert telemetry.books() == headcount.Telemetry.off().books()
