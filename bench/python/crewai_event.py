"""What one event costs, in nanoseconds: on the thread that works, and in the process until all handlers are done.

    crewai_event.py none|crewai|headcount ENDPOINT
"""

import json
import time
from datetime import datetime

import crewai_subject

crewai_subject.begin()

from crewai import Agent, Crew, Task  # noqa: E402
from crewai.tasks.task_output import TaskOutput  # noqa: E402
from crewai.telemetry.telemetry import Telemetry  # noqa: E402
from crewai.tools import tool  # noqa: E402

bus, tools, crews, tasks = crewai_subject.events()
CHUNK, CHUNKS = 200, 10


@tool("Word Counter")
def word_counter(text: str) -> str:
    """Counts the words of a text."""
    return text


def a_crew():
    agents = [Agent(role=f"Role {n}", goal="goal", backstory="story", tools=[word_counter]) for n in (1, 2)]
    work = [Task(description=f"work {n}", expected_output="facts", agent=agents[n - 1]) for n in (1, 2)]
    return Crew(agents=agents, tasks=work)


crew = a_crew()
for each in crew.agents:
    each.crew = crew
agent, task = crew.agents[0], crew.tasks[0]
output = TaskOutput(description="d", agent="a", raw="done")
client = Telemetry()


class Source:
    """What tells of a tool call by text, as far as handlers look at it."""

    def __init__(self):
        self.agent, self.task, self.tools, self.function_calling_llm = agent, task, [word_counter], None


source = Source()


def tool_use(number):
    """One use of a tool: what `ToolUsage` does for it, the call of CrewAI's own client among it."""
    named = {"tool_name": "word_counter", "tool_args": {"text": str(number)}, "agent": agent, "run_attempts": 1}
    now = datetime.now()
    begun = tools.ToolUsageStartedEvent(**named)
    done = tools.ToolUsageFinishedEvent(**named, started_at=now, finished_at=now, output="done")

    def use():
        bus.emit(source, begun)
        client.tool_usage(llm=None, tool_name="word_counter", attempts=1)
        bus.emit(source, done)

    return use


def task_run(_number):
    begun = tasks.TaskStartedEvent(context="", task=task)
    done = tasks.TaskCompletedEvent(output=output, task=task)

    def run():
        bus.emit(task, begun)
        bus.emit(task, done)

    return run


def crew_run(_number):
    begun = crews.CrewKickoffStartedEvent(crew_name="crew", inputs={"topic": "x"})
    done = crews.CrewKickoffCompletedEvent(crew_name="crew", output=output)

    def run():
        bus.emit(crew, begun)
        bus.emit(crew, done)

    return run


def measure(make):
    """The best chunk of several: nanoseconds on this thread, and of the process."""
    walls, cpus = [], []
    for _ in range(CHUNKS):
        work = [make(number) for number in range(CHUNK)]
        crewai_subject.settle(bus)
        cpu, thread = time.process_time_ns(), time.thread_time_ns()
        for each in work:
            each()
        walls.append((time.thread_time_ns() - thread) / CHUNK)
        crewai_subject.settle(bus)
        cpus.append((time.process_time_ns() - cpu) / CHUNK)
    return {"thread": sorted(walls)[len(walls) // 2], "process": sorted(cpus)[len(cpus) // 2]}


bus.emit(crew, crews.CrewKickoffStartedEvent(crew_name="crew", inputs={}))
found = {"tool use": measure(tool_use), "task": measure(task_run)}
bus.emit(crew, crews.CrewKickoffCompletedEvent(crew_name="crew", output=output))
found["crew of two"] = measure(crew_run)
print(json.dumps(found), flush=True)
import os  # noqa: E402

os._exit(0)
