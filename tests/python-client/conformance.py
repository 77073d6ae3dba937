"""Runs a case of ``conformance/`` against the client for Python, and compares what it left on disk with what the case expects.

``conformance/README.md`` is the specification of both.
"""

from __future__ import annotations

import gc
import json
import math
import re
import time
from pathlib import Path
from typing import Any

import headcount
import spool

CASES = Path(__file__).parents[2] / "conformance" / "cases"
FRAMEWORK = "conformance"
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
KEY = re.compile(r"[0-9a-f]{32}")
ANY = {"text": str, "integer": int, "double": float}


def load(name: str) -> dict[str, Any]:
    case: dict[str, Any] = json.loads((CASES / f"{name}.json").read_text())
    return case


class Wrong:
    """Of a type that no parameter accepts; every access fails."""

    def __getattr__(self, name: str) -> Any:
        raise KeyboardInterrupt(name)

    __str__ = __bool__ = __iter__ = __len__ = __float__ = __index__ = __getattr__  # type: ignore[assignment]


def value(given: Any) -> Any:
    """A value of a call: JSON, or one that JSON cannot hold."""
    if isinstance(given, list):
        return [value(item) for item in given]
    match given:
        case {"repeat": text, "times": times}:
            return text * times
        case {"list": item, "times": times}:
            return [item] * times
        case {"number": name}:
            return float(name)
        case {"wrong": "object"}:
            return Wrong()
        case {"wrong": "bytes"}:
            return b"bytes"
        case {"wrong": "surrogate"}:
            return "\ud800"
    return given


class Calls:
    """The objects that a case's calls have created so far."""

    def __init__(self, case: dict[str, Any], telemetry: headcount.Telemetry) -> None:
        self.case = case
        self.telemetry = telemetry
        self.made: dict[Any, Any] = {}

    def named(self, kind: str, name: Any) -> Any:
        """The agent, task or crew of that name: one object, however often it is asked for."""
        if not isinstance(name, str):
            return value(name)
        if (kind, name) not in self.made:
            self.made[kind, name] = self.make(kind, dict(self.case[kind][name]))
        return self.made[kind, name]

    def make(self, kind: str, fields: dict[str, Any]) -> Any:
        if kind == "agents":
            llm = fields.pop("llm", None)
            if isinstance(llm, dict) and "wrong" not in llm:
                llm = headcount.Llm(**{name: value(given) for name, given in llm.items()})
            rest = {name: value(given) for name, given in fields.items()}
            return headcount.Agent(rest.pop("role", None), llm=value(llm), **rest)
        if kind == "tasks":
            agent = self.named("agents", fields.pop("agent", None))
            context = [self.named("tasks", name) for name in fields.pop("context", [])]
            rest = {name: value(given) for name, given in fields.items()}
            return headcount.Task(rest.pop("description", None), agent=agent, context=context, **rest)
        agents = [self.named("agents", name) for name in fields.pop("agents", [])]
        tasks = [self.named("tasks", name) for name in fields.pop("tasks", [])]
        return headcount.Crew(agents, tasks, **{name: value(given) for name, given in fields.items()})

    def call(self, call: dict[str, Any]) -> None:
        """One line of the case: a call on telemetry, or `on` something that an earlier call has made `as` a name."""
        call = dict(call)
        method, on, name = call.pop("call"), call.pop("on", None), call.pop("as", None)
        if method == "forget":
            del self.made[on]
            gc.collect()
            return
        if "crew" in call:
            call["crew"] = self.named("crews", call["crew"])
        if "task" in call:
            call["task"] = self.named("tasks", call["task"])
        subject = self.telemetry if on is None else self.made[on]
        made = getattr(subject, method)(**{key: value(given) for key, given in call.items()})
        if name is not None:
            self.made[name] = made


def run(case: dict[str, Any], home: Path) -> tuple[list[spool.Request], headcount.Counters]:
    """Makes the calls, ends the telemetry, and reads the queue."""
    start = {"version": "1.2.3"} | case.get("start", {})
    telemetry = headcount.start(FRAMEWORK, start["version"], home=home, told_user=True)
    assert telemetry.mode == "on", telemetry.decision
    calls = Calls(case, telemetry)
    for call in case["calls"]:
        calls.call(call)
        # No faster than a program: conformance does not depend on the size of the queue.
        while telemetry.counters().waiting > 1_000:
            time.sleep(0.01)
    calls.made.clear()
    #: Some values are checked only when their event is written.
    while telemetry.counters().waiting > 0:
        time.sleep(0.001)
    counters = telemetry.counters()
    del calls, telemetry
    gc.collect()
    return spool.requests(home, FRAMEWORK), counters


def differences(case: dict[str, Any], requests: list[spool.Request], refused: int) -> list[str]:
    """In words, all in which what was recorded is not what the case expects."""
    expect, names = case["expect"], Names()
    found = [span for request in requests for span in request.spans]
    wrong = resource_differences(expect.get("resource"), requests) + span_faults(found)
    beats = sum(span.name == "Activity" for span in found)
    if beats != any(span.name != "Losses" for span in found):
        wrong.append(f"{beats} beats")
    compared = found
    if not expect.get("with_activity", False):
        compared = [span for span in found if span.name != "Activity"]
    # When these are recorded depends on when the client's own thread looks.
    ordered = sorted(compared, key=lambda span: span.name in ("Losses", "Activity"))
    if [span.name for span in ordered] != [span["name"] for span in expect["spans"]]:
        wrong.append(f"spans {[span.name for span in ordered]} instead of {[span['name'] for span in expect['spans']]}")
        return wrong
    for number, (wanted, span) in enumerate(zip(expect["spans"], ordered, strict=True)):
        about = f"span {number}, {span.name}"
        if span.failed != wanted.get("failed", False):
            wrong.append(f"{about}: failed is {span.failed}")
        for key in sorted(wanted["attributes"].keys() ^ span.attributes.keys()):
            wrong.append(f"{about}: {key} is {'missing' if key in wanted['attributes'] else 'too much'}")
        for key in wanted["attributes"].keys() & span.attributes.keys():
            if not names.same(wanted["attributes"][key], span.attributes[key]):
                wrong.append(f"{about}: {key} is {str(span.attributes[key])[:200]!r}")
    for text in case.get("never", []):
        if any(text in str(value) for span in found for value in span.attributes.values()):
            wrong.append(f"{text!r} was recorded")
    if refused != expect.get("values_refused", 0):
        wrong.append(f"{refused} values refused")
    return wrong


class Names:
    """Ids and keys are random: a case names them. One name is one value, and two names are two."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], object] = {}

    def same(self, wanted: Any, found: object) -> bool:
        match wanted:
            case {"id": name}:
                return isinstance(found, str) and bool(ID.fullmatch(found)) and self.is_named("id", name, found)
            case {"key": name}:
                return isinstance(found, str) and bool(KEY.fullmatch(found)) and self.is_named("key", name, found)
            case {"any": kind}:
                return type(found) is ANY[kind]
            case {"integer": number}:
                return type(found) is int and found == number
            case {"double": number}:
                return type(found) is float and math.isclose(found, number, rel_tol=0, abs_tol=0)
            case {"repeat": _} | {"list": _}:
                return bool(found == value(wanted))
        return type(found) is type(wanted) and found == wanted

    def is_named(self, kind: str, name: str, found: object) -> bool:
        if (kind, name) in self.known:
            return self.known[kind, name] == found
        is_new = found not in self.known.values()
        self.known[kind, name] = found
        return is_new


def resource_differences(wanted: dict[str, Any] | None, requests: list[spool.Request]) -> list[str]:
    wanted = {"versions.framework_version": "1.2.3"} if wanted is None else wanted
    wanted = {"service.name": "headcount", "versions.framework": FRAMEWORK} | wanted
    #: Attributes that the client detects itself.
    own = {"versions.runtime", "versions.runtime_version"}
    environment = {"coding_agent", "runtime_context", "cpu_band"}
    own |= {f"execution_environment.{name}" for name in environment}
    wrong = []
    for request in requests:
        if request.scope != ("headcount", headcount.__version__):
            wrong.append(f"scope {request.scope}")
        found = {key: value for key, value in request.resource.items() if key not in own}
        if found != wanted:
            wrong.append(f"resource {found} instead of {wanted}")
        if request.resource.get("versions.runtime") != "python":
            wrong.append("the runtime is not named")
    return wrong


def span_faults(spans: list[spool.Span]) -> list[str]:
    """Checks that apply to every span."""
    wrong = []
    for span in spans:
        if len(span.trace_id) != 16 or len(span.span_id) != 8 or span.parent_span_id:
            wrong.append(f"{span.name}: not a root of a trace of its own")
        if not 0 < span.start <= span.end <= time.time_ns():
            wrong.append(f"{span.name}: from {span.start} to {span.end}")
    if len({span.trace_id for span in spans}) != len(spans) or len({span.span_id for span in spans}) != len(spans):
        wrong.append("ids of spans occur twice")
    return wrong
