"""Peak resident memory and threads after many crews.

    crewai_memory.py none|crewai|headcount ENDPOINT
"""

import json
import threading
from pathlib import Path

import crewai_subject

crewai_subject.begin()

from crewai import Agent, Crew, Task  # noqa: E402
from crewai.tasks.task_output import TaskOutput  # noqa: E402

bus, _, crews, tasks = crewai_subject.events()
output = TaskOutput(description="d", agent="a", raw="done")


def peak_kib():
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def run_one():
    agent = Agent(role="Role", goal="goal", backstory="story")
    task = Task(description="work", expected_output="facts", agent=agent)
    crew = Crew(agents=[agent], tasks=[task])
    agent.crew = crew
    bus.emit(crew, crews.CrewKickoffStartedEvent(crew_name="crew", inputs={}))
    bus.emit(task, tasks.TaskStartedEvent(context="", task=task))
    bus.emit(task, tasks.TaskCompletedEvent(output=output, task=task))
    bus.emit(crew, crews.CrewKickoffCompletedEvent(crew_name="crew", output=output))
    crewai_subject.settle(bus)


run_one()
before = peak_kib()
for _ in range(1000):
    run_one()
named = [each.name for each in threading.enumerate()]
grown = peak_kib() - before
print(json.dumps({"start_mib": before / 1024, "grown_mib": grown / 1024, "threads": len(named)}), flush=True)
import os  # noqa: E402

os._exit(0)
