"""Runs a crew's events past CrewAI's bus, and ends with one more that waits in memory.

    exit_subject.py none|crewai|headcount ENDPOINT MARKS

MARKS is a file of zeros: with headcount, the C library writes into it when it came to Headcount's own exit handler and when it
left it, and this program how long the listener's took.
"""

import atexit
import ctypes
import mmap
import struct
import sys
import time

import subject


class Marks:
    """Moments of the process's end, written when no Python is left.

    `on_exit` calls a function with the exit code, 0, and an argument; the function is `clock_gettime`, for which 0 is the
    clock of the day, and the argument the place for the answer.
    """

    def __init__(self, path):
        with open(path, "r+b") as file:
            self._kept = mmap.mmap(file.fileno(), 64)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._kept))
        self._c = ctypes.CDLL(None)
        # Written to when the interpreter is gone: it must not take this with it.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._kept))

    def at_exit(self, place):
        moment = ctypes.cast(self._c.clock_gettime, ctypes.c_void_p)
        self._c.on_exit(moment, ctypes.c_void_p(self._address + 16 * place))

    def took(self, nanos):
        self._kept[32:40] = struct.pack("q", nanos)


def begin_with_marks(marks):
    """Headcount, started between two marks: what was registered first is called last."""
    import headcount
    import headcount.crewai

    marks.at_exit(1)
    telemetry = headcount.start("crewai", "1", endpoint=subject.ENDPOINT, told_user=True)
    marks.at_exit(0)
    installed = headcount.crewai.install(telemetry)
    interrupt = installed._listener._crews.interrupt

    def timed():
        began = time.perf_counter_ns()
        interrupt()
        marks.took(time.perf_counter_ns() - began)

    atexit.unregister(interrupt)
    atexit.register(timed)


if subject.TELEMETRY == "headcount":
    begin_with_marks(Marks(sys.argv[3]))
else:
    subject.begin()

from crewai import Agent, Crew, Task  # noqa: E402
from crewai.tasks.task_output import TaskOutput  # noqa: E402

bus, tools, crews, tasks = subject.events()
agent = Agent(role="Role", goal="goal", backstory="story")
task = Task(description="work", expected_output="facts", agent=agent)
crew = Crew(agents=[agent], tasks=[task])
agent.crew = crew
output = TaskOutput(description="d", agent="a", raw="done")
error = tools.ToolUsageErrorEvent(tool_name="word_counter", tool_args={}, error="it broke", run_attempts=1)
bus.emit(crew, crews.CrewKickoffStartedEvent(crew_name="crew", inputs={}))
bus.emit(task, tasks.TaskStartedEvent(context="", task=task))
bus.emit(None, error)
bus.emit(task, tasks.TaskCompletedEvent(output=output, task=task))
bus.emit(crew, crews.CrewKickoffCompletedEvent(crew_name="crew", output=output))
subject.settle(bus)
# What sends has begun to, and hangs where nobody answers.
time.sleep(0.4)
bus.emit(crew, crews.CrewKickoffStartedEvent(crew_name="crew", inputs={}))
subject.settle(bus)
print("main_ended_nanos", time.monotonic_ns(), flush=True)
