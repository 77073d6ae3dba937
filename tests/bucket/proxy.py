"""A proxy before an S3 server, which fails as networks and stores do."""

import http.client
import random
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLOW_DOWN = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>by a test</Message></Error>"
# What can happen to a request.
FATES = ["unavailable", "reset before", "reset after", "slow", "cut off"]


class Proxy:
    """Passes requests on to `port`. `fate(method, path)` says what happens to each: None, or one of FATES."""

    def __init__(self, port: int):
        self.port = port
        self.fate = lambda method, path: None
        self.injected = {fate: 0 for fate in FATES}
        self.lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do(self):
                try:
                    proxy.handle(self)
                except OSError:
                    # The program was killed, or gave up.
                    self.close_connection = True

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def fail_by_chance(self, seed: int, share: float):
        chance = random.Random(seed)

        def fate(_method, _path):
            with self.lock:
                return chance.choice(FATES) if chance.random() < share else None

        self.fate = fate

    def handle(self, request: BaseHTTPRequestHandler):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        fate = self.fate(request.command, request.path)
        if fate:
            with self.lock:
                self.injected[fate] += 1
        if fate == "unavailable":
            return self.answer(request, 503, {"Content-Type": "application/xml"}, SLOW_DOWN)
        if fate == "reset before":
            return self.reset(request)
        if fate == "slow":
            time.sleep(0.5)
        status, headers, answer = self.passed_on(request, body)
        if fate == "reset after":
            return self.reset(request)
        if fate == "cut off" and answer:
            self.answer(request, status, headers, answer, answer[: len(answer) // 2])
            return self.reset(request)
        if fate == "cut off":
            return self.reset(request)
        self.answer(request, status, headers, answer)

    def passed_on(self, request, body):
        upstream = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        upstream.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
        # As they are: the signature covers some, also the host.
        for name, value in request.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body)
        response = upstream.getresponse()
        answer = response.read()
        headers = {name: value for name, value in response.getheaders() if name.lower() not in ("connection", "transfer-encoding", "date", "server")}
        upstream.close()
        return response.status, headers, answer

    @staticmethod
    def answer(request, status, headers, answer, sent=None):
        request.send_response_only(status)
        length = next((value for name, value in headers.items() if name.lower() == "content-length"), None)
        for name, value in headers.items():
            if name.lower() != "content-length":
                request.send_header(name, value)
        # The answer to HEAD has a length and no body.
        request.send_header("Content-Length", length if request.command == "HEAD" and length else str(len(answer)))
        request.end_headers()
        request.wfile.write(answer if sent is None else sent)
        request.wfile.flush()

    @staticmethod
    def reset(request):
        """Ends the connection as a host does that has crashed: with RST."""
        request.close_connection = True
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.connection.close()
        # What the handler does with them afterwards finds nothing to write to.
        request.wfile = request.rfile = _Closed()


class _Closed:
    closed = True

    def write(self, _bytes):
        pass

    def flush(self):
        pass

    def close(self):
        pass

    def readline(self, *_):
        return b""
