# The extension. Use it through the package.

__all__ = [
    "Agent",
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
    "command",
    "end_threads",
    "start",
    "write_down",
]

from . import Agent as Agent
from . import Counters as Counters
from . import Crew as Crew
from . import CrewRun as CrewRun
from . import Decision as Decision
from . import Deployment as Deployment
from . import FlowRun as FlowRun
from . import Llm as Llm
from . import Task as Task
from . import TaskRun as TaskRun
from . import Telemetry as Telemetry
from . import Tool as Tool
from . import __version__ as __version__
from . import start as start

def command(arguments: list[str]) -> int: ...
def end_threads() -> None: ...
def write_down() -> None: ...
