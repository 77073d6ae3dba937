"""A round: one plan of faults, drawn from the seed, on a data folder of its own."""

import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import oracle
from clock import Clock
from server import Server


# Kinds whose faults take away what the account is read from, or in which no server runs.
UNACCOUNTED = ("damage", "power")


class Skipped(Exception):
    """The fault cannot be made on this machine, and why."""


class Round:
    """What a kind of fault gets: random numbers, a scratch folder, servers; and where it says what is wrong."""

    def __init__(self, kind: str, number: int, seed: int, is_short: bool):
        self.kind, self.number, self.seed, self.is_short = kind, number, seed, is_short
        # Text as a seed is hashed the same way in every process.
        self.random = random.Random(f"{seed} {kind} {number}")
        self.scratch = Path(tempfile.mkdtemp(prefix=f"torture-{kind}-"))
        self.data = self.scratch / "data"
        self.clock = Clock(self.scratch)
        self.wrong: list[str] = []
        # What the round did, in a few words for its line.
        self.did: list[str] = []
        self._servers: list[Server] = []
        self._mounts: list[Path] = []

    def server(self, data: Path | None = None, **options) -> Server:
        server = Server(data or self.data, self.scratch, self.clock, **options)
        self._servers.append(server)
        return server

    def expect(self, is_so: bool, otherwise: str) -> bool:
        if not is_so:
            self.wrong.append(otherwise)
        return is_so

    def expect_start(self, server: Server) -> bool:
        return self.expect(server.start(), f"does not start: {server.said()[-600:]}")

    def expect_stop(self, server: Server) -> None:
        code = server.stop()
        self.expect(code == 0, f"SIGTERM: exit code {code} instead of 0: {server.said()[-400:]}")

    def mount(self, name: str, mebibytes: int) -> Path:
        """A file system in memory of that size."""
        folder = self.scratch / name
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "none", folder]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
            raise Skipped("cannot mount a small file system here (needs root)")
        self._mounts.append(folder)
        return folder

    def close(self) -> None:
        """Ends what the round started; a panic of any server is wrong, and so is a row that the account misses, whatever else the round
        looked at."""
        for server in self._servers:
            server.kill()
            if "panicked" in server.everything_said():
                self.wrong.append(f"a panic: {server.everything_said()[-600:]}")
        if self.kind not in UNACCOUNTED:
            self.wrong += oracle.account(self.data, may_be_refused=self.kind == "foreign")[:5]
        for folder in self._mounts:
            subprocess.run(["umount", folder], check=True)
        shutil.rmtree(self.scratch, ignore_errors=True)
