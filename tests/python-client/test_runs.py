"""Crews, tasks and flows at work: with `with`, with `async with`, by hand; on threads and tasks of asyncio."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections import Counter
from collections.abc import Callable

import headcount
import pytest
import spool

Recorded = Callable[[], list[spool.Span]]

AGENT = headcount.Agent("Researcher", goal="CANARY goal")
TASK = headcount.Task("CANARY description", agent=AGENT)
CREW = headcount.Crew([AGENT], [TASK], process="sequential")
SHARING = headcount.Crew([AGENT], [TASK], share_crew=True)


def named(spans: list[spool.Span], name: str) -> list[spool.Span]:
    return [span for span in spans if span.name == name]


def test_a_crew_and_its_task_complete_at_the_end_of_their_blocks(telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    before = time.time_ns()
    with telemetry.crew(CREW) as run:
        assert run.is_recording
        with run.task(TASK) as doing:
            time.sleep(0.02)
            doing.output = "CANARY output"
        run.output = "CANARY output"
    assert not run.is_recording
    spans = recorded()
    assert [span.name for span in spans] == [
        "Crew Created", "Agent", "Task", "Task Created", "Task Execution", "Crew Completed",
    ]  # fmt: skip
    (execution,), (completed,) = named(spans, "Task Execution"), named(spans, "Crew Completed")
    assert before <= completed.start <= execution.start < execution.end <= completed.end <= time.time_ns()
    assert execution.end - execution.start >= 20_000_000
    assert not execution.failed and not completed.failed
    assert "task_lifecycle.error_type" not in execution.attributes
    assert not any("CANARY" in str(value) for span in spans for value in span.attributes.values())


def test_an_exception_fails_the_task_and_the_crew_and_goes_on_untouched(
    telemetry: headcount.Telemetry, recorded: Recorded
) -> None:
    class ConnectionLost(Exception):
        pass

    raised = ConnectionLost("CANARY message")
    with pytest.raises(ConnectionLost) as caught, telemetry.crew(CREW) as run, run.task(TASK) as doing:
        doing.output = "CANARY output"
        raise raised
    assert caught.value is raised
    assert raised.__context__ is raised.__cause__ is None
    (execution,), (completed,) = named(recorded(), "Task Execution"), named(recorded(), "Crew Completed")
    assert execution.failed and completed.failed
    assert execution.attributes["task_lifecycle.error_type"] == "ConnectionLost"
    assert not any("CANARY" in str(value) for span in recorded() for value in span.attributes.values())


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_what_is_no_error_fails_a_task_as_well(
    end: type[BaseException], telemetry: headcount.Telemetry, recorded: Recorded
) -> None:
    with pytest.raises(end), telemetry.crew(CREW) as run, run.task(TASK):
        raise end
    (execution,) = named(recorded(), "Task Execution")
    assert execution.failed
    assert execution.attributes["task_lifecycle.error_type"] == end.__name__


def test_ended_by_hand_it_is_not_ended_again(telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    with telemetry.crew(CREW) as run:
        with run.task(TASK) as doing:
            doing.fail("ValidationError")
            doing.complete("late")
        run.complete()
        run.fail()
    spans = recorded()
    (execution,), (completed,) = named(spans, "Task Execution"), named(spans, "Crew Completed")
    assert execution.failed and execution.attributes["task_lifecycle.error_type"] == "ValidationError"
    assert not completed.failed


@pytest.mark.parametrize("error", ["TimeoutError", TimeoutError, TimeoutError("CANARY message")])
def test_an_error_is_its_class(error: str | TimeoutError, telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    run = telemetry.crew(CREW)
    run.task(TASK).fail(error)
    run.task(TASK).fail()
    run.fail()
    known, unknown = named(recorded(), "Task Execution")
    assert known.attributes["task_lifecycle.error_type"] == "TimeoutError"
    assert "task_lifecycle.error_type" not in unknown.attributes
    assert known.failed and unknown.failed and named(recorded(), "Crew Completed")[0].failed


def test_what_is_forgotten_has_failed(telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    run = telemetry.crew(CREW)
    doing = run.task(TASK)
    flow = telemetry.flow("Flow")
    del doing, run, flow
    gc.collect()
    spans = recorded()
    assert named(spans, "Task Execution")[0].attributes["task_lifecycle.error_type"] == "dropped"
    assert named(spans, "Crew Completed")[0].failed
    assert named(spans, "Flow")[1].attributes["flow_lifecycle.outcome"] == "failed"


def test_a_sharing_crew_shares_its_output_once(telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    with telemetry.crew(SHARING) as run:
        with run.task(TASK) as doing:
            doing.output = "first"
            doing.output = "task's output"
            assert doing.output is None
        run.output = "crew's output"
    outputs = [span.attributes["crew_io.content"] for span in named(recorded(), "Crew Content")]
    assert outputs == ["task's output", "crew's output"]
    with telemetry.crew(SHARING) as run:
        run.output = "taken back"
        run.output = None
    assert len(named(recorded(), "Crew Content")) == 2
    with telemetry.crew(SHARING) as run:
        run.output = "replaced"
        run.complete("said at the end")
    assert named(recorded(), "Crew Content")[-1].attributes["crew_io.content"] == "said at the end"


def test_only_true_is_consent(telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    for share in (1, "true", "yes", object(), None, False):
        crew = headcount.Crew([AGENT], [TASK], inputs="CANARY inputs", share_crew=share)  # type: ignore[arg-type]
        with telemetry.crew(crew) as run:
            run.share_formatted(TASK, "CANARY", "CANARY")
            run.share_execution("CANARY", "CANARY")
            run.test_started(1, "gpt-4o", "CANARY")
            with run.task(TASK) as doing:
                doing.share_input("CANARY")
            run.output = "CANARY"
    spans = recorded()
    assert len(named(spans, "Crew Completed")) == 6
    assert not any("CANARY" in str(value) for span in spans for value in span.attributes.values())
    assert not any("consent.share_crew" in span.attributes for span in spans)


def test_a_run_may_have_begun_earlier_and_never_later(telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    now = time.time()
    for started in (now - 90, now + 3_600):
        with telemetry.crew(CREW, started=started) as run, run.task(TASK, started=started):
            pass
        telemetry.flow("Flow", started=started).complete()
    seconds = [(span.end - span.start) / 1e9 for span in recorded() if span.name in ("Crew Completed", "Task Execution")]
    assert [round(value / 10) for value in seconds] == [9, 9, 0, 0]
    durations = [span.attributes["flow_lifecycle.duration"] for span in named(recorded(), "Flow")[1::2]]
    assert round(durations[0] / 10) == 9 and durations[1] < 1  # type: ignore[operator]


def test_flows_complete_fail_and_pause(telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    with telemetry.flow("Done"):
        pass
    with pytest.raises(ValueError), telemetry.flow("Failed", origin="internal"):
        raise ValueError
    with telemetry.flow("Paused") as flow:
        flow.pause()
    telemetry.flow_resumed("Paused", is_conversational=True).complete()
    ends = [
        (span.attributes["flow_lifecycle.event"], span.attributes.get("flow_lifecycle.outcome"))
        for span in named(recorded(), "Flow")[1::2]
    ]
    assert ends == [("completed", "completed"), ("completed", "failed"), ("paused", None), ("completed", "completed")]


def test_async_blocks_are_the_same(telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    async def work(number: int) -> None:
        async with telemetry.crew(CREW) as run:
            async with run.task(TASK) as doing:
                await asyncio.sleep(0.001 * (number % 7))
                doing.output = "output"
            async with telemetry.flow("Flow") as flow:
                flow.method_failed(TimeoutError)

    async def main() -> None:
        await asyncio.gather(*(work(number) for number in range(50)))
        with pytest.raises(ZeroDivisionError):
            async with telemetry.crew(CREW):
                _ = 1 / 0
        # A task that is cancelled while it waits.
        waiting = asyncio.ensure_future(cancelled())
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async def cancelled() -> None:
        async with telemetry.crew(CREW) as run:
            async with run.task(TASK):
                await asyncio.sleep(60)

    asyncio.run(main())
    spans = recorded()
    assert Counter(span.failed for span in named(spans, "Crew Completed")) == {False: 50, True: 2}
    (failed,) = (span for span in named(spans, "Task Execution") if span.failed)
    assert failed.attributes["task_lifecycle.error_type"] == "CancelledError"


def test_a_run_may_end_on_another_thread(telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    run = telemetry.crew(CREW)
    doing = run.task(TASK)

    def end() -> None:
        doing.complete()
        run.complete()

    # All at once: one of them ends it.
    threads = [threading.Thread(target=end) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans = recorded()
    assert len(named(spans, "Task Execution")) == len(named(spans, "Crew Completed")) == 1
    assert not named(spans, "Crew Completed")[0].failed


def test_threads_lose_nothing(telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    def record(number: int) -> None:
        for event in range(100):
            telemetry.tool_used(f"tool_{number}", event)
            if event % 25 == 24:
                time.sleep(0.06)

    threads = [threading.Thread(target=record, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans = recorded()
    assert telemetry.counters().recorded == len(spans) == 800
    assert len({span.span_id for span in spans}) == 800
    uses = Counter((span.attributes["tool_usage.tool_name"], span.attributes["tool_usage.attempts"]) for span in spans)
    assert set(uses.values()) == {1} and len(uses) == 800


def test_a_finalizer_may_record(telemetry: headcount.Telemetry, recorded: Recorded) -> None:
    """Garbage collection runs at any allocation, so also within a call of the client."""

    class Recording:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            run.task(TASK).complete()
            telemetry.tool_used("finalizer")

    run = telemetry.crew(CREW)
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(200):
            Recording()
            with run.task(TASK) as doing:
                doing.output = "output"
        gc.collect()
    finally:
        gc.set_threshold(*threshold)
    run.complete()
    spans = recorded()
    assert len(named(spans, "Tool Usage")) == 200
    assert len(named(spans, "Task Execution")) == 400
    assert not named(spans, "Crew Completed")[0].failed


def test_the_same_things_have_the_same_keys_and_each_object_its_own_id(
    telemetry: headcount.Telemetry, recorded: Recorded
) -> None:
    telemetry.crew(CREW).complete()
    telemetry.crew(CREW).complete()
    twin = headcount.Agent("Researcher", goal="CANARY goal")
    telemetry.crew(headcount.Crew([twin], [])).complete()
    first, second, third = named(recorded(), "Agent")
    assert first.attributes["agent.id"] == second.attributes["agent.id"] != third.attributes["agent.id"]
    assert first.attributes["agent.key"] == second.attributes["agent.key"] == third.attributes["agent.key"]
    created = named(recorded(), "Crew Created")
    assert len({span.attributes["crew.id"] for span in created}) == 3
    assert created[0].attributes["crew.key"] == created[1].attributes["crew.key"]
