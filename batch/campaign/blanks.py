"""What nobody could know when a campaign file was begun: marked in the file, and refused by name until it is filled in.

A blank is a text that begins with `FILL IN: ` (`PREENCHA: ` in Portuguese); what follows says what belongs there. Sent
as it stands, it would be a wrong sender or a template that does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from batch.campaign.problems import Problem, shown_key
from batch.i18n import _, chosen

_MARKS = MappingProxyType({"en": "FILL IN: ", "pt_BR": "PREENCHA: "})
"""Fixed words, not of the catalogues: in whatever language a file was begun, its blanks are known again."""

Path = tuple[str | int, ...]


def blank(what: str) -> str:
    """The text that stands where `what` (`the id of ...`, without a final stop) is to be filled in."""
    return f"{_MARKS[chosen()]}{what}"


def blanks(data: object, path: Path = ()) -> Iterator[tuple[Path, Problem]]:
    """Where in the file's data something is still to be filled in, and the sentence that says what."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from blanks(value, (*path, key))
    elif isinstance(data, list):
        for place, value in enumerate(data):
            yield from blanks(value, (*path, place))
    elif isinstance(data, str) and data.startswith(tuple(_MARKS.values())):
        what = data.partition(":")[2].strip()
        text = _("{key} is not filled in yet").format(key=shown_key(path))
        yield path, Problem(text=text, remedy=_("Put there {what}.").format(what=what))
