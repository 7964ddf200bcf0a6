"""XLS, XLSB and ODS files, made by hand byte by byte, because nothing else here can write their traps."""

from __future__ import annotations

import struct
import time
import zipfile
from pathlib import Path

import pytest

from batch.errors import SheetError
from batch.loader import Limits, open_sheet
from batch.loader.formats import ods as ods_reader
from batch.loader.formats import worker
from batch.loader.formats.dates_and_numbers import error_cell

# --- XLS: records in a stream, in a compound file


def record(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def label(row: int, column: int, words: str) -> bytes:
    return record(0x0204, struct.pack("<HHHHB", row, column, 0, len(words), 1) + words.encode("utf-16-le"))


def number(row: int, column: int, value: float) -> bytes:
    return record(0x0203, struct.pack("<HHHd", row, column, 0, value))


def formula(row: int, column: int, value: bytes) -> bytes:
    return record(0x0006, struct.pack("<HHH8sHLH", row, column, 0, value, 0, 0, 0))


def error(row: int, column: int, code: int) -> bytes:
    return record(0x0205, struct.pack("<HHHBB", row, column, 0, code, 1))


def hidden_row(row: int) -> bytes:
    return record(0x0208, struct.pack("<HHHHHHL", row, 0, 9, 300, 0, 0, 0x20))


def texts(claimed: int, *words: str) -> bytes:
    body = b"".join(struct.pack("<HB", len(word), 0) + word.encode("latin-1") for word in words)
    return record(0x00FC, struct.pack("<LL", claimed, claimed) + body)


def workbook_stream(sheet: bytes, *, name: str = "Contatos", more: bytes = b"", state: int = 0) -> bytes:
    start = record(0x0809, struct.pack("<HHHHLL", 0x0600, 0x0005, 0, 0, 0, 0))
    place = len(start) + len(more) + 4 + 8 + len(name) + 4
    bound = record(0x0085, struct.pack("<LBBBB", place, state, 0, len(name), 0) + name.encode("latin-1"))
    top = record(0x0809, struct.pack("<HHHHLL", 0x0600, 0x0010, 0, 0, 0, 0))
    return start + more + bound + record(0x000A) + top + sheet + record(0x000A)


def compound_file(**streams: bytes) -> bytes:
    """A compound file of streams up to 62 KB together, none of them small enough for the mini stream."""
    padded = {name: data.ljust(max(4096, -(-len(data) // 512) * 512), b"\0") for name, data in streams.items()}
    table = [0xFFFFFFFD, 0xFFFFFFFE]
    entries = [struct.pack("<64sHBBLLL36xLLL", b"R\0", 4, 5, 1, 0xFFFFFFFF, 0xFFFFFFFF, 1, 0xFFFFFFFE, 0, 0)]
    for name, data in padded.items():
        first, count = len(table), len(data) // 512
        table += [*range(first + 1, first + count), 0xFFFFFFFE]
        words = name.encode("utf-16-le") + b"\0\0"
        entries.append(struct.pack("<64sHBBLLL36xLLL", words, len(words), 2, 1, *[0xFFFFFFFF] * 3, first, len(data), 0))
    sectors = struct.pack("<128L", *(table + [0xFFFFFFFF] * (128 - len(table))))
    sectors += b"".join(entries).ljust(512, b"\0") + b"".join(padded.values())
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<LLLLLLLLL", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    return header + struct.pack("<109L", 0, *[0xFFFFFFFF] * 108) + sectors


HEAD = label(0, 0, "Nome") + label(0, 1, "Telefone") + label(0, 2, "Valor")


def xls(tmp_path: Path, sheet: bytes, more: bytes = b"") -> Path:
    path = tmp_path / "livro.xls"
    path.write_bytes(compound_file(Workbook=workbook_stream(sheet, more=more)))
    return path


def test_xls_rows_with_what_the_reader_library_leaves_out(tmp_path: Path) -> None:
    """Hidden rows, error cells and Excel's row numbers; a phone typed as a number is its digits."""
    body = label(2, 0, "Ana") + number(2, 1, 11999990001) + error(2, 2, 0x2A)
    body += hidden_row(4) + label(4, 0, "Bia") + number(4, 1, 11999990002) + number(4, 2, 1.5)
    sheet = open_sheet(xls(tmp_path, HEAD + body))
    rows = [(row.number, row.cells, dict(row.errors), row.hidden) for row in sheet.rows()]
    assert rows == [
        (3, ("Ana", "11999990001", None), {"Valor": error_cell("#N/A")}, False),
        (5, ("Bia", "11999990002", "1,5"), {}, True),
    ]
    assert (sheet.info.format, sheet.info.sheet) == ("xls", "Contatos")


def test_xls_formulas_that_were_never_calculated(tmp_path: Path) -> None:
    """All of them store 0: none has a value. Where one has, the zeros are results."""
    row = label(1, 0, "Ana") + number(1, 1, 1)
    zero = formula(1, 2, bytes(8))
    (found,) = open_sheet(xls(tmp_path, HEAD + row + zero)).rows()
    assert "formula without a stored value" in str(found.errors["Valor"])
    (found,) = open_sheet(xls(tmp_path, HEAD + row + zero + formula(1, 3, struct.pack("<d", 2.5)))).rows()
    assert (found.cells[2:], found.errors) == (("0", "2,5"), {})
    (found,) = open_sheet(xls(tmp_path, HEAD + row + formula(1, 2, bytes((2, 0, 7, 0, 0, 0, 255, 255))))).rows()
    assert found.errors == {"Valor": error_cell("#DIV/0!")}


def test_xls_with_a_password(tmp_path: Path) -> None:
    """It is named."""
    with pytest.raises(SheetError, match="protected by a password"):
        open_sheet(xls(tmp_path, HEAD + label(1, 0, "Ana"), record(0x002F, bytes(6))))


def shared(row: int, column: int, index: int) -> bytes:
    return record(0x00FD, struct.pack("<HHHL", row, column, 0, index))


@pytest.mark.parametrize("claimed", [0, 1, 2, 3, 0x7FFFFFFF])
def test_xls_whose_count_of_texts_is_wrong(tmp_path: Path, claimed: int) -> None:
    """Texts are counted by reading them, as Excel does; a cell whose text is not there is damage."""
    more = texts(claimed, "Ana", "Zé")
    (found,) = open_sheet(xls(tmp_path, HEAD + shared(1, 0, 1) + number(1, 1, 1), more)).rows()
    assert found.cells[:2] == ("Zé", "1")
    with pytest.raises(SheetError, match="is damaged"):
        open_sheet(xls(tmp_path, HEAD + shared(1, 0, 2) + number(1, 1, 1), more))


def test_xls_texts_that_go_on_in_another_record(tmp_path: Path) -> None:
    """A text is cut anywhere, its characters narrow in one part and wide in the next; formats are skipped."""
    parts = struct.pack("<LL", 3, 3) + struct.pack("<HBHL", 6, 0x0C, 1, 2) + b"Jo"
    parts_2 = b"\1" + "ão".encode("utf-16-le")
    parts_3 = b"\0AB" + b"rrrr" + b"p"
    parts_4 = b"p" + struct.pack("<HB", 2, 1) + "\U0001f600".encode("utf-16-le") + struct.pack("<HB", 2, 0) + b"ok"
    more = record(0x00FC, parts) + b"".join(record(0x003C, each) for each in (parts_2, parts_3, parts_4))
    row = shared(1, 0, 0) + shared(1, 1, 1) + shared(1, 2, 2)
    (found,) = open_sheet(xls(tmp_path, HEAD + row, more)).rows()
    assert found.cells == ("JoãoAB", "\U0001f600", "ok")


def test_xls_formulas_that_give_a_text(tmp_path: Path) -> None:
    """The text stands in a record of its own, or in two; an emoji in it is two units and one character."""
    mark = bytes((0, 0, 0, 0, 0, 0, 255, 255))
    long = record(0x0207, struct.pack("<HB", 4, 0) + b"Jo") + record(0x003C, b"\1" + "ão".encode("utf-16-le"))
    emoji = record(0x0207, struct.pack("<HB", 3, 1) + "a\U0001f600".encode("utf-16-le"))
    row = number(1, 1, 1) + formula(1, 0, mark) + long + formula(1, 2, mark) + emoji
    (found,) = open_sheet(xls(tmp_path, HEAD + row)).rows()
    assert found.cells == ("João", "1", "a\U0001f600")


def test_xls_dates_and_durations(tmp_path: Path) -> None:
    """By their number formats, built in or the workbook's own, as in XLSX."""
    formats = record(0x041E, struct.pack("<HHB", 164, 5, 0) + b"[h]:m") + record(
        0x041E, struct.pack("<HHB", 165, 4, 0) + b"0,00"
    )
    styles = b"".join(record(0x00E0, struct.pack("<HH16x", 0, each)) for each in (0, 14, 164, 165, 46))
    cells = b"".join(
        record(0x0203, struct.pack("<HHHd", 1, column, style, value))
        for column, style, value in (
            (0, 1, 46100.0),
            (1, 1, 46100.5),
            (2, 2, 1.5),
            (3, 3, 46100.0),
            (4, 4, 0.25),
            (5, 9, 7.0),
        )
    )
    (found,) = open_sheet(xls(tmp_path, HEAD + cells, formats + styles)).rows()
    assert found.cells == ("19/03/2026", "19/03/2026 12:00", "36:00", "46100", "06:00", "7")


def test_compound_files_that_are_no_readable_workbook(tmp_path: Path) -> None:
    """Each is named: a workbook with a password, Word, Excel 5."""
    path = tmp_path / "livro.xlsx"
    for streams, words in (
        ({"EncryptedPackage": b"x"}, "protected by a password"),
        ({"WordDocument": b"x"}, "not a workbook"),
        ({"Book": b"x"}, "very old Excel"),
        ({"Workbook": record(0x0809, struct.pack("<HHHHLL", 0x0500, 5, 0, 0, 0, 0))}, "very old Excel"),
    ):
        path.write_bytes(compound_file(**streams))
        with pytest.raises(SheetError, match=words):
            open_sheet(path)


def test_damaged_xls_files(tmp_path: Path) -> None:
    """Cut off anywhere, or with chains that run in a circle: refused, never a traceback, never endless."""
    whole = compound_file(Workbook=workbook_stream(HEAD + label(1, 0, "Ana")))
    path = tmp_path / "livro.xls"
    circle = bytearray(whole)
    struct.pack_into("<L", circle, 512 + 4 * 3, 2)
    far = bytearray(whole)
    struct.pack_into("<L", far, 48, 0x00FFFFFF)
    for data in (whole[:300], whole[:600], whole[:1500], bytes(circle), bytes(far)):
        path.write_bytes(data)
        with pytest.raises(SheetError, match="is damaged"):
            open_sheet(path)


def test_bytes_that_end_the_reader_library_do_not_end_us(tmp_path: Path) -> None:
    """It runs in a process of its own: what kills that one is a damaged file here, and what it prints is not seen."""
    broken = record(0x0203, struct.pack("<HHH", 1, 0, 0))
    with pytest.raises(SheetError, match="its records do not make a sheet"):
        open_sheet(xls(tmp_path, HEAD + broken))


def test_xls_that_claims_to_be_larger_than_it_is(tmp_path: Path) -> None:
    """The claim is not looked at, and takes no memory."""
    claims = record(0x0200, struct.pack("<LLHHH", 0, 0x7FFFFFFF, 0, 9, 0))
    (found,) = open_sheet(xls(tmp_path, claims + HEAD + label(1, 0, "Ana"))).rows()
    assert found.cells[0] == "Ana"


def test_xls_limits(tmp_path: Path) -> None:
    """The rectangle that the reader library would hold in memory is measured first."""
    path = xls(tmp_path, HEAD + number(60_000, 200, 1))
    with pytest.raises(SheetError, match="limit loaded_cells"):
        open_sheet(path, limits=Limits(loaded_cells=1_000_000))
    with pytest.raises(SheetError, match="limit loaded_bytes"):
        open_sheet(path, limits=Limits(loaded_bytes=100))


def test_xls_numbers_as_their_formats_show_them(tmp_path: Path) -> None:
    """The cell keeps its value; what Excel shows stands beside it."""
    code = b'0" parcelas"'
    formats = record(0x041E, struct.pack("<HHB", 164, len(code), 0) + code)
    styles = b"".join(record(0x00E0, struct.pack("<HH16x", 0, each)) for each in (0, 10, 164, 12, 17))
    cells = b"".join(
        record(0x0203, struct.pack("<HHHd", 1, style, style, value))
        for style, value in enumerate((7.0, 0.075, 3.0, 0.5, 46100.0))
    )
    (found,) = open_sheet(xls(tmp_path, HEAD + cells, formats + styles)).rows()
    assert found.cells == ("7", "0,075", "3", "0,5", "19/03/2026")
    assert found.shown == {
        1: ("7,50%", "0.00%"), 2: ("3 parcelas", '0" parcelas"'), 4: ("mar/26", "mmm/yy")
    }  # fmt: skip


# --- XLSB


def binary(kind: int, body: bytes = b"") -> bytes:
    first = bytes((kind,)) if kind < 128 else bytes((kind & 0x7F | 0x80, kind >> 7))
    return first + bytes((len(body),)) + body


def wide(words: str) -> bytes:
    return struct.pack("<L", len(words)) + words.encode("utf-16-le")


def binary_row(row: int, *cells: bytes, hidden: bool = False) -> bytes:
    head = struct.pack("<LLHBBBL", row, 0, 300, 0, 0x10 if hidden else 0, 0, 0)
    return binary(0, head) + b"".join(cells)


def binary_text(column: int, words: str) -> bytes:
    return binary(6, struct.pack("<LL", column, 0) + wide(words))


def binary_number(column: int, value: float, style: int = 0) -> bytes:
    return binary(5, struct.pack("<LLd", column, style, value))


def binary_error(column: int, code: int) -> bytes:
    return binary(3, struct.pack("<LLB", column, 0, code))


def xlsb(tmp_path: Path, rows: bytes, styles: bytes = b"", *, texts: bytes = b"", ending: bytes = binary(146)) -> Path:
    path = tmp_path / "livro.xlsb"
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    book = binary(131) + binary(143) + binary(156, struct.pack("<LL", 0, 1) + wide("rId1") + wide("Contatos"))
    book += binary(144) + binary(132)
    sheet = binary(129) + binary(148, struct.pack("<LLLL", 0, 9, 0, 9)) + binary(145) + rows + ending + binary(130)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName='
            '"/xl/workbook.bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/></Types>',
        )
        for name, kind, target in (
            ("_rels/.rels", "officeDocument", "xl/workbook.bin"),
            ("xl/_rels/workbook.bin.rels", "worksheet", "worksheets/sheet1.bin"),
        ):
            link = f'<Relationship Id="rId1" Type="{kinds}/{kind}" Target="{target}"/>'
            if kind == "worksheet":
                link += f'<Relationship Id="rId2" Type="{kinds}/styles" Target="styles.bin"/>'
                link += f'<Relationship Id="rId3" Type="{kinds}/sharedStrings" Target="sharedStrings.bin"/>'
            file.writestr(name, f'<Relationships xmlns="{package}">{link}</Relationships>')
        file.writestr("xl/workbook.bin", book)
        if styles:
            file.writestr("xl/styles.bin", styles)
        if texts:
            file.writestr("xl/sharedStrings.bin", texts)
        file.writestr("xl/worksheets/sheet1.bin", sheet)
    return path


def test_xlsb_rows_with_hidden_and_error_cells(tmp_path: Path) -> None:
    """Hidden rows, error cells and Excel's row numbers."""
    rows = binary_row(0, binary_text(0, "Nome"), binary_text(1, "Telefone"))
    rows += binary_row(2, binary_text(0, "Ana"), binary_number(1, 11999990001))
    rows += binary_row(5, binary_error(0, 0x2A), binary_number(1, 2), hidden=True)
    sheet = open_sheet(xlsb(tmp_path, rows))
    assert [(row.number, row.cells, dict(row.errors), row.hidden) for row in sheet.rows()] == [
        (3, ("Ana", "11999990001"), {}, False),
        (6, (None, "2"), {"Nome": error_cell("#N/A")}, True),
    ]
    assert sheet.info.format == "xlsb"


def test_xlsb_with_two_cells_far_apart(tmp_path: Path) -> None:
    """Nothing is made of the places between them."""
    rows = binary_row(0, binary_text(0, "Nome")) + binary_row(1_048_575, binary_number(16_383, 1))
    (found,) = open_sheet(xlsb(tmp_path, rows)).rows()
    assert (found.number, found.cells) == (1_048_576, (None, "1"))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (binary_row(1_048_576, binary_number(0, 1)), "a row is numbered"),
        (binary_row(1, binary_number(2_000_000_000, 1)), "limit columns"),
        (binary_row(1, binary(6, struct.pack("<LLL", 0, 0, 40) + b"A\0")), "cut short"),
        (binary_row(1, binary(5, bytes(12))), "cut short"),
        (binary_row(1, binary(13, bytes(8))), "short form"),
    ],
)
def test_xlsb_with_a_cell_that_cannot_be_true(tmp_path: Path, rows: bytes, words: str) -> None:
    """No place is taken for it, and no half of a text or number is read."""
    with pytest.raises(SheetError, match=words):
        open_sheet(xlsb(tmp_path, binary_row(0, binary_text(0, "Nome")) + rows))


def test_xlsb_that_ends_in_its_rows(tmp_path: Path) -> None:
    """Rows may have been lost."""
    rows = binary_row(0, binary_text(0, "Nome")) + binary_row(1, binary_text(0, "Ana"))
    with pytest.raises(SheetError, match="cut short"):
        open_sheet(xlsb(tmp_path, rows, ending=b""))


def test_xlsb_values_of_each_kind(tmp_path: Path) -> None:
    """Shared texts and rich ones, compressed numbers, truths, formulas, dates; a text that is missing is an error."""
    styles = binary(617) + b"".join(binary(47, struct.pack("<HH12x", 0xFFFF, each)) for each in (0, 14)) + binary(618)
    texts = binary(159) + b"".join(
        binary(19, bytes((flags,)) + wide(word)) for flags, word in ((0, "Ana"), (1, "_x0041_"))
    )

    def cell(kind: int, column: int, value: bytes, style: int = 0) -> bytes:
        return binary(kind, struct.pack("<LL", column, style) + value)

    names = binary_row(0, *(binary_text(place, f"Coluna {place}") for place in range(10)))
    compressed = (
        struct.pack("<l", number)
        for number in (11_999 << 2 | 2, 123_450 << 2 | 3, -7 << 2 | 2, 0x3FF8_0000, 0x4059_0001)
    )
    rows = names + binary_row(
        1,
        *(cell(2, place, value) for place, value in enumerate(compressed)),
        cell(7, 5, struct.pack("<L", 0)),
        cell(7, 6, struct.pack("<L", 1)),
        cell(10, 7, b"\1"),
        cell(9, 8, struct.pack("<d", 46100), style=1),
        cell(7, 9, struct.pack("<L", 2)),
    )
    (found,) = open_sheet(xlsb(tmp_path, rows, styles, texts=texts)).rows()
    assert found.cells == ("11999", "1234,5", "-7", "1,5", "1", "Ana", "_x0041_", "SIM", "19/03/2026", None)
    assert "text number 2 is missing" in str(found.errors["Coluna 9"])


def test_xlsb_numbers_as_their_formats_show_them(tmp_path: Path) -> None:
    """By the styles of the package; a text in such a column is no number."""
    styles = binary(615, struct.pack("<L", 1)) + binary(44, struct.pack("<H", 164) + wide("00000\\-000")) + binary(616)
    styles += binary(617, struct.pack("<L", 2))
    styles += b"".join(binary(47, struct.pack("<HH12x", 0xFFFF, each)) for each in (0, 164)) + binary(618)
    rows = binary_row(0, binary_text(0, "Nome"), binary_text(1, "CEP"))
    rows += binary_row(1, binary_text(0, "Ana"), binary_number(1, 1310100, 1))
    rows += binary_row(2, binary_text(0, "Bia"), binary_text(1, "4538132"))
    rows += binary_row(3, binary_text(0, "Caio"), binary_number(1, 4538132))
    found = open_sheet(xlsb(tmp_path, rows, styles)).rows()
    assert [(row.cells[1], dict(row.shown)) for row in found] == [
        ("1310100", {1: ("01310-100", "00000\\-000")}), ("4538132", {}), ("4538132", {})
    ]  # fmt: skip


# --- ODS


def ods(tmp_path: Path, tables: str, *, manifest: str = "", mime: str = "spreadsheet") -> Path:
    path = tmp_path / "planilha.ods"
    spaces = " ".join(
        f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for prefix, name in (
            ("office", "office"),
            ("table", "table"),
            ("text", "text"),
            ("style", "style"),
            ("draw", "drawing"),
        )
    )
    styles = (
        '<style:style style:name="off" style:family="table"><style:table-properties table:display="false"/>'
        "</style:style>"
    )
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("mimetype", f"application/vnd.oasis.opendocument.{mime}")
        file.writestr("META-INF/manifest.xml", f"<m>{manifest}</m>")
        file.writestr(
            "content.xml",
            f'<office:document-content {spaces} xmlns:calcext="urn:x"><office:automatic-styles>{styles}'
            f"</office:automatic-styles><office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
            "</office:document-content>",
        )
    return path


def words(text: str) -> str:
    return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'


def valued(kind: str, attribute: str, value: str, more: str = "") -> str:
    return f'<table:table-cell office:value-type="{kind}" office:{attribute}="{value}" {more}/>'


def line(*cells: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"


def shown(kind: str, attribute: str, value: str, text: str) -> str:
    return valued(kind, attribute, value).replace("/>", f"><text:p>{text}</text:p></table:table-cell>")


BLANK = 'table:number-rows-repeated="3"'
ODS_HEAD = line(words("Nome"), words("Telefone"))


def test_ods_cells(tmp_path: Path) -> None:
    """Every kind of value; spaces, tabs and comments inside a text."""
    row = line(
        words('Jo<text:span>ão</text:span><text:s text:c="2"/>Sá<text:line-break/>x'),
        valued("float", "value", "11999990001"),
        valued("date", "date-value", "2024-03-15T12:30:00"),
        valued("time", "time-value", "PT09H05M00S"),
        valued("boolean", "boolean-value", "true"),
        valued("currency", "value", "1234.5"),
        "<table:table-cell office:value-type='string'><office:annotation><text:p>nota</text:p></office:annotation>"
        "<text:p>a</text:p><text:p>b</text:p></table:table-cell>",
    )
    sheet = open_sheet(ods(tmp_path, f'<table:table table:name="S">{ODS_HEAD}{row}</table:table>'))
    (found,) = sheet.rows()
    assert found.cells == (
        "João  Sá\nx", "11999990001", "15/03/2024 12:30", "09:05", "SIM", "1234,5", "a\nb")  # fmt: skip
    assert sheet.info.format == "ods"


def test_ods_repeats_errors_formulas_and_filters(tmp_path: Path) -> None:
    """Repeated rows count one by one, filtered ones are hidden, errors and formulas without value are said."""
    rows = (
        line("<table:table-cell/>", more='table:number-rows-repeated="3"'),
        line(
            words("Ana"), valued("float", "value", "1"), more='table:number-rows-repeated="2" table:visibility="filter"'
        ),
        line(
            words("Bia"),
            '<table:table-cell table:formula="of:=NA()" office:value-type="string" calcext:value-type="error">'
            "<text:p>#N/A</text:p></table:table-cell>",
            '<table:table-cell table:formula="of:=A1"/>',
            '<table:table-cell table:formula="of:=TRUE()" office:value-type="float" office:value="1">'
            "<text:p>TRUE</text:p></table:table-cell>",
        ),
        line("<table:table-cell/>", more='table:number-rows-repeated="1048000"'),
    )
    sheet = open_sheet(ods(tmp_path, f'<table:table table:name="S">{ODS_HEAD}{"".join(rows)}</table:table>'))
    found = list(sheet.rows())
    assert [(row.number, row.hidden) for row in found] == [(5, True), (6, True), (7, False)]
    assert found[2].cells == ("Bia", None, None, "SIM")
    assert found[2].errors["Telefone"] == error_cell("#N/A")
    assert "formula without a stored value" in str(found[2].errors["column C"])


def test_ods_sheets_and_passwords(tmp_path: Path) -> None:
    """Hidden sheets are passed over; a password, a text document and a bomb of repeats are refused."""
    old = line(words("Zé"), words("9"))
    hidden = f'<table:table table:name="Velha" table:style-name="off">{ODS_HEAD}{old}</table:table>'
    shown = f'<table:table table:name="Nova">{ODS_HEAD}{line(words("Ana"), words("1"))}</table:table>'
    sheet = open_sheet(ods(tmp_path, hidden + shown))
    assert sheet.info.sheet == "Nova"
    assert [row.cells for row in sheet.rows()] == [("Ana", "1")]
    assert [row.cells for row in open_sheet(ods(tmp_path, hidden + shown), name="Velha").rows()] == [("Zé", "9")]
    with pytest.raises(SheetError, match="protected by a password"):
        open_sheet(ods(tmp_path, shown, manifest="<encryption-data/>"))
    with pytest.raises(SheetError, match="which is not read"):
        open_sheet(ods(tmp_path, shown, mime="text"))
    bomb = line(words("x").replace("<table:table-cell", '<table:table-cell table:number-columns-repeated="1000"'),
                more='table:number-rows-repeated="1048575"')  # fmt: skip
    path = ods(tmp_path, f'<table:table table:name="S">{ODS_HEAD}{bomb}</table:table>')
    with pytest.raises(SheetError, match="limit cells"):
        open_sheet(path, limits=Limits(cells=600_000))


def test_ods_rows_that_are_repeated_without_end(tmp_path: Path) -> None:
    """A row is counted before its repetitions are made."""
    for times in (999_999_999, 1_048_576):
        row = line(words("x"), more=f'table:number-rows-repeated="{times}"')
        with pytest.raises(SheetError, match="beyond the last row of a sheet"):
            open_sheet(ods(tmp_path, f'<table:table table:name="S">{ODS_HEAD}{row}</table:table>'))
    wide = words("x" * 3000).replace("<table:table-cell", '<table:table-cell table:number-columns-repeated="2000"')
    with pytest.raises(SheetError, match="limit row_characters"):
        open_sheet(ods(tmp_path, f'<table:table table:name="S">{ODS_HEAD}{line(wide)}</table:table>'))


def test_ods_tables_that_keep_values_of_another_file(tmp_path: Path) -> None:
    """LibreOffice's copies of what a formula refers to are no worksheets; those behind them keep their place."""
    copied = "".join(
        f'<table:table table:name="{name}">{ODS_HEAD}{line(words("Zé") + words("9"))}</table:table>'
        for name in ("'file:///C:/x/base.xlsx'#Clientes", "'https://x.example/a.ods'#$A", "'file:///x'#B#'C'")
    )
    own = f'<table:table table:name="O\'Neil">{ODS_HEAD}{line(words("Ana") + words("1"))}</table:table>'
    sheet = open_sheet(ods(tmp_path, copied + own))
    assert [row.cells for row in sheet.rows()] == [("Ana", "1")]
    assert (sheet.info.sheet, sheet.info.warnings) == ("O'Neil", ())


def test_xls_rows_that_refer_to_a_long_text(tmp_path: Path) -> None:
    """A text of 24,000 characters is 6 MB in a row of 256 cells: refused in the reading process."""
    more = record(0x00FC, struct.pack("<LLHB", 1, 1, 24_001, 0) + b"z")
    more += b"".join(record(0x003C, b"\0" + b"z" * 8000) for _ in range(3))
    row = b"".join(shared(1, column, 0) for column in range(256))
    with pytest.raises(SheetError, match="limit row_characters"):
        open_sheet(xls(tmp_path, HEAD + row, more))


def test_xls_as_apple_numbers_writes_it(tmp_path: Path) -> None:
    """Formulas in the records of Excel 3 and 4, the stream's name in capitals, seconds of times rounded."""
    formats = b"".join(record(0x00E0, struct.pack("<HH16x", 0, each)) for each in (0, 22))
    mark = bytes((0, 0, 0, 0, 0, 0, 255, 255))
    text = record(0x0406, struct.pack("<HHH8sHLH", 1, 0, 0, mark, 0, 0, 0)) + record(0x0207, b"\3\0\0Ana")
    moment = record(0x0406, struct.pack("<HHHdHLH", 1, 2, 1, 46100 + (10 * 3600 + 10 * 60 + 9.9996) / 86400, 0, 0, 0))
    other = record(0x0206, struct.pack("<HHHdHLH", 1, 1, 0, 11999990001.0, 0, 0, 0))
    path = tmp_path / "livro.xls"
    path.write_bytes(compound_file(WORKBOOK=workbook_stream(HEAD + text + other + moment, more=formats)))
    (found,) = open_sheet(path).rows()
    assert found.cells == ("Ana", "11999990001", "19/03/2026 10:10:10")


def test_ods_texts_that_the_file_shows(tmp_path: Path) -> None:
    """The value stays in the cell; the shown text is Brazil's, whoever saved the file."""
    row = line(
        shown("percentage", "value", "0.075", "7.50%"),
        shown("currency", "value", "1234.5", "R$ 1.234,50"),
        shown("float", "value", "123", "000123"),
        shown("date", "date-value", "2024-03-01", "mar/24"),
        shown("float", "value", "0.3333333333", "0,33"),
        shown("float", "value", "12345678901234567", "1,23456789012346E+16"),
    )
    sheet = open_sheet(ods(tmp_path, f'<table:table table:name="A">{ODS_HEAD}{row}</table:table>'))
    (found,) = sheet.rows()
    assert found.cells == ("0,075", "1234,5", "123", "01/03/2024", "0,3333333333", None)
    assert found.shown[5] == ("12345678901234567", "0")
    assert [found.shown[place][0] for place in range(5)] == ["7,50%", "R$ 1.234,50", "000123", "mar/24", "0,33"]
    assert "lost digits" in str(found.errors["column F"])
    (remark,) = sheet.info.formats["column E"]
    assert "rounds: row 2 holds 0,3333333333 and shows 0,33, which is what a message says" in str(remark)


def several_sheets(*sheets: bytes) -> bytes:
    """The stream of a workbook whose sheets are A, B, ..."""
    start = record(0x0809, struct.pack("<HHHHLL", 0x0600, 0x0005, 0, 0, 0, 0))
    top = record(0x0809, struct.pack("<HHHHLL", 0x0600, 0x0010, 0, 0, 0, 0))
    bodies = [top + sheet + record(0x000A) for sheet in sheets]
    place = len(start) + len(bodies) * 13 + 4
    bounds = b""
    for at, body in enumerate(bodies):
        bounds += record(0x0085, struct.pack("<LBBBBB", place, 0, 0, 1, 0, 65 + at))
        place += len(body)
    return start + bounds + record(0x000A) + b"".join(bodies)


def test_many_xls_worksheets_are_looked_into_by_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which parses the file once, and keeps hidden rows and formulas of each sheet apart."""
    processes = []
    popen = worker.subprocess.Popen
    monkeypatch.setattr(worker.subprocess, "Popen", lambda *a, **k: processes.append(a) or popen(*a, **k))
    prices = label(0, 0, "Produto") + label(0, 1, "Valor") + label(1, 0, "Bolo") + formula(1, 1, bytes(8))
    prices += hidden_row(1) + b"".join(number(row, 1, row) for row in range(2, 60))
    people = HEAD + label(1, 0, "Ana") + number(1, 1, 11999990001) + formula(1, 2, struct.pack("<d", 2.5))
    path = tmp_path / "livro.xls"
    path.write_bytes(compound_file(Workbook=several_sheets(prices, prices, people, prices, prices)))
    sheet = open_sheet(path)
    assert [(row.number, row.cells, row.hidden) for row in sheet.rows()] == [(2, ("Ana", "11999990001", "2,5"), False)]
    assert len(processes) == 1
    (first, *others) = open_sheet(path, name="D").rows()
    assert (first.hidden, "without a stored value" in str(first.errors["Valor"]), len(others)) == (True, True, 58)


def test_a_worker_without_memory_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no damage of the file: the sentence names what is missing, and what to do."""
    no_room = "from batch.loader.formats import worker\ndef no_room(_rows): raise MemoryError\n"
    start = worker._START.replace("runpy.run_module(", no_room + "worker._make_blocks = no_room\nrunpy.run_module(")
    monkeypatch.setattr(worker, "_START", start)
    path = xls(tmp_path, HEAD + label(1, 0, "Ana"))
    with pytest.raises(SheetError, match=r"needs more memory than this machine can give\. Close other programs"):
        open_sheet(path)


def test_many_ods_tables_take_one_parse_for_their_heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands together in a piece of the file: each table has its own rows, numbered from 1."""
    parses = []
    parse_pieces = ods_reader._parse_pieces
    monkeypatch.setattr(ods_reader, "_parse_pieces", lambda *a, **k: parses.append(a) or parse_pieces(*a, **k))
    tables = ""
    for at in range(60):
        head = line(words("Nome"), words("Telefone" if at == 41 else "Preço"))
        rows = "".join(line(words(f"{at}-{row}"), words("9")) for row in range(at % 3 * 40 + 1))
        tables += f'<table:table table:name="T{at}">{head}{line(more=BLANK)}{rows}</table:table>'
    path = ods(tmp_path, tables)
    sheet = open_sheet(path)
    assert sheet.info.sheet == "T41"
    assert [(row.number, row.cells) for row in sheet.rows()] == [(row + 5, (f"41-{row}", "9")) for row in range(81)]
    assert len(parses) == 3  # the list, the heads, the rows
    for at in (0, 40, 59):
        rows = list(open_sheet(path, name=f"T{at}").rows())
        assert [row.cells[0] for row in rows] == [f"{at}-{row}" for row in range(at % 3 * 40 + 1)]


def test_a_sheet_for_which_the_memory_does_not_suffice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused with a sentence, never with a traceback."""

    def no_room(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ods_reader._RowCollector, "text", no_room)
    with pytest.raises(SheetError, match="needs more memory"):
        open_sheet(ods(tmp_path, f'<table:table table:name="A">{ODS_HEAD}{line(words("Ana"))}</table:table>'))


TIMES = {
    "[h]:mm": ((25 * 3600 + 30 * 60) / 86400, "PT25H30M00S", "25:30"),
    "[h]:mm:ss": (59.6 / 86400, "PT00H00M59.6S", "00:01"),
    "[mm]:ss": ((90 * 60 + 30) / 86400, "PT01H30M30S", "01:30:30"),
    "hh:mm:ss": ((10 * 3600 + 10 * 60 + 9.9996) / 86400, "PT10H10M09.9996S", "10:10:10"),
}
"""By format the serial number, the ODS value that LibreOffice writes for it, and the text."""


def test_durations_and_seconds_are_the_same_in_xlsb_and_ods(tmp_path: Path) -> None:
    """Seconds are rounded, never cut; hours go beyond a day."""
    names = ["Telefone", *TIMES]
    styles = b"".join(binary(44, struct.pack("<H", 164 + at) + wide(code)) for at, code in enumerate(TIMES)) + binary(
        617
    )
    styles += b"".join(binary(47, struct.pack("<HH12x", 0xFFFF, each)) for each in (0, 164, 165, 166, 167)) + binary(
        618
    )
    rows = binary_row(0, *(binary_text(at, name) for at, name in enumerate(names)))
    cells = [binary_number(at, serial, at) for at, (serial, _, _) in enumerate(TIMES.values(), 1)]
    rows += binary_row(1, binary_text(0, "11 97001-2001"), *cells)
    table = line(*map(words, names)) + line(
        words("11 97001-2001"), *(shown("time", "time-value", value, "x") for _, value, _ in TIMES.values())
    )
    files = xlsb(tmp_path, rows, styles), ods(tmp_path, f'<table:table table:name="A">{table}</table:table>')
    texts = tuple(text for _, _, text in TIMES.values())
    assert [next(iter(open_sheet(file).rows())).cells[1:] for file in files] == [texts, texts]


def test_rows_that_are_alike_without_end(tmp_path: Path) -> None:
    """An ODS says a million in 500 bytes; XLSB and XLS write each one. All are refused by the same limit."""
    head = line(words("Nome"), words("Telefone"))
    alike = line(words("Ana"), words("11 90000-0001"), more='table:number-rows-repeated="1000000"')
    began = time.process_time()
    with pytest.raises(SheetError, match="limit same_rows"):
        open_sheet(ods(tmp_path, f'<table:table table:name="P">{head}{alike}</table:table>'))
    assert time.process_time() - began < 10
    few = Limits(same_rows=20)
    rows = b"".join(binary_row(each, binary_text(0, "Ana"), binary_text(1, "11 90000-0001")) for each in range(1, 40))
    with pytest.raises(SheetError, match="limit same_rows"):
        open_sheet(xlsb(tmp_path, binary_row(0, binary_text(0, "Nome"), binary_text(1, "Telefone")) + rows), limits=few)
    rows = b"".join(label(each, 0, "Ana") + number(each, 1, 11900000001) for each in range(1, 40))
    with pytest.raises(SheetError, match="limit same_rows"):
        open_sheet(xls(tmp_path, HEAD + rows), limits=few)
