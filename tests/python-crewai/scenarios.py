"""Scenarios for CrewAI. Each returns the expected rows."""

import asyncio
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from crewai import Agent, Crew, Process, Task
from crewai.flow.flow import Flow, listen, start
from crewai.tools import tool
from models import TextOnly


@tool("Word Counter")
def word_counter(text: str) -> str:
    """Counts the words of a text."""
    return f"CANARY-RESULT {len(text.split())} words"


@tool("Flaky Tool")
def flaky_tool(text: str) -> str:
    """Always fails."""
    raise RuntimeError("CANARY-ERROR it broke")


@tool("Deadly Tool")
def deadly_tool(text: str) -> str:
    """Ends the process as a power cut would."""
    time.sleep(0.4)
    os.kill(os.getpid(), signal.SIGKILL)
    return ""


@tool("Interrupting Tool")
def interrupting_tool(text: str) -> str:
    """Like Ctrl-C."""
    raise KeyboardInterrupt


def agent(role="Senior Researcher", **settings):
    settings = {"allow_delegation": False, "max_iter": 6, "verbose": False} | settings
    return Agent(role=role, goal=f"CANARY-GOAL of {role}", backstory=f"CANARY-BACKSTORY of {role}", **settings)


def task(who, what="work", **settings):
    return Task(description=f"CANARY-DESCRIPTION {what}", expected_output="CANARY-EXPECTED facts", agent=who, **settings)


def crew(agents, tasks, **settings):
    return Crew(agents=agents, tasks=tasks, **({"process": Process.sequential, "verbose": False} | settings))


def sequential(settings):
    researcher = agent("Senior Researcher", tools=[word_counter], max_rpm=30)
    writer = agent("Report Writer", max_retry_limit=1)
    research = task(researcher, "look into {topic}")
    report = task(writer, "write it up", context=[research])
    team = crew([researcher, writer], [research, report], share_crew=settings.get("share", False))
    output = team.kickoff(inputs={"topic": "CANARY-INPUT"})
    return {"output": str(output), "outputs": [each.output.raw for each in team.tasks]}


def text_calls(_settings):
    """Tools by text: used, asked for again at once, and failing until CrewAI gives up."""
    worker = agent(tools=[word_counter, flaky_tool], llm=TextOnly(model="text-model", temperature=0.25))
    steps = 'CALL Word Counter {"text": "a b"}\nCALL Word Counter {"text": "a b"}\nCALL Flaky Tool {"text": "x"}'
    crew([worker], [task(worker, steps)]).kickoff()
    return {}


def native_calls(_settings):
    """Tools by native function calling, the last of them one that there is not."""
    worker = agent(tools=[word_counter, flaky_tool])
    steps = 'CALL word_counter {"text": "a b"}\nCALL word_counter {"text": "a b"}\nCALL flaky_tool {"text": "x"}'
    steps += '\nCALL CANARY_tool {"text": "x"}'
    crew([worker], [task(worker, steps)]).kickoff()
    return {}


def hierarchical(_settings):
    researcher, writer = agent("Senior Researcher"), agent("Report Writer")
    delegate = 'CALL {} {{"task": "CANARY-TASK", "context": "CANARY-CONTEXT", "coworker": "Report Writer"}}'
    name = "delegate_work_to_coworker" if native_releases() else "Delegate work to coworker"
    work = task(None, delegate.format(name))
    team = crew([researcher, writer], [work], process=Process.hierarchical, manager_llm="gpt-4o")
    team.kickoff()
    return {}


def native_releases():
    from importlib.metadata import version

    major, minor = (int(part) for part in version("crewai").split(".")[:2])
    return (major, minor) >= (1, 9)


def asynchronous(settings):
    """Two tasks at the same time, of two agents or of one. CrewAI 1.15 refuses one agent two tasks at once."""
    workers = [agent(f"Worker {number}") for number in range(settings["agents"])]
    beside = [task(workers[-number], f"part {number}", async_execution=True) for number in (0, 1)]
    last = task(workers[0], "all of it", context=beside)
    try:
        crew(workers, [*beside, last]).kickoff()
    except RuntimeError as error:
        return {"error": type(error).__name__}
    return {}


def human(_settings):
    worker = agent()
    crew([worker], [task(worker, human_input=True)]).kickoff()
    return {}


def tested(_settings):
    worker = agent()
    crew([worker], [task(worker)]).test(2, "gpt-4o-mini")
    return {}


class GoodFlow(Flow):
    @start()
    def canary_step_one(self):
        return "CANARY-FLOW"

    @listen(canary_step_one)
    def canary_step_two(self, _word):
        worker = agent()
        return crew([worker], [task(worker)]).kickoff().raw


class BadFlow(Flow):
    @start()
    def canary_broken(self):
        raise LookupError("CANARY-ERROR")


def flows(_settings):
    GoodFlow().kickoff()
    try:
        BadFlow().kickoff()
    except LookupError:
        pass
    return {}


def stepped(_settings):
    """The events of a plan's steps: one calls a tool by text, which is told twice, one natively, which is told once."""
    from crewai_bus import bus, event

    class StepExecutor:
        tools = [word_counter]

    class ToolUsage(StepExecutor):
        pass

    step, use = StepExecutor(), ToolUsage()
    for source, kind, name in (
        (step, "tool_usage_started", "Word Counter"),
        (use, "tool_usage_started", "Word Counter"),
        (use, "tool_usage_finished", "word_counter"),
        (step, "tool_usage_finished", "Word Counter"),
        (step, "tool_usage_started", "word_counter"),
        (step, "tool_usage_finished", "word_counter"),
    ):
        bus.emit(source, event(kind, tool_name=name, tool_args={"text": type(source).__name__}))
    return {}


def reviewed(_settings):
    """A flow that a person reviews, and one that waits for a person."""
    try:
        from crewai.flow.async_feedback.types import HumanFeedbackPending
        from crewai.flow.human_feedback import human_feedback
    except ImportError:
        return {"has_feedback": False}

    class Later:
        def request_feedback(self, context, flow):
            raise HumanFeedbackPending(context=context)

    class ReviewedFlow(Flow):
        @start()
        @human_feedback(message="CANARY-QUESTION")
        def draft(self):
            return "CANARY-DRAFT"

    class WaitingFlow(Flow):
        @start()
        @human_feedback(message="CANARY-QUESTION", provider=Later())
        def draft(self):
            return "CANARY-DRAFT"

    ReviewedFlow().kickoff()
    WaitingFlow().kickoff()
    return {"has_feedback": True}


def killed(_settings):
    worker = agent(tools=[deadly_tool], llm=TextOnly(model="text-model"))
    crew([worker], [task(worker, 'CALL Deadly Tool {"text": "x"}')]).kickoff()
    return {}


def nothing(_settings):
    return {}


def failing(_settings):
    worker = agent(llm=TextOnly(model="text-model"), max_retry_limit=0)
    try:
        crew([worker], [task(worker, "BREAK 500\n")]).kickoff()
    except Exception as error:
        return {"error": type(error).__name__}
    return {}


def interrupted(_settings):
    worker = agent(tools=[interrupting_tool], llm=TextOnly(model="text-model"))
    steps = 'CALL Interrupting Tool {"text": "x"}'
    try:
        crew([worker], [task(worker, steps)]).kickoff()
    except KeyboardInterrupt:
        pass
    return {}


def concurrent(_settings):
    """Crews in threads, of which two share an agent; copies of a crew; and one crew object twice at the same time.

    CrewAI 1.15 refuses an agent that is at work; then that crew fails.
    """
    refused = []

    def kickoff(team):
        try:
            team.kickoff()
        except RuntimeError:
            refused.append(team)

    shared = agent("Shared Agent")
    pair = [crew([shared], [task(shared, f"for crew {number}")], name=f"crew {number}") for number in (1, 2)]
    one = agent("Copied Agent")
    copied = crew([one], [task(one, "about {topic}")])
    twice_agent = agent("Busy Agent")
    twice = crew([twice_agent], [task(twice_agent, "twice")])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(kickoff, pair))
    copied.kickoff_for_each(inputs=[{"topic": f"CANARY-{number}"} for number in range(3)])

    async def both():
        done = await asyncio.gather(twice.kickoff_async(), twice.kickoff_async(), return_exceptions=True)
        refused.extend(each for each in done if isinstance(each, RuntimeError))

    asyncio.run(both())
    return {"refused_crews": len(refused)}


def repeated(_settings):
    """One crew three times, and copies of it after that; its role has room for an input."""
    worker = agent("{topic} expert")
    team = crew([worker], [task(worker, "about {topic}")])
    for number in range(3):
        team.kickoff(inputs={"topic": f"CANARY-{number}"})
    team.kickoff_for_each(inputs=[{"topic": "CANARY-9"}])
    return {}


def alone(_settings):
    """An agent and a task without a crew."""
    worker = agent("Lonely Agent")
    worker.kickoff("hello")
    task(worker, "alone").execute_sync()
    return {}


def guarded(_settings):
    seen = []

    def second_time(output):
        seen.append(output)
        return len(seen) > 1, output.raw if len(seen) > 1 else "again"

    worker = agent()
    crew([worker], [task(worker, guardrail=second_time)]).kickoff()
    return {"tries": len(seen)}


def planned(_settings):
    worker = agent()
    crew([worker], [task(worker)], planning=True, planning_llm="gpt-4o-mini").kickoff()
    return {}


def remembering(_settings):
    worker = agent()
    crew([worker], [task(worker)], memory=True).kickoff()
    return {}
