"""The parts of the user's workbook in report.xlsx: what need not change is there byte for byte, the rest still fits."""

from __future__ import annotations

import io
import re
import shutil
import struct
import subprocess
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Font, PatternFill
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.table import Table
from openpyxl.worksheet.worksheet import Worksheet

from batch.loader import open_sheet
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result, Run, Tally
from batch.ooxml.tree import parse_tree
from batch.reporter import COLUMNS, ReportFiles, SourceSheet, write_report

SENT = datetime(2026, 11, 3, 13, 0, 5, tzinfo=UTC)
RUN = Run(
    run="the-run",
    campaign="novembro",
    endpoint="https://api.example",
    sheet_path="/data/contatos.xlsx",
    sheet_sha256="ab" * 32,
    version="0",
    started=SENT,
)
Edit = Callable[[str, bytes], bytes | None]


def report_of(path: Path, folder: Path, **changes: object) -> tuple[ReportFiles, Path]:
    """The report of a workbook whose rows were all sent, as our loader reads them."""
    sheet = open_sheet(path)
    info = replace(sheet.info, **changes)
    results = [
        Result(row=row.number, outcome=Outcome.SUCCESS, findings=(Finding(Reason.CREATED),), sent_at=SENT)
        for row in sheet.rows()
    ]
    tally = Tally(
        counts={outcome: len(results) * (outcome is Outcome.SUCCESS) for outcome in Outcome},
        reasons=Counter((each.outcome, each.reason) for each in results),
    )
    view = SourceSheet(path=path, info=info, rows=sheet.rows, name=path.name)
    folder.mkdir(exist_ok=True)
    written = write_report(folder, run=RUN, tally=tally, sheet=view, results=lambda: iter(results))
    return written, written.files[0]


def a_sheet(book: Workbook) -> Worksheet:
    """The contact sheet: two people and a formula."""
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "Contatos"
    for row in (("Nome", "Telefone", "Soma"), ("Ana", 11988887777, "=1+1"), ("Bia", 11988887778, None)):
        sheet.append(row)
    return sheet


def edited(path: Path, edit: Edit, *, added: Mapping[str, bytes] | None = None) -> Path:
    """The workbook with each part as `edit` gives it (None: without it), and `added` parts."""
    target = path.with_name(f"edited-{path.name}")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in source.namelist():
            content = edit(name, source.read(name))
            if content is not None:
                copy.writestr(name, content)
        for name, content in (added or {}).items():
            copy.writestr(name, content)
    return target


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert len(set(archive.namelist())) == len(archive.namelist())
        return {name: archive.read(name) for name in archive.namelist()}


def a_picture() -> bytes:
    """One red dot as PNG."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
        + chunk(b"IEND", b"")
    )


DRAWING = (
    b'<xdr:wsDr xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing" '
    b'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    b'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><xdr:oneCellAnchor><xdr:from>'
    b"<xdr:col>1</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>1</xdr:row><xdr:rowOff>0</xdr:rowOff></xdr:from>"
    b'<xdr:ext cx="900000" cy="900000"/><xdr:pic><xdr:nvPicPr><xdr:cNvPr id="2" name="P"/><xdr:cNvPicPr/></xdr:nvPicPr>'
    b'<xdr:blipFill><a:blip r:embed="rId1"/><a:stretch><a:fillRect/></a:stretch></xdr:blipFill><xdr:spPr>'
    b'<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></xdr:spPr></xdr:pic><xdr:clientData/></xdr:oneCellAnchor>'
    b"</xdr:wsDr>"
)
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def everything(folder: Path) -> Path:
    """A workbook with one of each of what people keep in theirs."""
    book = Workbook()
    sheet = a_sheet(book)
    sheet.freeze_panes = "B2"
    sheet.column_dimensions["A"].width = 31
    sheet["A1"].font = Font(name="Georgia", size=13, bold=True)
    sheet["B2"].number_format = "(00) 00000-0000"
    sheet["A2"].comment = Comment("Ligar de tarde", "Ana")
    rule = DataValidation(type="list", formula1='"sim,nao"')
    rule.add("C2:C9")
    sheet.add_data_validation(rule)
    red = PatternFill(bgColor="FFC7CE")
    sheet.conditional_formatting.add("B2:B9", CellIsRule(operator="lessThan", formula=["5"], fill=red))
    sheet.add_table(Table(displayName="Clientes", ref="A1:C3"))
    figures = book.create_sheet("Figuras")
    for row in (("mes", "valor"), ("jan", 3), ("fev", 5)):
        figures.append(row)
    chart = BarChart()
    chart.add_data(Reference(figures, min_col=2, min_row=1, max_row=3), titles_from_data=True)
    figures.add_chart(chart, "D2")
    album = book.create_sheet("Album")
    album["A1"] = "=Contatos!B2"
    album.merge_cells("A3:C4")
    book.defined_names["Todos"] = DefinedName("Todos", attr_text="Contatos!$A$2:$B$3")
    figures.print_area = "A1:B3"
    path = folder / "contatos.xlsx"
    book.save(path)

    def edit(name: str, content: bytes) -> bytes:
        if name == "[Content_Types].xml":
            drawing = b"application/vnd.openxmlformats-officedocument.drawing+xml"
            more = b'<Default Extension="png" ContentType="image/png"/><Override PartName="/xl/drawings/album.xml" '
            return content.replace(b"</Types>", more + b'ContentType="' + drawing + b'"/></Types>')
        if name == "xl/worksheets/sheet3.xml":
            drawing = f'<drawing xmlns:r="{RELATIONS}" r:id="rId1"/></worksheet>'.encode()
            return content.replace(b"</worksheet>", drawing)
        if name == "xl/worksheets/sheet1.xml":
            return content.replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>").replace(
                b"<f>1+1</f><v/>", b"<f>1+1</f><v>2</v>"
            )
        return content

    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    return edited(
        path,
        edit,
        added={
            "xl/worksheets/_rels/sheet3.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="rId1" '
            f'Type="{RELATIONS}/drawing" Target="/xl/drawings/album.xml"/></Relationships>'.encode(),
            "xl/drawings/album.xml": DRAWING,
            "xl/drawings/_rels/album.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="rId1" '
            f'Type="{RELATIONS}/image" Target="../media/ponto.png"/></Relationships>'.encode(),
            "xl/media/ponto.png": a_picture(),
            "customXml/item1.xml": b"<query>of another program</query>",
            "xl/slicers/slicer1.xml": b"<slicers/>",
        },
    )


MUST_CHANGE = {
    "[Content_Types].xml",
    "docProps/app.xml",
    "xl/workbook.xml",
    "xl/_rels/workbook.xml.rels",
    "xl/styles.xml",
    "xl/worksheets/sheet1.xml",
    "xl/tables/table1.xml",
}


def test_what_need_not_change_is_there_byte_for_byte(tmp_path: Path) -> None:
    """Of a workbook with everything in it only the contact sheet, its table and the lists of parts, sheets and styles
    are others; what comes in addition is the summary."""
    path = everything(tmp_path)
    written, made = report_of(path, tmp_path / "report")
    before, after = parts_of(path), parts_of(made)
    assert written.problems == ()
    assert {name for name in before if after.get(name) != before[name]} <= MUST_CHANGE
    new = sorted(after.keys() - before.keys())
    assert [name for name in new if "chart" not in name] == [
        "xl/drawings/_rels/drawing2.xml.rels",
        "xl/drawings/drawing2.xml",
        "xl/worksheets/_rels/sheet4.xml.rels",
        "xl/worksheets/sheet4.xml",
    ]
    for name, part in after.items():
        if name.endswith((".xml", ".rels")):
            parse_tree(part)
    sheet = after["xl/worksheets/sheet1.xml"]
    for kept in (b"<conditionalFormatting", b"<dataValidations", b"<legacyDrawing", b"<pane ", b"<f>1+1</f><v>2</v>"):
        assert kept in before["xl/worksheets/sheet1.xml"]
        assert kept in sheet
    assert after["xl/styles.xml"].startswith(before["xl/styles.xml"][:60])


def test_the_book_with_everything_reads_as_before(tmp_path: Path) -> None:
    """openpyxl finds the user's names, areas, charts and formats where they were."""
    _, made = report_of(everything(tmp_path), tmp_path / "report")
    book = load_workbook(made)
    assert book.sheetnames == ["Summary", "Contatos", "Figuras", "Album"]
    assert book.defined_names["Todos"].attr_text == "Contatos!$A$2:$B$3"
    assert book["Figuras"].print_area == "'Figuras'!$A$1:$B$3"
    assert (len(book["Figuras"]._charts), len(book["Summary"]._charts)) == (1, 1)
    sheet = book["Contatos"]
    assert sheet["A1"].font.name == "Georgia"
    assert sheet["B2"].number_format == "(00) 00000-0000"
    assert sheet["A2"].comment.text == "Ligar de tarde"
    assert sheet.tables["Clientes"].column_names == ["Nome", "Telefone", "Soma", *COLUMNS]
    assert load_workbook(made, data_only=True)["Contatos"]["C2"].value == 2


@pytest.mark.long
def test_libreoffice_opens_it_and_sees_the_same(tmp_path: Path) -> None:
    """Saved again by another program: the user's cells, the results and the counts of the summary are there."""
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("LibreOffice is not installed")
    _, made = report_of(everything(tmp_path), tmp_path / "report")
    words = [
        "--headless",
        f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}",
        "--convert-to",
        "xlsx:Calc MS Excel 2007 XML",
    ]
    subprocess.run([office, *words, "--outdir", tmp_path / "saved", made], check=True, capture_output=True, timeout=110)
    book = load_workbook(tmp_path / "saved" / "report.xlsx", data_only=True)
    assert book.sheetnames == ["Summary", "Contatos", "Figuras", "Album"]
    rows = [[cell.value for cell in row] for row in book["Contatos"].iter_rows(min_row=1, max_row=3)]
    assert rows[0] == ["Nome", "Telefone", "Soma", *COLUMNS]
    assert [row[:4] for row in rows[1:]] == [["Ana", 11988887777, 2, "success"], ["Bia", 11988887778, None, "success"]]
    assert rows[1][COLUMNS.index("wegly_sent_at") + 3] == datetime.fromisoformat("2026-11-03T10:00:05")
    assert book["Album"]["A1"].value == 11988887777
    assert len(book["Summary"]._charts) == 1
    assert {row[2]: row[3] for row in book["Summary"].iter_rows(values_only=True) if row[2] == "success"} == {
        "success": 2
    }


def test_names_and_the_filter_follow_their_sheets(tmp_path: Path) -> None:
    """A sheet in front moves the numbers by which names belong to sheets; the filter's hidden name has the new area."""
    book = Workbook()
    a_sheet(book).auto_filter.ref = "A1:C3"
    book.create_sheet("D'Agua & Cia").print_title_rows = "1:1"
    path = tmp_path / "contatos.xlsx"
    book.save(path)
    _, made = report_of(path, tmp_path / "report")
    content = parts_of(made)["xl/workbook.xml"].decode()
    names = dict(re.findall(r'<definedName name="([\w.]+)" localSheetId="(\d)"', content))
    assert names == {"_xlnm._FilterDatabase": "1", "_xlnm.Print_Titles": "2"}
    assert "'Contatos'!$A$1:$P$3" in content
    assert content.count("_FilterDatabase") == 1


def test_the_book_opens_on_the_summary_alone(tmp_path: Path) -> None:
    """Whatever sheets were selected together: they would all be edited together."""
    book = Workbook()
    a_sheet(book)
    other = book.create_sheet("Outra")
    other.sheet_view.tabSelected = True
    book.create_chartsheet("Grafico").sheetViews.sheetView[0].tabSelected = True
    book.create_sheet("Quieta")
    book.active = 1
    path = tmp_path / "contatos.xlsx"
    book.save(path)
    _, made = report_of(path, tmp_path / "report")
    parts = parts_of(made)
    sheets = [part for name, part in parts.items() if "sheets/sheet" in name and name.endswith(".xml")]
    assert len(sheets) == 5
    assert [part for part in sheets if b'tabSelected="1"' in part] == []
    assert b'activeTab="0"' in parts["xl/workbook.xml"]
    assert parts["xl/worksheets/sheet3.xml"] == parts_of(path)["xl/worksheets/sheet3.xml"]


def test_a_report_that_is_fed_back_does_not_grow(tmp_path: Path) -> None:
    """The third report has the same parts and styles as the second, and one summary with its drawing and chart."""
    path = everything(tmp_path)
    made = [path]
    for number in range(3):
        _, path = report_of(path, tmp_path / str(number), sheet="Contatos")
        made.append(path)
    second, third = (parts_of(each) for each in made[2:])
    assert second.keys() == third.keys()
    assert len(third["xl/styles.xml"]) == len(second["xl/styles.xml"])
    assert third["xl/worksheets/sheet1.xml"] == second["xl/worksheets/sheet1.xml"]


def test_days_are_counted_from_the_books_own_first_day(tmp_path: Path) -> None:
    """A workbook of the 1904 calendar shows the moment of sending, not four years later."""
    book = Workbook()
    book.epoch = CALENDAR_MAC_1904
    a_sheet(book)
    path = tmp_path / "contatos.xlsx"
    book.save(path)
    _, made = report_of(path, tmp_path / "report")
    sheet = load_workbook(made)["Contatos"]
    assert sheet.cell(2, 4 + COLUMNS.index("wegly_sent_at")).value == datetime.fromisoformat("2026-11-03T10:00:05")


def test_the_order_of_calculation_stays_unless_a_formula_goes(tmp_path: Path) -> None:
    """It names every formula by its sheet; Excel calls a file damaged whose list names a formula that is not there."""
    book = Workbook()
    sheet = a_sheet(book)
    path = tmp_path / "contatos.xlsx"
    for formula in (None, "=1+1"):
        if formula:
            sheet["D1"], sheet["D2"] = "wegly_run", formula
        book.save(path)

        def edit(name: str, content: bytes) -> bytes:
            if name == "[Content_Types].xml":
                kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.calcChain+xml"
                override = f'<Override PartName="/xl/calcChain.xml" ContentType="{kind}"/></Types>'
                return content.replace(b"</Types>", override.encode())
            if name == "xl/_rels/workbook.xml.rels":
                relation = (
                    f'<Relationship Id="rId99" Type="{RELATIONS}/calcChain" Target="calcChain.xml"/></Relationships>'
                )
                return content.replace(b"</Relationships>", relation.encode())
            return content

        chain = {"xl/calcChain.xml": b'<calcChain><c r="C2" i="1"/><c r="D2" i="1"/></calcChain>'}
        _, made = report_of(edited(path, edit, added=chain), tmp_path / "report")
        parts = parts_of(made)
        assert ("xl/calcChain.xml" in parts) == (formula is None)
        assert (b"calcChain" in parts["[Content_Types].xml"]) == (formula is None)
        assert (b"calcChain" in parts["xl/_rels/workbook.xml.rels"]) == (formula is None)


def test_a_broken_signature_is_taken_away_and_that_is_said(tmp_path: Path) -> None:
    """Any change breaks it, and Excel would warn of a forgery."""
    book = Workbook()
    a_sheet(book)
    path = tmp_path / "contatos.xlsx"
    book.save(path)
    origin = "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature"

    def edit(name: str, content: bytes) -> bytes:
        if name != "_rels/.rels":
            return content
        relation = (
            f'<Relationship Id="rId77" Type="{origin}/origin" Target="_xmlsignatures/origin.sigs"/></Relationships>'
        )
        return content.replace(b"</Relationships>", relation.encode())

    inner = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" '
        f'Type="{origin}/signature" Target="sig1.xml"/></Relationships>'
    )
    signature = {
        "_xmlsignatures/origin.sigs": b"",
        "_xmlsignatures/_rels/origin.sigs.rels": inner.encode(),
        "_xmlsignatures/sig1.xml": b"<Signature/>",
    }
    signed = edited(path, edit, added=signature)
    written, made = report_of(signed, tmp_path / "report")
    assert written.problems == (f"This copy of {signed.name} lacks the digital signature; your own file has it still.",)
    assert [name for name in parts_of(made) if "sig" in name] == []


def test_a_sheet_that_cannot_be_spliced_gives_a_clean_workbook(tmp_path: Path) -> None:
    """A formula that other cells share stands in a result column: rather a plain report than a damaged one."""
    book = Workbook()
    sheet = a_sheet(book)
    sheet["D1"], sheet["D2"] = "wegly_run", "=1+1"
    path = tmp_path / "contatos.xlsx"
    book.save(path)

    def edit(name: str, content: bytes) -> bytes:
        return content.replace(b'<c r="D2"><f>1+1</f>', b'<c r="D2"><f t="shared" ref="C2:D2" si="0">1+1</f>')

    written, made = report_of(edited(path, edit), tmp_path / "report")
    (problem,) = written.problems
    assert problem.startswith("edited-contatos.xlsx cannot be written back with its own formatting.")
    assert load_workbook(made)["Contatos"]["A2"].value == "Ana"


def test_a_template_becomes_a_workbook(tmp_path: Path) -> None:
    """An .xltx under the name .xlsx: Excel would refuse the copy under that name."""
    book = Workbook()
    a_sheet(book)
    book.template = True
    path = tmp_path / "contatos.xlsx"
    book.save(path)
    _, made = report_of(path, tmp_path / "report")
    assert b"template" not in parts_of(made)["[Content_Types].xml"]


def test_entries_that_are_written_twice_or_with_their_sizes_behind_are_read(tmp_path: Path) -> None:
    """As a stream writes a zip file, and with an older entry of the same name in front: the last one counts."""
    book = Workbook()
    a_sheet(book)
    plain, path = tmp_path / "plain.xlsx", tmp_path / "contatos.xlsx"
    book.save(plain)

    class Pipe(io.FileIO):
        """A file that cannot be wound back, so that sizes and checksums follow the data."""

        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise io.UnsupportedOperation

    with Pipe(path, "w") as pipe, zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as copy:
        copy.writestr("xl/theme/theme1.xml", b"<old/>")
        for name, content in parts_of(plain).items():
            with warnings.catch_warnings(action="ignore"):  # that the name is there already
                copy.writestr(name, content)
    _, made = report_of(path, tmp_path / "report")
    assert parts_of(made)["xl/theme/theme1.xml"] == parts_of(plain)["xl/theme/theme1.xml"]
