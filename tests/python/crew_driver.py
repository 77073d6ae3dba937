"""Runs one real crew of the installed CrewAI and prints, as its last line, what it was made of.

    crew_driver.py default|shared TRACES_URL MODEL_URL

Only the exporter's address is changed: the library has no setting for it.
"""

import json
import os
import sys

scenario, traces_url, model_url = sys.argv[1:4]
os.environ.update(
    OPENAI_API_KEY="sk-test",
    OPENAI_API_BASE=model_url,
    OPENAI_BASE_URL=model_url,
    OPENAI_MODEL_NAME="gpt-4o-mini",
    CREWAI_TRACING_ENABLED="false",
    CREWAI_TESTING="true",
)

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: E402

construct = OTLPSpanExporter.__init__


def construct_elsewhere(self, *arguments, **options):
    if "crewai.com" in str(options.get("endpoint", "")):
        options["endpoint"] = traces_url
    construct(self, *arguments, **options)


OTLPSpanExporter.__init__ = construct_elsewhere

import crewai  # noqa: E402
from crewai import Agent, Crew, Process, Task  # noqa: E402
from crewai.telemetry import Telemetry  # noqa: E402
from crewai.tools import tool  # noqa: E402


@tool("Word Counter")
def word_counter(text: str) -> str:
    """Counts the words of a text."""
    return f"CANARY-RESULT {len(text.split())} words"


def agent(role: str, **settings) -> Agent:
    return Agent(
        role=role,
        goal=f"CANARY-GOAL of {role}",
        backstory=f"CANARY-BACKSTORY of {role}",
        allow_delegation=False,
        max_iter=6,
        **settings,
    )


researcher = agent("Senior Researcher", tools=[word_counter], max_rpm=30)
writer = agent("Report Writer")
research = Task(
    description="CANARY-DESCRIPTION look into {topic}",
    expected_output="CANARY-EXPECTED facts",
    agent=researcher,
)
report = Task(
    description="CANARY-DESCRIPTION write it up",
    expected_output="CANARY-EXPECTED a page",
    agent=writer,
    context=[research],
)
crew = Crew(
    agents=[researcher, writer],
    tasks=[research, report],
    process=Process.sequential,
    share_crew=scenario == "shared",
    verbose=False,
)
output = crew.kickoff(inputs={"topic": "CANARY-INPUT"})

# Event handlers run on a pool of their own: wait for them before the exporter is emptied.
from crewai.events.event_bus import crewai_event_bus  # noqa: E402

crewai_event_bus.flush(timeout=10)
Telemetry().provider.force_flush()

print(
    json.dumps(
        {
            "version": crewai.__version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            "crew": {"id": str(crew.id), "key": crew.key},
            "agents": [{"id": str(each.id), "key": each.key, "role": each.role} for each in crew.agents],
            "tasks": [
                {"id": str(each.id), "key": each.key, "output": each.output.raw} for each in crew.tasks
            ],
            "output": str(output),
        }
    )
)
