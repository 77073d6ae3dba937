"""Runs rounds of faults, one line each, and a table at the end. See README.md."""

import argparse
import faulthandler
import importlib
import os
import signal
import sys
import time
import traceback

from rounds import Round, Skipped

KINDS = ("kill", "disk", "damage", "foreign", "copies", "two_servers", "signals", "wrong_clock", "connections", "clients", "power")
SHORT_SEED = 1
# Of a round that takes longer than this the stacks of all threads are shown; simulated power cuts compile first.
SLOW_SECONDS = 120


def main() -> int:
    # So that the servers of a round end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = parse()
    results: dict[str, list[str]] = {}
    failed: list[str] = []
    for kind, numbers in plan(options):
        for number in numbers:
            outcome = play(kind, number, options)
            results.setdefault(kind, []).append(outcome)
            if outcome == "WRONG":
                failed.append(f"just torture {options.seed} {kind}:{number}")
    show(results)
    if failed:
        print("\nto replay:", *failed, sep="\n  ")
    # Where CI asks for a fault, a machine that cannot make it is a failure; elsewhere the table says so.
    is_incomplete = bool(os.environ.get("CI")) and any("skipped" in each for each in results.values())
    return 1 if failed or is_incomplete else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/torture/run", description="Faults against whole processes of the built server.")
    parser.add_argument("seed", type=int, nargs="?", help="a number from which every plan is drawn")
    parser.add_argument("kinds", nargs="*", metavar="KIND[:ROUND]", help=f"of {', '.join(KINDS)} (default: all)")
    parser.add_argument("--short", action="store_true", help="a few rounds of each kind, as in CI; without SEED always the same")
    parser.add_argument("--rounds", type=int, help="how many of each kind (default: as each kind says)")
    options = parser.parse_args()
    if options.seed is None:
        if not options.short:
            parser.error("give a seed, for example 42")
        options.seed = SHORT_SEED
    for each in options.kinds:
        name, _, number = each.partition(":")
        if name not in KINDS or (number and not number.isdigit()):
            parser.error(f"`{each}` is not a kind of fault, or a round of one; kinds: {', '.join(KINDS)}")
    return options


def plan(options):
    """Kinds and the numbers of their rounds."""
    for each in options.kinds or KINDS:
        name, _, number = each.partition(":")
        module = importlib.import_module(f"kinds.{name}")
        rounds = options.rounds or (module.SHORT if options.short else module.ROUNDS)
        yield name, [int(number)] if number else range(rounds)


def play(kind: str, number: int, options) -> str:
    module = importlib.import_module(f"kinds.{kind}")
    began = time.monotonic()
    round = Round(kind, number, options.seed, options.short)
    outcome = "held"
    if kind != "power":
        faulthandler.dump_traceback_later(SLOW_SECONDS)
    try:
        module.run(round)
    except Skipped as skipped:
        outcome = "skipped"
        round.did.append(str(skipped))
    except Exception:
        # A defect of the test, or an answer that it did not expect: either way the round shows nothing good.
        round.wrong.append(traceback.format_exc(limit=4))
    finally:
        round.close()
        faulthandler.cancel_dump_traceback_later()
    if round.wrong:
        outcome = "WRONG"
    print(f"{kind}:{number:<3} {outcome:8} {time.monotonic() - began:5.1f} s  {'; '.join(round.did)}", flush=True)
    for text in round.wrong:
        print(f"    {text}", flush=True)
    return outcome


def show(results: dict[str, list[str]]) -> None:
    print(f"\n{'kind':12} {'rounds':>6} {'held':>6} {'wrong':>6} {'skipped':>7}")
    for kind, outcomes in results.items():
        counts = [outcomes.count(outcome) for outcome in ("held", "WRONG", "skipped")]
        print(f"{kind:12} {len(outcomes):6} {counts[0]:6} {counts[1]:6} {counts[2]:7}")


if __name__ == "__main__":
    sys.exit(main())
