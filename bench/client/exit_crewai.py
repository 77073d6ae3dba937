"""CrewAI's own client, with its address changed and nothing else: records a span and ends.

    exit_crewai.py TRACES_URL
"""

import sys
import time

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

construct = OTLPSpanExporter.__init__


def construct_elsewhere(self, *arguments, **options):
    if "crewai.com" in str(options.get("endpoint", "")):
        options["endpoint"] = sys.argv[1]
    construct(self, *arguments, **options)


OTLPSpanExporter.__init__ = construct_elsewhere

from crewai.telemetry import Telemetry  # noqa: E402

telemetry = Telemetry()
telemetry.set_tracer()
telemetry.feature_usage_span("memory:save")
time.sleep(0.4)
print("main_ended_nanos", time.time_ns(), flush=True)
