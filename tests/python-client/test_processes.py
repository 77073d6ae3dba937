"""Processes: forks, multiprocessing, signals, and every way in which an interpreter may end.

Each test runs real interpreters, and looks at what they left on disk and how they ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import spool
from conftest import FRAMEWORK
from receiver import black_hole, receiver

Program = Callable[..., "subprocess.CompletedProcess[str]"]

START = "telemetry = headcount.start(FRAMEWORK, '1', told_user=True, endpoint=os.environ.get('ENDPOINT'))\n"

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX processes")


def tools(home: Path) -> Counter[object]:
    spans = spool.spans(home, FRAMEWORK)
    return Counter(span.attributes["tool_usage.tool_name"] for span in spans if span.name == "Tool Usage")


def names(home: Path) -> Counter[str]:
    return Counter(span.name for span in spool.spans(home, FRAMEWORK))


ENDINGS = {
    "at the end of the program": "",
    "by sys.exit": "sys.exit(3)",
    "by an exception": "raise RuntimeError('of the host')",
    "by SystemExit in a thread and the end": "import threading; threading.Thread(target=sys.exit).start()",
    "by KeyboardInterrupt": "raise KeyboardInterrupt",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ending_is_the_same_with_and_without_telemetry_and_loses_nothing(ending: str, program: Program, home: Path) -> None:
    record = START + "for event in range(20): telemetry.tool_used(f'tool_{chr(97 + event)}')\n"
    without = program(ENDINGS[ending])
    with_telemetry = program(record + ENDINGS[ending])
    assert with_telemetry.returncode == without.returncode
    assert with_telemetry.stdout == without.stdout
    # The traceback names another line.
    assert with_telemetry.stderr.splitlines()[-1:] == without.stderr.splitlines()[-1:]
    assert sum(tools(home).values()) == 20


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1])
def test_a_signal_ends_a_program_as_it_does_without_telemetry(number: signal.Signals, program: Program, home: Path) -> None:
    wait = f"os.kill(os.getpid(), {int(number)}); time.sleep(30)"
    without = program(wait)
    with_telemetry = program(START + "telemetry.tool_used('search'); time.sleep(0.2)\n" + wait)
    assert with_telemetry.returncode == without.returncode != 0
    # It was on disk before.
    assert tools(home) == {"search": 1}


@posix
def test_no_signal_handler_is_changed_and_no_signal_blocked(program: Program) -> None:
    look = """
import signal
def look():
    return [signal.getsignal(number) for number in signal.valid_signals()], signal.pthread_sigmask(signal.SIG_BLOCK, [])
before = look()
"""
    ended = program(look + START + "telemetry.tool_used('search'); time.sleep(0.2)\nassert look() == before")
    assert ended.returncode == 0, ended.stderr


@posix
def test_flush_lets_a_signal_in(program: Program) -> None:
    source = """
import signal
signal.signal(signal.SIGALRM, lambda *_: print('handled', flush=True))
signal.setitimer(signal.ITIMER_REAL, 0.2)
began = time.monotonic()
telemetry.tool_used('search')
assert not telemetry.flush(1.0)
assert time.monotonic() - began < 20
def interrupt(*_): raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    telemetry.flush(60)
except KeyboardInterrupt:
    print('interrupted')
"""
    with black_hole() as endpoint:
        ended = program(START + source, ENDPOINT=endpoint)
    assert (ended.returncode, ended.stdout) == (0, "handled\ninterrupted\n"), ended.stderr


@pytest.mark.parametrize("network", ["black hole", "refused", "none"])
def test_exit_is_instant_and_what_was_not_sent_waits_on_disk(network: str, program: Program, home: Path) -> None:
    """A generous bound, far below any timeout of a network: what it costs exactly is for bench/python to say."""
    source = START + """
for _ in range(50): telemetry.tool_used('search')
with telemetry.crew(headcount.Crew()): pass
time.sleep(float(sys.argv[1]))
print(time.time())
"""
    with black_hole() as hole:
        endpoints = {"black hole": {"ENDPOINT": hole}, "refused": {"ENDPOINT": "http://127.0.0.1:9"}, "none": {}}
        for waited in ("0", "0.3"):
            ended = program(source, waited, **endpoints[network])
            assert ended.returncode == 0, ended.stderr
            assert time.time() - float(ended.stdout) < 5
    assert tools(home) == {"search": 100}


def test_what_waits_goes_out_later(program: Program, home: Path) -> None:
    program(START + "telemetry.tool_used('first')")
    with receiver() as collector:
        ended = program(START + "telemetry.tool_used('second'); assert telemetry.flush(20)", ENDPOINT=collector.endpoint)
        assert ended.returncode == 0, ended.stderr
        arrived = [span.attributes["tool_usage.tool_name"] for span in collector.spans()]
    assert sorted(arrived) == ["first", "second"]  # type: ignore[type-var]
    assert not tools(home)


def test_events_of_short_runs_leave_although_every_run_is_short(program: Program, home: Path) -> None:
    with receiver() as collector:
        for _ in range(3):
            ended = program(START + "telemetry.tool_used('search')", ENDPOINT=collector.endpoint)
            assert (ended.returncode, ended.stderr) == (0, "")
        # The second run sent both; the third one ends at once, because events were sent a moment ago.
        assert len(collector.spans()) == 2
    assert tools(home) == {"search": 1}


def test_an_exit_handler_of_the_host_may_still_record(program: Program, home: Path) -> None:
    source = START + """
import atexit, threading, weakref
atexit.register(telemetry.tool_used, 'atexit_after')
class Last:
    def __del__(self): telemetry.tool_used('finalizer')
last = Last()
threading.Thread(target=lambda: (time.sleep(0.1), telemetry.tool_used('thread'))).start()
"""
    source = "import atexit\natexit.register(lambda: telemetry.tool_used('atexit_before'))\n" + source
    ended = program(source)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert tools(home) == {"atexit_after": 1, "atexit_before": 1, "thread": 1, "finalizer": 1}


@pytest.mark.parametrize("run", range(5))
def test_the_interpreter_ends_while_daemon_threads_record(run: int, program: Program, home: Path) -> None:
    source = START + """
import threading
crew = headcount.Crew([headcount.Agent('Role')], [headcount.Task('Task')])
def record():
    while True:
        with telemetry.crew(crew) as run:
            telemetry.tool_used('search')
        own = headcount.start(FRAMEWORK + '-own', '1', told_user=True)
        own.tool_used('search')
        own.flush(0)
        del own
for _ in range(4): threading.Thread(target=record, daemon=True).start()
time.sleep(0.2)
"""
    ended = program(source)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert tools(home)["search"] > 0


def test_telemetry_that_is_dropped_writes_down_what_it_holds(program: Program, home: Path) -> None:
    source = START + "telemetry.tool_used('search'); del telemetry; os._exit(0)"
    assert program(source).returncode == 0
    assert tools(home) == {"search": 1}


@posix
def test_a_forked_child_records_for_itself(program: Program, home: Path) -> None:
    """The parent's events are written once, by the parent; its runs end there."""
    # From 3.12 on the interpreter warns of a fork in a program that has a second thread: the client has none meanwhile.
    source = START + """
time.sleep(0.2)
telemetry.tool_used('before')
run = telemetry.crew(headcount.Crew())
pids = []
for _ in range(8):
    pid = os.fork()
    if pid == 0:
        telemetry.tool_used('child')
        del run
        sys.exit(0)
    pids.append(pid)
telemetry.tool_used('parent')
for pid in pids: assert os.waitpid(pid, 0)[1] == 0
run.complete()
"""
    ended = program(source)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert tools(home) == {"before": 1, "child": 8, "parent": 1}
    completed = [span for span in spool.spans(home, FRAMEWORK) if span.name == "Crew Completed"]
    assert [span.failed for span in completed] == [False]


@posix
def test_forks_under_load_neither_hang_nor_lose(program: Program, home: Path) -> None:
    source = START + """
import threading
stop = threading.Event()
def record():
    while not stop.is_set():
        telemetry.tool_used('parent'); time.sleep(0.001)
threads = [threading.Thread(target=record) for _ in range(4)]
for thread in threads: thread.start()
for _ in range(30):
    pid = os.fork()
    if pid == 0:
        telemetry.tool_used('child')
        headcount._native.write_down()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
for thread in threads: thread.join()
counters = telemetry.counters()
assert counters.dropped == 0, counters
print(counters.recorded)
"""
    ended = program(source)
    assert ended.returncode == 0, ended.stderr
    assert tools(home) == {"parent": int(ended.stdout), "child": 30}


MULTIPROCESSING = """
import headcount, multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor
FRAMEWORK = {framework!r}

def start():
    return headcount.start(FRAMEWORK, '1', told_user=True)

telemetry = None

def work(number):
    global telemetry
    if telemetry is None:
        telemetry = start()
    telemetry.tool_used(f'worker_{{chr(97 + number)}}')

if __name__ == '__main__':
    context = multiprocessing.get_context(sys.argv[1])
    if sys.argv[2] == 'before':
        telemetry = start()
        telemetry.tool_used('parent')
    processes = [context.Process(target=work, args=(number,)) for number in range(4)]
    for process in processes: process.start()
    for process in processes: process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    with context.Pool(2) as pool:
        pool.map(work, range(4, 8))
        pool.close()
        pool.join()
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        list(pool.map(work, range(8, 12)))
"""


@posix
@pytest.mark.parametrize("started", ["before", "within"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_lose_nothing(method: str, started: str, tmp_path: Path, home: Path) -> None:
    """They end by `os._exit`, which runs no handler of the C library."""
    file = tmp_path / "program.py"
    file.write_text(MULTIPROCESSING.format(framework=FRAMEWORK))
    ended = subprocess.run([sys.executable, file, method, started], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    expected = {f"worker_{chr(97 + number)}": 1 for number in range(12)} | ({"parent": 1} if started == "before" else {})
    assert tools(home) == expected


@posix
def test_a_killed_process_loses_no_more_than_its_last_moment(program: Program, home: Path) -> None:
    ended = program(START + "telemetry.tool_used('search'); time.sleep(0.5); os.kill(os.getpid(), 9)")
    assert ended.returncode == -9
    assert tools(home) == {"search": 1}


def test_a_subinterpreter_does_no_harm(program: Program, home: Path) -> None:
    source = START + """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
other = interpreters.create()
source = '''
try:
    import headcount
except ImportError:
    print("refused")
else:
    headcount.Telemetry.off().tool_used("search")
    print("taken")
'''
interpreters.run_string(other, source)
interpreters.destroy(other)
telemetry.tool_used('search')
"""
    ended = program(source)
    assert ended.returncode == 0, ended.stderr
    # From 3.12 on an interpreter asks a module first whether it is made for more than one.
    assert ended.stdout == ("refused\n" if sys.version_info >= (3, 12) else "taken\n")
    assert tools(home) == {"search": 1}
