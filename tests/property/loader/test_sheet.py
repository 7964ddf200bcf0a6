"""Rows of an opened sheet: each cell under its column, each fault with its row."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from batch.loader.header_detection import SheetColumns
from batch.loader.sheet import Sheet, Widths
from batch.loader.source import NO_CELL_ERRORS, RawRow
from batch.model.phrases import Phrase
from batch.model.sheets import SheetInfo

HEADER_ROW = 2
raw_rows = st.builds(
    RawRow,
    st.integers(min_value=1, max_value=9),
    st.lists(st.sampled_from([None, "", "a", "'=a", "row_malformed"]), max_size=4),
    st.sampled_from([NO_CELL_ERRORS, NO_CELL_ERRORS, {0: Phrase("x")}, {3: Phrase("y")}]),
    st.booleans(),
    st.sampled_from([None, None, None, Phrase("broken")]),
)
all_places = st.sampled_from([(0, 1, 2), (0, 1), (1, 2), (0, 2), (2,)])


class Given:
    """A grid of rows that are there."""

    def __init__(self, given: list[RawRow]) -> None:
        self._given = given

    def rows(self) -> Iterator[RawRow]:
        return iter(self._given)


def sheet_of(rows: list[RawRow], places: tuple[int, ...], **more: object) -> Sheet:
    columns = SheetColumns(places=places, names=tuple("ABC"[: len(places)]))
    info = SheetInfo(
        file="a", format="csv", sheet=None, encoding=None, delimiter=None, header_row=HEADER_ROW, columns=columns.names
    )
    return Sheet(info=info, row_count=1, grid=Given(rows), columns=columns, **more)  # type: ignore[arg-type]


@given(rows=st.lists(raw_rows, max_size=6), places=all_places)
def test_each_row_with_content_below_the_header_comes_once(rows: list[RawRow], places: tuple[int, ...]) -> None:
    """Under its number, hidden or not, with each cell and each error at its column."""
    filled = [row for row in rows if row.number > HEADER_ROW and (any(row.cells) or row.errors or row.fault)]
    found = list(sheet_of(rows, places).rows())
    assert [(row.number, row.hidden) for row in found] == [(row.number, row.hidden) for row in filled]
    for row, raw in zip(found, filled, strict=True):
        # Nothing of a cell that cannot be read is text; what a key takes of it stands in `shown`.
        readable = {place: cell for place, cell in enumerate(raw.cells) if not (cell and place in raw.errors)}
        assert row.cells == tuple(readable.get(place) for place in places)
        named = {"ABC"[at]: raw.errors[place] for at, place in enumerate(places) if place in raw.errors}
        assert row.errors == named | ({"": raw.fault} if raw.fault else {})


@given(
    rows=st.lists(raw_rows, max_size=6),
    widths=st.builds(
        Widths,
        full=st.integers(1, 4),
        may_be_short=st.booleans(),
        is_loose=st.booleans(),
        blocks=st.sampled_from([frozenset(), frozenset({0})]),
    ),
)
def test_a_record_of_another_width_is_an_error_of_its_row(rows: list[RawRow], widths: Widths) -> None:
    """Cells beyond the header, or fewer where the file, the block or the campaign does not leave the last ones out."""
    by_number = {raw.number: raw for raw in rows}
    for row in sheet_of(list(by_number.values()), (0, 1, 2), widths=widths).rows():
        raw = by_number[row.number]
        is_long = len(raw.cells) > widths.full and (
            any(raw.cells[widths.full :]) or not (widths.is_loose or widths.blocks)
        )
        is_short = len(raw.cells) < widths.full and not (widths.may_be_short or widths.is_loose or widths.blocks)
        assert ("" in row.errors) == bool(raw.fault or is_long or is_short)


@given(rows=st.lists(raw_rows, max_size=6), places=all_places)
def test_a_row_to_correct_stays_malformed_until_its_reason_is_cleared(
    rows: list[RawRow], places: tuple[int, ...]
) -> None:
    """Its cells may be shifted, so a person must say that they are right."""
    for row in sheet_of(rows, places, reason_index=0).rows():
        if row.cells[0] == "row_malformed":
            assert "" in row.errors


@given(rows=st.lists(raw_rows, max_size=6), places=all_places)
def test_the_apostrophes_of_results_csv_are_taken_off(rows: list[RawRow], places: tuple[int, ...]) -> None:
    """They keep a spreadsheet from taking a text for a formula."""
    for row in sheet_of(rows, places, is_guarded=True).rows():
        assert not any(cell and cell.startswith("'=") for cell in row.cells)
