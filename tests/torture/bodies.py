"""Requests whose rows can be counted: each span is a crew with an id of its own, which says its batch and its place there."""

import hashlib
import os
import struct
import time
from dataclasses import dataclass, field

SPANS = 40


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _bytes(number: int, value: bytes) -> bytes:
    """A length-delimited field of protobuf."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _attribute(key: str, value: bytes) -> bytes:
    return _bytes(1, key.encode()) + _bytes(2, value)


def _text(value: str) -> bytes:
    return _bytes(1, value.encode())


def _integer(value: int) -> bytes:
    return b"\x18" + _varint(value)


RESOURCE = b"".join(
    _bytes(1, _attribute(key, _text(value)))
    for key, value in (
        ("service.name", "headcount"),
        ("versions.framework", "torture"),
        ("versions.framework_version", "1.0.0"),
    )
)
SCOPE = _bytes(1, _bytes(1, b"headcount") + _bytes(2, b"1.0.0"))


def _span(batch: int, place: int, nanoseconds: int, more: bytes) -> bytes:
    crew = f"{batch:08x}-0000-4000-8000-{place:012x}"
    return b"".join(
        (
            b"\x0a\x10" + struct.pack(">QQ", batch + 1, place),
            b"\x12\x08" + struct.pack(">Q", place + 1),
            _bytes(5, b"Crew Created"),
            # Fields 7 and 8, the start and the end, are of a fixed length.
            struct.pack("<BQBQ", 7 << 3 | 1, nanoseconds, 8 << 3 | 1, nanoseconds),
            _bytes(9, _attribute("crew.id", _text(crew))),
            _bytes(9, _attribute("crew.task_count", _integer(place))),
            more,
        )
    )


@dataclass
class Receipt:
    """Lets its sender have the rows erased that came under it: docs/formats/http.md."""

    token: bytes = field(default_factory=lambda: os.urandom(16))
    is_ordered: bool = False
    is_accepted: bool = False

    @property
    def header(self) -> str:
        return hashlib.sha256(b"headcount receipt v1" + self.token).digest()[:16].hex()


@dataclass
class Batch:
    """One request; its bytes are the same whenever it is sent again."""

    number: int
    receipt: Receipt | None = None
    spans: int = SPANS
    # Bytes that each span has in an attribute that the catalog does not know, so that a body is large and cheap to build.
    padding: int = 0
    nanoseconds: int = field(default_factory=time.time_ns)

    @property
    def body(self) -> bytes:
        more = _bytes(9, _attribute("torture.padding", _text("x" * self.padding))) if self.padding else b""
        spans = b"".join(_bytes(2, _span(self.number, place, self.nanoseconds, more)) for place in range(self.spans))
        return _bytes(1, _bytes(1, RESOURCE) + _bytes(2, SCOPE + spans))

    @property
    def headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/x-protobuf"}
        if self.receipt:
            headers["headcount-receipt"] = self.receipt.header
        return headers


def rejected_spans(answer: bytes) -> int:
    """`partial_success.rejected_spans` of an ExportTraceServiceResponse."""
    if answer[:1] != b"\x0a" or answer[2:3] != b"\x08":
        return 0
    number, shift = 0, 0
    for byte in answer[3:]:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return number
