"""Spans in the shape of CrewAI 1.15.30, made with the stock SDK."""

import json
import time
import uuid

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

VERSION = "1.15.30"
STAMPS = {
    "coding_agent": "claude_code",
    "runtime_context": "ci",
    "cpu_band": "3-4",
    "project_id": "",
    "crewai_version": VERSION,
}
CREW_KEY = "816171031b04724116eca0ca6b1259a2"
AGENT_KEY = "217853acf85ea464b8e33c2037bb0176"
TASK_KEY = "0fda151a285bb600637c67c016d7ed37"


class Run:
    """One crew's run: one agent, one task, one tool; and a span that no catalog knows."""

    def __init__(self):
        self.crew_id, self.agent_id, self.task_id = (str(uuid.uuid4()) for _ in range(3))
        self.started = time.time_ns() - 2_000_000_000
        self.ended = self.started + 1_500_000_000

    def spans(self) -> list[ReadableSpan]:
        kept = InMemorySpanExporter()
        provider = TracerProvider(resource=Resource(attributes={SERVICE_NAME: "crewAI-telemetry"}))
        provider.add_span_processor(SimpleSpanProcessor(kept))
        tracer = provider.get_tracer("crewai.telemetry")
        for name, attributes in self._described().items():
            span = tracer.start_span(name, start_time=self.started, attributes=STAMPS | attributes)
            span.set_status(Status(StatusCode.OK))
            span.end(self.ended)
        provider.shutdown()
        return list(kept.get_finished_spans())

    def _described(self) -> dict[str, dict]:
        agent = {
            "key": AGENT_KEY,
            "id": self.agent_id,
            "role": "R\u00e9dacteur",
            "verbose?": False,
            "max_iter": 25,
            "max_rpm": None,
            "function_calling_llm": "",
            "llm": "gpt-4o-mini",
            "delegation_enabled?": False,
            "allow_code_execution?": True,
            "max_retry_limit": 0,
            "tools_names": ["word_counter", "read_a_file"],
        }
        task = {
            "key": TASK_KEY,
            "id": self.task_id,
            "async_execution?": False,
            "human_input?": True,
            "agent_role": "R\u00e9dacteur",
            "agent_key": AGENT_KEY,
            "tools_names": ["word_counter"],
        }
        crew = {"crew_key": CREW_KEY, "crew_id": self.crew_id}
        return {
            "Crew Created": {
                **crew,
                "python_version": "3.11.7",
                "crew_process": "sequential",
                "crew_memory": "false",
                "crew_inputs_present": "true",
                "crew_number_of_tasks": 1,
                "crew_number_of_agents": 1,
                "crew_agents": json.dumps([agent]),
                "crew_tasks": json.dumps([task]),
            },
            "Task Created": {**crew, "task_key": TASK_KEY, "task_id": self.task_id},
            "Task Execution": {**crew, "task_key": TASK_KEY, "task_id": self.task_id},
            "Tool Usage": {"tool_name": "word_counter", "attempts": 0},
            "Crew Completed": {**crew, "duration_ms": 1500.5, "outcome": "completed"},
            "SELECT customers": {"db.statement": "SELECT 'CANARY-HOST-SPAN'"},
        }
