"""Anonymous usage telemetry for AI-agent crews: the client that a framework embeds.

>>> import headcount
>>> telemetry = headcount.start("my-framework", "1.2.3", endpoint="https://telemetry.example.com", disabled=True)
>>> researcher = headcount.Agent("Researcher", llm="gpt-4o-mini", tools=["search"])
>>> task = headcount.Task("Find papers", agent=researcher)
>>> with telemetry.crew(headcount.Crew([researcher], [task])) as run:
...     with run.task(task):
...         telemetry.tool_used("search", attempts=1, llm="gpt-4o-mini")

It records only the fields of the published catalog, content only of a crew with ``share_crew=True``, and nothing at all while
telemetry is off. No call raises, waits or fails: a value of a wrong type is left out and counted
(``telemetry.counters().values_refused``), and everything else is recorded.
"""

from ._native import (
    Agent,
    Counters,
    Crew,
    CrewRun,
    Decision,
    Deployment,
    FlowRun,
    Llm,
    Task,
    TaskRun,
    Telemetry,
    Tool,
    __version__,
    start,
)

# The former name.
Books = Counters


def _for_pyinstaller() -> None:
    # Never called. The extension imports this module, where programs such as PyInstaller do not see it.
    from . import _processes  # noqa: F401


__all__ = [
    "Agent",
    "Books",
    "Counters",
    "Crew",
    "CrewRun",
    "Decision",
    "Deployment",
    "FlowRun",
    "Llm",
    "Task",
    "TaskRun",
    "Telemetry",
    "Tool",
    "__version__",
    "start",
]
