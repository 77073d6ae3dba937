"""A process of `headcount serve`, and what can be asked of it."""

import http.client
import json
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

BINARY = os.environ["HEADCOUNT_BINARY"]
START_SECONDS = 60
STOP_SECONDS = 60
ASK_SECONDS = 60
# Metrics that tell of damage; 0 where all is sound.
GAUGES = ("headcount_log_damaged_files", "headcount_log_missing_groups", "headcount_table_unreadable_files")
ADDRESS = re.compile(r"OTLP/HTTP +http://127\.0\.0\.1:(\d+)/")


class Server:
    """Starts and ends the server on one data folder, on ports that the system picks."""

    def __init__(self, data: Path, scratch: Path, clock=None, open_files: int | None = None):
        self.data = data
        self.clock = clock
        self.open_files = open_files
        self.process: subprocess.Popen | None = None
        self.port = 0
        self.started_in = 0.0
        self._log = scratch / f"serve-{id(self)}.log"
        self._banner = scratch / f"serve-{id(self)}.out"
        self._life_began_at = 0

    def launch(self) -> None:
        """Starts the process, and does not wait for it."""
        self._log.touch()
        self._life_began_at = self._log.stat().st_size
        with self._log.open("ab") as log, self._banner.open("wb") as banner:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--data", self.data, "--http", "127.0.0.1:0", "--grpc", "none", "--no-token"],
                stdin=subprocess.DEVNULL,
                stdout=banner,
                stderr=log,
                env=os.environ | (self.clock.environment if self.clock else {}),
                preexec_fn=self._prepare,
            )

    def _prepare(self) -> None:
        # Whoever runs these tests may ignore it, as under nohup; the server would then ignore it too.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        if self.open_files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.open_files, self.open_files))

    def start(self) -> bool:
        """Whether the server answers."""
        began = time.monotonic()
        self.launch()
        while time.monotonic() < began + START_SECONDS:
            if found := ADDRESS.search(self._banner.read_text(errors="replace")):
                self.port = int(found[1])
                if self.status("/healthz") == 200:
                    self.started_in = time.monotonic() - began
                    return True
            if self.process.poll() is not None:
                return False
            time.sleep(0.005)
        return False

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def wait(self, seconds: float = STOP_SECONDS) -> int | None:
        """The exit code; `None` if it does not end."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> int | None:
        self.signal(signal.SIGTERM)
        return self.wait()

    def said(self) -> str:
        """What the last life wrote to its log."""
        with self._log.open("rb") as log:
            log.seek(self._life_began_at)
            return log.read().decode(errors="replace")

    def everything_said(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def complaints(self) -> list[str]:
        """Its warnings and errors, each kind of line once."""
        lines = [line for line in self.said().splitlines() if re.search(r"\b(ERROR|WARN)\b|^headcount: |panicked", line)]
        return list(dict.fromkeys(re.sub(r"^\S+Z\s+", "", line)[:400] for line in lines))

    def connection(self, timeout: float = 30) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, path: str, body: bytes | None = None, headers: dict | None = None, timeout: float = 30) -> tuple[int, bytes]:
        """Status and body of an answer; status 0 where none came."""
        connection = self.connection(timeout)
        try:
            connection.request("GET" if body is None else "POST", path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def status(self, path: str, timeout: float = 5) -> int:
        return self.ask(path, timeout=timeout)[0]

    def sql(self, query: str) -> list[dict]:
        headers = {"Content-Type": "text/plain", "Accept": "application/json"}
        status, answer = self.ask("/api/v1/sql", query.encode(), headers, ASK_SECONDS)
        if status != 200:
            raise Refused(f"status {status}: {answer.decode(errors='replace')[:400]}")
        return json.loads(answer)

    def metric(self, name: str) -> int:
        found = re.search(rf"^{name} (\d+)$", self.ask("/metrics")[1].decode(), re.MULTILINE)
        return int(found[1]) if found else 0


class Refused(Exception):
    """A query was not answered, and this is why."""


def attempt(ask):
    """What `ask` answers, or why it is refused."""
    try:
        return ask()
    except Refused as refused:
        return refused


def ask_folder(data: Path, query: str) -> list[dict]:
    """The answer of `headcount sql` from the folder alone."""
    command = [BINARY, "sql", query, "--data", str(data), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_SECONDS)
    if done.returncode != 0:
        raise Refused(f"exit code {done.returncode}: {done.stderr.strip()[-400:]}")
    return json.loads(done.stdout or "[]")


def audit_folder(data: Path) -> tuple[list[dict], list[str]]:
    """The rows of `headcount audit`, and what it says is not whole; nothing of a folder that no server ever opened."""
    command = [BINARY, "audit", "--view", "days", "--data", str(data), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_SECONDS)
    if done.returncode == 3:
        return [], []
    said = [line for line in done.stderr.splitlines() if "not whole" in line]
    if done.returncode not in (0, 1) or (done.returncode == 1 and not said):
        raise Refused(f"audit: exit code {done.returncode}: {done.stderr.strip()[-400:]}")
    return json.loads(done.stdout or "[]"), said
