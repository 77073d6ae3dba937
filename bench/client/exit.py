#!/usr/bin/env python3
"""How long a program's end takes in seven states of the network: with this client, and with CrewAI's own.

    exit.py SUBJECT CREWAI_PYTHON [RUNS]

SUBJECT is the client's example `subject`; CREWAI_PYTHON a Python with CrewAI (tests/python/run makes one), or `-`. The time
is from the end of the program's own work to the end of its process, as its parent sees it. A second table is of programs that
end at once while events of an earlier run wait (docs/decisions/0020). Slow DNS needs root: the process gets a nameserver that does
not answer, in a mount namespace of its own.
"""

import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def listen(serve, backlog=64):
    """A port on which `serve` gets each connection."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)

    def hear(peer):
        try:
            serve(peer)
        except OSError:
            pass  # The program has ended.

    def accept():
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=hear, args=(peer,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def answer(peer):
    head = b""
    while b"\r\n\r\n" not in head:
        head += peer.recv(65536)
    length = int(re.search(rb"content-length: (\d+)", head.lower()).group(1))
    rest = length - (len(head) - head.index(b"\r\n\r\n") - 4)
    while rest > 0:
        rest -= len(peer.recv(65536))
    peer.sendall(OK)
    peer.close()


def be_silent(peer):
    while peer.recv(65536):
        pass


def answer_slowly(peer):
    peer.recv(65536)
    for byte in OK:
        peer.sendall(bytes([byte]))
        time.sleep(1)


def drop():
    """A port whose queue of connections is full: further ones get no answer."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    keep = [listener]
    for _ in range(4):
        peer = socket.socket()
        peer.setblocking(False)
        peer.connect_ex(listener.getsockname())
        keep.append(peer)
    drop.keep = keep
    return listener.getsockname()[1]


def refuse():
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def states():
    yield "up", f"http://127.0.0.1:{listen(answer)}", False
    yield "refused", f"http://127.0.0.1:{refuse()}", False
    yield "dropped", f"http://127.0.0.1:{drop()}", False
    yield "slow DNS", "https://collector.example.org", True
    yield "TLS stall", f"https://127.0.0.1:{listen(be_silent)}", False
    yield "silent", f"http://127.0.0.1:{listen(be_silent)}", False
    yield "1 byte/s", f"http://127.0.0.1:{listen(answer_slowly)}", False


def without_dns(command, scratch):
    """The command, with a nameserver that does not answer."""
    resolver = scratch / "resolv.conf"
    resolver.write_text("nameserver 10.255.255.1\noptions timeout:5 attempts:3\n")
    mount = f"mount --bind {resolver} /etc/resolv.conf && exec \"$@\""
    return ["unshare", "--mount", "sh", "-c", mount, "sh", *command]


def run(command, environment, has_no_dns, scratch):
    """Nanoseconds of the end; None if the program did not say when its work ended."""
    if has_no_dns:
        command = without_dns(command, scratch)
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    printed = child.stdout.read().decode()
    child.wait()
    ended = time.time_ns()
    found = re.search(r"main_ended_nanos (\d+)", printed)
    return ended - int(found.group(1)) if found else None


def milliseconds(values):
    values = [value / 1e6 for value in values if value is not None]
    if not values:
        return "no answer"
    return f"{statistics.median(values):.1f} ms (worst {max(values):.1f})"


def main():
    subject, crewai = sys.argv[1:3]
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 15
    print("| network | no telemetry | headcount | CrewAI's own client |")
    print("| --- | ---: | ---: | ---: |")
    worst = 0
    for name, endpoint, has_no_dns in states():
        columns = []
        for telemetry in ("none", "headcount"):
            times = []
            for _ in range(runs):
                with tempfile.TemporaryDirectory() as scratch:
                    environment = {"PATH": os.environ["PATH"], "HEADCOUNT_HOME": f"{scratch}/home"}
                    environment |= {"HEADCOUNT_ENDPOINT": endpoint, "SUBJECT_TELEMETRY": telemetry}
                    times.append(run([subject, "start-and-exit", "400"], environment, has_no_dns, Path(scratch)))
            columns.append(milliseconds(times))
            if telemetry == "headcount":
                worst = max([worst, *(time / 1e6 for time in times if time is not None)])
        if crewai == "-":
            columns.append("not measured")
        else:
            with tempfile.TemporaryDirectory() as scratch:
                command = [crewai, str(HERE / "exit_crewai.py"), f"{endpoint}/v1/traces"]
                environment = {"PATH": os.environ["PATH"], "HOME": scratch}
                columns.append(milliseconds([run(command, environment, has_no_dns, Path(scratch))]))
        print(f"| {name} | {' | '.join(columns)} |", flush=True)
    print(f"\nworst end with headcount: {worst:.1f} ms\n")
    short(subject, runs)


def short(subject, runs):
    """The first end of a short program that finds events of an earlier run, and the next one."""
    print("| network | events of an earlier run wait | the next end |")
    print("| --- | ---: | ---: |")
    for name, endpoint, has_no_dns in states():
        ends = [], []
        for _ in range(runs):
            with tempfile.TemporaryDirectory() as scratch:
                environment = {"PATH": os.environ["PATH"], "HEADCOUNT_HOME": f"{scratch}/home"}
                subprocess.run([subject, "record", "6", "1"], env=environment, stdout=subprocess.DEVNULL, check=True)
                environment["HEADCOUNT_ENDPOINT"] = endpoint
                for times in ends:
                    times.append(run([subject, "start-and-exit", "0"], environment, has_no_dns, Path(scratch)))
        print(f"| {name} | {' | '.join(map(milliseconds, ends))} |", flush=True)


if __name__ == "__main__":
    main()
