# The package's public names, for type checkers and editors. Signatures are written by hand; `tests/python-client/test_types.py`
# copies the docstrings from the extension.

import os
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, TypeAlias, final

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

__version__: str

# Values of the catalog's enumerations are plain strings; a value that the catalog does not have is left out and counted.
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
_ProjectKind: TypeAlias = Literal["crew", "json_crew", "flow", "agent"] | str
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

# Only lists and tuples are read: iterating over anything else would run the host's code.
_Texts: TypeAlias = list[str] | tuple[str, ...]
# A list of both needs the covariant `Sequence`, which unfortunately a single text is as well.
_Tools: TypeAlias = Sequence[Tool | str]
_Error: TypeAlias = str | BaseException | type[BaseException]

@final
class Llm:
    """A model and its settings. There is no parameter for an address or an API key.

    ``model`` is the model as it is requested, ``name`` the builder's name for it, ``model_name`` its library's name.

    >>> import headcount
    >>> headcount.Llm("gpt-4o-mini", temperature=0.7, class_name="ChatOpenAI")
    Llm(model="gpt-4o-mini", temperature=0.7, class_name="ChatOpenAI")
    """
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
    """A tool, by its name. Its arguments and results are never recorded.

    A plain ``str`` is accepted wherever a tool is.

    >>> import headcount
    >>> search = headcount.Tool("search_the_internet")
    >>> search.name
    'search_the_internet'
    """
    def __new__(cls, name: str) -> Tool: ...
    @property
    def name(self) -> str | None:
        """The tool's name; ``None`` if it is invalid."""

@final
class Agent:
    """An agent: its role and its settings. Settings that are left out are not sent. ``goal``, ``backstory`` and
    ``i18n_prompt_file`` are content, recorded only for a crew that shares.

    One object is one agent: use the same object for the crew and for its tasks.

    >>> import headcount
    >>> researcher = headcount.Agent("Researcher", llm="gpt-4o-mini", tools=["search"], max_iterations=25)
    >>> researcher.role
    'Researcher'
    """
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
    def role(self) -> str | None:
        """The agent's role; ``None`` if it has none, or an invalid one."""

@final
class Task:
    """A task: its settings, its agent, its tools. ``description``, ``expected_output`` and the descriptions of the tasks in
    ``context`` are content, recorded only for a crew that shares. For other crews, a keyed hash tells this task from the
    crew's other tasks.

    >>> import headcount
    >>> writer = headcount.Agent("Writer")
    >>> task = headcount.Task("Write a summary", agent=writer, async_execution=True)
    """
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
    """A crew: its agents and tasks, and how it works.

    ``name`` and ``project`` never leave this machine; keyed hashes stand for them. ``process`` is ``"sequential"``,
    ``"hierarchical"``, ``"parallel"`` or ``"consensual"``. ``inputs`` is content; whether there are inputs is recorded, and can be
    set by ``inputs_present`` instead.

    ``share_crew=True`` allows this crew's content to be recorded: goals, backstories, descriptions, inputs and outputs. No
    environment variable, file or collector can allow it.

    >>> import headcount
    >>> writer = headcount.Agent("Writer")
    >>> headcount.Crew([writer], [headcount.Task("Write", agent=writer)], process="sequential", memory=False)
    Crew(agents=1, tasks=1, share_crew=False)
    """
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
    """The decision whether telemetry is on, and why. ``str()`` gives the text that ``python -m headcount status`` shows."""
    @property
    def mode(self) -> _Mode:
        """``"off"``, ``"local"`` (recorded on this machine, nothing sent) or ``"on"``."""
    @property
    def reason(self) -> _Reason:
        """Why: ``"switched_off"``, ``"not_understood"``, ``"unreadable"``, ``"gone"``, ``"told_just_now"``, ``"cannot_tell"``,
        ``"switched_on"`` or ``"told"``.
        """
    @property
    def source(self) -> str:
        """The input that decided: a variable, a file, ``"code"``, ``"collector"`` or ``"notice"``."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class Counters:
    """Counters of the events of this process: ``recorded`` is ``written + waiting + dropped`` whenever no call is under way.

    ``Books`` is the former name of this class.
    """
    @property
    def recorded(self) -> int:
        """Calls that recorded an event."""
    @property
    def written(self) -> int:
        """Events that were written to the spool."""
    @property
    def waiting(self) -> int:
        """Events that wait in memory."""
    @property
    def dropped(self) -> int:
        """Events that were lost before they reached the spool."""
    @property
    def values_refused(self) -> int:
        """Values that were left out of their event: of a wrong type, or outside the catalog's limits."""
    def __eq__(self, other: object, /) -> bool: ...

# The former name.
Books = Counters

@final
class TaskRun:
    """A task's run, from its start to its end. A run that is garbage-collected without an end counts as failed (``dropped``).

    As a context manager it completes at the end of the block, or fails if an exception leaves the block. The exception's class
    is recorded, never its message.

    >>> import headcount
    >>> telemetry = headcount.Telemetry.off()
    >>> task = headcount.Task("Find papers")
    >>> run = telemetry.crew(headcount.Crew(tasks=[task]))
    >>> doing = run.task(task)
    >>> doing.fail("TimeoutError")
    >>> run.fail()
    """
    @property
    def output(self) -> str | None:
        """The task's output: content, recorded at the end if its crew shares. It cannot be read back."""
    @output.setter
    def output(self, value: str | None) -> None: ...
    def share_input(self, input: str) -> None:
        """An input of the task: content, recorded only if its crew shares. A task may have several."""
    def complete(self, output: str | None = None) -> None:
        """The task completed. ``output`` is content, recorded only if its crew shares."""
    def fail(self, error: _Error | None = None) -> None:
        """The task failed. ``error`` is the error's class: its name, such as ``"ValidationError"``, the class itself, or an
        exception, of which only the class is read.
        """
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
    """A crew's run, from ``telemetry.crew(…)`` until it completes or fails. A run that is garbage-collected without an end counts as
    failed.

    As a context manager it completes at the end of the block, or fails if an exception leaves the block.

    >>> import headcount
    >>> telemetry = headcount.Telemetry.off()
    >>> task = headcount.Task("Find papers")
    >>> with telemetry.crew(headcount.Crew(tasks=[task])) as run:
    ...     with run.task(task) as doing:
    ...         doing.output = "Five papers"
    ...     run.output = "Five papers"
    """
    @property
    def is_recording(self) -> bool:
        """Whether anything is recorded of this run."""
    @property
    def output(self) -> str | None:
        """The crew's output: content, recorded at the end if the crew shares. It cannot be read back."""
    @output.setter
    def output(self, value: str | None) -> None: ...
    def task(self, task: Task, *, started: float | None = None) -> TaskRun:
        """One of the crew's tasks starts. ``started`` is the time in seconds since 1970, if the task started earlier."""
    def complete(self, output: str | None = None) -> None:
        """The crew completed. ``output`` is content, recorded only if the crew shares."""
    def fail(self) -> None:
        """The crew failed."""
    def test_started(self, iterations: int, model: str, inputs: str | None = None) -> None:
        """The crew is tested, ``iterations`` times, with ``model``; ``inputs`` are recorded only if the crew shares."""
    def test_scored(self, quality: float, seconds: float, model: str) -> None:
        """One iteration of a test was scored: ``quality`` from 0 to 100 points, in ``seconds``."""
    def share_formatted(
        self, task: Task, description: str | None = None, expected_output: str | None = None
    ) -> None:
        """A task's texts with the inputs of this run filled in: content, recorded only if the crew shares."""
    def share_execution(self, tasks_output: str | None = None, log: str | None = None) -> None:
        """The outputs of the crew's tasks, and its log: content, recorded only if the crew shares."""
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
    """A flow's run, until it completes, pauses or fails. A run that is garbage-collected without an end counts as failed.

    As a context manager it completes at the end of the block, or fails if an exception leaves the block.

    >>> import headcount
    >>> telemetry = headcount.Telemetry.off()
    >>> with telemetry.flow("ResearchFlow") as flow:
    ...     flow.method_failed("TimeoutError")
    """
    def complete(self) -> None:
        """The flow completed."""
    def fail(self) -> None:
        """The flow failed."""
    def pause(self) -> None:
        """The flow pauses for human input."""
    def method_failed(self, error: _Error) -> None:
        """One of the flow's methods failed. ``error`` is the error's class: its name, the class itself, or an exception, of which
        only the class is read. Names of methods are never recorded.
        """
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
    """One deployment with the framework's command line, whose steps are joined by a random id.

    >>> import headcount
    >>> deployment = headcount.Telemetry.off().deployment("cli")
    >>> deployment.step("start")
    >>> deployment.failed("api_4xx", 422)
    """
    def step(self, step: _DeploymentStep) -> None:
        """A step is attempted: ``"signup_error"``, ``"start"``, ``"create"``, ``"created"``, ``"failed"``, ``"logs"`` or
        ``"remove"``.
        """
    def failed(self, reason: _DeploymentFailure, status: int | None = None) -> None:
        """The deployment failed: ``"api_4xx"``, ``"api_5xx"``, ``"invalid_json"``, ``"invalid_creation_response"``,
        ``"network_error"``, ``"zip_error"``, ``"user_declined"`` or ``"unexpected"``, with the HTTP status if there was one.
        """
    def logs_pulled(self, log_type: str) -> None:
        """Logs of a part, such as ``"deployment"``, are pulled. The logs themselves are never recorded."""

@final
class Telemetry:
    """Records what crews do. Created by ``headcount.start``.

    No call on it, or on a value that it returns, raises, fails or waits. Only ``flush`` waits. While telemetry is off, calls do
    nothing. When the process ends, events in memory are written to disk and nothing is sent.

    >>> import headcount
    >>> telemetry = headcount.start("my-framework", "1.2.3", disabled=True)
    >>> telemetry.mode
    'off'
    >>> str(telemetry.decision)
    'off: code says so'
    >>> telemetry.tool_used("search", attempts=1, llm="gpt-4o-mini")
    """
    @staticmethod
    def off() -> Telemetry:
        """Telemetry that is always off: for a framework's own tests."""
    @property
    def decision(self) -> Decision:
        """The decision at the start: whether events are recorded and sent, and why."""
    @property
    def mode(self) -> _Mode:
        """The current mode: ``"off"``, ``"local"`` or ``"on"``. It may be less than at the start."""
    @property
    def endpoint_error(self) -> str | None:
        """Why nothing is sent although telemetry is on: the endpoint's address cannot be used. None if it can be used, if there is no
        endpoint, or if telemetry is off.
        """
    @property
    def is_recording(self) -> bool:
        """Whether events are recorded. A caller can skip work that only telemetry needs."""
    def counters(self) -> Counters:
        """The counters of this process's events."""
    def books(self) -> Counters:
        """The former name of ``counters``."""
    def flush(self, patience: float = 5.0) -> bool:
        """Writes the events in memory to disk, starts an upload, and waits for it, for at most ``patience`` seconds; returns whether
        nothing is left. The only call that waits: for tests, and for programs that choose to.

        Signal handlers run while it waits. An exception that one raises, such as ``KeyboardInterrupt``, ends the wait.
        """
    def crew(self, crew: Crew, *, started: float | None = None) -> CrewRun:
        """A crew starts: records the crew, its agents and its tasks, and the content of a crew that shares. ``started`` is the time
        in seconds since 1970, if the crew started earlier.
        """
    def tool_used(self, tool: Tool | str, attempts: int = 1, llm: str | None = None) -> None:
        """A tool was used, at the ``attempts``-th attempt, called by the model ``llm``."""
    def tool_repeated(self, tool: Tool | str, attempts: int = 1, llm: str | None = None) -> None:
        """An agent called a tool again with the same arguments."""
    def tool_failed(self, tool: Tool | str, attempts: int = 1, llm: str | None = None) -> None:
        """A tool failed, or was called with wrong arguments."""
    def flow(self, name: str, *, origin: _FlowOrigin = "user", started: float | None = None) -> FlowRun:
        """A flow of the class ``name`` starts; ``origin`` is ``"user"``, or ``"internal"`` for the framework's own flows."""
    def flow_resumed(
        self, name: str, *, origin: _FlowOrigin = "user", is_conversational: bool = False
    ) -> FlowRun:
        """A paused flow resumes, or a conversational flow starts."""
    def flow_created(self, name: str, *, origin: _FlowOrigin = "user") -> None:
        """A flow of the class ``name`` was created."""
    def flow_plotted(self, name: str, *, origin: _FlowOrigin = "user") -> None:
        """A flow was plotted."""
    def deployment(self, source: _DeploymentSource) -> Deployment:
        """A deployment is attempted from ``source``, ``"cli"`` or ``"tui"``. Nothing is recorded before its first step."""
    def feedback_requested(self, has_routing: bool, outcomes: int) -> None:
        """A flow asks a person for feedback, to be mapped to one of ``outcomes`` labels if ``has_routing``."""
    def feedback_received(self, was_given: bool, outcome: str | None = None) -> None:
        """A person answered, or did not; ``outcome`` is the label that the answer was mapped to. The feedback itself is never recorded."""
    def feature_used(self, feature: str) -> None:
        """A feature was used, such as ``"memory:save"``: an identifier of at most 128 characters."""
    def evaluation_used(self, feature: str, authenticated: bool, models: _Texts) -> None:
        """An evaluation compared ``models``. ``authenticated`` tells whether the user was signed in."""
    def project_created(self, kind: _ProjectKind, project: str | None = None) -> None:
        """A project was created: ``"crew"``, ``"json_crew"``, ``"flow"`` or ``"agent"``. ``project`` never leaves this machine; a keyed
        hash stands for it.
        """
    def template_installed(self, template: str) -> None:
        """A published template was installed."""

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
) -> Telemetry:
    """Starts telemetry for a framework: its name (letters, digits, ``_``, ``.``, ``-``, at most 32) and its version.

    ``endpoint`` is the collector's address, ``https://host[:port][/path]``, or ``http://`` for one on this machine. Without it,
    events are recorded but never sent. ``switches`` are environment variables of the framework that switch telemetry off, in
    addition to ``OTEL_SDK_DISABLED``, ``HEADCOUNT_DISABLED`` and ``DO_NOT_TRACK``. ``trust`` adds certificate authorities, as
    bytes in DER or PEM; ``endpoint_error`` says if one cannot be read.
    ``home`` is a folder for all files instead of the user's. ``told_user=True`` states that the framework has informed its user
    what is collected and how to turn it off; otherwise nothing is sent until the notice was shown in an earlier run.
    ``disabled=True`` turns telemetry off, and so does any other value but ``False``. ``replaces`` names the framework's own
    telemetry that is silent meanwhile; ``headcount status`` shows it.

    >>> import headcount
    >>> telemetry = headcount.start("my-framework", "1.2.3", disabled=True)
    >>> telemetry.is_recording
    False
    """
