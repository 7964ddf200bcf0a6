"""The record of a row, as it was."""

from __future__ import annotations

from dataclasses import dataclass

from batch.model.messages import Message
from batch.model.reasons import Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """A row after mapping and checking: a message, or the findings that say why there is none."""

    row: int
    person: str | None
    """E.164 (`+5511999990001`), or None when the phone could not be read."""
    unique: tuple[str, ...] = ()
    """The values of the campaign's `unique_by` columns, as in the sheet."""
    message: Message | None = None
    """None exactly when `problems` is not empty."""
    problems: tuple[Finding, ...] = ()
    """Why this row is an error; the first gives its reason."""
    notes: tuple[Finding, ...] = ()
    """What a person should know of a good row: a repaired phone, a landline."""
    hidden: bool = False
    opted_out: bool = False
    """The campaign's opt-out column says that the person wants no messages."""
