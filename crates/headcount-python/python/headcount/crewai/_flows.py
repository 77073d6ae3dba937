"""Flows, from start to end. Names of methods are never read."""

from __future__ import annotations

import sys

from ._attributes import items, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The most flows at the same time. Beyond it, the end of the oldest flow is not recorded.
_MOST = 4096


class Flows:
    """The running flows, by the identity of their objects."""

    def __init__(self, telemetry: Any) -> None:
        self._telemetry = telemetry
        self._at_work: dict[int, list[Any]] = {}
        self._failure_is_told = _release_tells_of_failed_flows()

    def created(self, source: Any, event: Any) -> None:
        self._telemetry.flow_created(event.flow_name, origin=_origin(source))

    def plotted(self, source: Any, event: Any) -> None:
        self._telemetry.flow_plotted(event.flow_name, origin=_origin(source))

    def started(self, source: Any, event: Any) -> None:
        name, origin = event.flow_name, _origin(source)
        is_conversational = _is_conversational(source)
        if is_conversational or read(source, "_pending_feedback_context") is not None:
            flow = self._telemetry.flow_resumed(name, origin=origin, is_conversational=is_conversational)
        else:
            flow = self._telemetry.flow(name, origin=origin)
        if len(self._at_work) >= _MOST:
            self._at_work.pop(next(iter(self._at_work)), None)
        self._at_work.setdefault(id(source), []).append(flow)

    def finished(self, source: Any, _event: Any) -> None:
        flow = self._take(source)
        if flow is not None:
            flow.complete()

    def failed(self, source: Any, _event: Any) -> None:
        flow = self._take(source)
        if flow is not None:
            flow.fail()

    def paused(self, source: Any, _event: Any) -> None:
        flow = self._take(source)
        if flow is not None:
            flow.pause()

    def method_failed(self, source: Any, event: Any) -> None:
        flows = self._at_work.get(id(source))
        if flows:
            flows[-1].method_failed(type(read(event, "error")).__name__)
        if not self._failure_is_told:
            # In these releases a method's failure is raised through the flow, which emits no further event.
            self.failed(source, event)

    def feedback_requested(self, _source: Any, event: Any) -> None:
        outcomes = items(event, "emit")
        self._telemetry.feedback_requested(bool(outcomes), len(outcomes))

    def feedback_received(self, _source: Any, event: Any) -> None:
        feedback = read(event, "feedback")
        was_given = isinstance(feedback, str) and bool(feedback.strip())
        self._telemetry.feedback_received(was_given, outcome=read(event, "outcome"))

    def _take(self, source: Any) -> Any:
        flows = self._at_work.get(id(source))
        if not flows:
            return None
        flow = flows.pop()
        if not flows:
            self._at_work.pop(id(source), None)
        return flow


def _origin(source: Any) -> str:
    """The flow's origin: written by a user, or internal. CrewAI's agents and memory are flows, too."""
    kind = type(source)
    marked = read(kind, "is_crewai_internal")
    if isinstance(marked, bool):
        return "internal" if marked else "user"
    module = kind.__module__
    is_own = module.startswith("crewai.") and not module.startswith("crewai.flow.")
    return "internal" if is_own else "user"


def _is_conversational(source: Any) -> bool:
    ask = read(source, "_is_conversational_enabled")
    try:
        return bool(ask()) if callable(ask) else False
    except Exception:
        return False


def _release_tells_of_failed_flows() -> bool:
    events = sys.modules.get("crewai.events.types.flow_events")
    return hasattr(events, "FlowFailedEvent")
