"""A machine whose clock is days behind, jumps, and is set right."""

import time

from oracle import compare
from senders import Ledger, deliver

ROUNDS, SHORT = 4, 1
DAY = 86_400
# Requests after which a clock that is behind must have been told: docs/formats/http.md, /readyz.
ENOUGH = 25


def run(round) -> None:
    rng, ledger, server = round.random, Ledger(), round.server()
    behind = rng.choice([2, 3, 30, 20_000])
    round.clock.set(offset=-behind * DAY)
    if not round.expect_start(server):
        return
    refused = Ledger()
    deliver(server, refused, [refused.batch() for _ in range(ENOUGH)])
    round.expect(len(refused.rejected) == ENOUGH, f"{behind} days behind: {len(refused.rejected)} of {ENOUGH} were rejected")
    status, answer = server.ask("/readyz")
    round.expect(status == 503 and b"clock" in answer, f"{behind} days behind: /readyz says {status} {answer[:100]!r}")
    round.expect(server.metric("headcount_clock_suspect") == 1, f"{behind} days behind: headcount_clock_suspect is not 1")
    round.expect(any("clock" in line for line in server.complaints()), f"{behind} days behind: the log does not say so")

    round.clock.set()
    # The rejected requests may be sent again; their ids do not count as stored.
    deliver(server, ledger, [ledger.batch() for _ in range(ENOUGH)])
    round.expect(not ledger.rejected, f"set right: {len(ledger.rejected)} requests are still rejected")
    round.expect(server.status("/readyz") == 200, f"set right: /readyz says {server.ask('/readyz')}")
    jump(round, server, ledger)
    compare(round, ledger, "after the jumps", server.sql)
    round.expect_stop(server)
    round.expect_start(server)
    compare(round, ledger, "after a restart", server.sql)
    round.did.append(f"{behind} days behind, {len(ledger.acknowledged)} acknowledged")


def jump(round, server, ledger: Ledger) -> None:
    """Back and forth, by less than a day: what is sent now is taken all the time, and flushes go on."""
    for _ in range(3 if round.is_short else 8):
        round.clock.set(offset=round.random.uniform(-0.9, 0.9) * DAY)
        deliver(server, ledger, [ledger.batch() for _ in range(5)])
        time.sleep(0.1)
    round.clock.set()
