# What the package offers, for type checkers and editors. Signatures are written here; docstrings are those of the extension,
# put in by `tests/python-client/test_types.py`.

import os
from types import TracebackType
from typing import Literal, TypeAlias, final

__all__ = [
    "Agent",
    "Books",
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

__version__: str

# A word of the catalog is a plain str; one that the catalog does not have is left out and counted.
_Process: TypeAlias = Literal["sequential", "hierarchical", "parallel", "consensual"] | str
_FlowOrigin: TypeAlias = Literal["user", "internal"] | str
_DeploymentSource: TypeAlias = Literal["cli", "tui"] | str
_DeploymentStep: TypeAlias = Literal["signup_error", "start", "create", "created", "failed", "logs", "remove"] | str
_DeploymentFailure: TypeAlias = (
    Literal[
        "api_4xx",
        "api_5xx",
        "invalid_json",
        "invalid_creation_response",
        "network_error",
        "zip_error",
        "user_declined",
        "unexpected",
    ]
    | str
)
_ProjectKind: TypeAlias = Literal["crew", "json_crew", "flow"] | str
_Mode: TypeAlias = Literal["off", "local", "on"]
_Reason: TypeAlias = Literal[
    "switched_off",
    "not_understood",
    "unreadable",
    "gone",
    "told_just_now",
    "cannot_tell",
    "switched_on",
    "told",
    "other",
]

# Lists and tuples are read, and nothing else that could be iterated over: that would run the host's code.
_Texts: TypeAlias = list[str] | tuple[str, ...]
_Tools: TypeAlias = list[str] | list[Tool] | list[Tool | str] | tuple[Tool | str, ...]
_Error: TypeAlias = str | BaseException | type[BaseException]

@final
class Llm:
    def __new__(
        cls,
        model: str | None = None,
        *,
        name: str | None = None,
        model_name: str | None = None,
        top_k: float | None = None,
        temperature: float | None = None,
        class_name: str | None = None,
    ) -> Llm: ...

@final
class Tool:
    def __new__(cls, name: str) -> Tool: ...
    @property
    def name(self) -> str | None: ...

@final
class Agent:
    def __new__(
        cls,
        role: str,
        *,
        verbose: bool | None = None,
        delegation_enabled: bool | None = None,
        code_execution_allowed: bool | None = None,
        max_iterations: int | None = None,
        max_rpm: int | None = None,
        max_retry_limit: int | None = None,
        llm: Llm | str | None = None,
        function_calling_llm: str | None = None,
        tools: _Tools = (),
        goal: str | None = None,
        backstory: str | None = None,
        i18n_prompt_file: str | None = None,
    ) -> Agent: ...
    @property
    def role(self) -> str | None: ...

@final
class Task:
    def __new__(
        cls,
        description: str,
        *,
        agent: Agent | None = None,
        async_execution: bool | None = None,
        human_input: bool | None = None,
        tools: _Tools = (),
        expected_output: str | None = None,
        context: list[Task] | tuple[Task, ...] = (),
    ) -> Task: ...

@final
class Crew:
    def __new__(
        cls,
        agents: list[Agent] | tuple[Agent, ...] = (),
        tasks: list[Task] | tuple[Task, ...] = (),
        *,
        name: str | None = None,
        process: _Process | None = None,
        memory: bool | None = None,
        project: str | None = None,
        inputs: str | None = None,
        inputs_present: bool | None = None,
        share_crew: bool = False,
    ) -> Crew: ...

@final
class Decision:
    @property
    def mode(self) -> _Mode: ...
    @property
    def reason(self) -> _Reason: ...
    @property
    def source(self) -> str: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class Books:
    @property
    def recorded(self) -> int: ...
    @property
    def written(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    @property
    def values_refused(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class TaskRun:
    @property
    def output(self) -> str | None: ...
    @output.setter
    def output(self, value: str | None) -> None: ...
    def complete(self, output: str | None = None) -> None: ...
    def fail(self, error: _Error | None = None) -> None: ...
    def __enter__(self) -> TaskRun: ...
    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> Literal[False]: ...
    async def __aenter__(self) -> TaskRun: ...
    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

@final
class CrewRun:
    @property
    def is_recording(self) -> bool: ...
    @property
    def output(self) -> str | None: ...
    @output.setter
    def output(self, value: str | None) -> None: ...
    def task(self, task: Task, *, started: float | None = None) -> TaskRun: ...
    def complete(self, output: str | None = None) -> None: ...
    def fail(self) -> None: ...
    def test_started(self, iterations: int, model: str, inputs: str | None = None) -> None: ...
    def test_scored(self, quality: float, seconds: float, model: str) -> None: ...
    def share_formatted(
        self, task: Task, description: str | None = None, expected_output: str | None = None
    ) -> None: ...
    def share_execution(self, tasks_output: str | None = None, log: str | None = None) -> None: ...
    def __enter__(self) -> CrewRun: ...
    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> Literal[False]: ...
    async def __aenter__(self) -> CrewRun: ...
    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

@final
class FlowRun:
    def complete(self) -> None: ...
    def fail(self) -> None: ...
    def pause(self) -> None: ...
    def method_failed(self, error: _Error) -> None: ...
    def __enter__(self) -> FlowRun: ...
    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> Literal[False]: ...
    async def __aenter__(self) -> FlowRun: ...
    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

@final
class Deployment:
    def step(self, step: _DeploymentStep) -> None: ...
    def failed(self, reason: _DeploymentFailure, status: int | None = None) -> None: ...
    def logs_pulled(self, log_type: str) -> None: ...

@final
class Telemetry:
    @staticmethod
    def off() -> Telemetry: ...
    @property
    def decision(self) -> Decision: ...
    @property
    def mode(self) -> _Mode: ...
    @property
    def is_recording(self) -> bool: ...
    def books(self) -> Books: ...
    def flush(self, patience: float = 5.0) -> bool: ...
    def crew(self, crew: Crew, *, started: float | None = None) -> CrewRun: ...
    def tool_used(self, tool: Tool | str, attempts: int = 1, llm: str | None = None) -> None: ...
    def tool_repeated(self, tool: Tool | str, attempts: int = 1, llm: str | None = None) -> None: ...
    def tool_failed(self, tool: Tool | str, attempts: int = 1, llm: str | None = None) -> None: ...
    def flow(self, name: str, *, origin: _FlowOrigin = "user", started: float | None = None) -> FlowRun: ...
    def flow_resumed(
        self, name: str, *, origin: _FlowOrigin = "user", is_conversational: bool = False
    ) -> FlowRun: ...
    def flow_created(self, name: str, *, origin: _FlowOrigin = "user") -> None: ...
    def flow_plotted(self, name: str, *, origin: _FlowOrigin = "user") -> None: ...
    def deployment(self, source: _DeploymentSource) -> Deployment: ...
    def feedback_requested(self, has_routing: bool, outcomes: int) -> None: ...
    def feedback_received(self, was_given: bool, outcome: str | None = None) -> None: ...
    def feature_used(self, feature: str) -> None: ...
    def evaluation_used(self, feature: str, authenticated: bool, models: _Texts) -> None: ...
    def project_created(self, kind: _ProjectKind, project: str | None = None) -> None: ...
    def template_installed(self, template: str) -> None: ...

def start(
    framework: str,
    version: str,
    *,
    endpoint: str | None = None,
    switches: _Texts | str = (),
    trust: list[bytes] | tuple[bytes, ...] = (),
    home: str | os.PathLike[str] | None = None,
    told_user: bool = False,
    disabled: bool = False,
    replaces: str | None = None,
) -> Telemetry: ...
