"""What one event costs, in microseconds: on the thread that works, and in the process until all handlers are done.

    event.py crewai ENDPOINT
"""

import json
import os
import time
from datetime import datetime

import subject
import turns

from crewai import Agent, Crew, Task
from crewai.tasks.task_output import TaskOutput
from crewai.tools import tool

bus, tools, crews, tasks = subject.events()
# All events of a chunk fit into the client's queue.
CHUNK, WARM, COUNTED = 200, 2, 15


@tool("Word Counter")
def word_counter(text: str) -> str:
    """Counts the words of a text."""
    return text


def a_crew():
    agents = [Agent(role=f"Role {n}", goal="goal", backstory="story", tools=[word_counter]) for n in (1, 2)]
    work = [Task(description=f"work {n}", expected_output="facts", agent=agents[n - 1]) for n in (1, 2)]
    return Crew(agents=agents, tasks=work)


crew, other = a_crew(), a_crew()
for each in (*crew.agents, *other.agents):
    each.crew = crew
agent, task = crew.agents[0], crew.tasks[0]
output = TaskOutput(description="d", agent="a", raw="done")


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
        turns.client.tool_usage(llm=None, tool_name="word_counter", attempts=1)
        bus.emit(source, done)

    return use


def task_run(_number):
    begun = tasks.TaskStartedEvent(context="", task=task)
    done = tasks.TaskCompletedEvent(output=output, task=task)

    def run():
        bus.emit(task, begun)
        bus.emit(task, done)

    return run


def other_crew_run(_number):
    begun = crews.CrewKickoffStartedEvent(crew_name="crew", inputs={"topic": "x"})
    done = crews.CrewKickoffCompletedEvent(crew_name="crew", output=output)

    def run():
        bus.emit(other, begun)
        bus.emit(other, done)

    return run


def microseconds(make, kind):
    """Of one event in a chunk of them, made before and told while a crew is at work."""
    work = [make(number) for number in range(CHUNK)]
    with turns.KINDS[kind]():
        bus.emit(crew, crews.CrewKickoffStartedEvent(crew_name="crew", inputs={}))
        subject.settle(bus)
        worked, on_thread = time.process_time(), time.thread_time()
        for each in work:
            each()
        on_thread = time.thread_time() - on_thread
        subject.settle(bus)
        worked = time.process_time() - worked
        bus.emit(crew, crews.CrewKickoffCompletedEvent(crew_name="crew", output=output))
        subject.settle(bus)
    return {"thread": on_thread * 1e6 / CHUNK, "process": worked * 1e6 / CHUNK}


KINDS = {"tool use": tool_use, "task": task_run, "crew of two": other_crew_run}
found = {}
for what, make in KINDS.items():
    found[what] = turns.rounds(lambda kind, make=make: microseconds(make, kind), WARM, COUNTED)
print(json.dumps(found), flush=True)
os._exit(0)
