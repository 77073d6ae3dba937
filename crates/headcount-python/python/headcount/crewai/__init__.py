"""Anonymous usage telemetry for a project that uses CrewAI.

    import headcount.crewai

    headcount.crewai.install(endpoint="https://telemetry.example.com")

From then on, the crews, agents, tasks, tool calls, tests and flows of this process are recorded by the rules of
`headcount`: only the catalog's fields, content only of crews with `share_crew=True`, nothing at all while a switch
says off. CrewAI's own telemetry is switched off meanwhile, so that nothing is sent twice. `headcount status` shows both.

Nothing is imported from CrewAI before `install` is called, and nothing is ever raised into it.
"""

from __future__ import annotations

from ._installed import Installed, install, installed

__all__ = ["Installed", "install", "installed"]
