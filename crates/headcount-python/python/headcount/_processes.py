"""Forks: processes of ``multiprocessing`` write their events to disk, for they end by ``os._exit``, which runs no exit handler; and no
thread of the client runs during a fork.

Imported when telemetry starts. It imports no module of the standard library that is not loaded already.
"""

import os
import sys
from types import ModuleType

from . import _native

# Holds `multiprocessing.util` once the handler is registered with it.
_known: list[ModuleType] = []

# From 3.12 on CPython warns of a fork while other threads run, native ones among them.
_WARNS_OF_THREADS = sys.version_info >= (3, 12)


def _finish_by_writing(_module: object) -> None:
    sys.modules["multiprocessing.util"].Finalize(None, _native.write_down, exitpriority=-100)


def _before_fork() -> None:
    util = sys.modules.get("multiprocessing.util")
    if util is not None and not _known:
        _known.append(util)
        util.register_after_fork(_native, _finish_by_writing)
    if _WARNS_OF_THREADS:
        # They begin again with the next event, in the parent and in the child.
        _native.end_threads()


def _is_child() -> bool:
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None and "multiprocessing.util" in sys.modules


if _is_child():
    _finish_by_writing(None)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)
