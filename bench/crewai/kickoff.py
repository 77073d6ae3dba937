"""Whole kickoffs of a crew whose model answers at once: milliseconds of each, and of the processor in all threads.

    kickoff.py crewai ENDPOINT
"""

import json
import os
import time

import subject
import turns

from crewai import Agent, BaseLLM, Crew, Task
from crewai.tools import tool

bus, _, _, _ = subject.events()
WARM, COUNTED = 3, 30
asked = 0


class Scripted(BaseLLM):
    """Calls the tool once, then answers."""

    def call(self, messages, *_arguments, **_options):
        global asked
        asked += 1
        if "COUNTED" in str(messages):
            return "Thought: I now know the final answer\nFinal Answer: done"
        return f'Thought: I count\nAction: Word Counter\nAction Input: {{"text": "{asked}"}}'

    def supports_function_calling(self):
        return False

    def supports_stop_words(self):
        return False

    def get_context_window_size(self):
        return 100_000


@tool("Word Counter")
def word_counter(text: str) -> str:
    """Counts the words of a text."""
    return f"COUNTED {len(text.split())}"


def a_crew():
    model = Scripted(model="scripted", temperature=0.5)
    agents = [Agent(role=f"Role {n}", goal="goal", backstory="story", tools=[word_counter], llm=model) for n in (1, 2)]
    work = [Task(description=f"about {{topic}} {n}", expected_output="facts", agent=agents[n - 1]) for n in (1, 2)]
    return Crew(agents=agents, tasks=work)


def milliseconds(kind):
    """Of one kickoff on this thread, and of the processor until nothing is under way."""
    crew = a_crew()
    with turns.KINDS[kind]():
        began, worked = time.perf_counter(), time.process_time()
        crew.kickoff(inputs={"topic": "telemetry"})
        ended = time.perf_counter()
        subject.settle(bus)
        return {"kickoff": (ended - began) * 1e3, "processor": (time.process_time() - worked) * 1e3}


counted = turns.rounds(milliseconds, WARM, COUNTED)
if asked != 4 * 3 * (WARM + COUNTED):
    raise SystemExit(f"the model was asked {asked} times")
print(json.dumps(counted), flush=True)
os._exit(0)
