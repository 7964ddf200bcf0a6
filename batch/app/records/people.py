"""People and rows in records."""

from collections.abc import Mapping
from dataclasses import dataclass

from batch.model.phone.cells import format_phone


@dataclass(frozen=True, kw_only=True, slots=True)
class RowPerson:
    """A row of a sheet and its person."""

    row: int
    phone: str | None
    """As people write it; None when the row has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SuppressedPerson:
    """A person who is on the suppression list now."""

    phone: str
    new: bool
    """False: they were on it before, and stay as first noted."""


def suppressed_people(found: Mapping[str, bool]) -> tuple[SuppressedPerson, ...]:
    """Return the records of people (E.164), each with whether they are new on the list."""
    return tuple(SuppressedPerson(phone=format_phone(person), new=new) for person, new in found.items())


def shown_phone(person: str | None) -> str | None:
    """Return a phone as people read it; None for none."""
    return format_phone(person) if person else None
