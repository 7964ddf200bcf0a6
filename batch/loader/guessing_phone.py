"""Which column holds the phones, by its name and by what share of its cells are phones. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from batch.campaign import writable
from batch.i18n import _, number
from batch.loader.header_names import is_known_header, is_name_header, is_phone_header, is_result_column
from batch.model.phone.cells import read_phone
from batch.model.reasons import Finding, Reason
from batch.model.sheets import SheetInfo, SheetRow

__all__ = ["LOOKED_AT", "ColumnFacts", "column_facts", "phone_columns"]

LOOKED_AT = 1000
"""Rows whose cells are looked at."""

_API_NAME = "wa_contact_id"


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnFacts:
    """What the first rows of a column hold."""

    name: str
    cells: tuple[str, ...]
    """Those that are not empty, in order."""
    phones: int
    """How many of them are one phone number."""
    landlines: int
    """How many of the phones are landlines, where WhatsApp seldom is."""
    refusal: Finding | None
    """Why the first cell that is no phone is none; None when all are phones."""

    @property
    def share(self) -> str:
        """`57 of 60 cells are phones`."""
        return _("{phones} of {cells} cells are phones").format(
            phones=number(self.phones), cells=number(len(self.cells))
        )

    @property
    def reach(self) -> float:
        """How many people it may reach: a landline counts half."""
        return self.phones - self.landlines / 2


def column_facts(info: SheetInfo, rows: Iterable[SheetRow], *, region: str = "BR") -> tuple[ColumnFacts, ...]:
    """The columns a campaign may name, by the sheet's first rows. Rows that are malformed say nothing and are left out,
    and so are result columns of an earlier report."""
    sample = [row.cells for row in islice((row for row in rows if "" not in row.errors), LOOKED_AT)]
    return tuple(
        _facts(name, [cells[place] for cells in sample], region)
        for place, name in enumerate(info.columns)
        if not is_result_column(name) and writable(name)
    )


def _facts(name: str, cells: Sequence[str | None], region: str) -> ColumnFacts:
    filled = tuple(cell for cell in cells if cell)
    read = [read_phone(cell, region=region) for cell in filled]
    phones = [each for each in read if not isinstance(each, Finding)]
    return ColumnFacts(
        name=name,
        cells=filled,
        phones=len(phones),
        landlines=sum(any(note.reason is Reason.NOTE_LANDLINE for note in phone.notes) for phone in phones),
        refusal=next((each for each in read if isinstance(each, Finding)), None),
    )


def phone_columns(columns: Sequence[ColumnFacts]) -> list[ColumnFacts]:
    """The columns that may be the phone, best first; empty when none is.

    A name that says so and cells of which half are phones decide; of several such columns, the one that reaches most
    people. Else the cells alone: four in five are phones, most of them mobiles (ids of ten digits look like
    landlines), in a column whose name says nothing else. Else a name alone, where at least one cell is a phone.
    """
    named = [each for each in columns if is_phone_header(each.name) and each.phones]
    good = [each for each in named if 2 * each.phones >= len(each.cells)]
    exact = [each for each in good if each.name.strip().casefold() == _API_NAME]
    by_cells = [each for each in columns if not _says_something_else(each.name) and _is_full_of_phones(each)]
    return exact or _best_first(good) or _best_first(by_cells) or _best_first(named)


def _says_something_else(name: str) -> bool:
    return is_known_header(name) and not is_phone_header(name) and not is_name_header(name)


def _is_full_of_phones(column: ColumnFacts) -> bool:
    mobiles = column.phones - column.landlines
    return column.phones > 0 and 5 * column.phones >= 4 * len(column.cells) and 2 * mobiles >= column.phones


def _best_first(columns: Sequence[ColumnFacts]) -> list[ColumnFacts]:
    return sorted(columns, key=lambda each: each.reach, reverse=True)
