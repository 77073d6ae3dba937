"""Runs one of `scenarios.py` or `behaviour.py` with the installed CrewAI and Headcount, and prints, as its last
line, what it did.

    crews.py SCENARIO SETTINGS

SETTINGS is JSON: `model` (the stub's address), `collector`, `sink` (where CrewAI's own client would send), `how`
(`install`, `late`, `with`, `variable`, `none`), `options` of `install`, and the scenario's own values.
"""

import json
import os
import sys

scenario, settings = sys.argv[1], json.loads(sys.argv[2])
os.environ.update(
    OPENAI_API_KEY="sk-test",
    OPENAI_API_BASE=settings["model"],
    OPENAI_BASE_URL=settings["model"],
    OPENAI_MODEL_NAME="gpt-4o-mini",
    CREWAI_TRACING_ENABLED="false",
    CREWAI_TESTING="true",
    CREWAI_STORAGE_DIR="storage",
    LITELLM_LOCAL_MODEL_COST_MAP="True",
    ANONYMIZED_TELEMETRY="false",
    # Connections to other machines fail.
    HTTP_PROXY="http://127.0.0.1:9",
    HTTPS_PROXY="http://127.0.0.1:9",
    NO_PROXY="127.0.0.1,localhost",
)


def redirect_crewais_own_client() -> None:
    """CrewAI has no setting for the address of its own client."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    construct = OTLPSpanExporter.__init__

    def construct_elsewhere(self, *arguments, **options):
        if "crewai.com" in str(options.get("endpoint", "")):
            options["endpoint"] = settings.get("sink", "http://127.0.0.1:9/v1/traces")
        construct(self, *arguments, **options)

    OTLPSpanExporter.__init__ = construct_elsewhere


def count_words_offline() -> None:
    """Some releases count tokens with tables that they would fetch."""
    try:
        import tiktoken
    except ImportError:
        return

    class Words:
        name = "words"

        def encode(self, text, **_):
            return list(range(len(str(text).split())))

        encode_ordinary = encode

    tiktoken.encoding_for_model = lambda _model: Words()
    tiktoken.get_encoding = lambda _name: Words()


redirect_crewais_own_client()
count_words_offline()
how = settings.get("how", "install")
if how == "late":
    import crewai  # noqa: F401

import headcount.crewai  # noqa: E402

installed = None
if how in ("install", "late", "with"):
    options = {"endpoint": settings["collector"], "told_user": True} | settings.get("options", {})
    installed = headcount.crewai.install(**options)
if how == "variable":
    import crewai  # noqa: F401, F811

    installed = headcount.crewai.installed()

import behaviour  # noqa: E402
import scenarios  # noqa: E402

play = getattr(scenarios, scenario, None) or getattr(behaviour, scenario)

if how == "with":
    with installed:
        did = play(settings)
else:
    did = play(settings)

from importlib.metadata import version  # noqa: E402

did |= {"version": version("crewai"), "python": ".".join(map(str, sys.version_info[:3]))}
if installed is not None:
    counters = installed.telemetry.counters()
    did["decision"] = str(installed.telemetry.decision)
    did["sent"] = installed.telemetry.flush(20.0)
    did["dropped"], did["refused"] = counters.dropped, counters.values_refused
    did["puzzled"] = installed.puzzled
print(json.dumps(did), flush=True)
# Some of CrewAI's own threads outlive their work; the test must not wait for them.
sys.stdout.flush()
if not settings.get("end"):
    os._exit(0)
