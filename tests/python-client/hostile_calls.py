"""Each call of the package, with values as they should be, and what each of its parameters is tried with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import headcount
from hostile_values import (
    BOOLEANS,
    LISTS,
    NEVER,
    NOT_BOOLEAN,
    NOT_ERROR,
    NOT_INTEGER,
    NOT_MEMBER,
    NOT_MOMENT,
    NOT_NUMBER,
    NOT_TEXT,
    NOT_TEXTS,
    NOT_TOKEN,
    NOT_WORD,
    NUMBERS,
    TEXTS,
)


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
    "TaskRun.share_input": Call(
        on_task("share_input"), {"input": "Sleep"}, {"input": (NOT_TEXT, set())}, "Task Execution"
    ),
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
