"""Whole kickoffs of a crew whose model answers at once: milliseconds of each, and of the processor in all threads.

    kickoff.py crewai ENDPOINT

All three kinds take turns in this one process, so that a round is disturbed by the same things.
"""

import json
import os
import time
from contextlib import contextmanager

import subject

subject.begin()

import headcount.crewai  # noqa: E402
from crewai import Agent, BaseLLM, Crew, Task  # noqa: E402
from crewai.telemetry.telemetry import Telemetry  # noqa: E402
from crewai.tools import tool  # noqa: E402

bus, _, _, _ = subject.events()
client = Telemetry()
telemetry = headcount.start("crewai", "1", endpoint=subject.ENDPOINT, told_user=True)
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


@contextmanager
def nothing():
    """CrewAI's own client is asked, at each call, whether it is off."""
    asks = Telemetry.__dict__["_is_telemetry_disabled"]
    Telemetry._is_telemetry_disabled = classmethod(lambda _client: True)
    yield
    Telemetry._is_telemetry_disabled = asks


@contextmanager
def theirs():
    yield
    # What it has to send is not to disturb the next.
    client.provider.force_flush()


@contextmanager
def ours():
    with headcount.crewai.install(telemetry):
        yield
    telemetry.flush(1)


KINDS = {"none": nothing, "headcount": ours, "crewai": theirs}


def milliseconds(kind):
    """Of one kickoff on this thread, and of the processor until nothing is under way."""
    crew = a_crew()
    with KINDS[kind]():
        began, worked = time.perf_counter(), time.process_time()
        crew.kickoff(inputs={"topic": "telemetry"})
        ended = time.perf_counter()
        subject.settle(bus)
        return {"kickoff": (ended - began) * 1e3, "processor": (time.process_time() - worked) * 1e3}


def a_round(number):
    turns = [*KINDS][number % 3 :] + [*KINDS][: number % 3]
    return {kind: milliseconds(kind) for kind in turns}


counted = [a_round(number) for number in range(WARM + COUNTED)][WARM:]
if asked != 4 * 3 * (WARM + COUNTED):
    raise SystemExit(f"the model was asked {asked} times")
if telemetry.books().dropped or not telemetry.books().recorded:
    raise SystemExit(str(telemetry.books()))
print(json.dumps(counted), flush=True)
os._exit(0)
