"""Installs the listener, and removes it."""

from __future__ import annotations

# Importing `threading` would take longer than all of this module.
from _thread import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any

    import headcount

    from ._listener import Listener
    from ._sender import Sender

# The switches of CrewAI's own client. A person who sets one wants no telemetry, whichever client sends it.
SWITCHES = ("CREWAI_DISABLE_TELEMETRY", "CREWAI_DISABLE_TRACKING")
REPLACED = "CrewAI's own telemetry"
_BUSES = ("crewai.events.event_bus", "crewai.utilities.events.crewai_event_bus")


class Installed:
    """An installed listener, until `uninstall` is called or its `with` block ends.

    - `telemetry`: the telemetry that records. Its `decision` says whether anything is recorded, and why.
    - `is_listening`: whether CrewAI's events are received. They are not while telemetry is off.
    - `version`: the release of CrewAI; empty if it is not installed.
    - `problem`: why events cannot be received; None if they can.
    """

    def __init__(
        self, telemetry: headcount.Telemetry | None, options: dict[str, Any], silent: bool, by_code: bool
    ) -> None:
        self._given = telemetry
        self._options = options
        self._silent = silent
        self._listener: Listener | None = None
        self._depth = 0
        self.by_code = by_code
        self.version: str = ""
        self.problem: str | None = None
        self.telemetry: headcount.Telemetry = _off() if telemetry is None else telemetry
        # Installed before CrewAI is imported, so that its client is not even created.
        self._sender: Sender | None = self._watch_sender()

    def _watch_sender(self) -> Sender | None:
        from ._sender import Sender

        try:
            return Sender(self._silent, self._hear_feature, self._hear_repeated)
        except Exception:
            return None

    def _hear_feature(self, feature: Any) -> None:
        if self._listener is not None:
            self._listener.own_client_counts(feature)

    def _hear_repeated(self, tool: Any, attempts: Any, llm: Any) -> None:
        if self._listener is not None:
            self._listener.own_client_counts_repeated(tool, attempts, llm)

    def _listen(self) -> None:
        """Imports CrewAI, unless it is being imported right now, and hooks its event bus."""
        from ._listener import Listener

        bus = self._find_bus()
        if bus is None:
            # Without a listener CrewAI's own telemetry stays on.
            sender, self._sender = self._sender, None
            if sender is not None:
                sender.restore()
            return
        if self._given is None:
            self.telemetry = self._start()
        if not self.telemetry.is_recording:
            return
        listener = Listener(self.telemetry)
        listener.begin(bus)
        self._listener = listener

    def _find_bus(self) -> Any:
        from importlib import import_module

        try:
            crewai = import_module("crewai")
        except Exception as error:
            self.problem = f"cannot import crewai: {type(error).__name__}"
            return None
        self.version = str(getattr(crewai, "__version__", ""))
        for name in _BUSES:
            try:
                bus = getattr(import_module(name), "crewai_event_bus", None)
            except ImportError:
                continue
            if callable(getattr(bus, "emit", None)):
                return bus
        self.problem = "this release of crewai has no event bus"
        return None

    def _start(self) -> headcount.Telemetry:
        import headcount

        return headcount.start(
            "crewai",
            self.version,
            switches=(*SWITCHES, *self._options.pop("switches", ())),
            replaces=REPLACED if self._silent else None,
            **self._options,
        )

    @property
    def is_listening(self) -> bool:
        """Whether CrewAI's crews are counted."""
        return self._listener is not None

    @property
    def silences_crewai(self) -> bool:
        """Whether CrewAI's own telemetry is switched off."""
        return self._silent and self._sender is not None

    @property
    def puzzled(self) -> int:
        """How many of CrewAI's events could not be read, for example because a later release changed them."""
        return 0 if self._listener is None else self._listener.puzzled

    def uninstall(self) -> None:
        """Restores CrewAI. The ends of running crews are not recorded; their starts stay recorded."""
        global _current
        with _lock:
            if _current is self:
                _current = None
            listener, self._listener = self._listener, None
            sender, self._sender = self._sender, None
        if listener is not None:
            listener.end()
        if sender is not None:
            sender.restore()

    def __enter__(self) -> Installed:
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth <= 0:
            self.uninstall()

    def __repr__(self) -> str:
        state = "listening" if self.is_listening else self.problem or str(self.telemetry.decision)
        return f"<headcount.crewai: crewai {self.version or '?'}, {state}>"


_current: Installed | None = None
_lock = RLock()


def install(
    telemetry: headcount.Telemetry | None = None,
    *,
    endpoint: str | None = None,
    told_user: bool = False,
    keep_crewai_telemetry: bool = False,
    switches: Sequence[str] = (),
    trust: Sequence[bytes] = (),
    home: str | None = None,
    disabled: bool = False,
) -> Installed:
    """Records CrewAI's events in this process, from now on. Never raises; a second call changes nothing.

    - `telemetry`: one that was started before, with `headcount.start`. Then the other arguments except
      `keep_crewai_telemetry` are ignored.
    - `endpoint`: the collector's address. Without one, events stay on this machine.
    - `told_user`: you have informed the person who runs this what is collected and how to turn it off. Otherwise nothing is
      sent until they have seen Headcount's notice, on a terminal, in an earlier run.
    - `keep_crewai_telemetry`: leaves CrewAI's own client on, which then sends to CrewAI as well.
    - `switches`, `trust`, `home`, `disabled`: as for `headcount.start`.

        with headcount.crewai.install(endpoint="https://telemetry.example.com"):
            crew.kickoff()
    """
    global _current
    options: dict[str, Any] = {"endpoint": endpoint, "told_user": told_user, "switches": tuple(switches)}
    options |= {"trust": tuple(trust), "home": home, "disabled": disabled}
    with _lock:
        before = _current
        if before is not None and before.by_code:
            return before
        if before is not None:
            # Code takes precedence over the variable.
            before.uninstall()
        installed = Installed(telemetry, options, silent=not keep_crewai_telemetry, by_code=True)
        _current = installed
    _quietly_listen(installed)
    return installed


def installed() -> Installed | None:
    """The installed listener, by `install` or `HEADCOUNT_CREWAI`; None if there is none."""
    return _current


def install_when_imported(endpoint: str | None) -> None:
    """Installs the listener as soon as CrewAI is imported. For `HEADCOUNT_CREWAI`."""
    global _current
    from ._imports import when_imported

    with _lock:
        if _current is not None:
            return
        installed = Installed(None, {"endpoint": endpoint}, silent=True, by_code=False)
        _current = installed

    def imported(_crewai: Any) -> None:
        if _current is installed:
            _quietly_listen(installed)

    when_imported("crewai", imported)


def _quietly_listen(installed: Installed) -> None:
    try:
        installed._listen()
    except Exception as error:
        installed.problem = f"{type(error).__name__} while the listener was installed"


def _off() -> headcount.Telemetry:
    import headcount

    return headcount.Telemetry.off()
