"""Rows that are no contacts: what a program writes below its export, and the totals row of a table."""

from __future__ import annotations

from pathlib import Path

import pytest
from office import Office, Ran
from openpyxl import Workbook
from openpyxl.worksheet.table import Table, TableColumn

FOOTER = "\n\nRelatório gerado por Ana\nConfidencial;;2026\n"
PEOPLE = "Nome;Telefone;Cidade\nAna;11 97001-2001;Recife\nBia;11 97001-2002;Natal\n"


def reasons(ran: Ran) -> dict[str, int]:
    return {each["reason"]: each["rows"] for each in ran.summary["reasons"]}


def table(path: Path, *, totals: bool, side: bool = False) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for line in (("Nome", "Telefone"), ("Ana", "11 97001-2001"), ("Bia", "11 97001-2002"), ("Caio", "11 97001-2003")):
        sheet.append(line)
    if side:
        for row, line in enumerate((("Mês", "Valor"), ("nov", 1), ("Total", 1)), start=1):
            sheet.cell(row, 5, line[0])
            sheet.cell(row, 6, line[1])
        found = Table(displayName="Lado", ref="E1:F3", totalsRowCount=1)
        found.tableColumns = [TableColumn(id=1, name="Mês"), TableColumn(id=2, name="Valor")]
        sheet.add_table(found)
    if totals:
        sheet.append(("Total", "4"))
        found = Table(displayName="Clientes", ref="A1:B5", totalsRowCount=1)
        found.tableColumns = [TableColumn(id=1, name="Nome"), TableColumn(id=2, name="Telefone")]
        sheet.add_table(found)
    book.save(path)
    return path


def test_a_footer_is_left_out_and_named(office: Office) -> None:
    """It is no error at each run; check and report say so."""
    sheet, campaign = office.write("contatos.csv", PEOPLE + FOOTER), office.campaign()
    code, out, _ = office.type("check", sheet, "-c", campaign, "--base-url", office.sandbox.url)
    assert code == 0
    assert "Left out, row 6, 7: The row is no contact: it stands below the last blank row" in out
    ran = office.run(sheet, campaign)
    assert (ran.code, ran.summary["counts"]["skipped"]) == (0, 2)
    assert reasons(ran)["footer"] == 2
    again = office.run(sheet, campaign, "--retry-errors")
    assert (again.code, sum(office.sent().values())) == (0, 2)


def test_the_report_of_a_sheet_with_a_footer_is_read_alike(office: Office) -> None:
    """Its result columns are no cells of the footer."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row, line in {1: ("Nome", "Telefone"), 2: ("Ana", "11 97001-2001"), 5: ("Fonte:", "")}.items():
        for column, cell in enumerate(line, start=1):
            sheet.cell(row, column, cell or None)
    book.save(office.folder / "contatos.xlsx")
    ran = office.run(office.folder / "contatos.xlsx", office.campaign())
    assert reasons(ran)["footer"] == 1
    report = office.folder / "reports" / ran.summary["run"] / "report.xlsx"
    code, out, _ = office.type("check", report, "-c", office.campaign(), "--base-url", office.sandbox.url)
    assert (code, "footer" in out) == (0, True)


@pytest.mark.parametrize(
    ("ending", "errors"),
    [("\nTotal;;\n;11 97001;\n", 2), ("\nTotal;2;Recife\n", 1), ("Caio;;\n", 1), ("\n" + "linha;;\n" * 11, 11)],
    ids=["a phone in it", "three cells", "no blank row", "eleven rows"],
)
def test_rows_that_may_be_people_stay_rows(office: Office, ending: str, errors: int) -> None:
    """Whatever is no footer beyond doubt is an error, as before."""
    ran = office.run(office.write("contatos.csv", PEOPLE + ending), office.campaign())
    assert (ran.code, ran.summary["counts"]["error"]) == (3, errors)


def test_the_totals_row_of_a_table_is_left_out(office: Office) -> None:
    """Though its count stands where the phones are; also in the report that is fed back."""
    sheet, campaign = table(office.folder / "contatos.xlsx", totals=True), office.campaign()
    ran = office.run(sheet, campaign)
    assert (ran.code, ran.summary["counts"]["success"], reasons(ran)["totals_row"]) == (0, 3, 1)
    report = office.folder / "reports" / ran.summary["run"] / "report.xlsx"
    code, out, _ = office.type("check", report, "-c", campaign, "--base-url", office.sandbox.url)
    assert code == 0
    assert "row 5: The row is no contact: it is the totals row of the table." in out


def test_the_totals_row_of_a_table_at_the_side_is_no_contacts_row(office: Office) -> None:
    """The person in the same row is messaged."""
    ran = office.run(table(office.folder / "contatos.xlsx", totals=False, side=True), office.campaign())
    assert (ran.code, ran.summary["counts"]["success"]) == (0, 3)
