"""Results stand beyond all that stands beside the rows: tables, merges, drawings, stray cells at the far right."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from office import Office
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet
from plain_workbooks import MAIN, PEOPLE, TYPES, Parts, cell, report_of, rows

from batch.loader import open_sheet
from batch.reporter import COLUMNS

DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"


def contacts(parts: Parts, tmp_path: Path) -> tuple[Worksheet, str]:
    """The contact sheet of the report, which is the user's workbook, and the column of wegly_status."""
    written, made = report_of(parts.write(tmp_path / "contatos.xlsx"), tmp_path / "report")
    assert written.problems == ()
    sheet = load_workbook(made)["Contatos"]
    (status,) = (each for each in sheet[1] if each.value == "wegly_status")
    found = [sheet.cell(1, status.column + at).value for at in range(len(COLUMNS))]
    assert found == list(COLUMNS)
    loaded = open_sheet(made, name="Contatos")
    at = loaded.info.columns.index("wegly_status")
    assert {row.cells[at] for row in loaded.rows()} == {"success"}
    assert sheet["A2"].value == "Ana"
    return sheet, get_column_letter(status.column)


def with_cells(*more: tuple[str, object]) -> str:
    """The rows of three people, with cells added at the ends of their rows."""
    data = f"<sheetData>{rows(PEOPLE)}</sheetData>"
    for reference, value in more:
        number = re.sub(r"\D", "", reference)
        data = re.sub(f'(<row r="{number}">.*?)</row>', rf"\1{cell(reference, value)}</row>", data)
    return data


def table(name: str, area: str, columns: tuple[str, ...], attributes: str = "", inner: str = "") -> str:
    each = "".join(f'<tableColumn id="{at}" name="{column}"/>' for at, column in enumerate(columns, start=1))
    return (
        f'<table xmlns="{MAIN}" id="{len(name)}" name="{name}" displayName="{name}" ref="{area}"{attributes}>'
        f'<autoFilter ref="{inner or area}"/><tableColumns count="{len(columns)}">{each}</tableColumns></table>'
    )


def with_tables(data: str, *tables: str) -> Parts:
    names = [f"t{at}" for at in range(len(tables))]
    return Parts(
        data=data,
        tail="<tableParts>" + "".join(f'<tablePart r:id="{name}"/>' for name in names) + "</tableParts>",
        relations=tuple((name, "table", f"../tables/{name}.xml") for name in names),
        more={f"xl/tables/{name}.xml": markup for name, markup in zip(names, tables, strict=True)},
        types={f"xl/tables/{name}.xml": f"{TYPES}.table+xml" for name in names},
    )


def corner(name: str, column: int, row: int) -> str:
    return (
        f"<d:{name}><d:col>{column}</d:col><d:colOff>9</d:colOff><d:row>{row}</d:row><d:rowOff>9</d:rowOff></d:{name}>"
    )


SHAPE = (
    '<d:sp><d:nvSpPr><d:cNvPr id="2" name="x"/><d:cNvSpPr/></d:nvSpPr><d:spPr><a:xfrm xmlns:a="'
    'http://schemas.openxmlformats.org/drawingml/2006/main"><a:off x="0" y="0"/><a:ext cx="1" cy="1"/></a:xfrm>'
    "</d:spPr></d:sp><d:clientData/>"
)


def with_drawing(*anchors: str, head: str = "") -> Parts:
    return Parts(
        head=head,
        tail='<drawing r:id="d"/>',
        relations=(("d", "drawing", "../drawings/d.xml"),),
        more={"xl/drawings/d.xml": f'<d:wsDr xmlns:d="{DRAWING}">{"".join(anchors)}</d:wsDr>'},
        types={"xl/drawings/d.xml": "application/vnd.openxmlformats-officedocument.drawing+xml"},
    )


def test_a_merge_out_to_the_last_column_ends_before_the_results(tmp_path: Path) -> None:
    """Titles of sections over whole rows; one that ends near the cells stays as it is, and counts."""
    merges = '<mergeCells><mergeCell ref="A3:XFD3"/><mergeCell ref="A4:IV4"/></mergeCells>'
    sheet, status = contacts(Parts(tail=merges), tmp_path)
    assert status == "D"
    assert {str(each) for each in sheet.merged_cells.ranges} == {"A3:C3", "A4:C4"}
    near, status = contacts(Parts(tail='<mergeCells><mergeCell ref="A3:H3"/></mergeCells>'), tmp_path)
    assert (status, str(near.merged_cells)) == ("I", "A3:H3")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([("H3", "x")], "I"),
        ([("XFD3", "x")], "D"),
        ([("J2", "x"), ("XFD4", "x")], "K"),
        ([("XFA2", "x"), ("AA4", 1)], "D"),
    ],
)
def test_stray_cells_are_passed_or_a_gap_is_taken(
    tmp_path: Path, more: list[tuple[str, object]], expected: str
) -> None:
    """Beyond them while there is room, else in the first gap wide enough; the strays stay."""
    sheet, status = contacts(Parts(data=with_cells(*more)), tmp_path)
    assert status == expected
    assert {sheet[reference].value for reference, _ in more} == {value for _, value in more}


PRICES = (("F1", "Plano"), ("G1", "Preco"), ("F2", "Ouro"), ("G2", 99))


def test_a_table_beside_the_contacts_stays_as_it_is(tmp_path: Path) -> None:
    """Its columns and rows are its own; the filter is over the contacts, and the results are beyond both."""
    sheet, status = contacts(with_tables(with_cells(*PRICES), table("Planos", "F1:G2", ("Plano", "Preco"))), tmp_path)
    assert (status, sheet.tables["Planos"].ref, sheet.auto_filter.ref) == ("H", "F1:G2", "A1:C4")
    assert sheet.tables["Planos"].column_names == ["Plano", "Preco"]


def test_of_two_tables_the_contacts_own_takes_the_results_in(tmp_path: Path) -> None:
    """Found by the phones, though the other has more columns and rows; where another stands between, none grows."""
    wide = ("Plano", "Preco", "Meses", "Taxa")
    prices = [("E1", wide[0]), ("F1", wide[1]), ("G1", wide[2]), ("H1", wide[3]), ("E2", "x"), ("H4", 1)]
    both = (table("Contatos", "A1:C4", ("Nome", "Telefone", "Valor")), table("Planos", "E1:H4", wide))
    sheet, status = contacts(with_tables(with_cells(*prices), *both), tmp_path)
    assert (status, sheet.tables["Contatos"].ref, sheet.tables["Planos"].ref) == ("I", "A1:C4", "E1:H4")
    assert sheet.auto_filter.ref == "I1:U4"
    sheet, status = contacts(with_tables(with_cells(), both[0]), tmp_path)
    assert (status, sheet.tables["Contatos"].ref, sheet.auto_filter.ref) == ("D", "A1:P4", None)


def test_a_totals_row_says_what_stands_in_it(tmp_path: Path) -> None:
    """Excel wants each text of the totals row in the table's own list; its filter leaves the row out."""
    found = table("Contatos", "A1:C4", ("Nome", "Telefone", "Valor"), ' totalsRowCount="1"', inner="A1:C3")
    sheet, _ = contacts(with_tables(with_cells(), found), tmp_path)
    grown = sheet.tables["Contatos"]
    assert (grown.ref, grown.autoFilter.ref) == ("A1:P4", "A1:P3")
    labels = {each.name: each.totalsRowLabel for each in grown.tableColumns if each.totalsRowLabel}
    texts = {sheet.cell(1, at).value: sheet.cell(4, at).value for at in range(4, 17)}
    assert labels == {name: text for name, text in texts.items() if isinstance(text, str)}


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        (f"<d:twoCellAnchor>{corner('from', 4, 1)}{corner('to', 11, 15)}{SHAPE}</d:twoCellAnchor>", "M"),
        (f"<d:oneCellAnchor>{corner('from', 4, 1)}<d:ext cx='1219200' cy='99'/>{SHAPE}</d:oneCellAnchor>", "H"),
        (f"<d:absoluteAnchor><d:pos x='0' y='0'/><d:ext cx='6096000' cy='9999'/>{SHAPE}</d:absoluteAnchor>", "L"),
        (f"<d:twoCellAnchor>{corner('from', 4, 30)}{corner('to', 11, 40)}{SHAPE}</d:twoCellAnchor>", "D"),
        (f"<d:twoCellAnchor>{corner('from', 0, 0)}{corner('to', 1, 3)}{SHAPE}</d:twoCellAnchor>", "D"),
    ],
)
def test_no_drawing_is_covered_or_stretched(tmp_path: Path, anchor: str, expected: str) -> None:
    """Results stand beyond those of the rows; the columns under those elsewhere keep their widths."""
    parts = with_drawing(anchor)
    sheet, status = contacts(parts, tmp_path)
    assert status == expected
    widths = {letters for letters, each in sheet.column_dimensions.items() if each.customWidth}
    assert widths.isdisjoint({"E", "F", "G", "H", "I", "J", "K", "L"} if "30" in anchor else set("ABC"))
    with zipfile.ZipFile(next((tmp_path / "report").glob("report.*x"))) as made:
        assert made.read("xl/drawings/d.xml").decode() == parts.more["xl/drawings/d.xml"]


def test_no_room_at_all_is_a_clean_workbook(tmp_path: Path) -> None:
    """A row with a cell in every tenth column to the last leaves no gap of thirteen."""
    strays = [(f"{get_column_letter(at)}2", "x") for at in range(4, 16_384, 10)]
    written, _ = report_of(Parts(data=with_cells(*strays)).write(tmp_path / "contatos.xlsx"), tmp_path / "report")
    (problem,) = written.problems
    assert problem.startswith("contatos.xlsx has no room for the result columns at its right.")


def test_such_a_sheet_is_checked_and_sent_as_any_other(office: Office) -> None:
    """From check over the run to its report, and again as a sheet: each row's result is on its row."""
    merges = '<mergeCells><mergeCell ref="A3:XFD3"/></mergeCells>'
    drawn = with_drawing(f"<d:twoCellAnchor>{corner('from', 4, 1)}{corner('to', 6, 9)}{SHAPE}</d:twoCellAnchor>")
    path = Parts(tail=merges + drawn.tail, relations=drawn.relations, more=drawn.more, types=drawn.types).write(
        office.folder / "contatos.xlsx"
    )
    campaign = office.campaign()
    assert office.type("check", path, "-c", campaign)[0] == 0
    ran = office.run(path, campaign, "--yes")
    assert ran.rows == [("success", "created")] * 3
    made = office.folder / "reports" / ran.summary["run"] / "report.xlsx"
    sheet = load_workbook(made)["Contatos"]
    assert [each.value for each in sheet["H"]] == ["wegly_status", *["success"] * 3]
    assert office.type("check", made, "-c", campaign)[0] == 0
