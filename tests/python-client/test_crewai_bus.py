"""The listener at an event bus that other programs patch too. No CrewAI is needed: the bus is one of the test's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import headcount
import pytest
import spool
from headcount.crewai import _listener

Recorded = Callable[[], list[spool.Span]]


class Event:
    type = "skill_loaded"


def bus() -> Any:
    """A bus of a class of its own, so that patches of the class end with the test."""

    class Bus:
        def __init__(self) -> None:
            self.heard = 0

        def emit(self, source: object, event: Event) -> str:
            self.heard += 1
            return "emitted"

    return Bus()


def features(recorded: Recorded) -> int:
    return sum(span.name == "Feature Usage" for span in recorded())


def test_a_patch_that_was_there_before_hears_all_and_is_put_back(telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    patched, seen = bus(), []
    inner = patched.emit

    def theirs(source: object, event: Event) -> str:
        seen.append(event)
        return inner(source, event)  # type: ignore[no-any-return]

    patched.emit = theirs
    listener = _listener.Listener(telemetry)
    listener.begin(patched)
    assert patched.emit(None, Event()) == "emitted"
    listener.end()
    assert patched.emit is theirs
    patched.emit(None, Event())
    assert (len(seen), patched.heard, features(recorded)) == (2, 2, 1)


def test_a_later_patch_of_the_class_hears_events_and_stays(telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    patched, seen = bus(), []
    listener = _listener.Listener(telemetry)
    listener.begin(patched)
    kind = type(patched)
    own = kind.emit

    def theirs(self: Any, source: object, event: Event) -> str:
        seen.append(event)
        return own(self, source, event)  # type: ignore[no-any-return]

    kind.emit = theirs
    assert patched.emit(None, Event()) == "emitted"
    listener.end()
    patched.emit(None, Event())
    assert (len(seen), patched.heard, features(recorded)) == (2, 2, 1)
    assert vars(patched) == {"heard": 2}, "nothing of the listener is left on the bus"


def test_a_later_patch_of_the_bus_stays(telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    patched, seen = bus(), []
    listener = _listener.Listener(telemetry)
    listener.begin(patched)
    inner = patched.emit

    def theirs(source: object, event: Event) -> str:
        seen.append(event)
        return inner(source, event)  # type: ignore[no-any-return]

    patched.emit = theirs
    patched.emit(None, Event())
    listener.end()
    patched.emit(None, Event())
    assert (len(seen), patched.heard, features(recorded)) == (2, 2, 1)
    assert patched.emit is theirs


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_modules_that_are_thrown_away_and_imported_again_count_once(
    is_wrapped: bool, telemetry: headcount.Telemetry, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As notebooks and test runners do."""
    reloaded = bus()
    _listener.Listener(telemetry).begin(reloaded)
    if is_wrapped:
        inner = reloaded.emit
        reloaded.emit = lambda source, event: inner(source, event)
    for name in [name for name in sys.modules if name.startswith("headcount.crewai")]:
        monkeypatch.delitem(sys.modules, name)
    from headcount.crewai import _listener as again

    assert again is not _listener
    second = again.Listener(telemetry)
    second.begin(reloaded)
    reloaded.emit(None, Event())
    assert (reloaded.heard, features(recorded)) == (1, 1)
    second.end()
    reloaded.emit(None, Event())
    assert (reloaded.heard, features(recorded)) == (2, 1)
