"""Senders, and what they know: which batches were acknowledged, which were not answered, which are to be erased."""

import http.client
import json
import random
import threading
import time
from collections import Counter

from bodies import Batch, Receipt, rejected_spans
from server import Server

# Of a sender's batches, how many come under a receipt, and after how many it takes a new one.
WITH_RECEIPT = 0.3
RECEIPT_LASTS = 15


class Ledger:
    """The senders' books over all lives of a server."""

    def __init__(self):
        self._lock = threading.Lock()
        self._next = 0
        self.acknowledged: dict[int, Batch] = {}
        self.unknown: dict[int, Batch] = {}
        self.rejected: list[int] = []
        self.receipts: list[Receipt] = []
        self.statuses: Counter = Counter()

    def batch(self, **parts) -> Batch:
        """A new one. It counts as sent, and as not answered."""
        with self._lock:
            batch = Batch(self._next, **parts)
            self._next += 1
            self.unknown[batch.number] = batch
            return batch

    def note(self, batch: Batch, status: int | str, answer: bytes = b"") -> None:
        with self._lock:
            self.statuses[status] += 1
            if status == 200 and rejected_spans(answer):
                self.rejected.append(batch.number)
            elif status == 200:
                self.acknowledged[batch.number] = batch
                self.unknown.pop(batch.number, None)

    def new_receipt(self) -> Receipt:
        receipt = Receipt()
        with self._lock:
            self.receipts.append(receipt)
        return receipt

    @property
    def last(self) -> int:
        return self._next


def send(connection: http.client.HTTPConnection, batch: Batch, ledger: Ledger) -> int | str:
    """The status, or the name of the error. What became of the batch is unknown after an error."""
    try:
        connection.request("POST", "/v1/traces", batch.body, batch.headers)
        response = connection.getresponse()
        answer = response.read()
        status = response.status
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        status, answer = type(error).__name__, b""
    ledger.note(batch, status, answer)
    return status


class Sender(threading.Thread):
    """Posts one batch after the other until it is told to stop or the server is gone; sends again what was not answered."""

    def __init__(self, server: Server, ledger: Ledger, seed: int, pause: float = 0.001, **parts):
        super().__init__(daemon=True)
        self.server, self.ledger, self.pause, self.parts = server, ledger, pause, parts
        self.random = random.Random(seed)
        self.stopping = threading.Event()
        # Seconds until each acknowledgement, and statuses.
        self.waits: list[tuple[float, int | str]] = []

    def run(self) -> None:
        connection = self.server.connection()
        receipt, left = None, 0
        while not self.stopping.is_set():
            if left == 0:
                receipt, left = self.ledger.new_receipt(), RECEIPT_LASTS
            left -= 1
            is_kept = self.random.random() < WITH_RECEIPT
            batch = self.ledger.batch(receipt=receipt if is_kept else None, **self.parts)
            self._deliver(connection, batch)
            time.sleep(self.pause)
        connection.close()

    def _deliver(self, connection, batch: Batch) -> None:
        for _ in range(5):
            began = time.monotonic()
            status = send(connection, batch, self.ledger)
            self.waits.append((time.monotonic() - began, status))
            if status == 200:
                # A client whose answer got lost sends again.
                if self.random.random() < 0.05:
                    send(connection, batch, self.ledger)
                return
            if self.stopping.is_set() or not self.server.is_running:
                return
            time.sleep(0.02)

    @property
    def longest_wait(self) -> float:
        return max((wait for wait, status in self.waits if status == 200), default=0.0)


class Load:
    """Some senders at the same time: `with Load(…) as load:`."""

    def __init__(self, server: Server, ledger: Ledger, rng: random.Random, senders: int = 3, **parts):
        self.senders = [Sender(server, ledger, rng.getrandbits(32), **parts) for _ in range(senders)]

    def __enter__(self) -> "Load":
        for sender in self.senders:
            sender.start()
        return self

    def __exit__(self, *_) -> None:
        for sender in self.senders:
            sender.stopping.set()
        for sender in self.senders:
            sender.join()

    def statuses(self) -> Counter:
        return Counter(status for sender in self.senders for _, status in sender.waits)


def order_erasure(server: Server, receipt: Receipt) -> int:
    """Orders the erasure of the rows under a receipt; the status."""
    receipt.is_ordered = True
    order = json.dumps({"tokens": [receipt.token.hex()]}).encode()
    status, _ = server.ask("/v1/erase", order, {"Content-Type": "application/json"}, timeout=10)
    receipt.is_accepted |= status == 202
    return status


def deliver(server: Server, ledger: Ledger, batches) -> None:
    """Sends batches one by one; each is answered or stays unknown."""
    connection = server.connection()
    for batch in list(batches):
        send(connection, batch, ledger)
    connection.close()
