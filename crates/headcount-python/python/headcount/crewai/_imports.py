"""Calls back when a module has been imported, before the importer continues.

A finder in front of `sys.meta_path` that handles a few names only, and delegates to the other finders. It is removed with
the last name.
"""

from __future__ import annotations

import sys
from _thread import RLock, _local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


_waiting: dict[str, list[Callable[[Any], None]]] = {}
_lock = RLock()


def when_imported(name: str, call: Callable[[Any], None]) -> Callable[[], None]:
    """Calls `call` with the module, at once if it is loaded. The returned function cancels the callback."""
    with _lock:
        module = sys.modules.get(name)
        is_there = module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False)
        if not is_there:
            _waiting.setdefault(name, []).append(call)
            if _finder not in sys.meta_path:
                sys.meta_path.insert(0, _finder)
    if is_there:
        call(module)

    def stop() -> None:
        with _lock:
            calls = _waiting.get(name, [])
            if call in calls:
                calls.remove(call)
            if not calls:
                _waiting.pop(name, None)
            _leave()

    return stop


def _leave() -> None:
    if not _waiting and _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


def _tell(name: str, module: ModuleType) -> None:
    with _lock:
        calls = _waiting.pop(name, [])
        _leave()
    for call in calls:
        try:
            call(module)
        except Exception:
            pass


class _Finder:
    """Finds a module with the other finders, and wraps its loader."""

    def __init__(self) -> None:
        self._asking = _local()

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        if name not in _waiting or getattr(self._asking, "name", None) == name:
            return None
        from importlib.util import find_spec

        self._asking.name = name
        try:
            spec = find_spec(name)
        finally:
            self._asking.name = None
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
        return spec


class _Loader:
    """A loader that delegates to another one, and then calls back."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        # Restores the module's loader, which some programs use to find its files.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        _tell(module.__name__, module)


_finder: Any = _Finder()
