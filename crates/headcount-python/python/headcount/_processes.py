"""Has processes that ``multiprocessing`` forks write down what they recorded: they end by ``os._exit``, which runs no handler.

Imported when telemetry starts; it imports nothing itself.
"""

import os
import sys

from . import _native


def _finish_by_writing(_native_module: object) -> None:
    util = sys.modules["multiprocessing.util"]
    util.Finalize(None, _native.write_down, exitpriority=-100)


def _before_fork() -> None:
    util = sys.modules.get("multiprocessing.util")
    if util is not None and not _known:
        _known.append(util)
        util.register_after_fork(_native, _finish_by_writing)


# The module, once it was told.
_known: list[object] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)
