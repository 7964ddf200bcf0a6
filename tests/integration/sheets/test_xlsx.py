"""XLSX workbooks with the traps that real ones hold, made by hand part by part."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from batch.errors import SheetError
from batch.loader import Sheet, open_sheet
from batch.loader.formats.dates_and_numbers import error_cell
from batch.model.sheets import SheetRow

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships"
HEADER = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>Nome</t></is></c>'
    '<c r="B1" t="inlineStr"><is><t>Telefone</t></is></c></row>'
)


class Book:
    """Writes a small workbook; every part can be replaced, because traps are in the parts."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "livro.xlsx"
        self.tabs: list[tuple[str, str, str, str]] = []
        self.parts: dict[str, str] = {}
        self.properties = ""
        self.after = ""
        self.family = RELATIONS

    def sheet(self, name: str, data: str, *, state: str = "visible", kind: str = "worksheet") -> Book:
        part = f"xl/{kind}s/sheet{len(self.tabs) + 1}.xml"
        self.tabs.append((name, state, kind, part))
        self.parts[part] = f'<worksheet xmlns="{MAIN}"><sheetData>{data}</sheetData></worksheet>'
        return self

    def write(self, **replaced: str) -> Path:
        tabs = "".join(
            f'<sheet name="{name}" sheetId="{n}" state="{state}" r:id="rId{n}"/>'
            for n, (name, state, _, _) in enumerate(self.tabs, start=1)
        )
        links = "".join(
            f'<Relationship Id="rId{n}" Type="{self.family}/{kind}" Target="/{part}"/>'
            for n, (_, _, kind, part) in enumerate(self.tabs, start=1)
        )
        links += "".join(
            f'<Relationship Id="x{kind}" Type="{self.family}/{kind}" Target="{kind}.xml"/>'
            for kind in ("sharedStrings", "styles")
            if f"xl/{kind}.xml" in self.parts
        )
        parts = {
            "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{self.family}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{self.family}">{self.properties}'
            f"<sheets>{tabs}</sheets>{self.after}</workbook>",
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{links}</Relationships>',
            **self.parts,
            **replaced,
        }
        with zipfile.ZipFile(self.path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in parts.items():
                file.writestr(name, content)
        return self.path


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def text(reference: str, words: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{words}</t></is></c>'


def person(row: int, name: str, phone: str, *, more: str = "", attributes: str = "") -> str:
    return f'<row r="{row}" {attributes}>{text(f"A{row}", name)}<c r="B{row}"><v>{phone}</v></c>{more}</row>'


def only(path: Path) -> SheetRow:
    (row,) = open_sheet(path).rows()
    return row


def cells(sheet: Sheet) -> list[tuple[int, tuple[str | None, ...]]]:
    return [(row.number, row.cells) for row in sheet.rows()]


def test_a_plain_workbook(book: Book) -> None:
    """A phone typed as a number is its digits; rows have the numbers Excel shows."""
    path = book.sheet(
        "Contatos", HEADER + person(3, "Ana", "11999990001") + person(9, "Bia", "1.1999990002E10")
    ).write()
    sheet = open_sheet(path)
    assert cells(sheet) == [(3, ("Ana", "11999990001")), (9, ("Bia", "11999990002"))]
    assert (sheet.info.format, sheet.info.sheet, sheet.info.header_row) == ("xlsx", "Contatos", 1)
    assert sheet.info.encoding is None
    assert cells(sheet) == cells(sheet)


def test_error_cells_are_errors_of_their_row(book: Book) -> None:
    """#N/A is never text in a message, and a row of nothing else still counts."""
    wrong = '<c r="A2" t="e"><v>#N/A</v></c>'
    book.sheet(
        "S",
        f'{HEADER}<row r="2">{wrong}</row>'
        + person(3, "Ana", "1", more='<c r="C3" t="e"><f>1/0</f><v>#DIV/0!</v></c>'),
    )
    first, second = open_sheet(book.write()).rows()
    assert (first.number, first.cells, first.errors) == (2, (None, None, None), {"Nome": error_cell("#N/A")})
    assert second.errors == {"column C": error_cell("#DIV/0!")}


@pytest.mark.parametrize(
    ("cell", "value", "unreadable"),
    [
        ('<c r="C2"><f>A1</f><v>7</v></c>', "7", False),
        ('<c r="C2" t="str"><f>A1</f><v>oi</v></c>', "oi", False),
        ('<c r="C2" t="str"><f>A1</f><v></v></c>', None, False),
        ('<c r="C2"><f>A1</f></c>', None, True),
        ('<c r="C2"><f>A1</f><v></v></c>', None, True),
        ('<c r="C2" t="str"><f>A1</f></c>', None, True),
    ],
)
def test_formulas_give_their_stored_value(book: Book, cell: str, value: str | None, unreadable: bool) -> None:  # noqa: FBT001 (a table's column)
    """One without a stored value is an error of the row, never an empty cell."""
    header = HEADER.replace("</row>", f"{text('C1', 'Valor')}</row>")
    row = only(book.sheet("S", header + person(2, "Ana", "1", more=cell)).write())
    assert row.cells[2] == value
    assert ("formula without a stored value" in str(row.errors.get("Valor", ""))) is unreadable


def test_a_zero_that_a_library_stored_for_a_formula_is_no_value(book: Book) -> None:
    """Workbooks that ask Excel to calculate on opening hold 0 where nothing was calculated."""
    book.after = '<calcPr fullCalcOnLoad="1"/>'
    more = '<c r="C2"><f>A1</f><v>0</v></c><c r="D2"><v>0</v></c>'
    row = only(book.sheet("S", HEADER + person(2, "Ana", "1", more=more)).write())
    assert list(row.errors) == ["column C"]
    assert row.cells[3] == "0"


def test_hidden_rows_are_marked_and_counted(book: Book) -> None:
    """Often a filter left on; columns that are hidden are read like others."""
    sheet = open_sheet(
        book.sheet("S", HEADER + person(2, "Ana", "1", attributes='hidden="1"') + person(3, "Bia", "2")).write()
    )
    assert [row.hidden for row in sheet.rows()] == [True, False]
    assert "1 row is hidden" in sheet.info.warnings[0]
    assert sheet.info.warnings == ("1 row is hidden in the sheet, often by a filter left on.",)


def test_shared_strings_with_runs_phonetics_and_escapes(book: Book) -> None:
    """Runs of one text are joined, readings left out, `_x000D_` is a line break; a missing text is an error."""
    book.parts["xl/sharedStrings.xml"] = (
        f'<sst xmlns="{MAIN}"><si><r><t>Jo</t></r><r><t>ão</t></r><rPh sb="0" eb="1"><t>x</t></rPh></si>'
        "<si><t>a_x000D_&#10;b &amp; c</t></si></sst>"
    )
    shared = (
        '<c r="A2" t="s"><v>0</v></c><c r="B2" t="s"><v>1</v></c><c r="C2" t="s"><v>9</v></c><c r="D2" t="s"><v/></c>'
    )
    row = only(book.sheet("S", f'{HEADER}<row r="2">{shared}</row>').write())
    assert row.cells[:2] == ("João", "a\r\nb & c")
    assert str(row.errors["column C"]) == "error cell: text number 9 is missing in the workbook"


def test_dates_by_style_and_epoch(book: Book) -> None:
    """The style tells dates from numbers; the workbook tells its epoch."""
    book.parts["xl/styles.xml"] = (
        f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="dd\\-mmm"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="46"/><xf numFmtId="9"/></cellXfs></styleSheet>'
    )
    book.properties = '<workbookPr date1904="1"/>'
    styled = "".join(
        f'<c r="{c}2" s="{s}"><v>{v}</v></c>' for c, s, v in (("A", 1, 42735), ("B", 2, 1.5), ("C", 3, 0.5))
    )
    row = only(book.sheet("S", f'{HEADER}<row r="2">{styled}</row>').write())
    assert row.cells == ("01/01/2021", "36:00", "0,5")


def test_other_kinds_of_cells(book: Book) -> None:
    """Booleans, ISO dates, inline texts with runs, cells and rows without references."""
    data = (
        '<row><c t="inlineStr"><is><t>Nome</t></is></c>'
        '<c t="inlineStr"><is><r><t>Tele</t></r><r><t>fone</t></r></is></c></row>'
        '<row><c t="b"><v>1</v></c><c t="d"><v>2021-01-01T10:10:10</v></c></row>'
    )
    row = only(book.sheet("S", data).write())
    assert (row.number, row.cells) == (2, ("SIM", "01/01/2021 10:10:10"))


def test_dimension_prefixes_strict_and_styled_cells(book: Book) -> None:
    """A wrong `<dimension>` is not believed, prefixes are free, cells with a style alone are nothing."""
    book.family = STRICT
    book.sheet("S", "")
    row = '<x:row r="2"><x:c r="A2" s="1"/><x:c r="B2"><x:v>1</x:v></x:c><x:c r="C2" s="1"/></x:row>'
    row += '<x:row r="3"><x:c r="A3" s="1"/></x:row>'
    head = HEADER.replace("<", "<x:").replace("<x:/", "</x:")
    strict = "http://purl.oclc.org/ooxml/spreadsheetml/main"
    part = (
        f'<x:worksheet xmlns:x="{strict}"><x:dimension ref="A1"/><x:sheetData>{head}{row}</x:sheetData></x:worksheet>'
    )
    sheet = open_sheet(book.write(**{"xl/worksheets/sheet1.xml": part}))
    assert cells(sheet) == [(2, (None, "1"))]
    assert sheet.info.columns == ("Nome", "Telefone")


def test_cells_beyond_the_header_and_blank_columns_before_it(book: Book) -> None:
    """Nothing is lost: a stray note far right has a column of its own."""
    header = f'<row r="4">{text("B4", "Nome")}{text("C4", "Telefone")}</row>'
    body = f'<row r="5">{text("B5", "Ana")}<c r="C5"><v>1</v></c>{text("XFD5", "nota")}</row>'
    sheet = open_sheet(book.sheet("S", header + body).write())
    assert sheet.info.columns == ("Nome", "Telefone", "column XFD")
    assert cells(sheet) == [(5, ("Ana", "1", "nota"))]


def test_the_contact_sheet_is_found(book: Book) -> None:
    """The only visible sheet with a phone column; the others are named."""
    book.sheet("Capa", f'<row r="1">{text("A1", "Bem-vindo")}</row><row r="2">{text("A2", "x")}</row>')
    book.sheet("Velhos", HEADER + person(2, "Zé", "9"), state="hidden")
    book.sheet("Grafico", "", kind="chartsheet")
    sheet = open_sheet(book.sheet("Contatos", HEADER + person(2, "Ana", "1")).write())
    assert sheet.info.sheet == "Contatos"
    assert sheet.info.warnings == (
        "The worksheet 'Velhos' is hidden and is not read.",
        "The sheet 'Grafico' is a chart or macro sheet and is not read.",
        "Only the worksheet 'Contatos' is read, not: 'Capa'.",
    )


def test_two_sheets_with_phones_are_not_guessed_between(book: Book) -> None:
    """The candidates are named, and either can be chosen, by the campaign's columns or by name."""
    book.sheet("Clientes", HEADER + person(2, "Ana", "1"))
    other = HEADER.replace("Nome", "Lead")
    path = book.sheet("Leads", other + person(2, "Bia", "2")).write()
    with pytest.raises(SheetError, match="'Clientes', 'Leads'") as caught:
        open_sheet(path)
    assert '[sheet] name = "Clientes"' in caught.value.remedy
    assert open_sheet(path, name="leads").info.sheet == "Leads"
    assert open_sheet(path, wanted_columns=["Lead", "Telefone"]).info.sheet == "Leads"
    with pytest.raises(SheetError, match="did you mean 'Clientes'"):
        open_sheet(path, name="Cliente")


def test_an_earlier_report_is_read_from_its_rows(book: Book) -> None:
    """The sheet with result columns, not the summary beside it."""
    summary = f'<row r="1">{text("A1", "Telefone")}{text("B1", "wegly_status")}</row>' + person(2, "Sent", "9")
    book.sheet("Summary", summary)
    header = HEADER.replace("</row>", f"{text('C1', 'wegly_status')}</row>")
    sheet = open_sheet(book.sheet("Contatos", header + person(2, "Ana", "1")).write())
    assert sheet.info.sheet == "Contatos"


def test_without_phones_and_campaign_the_first_sheet_is_shown(book: Book) -> None:
    """Nothing can be sent from it; with a campaign's columns it is refused instead."""
    book.sheet("Um", f'<row r="1">{text("A1", "Cor")}</row><row r="2">{text("A2", "azul")}</row>')
    path = book.sheet("Dois", f'<row r="1">{text("A1", "Cor")}</row><row r="2">{text("A2", "verde")}</row>').write()
    assert open_sheet(path).info.sheet == "Um"
    with pytest.raises(SheetError, match="several worksheets"):
        open_sheet(path, wanted_columns=["Telefone"])


def test_workbooks_without_rows(book: Book) -> None:
    """Empty sheets, a header alone, and rows only in hidden sheets."""
    path = book.sheet("Vazia", "").write()
    with pytest.raises(SheetError, match="no visible worksheet holds anything"):
        open_sheet(path)
    path = book.sheet("So", HEADER).write()
    with pytest.raises(SheetError, match="nothing stands below its header in row 1"):
        open_sheet(path)
    hidden = Book(book.path.parent).sheet("Oculta", HEADER + person(2, "Ana", "1"), state="veryHidden").write()
    with pytest.raises(SheetError, match="'Oculta' is hidden"):
        open_sheet(hidden)


def test_macros_are_only_a_format(book: Book) -> None:
    """An XLSM is told by its content type, not by its name."""
    book.parts["[Content_Types].xml"] = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Override PartName="/xl/workbook.xml" '
        'ContentType="application/vnd.ms-excel.sheet.macroEnabled.main+xml"/></Types>'
    )
    assert open_sheet(book.sheet("S", HEADER + person(2, "Ana", "1")).write()).info.format == "xlsm"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (HEADER + person(3, "Ana", "1") + person(2, "Bia", "2"), "row 2 comes after row 3"),
        ('<row r="0"/>', "a row is numbered '0'"),
        ('<row r="2000000"/>', "a row is numbered '2000000'"),
        ('<row r="1"><c r="1A"/></row>', "a cell is called '1A'"),
        ('<row r="1"><c r="ZZZZ1"/></row>', "a cell is called 'ZZZZ1'"),
        ("<row>", "not well-formed"),
    ],
)
def test_damaged_rows_are_refused(book: Book, data: str, words: str) -> None:
    """What Excel itself would not open is not guessed at."""
    path = book.sheet("S", data).write()
    with pytest.raises(SheetError, match="is damaged") as caught:
        open_sheet(path)
    assert words in caught.value.problem


def test_a_missing_part_is_named(book: Book) -> None:
    """The list of sheets points at a part that is not there."""
    book.sheet("S", HEADER)
    del book.parts["xl/worksheets/sheet1.xml"]
    with pytest.raises(SheetError, match=r"part xl/worksheets/sheet1\.xml is missing"):
        open_sheet(book.write())
