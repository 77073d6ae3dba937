"""CrewAI's crews, agents, tasks and models in Headcount's words.

Every attribute is read on its own: one that a release lacks, or that raises, is left out and the rest is told. Values
are handed on as they are; Headcount refuses, and counts, what is not of the catalog's kind.
"""

from __future__ import annotations

import json

import headcount

from ._names import tool_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# A manager that CrewAI makes itself, as its own prompts call it.
_MANAGER = "Crew Manager"
# What is kept in memory of any kind, before it is begun anew.
_KEPT = 1024


_MISSING = object()
# Attributes that a class of pydantic's does not have: it takes microseconds to say so.
_absent: dict[tuple[type, str], None] = {}


def read(thing: Any, name: str) -> Any:
    """An attribute, or None where there is none or it cannot be read.

    A value that is simply held is taken from where it is held: CrewAI marks fields as deprecated, and to ask for one of
    these prints a warning into the host's output.
    """
    kind = type(thing)
    try:
        held = thing.__dict__
        if name in held:
            return held[name]
        if name[0] == "_":
            held = thing.__pydantic_private__
            if held is not None and name in held:
                return held[name]
    except Exception:
        pass
    if (kind, name) in _absent:
        return None
    try:
        value = getattr(thing, name, _MISSING)
        if value is not _MISSING:
            return value
        if "__pydantic_fields__" in kind.__dict__ and not thing.__pydantic_extra__:
            _remember_absent(kind, name)
    except Exception:
        pass
    return None


def _remember_absent(kind: type, name: str) -> None:
    if len(_absent) >= _KEPT:
        _absent.clear()
    _absent[kind, name] = None


def items(thing: Any, name: str) -> list[Any]:
    """An attribute that holds several, or nothing."""
    held = read(thing, name)
    try:
        return list(held) if held is not None else []
    except Exception:
        return []


def word(value: Any) -> Any:
    """The value of an enumeration's member; anything else as it is."""
    held = read(value, "value")
    return value if held is None else held


def model_of(llm: Any) -> Any:
    """The model that something thinks with: a name, or an object that knows one."""
    if llm is None or isinstance(llm, str):
        return llm
    for name in ("model", "model_name", "deployment_name"):
        found = read(llm, name)
        if found is not None:
            return found
    return None


def describe_llm(llm: Any) -> Any:
    """A model and its settings; never its address or key, which Headcount has no words for."""
    if llm is None:
        return None
    if isinstance(llm, str):
        return headcount.Llm(llm)
    return headcount.Llm(
        read(llm, "model"),
        name=read(llm, "name"),
        model_name=read(llm, "model_name"),
        top_k=read(llm, "top_k"),
        temperature=read(llm, "temperature"),
        class_name=type(llm).__name__,
    )


def tool_names(tools: Iterable[Any]) -> list[Any]:
    """The names of tools, spelled as CrewAI spells them to models."""
    return [tool_word(read(tool, "name")) for tool in tools]


def _template(thing: Any, name: str) -> Any:
    """A text before inputs were filled in: CrewAI keeps it beside the filled-in one from the first run on.

    Inputs are content. A role of `{topic} researcher` must not carry them into the default tier, and the key of an agent
    must not change with what it is asked.
    """
    original = read(thing, f"_original_{name}")
    if original is not None:
        return original
    text = read(thing, name)
    return _filled_in.get(text, text) if type(text) is str else text


# Texts with inputs filled in, and what they were made from: a copy of an agent (kickoff_for_each, test) that has
# worked before starts with the filled-in text and nothing beside it.
_filled_in: dict[str, str] = {}


def remember_templates(thing: Any, names: Iterable[str]) -> None:
    """Notes what an agent's or a task's texts were before inputs were filled in."""
    for name in names:
        original, text = read(thing, f"_original_{name}"), read(thing, name)
        if type(original) is str and type(text) is str and original != text:
            if len(_filled_in) >= _KEPT:
                _filled_in.clear()
            _filled_in[text] = original


def describe_agent(agent: Any, crew: Any, shares: bool) -> Any:
    """An agent with its settings."""
    calling = read(agent, "function_calling_llm")
    if calling is None:
        calling = read(crew, "function_calling_llm")
    return headcount.Agent(
        _template(agent, "role"),
        verbose=read(agent, "verbose"),
        delegation_enabled=read(agent, "allow_delegation"),
        code_execution_allowed=read(agent, "allow_code_execution"),
        max_iterations=read(agent, "max_iter"),
        max_rpm=read(agent, "max_rpm"),
        max_retry_limit=read(agent, "max_retry_limit"),
        llm=describe_llm(read(agent, "llm")),
        function_calling_llm=model_of(calling),
        tools=tool_names(items(agent, "tools")),
        goal=_template(agent, "goal"),
        backstory=_template(agent, "backstory"),
        i18n_prompt_file=_prompt_file(agent, crew) if shares else None,
    )


def _prompt_file(agent: Any, crew: Any) -> Any:
    file = read(read(agent, "i18n"), "prompt_file")
    return read(crew, "prompt_file") if file is None else file


def _describe_manager(crew: Any, agents: dict[int, Any], shares: bool) -> Any:
    """The manager of a hierarchical crew.

    Where its builder only named a model for it, CrewAI makes the manager during the first run. It is described alike in
    every run, so that the crew is recognised.
    """
    llm = read(crew, "manager_llm")
    if llm is not None:
        return headcount.Agent(_MANAGER, delegation_enabled=True, llm=describe_llm(llm))
    manager = read(crew, "manager_agent")
    if manager is None:
        return None
    return agents.get(id(manager)) or describe_agent(manager, crew, shares)


class Described:
    """A crew as it stood when it started. Holds no object of CrewAI's."""

    __slots__ = ("crew", "shares", "tasks")

    def __init__(self, crew: Any, inputs: Any) -> None:
        self.shares: bool = read(crew, "share_crew") is True
        agents = _describe_agents(crew, self.shares)
        self.tasks: dict[int, Any] = _describe_tasks(crew, agents, self.shares)
        self.crew = headcount.Crew(
            agents=list(agents.values()),
            tasks=list(self.tasks.values()),
            process=word(read(crew, "process")),
            memory=_remembers(crew),
            inputs=_as_json(inputs) if self.shares and inputs else None,
            inputs_present=bool(inputs),
            share_crew=self.shares,
        )


def _remembers(crew: Any) -> bool | None:
    """Memory may be switched on by True or by an object of its own."""
    memory = read(crew, "memory")
    if memory is None or isinstance(memory, bool):
        return memory
    return True


def _describe_agents(crew: Any, shares: bool) -> dict[int, Any]:
    agents = {id(agent): describe_agent(agent, crew, shares) for agent in items(crew, "agents")}
    if word(read(crew, "process")) == "hierarchical":
        manager = _describe_manager(crew, agents, shares)
        if manager is not None:
            agents[id(read(crew, "manager_agent"))] = manager
    return agents


def _describe_tasks(crew: Any, agents: dict[int, Any], shares: bool) -> dict[int, Any]:
    described: dict[int, Any] = {}
    for task in items(crew, "tasks"):
        agent = read(task, "agent")
        context = [described[id(other)] for other in items(task, "context") if id(other) in described]
        described[id(task)] = headcount.Task(
            _template(task, "description"),
            agent=None if agent is None else agents.get(id(agent)) or describe_agent(agent, crew, shares),
            async_execution=read(task, "async_execution"),
            human_input=read(task, "human_input"),
            tools=tool_names(items(task, "tools")),
            expected_output=_template(task, "expected_output"),
            context=context,
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
    """What each task gave, in order."""
    texts = [text_of(read(task, "output")) for task in items(crew, "tasks")]
    return _as_json([{"output": text} for text in texts if text is not None])
