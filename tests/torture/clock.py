"""The clock that a server under test is given: see clock.c."""

import mmap
import shutil
import struct
import subprocess
import time
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")
SETTING = struct.Struct("<dqqq")
NANOSECONDS = 10**9


class Clock:
    """Runs `speed` times as fast as the real one from when it is set, and never back; the time of day may be wrong by `offset`
    seconds. Both can change while a server runs."""

    def __init__(self, scratch: Path):
        library = scratch / "clock.so"
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise RuntimeError("a C compiler is needed for the clock of the server under test (cc)")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        control = scratch / "clock"
        control.write_bytes(bytes(8 + 2 * SETTING.size))
        with control.open("r+b") as file:
            self._mapped = mmap.mmap(file.fileno(), 0)
        self.environment = {"LD_PRELOAD": str(library), "TORTURE_CLOCK": str(control)}
        self._current, self._speed, self._since, self._ahead = 0, 1.0, time.monotonic_ns(), 0
        self.set()

    def set(self, speed: float = 1, offset: float = 0) -> None:
        now = time.monotonic_ns()
        self._ahead += int((now - self._since) * (self._speed - 1))
        self._speed, self._since = speed, now
        self._current ^= 1
        setting = SETTING.pack(speed, now, self._ahead, int(offset * NANOSECONDS))
        at = 8 + self._current * SETTING.size
        self._mapped[at : at + SETTING.size] = setting
        self._mapped[:8] = struct.pack("<Q", self._current)
