#!/usr/bin/env python3
"""What the client for Python costs the program that embeds it: one JSON object a line.

    measure.py [import|event|crew|exit|memory …]

Events are recorded in bursts that the queue has room for, with pauses in which the client's own thread writes: as an agent's
program does it, and so that what is measured is the calling thread's time and not a full queue's. All of a measurement's events
fit into the spool, which nobody empties here.
"""

from __future__ import annotations

import json
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import headcount

BURSTS = 50
EVENTS_A_BURST = 500
RUNS = 30


def show(measure: str, **figures: object) -> None:
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    print(json.dumps({"measure": measure, **figures, **machine}), flush=True)


def program(source: str, *options: str, home: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": os.environ["PATH"], "HEADCOUNT_HOME": home, **environment}
    ended = subprocess.run([sys.executable, *options, "-c", source], env=variables, capture_output=True, text=True)
    ended.check_returncode()
    return ended


def spread(values: list[float]) -> dict[str, float]:
    return {"best": round(min(values), 3), "median": round(statistics.median(values), 3), "worst": round(max(values), 3)}


def measure_import() -> None:
    """Milliseconds, as the interpreter itself counts them."""
    values = []
    with tempfile.TemporaryDirectory() as home:
        for _ in range(RUNS):
            lines = program("import headcount", "-X", "importtime", home=home).stderr.splitlines()
            (line,) = (line for line in lines if re.search(r"\| headcount$", line))
            values.append(int(line.split("|")[1]) / 1_000)
    show("import_ms", **spread(values))


def bursts(record: Callable[[], None], calls: int) -> list[float]:
    """Nanoseconds a call, of each burst."""
    values = []
    for _ in range(BURSTS):
        began = time.perf_counter_ns()
        for _ in range(calls):
            record()
        values.append((time.perf_counter_ns() - began) / calls)
        time.sleep(0.06)
    return values


def started(home: str) -> headcount.Telemetry:
    telemetry = headcount.start("measured", "1.2.3", home=home, told_user=True)
    assert telemetry.mode == "on"
    return telemetry


def measure_event() -> None:
    """Nanoseconds a call on the calling thread."""
    with tempfile.TemporaryDirectory() as home:
        telemetry = started(home)
        off = headcount.Telemetry.off()
        used, unused = telemetry.tool_used, off.tool_used
        calls: dict[str, Callable[[], None]] = {
            "tool_used": lambda: used("search_the_internet", attempts=1, llm="gpt-4o-mini"),
            "tool_used, off": lambda: unused("search_the_internet", attempts=1, llm="gpt-4o-mini"),
            "an empty function": lambda: (lambda tool, attempts, llm: None)("search_the_internet", attempts=1, llm="gpt-4o-mini"),
        }
        for name, call in calls.items():
            show("call_ns", call=name, **spread(bursts(call, EVENTS_A_BURST)))
        counters = telemetry.counters()
        show("events_lost", recorded=counters.recorded, dropped=counters.dropped)


def measure_crew() -> None:
    """Microseconds for a whole crew of two agents and three tasks: 13 events, descriptors made anew."""
    with tempfile.TemporaryDirectory() as home:
        telemetry = started(home)

        def crew() -> None:
            llm = headcount.Llm("gpt-4o-mini", temperature=0.7)
            agents = [headcount.Agent(role, llm=llm, tools=["search"], goal="Find papers") for role in ("Researcher", "Writer")]
            tasks = [headcount.Task(text, agent=agents[0]) for text in ("Find", "Read", "Write")]
            with telemetry.crew(headcount.Crew(agents, tasks, process="sequential", memory=False)) as run:
                for task in tasks:
                    with run.task(task):
                        pass

        values = [nanos / 1_000 for nanos in bursts(crew, 20)]
        counters = telemetry.counters()
        show("crew_us", events=counters.recorded // (BURSTS * 20), dropped=counters.dropped, **spread(values))


def measure_exit() -> None:
    """Milliseconds from the end of a program's own work to the end of its process, beyond those of one without telemetry."""
    source = """
import headcount, os, sys, time
if os.environ["ENDPOINT"] != "off":
    telemetry = headcount.start("measured", "1.2.3", told_user=True, endpoint=os.environ.get("ENDPOINT") or None)
    for _ in range(100): telemetry.tool_used("search")
    with telemetry.crew(headcount.Crew()): pass
    time.sleep(0.2)
else:
    time.sleep(0.2)
print(time.time(), flush=True)
"""
    hole = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def take() -> None:
        while True:
            taken.append(hole.accept()[0])

    threading.Thread(target=take, daemon=True).start()
    states = {
        "no telemetry": "off",
        "no endpoint": "",
        "a collector that never answers": f"http://127.0.0.1:{hole.getsockname()[1]}",
        "a collector that refuses": "http://127.0.0.1:9",
        "a name that does not resolve": "https://collector.invalid",
    }
    for state, endpoint in states.items():
        values = []
        for _ in range(RUNS):
            with tempfile.TemporaryDirectory() as home:
                ended = program(source, home=home, ENDPOINT=endpoint)
                values.append((time.time() - float(ended.stdout)) * 1_000)
        show("exit_ms", state=state, **spread(values))


def measure_memory() -> None:
    """MiB: resident memory of an interpreter, with the package, with telemetry, after 25,000 events; and the wheel's size."""
    source = """
import json, os, time
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
figures = {"interpreter": resident()}
import headcount
figures["imported"] = resident()
telemetry = headcount.start("measured", "1.2.3", told_user=True)
telemetry.tool_used("search")
time.sleep(0.2)
figures["recording"] = resident()
for _ in range(50):
    for _ in range(500): telemetry.tool_used("search_the_internet", attempts=1, llm="gpt-4o-mini")
    time.sleep(0.01)
figures["after_25000_events"] = resident()
print(json.dumps({name: round(value, 2) for name, value in figures.items()}))
"""
    if not Path("/proc/self/statm").exists():
        show("memory_mib", not_measured="this system has no /proc")
        return
    with tempfile.TemporaryDirectory() as home:
        show("memory_mib", **json.loads(program(source, home=home).stdout))
    extension = Path(headcount.__file__).parent
    show("extension_mib", size=round(sum(file.stat().st_size for file in extension.glob("_native*.so")) / 2**20, 2))


MEASURES = {
    "import": measure_import, "event": measure_event, "crew": measure_crew, "exit": measure_exit, "memory": measure_memory,
}  # fmt: skip

if __name__ == "__main__":
    for name in sys.argv[1:] or MEASURES:
        MEASURES[name]()
