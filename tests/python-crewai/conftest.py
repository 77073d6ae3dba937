"""A collector for each test, and CrewAI's releases, each in an interpreter of its own."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from collector import Collector, binary
from openai_stub import Stub

HERE = Path(__file__).parent
DRIVER_SECONDS = 240
PYTHONS = dict(each.split("=", 1) for each in os.environ.get("HEADCOUNT_CREWAI_PYTHONS", "").split())


def pytest_generate_tests(metafunc):
    if "release" in metafunc.fixturenames:
        if not PYTHONS:
            pytest.exit("HEADCOUNT_CREWAI_PYTHONS names no interpreter with crewai; tests/python-crewai/run does", 2)
        metafunc.parametrize("release", list(PYTHONS))


@pytest.fixture
def collector(tmp_path):
    if not binary().exists():
        pytest.fail(f"no binary at {binary()}; build it with: cargo build --release")
    running = Collector(tmp_path)
    try:
        running.start()
        yield running
        assert running.stop() == 0, running.written()
    finally:
        running.kill()


@dataclass
class Driver:
    """Runs scenarios in one release, with a home of their own."""

    release: str
    home: Path
    address: str
    variables: dict = field(default_factory=dict)

    @property
    def is_native(self) -> bool:
        """Whether this release's agents call tools natively where the model can."""
        return tuple(int(part) for part in self.release.split(".")[:2]) >= (1, 9)

    @property
    def has_pool(self) -> bool:
        """Whether this release's bus runs handlers on threads of its own."""
        return not self.release.startswith("0.")

    def start(self, scenario: str, **settings) -> subprocess.CompletedProcess:
        # Nothing of the caller's own telemetry settings, and no file outside the test's folder.
        strange = ("OTEL_", "CREWAI_", "HEADCOUNT_", "DO_NOT_TRACK", "OPENAI_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
        self.home.mkdir(exist_ok=True)
        own = {"HOME": str(self.home), "XDG_DATA_HOME": str(self.home), "HEADCOUNT_HOME": str(self.home / "headcount")}
        own |= {"PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
        with Stub() as model:
            settings = {"model": model, "collector": self.address} | settings
            return subprocess.run(
                [PYTHONS[self.release], HERE / "crews.py", scenario, json.dumps(settings)],
                env=inherited | own | self.variables,
                cwd=self.home,
                input="it is good\n\n\n",
                capture_output=True,
                text=True,
                timeout=DRIVER_SECONDS,
            )

    def run(self, scenario: str, **settings) -> dict:
        """The result of the scenario, which lost and misread no event."""
        done = self.start(scenario, **settings)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        did = json.loads(done.stdout.strip().splitlines()[-1])
        did["printed"] = done.stdout + done.stderr
        return did

    def spool_holds(self, word: str) -> list[str]:
        """Files of the client that hold the word as plain bytes."""
        folder = self.home / "headcount"
        files = [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []
        return [str(path) for path in files if word.encode() in path.read_bytes()]


@pytest.fixture
def driver(release, tmp_path, collector):
    return Driver(release, tmp_path / "home", f"http://127.0.0.1:{collector.http_port}")
