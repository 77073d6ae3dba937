"""Normalizes the names of tools, so that an agent's tool and a call of it have the same name in every release.

CrewAI 1.9 and later give models names in snake case; earlier releases use the name as the builder wrote it.
"""

from __future__ import annotations

import re
import unicodedata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LONGEST = 64
_KEPT = 1024

_UPPER_BEFORE_WORD = re.compile(r"([A-Z]+)([A-Z][a-z])")
_LOWER_BEFORE_UPPER = re.compile(r"([a-z])([A-Z])")
_QUOTES = re.compile(r"['\"]+")
_OTHERS = re.compile(r"[^a-zA-Z0-9]+")

_spelled: dict[str, str] = {}


def tool_word(name: Any) -> Any:
    """A tool's name as CrewAI 1.9 and later spell it. A value that is not a text is returned unchanged; Headcount refuses it."""
    if type(name) is not str:
        return name
    known = _spelled.get(name)
    if known is not None:
        return known
    spelled = _spell(name)
    if len(_spelled) >= _KEPT:
        _spelled.clear()
    _spelled[name] = spelled
    return spelled


def _spell(name: str) -> str:
    # Cut first, in case the name is a megabyte long: the rest is never sent.
    plain = unicodedata.normalize("NFKD", name[:4096]).encode("ascii", "ignore").decode("ascii")
    plain = _UPPER_BEFORE_WORD.sub(r"\1_\2", plain)
    plain = _LOWER_BEFORE_UPPER.sub(r"\1_\2", plain).lower()
    plain = _OTHERS.sub("_", _QUOTES.sub("", plain)).strip("_")
    if not plain:
        # A name in another alphabet stays as it is.
        return name
    return _shorten(plain)


def _shorten(plain: str) -> str:
    if len(plain) <= _LONGEST:
        return plain
    import hashlib

    suffix = "_" + hashlib.sha256(plain.encode()).hexdigest()[:8]
    return plain[: _LONGEST - len(suffix)].rstrip("_") + suffix
