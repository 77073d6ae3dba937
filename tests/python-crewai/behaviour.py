"""Scenarios for Headcount's listener itself."""

import gc
import os
import signal
import threading
import weakref

from crewai.tools import tool
from models import TextOnly
from scenarios import agent, crew, flows, hierarchical, sequential, task


def many(settings):
    """Many crews one after the other: nothing of them is kept."""
    left = []
    for _ in range(settings["count"]):
        worker = agent(llm=TextOnly(model="text-model"))
        team = crew([worker], [task(worker)])
        team.kickoff()
        left.append(weakref.ref(team))
        del worker, team
    from crewai_bus import bus

    getattr(bus, "flush", lambda: None)()
    gc.collect()
    import headcount.crewai

    did = {"alive": sum(each() is not None for each in left)}
    counted = headcount.crewai.installed()
    if counted is not None:
        crews, flows = counted._listener._crews, counted._listener._flows
        did["tables"] = len(crews._by_crew) + len(crews._by_task) + len(flows._at_work)
    return did


def odd_events(_settings):
    """Events as a release to come, or a person of their own, might send them."""
    from crewai_bus import bus, event

    class Raising:
        def __getattr__(self, name):
            if name in ("entity_type", "fingerprint") or name.startswith("__"):
                raise AttributeError(name)  # CrewAI's own bus reads this.
            raise RuntimeError(f"CANARY {name}")

        def __str__(self):
            raise RuntimeError("CANARY")

    class OddKind(type):
        def __hash__(cls):
            raise RuntimeError("CANARY")

        def __getattr__(cls, name):
            raise RuntimeError("CANARY")

    class OfAnOddKind(metaclass=OddKind):
        pass

    class Odd:
        id = 7
        role = name = Raising()
        agents = tasks = [Raising(), None, 7, object(), OfAnOddKind()]
        process = memory = share_crew = Raising()
        key = "\ud800 lone surrogate"

    odd = Odd()
    for kind in ("crew_kickoff_started", "task_started", "tool_usage_finished", "tool_usage_error", "flow_started"):
        for source in (odd, Raising(), None):
            bus.emit(source, event(kind, tool_name="x" * 10_000_000, tool_args=[], flow_name=Raising()))
    bus.emit(odd, event("crew_kickoff_completed", output=Raising()))
    # Ends without starts, starts without ends, and everything twice.
    for kind in ("task_completed", "task_failed", "flow_finished", "flow_paused", "method_execution_failed"):
        bus.emit(odd, event(kind))
    for unhashable in ([], {}):
        try:
            bus.emit(odd, event("crew_kickoff_started", type_=unhashable))
        except TypeError:
            pass  # CrewAI's own bus, from 1.9 on.
    sequential({})
    return {}


def restored(_settings):
    """The sender: none after install, CrewAI itself after uninstall."""
    import headcount.crewai
    from crewai.telemetry.telemetry import Telemetry

    installed = headcount.crewai.installed()
    client = Telemetry()
    before = threads()
    client.set_tracer()
    sequential({})
    handlers_meanwhile = handlers()
    installed.uninstall()
    handlers_after = handlers()
    sequential({})
    from crewai_bus import bus

    getattr(bus, "flush", lambda: None)()
    again = Telemetry()
    again.provider.force_flush()
    return {
        "threads_meanwhile": before,
        "handlers_meanwhile": handlers_meanwhile,
        "handlers_after": handlers_after,
        "is_same_client": again is client,
        "is_ready_again": again.ready,
        "is_listening": installed.is_listening,
        "door_is_closed": "emit" not in vars(bus),
    }


def silenced(_settings):
    sequential({})
    from crewai.telemetry.telemetry import Telemetry
    from crewai_bus import bus

    getattr(bus, "flush", lambda: None)()
    client = Telemetry()
    if getattr(client, "provider", None) is not None:
        client.provider.force_flush()
    return {"threads": threads(), "handlers": handlers()}


def threads():
    return sorted(each.name for each in threading.enumerate() if "Otel" in each.name or "headcount" in each.name)


def handlers():
    names = ("SIGTERM", "SIGINT", "SIGHUP", "SIGTSTP")
    owners = [getattr(signal.getsignal(getattr(signal, name)), "__module__", None) or "" for name in names]
    return [name for name, owner in zip(names, owners, strict=True) if owner.startswith("crewai")]


def twice(_settings):
    """Installed again, while it is installed."""
    import headcount.crewai

    again = headcount.crewai.install(endpoint="http://127.0.0.1:9")
    sequential({})
    return {"is_the_same": again is headcount.crewai.installed()}


def forked(_settings):
    """A child that ends while its parent's crew is at work says nothing of it."""

    @tool("Forking Tool")
    def forking_tool(text: str) -> str:
        """Has a child that ends. CrewAI's own exit handlers would wait there for threads that it has not."""
        import headcount.crewai

        counted = headcount.crewai.installed()
        child = os.fork()
        if child == 0:
            counted._listener._crews.interrupt()
            counted.telemetry.flush(0.5)
            os._exit(0)
        os.waitpid(child, 0)
        return text

    worker = agent(tools=[forking_tool], llm=TextOnly(model="text-model"))
    crew([worker], [task(worker, 'CALL Forking Tool {"text": "x"}')]).kickoff()
    return {}


def warned(_settings):
    """Warnings that would be printed because of us."""
    import warnings

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        sequential({})
        hierarchical({})
        flows({})
    return {"warnings": [str(each.message) for each in told if "headcount" in each.filename]}


def environment(_settings):
    """The environment that a child process inherits."""
    import subprocess
    import sys

    off = ("CREWAI_DIS", "OTEL_", "HEADCOUNT_DIS", "DO_NOT")
    look = f"import os; print([name for name in os.environ if name.startswith({off})])"
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    return {"variables": [name for name in told.stdout.strip("[]\n").split(",") if name]}
