"""A running `headcount serve` on free ports with a data folder of its own."""

import json
import os
import random
import socket
import subprocess
import time
from pathlib import Path

READY_SECONDS = 30
STOP_SECONDS = 30
QUERY_SECONDS = 60


def binary() -> Path:
    default = Path(__file__).resolve().parents[2] / "target" / "release" / "headcount"
    return Path(os.environ.get("HEADCOUNT_BINARY", default))


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that the kernel gives to connections: suites run side by side."""
    free = []
    while len(free) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in free:
            free.append(port)
    return free


class Collector:
    """Starts the server, asks its data folder, and leaves no process behind."""

    def __init__(self, folder: Path):
        self.data = folder / "data"
        self.log = folder / "serve.log"
        self.http_port, self.grpc_port = free_ports(2)
        self.process: subprocess.Popen | None = None

    @property
    def traces_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/v1/traces"

    @property
    def grpc_target(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    def start(self) -> "Collector":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    binary(),
                    "serve",
                    *("--data", self.data),
                    *("--http", f"127.0.0.1:{self.http_port}"),
                    *("--grpc", self.grpc_target),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        for port in (self.http_port, self.grpc_port):
            self._await_listener(port)
        return self

    def _await_listener(self, port: int) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"headcount serve ended with {self.process.returncode}: {self.written()}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"nothing listens on port {port} after {READY_SECONDS} s: {self.written()}")

    def kill(self) -> None:
        """As a power cut would: no chance to tidy up."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)

    def stop(self) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return self.process.returncode

    def written(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""

    def sql(self, query: str) -> list[dict]:
        """Rows straight from the data folder, beside the running server."""
        return self._ask("sql", query)

    def tables(self) -> list[dict]:
        return self._ask("tables")

    def _ask(self, *arguments: str) -> list[dict]:
        command = [str(binary()), *arguments, "--data", str(self.data), "--format", "json"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=QUERY_SECONDS)
        if answer.returncode != 0:
            raise AssertionError(f"{' '.join(command)}\n{answer.stdout}\n{answer.stderr}\n{self.written()}")
        return json.loads(answer.stdout)

    def files_with(self, word: str) -> list[str]:
        """Files anywhere under the data folder, or the server's log, that hold the word as plain bytes."""
        sought = word.encode()
        files = [path for path in self.data.rglob("*") if path.is_file()] + [self.log]
        return [str(path) for path in files if sought in path.read_bytes()]

    def tables_with(self, word: str) -> set[str]:
        """Tables where any value, whatever its column, holds the word. Parquet may be compressed: ask the rows."""
        holding = set()
        for table in self.tables():
            name = table["table_name"]
            if table["rows"] and word in json.dumps(self.sql(f'SELECT * FROM "{name}"')):
                holding.add(name)
        return holding
