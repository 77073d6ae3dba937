"""Drives the API by its own description: every answer is one that the description allows, and none is a fault.

It starts a collector, sends the sample week, and lets schemathesis make requests, good and bad, for each operation.
"""

import os
import re
import subprocess
import sys
import tempfile

BINARY = os.environ["HEADCOUNT_BINARY"]
SCHEMATHESIS = os.path.join(os.path.dirname(sys.executable), "schemathesis")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = [BINARY, "serve", "--data", folder + "/data", "--http", "127.0.0.1:0", "--grpc", "none"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as collector:
            try:
                banner = ""
                while "Ctrl-C ends it" not in banner:
                    line = collector.stdout.readline()
                    if not line:
                        sys.exit("headcount serve ended: " + banner)
                    banner += line
                url = re.search(r"dashboard\s+(http://\S+?)/\s", banner)[1]
                subprocess.run([BINARY, "demo", "--url", url], check=True, stdout=subprocess.DEVNULL)
                return subprocess.run(
                    [SCHEMATHESIS, "run", url + "/api/openapi.json", "--url", url, "--max-examples", "30",
                     "--seed", "20261123", "--request-timeout", "60", "--checks", "all",
                     # A reader without a token on this machine is an owner: there is nothing to be refused. And no pattern says
                     # which days there are, or that since is before until: such requests are refused with reason.
                     "--exclude-checks", "ignored_auth,positive_data_acceptance", *sys.argv[1:]],
                    check=False,
                    # It keeps a folder of its own where it runs.
                    cwd=folder,
                ).returncode
            finally:
                collector.terminate()


if __name__ == "__main__":
    sys.exit(main())
