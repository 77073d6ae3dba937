"""What counting CrewAI adds to the end of a program, in seven states of the network.

The end of a process that has CrewAI in it takes a good part of a second by itself, and not twice the same. So two measures:
pairs of runs of one program, without telemetry and with Headcount, first the one first and then the other, of which the
median of the differences is told; and the time inside Headcount's own exit handlers, which has no such noise.
"""

import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "client"))

import exit as ends  # noqa: E402
from paired import shown  # noqa: E402

WITHOUT, WITH, THEIRS = "none", "headcount", "crewai"


class End:
    """One end of the program, in milliseconds: of the process, and inside Headcount's handlers."""

    def __init__(self, python, telemetry, endpoint, without_dns):
        with tempfile.TemporaryDirectory() as scratch:
            marks = Path(scratch, "marks")
            marks.write_bytes(bytes(64))
            command = [python, str(HERE / "exit_subject.py"), telemetry, endpoint, str(marks)]
            if without_dns:
                command = ends.without_dns(command, Path(scratch))
            environment = {"PATH": os.environ["PATH"], "HOME": scratch, "HEADCOUNT_HOME": f"{scratch}/home"}
            self.process = _milliseconds_of(command, environment, scratch)
            self.inside = _inside(marks.read_bytes()) if telemetry == WITH else 0.0


def _milliseconds_of(command, environment, folder):
    child = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    ended = None
    for line in child.stdout:
        word, _, moment = line.decode().partition(" ")
        if word == "main_ended_nanos":
            ended = int(moment)
            break
    if ended is None:
        raise SystemExit(child.stderr.read().decode())
    _pid, status = os.waitpid(child.pid, 0)
    over = time.monotonic_ns()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"ended with {child.returncode}: {child.stderr.read().decode()}")
    return (over - ended) / 1e6


def _inside(marks):
    began, began_nanos, left, left_nanos, listener = struct.unpack_from("5q", marks)
    if not (began and left and listener):
        raise SystemExit("the marks of the exit were not written: this measure needs the GNU C library")
    return ((left - began) * 1e9 + left_nanos - began_nanos + listener) / 1e6


def measure(python, pairs):
    print("| network | no telemetry | headcount adds (95 %) | inside its handlers | CrewAI's own client adds |")
    print("| --- | ---: | ---: | ---: | ---: |")
    added, inside = [], []
    for name, endpoint, without_dns in ends.states():
        alone, together = [], []
        for number in range(pairs):
            for kind in (WITHOUT, WITH) if number % 2 == 0 else (WITH, WITHOUT):
                (alone if kind == WITHOUT else together).append(End(python, kind, endpoint, without_dns))
        theirs = End(python, THEIRS, endpoint, without_dns).process
        middle = statistics.median(each.process for each in alone)
        differences = [ours.process - none.process for ours, none in zip(together, alone)]
        took = [each.inside for each in together]
        added, inside = added + differences, inside + took
        columns = [name, f"{middle:.0f} ms", shown(differences, "ms"), _spread(took), f"{theirs - middle:+.0f} ms"]
        print(f"| {' | '.join(columns)} |", flush=True)
    print(f"| all seven | | {shown(added, 'ms')} | {_spread(inside)} | |")


def _spread(times):
    return f"{statistics.median(times):.2f} ms (worst {max(times):.2f})"
