"""Reads what a client left on disk, by rules of its own: docs/formats/spool.md and the protobuf of OTLP.

It shares no code with the client, so that a mistake there is not made again here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAGIC = b"HEADCSPL"
BEAT = "Activity"
HEADER_BYTES = 24


@dataclass
class Span:
    """One span, with its attributes as Python values: str, bool, int, float, or a list of str."""

    name: str
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    start: int
    end: int
    failed: bool
    attributes: dict[str, object] = field(default_factory=dict)


@dataclass
class Request:
    """The content of one request."""

    resource: dict[str, object]
    scope: tuple[str, str]
    spans: list[Span]


def bodies(home: Path, framework: str) -> Iterator[bytes]:
    """The bodies that wait, oldest first."""
    for segment in sorted((home / "state" / framework / "spool").glob("*")):
        data = segment.read_bytes()
        if data[:8] == MAGIC:
            yield b"".join(_payloads(data))


def requests(home: Path, framework: str) -> list[Request]:
    return [request for body in bodies(home, framework) for request in decode(body)]


def spans(home: Path, framework: str) -> list[Span]:
    """The events that wait: without the weekly beat, which goes with the first of them."""
    return [span for request in requests(home, framework) for span in request.spans if span.name != BEAT]


def beats(home: Path, framework: str) -> list[Span]:
    """The weekly beats that wait."""
    return [span for request in requests(home, framework) for span in request.spans if span.name == BEAT]


def _payloads(data: bytes) -> Iterator[bytes]:
    at = HEADER_BYTES
    while at + HEADER_BYTES <= len(data):
        (length,) = struct.unpack_from("<I", data, at)
        if length == 0:
            return
        yield data[at + HEADER_BYTES : at + HEADER_BYTES + length]
        at += HEADER_BYTES + length


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protobuf message: number and value."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(data):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            yield number, varint()
        elif kind == 1:
            yield number, data[at : at + 8]
            at += 8
        elif kind == 2:
            length = varint()
            yield number, data[at : at + length]
            at += length
        elif kind == 5:
            yield number, data[at : at + 4]
            at += 4
        else:
            raise ValueError(f"wire type {kind} at {at}")


def _value(data: bytes) -> object:
    for number, value in _fields(data):
        if number == 1:
            return bytes(value).decode()
        if number == 2:
            return bool(value)
        if number == 3:
            return value - (1 << 64) if value >= 1 << 63 else value
        if number == 4:
            return struct.unpack("<d", value)[0]
        if number == 5:
            return [_value(item) for _, item in _fields(value)]
    return None


def _attribute(data: bytes) -> tuple[str, object]:
    parts = dict(_fields(data))
    return parts[1].decode(), _value(parts[2])


def decode(body: bytes) -> Iterator[Request]:
    for _, resource_spans in _fields(body):
        resource: dict[str, object] = {}
        for number, part in _fields(resource_spans):
            if number == 1:
                resource = dict(_attribute(item) for key, item in _fields(part) if key == 1)
            elif number == 2:
                yield _scope_spans(resource, part)


def _scope_spans(resource: dict[str, object], data: bytes) -> Request:
    request = Request(resource, ("", ""), [])
    for number, part in _fields(data):
        if number == 1:
            scope = dict(_fields(part))
            request.scope = (scope[1].decode(), scope[2].decode())
        elif number == 2:
            request.spans.append(_span(part))
    return request


def _span(data: bytes) -> Span:
    span = Span("", b"", b"", b"", 0, 0, False)
    for number, part in _fields(data):
        if number == 1:
            span.trace_id = part
        elif number == 2:
            span.span_id = part
        elif number == 4:
            span.parent_span_id = part
        elif number == 5:
            span.name = part.decode()
        elif number == 7:
            (span.start,) = struct.unpack("<Q", part)
        elif number == 8:
            (span.end,) = struct.unpack("<Q", part)
        elif number == 9:
            key, value = _attribute(part)
            assert key not in span.attributes, f"{key} twice in {span.name}"
            span.attributes[key] = value
        elif number == 15:
            span.failed = dict(_fields(part)).get(3) == 2
    return span
