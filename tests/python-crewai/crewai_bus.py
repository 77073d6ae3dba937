"""CrewAI's event bus, wherever this release keeps it."""

from types import SimpleNamespace

try:
    from crewai.events.base_events import BaseEvent
    from crewai.events.event_bus import crewai_event_bus as bus
except ImportError:
    from crewai.utilities.events.base_events import BaseEvent
    from crewai.utilities.events.crewai_event_bus import crewai_event_bus as bus

__all__ = ["bus", "event"]


def event(kind, type_=None, **fields):
    """A third-party event, of a class that CrewAI does not know."""
    made = BaseEvent(type=kind)
    if type_ is not None:
        made.__dict__["type"] = type_
    made.__dict__.update(vars(SimpleNamespace(**fields)))
    return made
