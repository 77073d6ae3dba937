"""A process with CrewAI in it: with no telemetry, with CrewAI's own, or with Headcount's listener.

    crewai_subject.py none|crewai|headcount ENDPOINT
"""

import os
import sys

TELEMETRY, ENDPOINT = sys.argv[1:3]
os.environ.update(OPENAI_API_KEY="sk-none", CREWAI_TRACING_ENABLED="false", CREWAI_TESTING="true")
os.environ["HTTP_PROXY"] = os.environ["HTTPS_PROXY"] = "http://127.0.0.1:9"
os.environ["NO_PROXY"] = "127.0.0.1,localhost,collector.example.org"


def begin() -> None:
    """Imports CrewAI with the telemetry that is measured, and nothing else that sends."""
    if TELEMETRY == "headcount":
        import headcount.crewai

        headcount.crewai.install(endpoint=ENDPOINT, told_user=True)
        return
    if TELEMETRY == "none":
        # Asked at each call and at construction, as its own switch; without a variable, so that all three are alike.
        os.environ["CREWAI_DISABLE_TELEMETRY"] = "true"
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    construct = OTLPSpanExporter.__init__

    def construct_elsewhere(self, *arguments, **options):
        if "crewai.com" in str(options.get("endpoint", "")):
            options["endpoint"] = f"{ENDPOINT}/v1/traces"
        construct(self, *arguments, **options)

    OTLPSpanExporter.__init__ = construct_elsewhere


def events():
    """The modules of CrewAI's events, wherever this release keeps them."""
    from importlib import import_module

    try:
        names = ("crewai.events.event_bus", "crewai.events.types.tool_usage_events")
        bus, tools = (import_module(name) for name in names)
        crews, tasks = (import_module(f"crewai.events.types.{name}_events") for name in ("crew", "task"))
    except ImportError:
        bus = import_module("crewai.utilities.events.crewai_event_bus")
        names = ("tool_usage", "crew", "task")
        tools, crews, tasks = (import_module(f"crewai.utilities.events.{name}_events") for name in names)
    return bus.crewai_event_bus, tools, crews, tasks


def settle(bus) -> None:
    """Waits for handlers that run on other threads."""
    flush = getattr(bus, "flush", None)
    if flush is not None:
        flush()
    elif hasattr(bus, "_sync_executor"):
        # Before 1.3 the bus itself cannot say.
        waiting = [bus._sync_executor.submit(lambda: None) for _ in range(64)]
        for each in waiting:
            each.result()
