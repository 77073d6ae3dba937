"""Describes CrewAI's crews, agents, tasks and models for Headcount.

Values are handed on as they are; Headcount refuses, and counts, what is not of the catalog's kind.
"""

from __future__ import annotations

import json

import headcount

from ._attributes import Attributes, items, read, several, word
from ._names import tool_word
from ._templates import agent_texts, task_texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The role of a manager that CrewAI creates itself, as in its own prompts.
_MANAGER = "Crew Manager"

_AGENT = Attributes(
    "verbose",
    "allow_delegation",
    "allow_code_execution",
    "max_iter",
    "max_rpm",
    "max_retry_limit",
    "llm",
    "function_calling_llm",
    "tools",
)
_TASK = Attributes("agent", "async_execution", "human_input", "tools", "context")
_CREW = Attributes("share_crew", "agents", "tasks", "process", "memory", "function_calling_llm")
_LLM = Attributes("model", "temperature")
_LLM_OF_A_LIBRARY = Attributes("name", "model_name", "top_k")


def model_of(llm: Any) -> Any:
    """The name of a model, given as a name or an object."""
    if llm is None or isinstance(llm, str):
        return llm
    for name in ("model", "model_name", "deployment_name"):
        found = read(llm, name)
        if found is not None:
            return found
    return None


def describe_llm(llm: Any) -> Any:
    """A model and its settings, without its address and API key, for which Headcount has no fields."""
    if llm is None:
        return None
    if isinstance(llm, str):
        return headcount.Llm(llm)
    model, temperature = _LLM.of(llm)
    name, model_name, top_k = _LLM_OF_A_LIBRARY.rarely_of(llm)
    return headcount.Llm(
        model,
        name=name,
        model_name=model_name,
        top_k=top_k,
        temperature=temperature,
        class_name=type(llm).__name__,
    )


def tool_names(tools: Any) -> list[Any]:
    """The names of tools, spelled as CrewAI spells them to models."""
    return [tool_word(read(tool, "name")) for tool in several(tools)]


def describe_agent(agent: Any, crew: Any, calling_of_crew: Any, shares: bool) -> Any:
    """An agent with its settings."""
    role, goal, backstory = agent_texts(agent)
    verbose, delegates, runs_code, iterations, rpm, retries, llm, calling, tools = _AGENT.of(agent)
    return headcount.Agent(
        role,
        verbose=verbose,
        delegation_enabled=delegates,
        code_execution_allowed=runs_code,
        max_iterations=iterations,
        max_rpm=rpm,
        max_retry_limit=retries,
        llm=describe_llm(llm),
        function_calling_llm=model_of(calling_of_crew if calling is None else calling),
        tools=tool_names(tools),
        goal=goal,
        backstory=backstory,
        i18n_prompt_file=_prompt_file(agent, crew) if shares else None,
    )


def _prompt_file(agent: Any, crew: Any) -> Any:
    file = read(read(agent, "i18n"), "prompt_file")
    return read(crew, "prompt_file") if file is None else file


class Described:
    """A crew as it was when it started. Holds no object of CrewAI."""

    __slots__ = ("crew", "shares", "tasks")

    def __init__(self, crew: Any, inputs: Any) -> None:
        share_crew, agents, tasks, process, memory, calling = _CREW.of(crew)
        self.shares: bool = share_crew is True
        members = _Members(crew, calling, self.shares)
        for agent in several(agents):
            members.add(agent)
        process = word(process)
        if process == "hierarchical":
            members.add_manager()
        self.tasks: dict[int, Any] = _describe_tasks(tasks, members)
        self.crew = headcount.Crew(
            list(members.described.values()),
            list(self.tasks.values()),
            process=process,
            # It may be switched on by True or by an object.
            memory=memory if memory is None or isinstance(memory, bool) else True,
            inputs=_as_json(inputs) if self.shares and inputs else None,
            inputs_present=bool(inputs),
            share_crew=self.shares,
        )


class _Members:
    """A crew's agents while it is described, by their identity."""

    __slots__ = ("_calling", "_crew", "_shares", "described")

    def __init__(self, crew: Any, calling: Any, shares: bool) -> None:
        self._crew = crew
        self._calling = calling
        self._shares = shares
        self.described: dict[int, Any] = {}

    def add(self, agent: Any) -> None:
        self.described[id(agent)] = self._describe(agent)

    def get(self, agent: Any) -> Any:
        """An agent of the crew, or an agent that only a task has."""
        return self.described.get(id(agent)) or self._describe(agent)

    def add_manager(self) -> None:
        """The manager of a hierarchical crew.

        Where its builder only named a model for it, CrewAI makes the manager during the first run. It is described alike
        in every run, so that the crew is recognised.
        """
        llm, manager = read(self._crew, "manager_llm"), read(self._crew, "manager_agent")
        if llm is not None:
            self.described[id(manager)] = headcount.Agent(_MANAGER, delegation_enabled=True, llm=describe_llm(llm))
        elif manager is not None:
            self.described[id(manager)] = self.get(manager)

    def _describe(self, agent: Any) -> Any:
        return describe_agent(agent, self._crew, self._calling, self._shares)


def _describe_tasks(tasks: Any, members: _Members) -> dict[int, Any]:
    described: dict[int, Any] = {}
    for task in several(tasks):
        description, expected_output = task_texts(task)
        agent, is_async, asks_human, tools, context = _TASK.of(task)
        described[id(task)] = headcount.Task(
            description,
            agent=None if agent is None else members.get(agent),
            async_execution=is_async,
            human_input=asks_human,
            tools=tool_names(tools),
            expected_output=expected_output,
            context=[described[id(other)] for other in several(context) if id(other) in described],
        )
    return described


def _as_json(value: Any) -> str | None:
    try:
        return json.dumps(value, default=str, ensure_ascii=False)
    except Exception:
        return None


def text_of(output: Any) -> Any:
    """The text of a crew's or a task's output."""
    raw = read(output, "raw")
    return raw if raw is not None else output if isinstance(output, str) else None


def tasks_output(crew: Any) -> str | None:
    """The output of each task, in order."""
    texts = [text_of(read(task, "output")) for task in items(crew, "tasks")]
    return _as_json([{"output": text} for text in texts if text is not None])
