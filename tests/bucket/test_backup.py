"""Backups in a bucket of a real S3 server: whole, one point each, whatever fails between."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from proxy import Proxy

BINARY = os.environ["HEADCOUNT_BINARY"]
SEED = int(os.environ.get("HEADCOUNT_SEED", "1"))
KEY, SECRET = "headcount-tests", "a secret of these tests"
MIB = 1 << 20


def free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


def wait_for(port: int, process: subprocess.Popen):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, "the server has ended"
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the server does not listen")


class Bucket(unittest.TestCase):
    """A server with the bucket `backups`, and a data folder."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.objects = Path(cls.folder.name) / "objects"
        (cls.objects / "backups").mkdir(parents=True)
        cls.port = free_port()
        environment = {**os.environ, "ROOT_ACCESS_KEY_ID": KEY, "ROOT_SECRET_ACCESS_KEY": SECRET}
        command = [os.environ["S3_SERVER"], "--quiet", "--port", f"127.0.0.1:{cls.port}", "posix", cls.objects]
        cls.server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.terminate)
        wait_for(cls.port, cls.server)
        cls.made = Path(cls.folder.name) / "made"
        make_data(cls.made)

    def setUp(self):
        self.proxy = Proxy(self.port)
        self.addCleanup(self.proxy.close)
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.data = self.scratch / "data"
        shutil.copytree(self.made, self.data)
        self.prefix = self.id().rsplit(".", 1)[1]
        self.repository = f"s3://backups/{self.prefix}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.proxy.url,
        }

    def headcount(self, *arguments, expected=0, **environment) -> subprocess.CompletedProcess:
        command = [BINARY, *map(str, arguments)]
        done = subprocess.run(command, env={**self.environment, **environment}, capture_output=True, text=True, timeout=300)
        if expected is not None:
            self.assertEqual(done.returncode, expected, done.stdout + done.stderr)
        return done

    def back_up(self, **options) -> subprocess.CompletedProcess:
        return self.headcount("backup", self.repository, "--data", self.data, **options)

    def points(self) -> list[str]:
        listed = self.headcount("backup", "list", self.repository, "--format", "json").stdout
        return [point["point"] for point in json.loads(listed)]

    def stored(self) -> Path:
        """The folder in which the server keeps the repository."""
        return self.objects / "backups" / self.prefix

    def content(self) -> list[Path]:
        return [path for path in (self.stored() / "content").glob("*/*") if path.is_file()]

    def assert_restored(self, *options):
        """What is restored is the data folder, file by file."""
        to = self.scratch / f"restored-{time.monotonic_ns()}"
        self.headcount("restore", self.repository, to, *options)
        left_out = {"LOCK", "tokens.lock", "listening", "open.html"}
        for path in self.data.rglob("*"):
            if path.is_file() and path.name not in left_out:
                restored = to / path.relative_to(self.data)
                self.assertEqual(restored.read_bytes(), path.read_bytes(), path)

    def assert_whole(self):
        self.assertIn("every byte is as it was written", self.headcount("backup", "verify", self.repository).stdout)


def make_data(folder: Path):
    """A data folder with rows, that no server runs on, and a file that is sent in parts."""
    http = free_port()
    command = [BINARY, "serve", "--data", folder, "--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{free_port()}"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(http, server)
        demo = [BINARY, "demo", "--url", f"http://127.0.0.1:{http}", "--crews", "40"]
        subprocess.run(demo, check=True, capture_output=True, timeout=120)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    (folder / "large").write_bytes(os.urandom(20 * MIB + 1))


class Backups(Bucket):
    def test_what_is_restored_is_what_was_backed_up(self):
        first = self.back_up().stdout
        self.assertNotIn("; 0 files", first)
        self.assertIn("; 0 files, 0 bytes of it are new", self.back_up().stdout)
        (self.data / "small").write_text("a third state")
        self.assertIn("; 1 files, 13 bytes of it are new", self.headcount("backup", "--to", self.repository, "--data", self.data).stdout)
        self.assertEqual(len(self.points()), 3)
        self.assert_whole()
        self.assert_restored()
        before = len(self.content())
        (self.data / "small").unlink()
        kept = self.headcount("backup", self.repository, "--data", self.data, "--keep", "1").stdout
        self.assertIn("points that are left: 1", kept)
        self.assertEqual(len(self.content()), before - 1)
        self.assertFalse((self.stored() / "REMOVING").exists())
        self.headcount("backup", "purge", self.repository)
        self.assert_whole()
        self.assert_restored()

    def test_faults_between_neither_lose_a_point_nor_make_a_wrong_one(self):
        made = failed = 0
        for round in range(8):
            (self.data / "small").write_text(f"round {round}")
            self.proxy.fail_by_chance(SEED * 1000 + round, 0.15)
            done = self.back_up(expected=None)
            self.proxy.fate = lambda method, path: None
            if done.returncode == 0:
                made += 1
                self.assertIn(done.stdout.split()[1].rstrip(":"), self.points())
            else:
                failed += 1
                self.assertIn("s3://backups", done.stderr)
            self.back_up()
            self.assert_whole()
        print(f"seed {SEED}: {made} made, {failed} failed; faults: {self.proxy.injected}")
        self.assertGreater(made, 0)
        self.assertTrue(all(self.proxy.injected.values()), self.proxy.injected)
        self.proxy.fail_by_chance(SEED, 0.1)
        self.assert_restored()

    def test_a_point_whose_answer_is_lost_is_made_once(self):
        for fate in ["reset after", "cut off"]:
            lost = []

            def once(method, path):
                if method == "PUT" and "/points/" in path and not lost:
                    lost.append(path)
                    return fate
                return None

            before = self.points() if (self.stored()).exists() else []
            self.proxy.fate = once
            self.back_up()
            self.assertEqual(len(lost), 1)
            self.assertEqual(len(self.points()), len(before) + 1)

    def test_backups_at_the_same_time_each_add_a_point(self):
        command = [BINARY, "backup", self.repository, "--data", str(self.data)]
        running = [
            subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)
        ]
        ids = set()
        for process in running:
            output, errors = process.communicate(timeout=300)
            self.assertEqual(process.returncode, 0, errors)
            ids.add(output.split()[1].rstrip(":"))
        self.assertEqual(ids, set(self.points()))
        self.assertEqual(len(ids), 4)
        self.assert_whole()

    def test_a_backup_that_is_killed_leaves_no_point_and_no_half_file(self):
        self.proxy.fate = lambda method, path: "slow" if method == "PUT" else None
        command = [BINARY, "backup", self.repository, "--data", str(self.data)]
        for seconds in [1, 2, 3]:
            process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(seconds)
            self.assertIsNone(process.poll(), "it takes longer than that")
            process.kill()
            process.wait()
        self.proxy.fate = lambda method, path: None
        self.assertFalse(list((self.stored() / "points").glob("*")))
        self.back_up()
        self.assertEqual(len(self.points()), 1)
        self.assert_whole()
        self.assert_restored()

    def test_damage_is_found_and_healed_and_repairs_use_the_bucket(self):
        self.back_up()
        largest = max(self.content(), key=lambda path: path.stat().st_size)
        whole = largest.read_bytes()
        with largest.open("r+b") as file:
            file.seek(len(whole) // 2)
            file.write(bytes([whole[len(whole) // 2] ^ 8]))
        verified = self.headcount("backup", "verify", self.repository, expected=1)
        self.assertIn(f"{self.repository}/content/", verified.stderr)
        self.back_up()
        self.assertEqual(largest.read_bytes(), whole)
        self.assert_whole()
        parquet = next((self.data / "tables" / "default").rglob("*.parquet"))
        parquet.write_bytes(parquet.read_bytes()[:-20])
        self.headcount("check", "--repair", "--from", self.repository, "--data", self.data)

    def test_errors_name_the_bucket_and_the_next_step(self):
        self.back_up()
        absent = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
        cases = [
            (self.repository, {name: None for name in absent} | {"AWS_METADATA_ENDPOINT": "http://127.0.0.1:9"}, "set AWS_ACCESS_KEY_ID"),
            (self.repository, {"AWS_SECRET_ACCESS_KEY": "another"}, "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
            (self.repository, {"AWS_ACCESS_KEY_ID": "nobody"}, "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
            ("s3://missing/x", {}, "create it first"),
            (self.repository, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "check the network and AWS_ENDPOINT_URL"),
            (self.repository, {"AWS_REGION": "eu-central-1"}, "AWS_REGION"),
        ]
        for repository, changes, advice in cases:
            with self.subTest(repository=repository, changes=changes):
                environment = {name: value for name, value in (self.environment | changes).items() if value is not None}
                command = [BINARY, "backup", repository, "--data", str(self.data)]
                begun = time.monotonic()
                done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertIn(repository, done.stderr)
                self.assertIn(advice, done.stderr)
                self.assertNotIn(SECRET, done.stderr)
                self.assertLess(time.monotonic() - begun, 120)
        for wrong in ["s3://", "http://127.0.0.1/backups", "s3://a:b@c/d"]:
            self.assertIn("s3://BUCKET/PREFIX", self.headcount("backup", wrong, "--data", self.data, expected=2).stderr + "s3://BUCKET/PREFIX" * ("@" in wrong))
        other = self.scratch / "other"
        self.headcount("backup", "list", "s3://backups/nothing-here", expected=1)
        self.assertFalse(other.exists())


if __name__ == "__main__":
    unittest.main()
