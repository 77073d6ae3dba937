"""No telemetry, Headcount's listener, and CrewAI's own client, which take turns in one process.

So all three are disturbed by the same things, and a difference is one between neighbours.
"""

from contextlib import contextmanager

import subject

subject.begin()

import headcount.crewai  # noqa: E402
from crewai.telemetry.telemetry import Telemetry  # noqa: E402

client = Telemetry()
telemetry = headcount.start("crewai", "1", endpoint=subject.ENDPOINT, told_user=True)


@contextmanager
def _none():
    """CrewAI's own client is asked, at each call, whether it is off."""
    asks = Telemetry.__dict__["_is_telemetry_disabled"]
    Telemetry._is_telemetry_disabled = classmethod(lambda _client: True)
    yield
    Telemetry._is_telemetry_disabled = asks


@contextmanager
def _headcount():
    with headcount.crewai.install(telemetry):
        yield
    telemetry.flush(1)


@contextmanager
def _crewai():
    yield
    # What it has to send is not to disturb the next.
    client.provider.force_flush()


KINDS = {"none": _none, "headcount": _headcount, "crewai": _crewai}


def rounds(measure, warm, counted):
    """What `measure` says of each kind, in `counted` rounds; the first is another one each time."""
    found = []
    for number in range(warm + counted):
        names = [*KINDS]
        found.append({kind: measure(kind) for kind in names[number % 3 :] + names[: number % 3]})
    counters = telemetry.counters()
    if counters.dropped or not counters.recorded:
        raise SystemExit(f"not everything was recorded: {counters}")
    return found[warm:]
