"""Headcount's listener beside CrewAI's own telemetry, and beside none; see `run`.

    measure.py PYTHON event|kickoff|import|exit|memory [RUNS]

PYTHON is one with CrewAI and the wheel of Headcount.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "client"))

import at_exit  # noqa: E402
import exit as ends  # noqa: E402
from paired import shown  # noqa: E402

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
    """What an event costs more: three kinds in turn, in one process, of which the differences are told."""
    several = in_turn(python, "event.py", runs)
    print("| what | where | without | headcount adds (95 %) | CrewAI's own adds (95 %) |\n| --- | --- | ---: | ---: | ---: |")
    for what in several[0]:
        rounds = [each for found in several for each in found[what]]
        for where in ("thread", "process"):
            print(f"| {what} | {where} | {compared(rounds, where, 'µs')} |")


def kickoff(python, runs):
    """What a whole kickoff costs more, with all that happens in it."""
    rounds = [each for found in in_turn(python, "kickoff.py", runs) for each in found]
    print("| a kickoff | without | headcount adds (95 %) | CrewAI's own adds (95 %) |\n| --- | ---: | ---: | ---: |")
    for what in ("kickoff", "processor"):
        print(f"| {what} | {compared(rounds, what, 'ms')} |")


def in_turn(python, program, runs):
    endpoint = f"http://127.0.0.1:{ends.listen(ends.answer)}"
    return [told(python, program, "crewai", endpoint) for _ in range(runs)]


def compared(rounds, what, unit):
    """The median without telemetry, and the differences that each client makes to it."""
    without = statistics.median(each["none"][what] for each in rounds)
    added = [[each[kind][what] - each["none"][what] for each in rounds] for kind in ("headcount", "crewai")]
    return " | ".join([f"{without:.1f} {unit}", *(shown(differences, unit) for differences in added)])


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
        print(f"\nthe line in headcount_crewai.pth, at each start of Python: {line_cost(python, plain):.0f} µs")


def milliseconds_of(python, code, environment, folder):
    done = subprocess.run([python, "-c", code], env=environment, cwd=folder, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def line_cost(python, environment):
    """Microseconds that the line takes where the variable is not set: `site` reads its file and runs it, as at a start."""
    code = (
        "import site, sysconfig, time; folder = sysconfig.get_path('purelib'); began = time.perf_counter(); "
        "[site.addpackage(folder, 'headcount_crewai.pth', set()) for _ in range(1000)]; "
        "print((time.perf_counter() - began) * 1e3)"
    )
    return milliseconds_of(python, code, environment, "/")


def memory(python, _runs):
    endpoint = f"http://127.0.0.1:{ends.listen(ends.answer)}"
    print("| | after the first crew | grown after 100 more | threads |\n| --- | ---: | ---: | ---: |")
    for kind in KINDS:
        found = told(python, "memory.py", kind, endpoint)
        print(f"| {kind} | {found['start_mib']:.1f} MiB | {found['grown_mib']:.1f} MiB | {found['threads']} |", flush=True)


if __name__ == "__main__":
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 7
    {"event": event, "kickoff": kickoff, "import": imports, "exit": at_exit.measure, "memory": memory}[sys.argv[2]](sys.argv[1], runs)
