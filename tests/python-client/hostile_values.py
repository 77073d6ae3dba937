"""Values that are of no use to a parameter, by what it takes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any


class Raising:
    """Raises on every access, even errors that are no Exception, so that a call that accesses it would end the host."""

    def _raise(self, *_: object) -> Any:
        raise KeyboardInterrupt("the host's code was run")

    __str__ = __repr__ = __iter__ = __len__ = __bool__ = __float__ = __int__ = __index__ = _raise
    __eq__ = __hash__ = __getitem__ = __contains__ = __format__ = __bytes__ = __await__ = _raise
    __getattr__ = _raise


class RaisingText(str):
    """A text whose every method raises. Its characters are there all the same."""

    def _raise(self, *_: object, **__: object) -> Any:
        raise KeyboardInterrupt("the host's code was run")

    __str__ = __repr__ = __iter__ = __len__ = __eq__ = __hash__ = encode = __getitem__ = _raise


class RaisingList(list):  # type: ignore[type-arg]
    def _raise(self, *_: object) -> Any:
        raise KeyboardInterrupt("the host's code was run")

    __iter__ = __len__ = __getitem__ = __bool__ = _raise


class RaisingInteger(int):
    def _raise(self, *_: object) -> Any:
        raise KeyboardInterrupt("the host's code was run")

    __index__ = __int__ = __float__ = __bool__ = __eq__ = __hash__ = _raise


class RaisingMeta(type):
    def __getattribute__(cls, name: str) -> Any:
        raise KeyboardInterrupt("the host's code was run")

    def __instancecheck__(cls, instance: object) -> bool:
        raise KeyboardInterrupt("the host's code was run")


class LyingAboutItsClass:
    """Pretends to be of any class."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise KeyboardInterrupt("the host's code was run")


def stops_midway() -> Iterator[str]:
    yield "one"
    raise RuntimeError("midway")


def cyclic_list() -> list[Any]:
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    return cyclic


def cyclic_dict() -> dict[str, Any]:
    cyclic: dict[str, Any] = {}
    cyclic["self"] = cyclic
    return cyclic


def nested_list() -> list[Any]:
    nested: list[Any] = []
    for _ in range(10_000):
        nested = [nested]
    return nested


#: Of no use to any parameter.
NEVER: dict[str, Callable[[], Any]] = {
    "an object that raises": Raising,
    "an object that lies": LyingAboutItsClass,
    "a class that raises": lambda: RaisingMeta("Class", (), {}),
    "a lone surrogate": lambda: "\ud800",
    "a text of 10 MB": lambda: "x" * 10_000_000,
    "a text of 10 MB beyond ASCII": lambda: "ü" * 10_000_000,
    "bytes": lambda: b"bytes",
    "bytearray": lambda: bytearray(b"bytes"),
    "a complex number": lambda: 1j,
    "an integer of 100 digits": lambda: 10**100,
    "a negative integer of 100 digits": lambda: -(10**100),
    "a set": lambda: {"one"},
    "a dict": lambda: {"one": 1},
    "a cyclic dict": cyclic_dict,
    "a generator that raises": stops_midway,
    "an endless iterator": lambda: itertools.repeat("x"),
    "a module": lambda: itertools,
    "a function": lambda: stops_midway,
    "Ellipsis": lambda: ...,
}
#: Of use to some parameter: each is handed to those that it is wrong for.
TEXTS = {"a text": lambda: "text"}
INTEGERS = {"an integer": lambda: 7, "an integer that raises": lambda: RaisingInteger(7)}
NUMBERS = {"nan": lambda: float("nan"), "inf": lambda: float("inf"), "-inf": lambda: float("-inf"), "a number": lambda: 0.5}
BOOLEANS = {"True": lambda: True, "False": lambda: False}
LISTS = {"a list": lambda: ["text"], "a tuple": lambda: ("text",)}
BAD_LISTS = {"a cyclic list": cyclic_list, "a nested list": nested_list, "a list of None": lambda: [None]}

NOT_TEXT = NEVER | INTEGERS | NUMBERS | BOOLEANS | LISTS | BAD_LISTS
NOT_WORD = NOT_TEXT | TEXTS | {"an empty text": lambda: "", "a text that raises": lambda: RaisingText("text")}
NOT_TOKEN = NOT_TEXT | {"a text with spaces": lambda: "two words", "an empty text": lambda: ""}
# Of a class the name is taken, without asking anybody.
NOT_ERROR = {name: make for name, make in NOT_TOKEN.items() if name != "a class that raises"}
NOT_BOOLEAN = NEVER | TEXTS | INTEGERS | NUMBERS | LISTS | BAD_LISTS
NOT_INTEGER = NEVER | TEXTS | NUMBERS | BOOLEANS | LISTS | BAD_LISTS | {"-1": lambda: -1, "2**63": lambda: 2**63}
NOT_NUMBER = (
    NEVER | TEXTS | BOOLEANS | LISTS | BAD_LISTS | {k: v for k, v in NUMBERS.items() if k != "a number"} | {"-1": lambda: -1.0}
)
NOT_MOMENT = NEVER | TEXTS | BOOLEANS | LISTS | BAD_LISTS | {"nan": lambda: float("nan"), "-1": lambda: -1, "1e300": lambda: 1e300}
NOT_TEXTS = NEVER | INTEGERS | NUMBERS | BOOLEANS | BAD_LISTS | TEXTS | {"a list of ints": lambda: [1]}
NOT_MEMBER = NOT_TEXT | TEXTS
