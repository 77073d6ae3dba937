"""Kill the server in the middle of load, start it again, count: nothing acknowledged is missing, nothing is double."""

import http.client
import random
import threading
import time

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

import crewai_spans

SENDERS = 4
ROUNDS = 3


class Sender(threading.Thread):
    """Posts one run after the other until the server is gone; remembers which were acknowledged."""

    def __init__(self, port: int):
        super().__init__(daemon=True)
        self.port = port
        self.acknowledged: dict[str, bytes] = {}
        self.unanswered: dict[str, bytes] = {}

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while True:
            run = crewai_spans.Run()
            body = encode_spans(run.spans()).SerializeToString()
            if not post(connection, body):
                self.unanswered[run.crew_id] = body
                return
            self.acknowledged[run.crew_id] = body


def post(connection: http.client.HTTPConnection, body: bytes) -> bool:
    """Whether the server acknowledged it: 200, read to its end."""
    try:
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return False
    assert answer.status == 200, answer.status
    return True


def test_a_kill_in_the_middle_of_load_loses_and_doubles_nothing(collector):
    sent: dict[str, bytes] = {}
    for _ in range(ROUNDS):
        senders = [Sender(collector.http_port) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        time.sleep(random.uniform(0.5, 1.5))
        collector.kill()
        for sender in senders:
            sender.join(20)
            assert not sender.is_alive()
        acknowledged = {crew: body for sender in senders for crew, body in sender.acknowledged.items()}
        unanswered = {crew: body for sender in senders for crew, body in sender.unanswered.items()}
        assert acknowledged, "the server acknowledged nothing before it was killed"

        # From the folder alone, before anyone has tidied it up.
        sent |= acknowledged
        kept = {row["id"] for row in collector.sql("SELECT id FROM crews")}
        assert sent.keys() <= kept <= sent.keys() | unanswered.keys()

        collector.start()
        # A client sends again what was not answered, and at times what was.
        connection = http.client.HTTPConnection("127.0.0.1", collector.http_port, timeout=10)
        again = unanswered | dict(random.sample(sorted(acknowledged.items()), k=min(20, len(acknowledged))))
        assert all(post(connection, body) for body in again.values())
        sent |= unanswered
        connection.close()

        for table in ("crews", "agents", "tasks", "tool_uses", "crew_completions"):
            assert collector.sql(f"SELECT count(*) AS n FROM {table}") == [{"n": len(sent)}], table
        assert {row["id"] for row in collector.sql("SELECT id FROM crews")} == sent.keys()
