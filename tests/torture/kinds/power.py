"""Simulated power cuts: the store's own tests, over seeds of this run. They need the sources and a compiler."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from rounds import Skipped

ROUNDS, SHORT = 1, 0
# Lives of one test; CI's `cargo test` runs 120 to 150 of each, always the same.
LIVES = 1000
ROOT = Path(__file__).resolve().parents[3]
FILTERS = ("survives_a_power_cut", "an_acknowledged_span_is_never_lost")


def run(round) -> None:
    if shutil.which("cargo") is None:
        raise Skipped("cargo is not installed")
    # Seeds of other rounds and other runs do not overlap; 32 bits hold them.
    first = (round.seed * 100 + round.number) * LIVES % (1 << 31)
    seeds = f"{first}..{first + LIVES}"
    command = ["nice", "cargo", "test", "--release", "-p", "headcount-log", "-p", "headcount-lake", "--lib", "--", *FILTERS]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"HEADCOUNT_SEEDS": seeds}, capture_output=True, text=True)
    passed = sum(int(count) for count in re.findall(r"(\d+) passed", done.stdout))
    round.expect(done.returncode == 0, f"HEADCOUNT_SEEDS={seeds} {' '.join(command)}: {done.stdout[-800:]}{done.stderr[-400:]}")
    round.expect(passed == 3, f"{passed} tests instead of 3 ran")
    round.did.append(f"{passed} tests, {LIVES} lives each, HEADCOUNT_SEEDS={seeds}")
