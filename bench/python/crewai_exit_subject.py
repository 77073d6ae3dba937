"""Tells CrewAI's bus of one event, and ends.

    crewai_exit_subject.py none|headcount ENDPOINT
"""

import time

import crewai_subject

crewai_subject.begin()

import crewai  # noqa: E402, F401

bus, tools, _, _ = crewai_subject.events()
error = tools.ToolUsageErrorEvent(tool_name="word_counter", tool_args={}, error="it broke", run_attempts=1)
bus.emit(None, error)
time.sleep(0.4)
print("main_ended_nanos", time.time_ns(), flush=True)
