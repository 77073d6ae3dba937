"""Texts before inputs were filled in.

Inputs are content. A role of `{topic} researcher` must not carry them into the default tier, and an agent's key must not change
with its inputs. From the first run on, CrewAI keeps the original text next to the filled-in one.
"""

from __future__ import annotations

from ._attributes import KEPT, Attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_AGENT = Attributes("role", "goal", "backstory")
_AGENT_WRITTEN = Attributes("_original_role", "_original_goal", "_original_backstory")
_TASK = Attributes("description", "expected_output")
_TASK_WRITTEN = Attributes("_original_description", "_original_expected_output")

# Texts with inputs filled in, and their templates: a copy of an agent that has run before (kickoff_for_each, test) starts
# with the filled-in text and has no template.
_filled_in: dict[str, str] = {}


def agent_texts(agent: Any) -> tuple[Any, ...]:
    """An agent's role, goal and backstory as they were written."""
    return _written(_AGENT.of(agent), _AGENT_WRITTEN.private_of(agent))


def task_texts(task: Any) -> tuple[Any, ...]:
    """A task's description and expected output as they were written."""
    return _written(_TASK.of(task), _TASK_WRITTEN.private_of(task))


def remember_templates(agent: Any, task: Any) -> None:
    """Remembers the texts of an agent and its task before inputs were filled in."""
    _remember(_AGENT, agent, _AGENT_WRITTEN.private_of(agent))
    _remember(_TASK, task, _TASK_WRITTEN.private_of(task))


def _written(texts: tuple[Any, ...], originals: tuple[Any, ...]) -> tuple[Any, ...]:
    if not _filled_in and _are_none(originals):
        return texts
    found = []
    for text, original in zip(texts, originals):
        if original is not None:
            text = original
        elif _filled_in and type(text) is str:
            text = _filled_in.get(text, text)
        found.append(text)
    return tuple(found)


def _remember(attributes: Attributes, thing: Any, originals: tuple[Any, ...]) -> None:
    if _are_none(originals):
        return
    for text, original in zip(attributes.of(thing), originals):
        if type(original) is str and type(text) is str and original != text:
            if len(_filled_in) >= KEPT:
                _filled_in.clear()
            _filled_in[text] = original


def _are_none(values: tuple[Any, ...]) -> bool:
    for value in values:
        if value is not None:
            return False
    return True
