"""The simulated sheet: good, bad, hidden and doubled rows, and what a person does to them between two runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from batch.ledger import StagedRow
from batch.model.messages import message_key
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason

__all__ = ["CAMPAIGN", "ENDPOINT", "SheetRow", "draw_sheet", "edited", "staged"]

ENDPOINT = "https://api.simulated"
CAMPAIGN = "Simulated"


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """A row as the loader would give it."""

    row: int
    person: str | None
    invoice: str
    sender: str
    edition: int = 0
    """Raised when a person changes a cell that is sent."""
    wrong: bool = False
    hidden: bool = False

    @property
    def key(self) -> str | None:
        if self.person is None:
            return None
        return message_key(endpoint=ENDPOINT, campaign=CAMPAIGN, person=self.person, unique=(self.invoice,))

    @property
    def sendable(self) -> bool:
        return self.person is not None and not self.wrong and not self.hidden


def draw_sheet(rng: Random, size: int, *, people: int, senders: int, invoices: int, flawed: float) -> list[SheetRow]:
    """`size` rows about at most `people` people; `flawed`: the share of rows with something wrong."""
    return _numbered([_row(rng, people, senders, invoices, flawed) for _ in range(size)])


def edited(rng: Random, sheet: Sequence[SheetRow], *, people: int) -> list[SheetRow]:
    """The sheet after a person worked on it: corrected, spoiled, sorted, shorter or longer."""
    rows = [_touched(rng, row, people) if rng.random() < 0.2 else row for row in sheet]
    what = rng.randrange(4)
    if what == 0:
        rng.shuffle(rows)
    elif what == 1 and len(rows) > 1:
        del rows[rng.randrange(len(rows))]
    elif what == 2:
        more = [replace(rng.choice(rows), person=_person(rng, people)) for _ in range(rng.randint(1, len(rows)))]
        rows = more + rows if rng.random() < 0.5 else rows + more
    return _numbered(rows)


def staged(row: SheetRow) -> StagedRow:
    """The row on its way into the ledger, as `check` and `run` stage it."""
    if row.hidden:
        finding = Finding(Reason.HIDDEN_ROW)
        return StagedRow(row=row.row, key=row.key, person=row.person, outcome=Outcome.SKIPPED, findings=(finding,))
    if not row.sendable:
        finding = Finding(Reason.VALUE_MISSING, {"field": "Nome", "column": "Nome"})
        return StagedRow(row=row.row, key=row.key, person=row.person, outcome=Outcome.ERROR, findings=(finding,))
    values = row.key, row.person, row.sender, row.edition
    return StagedRow(row=row.row, key=row.key, person=row.person, sender=row.sender, values=values)


def encode(values: Sequence[str | int | None]) -> str:
    """Return the request of a row's values."""
    return json.dumps(dict(zip(("key", "person", "sender", "edition"), values, strict=True)))


def _row(rng: Random, people: int, senders: int, invoices: int, flawed: float) -> SheetRow:
    bad = rng.random() < flawed
    kind = rng.randrange(3) if bad else None
    return SheetRow(
        row=0,
        person=None if kind == 0 else _person(rng, people),
        invoice=f"NF-{rng.randrange(invoices)}",
        sender=f"sender-{rng.randrange(senders)}",
        wrong=kind == 1,
        hidden=kind == 2,
    )


def _person(rng: Random, people: int) -> str:
    number = rng.randrange(people)
    return f"+55{(11, 11, 92)[number % 3]}9{number:08d}"


def _touched(rng: Random, row: SheetRow, people: int) -> SheetRow:
    what = rng.randrange(4)
    if what == 0:
        return replace(row, edition=row.edition + 1)
    if what == 1:
        return replace(row, wrong=not row.wrong)
    if what == 2:
        return replace(row, person=_person(rng, people))
    return replace(row, hidden=not row.hidden)


def _numbered(rows: Sequence[SheetRow]) -> list[SheetRow]:
    return [replace(row, row=number) for number, row in enumerate(rows, start=2)]
