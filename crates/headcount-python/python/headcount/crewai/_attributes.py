"""Reads attributes of CrewAI's objects, whatever they are like.

Every attribute is read on its own: one that a release lacks, or that raises, is None and the rest is told. A value that is
simply held is taken from where it is held: CrewAI marks fields as deprecated, and to ask for one of these prints a warning
into the host's output; and to ask a class of pydantic's costs microseconds where there is nothing.
"""

from __future__ import annotations

from operator import itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

# What is kept in memory of any kind, before it is begun anew.
KEPT = 1024

_MISSING = object()
# Attributes that a class of pydantic's does not have: it takes microseconds to say so.
_absent: dict[tuple[type, str], None] = {}


def read(thing: Any, name: str) -> Any:
    """An attribute, or None where there is none or it cannot be read."""
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
    """Several attributes, taken in one step where a thing holds them all, as CrewAI's own do; else one by one."""

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
        """The values of attributes that few kinds of things have, and many have none of."""
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
    """The values of what holds several, or none."""
    if type(held) is list or type(held) is tuple:
        return held
    try:
        # CrewAI has an object of its own for a context that was not given.
        return list(held) if held is not None and hasattr(type(held), "__iter__") else ()
    except Exception:
        return ()


def items(thing: Any, name: str) -> Sequence[Any]:
    """The values of an attribute that holds several, or none."""
    return several(read(thing, name))


def word(value: Any) -> Any:
    """The value of an enumeration's member; anything else as it is."""
    held = read(value, "value")
    return value if held is None else held
