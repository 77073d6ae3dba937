"""``python -m headcount``: the commands for people who run crews. ``python -m headcount --help`` lists them."""

import os
import signal
import sys

from ._native import command


def _note_about_crewai() -> str | None:
    """Whether `HEADCOUNT_CREWAI` has an effect in this interpreter, for `status`."""
    value = os.environ.get("HEADCOUNT_CREWAI", "")
    if not value:
        return None
    # Imported by headcount_crewai.pth when Python started.
    startup = sys.modules.get("headcount.crewai._startup")
    if startup is None:
        return (
            "HEADCOUNT_CREWAI is set and has no effect here: this interpreter does not read .pth files "
            "(pip install --target, PYTHONPATH, python -S); call headcount.crewai.install() instead"
        )
    if not startup.endpoint_of(value)[0]:
        return "HEADCOUNT_CREWAI is set and has no effect: it is neither an address nor a word such as 1"
    return "HEADCOUNT_CREWAI is set: programs of this interpreter count CrewAI's crews"


def _main(arguments: list[str]) -> int:
    code = command(arguments)
    note = _note_about_crewai()
    if arguments[:1] == ["status"] and code == 0 and note is not None:
        print(f"note: {note}", file=sys.stderr)
    return code


if __name__ == "__main__":
    # Ctrl-C ends the program at once, even while it waits for a collector.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_main(sys.argv[1:]))
