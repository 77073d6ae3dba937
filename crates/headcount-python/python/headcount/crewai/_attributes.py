"""Reads attributes of CrewAI's objects, which differ between releases.

Each attribute is read on its own: one that is missing or raises is None, and the others are still read. Values are taken from
`__dict__` where possible: CrewAI marks fields as deprecated, and `getattr` on one prints a warning into the host's output;
and a missing attribute of a pydantic class costs microseconds.
"""

from __future__ import annotations

from operator import itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

# The most entries of each cache. A full cache is cleared.
KEPT = 1024

_MISSING = object()
# Attributes that a pydantic class is known not to have, because looking one up takes microseconds.
_absent: dict[tuple[type, str], None] = {}


def read(thing: Any, name: str) -> Any:
    """An attribute, or None if it is missing or cannot be read."""
    kind = type(thing)
    try:
        held = thing.__dict__
        if name in held:
            return held[name]
        if name[0] == "_":
            held = thing.__pydantic_private__
            if held is not None and name in held:
                return held[name]
    except Exception:
        pass
    try:
        if (kind, name) in _absent:
            return None
        value = getattr(thing, name, _MISSING)
        if value is not _MISSING:
            return value
        if "__pydantic_fields__" in kind.__dict__ and not thing.__pydantic_extra__:
            _remember_absent(kind, name)
    except Exception:
        pass
    return None


def _remember_absent(kind: type, name: str) -> None:
    if len(_absent) >= KEPT:
        _absent.clear()
    _absent[kind, name] = None


class Attributes:
    """Several attributes, read in one step if the object holds them all, as CrewAI's own do; otherwise one by one."""

    __slots__ = ("_lacked_by", "_names", "_none", "_take")

    def __init__(self, first: str, second: str, *more: str) -> None:
        self._names = (first, second, *more)
        self._take: Callable[[Any], tuple[Any, ...]] = itemgetter(*self._names)
        self._none = (None,) * len(self._names)
        self._lacked_by: set[type] = set()

    def of(self, thing: Any) -> tuple[Any, ...]:
        """The values, in the order of the names."""
        try:
            return self._take(thing.__dict__)
        except Exception:
            return tuple([read(thing, name) for name in self._names])

    def rarely_of(self, thing: Any) -> tuple[Any, ...]:
        """The values of attributes that most objects do not have."""
        kind = type(thing)
        try:
            if kind in self._lacked_by and thing.__dict__.keys().isdisjoint(self._names):
                return self._none
        except Exception:
            pass
        values = tuple([read(thing, name) for name in self._names])
        try:
            if all((kind, name) in _absent for name in self._names):
                if len(self._lacked_by) >= KEPT:
                    self._lacked_by.clear()
                self._lacked_by.add(kind)
        except Exception:
            pass
        return values

    def private_of(self, thing: Any) -> tuple[Any, ...]:
        """The values of attributes that begin with an underscore."""
        try:
            return self._take(thing.__pydantic_private__)
        except Exception:
            return tuple([read(thing, name) for name in self._names])


def several(held: Any) -> Sequence[Any]:
    """The items of a sequence, or none."""
    if type(held) is list or type(held) is tuple:
        return held
    try:
        # CrewAI has a special object for a context that was not given.
        return list(held) if held is not None and hasattr(type(held), "__iter__") else ()
    except Exception:
        return ()


def items(thing: Any, name: str) -> Sequence[Any]:
    """The items of an attribute that is a sequence, or none."""
    return several(read(thing, name))


def word(value: Any) -> Any:
    """The value of an enumeration's member; any other value unchanged."""
    held = read(value, "value")
    return value if held is None else held
