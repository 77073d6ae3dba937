"""Receives the events of CrewAI's bus, on the emitting thread and before any handler.

All events go through `emit(source, event)`, which is the same in every release since 0.105; an event's `type` names its
kind. The listener wraps this method instead of registering handlers. Since 1.2, handlers run on a pool of ten threads,
late, in any order and without the emitter's context: times would have to be guessed, the classes of errors are gone,
and a crew's settings may have changed. An event that is not counted costs one dictionary lookup.
"""

from __future__ import annotations

import atexit
import sys

from ._attributes import read
from ._calls import Calls
from ._crews import Crews
from ._describe import model_of
from ._features import FEATURES, OWN_CLIENT_ONLY, PLANNING, TASK_ALONE, hook_features
from ._flows import Flows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


# The attribute of a bus that holds its listener, whichever copy of this module it is of.
_MARK = "_headcount_listener"


class Listener:
    """Records the events of a bus between `begin` and `end`."""

    def __init__(self, telemetry: Any) -> None:
        self._telemetry = telemetry
        self._crews = Crews(telemetry)
        self._calls = Calls(telemetry)
        self._flows = Flows(telemetry)
        self._is_on = False
        self._hear: dict[str, Callable[[Any, Any], None]] = self._table()
        # Events that could not be read, for example because another release lacks an attribute.
        self.puzzled = 0

    def _table(self) -> dict[str, Callable[[Any, Any], None]]:
        crews, calls, flows = self._crews, self._calls, self._flows
        table: dict[str, Callable[[Any, Any], None]] = {
            "crew_kickoff_started": self._crew_started,
            "crew_kickoff_completed": crews.completed,
            "crew_kickoff_failed": crews.failed,
            "crew_test_started": self._test_started,
            "crew_test_result": crews.test_scored,
            "crew_test_completed": lambda _source, _event: crews.test_over(),
            "crew_test_failed": lambda _source, _event: crews.test_over(),
            "task_started": self._task_started,
            "task_completed": crews.task_completed,
            "task_failed": self._task_failed,
            "tool_usage_started": calls.started,
            "tool_usage_finished": lambda source, event: calls.finished(source, event, crews.here()),
            "tool_usage_error": calls.error,
            "tool_selection_error": calls.wrong,
            "tool_validate_input_error": calls.wrong,
            "flow_created": flows.created,
            "flow_plot": flows.plotted,
            "flow_started": flows.started,
            "flow_finished": flows.finished,
            "flow_failed": flows.failed,
            "flow_paused": flows.paused,
            "method_execution_failed": flows.method_failed,
            "human_feedback_requested": flows.feedback_requested,
            "human_feedback_received": flows.feedback_received,
            "hook_dispatched": self._hook_dispatched,
        }
        for kind, feature in FEATURES.items():
            table[kind] = self._counted_as(feature, table.get(kind))
        return table

    def _counted_as(
        self, feature: str, also: Callable[[Any, Any], None] | None
    ) -> Callable[[Any, Any], None]:
        def count(source: Any, event: Any) -> None:
            self._telemetry.feature_used(feature)
            if also is not None:
                also(source, event)

        return count

    # ---------------------------------------------------------------- the hook

    def begin(self, bus: Any) -> None:
        """Wraps the bus' `emit`."""
        earlier = getattr(bus, _MARK, None)
        if earlier is not None:
            # Of a copy of this module that was thrown away, as notebooks and test runners do: it would count each event again.
            earlier.end()
        own = bus.__dict__.get("emit")
        hear = self._hear

        def emit(source: Any, event: Any, *more: Any, **named: Any) -> Any:
            # Events of any class are passed on.
            try:
                if self._is_on and (handler := hear.get(event.type)) is not None:
                    handler(source, event)
            except Exception:
                self.puzzled += 1
            if own is not None:
                # Another program's, which was there before.
                return own(source, event, *more, **named)
            # Looked up each time: another program may have replaced the method of the class since.
            return type(bus).emit(bus, source, event, *more, **named)

        self._bus, self._emit, self._own = bus, emit, own
        self._is_on = True
        bus.emit = emit
        setattr(bus, _MARK, self)
        atexit.register(self._crews.interrupt)

    def end(self) -> None:
        """Restores `emit`, or, if another program has wrapped it since, passes events on without recording them."""
        self._is_on = False
        atexit.unregister(self._crews.interrupt)
        bus = self._bus
        if bus.__dict__.get(_MARK) is self:
            delattr(bus, _MARK)
        if bus.__dict__.get("emit") is not self._emit:
            return
        if self._own is None:
            del bus.emit
        else:
            bus.emit = self._own

    # ---------------------------------------------------------------- calls of CrewAI's own client

    def own_client_counts(self, feature: Any) -> None:
        """A feature for which the bus has no event."""
        if self._is_on and type(feature) is str and feature.startswith(OWN_CLIENT_ONLY):
            self._telemetry.feature_used(feature)

    def own_client_counts_repeated(self, tool: Any, attempts: Any, llm: Any) -> None:
        """A repeated call that was refused, for which the bus has no event either."""
        if self._is_on:
            self._calls.repeated(tool, attempts, llm)

    # ---------------------------------------------------------------- events

    def _crew_started(self, source: Any, event: Any) -> None:
        self._crews.started(source, event)
        if read(source, "planning") is True:
            self._telemetry.feature_used(PLANNING)

    def _test_started(self, source: Any, event: Any) -> None:
        self._crews.test_started(source, event, model_of(read(event, "eval_llm")))

    def _task_started(self, source: Any, _event: Any) -> None:
        if not self._crews.task_started(source):
            self._telemetry.feature_used(TASK_ALONE)

    def _task_failed(self, source: Any, event: Any) -> None:
        error = read(event, "error_type")
        if not isinstance(error, type):
            # Before 1.15.18 the event has only the message, but it is emitted while the error is handled.
            error = sys.exc_info()[0]
        self._crews.task_failed(source, error)

    def _hook_dispatched(self, _source: Any, event: Any) -> None:
        for feature in hook_features(read(event, "interception_point"), read(event, "outcome")):
            self._telemetry.feature_used(feature)
