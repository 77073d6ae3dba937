"""The stock exporters of OpenTelemetry for Python, over both protocols and each compression they offer."""

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace.export import SpanExportResult

import crewai_spans


def http(compression):
    return lambda collector: HttpExporter(endpoint=collector.traces_url, compression=compression, timeout=10)


def over_grpc(compression):
    return lambda collector: GrpcExporter(
        endpoint=collector.grpc_target, insecure=True, compression=compression, timeout=10
    )


EXPORTERS = {
    "http": http(Compression.NoCompression),
    "http-gzip": http(Compression.Gzip),
    "http-deflate": http(Compression.Deflate),
    "grpc": over_grpc(grpc.Compression.NoCompression),
    "grpc-gzip": over_grpc(grpc.Compression.Gzip),
}


@pytest.mark.parametrize("endpoint", EXPORTERS)
def test_what_the_exporter_sends_is_in_the_tables(collector, endpoint):
    run = crewai_spans.Run()
    exporter = EXPORTERS[endpoint](collector)
    assert exporter.export(run.spans()) == SpanExportResult.SUCCESS
    exporter.shutdown()

    [crew] = collector.sql("SELECT * FROM crews")
    assert (crew["framework"], crew["framework_version"]) == ("crewai", crewai_spans.VERSION)
    assert (crew["runtime"], crew["runtime_version"]) == ("python", "3.11.7")
    assert (crew["id"], crew["process"]) == (run.crew_id, "sequential")
    # false and 0 are values, not gaps.
    assert (crew["memory"], crew["inputs_present"]) == (False, True)
    assert (crew["task_count"], crew["agent_count"]) == (1, 1)
    assert crew["key"] and crew["key"] != crewai_spans.CREW_KEY

    [agent] = collector.sql("SELECT * FROM agents")
    assert (agent["id"], agent["role"]) == (run.agent_id, "R\u00e9dacteur")
    assert (agent["verbose"], agent["delegation_enabled"], agent["code_execution_allowed"]) == (False, False, True)
    assert (agent["max_iterations"], agent["max_rpm"], agent["max_retry_limit"]) == (25, None, 0)
    assert agent["tool_names"] == ["word_counter", "read_a_file"]

    [task] = collector.sql("SELECT * FROM tasks")
    assert (task["id"], task["async_execution"], task["human_input"]) == (run.task_id, False, True)
    assert task["agent_key"] == agent["key"]

    [tool] = collector.sql("SELECT * FROM tool_uses")
    assert (tool["tool_name"], tool["attempts"], tool["outcome"]) == ("word_counter", 0, "used")

    [done] = collector.sql("SELECT * FROM crew_completions")
    assert (done["outcome"], done["duration"]) == ("completed", pytest.approx(1.5005))

    [ran] = collector.sql("SELECT duration FROM task_runs WHERE ended IS NOT NULL")
    assert ran["duration"] == pytest.approx(1.5)


def test_a_span_of_the_host_is_refused_and_counted(collector):
    exporter = EXPORTERS["http"](collector)
    assert exporter.export(crewai_spans.Run().spans()) == SpanExportResult.SUCCESS
    refusals = collector.sql("SELECT * FROM refusals")
    assert any(refusal["span"] == "(unknown)" and refusal["count"] == 1 for refusal in refusals)
    assert collector.files_with("CANARY") == []
    assert collector.tables_with("CANARY") == set()


def test_a_batch_sent_twice_is_counted_once(collector):
    spans = crewai_spans.Run().spans()
    for endpoint in ("http", "grpc", "http-gzip"):
        assert EXPORTERS[endpoint](collector).export(spans) == SpanExportResult.SUCCESS
    for table in ("crews", "agents", "tasks", "tool_uses", "crew_completions"):
        assert collector.sql(f"SELECT count(*) AS n FROM {table}") == [{"n": 1}], table


def test_what_was_acknowledged_outlives_a_kill(collector):
    runs = [crewai_spans.Run() for _ in range(20)]
    exporter = EXPORTERS["http"](collector)
    for run in runs:
        assert exporter.export(run.spans()) == SpanExportResult.SUCCESS
    collector.kill()
    collector.start()
    ids = {row["id"] for row in collector.sql("SELECT id FROM crews")}
    assert ids == {run.crew_id for run in runs}
    assert collector.sql("SELECT count(*) AS n FROM crews") == [{"n": len(runs)}]
