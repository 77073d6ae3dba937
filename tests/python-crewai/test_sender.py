"""CrewAI's own client is silent while Headcount counts, and only then."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from test_crews import rows


class _Sink(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests += 1
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def sink():
    """Where CrewAI's own client would send to."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    server.requests = 0
    server.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.mark.short
@pytest.mark.parametrize("how", ["install", "late"])
def test_it_is_silent(driver, collector, sink, how):
    did = driver.run("silenced", how=how, sink=sink.url)
    assert sink.requests == 0
    assert did["handlers"] == []
    # Made after us it has no thread; made before us it has one that does nothing.
    assert how == "late" or not any("Otel" in name for name in did["threads"])
    assert len(rows(collector, "crews")) == 1


def test_it_is_heard_without_us(driver, sink):
    """So that the silence above means something."""
    driver.run("silenced", how="none", sink=sink.url)
    assert sink.requests >= 1


def test_what_is_silent_is_kept_for_status(driver):
    about = driver.home / "headcount" / "state" / "crewai" / "about"
    driver.run("nothing", how="install")
    assert about.read_text().splitlines()[4] == "CrewAI's own telemetry"
    driver.run("nothing", options={"keep_crewai_telemetry": True})
    assert about.read_text().splitlines()[4] == ""


@pytest.mark.short
def test_it_may_be_kept(driver, collector, sink):
    driver.run("silenced", sink=sink.url, options={"keep_crewai_telemetry": True})
    assert sink.requests >= 1
    assert len(rows(collector, "crews")) == 1


@pytest.mark.short
@pytest.mark.parametrize("how", ["install", "late"])
def test_it_speaks_again_when_we_leave(driver, collector, sink, how):
    did = driver.run("restored", how=how, sink=sink.url)
    assert did["handlers_meanwhile"] == []
    assert did["is_same_client"] and did["is_ready_again"]
    # 0.148 and 1.2 have none.
    assert bool(did["handlers_after"]) is driver.is_native
    assert sink.requests >= 1
    assert len(rows(collector, "crews")) == 1


def test_a_child_process_is_not_told_that_telemetry_is_off(driver):
    did = driver.run("environment")
    assert did["variables"] == []
