"""Headcount's listener beside CrewAI's own telemetry, and beside none; see `run`.

    measure.py PYTHON event|import|exit|memory [RUNS]

PYTHON is one with CrewAI and the wheel of Headcount.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "client"))

import exit as ends  # noqa: E402

KINDS = ("none", "headcount", "crewai")


def surroundings(scratch):
    return {"PATH": os.environ["PATH"], "HOME": scratch, "HEADCOUNT_HOME": f"{scratch}/home"}


def told(python, program, kind, endpoint):
    """What a subject prints as its last line."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [python, HERE / program, kind, endpoint]
        done = subprocess.run(command, env=surroundings(scratch), cwd=scratch, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stdout + done.stderr)
        return json.loads(done.stdout.strip().splitlines()[-1])


def event(python, runs):
    endpoint = f"http://127.0.0.1:{ends.listen(ends.answer)}"
    found = {kind: [told(python, "crewai_event.py", kind, endpoint) for _ in range(runs)] for kind in KINDS}
    print("| what | where | without | headcount adds | CrewAI's own adds | times |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for what in found["none"][0]:
        for where in ("thread", "process"):
            middle = {kind: statistics.median(each[what][where] for each in found[kind]) / 1e3 for kind in KINDS}
            ours, theirs = middle["headcount"] - middle["none"], middle["crewai"] - middle["none"]
            times = f"{theirs / ours:.1f}" if ours > 0 else "—"
            print(f"| {what} | {where} | {middle['none']:.1f} µs | {ours:.1f} µs | {theirs:.1f} µs | {times} |")


def seconds(command, environment, runs):
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return times


CLOCK = "import time; began = time.perf_counter(); {}; print((time.perf_counter() - began) * 1e3)"


def imports(python, runs):
    """What imports and `install` cost, and the line that Python runs at each start."""
    with tempfile.TemporaryDirectory() as scratch:
        plain = surroundings(scratch) | {"CREWAI_TRACING_ENABLED": "false", "HTTPS_PROXY": "http://127.0.0.1:9"}
        quiet = plain | {"CREWAI_DISABLE_TELEMETRY": "true"}
        install = "import crewai, headcount.crewai; " + CLOCK.format("headcount.crewai.install()")
        rows = {
            "import headcount": (CLOCK.format("import headcount"), plain),
            "import headcount.crewai": (CLOCK.format("import headcount.crewai"), plain),
            "install, with crewai imported before": (install, plain),
            "import crewai, its client off": (CLOCK.format("import crewai"), quiet),
            "import crewai, its client on": (CLOCK.format("import crewai"), plain),
        }
        print("| what | median | worst |\n| --- | ---: | ---: |")
        for name, (code, environment) in rows.items():
            times = [milliseconds_of(python, code, environment, scratch) for _ in range(runs)]
            print(f"| {name} | {statistics.median(times):.2f} ms | {max(times):.2f} ms |", flush=True)
        print(f"\nthe line in headcount_crewai.pth, at each start of Python: {line_cost(python, plain, runs * 4):.0f} µs")


def milliseconds_of(python, code, environment, folder):
    done = subprocess.run([python, "-c", code], env=environment, cwd=folder, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def line_cost(python, environment, runs):
    """Microseconds that the line takes where the variable is not set: starts with and without its file, in turn."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    line = Path(folder) / "headcount_crewai.pth"
    aside = line.with_suffix(".aside")
    times = {True: [], False: []}
    try:
        for number in range(runs * 2):
            has_line = number % 2 == 0
            if has_line != line.exists():
                (aside if has_line else line).rename(line if has_line else aside)
            times[has_line] += seconds([python, "-c", "pass"], environment, 1)
    finally:
        if aside.exists():
            aside.rename(line)
    return (statistics.median(times[True]) - statistics.median(times[False])) * 1e6


def at_exit(python, runs):
    print("| network | no telemetry | headcount | difference of the medians | CrewAI's own client |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, endpoint, without_dns in ends.states():
        columns, middles = [], []
        for kind in ("none", "headcount"):
            times = []
            for _ in range(runs):
                with tempfile.TemporaryDirectory() as scratch:
                    command = [python, str(HERE / "crewai_exit_subject.py"), kind, endpoint]
                    times.append(ends.run(command, surroundings(scratch), without_dns, Path(scratch)))
            columns.append(ends.milliseconds(times))
            middles.append(statistics.median(each for each in times if each is not None) / 1e6)
        columns.append(f"{middles[1] - middles[0]:+.1f} ms")
        with tempfile.TemporaryDirectory() as scratch:
            command = [python, str(HERE.parent / "client" / "exit_crewai.py"), f"{endpoint}/v1/traces"]
            columns.append(ends.milliseconds([ends.run(command, surroundings(scratch), without_dns, Path(scratch))]))
        print(f"| {name} | {' | '.join(columns)} |", flush=True)


def memory(python, _runs):
    endpoint = f"http://127.0.0.1:{ends.listen(ends.answer)}"
    print("| | after the first crew | grown after 1,000 more | threads |\n| --- | ---: | ---: | ---: |")
    for kind in KINDS:
        found = told(python, "crewai_memory.py", kind, endpoint)
        print(f"| {kind} | {found['start_mib']:.1f} MiB | {found['grown_mib']:.1f} MiB | {found['threads']} |", flush=True)


if __name__ == "__main__":
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 7
    {"event": event, "import": imports, "exit": at_exit, "memory": memory}[sys.argv[2]](sys.argv[1], runs)
