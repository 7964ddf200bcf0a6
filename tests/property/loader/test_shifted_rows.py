"""Polluted text files: each row is right, an error of its own, or the file is refused; none is read shifted."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from text_sheets import NAMES, ExcelSheet, TextSheet, find_shifted, read_polluted

from batch.errors import SheetError
from batch.loader import Sheet, open_sheet

FILES = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of every example."""
    return tmp_path / "s.csv"


def make_rows(chance: random.Random, delimiter: str) -> list[list[str]]:
    """Rows whose cells are all different, so that each text tells its column and row."""
    rows = []
    for number in range(chance.randint(3, 40)):
        row = [
            f"P{number}",
            f"119{number:08}",
            f"{number:03}.222.333-00",
            f"Bolo{delimiter} {number}",
            f"Loja {number}",
        ]
        row += [chance.choice(["", f"ok {number}"])]
        if chance.random() < 0.3:
            row[3] = f'Tubo {number}"'
        if chance.random() < 0.3:
            row[chance.choice([2, 3, 4])] = ""
        rows.append(row)
    return rows


def write_cell(cell: str, delimiter: str) -> str:
    return f'"{cell}"' if delimiter in cell else cell


def pollute(chance: random.Random, line: list[str], delimiter: str) -> str:
    """One separator more or fewer anywhere."""
    cut = chance.randrange(1, len(line))
    before, after = delimiter.join(line[:cut]), delimiter.join(line[cut:])
    if chance.random() < 0.5:
        return before + after
    cut = chance.randrange(len(line) + 1)
    return delimiter.join([*line[:cut], "", *line[cut:]])


def assert_not_shifted(sheet: Sheet, rows: list[list[str]]) -> None:
    for row in sheet.rows():
        if "" in row.errors:
            continue
        found = dict(zip(sheet.info.columns, row.cells, strict=True))
        for name, cell in zip(NAMES, rows[row.number - 2], strict=True):
            assert name not in found or (found[name] or "") == cell, (row, name)


@FILES
@given(seed=st.integers(0, 1 << 32))
def test_no_row_of_a_polluted_file_is_read_shifted(path: Path, seed: int) -> None:
    """A separator more or fewer in rows or header, or a name more or fewer."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    delimiter = chance.choice(";,\t|")
    rows = make_rows(chance, delimiter)
    lines = [[write_cell(cell, delimiter) for cell in row] for row in (NAMES, *rows)]
    texts = [delimiter.join(line) for line in lines]
    kind = chance.choice(["row", "rows", "header", "name more", "name fewer"])
    polluted = {"row": 1, "rows": 2}.get(kind, 0)
    for at in chance.sample(range(1, len(lines)), polluted):
        texts[at] = pollute(chance, lines[at], delimiter)
    if kind == "header":
        texts[0] = pollute(chance, NAMES, delimiter)
    at = chance.randrange(len(NAMES))
    if kind == "name more":
        texts[0] = delimiter.join([*NAMES[:at], "Cidade", *NAMES[at:]])
    if kind == "name fewer":
        texts[0] = delimiter.join(NAMES[:at] + NAMES[at + 1 :])
    path.write_text("\n".join(texts), encoding="utf-8")
    try:
        sheet = open_sheet(path, wanted_columns=NAMES)
    except SheetError:
        return
    assert_not_shifted(sheet, rows)


@FILES
@given(seed=st.integers(0, 1 << 32))
def test_no_row_of_a_good_file_is_refused(path: Path, seed: int) -> None:
    """Whole rows, ends left out, and Excel's blocks of 16 lines."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    delimiter = chance.choice(";,\t|")
    rows = make_rows(chance, delimiter)
    style = chance.choice(["whole", "no ends", "blocks"])
    if style == "no ends":
        for row in rows:
            row[5] = chance.choice(["", "ok"])
        rows[0][5] = "ok"
        # Where all but two lines of the header's block are full, the file may be Excel's as well: a lone longer row in
        # a block of short ones (seed 15213) may then have separators too many. It is an error on purpose.
        if sum(row[5] == "ok" for row in rows[:15]) >= 14:
            rows[1][5] = rows[2][5] = ""
        rows += [[f"Q{number}", f"118{number:08}", "", "", "", ""] for number in range(len(rows) + 5)]
    if style == "blocks":
        for number in range(15, 47):
            rows[number:number] = [[f"Q{number}", f"118{number:08}", "x", "", "", ""]] if number < len(rows) else []
    texts = []
    for number, row in enumerate([NAMES, *rows]):
        cells = [write_cell(cell, delimiter) for cell in row]
        if style == "no ends":
            while cells and not cells[-1]:
                cells.pop()
        if style == "blocks" and 16 <= number < 48 and len(rows) >= 48:
            cells = cells[:4]
            row[4:] = ["", ""]
        texts.append(delimiter.join(cells))
    path.write_text("\n".join(texts), encoding="utf-8")
    sheet = open_sheet(path, wanted_columns=NAMES)
    assert not any(row.errors for row in sheet.rows())
    assert_not_shifted(sheet, rows)


def _read_all(path: Path, seeds: range) -> list[tuple[int, str, list[tuple[int, str]]]]:
    found = ((seed, *read_polluted(path, seed)) for seed in seeds)
    return [each for each in found if each[2]]


def test_five_hundred_polluted_files(path: Path) -> None:
    """Separators, names, quotation marks, headers and lines: each row is right, an error, or the file is refused."""
    assert _read_all(path, range(500)) == []


@pytest.mark.long
@pytest.mark.timeout(900)
def test_twenty_thousand_polluted_files(path: Path) -> None:
    """The same with other seeds."""
    assert _read_all(path, range(500, 20_500)) == []


@pytest.mark.parametrize("seeds", [range(300), pytest.param(range(300, 1000), marks=pytest.mark.long)], ids=str)
def test_good_files_of_any_delimiter_and_quotes(path: Path, seeds: range) -> None:
    """Files without a fault: no row is an error, and each cell comes out as it was written."""
    for seed in seeds:
        made = TextSheet(seed)
        path.write_text("\n".join(made.texts), encoding="utf-8")
        sheet = open_sheet(path, wanted_columns=NAMES)
        read = list(sheet.rows())
        assert [row.number for row in read if row.errors] == [], seed
        assert find_shifted(sheet, made.rows, read) == [], seed
        assert sheet.row_count == len(made.rows), seed


@pytest.mark.parametrize("seeds", [range(150), pytest.param(range(150, 400), marks=pytest.mark.long)], ids=str)
def test_excels_blocks_are_read_whatever_they_fill(path: Path, seeds: range) -> None:
    """Errors are only rows with a note beside the table, and those of a last block that is the first of its width."""
    for seed in seeds:
        made = ExcelSheet(seed)
        made.write(path)
        sheet = open_sheet(path, wanted_columns=NAMES)
        read = list(sheet.rows())
        assert find_shifted(sheet, made.rows, read) == [], seed
        last = (len(made.lines) - 1) // 16 * 16
        wrong = [row.number for row in read if row.errors and row.number - made.header - 1 not in made.noted]
        assert [number for number in wrong if number <= last] == [], seed


def test_a_fault_in_an_excel_export_shifts_no_row(path: Path) -> None:
    """In the header, in the header and a row that fits it, or in a row of any block."""
    for seed in range(600):
        made = ExcelSheet(seed)
        kind = seed % 3
        if kind < 2:
            wide = len(made.lines[0])
            if made.header == 1 and wide > len(NAMES) and (kind or wide == min(map(len, made.lines))):
                continue  # no line shows that the header has one too many: its last name may be an empty one
            made.break_header()
        if kind:
            made.break_row()
        made.write(path)
        try:
            assert find_shifted(open_sheet(path, wanted_columns=NAMES), made.rows) == [], seed
        except SheetError:
            assert kind < 2, seed


@pytest.mark.parametrize(
    ("header", "lone"),
    [
        ([*NAMES[:3], "Cidade", *NAMES[3:]], ["P7", "", "11988880007", "7", "Bolo 7", "Loja", "ok"]),
        ([*NAMES[:3], "Cidade", *NAMES[3:]], ["P7", "11988880007", "7", "Bolo", "7", "Loja", "ok"]),
        (NAMES[:5], ["P7", "7", "Bolo 7", "Loja", "ok"]),
    ],
    ids=["a separator more", "a text cut", "a separator fewer"],
)
def test_a_faulty_row_that_fits_a_faulty_header(path: Path, header: list[str], lone: list[str]) -> None:
    """The single row with the number of cells of a wrong header does not make the header right."""
    for count in (5, 20, 40):
        rows = [[f"P{at}", f"1198888{at:04}", f"{at}", f"Bolo {at}", "Loja", "ok"] for at in range(count)]
        rows[count // 2] = lone
        path.write_text("\n".join(map(";".join, [header, *rows])), encoding="utf-8")
        with pytest.raises(SheetError, match="nearly all lines below or beside it have 6") as caught:
            open_sheet(path, wanted_columns=header)
        assert 'row_ends = "loose"' in caught.value.remedy


def test_an_empty_name_at_the_end_hides_no_fault_of_an_excel_export(path: Path) -> None:
    """A note beside the table makes its lines as long as a header with a name more: titles and blocks tell."""
    header = [*NAMES[:2], "Cidade", *NAMES[2:], ""]
    titles = [["Clientes", *[""] * 6], *[[""] * 7] * 10]
    rows = [[f"P{at}", f"1198888{at:04}", f"{at}", "Bolo", "Loja", "ok", "x" if at == 1 else ""] for at in range(30)]
    for lines in (
        [*titles, header, *rows],
        [*titles[:1], header, *rows],
        [header, *rows[:15], *(row[:6] for row in rows[15:])],
    ):
        path.write_text("\n".join(map(";".join, lines)), encoding="utf-8")
        with pytest.raises(SheetError, match="has 8 cells in its header") as caught:
            open_sheet(path, wanted_columns=NAMES)
        assert 'row_ends = "loose"' in caught.value.remedy


def test_a_row_that_alone_fills_the_last_column_is_no_fault(path: Path) -> None:
    """Where empty ends are left out, the cell before is like those in which the others end."""
    rows = [[f"P{at}", f"1198888{at:04}", f"R$ {at},50", *(["ligar"] if at == 7 else [])] for at in range(20)]
    path.write_text("\n".join(map(";".join, [["Nome", "Telefone", "Valor", "Obs"], *rows])), encoding="utf-8")
    assert not any(row.errors for row in open_sheet(path).rows())
