"""What in a stranger's workbook does something by itself: named before the sending, and not made live by the report."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from office import Office
from openpyxl import load_workbook
from plain_workbooks import MAIN, PEOPLE, RELATIONS, TYPES, Parts, report_of, rows

from batch.atomic_file import copy_web_mark
from batch.loader import open_sheet

MACROS = Parts(
    more={"xl/vbaProject.bin": b"macros"},
    types={"xl/vbaProject.bin": "application/vnd.ms-office.vbaProject"},
    book_relations=(("rId8", "../../../microsoft.com/office/2006/relationships/vbaProject", "vbaProject.bin"),),
)
DDE = f'<externalLink xmlns="{MAIN}"><ddeLink ddeService="cmd" ddeTopic="/C calc"/></externalLink>'
LINK = f'<externalLink xmlns="{MAIN}"><externalBook xmlns:r="{RELATIONS}" r:id="rId1"/></externalLink>'


def with_part(kind: str, content: str) -> Parts:
    return Parts(
        more={f"xl/{kind}.xml": content},
        types={f"xl/{kind}.xml": f"{TYPES}.{kind}+xml"},
        book_relations=(("rId8", kind, f"{kind}.xml"),),
    )


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        (MACROS, "macros"),
        (with_part("externalLink", DDE), "DDE links"),
        (with_part("externalLink", LINK), "links to other files"),
        (with_part("connections", f'<connections xmlns="{MAIN}"/>'), "connections"),
    ],
)
def test_it_is_named_by_check_and_on_the_summary(office: Office, parts: Parts, word: str) -> None:
    """One sentence for each kind; a workbook without any has none."""
    path, plain = parts.write(office.folder / "a.xlsx"), Parts().write(office.folder / "b.xlsx")
    campaign = office.campaign()
    _, out, _ = office.type("check", path, "-c", campaign)
    assert word in out
    assert word not in office.type("check", plain, "-c", campaign)[1]
    _, made = report_of(path, office.folder / "report")
    assert any(word in str(cell.value) for cell in load_workbook(made)["Summary"]["B"])


def test_macros_live_only_where_they_lived_before(tmp_path: Path) -> None:
    """Without the content type of a workbook with macros Excel runs none: such a part is left out of the copy."""
    _, made = report_of(MACROS.write(tmp_path / "a.xlsx"), tmp_path / "report")
    with zipfile.ZipFile(made) as archive:
        assert made.name == "report.xlsx"
        assert [name for name in archive.namelist() if "vba" in name] == []
        assert b"vba" not in archive.read("xl/_rels/workbook.xml.rels")
        assert b"macroEnabled" not in archive.read("[Content_Types].xml")
    live = replace(MACROS, main="application/vnd.ms-excel.sheet.macroEnabled.main+xml")
    _, made = report_of(live.write(tmp_path / "b.xlsx"), tmp_path / "report")
    with zipfile.ZipFile(made) as archive:
        assert (made.name, archive.read("xl/vbaProject.bin")) == ("report.xlsm", b"macros")


def test_the_mark_of_the_web_goes_along(tmp_path: Path) -> None:
    """Windows keeps it in a stream named behind the file; a sheet without it gives a report without it."""
    sheet, report = tmp_path / "a.xlsx", tmp_path / "report.xlsx"
    copy_web_mark(sheet, report, system="win32")
    assert list(tmp_path.glob("report*")) == []
    Path(f"{sheet}:Zone.Identifier").write_bytes(b"[ZoneTransfer]\r\nZoneId=3\r\n")
    copy_web_mark(sheet, report, system="linux")
    copy_web_mark(sheet, report, system="win32")
    assert Path(f"{report}:Zone.Identifier").read_bytes() == b"[ZoneTransfer]\r\nZoneId=3\r\n"


def test_a_formula_with_the_value_0_is_0_in_a_report_that_is_fed_back(tmp_path: Path) -> None:
    """Twice over; but what a library left to Excel (0 in each cell, to be calculated on opening) is no value."""
    data = f"<sheetData>{rows(PEOPLE)}</sheetData>".replace('<c r="C2"><v>10', '<c r="C2"><f>3-3</f><v>0')
    for behind, expected in (("", "0"), ('<calcPr calcId="1"/>', "0"), ('<calcPr fullCalcOnLoad="1"/>', None)):
        path = Parts(data=data, behind=behind).write(tmp_path / "contatos.xlsx")
        for number in range(3):
            first = next(open_sheet(path, name="Contatos").rows())
            assert first.cells[2] == expected
            assert bool(first.errors) == (expected is None)
            _, path = report_of(path, tmp_path / f"report{number}")
