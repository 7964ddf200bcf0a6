"""The short cuts for rows of the usual form give what the careful ways give, or leave the row to them."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch.errors import SheetError
from batch.loader.filters import names
from batch.loader.formats import xlsx_rows
from batch.loader.formats.dates_and_numbers import NumberKind, number_text
from batch.loader.formats.xlsx_cells import CellFormat, CellReader, FastRows
from batch.loader.formats.xlsx_rows import WorksheetGrid
from batch.loader.source import RawRow
from batch.model.sheets import Limits, SheetFile
from batch.ooxml.archive import open_archive
from batch.ooxml.references import column_letters
from batch.ooxml.shared_strings import SharedStrings

unhurried = settings(deadline=None, suppress_health_check=list(HealthCheck))
"""A busy machine is no failure."""

LETTERS = ("A", "B", "C", "D", "AA", "XFD", "XFE", "a", "")
TEXTS = (
    "1",
    "0",
    "12",
    "46100.5",
    "1234.50",
    "-0.5",
    "Ana",
    "  ",
    "",
    "&amp;",
    "a\nb",
    "a]]>b",
    "\ufffe",
    "_x0041_",
    "é",
)
texts = st.sampled_from(TEXTS)
attributes = st.sampled_from(
    ["", ' s="0"', ' s="1"', ' s="9"', ' t="s"', ' t="str"', ' t="b"', ' t="e"', ' s="1" t="n"']
)
inside = st.builds(
    lambda form, text: form.format(text),
    st.sampled_from(["<v>{}</v>", "<v>{}</v>", "<is><t>{}</t></is>", "<f>A1</f><v>{}</v>", "<v>{}</t></is>", "{}"]),
    texts,
)
cell = st.builds(
    lambda letters, number, more, content: f'<c r="{letters}{number}"{more}>{content}</c>',
    st.sampled_from(LETTERS), st.sampled_from(("@", "@", "@", "1@", "@1")), attributes, inside,
) | st.builds(lambda letters, more: f'<c r="{letters}@"{more}/>', st.sampled_from(LETTERS), attributes)  # fmt: skip
"""`@` stands for the row's number."""
row_tags = st.sampled_from(
    ['<row r="@">', '<row r="@" spans="1:8" hidden="1">', '<row r="@" ht="0">', '<row r="@" a="1" a="1">', "<row>",
     '<row r="@" x:y="é">', "<row r='@'>", '<row r="0">', '<row r="9999999">']
)  # fmt: skip
broken = st.sampled_from(["", "", "", "", "<!-- x -->", "<c", "</c>", "x", " ", "<![CDATA[y]]>"])
rows = st.builds(
    lambda tag, cells, odd: f"{tag}{''.join(cells)}{odd}</row>", row_tags, st.lists(cell, max_size=5), broken
)
alike = st.lists(
    st.builds(
        lambda tag, kinds, given: tag + "".join(
            f'<c r="{letters}@"{kind}>{content}</c>' for letters, kind, content in zip("ABC", kinds, given, strict=True)
        ) + "</row>",
        st.sampled_from(['<row r="@">', '<row r="@">', '<row r="@" hidden="1">']),
        st.tuples(*[st.sampled_from(["", ' t="s"', ' s="1"', ' t="e"', ' t="x"'])] * 3),
        st.tuples(*[st.builds("<v>{}</v>".format, texts) | inside] * 3),
    ),
    max_size=4,
)  # fmt: skip
"""Rows of the same columns, as nearly all are."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def source_of(path: Path, **parts: bytes) -> SheetFile:
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return SheetFile(path=path, name=path.name, limits=Limits())


def reader() -> CellReader:
    strings = SharedStrings()
    for text in ("Ana", "", "Zé"):
        strings.append(text)
    source = SheetFile(path=Path("a.xlsx"), name="a.xlsx", limits=Limits())
    percent = CellFormat(NumberKind.NUMBER, "0.0%")
    formats = [CellFormat(NumberKind.NUMBER, ""), CellFormat(NumberKind.DATE, ""), percent]
    return CellReader(source=source, strings=strings, formats=formats, epoch_1904=False, recalculates=True)


def read_by(source: SheetFile) -> list[RawRow] | str:
    try:
        return list(WorksheetGrid(archive=open_archive(source), part="sheet", read_cell=reader()).rows())
    except SheetError as error:
        return str(error)


@unhurried
@given(written=st.lists(rows, max_size=4) | alike, between=st.sampled_from(["", "\n", "<!-- -->"]))
def test_a_worksheet_is_read_alike_with_and_without_the_short_cut(
    folder: Path, written: list[str], between: str
) -> None:
    """Whatever stands in the rows: the same rows come out, or the same refusal, to the number of the line."""
    numbered = between.join(row.replace("@", str(number)) for number, row in enumerate(written, 5))
    body = f'<?xml version="1.0"?><worksheet xmlns="m">\n<sheetData>{numbered}</sheetData></worksheet>'
    source = source_of(folder / "a.xlsx", sheet=body.encode())
    short = read_by(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FastRows, "read", lambda self, block: [(block, [])])
        assert short == read_by(source)


@pytest.mark.parametrize(
    "columns",
    [
        [range(0, 4 * row, row) for row in range(1, 60)],
        [range(3), range(1100), range(2), [0, 1, 1099]],
        [[0, 16_383], [1, 5], [16_384], [0]],
        [[2, 1], [0], [1, 1], [0, 1, 2]],
    ],
    ids=["in many rows others", "more than a pattern has", "beyond the last", "out of order"],
)
def test_columns_that_are_not_known_from_the_first_row_are_read_alike(
    folder: Path, columns: list[Iterable[int]]
) -> None:
    """New ones in a row further down; so many or so often that the pattern of a row is not given a place for them."""
    written = "".join(
        f'<row r="{row}">' + "".join(f'<c r="{column_letters(at + 1)}{row}"><v>{at}</v></c>' for at in own) + "</row>"
        for row, own in enumerate(columns, 1)
    )
    source = source_of(folder / "c.xlsx", sheet=f"<worksheet><sheetData>{written}</sheetData></worksheet>".encode())
    short = read_by(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FastRows, "read", lambda self, block: [(block, [])])
        assert short == read_by(source)


@unhurried
@given(size=st.integers(min_value=1, max_value=60), count=st.integers(min_value=1, max_value=8))
def test_where_the_file_is_cut_into_pieces_does_not_matter(folder: Path, size: int, count: int) -> None:
    """Rows that end, begin or go on in another piece are read as if they stood in one."""
    written = "".join(
        f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}" t="inlineStr"><is><t>é{n}</t></is></c></row>'
        for n in range(1, count + 1)
    )
    body = f"<worksheet><cols/><sheetData>{written}</sheetData><more>{written}</more></worksheet>"
    source = source_of(folder / "b.xlsx", sheet=body.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            xlsx_rows, "_slices", lambda pieces, _: (p[i : i + size] for p in pieces for i in range(0, len(p), size))
        )
        found = read_by(source)
    assert found == [RawRow(n, [str(n), f"é{n}"]) for n in range(1, count + 1)]


@unhurried
@given(st.from_regex(r"-?[0-9]{1,12}\.[0-9]{1,12}", fullmatch=True))
def test_a_decimal_number_is_its_shortest_form(stored: str) -> None:
    """What is taken as it stands is what the number itself would be written as."""
    value = float(stored)
    shortest = f"{value:.15g}"
    plain = str(int(value)) if value.is_integer() else shortest.replace(".", ",")
    assert number_text(stored) == plain or "e" in shortest


WORDS = [
    *("Ana", "Souza", "João", "D'Ávila", "S.", "dr", "Dra.", "Sr", "Jr", "12", "Bia2", "-", "An4", "4An", "www.x.com"),
    *("vip", "ltda", "da", "Maria-José", "10º", "É", "me", "ME", ".", "1.2", "-a", "'"),
]


@unhurried
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), st.sampled_from((" ", " ", "", ",", "  ")))
def test_a_usual_name_has_the_first_name_of_the_careful_way(words: list[str], between: str) -> None:
    """Digits, dots, apostrophes and hyphens behind the first word change nothing."""
    text = between.join(words)
    found = names.first_name(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(names, "_USUAL", re.compile("(?!)"))
        assert names.first_name(text) == found
