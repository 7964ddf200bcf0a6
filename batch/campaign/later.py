"""What the design promises and this version cannot do yet.

Each is refused with a sentence. Ignored in silence, it could message somebody who must not be, or at a wrong hour.
When a part is built, its line here goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from batch.campaign.problems import Problem, shown_key
from batch.language import N_, _

__all__ = ["NOT_YET", "take_later"]

NOT_YET: Mapping[tuple[str, ...], str] = MappingProxyType(
    {
        ("notify",): N_("Take it out; the exit code and summary.json tell how the run went."),
    }
)
"""Section, or section and key, to what a person can do meanwhile."""


def take_later(data: Mapping[str, object]) -> tuple[dict[str, object], list[Problem]]:
    """The file's data without what is not built yet, and a problem for each such part."""
    rest = dict(data)
    problems = [_problem(path, remedy) for path, remedy in NOT_YET.items() if _take(rest, path)]
    return rest, problems


def _take(data: dict[str, object], path: tuple[str, ...]) -> bool:
    section, *key = path
    if not key:
        return data.pop(section, None) is not None
    inner = data.get(section)
    if not isinstance(inner, dict) or key[0] not in inner:
        return False
    data[section] = {name: value for name, value in inner.items() if name != key[0]}
    return True


def _problem(path: tuple[str, ...], remedy: str) -> Problem:
    return Problem(
        text=_("this version cannot do {key} yet, and does not ignore it").format(key=shown_key(path)), remedy=_(remedy)
    )
