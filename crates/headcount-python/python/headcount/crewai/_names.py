"""How tools are spelled, so that a tool that an agent has and a call of it are the same word in every release.

CrewAI 1.9 and later give models names in snake case; before, they gave the name as its builder wrote it.
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
    """A tool's name as CrewAI 1.9 and later spell it. What is not a text is given back, for Headcount to refuse."""
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
    # A name of a megabyte is cut before it is looked at: what follows is never sent.
    plain = unicodedata.normalize("NFKD", name[:4096]).encode("ascii", "ignore").decode("ascii")
    plain = _UPPER_BEFORE_WORD.sub(r"\1_\2", plain)
    plain = _LOWER_BEFORE_UPPER.sub(r"\1_\2", plain).lower()
    plain = _OTHERS.sub("_", _QUOTES.sub("", plain)).strip("_")
    if not plain:
        # A name in another alphabet: better as it is than not at all.
        return name
    return _shorten(plain)


def _shorten(plain: str) -> str:
    if len(plain) <= _LONGEST:
        return plain
    import hashlib

    suffix = "_" + hashlib.sha256(plain.encode()).hexdigest()[:8]
    return plain[: _LONGEST - len(suffix)].rstrip("_") + suffix
