"""Generated sheets come back cell for cell, as CSV and as XLSX."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from batch.errors import SheetError
from batch.loader import open_sheet
from batch.loader.formats.delimited import split_records

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252")
# Words, because letters without sense may be those of another encoding, by which files of DOS are told.
WORDS = st.sampled_from(
    [
        "João",
        "CONCEIÇÃO",
        "São",
        "Ângela",
        "Araújo",
        "Müller",
        "Peña",
        "não",
        "É",
        "à",
        "Goiânia",
        "INÊS",
        "cônjuge",
        "Luís",
    ]
)
ASCII = st.characters(codec="ascii", exclude_categories=("Cc",))
ANY = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn"))

FILES = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def texts(characters: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts as cells hold them: some with line breaks, quotes and delimiters."""
    return st.text(st.one_of(characters, st.sampled_from('\n";,\t|= ')), min_size=1, max_size=12).map(str.strip)


@st.composite
def text_sheets(draw: st.DrawFn) -> tuple[str, str, int, list[list[str]]]:
    """Encoding, delimiter, lines of titles above, and rows below a header of Nome, Telefone, Obs."""
    encoding = draw(st.sampled_from(ENCODINGS))
    words = texts(ASCII if encoding == "cp1252" else ANY)
    if encoding == "cp1252":
        words = st.lists(st.one_of(words, WORDS), max_size=4).map(" ".join).map(str.strip)
    rows = draw(st.lists(st.tuples(words, st.integers(10**9, 10**11).map(str), words), min_size=1, max_size=8))
    return encoding, draw(st.sampled_from(";,\t|")), draw(st.integers(0, 3)), [list(row) for row in rows]


@FILES
@example(("cp1252", ";", 0, [["", "1000000000", "0\n; ;"]]), "\r\n")
@given(text_sheets(), st.sampled_from(["\r\n", "\n", "\r"]))
def test_csv_comes_back_cell_for_cell(tmp_path: Path, sheet: tuple[str, str, int, list[list[str]]], end: str) -> None:
    """Any encoding that can hold the text, any delimiter, quotes, line breaks in cells, titles above the header."""
    encoding, delimiter, titles, rows = sheet
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([["Lista de contatos"]] * titles + [["Nome", "Telefone", "Obs"], *rows])
    path = tmp_path / "s.csv"
    path.write_bytes(out.getvalue().encode(encoding))
    found = open_sheet(path)
    assert (found.info.header_row, found.info.columns) == (titles + 1, ("Nome", "Telefone", "Obs"))
    got = [(row.number, row.cells, dict(row.errors)) for row in found.rows()]
    assert got == [(titles + 2 + n, tuple(cell or None for cell in row), {}) for n, row in enumerate(rows)]


VALUES = st.one_of(
    st.none(),
    texts(ANY).filter(bool),
    st.integers(-(10**14), 10**14),
    st.decimals(-(10**6), 10**6, places=4, allow_nan=False).map(float),
    st.booleans(),
    st.dates(date(1900, 3, 1), date(2199, 12, 31)),
    st.datetimes(datetime(1950, 1, 1), datetime(2099, 12, 31)).map(lambda moment: moment.replace(microsecond=0)),  # noqa: DTZ001 (cells have no zone)
    st.times().map(lambda moment: moment.replace(microsecond=0)),
)


def shown(value: Any) -> str | None:
    """What a person should read; a time of midnight is the day alone."""
    match value:
        case None | str():
            return (value or "").strip() or None
        case bool():
            return "SIM" if value else "NÃO"
        case int():
            return str(value)
        case float():
            return (
                f"{Decimal(repr(value)):f}".rstrip("0").rstrip(".").replace(".", ",") if value % 1 else str(int(value))
            )
    clock = f"{value:%H:%M:%S}".removesuffix(":00") if isinstance(value, datetime | time) else "00:00"
    day = f"{value.day:02}/{value.month:02}/{value.year:04}" if isinstance(value, date) else ""
    return clock if not day else day if clock == "00:00" else f"{day} {clock}"


@FILES
@given(
    st.lists(st.lists(VALUES, min_size=3, max_size=3), min_size=1, max_size=8),
    st.integers(0, 4),
    st.integers(0, 3),
    st.integers(0, 2),
)
def test_xlsx_comes_back_cell_for_cell(tmp_path: Path, rows: list[list[Any]], above: int, left: int, gap: int) -> None:
    """Any mix of types, any place of the header, blank rows above, blank columns at its left, gaps between rows."""
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    for place, name in enumerate(("Nome", "Telefone", "Obs")):
        page.cell(above + 1, left + place + 1, name)
    expected = []
    for number, row in enumerate(rows):
        line = above + 2 + number * (gap + 1)
        for place, value in enumerate(row):
            cell = page.cell(line, left + place + 1, value)
            if isinstance(value, str):
                cell.data_type = "s"  # text that begins with = is text here
        texts_of_row = tuple(shown(value) for value in row)
        if any(texts_of_row):
            expected.append((line, texts_of_row, {}))
    path = tmp_path / "s.xlsx"
    book.save(path)
    if not expected:
        with pytest.raises(SheetError, match="no rows"):
            open_sheet(path)
        return
    found = open_sheet(path)
    assert (found.info.header_row, found.info.columns) == (above + 1, ("Nome", "Telefone", "Obs"))
    assert [(row.number, row.cells, dict(row.errors)) for row in found.rows()] == expected


@given(st.text(st.sampled_from('ab;"\n'), max_size=40), st.one_of(st.none(), st.integers(1, 4)))
def test_no_line_vanishes_whatever_the_quotes(text: str, width: int | None) -> None:
    """Every letter of the file is in some row: a stray quotation mark loses nothing."""
    lines = text.splitlines(keepends=True)
    rows = list(split_records(lines, ";", width=width))
    found = "".join(cell or "" for row in rows for cell in row.cells)
    assert [char for char in found if char in "ab"] == [char for char in text if char in "ab"]
    assert [row.number for row in rows] == sorted({row.number for row in rows})


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    """No file ends in a traceback."""
    path = tmp_path / "s.csv"
    path.write_bytes(data)
    try:
        sheet = open_sheet(path)
    except SheetError as error:
        assert error.problem.endswith(".")  # noqa: PT017 (either end is right)
        return
    assert sum(1 for _ in sheet.rows()) == sheet.row_count
