"""Tool calls. A call may take several paths through CrewAI, and some of them emit its events twice.

| path | releases | events of one call |
| --- | --- | --- |
| text (ReAct), `ToolUsage` | all | started, then finished or error; an error is tried again |
| native, agent executor | 1.9 | started, finished; a failing one error and finished |
| native, agent executor | later | started, then finished or error |
| a plan's step, text | later | started by the step, then the whole of the first row, then finished by the step |
| a model that runs functions itself | all | started, then finished or error |
"""

from __future__ import annotations

import threading

from ._attributes import read
from ._describe import model_of
from ._names import tool_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The most open calls of one thread: a tool may run a crew whose agents call tools. Some calls never end (0.148: a tool
# past its limit).
_DEEPEST = 64
# The most calls that are remembered, to recognize a repeated one.
_REMEMBERED = 4096


class _Call:
    __slots__ = ("is_step", "is_told", "source", "tool")

    def __init__(self, source: Any, tool: Any) -> None:
        self.source = id(source)
        self.tool = tool
        self.is_step = type(source).__name__ == "StepExecutor"
        self.is_told = False


class _Open(threading.local):
    def __init__(self) -> None:
        self.calls: list[_Call] = []


class Calls:
    """Counts each call once, as used, repeated or failed."""

    def __init__(self, telemetry: Any) -> None:
        self._telemetry = telemetry
        self._open = _Open()
        self._asked: dict[int, None] = {}

    def started(self, source: Any, event: Any) -> None:
        calls = self._open.calls
        name = event.tool_name
        # This is another attempt at a call that failed and is still in the list.
        calls[:] = [call for call in calls if call.source != id(source) or call.tool != name]
        if len(calls) >= _DEEPEST:
            del calls[0]
        calls.append(_Call(source, name))

    def finished(self, source: Any, event: Any, run: int) -> None:
        call = self._end(source, event)
        if call is not None and call.is_told:
            return
        if read(event, "failure") is not None:
            self._failed(source, event)
        elif read(event, "from_cache") is True or self._was_asked(source, event, run):
            self._tell(self._telemetry.tool_repeated, source, event)
        else:
            self._tell(self._telemetry.tool_used, source, event)

    def error(self, source: Any, event: Any) -> None:
        call = self._find(source, event)
        if call is not None:
            call.is_told = True
        self._failed(source, event)

    def wrong(self, source: Any, event: Any) -> None:
        """The model called a tool that does not exist, or with invalid arguments."""
        self._failed(source, event)

    def repeated(self, name: Any, attempts: Any, llm: Any) -> None:
        """CrewAI refused to repeat a call, for which it emits no event."""
        self._telemetry.tool_repeated(tool_word(name), attempts=attempts, llm=model_of(llm))

    def _failed(self, source: Any, event: Any) -> None:
        self._tell(self._telemetry.tool_failed, source, event)

    def _tell(self, record: Any, source: Any, event: Any) -> None:
        self._tell_outer(source, event)
        name = tool_word(read(event, "tool_name"))
        if not _is_known(source, event, name):
            # A name that the model made up may be any text, even a person's words: it is counted without the name.
            record = self._telemetry.tool_failed
            name = None
        attempts = read(event, "run_attempts") or 1
        record(name, attempts=attempts, llm=_caller(source, event))

    def _tell_outer(self, source: Any, event: Any) -> None:
        """A plan's step emits the event of the same call again when it ends."""
        for call in self._open.calls:
            if call.is_step and call.source != id(source) and tool_word(call.tool) == tool_word(event.tool_name):
                call.is_told = True

    def _find(self, source: Any, event: Any) -> _Call | None:
        name = event.tool_name
        for call in reversed(self._open.calls):
            if call.source == id(source) and (call.tool == name or tool_word(call.tool) == tool_word(name)):
                return call
        return None

    def _end(self, source: Any, event: Any) -> _Call | None:
        call = self._find(source, event)
        if call is not None:
            self._open.calls.remove(call)
        return call

    def _was_asked(self, source: Any, event: Any, run: int) -> bool:
        """Whether the same agent made the same call with the same arguments before, for the same task of the same run.

        For native calls CrewAI does not say that its cache answered. The arguments are hashed, in memory only.
        """
        try:
            who = (run, id(read(source, "agent")), id(read(source, "task")))
            asked = hash((who, tool_word(event.tool_name), repr(event.tool_args)))
        except Exception:
            return False
        if asked in self._asked:
            return True
        if len(self._asked) >= _REMEMBERED:
            self._asked.clear()
        self._asked[asked] = None
        return False


def _is_model(source: Any) -> bool:
    """Whether the events come from a model that runs functions itself."""
    return read(source, "call") is not None and read(source, "model") is not None


def _is_known(source: Any, event: Any, name: Any) -> bool:
    """Whether a tool with this name exists."""
    if type(name) is not str or _is_model(source):
        # A model looks its function up before it emits the event.
        return True
    for holder in (source, read(source, "agent"), read(event, "agent"), read(source, "task")):
        for attribute in ("tools", "original_tools", "_parsed_tools", "_available_functions"):
            tools = read(holder, attribute)
            if not isinstance(tools, (list, tuple, dict)):
                continue
            for tool in tools:
                if tool_word(tool if isinstance(tool, str) else read(tool, "name")) == name:
                    return True
    return False


def _caller(source: Any, event: Any) -> Any:
    """The model that called the tool."""
    calling = read(source, "function_calling_llm")
    if calling is not None:
        return model_of(calling)
    if _is_model(source):
        return model_of(source)
    for holder in (read(source, "agent"), read(event, "agent"), source):
        model = model_of(read(holder, "llm"))
        if model is not None:
            return model
    return None
