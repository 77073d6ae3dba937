"""The cases of ``conformance/``, which every client passes."""

from __future__ import annotations

import copy
from pathlib import Path

import conformance
import pytest

NAMES = sorted(path.stem for path in conformance.CASES.glob("*.json"))


def test_the_cases_are_there() -> None:
    assert len(NAMES) > 10


@pytest.mark.parametrize("name", NAMES)
def test_a_case_is_kept(name: str, tmp_path: Path) -> None:
    case = conformance.load(name)
    requests, counters = conformance.run(case, tmp_path)
    assert conformance.differences(case, requests, counters.values_refused) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_part_of_an_expectation_is_compared(name: str, tmp_path: Path) -> None:
    """A comparison that finds no difference would keep every promise."""
    case = conformance.load(name)
    requests, counters = conformance.run(case, tmp_path)

    def is_found(changed: object) -> bool:
        return conformance.differences(changed, requests, counters.values_refused) != []  # type: ignore[arg-type]

    changed = copy.deepcopy(case)
    changed["expect"]["values_refused"] += 1
    assert is_found(changed)
    changed = copy.deepcopy(case)
    changed["expect"]["resource"] = {"versions.framework_version": "9"}
    assert is_found(changed)
    for index, span in enumerate(case["expect"]["spans"]):
        changed = copy.deepcopy(case)
        del changed["expect"]["spans"][index]
        assert is_found(changed), f"span {index} is too much"
        changed = copy.deepcopy(case)
        changed["expect"]["spans"][index]["failed"] = not span.get("failed", False)
        assert is_found(changed), f"span {index}'s status"
        for key in span["attributes"]:
            changed = copy.deepcopy(case)
            del changed["expect"]["spans"][index]["attributes"][key]
            assert is_found(changed), f"span {index}'s {key} is too much"
            changed = copy.deepcopy(case)
            changed["expect"]["spans"][index]["attributes"][key] = "another"
            assert is_found(changed), f"span {index}'s {key}"
    texts = [value for request in requests for span in request.spans for value in span.attributes.values()]
    text = next((value for value in texts if isinstance(value, str) and value), None)
    if text is not None:
        assert is_found(case | {"never": [text]})
