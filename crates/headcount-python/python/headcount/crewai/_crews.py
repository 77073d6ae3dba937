"""Runs of crews: finds the run that an event belongs to.

Events do not name their run, and a crew, its tasks and its agents may each be in several runs at once. So a run is looked
up in this order:

1. in the context (`contextvars`) of the emitter: a crew's start sets it; tasks, threads and coroutines inherit it;
2. by the identity of the task or crew, for threads that inherit no context (asynchronous tasks before 1.15).

No object of CrewAI is kept alive: only identities and a weak reference to the crew are stored. A crew that is
garbage-collected without an end has failed: CrewAI emits no event for an interrupt.
"""

from __future__ import annotations

import contextvars
import os
import threading
import weakref

from ._attributes import items, read
from ._describe import Described, tasks_output, text_of
from ._templates import remember_templates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# The most runs at the same time in one process. Beyond it, the end of the oldest run is not recorded.
_MOST = 4096


class CrewAtWork:
    """One run of a crew."""

    __slots__ = ("__weakref__", "at_work", "crew", "described", "is_over", "outer", "process", "run", "watch")

    def __init__(self, crew: Any, described: Described, run: Any, outer: CrewAtWork | None) -> None:
        self.crew = id(crew)
        self.described = described
        self.run = run
        self.outer = outer
        self.is_over = False
        self.process = os.getpid()
        # Headcount's run of each task that is running, by the task's identity.
        self.at_work: dict[int, Any] = {}
        self.watch: Any = None

    def end(self) -> None:
        """Releases all references: contexts that outlive the run still hold this object."""
        self.is_over = True
        self.outer = None
        self.watch = None
        self.at_work = {}


class Crews:
    """The runs of crews that have not ended."""

    def __init__(self, telemetry: Any) -> None:
        self._telemetry = telemetry
        # Reentrant: the garbage collector may find a discarded crew on the thread that holds the lock.
        self._lock = threading.RLock()
        self._by_crew: dict[int, list[CrewAtWork]] = {}
        self._by_task: dict[int, list[CrewAtWork]] = {}
        self._here: contextvars.ContextVar[CrewAtWork | None] = contextvars.ContextVar("headcount_crew", default=None)
        self._test: contextvars.ContextVar[tuple[Any, Any, Any] | None] = contextvars.ContextVar(
            "headcount_test", default=None
        )

    # ---------------------------------------------------------------- crews

    def started(self, crew: Any, event: Any) -> None:
        state = self._begin(crew, read(event, "inputs"))
        test = self._test.get()
        if test is not None:
            self._test.set(None)
            iterations, model, inputs = test
            state.run.test_started(iterations, model, inputs=inputs if state.described.shares else None)

    def _begin(self, crew: Any, inputs: Any) -> CrewAtWork:
        outer = self._innermost()
        if outer is not None and outer.crew == id(crew):
            # The earlier run was interrupted, for which CrewAI emits no event, and the crew starts again.
            left, outer = outer, _around(outer)
            self._interrupted(left)
        described = Described(crew, inputs)
        state = CrewAtWork(crew, described, self._telemetry.crew(described.crew), outer)
        self._watch(crew, state)
        with self._lock:
            if len(self._by_crew) >= _MOST:
                self._forget(self._by_crew[next(iter(self._by_crew))][0])
            _add(self._by_crew, state.crew, state)
            for task in described.tasks:
                _add(self._by_task, task, state)
        self._here.set(state)
        return state

    def _watch(self, crew: Any, state: CrewAtWork) -> None:
        """Notices when a crew is garbage-collected during its run."""
        seen = weakref.ref(state)

        def gone(_crew: Any) -> None:
            try:
                left = seen()
                if left is not None:
                    self._interrupted(left)
            except Exception:
                pass

        try:
            state.watch = weakref.ref(crew, gone)
        except TypeError:
            pass  # This class allows no weak reference; the limit of the table bounds its runs.

    def interrupt(self) -> None:
        """Records that all running crews failed: the process ends, and CrewAI emits no event for Ctrl-C."""
        with self._lock:
            left = [state for states in self._by_crew.values() for state in states]
        for state in left:
            self._interrupted(state)

    def _interrupted(self, state: CrewAtWork) -> None:
        # A forked child's copy records nothing: the crew continues in the parent.
        if not state.is_over and state.process == os.getpid():
            self._end(state)
            state.run.fail()

    def completed(self, crew: Any, event: Any) -> None:
        state = self._of_crew(crew)
        if state is None:
            return
        if state.described.shares:
            state.run.share_execution(tasks_output=tasks_output(crew))
            output = text_of(read(event, "output"))
        else:
            output = None
        self._end(state)
        state.run.complete(output=output)

    def failed(self, crew: Any, _event: Any) -> None:
        state = self._of_crew(crew)
        if state is not None:
            self._end(state)
            state.run.fail()

    # ---------------------------------------------------------------- tests

    def test_started(self, _crew: Any, event: Any, model: Any) -> None:
        """Stored for the first run of the test: the tested crew is a copy that is made later."""
        self._test.set((read(event, "n_iterations"), model, read(event, "inputs")))

    def test_over(self) -> None:
        self._test.set(None)

    def test_scored(self, source: Any, event: Any) -> None:
        crew = read(event, "crew")
        state = self._of_crew(source if crew is None else crew) or self._innermost()
        if state is not None:
            state.run.test_scored(read(event, "quality"), read(event, "execution_duration"), read(event, "model"))

    # ---------------------------------------------------------------- tasks

    def task_started(self, task: Any) -> bool:
        """False if the task belongs to no crew."""
        remember_templates(read(task, "agent"), task)
        state = self._of_task(task) or self._begun_before(task)
        if state is None:
            # A crew's planner and its judge have tasks of their own, which belong to no crew.
            return self._innermost() is not None
        identity = id(task)
        if identity in state.at_work:
            # A guardrail sent it back: it is still running.
            return True
        described = state.described.tasks[identity]
        state.at_work[identity] = state.run.task(described)
        if state.described.shares:
            state.run.share_formatted(described, read(task, "description"), read(task, "expected_output"))
        return True

    def task_completed(self, task: Any, event: Any) -> None:
        found = self._take_task(task)
        if found is not None:
            state, at_work = found
            output = text_of(read(event, "output")) if state.described.shares else None
            at_work.complete(output=output)

    def task_failed(self, task: Any, error: type[BaseException] | None) -> None:
        found = self._take_task(task)
        if found is not None:
            found[1].fail(None if error is None else error.__name__)

    def _take_task(self, task: Any) -> tuple[CrewAtWork, Any] | None:
        identity = id(task)
        state = self._innermost()
        while state is not None:
            at_work = state.at_work.pop(identity, None)
            if at_work is not None:
                return state, at_work
            state = _around(state)
        for state in reversed(self._by_task.get(identity, ())):
            at_work = state.at_work.pop(identity, None)
            if at_work is not None:
                return state, at_work
        return None

    def _begun_before(self, task: Any) -> CrewAtWork | None:
        """The run of a crew that had started before the listener was installed."""
        crew = read(read(task, "agent"), "crew")
        if crew is None or not any(each is task for each in items(crew, "tasks")):
            return None
        return self._begin(crew, read(crew, "_inputs"))

    # ---------------------------------------------------------------- lookup

    def here(self) -> int:
        """An id of the run of the current context; 0 for none."""
        state = self._innermost()
        return 0 if state is None else id(state)

    def _innermost(self) -> CrewAtWork | None:
        """The innermost run of the current context."""
        state = self._here.get()
        return state if state is None or not state.is_over else _around(state)

    def _of_crew(self, crew: Any) -> CrewAtWork | None:
        identity = id(crew)
        state = self._innermost()
        while state is not None:
            if state.crew == identity:
                return state
            state = _around(state)
        return _latest(self._by_crew.get(identity, ()))

    def _of_task(self, task: Any) -> CrewAtWork | None:
        identity = id(task)
        state = self._innermost()
        while state is not None:
            if identity in state.described.tasks:
                return state
            state = _around(state)
        return _latest(self._by_task.get(identity, ()))

    def _end(self, state: CrewAtWork) -> None:
        if self._here.get() is state:
            self._here.set(state.outer)
        with self._lock:
            self._forget(state)
        state.end()

    def _forget(self, state: CrewAtWork) -> None:
        _remove(self._by_crew, state.crew, state)
        for task in state.described.tasks:
            _remove(self._by_task, task, state)


def _around(inner: CrewAtWork) -> CrewAtWork | None:
    """The next outer run that has not ended."""
    state = inner.outer
    while state is not None and state.is_over:
        state = state.outer
    return state


def _latest(states: Sequence[CrewAtWork]) -> CrewAtWork | None:
    for state in reversed(states):
        if not state.is_over:
            return state
    return None


# Lists are replaced and never changed, so that iterating over one needs no lock.
def _add(table: dict[int, list[CrewAtWork]], key: int, state: CrewAtWork) -> None:
    before = table.get(key)
    table[key] = [state] if before is None else [*before, state]


def _remove(table: dict[int, list[CrewAtWork]], key: int, state: CrewAtWork) -> None:
    states = table.get(key, ())
    left = [each for each in states if each is not state] if len(states) > 1 else []
    if left:
        table[key] = left
    elif states and (len(states) > 1 or states[0] is state):
        del table[key]
