"""Handles `HEADCOUNT_CREWAI`. `headcount_crewai.pth` imports this module when Python starts, if the variable is set.

| value | effect |
| --- | --- |
| an address, `https://…` | installs the listener when CrewAI is imported, and sends to this collector |
| `1`, `true`, `yes`, `on` | the same without a collector: events stay on this machine |
| `0`, `false`, `no`, `off` | nothing |
| anything else | nothing: an unknown value does not turn telemetry on |

The variable replaces a call of `headcount.crewai.install`, so it names the collector. It does not change the collector of a
program that calls `install` itself.
"""

from __future__ import annotations

import os

_YES = ("1", "true", "yes", "on", "y", "t")


def endpoint_of(value: str) -> tuple[bool, str | None]:
    """Whether to install the listener, and the collector's address."""
    text = value.strip()
    if text.lower() in _YES:
        return True, None
    if text.lower().startswith(("https://", "http://")):
        return True, text
    return False, None


def begin() -> None:
    """Never raises: Python would print the error at every start."""
    try:
        is_meant, endpoint = endpoint_of(os.environ.get("HEADCOUNT_CREWAI", ""))
        if is_meant:
            from ._installed import install_when_imported

            install_when_imported(endpoint)
    except Exception:
        pass


begin()
