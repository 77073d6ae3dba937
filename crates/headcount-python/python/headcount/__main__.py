"""``python -m headcount``: the commands for people who run crews. ``python -m headcount --help`` lists them."""

import signal
import sys

from ._native import command

if __name__ == "__main__":
    # Ctrl-C ends the program at once, even while it waits for a collector.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(command(sys.argv[1:]))
