"""What `HEADCOUNT_CREWAI` does. `headcount_crewai.pth` imports this when Python starts, where the variable is set.

| value | effect |
| --- | --- |
| an address, `https://…` | CrewAI is counted as soon as it is imported, and the collector is there |
| `1`, `true`, `yes`, `on` | the same, without a collector: what is recorded stays on this machine |
| `0`, `false`, `no`, `off` | nothing |
| anything else | nothing: what cannot be understood does not turn telemetry on |

No variable changes the collector of a program that names one itself, with `headcount.crewai.install`. This one
takes the place of that line, so it has to say what the line would say.
"""

from __future__ import annotations

import os

_YES = ("1", "true", "yes", "on", "y", "t")


def endpoint_of(value: str) -> tuple[bool, str | None]:
    """Whether CrewAI is to be counted, and where the collector is."""
    text = value.strip()
    if text.lower() in _YES:
        return True, None
    if text.lower().startswith(("https://", "http://")):
        return True, text
    return False, None


def begin() -> None:
    """Never raises: Python would print it at every start."""
    try:
        is_meant, endpoint = endpoint_of(os.environ.get("HEADCOUNT_CREWAI", ""))
        if is_meant:
            from ._installed import install_when_imported

            install_when_imported(endpoint)
    except Exception:
        pass


begin()
