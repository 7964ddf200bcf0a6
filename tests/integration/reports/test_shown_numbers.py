"""Numbers of a sheet in the workbooks of a report: they read back with the same value and the same shown text."""

import zipfile
from datetime import datetime
from pathlib import Path

from office import Office
from openpyxl import Workbook

from batch.loader import open_sheet

SHOWN = [("0,075", "7,5%"), ("123", "000123"), ("1234,5", "R$ 1.234,50"), ("01/03/2024", "mar/24"), ("10,555", "10,56")]


def read(path: Path) -> list[tuple[str | None, str | None]]:
    """Return value and shown text of the columns A to F of the first row."""
    row = next(open_sheet(path).rows())
    return [(row.cells[place], row.shown.get(place, (row.cells[place], ""))[0]) for place in range(6)]


def test_rows_to_correct_keep_what_their_numbers_show(office: Office) -> None:
    """As texts they would be sent as 0,075 and 123 once their name is corrected; what lost digits stays an error.

    The page shows what the person gets; results.csv, which may be fed back, has the values that keys are made of.
    """
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["A", "B", "C", "D", "E", "F", "Telefone", "Nome"])
    numbers = (0.075, 123, 1234.5, datetime(2024, 3, 1), 10.555, 12345678901234567)  # noqa: DTZ001 - cells have no zone
    sheet.append([*numbers, "11 97001-2001", "NULL"])
    for column, code in enumerate(("0.0%", "000000", '"R$" #,##0.00', "mmm/yy", "0.00", "0"), 1):
        sheet.cell(2, column).number_format = code
    book.save(office.folder / "a.xlsx")
    ran = office.run(office.folder / "a.xlsx", office.campaign())
    assert ran.code == 3
    folder = office.folder / "reports" / ran.summary["run"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert [shown for _, shown in SHOWN if shown not in page] == []
    assert [ran.lines[2][column] for column in "ABCDE"] == [value for value, _ in SHOWN]
    retry = folder / "retry.xlsx"
    assert read(retry)[:5] == SHOWN
    assert "lost digits" in str(next(open_sheet(retry).rows()).errors["F"])


def test_a_clean_report_keeps_what_numbers_show(office: Office) -> None:
    """Of a sheet that is no XLSX: it may be fed back, and then says the same."""
    cells = (
        ("percentage", "0.075", "7,5%"),
        ("float", "123", "000123"),
        ("currency", "1234.5", "R$ 1.234,50"),
        ("date", "2024-03-01", "mar/24"),
        ("float", "10.555", "10,56"),
        ("float", "12345678901234567", "1,2E+16"),
    )
    head = "".join(f"<c t='string'><p>{name}</p></c>" for name in "ABCDEF")
    head += "<c t='string'><p>Telefone</p></c><c t='string'><p>Nome</p></c>"
    row = "".join(
        f"<c t='{kind}' {'d' if kind == 'date' else 'v'}='{value}'><p>{text}</p></c>" for kind, value, text in cells
    )
    row += "<c t='string'><p>11 97001-2001</p></c><c t='string'><p>Ana</p></c>"
    table = f"<table:table table:name='x'><r>{head}</r><r>{row}</r></table:table>"
    for short, name in (("c", "table:table-cell"), ("r", "table:table-row"), ("p", "text:p")):
        table = table.replace(f"<{short}", f"<{name}").replace(f"</{short}>", f"</{name}>")
    for short, name in (("t", "value-type"), ("v", "value"), ("d", "date-value")):
        table = table.replace(f" {short}='", f" office:{name}='")
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    with zipfile.ZipFile(office.folder / "a.ods", "w") as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        body = f"<office:body><office:spreadsheet>{table}</office:spreadsheet></office:body>"
        file.writestr("content.xml", f"<office:document-content {spaces}>{body}</office:document-content>")
    ran = office.run(office.folder / "a.ods", office.campaign())
    assert ran.code == 0
    report = office.folder / "reports" / ran.summary["run"] / "report.xlsx"
    assert read(report)[:5] == read(office.folder / "a.ods")[:5] == SHOWN
    assert "lost digits" in str(next(open_sheet(report).rows()).errors["F"])
