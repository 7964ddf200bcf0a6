"""Rows that are kept for a second reading."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice

import pytest

from batch.errors import SheetError
from batch.loader.formats import workbook as cached_grid
from batch.loader.formats.dates_and_numbers import error_cell
from batch.loader.formats.workbook import CachedGrid
from batch.loader.source import RawRow


def a_row(number: int) -> RawRow:
    errors = {1: error_cell("#N/A")} if number % 7 == 0 else {}
    return RawRow(number, [f"João {number}", None, "\U0001f600"], errors, number % 5 == 0)


ROWS = [a_row(number) for number in range(1, 2001)]


class Counted:
    """A grid that counts its readings."""

    def __init__(self) -> None:
        self.readings = 0

    def rows(self) -> Iterator[RawRow]:
        self.readings += 1
        yield from ROWS


@pytest.mark.parametrize("held", [0, 1000, 10_000_000])
def test_rows_are_read_once_and_given_as_often_as_asked(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From memory or from a file, by several readers at a time: the same rows."""
    monkeypatch.setattr(cached_grid, "_MEMORY_BYTES", held)
    grid = Counted()
    kept = CachedGrid(grid)
    assert list(kept.rows()) == ROWS
    first, second = kept.rows(), kept.rows()
    assert list(islice(first, 700)) + list(second) + list(first) == [*ROWS[:700], *ROWS, *ROWS[700:]]
    assert grid.readings == 1


def test_a_reading_goes_on_where_the_last_one_ended() -> None:
    """The first rows, which show the header, are not read twice; half of a sheet is never taken for the whole."""
    grid = Counted()
    kept = CachedGrid(grid)
    assert [len(list(islice(kept.rows(), count))) for count in (30, 600)] == [30, 600]
    assert list(kept.rows()) == list(kept.rows()) == ROWS
    assert grid.readings == 1


def test_a_closed_reading_begins_anew() -> None:
    """Also in the middle: each row comes once."""
    grid = Counted()
    kept = CachedGrid(grid)
    rows = kept.rows()
    first = list(islice(rows, 700))
    kept.close()
    assert [*first, *rows] == list(kept.rows()) == ROWS
    assert grid.readings == 3


class Damaged(Counted):
    """A grid that is damaged further down."""

    def rows(self) -> Iterator[RawRow]:
        yield from islice(super().rows(), 1200)
        raise SheetError("damaged", "")


def test_damage_is_found_at_each_reading() -> None:
    """A sheet that could not be read to its end never looks like a shorter one."""
    kept = CachedGrid(Damaged())
    for _ in range(3):
        with pytest.raises(SheetError):
            list(kept.rows())


def test_without_room_for_temporary_files_the_sheet_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk costs time, no row."""

    def no_room(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cached_grid, "_MEMORY_BYTES", 1000)
    monkeypatch.setattr(tempfile, "TemporaryFile", no_room)
    grid = Counted()
    kept = CachedGrid(grid)
    assert [list(kept.rows()), list(kept.rows())] == [ROWS, ROWS]
    assert grid.readings == 3
