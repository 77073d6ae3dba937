"""CrewAI's own telemetry client, which is switched off while Headcount records.

Its classes call their own method `_is_telemetry_disabled` when they are created and before everything they do. While
the client is switched off, this method returns True, so a client that is created later has no provider, no thread, no
exit handler and no signal handlers. A client that was created before, because CrewAI was imported first, keeps an idle
thread: its queued spans are discarded instead of sent, and its exit and signal handlers are removed.

No environment variable is set: child processes would inherit it, and Headcount itself would read it as an opt-out.
"""

from __future__ import annotations

from ._imports import when_imported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# The library's client, and the one of its command line from 1.14.5 on.
_MODULES = ("crewai.telemetry.telemetry", "crewai_core.telemetry")
_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGTSTP", "SIGCONT")


class Sender:
    """Hooks CrewAI's client for the few calls that have no event, and switches it off if `silent`."""

    def __init__(
        self, silent: bool, features: Callable[[Any], None], repeated: Callable[[Any, Any, Any], None]
    ) -> None:
        self._silent = silent
        self._features = features
        self._repeated = repeated
        self._is_on = True
        self._undo: list[Callable[[], None]] = []
        # Called after everything is undone: the library's client uses the command line's.
        self._restart: list[Callable[[], None]] = []
        self._forget: list[Callable[[], None]] = [when_imported(name, self._take) for name in _MODULES]

    def restore(self) -> None:
        """Restores everything, and starts the client that was kept from starting."""
        self._is_on = False
        for forget in self._forget:
            forget()
        while self._undo:
            _quietly(self._undo.pop())
        while self._restart:
            _quietly(self._restart.pop())

    def _take(self, module: Any) -> None:
        client = getattr(module, "Telemetry", None)
        if not self._is_on or not isinstance(client, type):
            return
        _quietly(lambda: self._overhear(client))
        if self._silent:
            _quietly(lambda: self._silence(client))

    # ---------------------------------------------------------------- calls without an event

    def _overhear(self, client: type) -> None:
        features, repeated = self._features, self._repeated

        def hear_feature(own: Callable[..., Any]) -> Callable[..., Any]:
            def feature_usage_span(self: Any, feature: Any, *more: Any, **named: Any) -> Any:
                _quietly(lambda: features(feature))
                return own(self, feature, *more, **named)

            return feature_usage_span

        def hear_repeated(own: Callable[..., Any]) -> Callable[..., Any]:
            def tool_repeated_usage(self: Any, llm: Any, tool_name: Any, attempts: Any, *more: Any) -> Any:
                _quietly(lambda: repeated(tool_name, attempts, llm))
                return own(self, llm, tool_name, attempts, *more)

            return tool_repeated_usage

        self._wrap(client, "feature_usage_span", hear_feature)
        self._wrap(client, "tool_repeated_usage", hear_repeated)

    def _wrap(self, client: type, name: str, hear: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        own = client.__dict__.get(name)
        if callable(own):
            self._set(client, name, hear(own))

    # ---------------------------------------------------------------- silence

    def _silence(self, client: type) -> None:
        made = client.__dict__.get("_instance")
        was_made = made is not None and getattr(made, "ready", False) is True
        if not was_made:
            self._restart.append(lambda: _start_again(client))
        self._set(client, "_is_telemetry_disabled", classmethod(lambda _client: True))
        if was_made:
            self._silence_made(made)

    def _silence_made(self, made: Any) -> None:
        self._set(made, "ready", False)
        provider = getattr(made, "provider", None)
        for exporter in _exporters(provider):
            self._set(exporter, "export", _discard)
        self._take_from_exit(getattr(made, "_shutdown", None))
        self._take_from_exit(getattr(provider, "_atexit_handler", None))
        self._take_signals(made)

    def _take_from_exit(self, handler: Any) -> None:
        if not callable(handler):
            return
        import atexit

        atexit.unregister(handler)
        self._undo.append(lambda: (atexit.register(handler), None)[1])

    def _take_signals(self, made: Any) -> None:
        """Restores the earlier handler of each signal, unless another one was installed since."""
        import signal

        before = getattr(made, "_original_handlers", None)
        if not isinstance(before, dict):
            return
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is None or number not in before or before[number] is None:
                continue
            handler = signal.getsignal(number)
            if getattr(handler, "__qualname__", "").startswith("Telemetry._register_signal_handler"):
                _quietly(self._swap_signal(number, before[number], handler))

    def _swap_signal(self, number: int, theirs: Any, crewais: Any) -> Callable[[], None]:
        import signal

        def swap() -> None:
            # Only the main thread may do this. On others the handlers stay, and find nothing to send.
            signal.signal(number, theirs)
            self._undo.append(lambda: (signal.signal(number, crewais), None)[1])

        return swap

    def _set(self, owner: Any, name: str, value: Any) -> None:
        """Sets an attribute until the sender is restored."""
        missing = object()
        before = owner.__dict__.get(name, missing)
        setattr(owner, name, value)

        def undo() -> None:
            now = owner.__dict__.get(name, missing)
            if now is not value:
                return  # Another program replaced it since.
            if before is missing:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

        self._undo.append(undo)


def _exporters(provider: Any) -> list[Any]:
    """A provider's exporters, in all versions of OpenTelemetry's SDK."""
    found = []
    several = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
    for processor in several:
        batch = getattr(processor, "_batch_processor", None)
        for holder, name in ((processor, "span_exporter"), (batch, "_exporter")):
            exporter = getattr(holder, name, None)
            if exporter is not None and exporter not in found:
                found.append(exporter)
    return found


def _discard(_spans: Any, *_more: Any, **_named: Any) -> Any:
    from importlib import import_module

    return import_module("opentelemetry.sdk.trace.export").SpanExportResult.SUCCESS


def _start_again(client: type) -> None:
    """Creates CrewAI's client as its import would have."""
    made = client.__dict__.get("_instance")
    if made is None:
        return  # It was not used yet; the first use creates it.
    made._initialized = False
    made.__init__()
    made.set_tracer()


def _quietly(do: Callable[[], Any]) -> None:
    try:
        do()
    except Exception:
        pass

