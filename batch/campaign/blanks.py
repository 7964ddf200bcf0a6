"""What nobody could know when a campaign file was begun: marked in the file, and refused by name until it is filled in.

A blank is a text that begins with `FILL IN: `; what follows says what belongs there. Sent as it stands, it would be a
wrong sender or a template that does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator

from batch.campaign.problems import Problem, shown_key

__all__ = ["blank", "blanks"]

_MARK = "FILL IN: "

Path = tuple[str | int, ...]


def blank(what: str) -> str:
    """The text that stands where `what` (`the id of ...`, without a final stop) is to be filled in."""
    return f"{_MARK}{what}"


def blanks(data: object, path: Path = ()) -> Iterator[tuple[Path, Problem]]:
    """Where in the file's data something is still to be filled in, and the sentence that says what."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from blanks(value, (*path, key))
    elif isinstance(data, list):
        for place, value in enumerate(data):
            yield from blanks(value, (*path, place))
    elif isinstance(data, str) and data.startswith(_MARK):
        what = data.removeprefix(_MARK).strip()
        yield path, Problem(text=f"{shown_key(path)} is not filled in yet", remedy=f"Put there {what}.")
