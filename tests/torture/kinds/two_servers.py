"""Two servers on one folder: the second says so and ends, and the first loses nothing."""

import os
import time

from oracle import compare
from senders import Ledger, Load
from server import ask_folder

ROUNDS, SHORT = 4, 1
WAYS = ("as it is", "without LOCK", "by a link", "by another spelling", "moved")


def run(round) -> None:
    rng, ledger, first = round.random, Ledger(), round.server()
    round.clock.set(speed=rng.choice([1, 60]))
    if not round.expect_start(first):
        return
    ways = rng.sample(WAYS, k=len(WAYS))
    with Load(first, ledger, rng):
        for way in ways:
            time.sleep(rng.uniform(0.1, 0.4))
            second_fails(round, way)
    # The folder was moved below the first: its paths lead nowhere any more, so its end is another round's matter.
    compare(round, ledger, "with a second server", lambda query: ask_folder(round.data, query))
    first.kill()
    after = round.server()
    if round.expect_start(after):
        compare(round, ledger, "after the first was killed", after.sql)
        round.expect_stop(after)
    at_the_same_time(round)
    round.did.append(f"{', '.join(ways)}; {len(ledger.acknowledged)} acknowledged")


def second_fails(round, way: str) -> None:
    data = round.data
    if way == "without LOCK":
        (data / "LOCK").unlink(missing_ok=True)
    elif way == "by a link":
        data = round.scratch / "link"
        os.symlink(round.data, data)
    elif way == "by another spelling":
        data = round.data / ".." / round.data.name / "."
    elif way == "moved":
        moved = round.scratch / "moved"
        os.rename(round.data, moved)
        second = round.server(moved)
        is_up = second.start()
        said = second.said()
        second.kill()
        os.rename(moved, round.data)
        round.expect(not is_up and "another collector" in said, f"a second server, moved: started {is_up}, and said {said[-300:]!r}")
        return
    second = round.server(data)
    is_up = second.start()
    code = second.process.poll()
    said = second.said()
    second.kill()
    round.expect(not is_up and code == 1 and "another collector" in said, f"a second server, {way}: started {is_up}, exit code {code}, and said {said[-300:]!r}")


def at_the_same_time(round) -> None:
    """Of several that start at once, one serves."""
    servers = [round.server(round.scratch / "fresh") for _ in range(3)]
    for server in servers:
        server.launch()
    deadline = time.monotonic() + 20
    while sum(server.is_running for server in servers) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    running = sum(server.is_running for server in servers)
    round.expect(running == 1, f"of three servers that start at once, {running} run")
