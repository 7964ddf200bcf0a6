"""A report in which a person has written, row by row, what became of the unknown messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from batch.app.decision import listed, of_row
from batch.errors import SheetError
from batch.i18n import _
from batch.loader import Sheet, open_sheet
from batch.loader.header_names import fold
from batch.model.sheets import SheetRow

__all__ = ["NOT_SENT_WORDS", "SENT_WORDS", "SETTLE_COLUMN", "Entry", "read_decisions"]

SETTLE_COLUMN = "wegly_settle"
SENT_WORDS = ("sent", "yes", "enviada", "enviado", "sim")
NOT_SENT_WORDS = ("not sent", "no", "não enviada", "não enviado", "não")
"""Case, accents, blanks, `_` and `-` do not count."""

_MEANINGS = {fold(word): sent for words, sent in ((SENT_WORDS, True), (NOT_SENT_WORDS, False)) for word in words}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A decision as it stands in the report."""

    row: int
    sent: bool
    phone: str
    """Digits only, with the country's code; empty when the cell is."""
    run: str
    """`wegly_run`: who gave the outcome; empty when the cell is."""


def read_decisions(report: Path) -> list[Entry]:
    """Every row of a report whose `wegly_settle` is filled in, hidden or not.

    Raises SheetError when the file is no report, a word is not of the closed lists, or nothing is filled in.
    """
    sheet = open_sheet(report)
    places = {name: _place(sheet, name) for name in (SETTLE_COLUMN, "wegly_phone", "wegly_run")}
    entries: list[Entry] = []
    problems: list[str] = []
    for row in sheet.rows():
        found = _entry(row, places, sheet.info.columns[places[SETTLE_COLUMN]])
        if isinstance(found, Entry):
            entries.append(found)
        elif found:
            problems.append(found)
    if problems:
        raise SheetError(
            f"{report.name}: {listed(problems)}",
            _("Allowed in {column} are {sent}; {not_sent}; or nothing.").format(
                column=SETTLE_COLUMN, sent=", ".join(SENT_WORDS), not_sent=", ".join(NOT_SENT_WORDS)
            ),
        )
    if not entries:
        problem = _("{file} holds no decision: its column {column} is empty in every row.")
        raise SheetError(
            problem.format(file=report.name, column=SETTLE_COLUMN),
            _("Write sent or not sent beside the rows that are decided, and save the file."),
        )
    return entries


def _place(sheet: Sheet, name: str) -> int:
    found = [index for index, column in enumerate(sheet.info.columns) if fold(column) == fold(name)]
    if len(found) != 1 or name in sheet.info.ambiguous:
        problem = _("{file} has several columns {column}.") if found else _("{file} has no column {column}.")
        remedy = _("Take the report that a run wrote (report.xlsx or results.csv), and add one column {column} to it.")
        raise SheetError(problem.format(file=sheet.info.file, column=name), remedy.format(column=SETTLE_COLUMN))
    return found[0]


def _entry(row: SheetRow, places: dict[str, int], column: str) -> Entry | str | None:
    """A row's decision, what is wrong with it, or None when it holds none."""
    said = row.cells[places[SETTLE_COLUMN]]
    wrong = row.errors.get(column) or (row.errors.get("") if said else None)
    if wrong:
        return of_row(row.number, f"{wrong}.")
    if not said:
        return None
    sent = _MEANINGS.get(fold(said.replace("-", " ")))
    if sent is None:
        return of_row(row.number, _("{column} is {word!r}.").format(column=SETTLE_COLUMN, word=said))
    return Entry(
        row=row.number,
        sent=sent,
        phone=re.sub(r"\D", "", row.cells[places["wegly_phone"]] or ""),
        run=(row.cells[places["wegly_run"]] or "").strip(),
    )
