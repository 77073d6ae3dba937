"""Starting and stopping what is measured, and looking at it from outside. Python's standard library only."""

import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
HEADCOUNT = Path(os.environ.get("HEADCOUNT_BINARY", TARGET / "release" / "headcount"))
LOAD = Path(os.environ.get("HEADCOUNT_LOAD", TARGET / "release" / "headcount-load"))
OTELCOL = Path(os.environ.get("OTELCOL_PEER", TARGET / "peers" / "otel-collector" / "otelcol-peer"))

READY_SECONDS = 60
STOP_SECONDS = 600


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Refused(Exception):
    """The query endpoint had no answer; its own words."""


class Server:
    """A process that listens, started with `with` and gone afterwards."""

    def __init__(
        self, command: list, port: int, log: Path, environment: dict | None = None, token_file: Path | None = None
    ):
        self.command = [str(part) for part in command]
        self.port = port
        self.log = log
        self.token_file = token_file
        self.environment = os.environ | (environment or {})
        self.process: subprocess.Popen | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def __enter__(self) -> "Server":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
            )
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.05)
        self.kill()
        raise SystemExit(f"{self.command[0]} does not listen on {self.address}:\n{self.written()}")

    def __exit__(self, *_):
        self.kill()

    def stop(self) -> float:
        """Asks it to end and waits; seconds that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS)
        return time.monotonic() - began

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)

    def peak_mib(self) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return float("nan")

    def written(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""


def headcount(folder: Path, *arguments: str) -> Server:
    """The collector with its data in `folder`/data."""
    http, grpc = free_port(), free_port()
    command = [HEADCOUNT, "serve", "--data", folder / "data", *arguments]
    command += ["--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{grpc}"]
    return Server(command, http, folder / "headcount.log", token_file=folder / "data" / "token")


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1, and its key: P-256, as public authorities give out."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=headcount-bench", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"]
    command += ["-keyout", key, "-out", chain]
    subprocess.run(command, check=True, capture_output=True)
    return chain, key


def otel_collector(folder: Path, configuration: str) -> Server:
    """The OpenTelemetry Collector with one of `peers/otel-collector/*.yaml`."""
    port = free_port()
    kept = folder / configuration
    kept.mkdir(exist_ok=True)
    command = [OTELCOL, "--config", HERE / "peers" / "otel-collector" / f"{configuration}.yaml"]
    environment = {"PEER_PORT": str(port), "PEER_FOLDER": str(kept), "GOMAXPROCS": str(os.cpu_count())}
    return Server(command, port, folder / f"{configuration}.log", environment)


def load(server: Server, **options) -> dict:
    """Sends with `headcount-load`; what it printed."""
    command = [str(LOAD), "--address", server.address, "--server-pid", str(server.pid)]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}\n{server.written()}")
    return json.loads(done.stdout)


def ask(*arguments: str) -> list[dict]:
    """Rows that the command answers with."""
    command = [str(HEADCOUNT), *arguments, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


def get(server: Server, path: str) -> bytes:
    """What the query endpoint answers."""
    request = urllib.request.Request(f"http://{server.address}{path}")
    if server.token_file and server.token_file.exists():
        request.add_header("Authorization", f"Bearer {server.token_file.read_text().strip()}")
    try:
        with urllib.request.urlopen(request, timeout=600) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise Refused(f"{error.code} {error.read().decode(errors='replace')}") from error


def touch(server: Server) -> None:
    """One more span: answers are kept until the stored data changes, so each of them has to be computed anew."""
    now = time.time_ns()
    span = {
        "traceId": secrets.token_hex(16),
        "spanId": secrets.token_hex(8),
        "name": "Tool Usage",
        "kind": 1,
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": str(now),
        "attributes": [
            {"key": "crewai_version", "value": {"stringValue": "1.15.30"}},
            {"key": "tool_name", "value": {"stringValue": "search"}},
            {"key": "attempts", "value": {"intValue": "1"}},
        ],
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "crewAI-telemetry"}}]}
    scopes = [{"scope": {"name": "crewai.telemetry"}, "spans": [span]}]
    body = json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}).encode()
    request = urllib.request.Request(f"http://{server.address}/v1/traces", data=body, method="POST")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        if "partialSuccess" in (outcome := json.load(answer)):
            raise Refused(f"the span of a measurement was refused: {outcome}")


def active_files(tables: Path) -> dict[Path, int]:
    """The files that the tables consist of and their bytes, by the commits of their logs (none is removed within an hour)."""
    active = {}
    for commit in sorted(tables.rglob("_delta_log/*.json")):
        for line in commit.read_text().splitlines():
            action = json.loads(line)
            if "add" in action:
                active[commit.parents[1] / action["add"]["path"]] = action["add"]["size"]
            if "remove" in action:
                active.pop(commit.parents[1] / action["remove"]["path"], None)
    return active


def bytes_under(folder: Path) -> int:
    """Bytes of all files, as long as they are (not as many blocks as they take)."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
