"""report.xlsx made from the user's own workbook."""

import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.styles import Font
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.table import Table
from openpyxl.worksheet.worksheet import Worksheet
from python_calamine import CalamineWorkbook

from batch.i18n import use_language
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result, Run, Tally
from batch.model.sheets import SheetInfo, SheetRow
from batch.reporter import COLUMNS, ReportFiles, SourceSheet, write_report

SENT = datetime(2026, 11, 3, 13, 0, 5, tzinfo=UTC)
REASONS = {
    Outcome.SUCCESS: Reason.CREATED,
    Outcome.REUSED: Reason.REUSED,
    Outcome.ERROR: Reason.PHONE_MISSING,
    Outcome.UNKNOWN: Reason.ANSWER_TIMEOUT,
    Outcome.SKIPPED: Reason.DUPLICATE,
    Outcome.PENDING: Reason.LIMIT,
}


def a_result(row: int, outcome: Outcome = Outcome.SUCCESS) -> Result:
    """A result of that outcome; the messaged ones were sent at a known time."""
    sent = SENT if outcome.is_accepted else None
    return Result(
        row=row, outcome=outcome, findings=(Finding(REASONS[outcome]),), person="+5511988887777", sent_at=sent
    )


Report = Callable[..., tuple[ReportFiles, Path]]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Writes the report of a workbook and gives what was written and where the workbook is."""

    def write(
        book: Workbook | Path,
        rows: Sequence[int],
        *,
        sheet: str = "Contatos",
        header_row: int = 1,
        results: Sequence[Result] = (),
        language: str = "en",
    ) -> tuple[ReportFiles, Path]:
        path = book if isinstance(book, Path) else tmp_path / "contatos.xlsx"
        if isinstance(book, Workbook):
            book.save(path)
        done = list(results) or [a_result(row, list(Outcome)[row % 6]) for row in rows]
        counts = Counter(each.outcome for each in done)
        info = SheetInfo(
            file=path.name,
            format="xlsm" if path.suffix == ".xlsm" else "xlsx",
            sheet=sheet,
            encoding=None,
            delimiter=None,
            header_row=header_row,
            columns=("Nome", "Telefone"),
        )
        run = Run(
            run="the-run",
            campaign="novembro",
            endpoint="https://api.wegly.com.br",
            sheet_path=str(path),
            sheet_sha256="ab" * 32,
            version="0.1.0",
            started=SENT,
            language=language,
        )

        def given() -> Iterator[SheetRow]:
            return (SheetRow(number=row, cells=("Ana", "11988887777")) for row in rows)

        folder = tmp_path / "report"
        folder.mkdir(exist_ok=True)
        written = write_report(
            folder,
            run=run,
            tally=Tally(
                counts={outcome: counts[outcome] for outcome in Outcome},
                reasons=Counter((each.outcome, each.reason) for each in done),
            ),
            sheet=SourceSheet(path=path, info=info, rows=given, name=path.name),
            results=lambda: iter(done),
        )
        return written, written.files[0]

    return write


def a_book(rows: Sequence[int] = (2, 3), *, header_row: int = 1) -> tuple[Workbook, Worksheet]:
    """A workbook with a sheet Contatos of two columns."""
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "Contatos"
    for column, name in enumerate(("Nome", "Telefone"), start=1):
        sheet.cell(header_row, column, name)
    for row in rows:
        sheet.cell(row, 1, f"Ana {row}")
        sheet.cell(row, 2, 11988887777)
    return book, sheet


def statuses(sheet: Worksheet, column: int = 3) -> dict[int, object]:
    """Row number to status, wherever there is one."""
    cells = ((row, sheet.cell(row, column).value) for row in range(1, sheet.max_row + 1))
    return {row: value for row, value in cells if value is not None and value != "wegly_status"}


def test_the_results_are_beside_the_rows_and_the_summary_is_in_front(report: Report) -> None:
    """The user's cells and columns stay, 13 result columns follow, and the book opens on the summary alone."""
    book, sheet = a_book()
    sheet.freeze_panes = "B2"
    sheet.column_dimensions["A"].width = 33
    written, path = report(book, [2, 3], results=[a_result(2), a_result(3, Outcome.ERROR)])
    assert written.problems == ()
    made = load_workbook(path)
    assert made.sheetnames == ["Summary", "Contatos"]
    assert made.active is made["Summary"]
    found = made["Contatos"]
    assert [cell.value for cell in found[1]] == ["Nome", "Telefone", *COLUMNS]
    assert [found["A2"].value, found["B2"].value, found["C2"].value] == ["Ana 2", 11988887777, "success"]
    assert found["C3"].value == "error"
    assert found["G2"].value == "+55 11 98888-7777"
    assert (found["M2"].value, found["M2"].number_format) == (
        datetime.fromisoformat("2026-11-03T10:00:05"),
        "dd/mm/yyyy hh:mm:ss",
    )
    assert (found.freeze_panes, found.column_dimensions["A"].width, found.auto_filter.ref) == ("B2", 33, "A1:O3")
    folded = [letter for letter in "ABCDEFGHIJKLMNO" if found.column_dimensions[letter].hidden]
    assert folded == ["I", "J", "K", "L", "N", "O"]
    assert {found.column_dimensions[letter].outlineLevel for letter in folded} == {1}
    assert not found.sheet_view.tabSelected
    assert found["C2"].fill.start_color.rgb != found["C3"].fill.start_color.rgb


def test_titles_above_the_header_and_blank_rows_do_not_move_a_result(report: Report) -> None:
    """The header is in row 4 under a merged title, rows are missing in the middle: every result is on its row."""
    rows = [5, 6, 9, 30]
    book, sheet = a_book(rows, header_row=4)
    sheet["A1"] = "Clientes"
    sheet.merge_cells("A1:H1")
    _, path = report(book, rows, header_row=4)
    found = load_workbook(path)["Contatos"]
    assert found["C4"].value == "wegly_status"
    assert statuses(found) == {row: list(Outcome)[row % 6].value for row in rows}
    assert found.auto_filter.ref == "A4:O30"
    assert "A1:H1" in {str(each) for each in found.merged_cells.ranges}


def test_an_earlier_report_gets_its_results_replaced(report: Report) -> None:
    """Fed back and sorted otherwise, it has the same columns once, new values, no stale ones, and one summary."""
    book, _ = a_book([2, 3, 4])
    _, first = report(book, [2, 3, 4], results=[a_result(row) for row in (2, 3, 4)])
    again = load_workbook(first)
    again["Contatos"]["A3"] = None
    results = [a_result(2, Outcome.ERROR), a_result(4, Outcome.PENDING)]
    for old, language, new in (("Summary", "pt_BR", "Resumo"), ("Resumo", "en", "Summary")):
        again[again.sheetnames[0]].title = old
        _, path = report(again, [2, 4], results=results, language=language)
        found = load_workbook(path)
        assert found.sheetnames == [new, "Contatos"]
        assert [cell.value for cell in found["Contatos"][1]] == ["Nome", "Telefone", *COLUMNS]
        assert statuses(found["Contatos"]) == {2: "error", 4: "pending"}
        assert found["Contatos"]["M2"].value is None


def test_result_columns_that_the_user_moved_are_found(report: Report) -> None:
    """A status column in front of the user's own is filled where it is; the missing ones go to the right."""
    book, sheet = a_book()
    sheet.insert_cols(1)
    sheet["A1"], sheet["A2"], sheet["A3"], sheet["A9"] = "wegly_status", "old", "old", "old"
    _, path = report(book, [2, 3], results=[a_result(2), a_result(3, Outcome.SKIPPED)])
    found = load_workbook(path)["Contatos"]
    assert statuses(found, column=1) == {2: "success", 3: "skipped"}
    assert [cell.value for cell in found[1]] == ["wegly_status", "Nome", "Telefone", *COLUMNS[1:]]


def test_a_text_that_begins_with_an_equals_sign_stays_text(report: Report) -> None:
    """`=1+1` as text, quoted or not, is text after the round; a formula stays a formula, with its stored value."""
    book, sheet = a_book([2, 3, 4])
    for row, quoted in ((2, True), (3, False)):
        sheet.cell(row, 1).value = "=1+1"
        sheet.cell(row, 1).data_type = "s"
        sheet.cell(row, 1).quotePrefix = quoted
    sheet["A4"] = "=B4+1"
    refused = Result(
        row=2, outcome=Outcome.ERROR, findings=(Finding(Reason.PHONE_NOT_A_NUMBER, {"found": "=HYPERLINK(1)"}),)
    )
    _, path = report(book, [2, 3, 4], results=[refused, a_result(3), a_result(4)])
    found = load_workbook(path)["Contatos"]
    assert [(found.cell(row, 1).value, found.cell(row, 1).data_type) for row in (2, 3, 4)] == [
        ("=1+1", "s"),
        ("=1+1", "s"),
        ("=B4+1", "f"),
    ]
    assert found["A2"].quotePrefix
    assert (found["E2"].value, found["E2"].data_type) == ("=HYPERLINK(1) is not a phone number.", "s")
    assert found["E2"].quotePrefix
    assert found["G3"].quotePrefix


def test_a_formula_keeps_the_value_that_was_stored_with_it(report: Report, tmp_path: Path) -> None:
    """What only reads stored values (a preview, our own loader) still sees them in the report."""
    book, sheet = a_book([2, 3, 4, 5])
    sheet["A2"], sheet["A3"], sheet["A4"], sheet["A5"] = '="Ana "&"& Cia"', "=B3+1", "=1/0", "=B5>1"
    other = book.create_sheet("Outra")
    other["A1"] = "=Contatos!B3"
    plain, stored = tmp_path / "plain.xlsx", tmp_path / "contatos.xlsx"
    book.save(plain)
    values = {
        "Contatos": {
            "A2": (' t="str"', "Ana &amp; Cia"),
            "A3": ("", "11988887778"),
            "A4": (' t="e"', "#DIV/0!"),
            "A5": (' t="b"', "1"),
        },
        "Outra": {"A1": ("", "11988887777")},
    }
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(stored, "w") as target:
        for name in source.namelist():
            content = source.read(name).decode() if name.endswith(".xml") else ""
            for number, cells in enumerate(values.values(), start=1):
                for cell, (kind, value) in cells.items() if name.endswith(f"/sheet{number}.xml") else ():
                    head, found, rest = content.partition(f'<c r="{cell}">')
                    formula, _, rest = rest.partition("<v")
                    end = rest.partition("</c>")[2]
                    assert found
                    content = f'{head}<c r="{cell}"{kind}>{formula}<v>{value}</v></c>{end}'
            target.writestr(name, content or source.read(name))
    _, path = report(stored, [2, 3, 4, 5])
    read = load_workbook(path, data_only=True)
    assert [read["Contatos"].cell(row, 1).value for row in (2, 3, 4, 5)] == ["Ana & Cia", 11988887778, "#DIV/0!", True]
    assert read["Outra"]["A1"].value == 11988887777
    assert load_workbook(path)["Contatos"]["A3"].value == "=B3+1"
    assert CalamineWorkbook.from_path(str(path)).get_sheet_by_name("Contatos").to_python()[1][0] == "Ana & Cia"


def test_the_rest_of_the_workbook_stays(report: Report) -> None:
    """Other sheets, fonts, comments, validations, a chart, and a sheet of the user's named Summary are there."""
    book, sheet = a_book()
    sheet["A2"].font = Font(name="Georgia", size=14, italic=True)
    sheet["A2"].comment = Comment("Ligar", "Ana")
    rule = DataValidation(type="list", formula1='"sim,nao"')
    rule.add("B2:B9")
    sheet.add_data_validation(rule)
    theirs = book.create_sheet("Summary")
    theirs["A1"] = "meu resumo"
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3), titles_from_data=True)
    theirs.add_chart(chart, "C3")
    written, path = report(book, [2, 3])
    made = load_workbook(path)
    assert written.problems == ()
    assert made.sheetnames == ["Summary (2)", "Contatos", "Summary"]
    assert made["Summary"]["A1"].value == "meu resumo"
    assert len(made["Summary"]._charts) == 1
    assert made["Contatos"]["A2"].font.name == "Georgia"
    assert made["Contatos"]["A2"].comment.text == "Ligar"
    assert [str(each.sqref) for each in made["Contatos"].data_validations.dataValidation] == ["B2:B9"]


def test_parts_that_no_library_knows_stay_byte_for_byte(report: Report, tmp_path: Path) -> None:
    """Slicers, threads of comments and whatever comes next are in the copy, and nothing has to be said of them."""
    book, _ = a_book()
    path = tmp_path / "contatos.xlsx"
    book.save(path)
    strange = {
        "xl/slicers/slicer1.xml": b"<slicers/>",
        "xl/threadedComments/threadedComment1.xml": b"<x/>",
        "xl/sculptures/sculpture1.xml": b"<x/>",
    }
    with zipfile.ZipFile(path, "a") as archive:
        for name, content in strange.items():
            archive.writestr(name, content)
    written, made = report(path, [2, 3])
    assert written.problems == ()
    with zipfile.ZipFile(made) as archive:
        assert {name: archive.read(name) for name in strange} == strange


def test_macros_are_kept_and_the_name_tells(report: Report, tmp_path: Path) -> None:
    """A workbook with macros becomes report.xlsm with them; one named .xlsm without macros becomes a plain .xlsx."""
    book, _ = a_book()
    plain = tmp_path / "contatos.xlsm"
    book.save(plain)
    _, made = report(plain, [2, 3])
    assert made.name == "report.xlsx"
    with zipfile.ZipFile(made) as archive:
        assert b"macroEnabled" not in archive.read("[Content_Types].xml")
    macros = tmp_path / "macros.xlsm"
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(macros, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "[Content_Types].xml":
                content = content.replace(
                    b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
                    b"application/vnd.ms-excel.sheet.macroEnabled.main+xml",
                ).replace(
                    b"</Types>",
                    b'<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/></Types>',
                )
            target.writestr(name, content)
        target.writestr("xl/vbaProject.bin", b"macros")
    written, made = report(macros, [2, 3])
    assert (made.name, written.problems) == ("report.xlsm", ())
    with zipfile.ZipFile(made) as archive:
        assert archive.read("xl/vbaProject.bin") == b"macros"
        assert b"sheet.macroEnabled.main+xml" in archive.read("[Content_Types].xml")
        assert len(set(archive.namelist())) == len(archive.namelist())


def test_a_table_grows_by_the_result_columns(report: Report) -> None:
    """A filter over a table would damage the file, so the table itself takes the results in, once."""
    book, sheet = a_book()
    sheet.add_table(Table(displayName="Clientes", ref="A1:B3"))
    _, path = report(book, [2, 3])
    for _ in range(2):
        made = load_workbook(path)
        table = made["Contatos"].tables["Clientes"]
        assert (table.ref, table.autoFilter.ref) == ("A1:O3", "A1:O3")
        assert table.column_names == ["Nome", "Telefone", *COLUMNS]
        assert made["Contatos"].auto_filter.ref is None
        _, path = report(made, [2, 3])


def test_the_users_filter_and_its_choice_stay(report: Report) -> None:
    """A filter that was set keeps what it filters by and takes the result columns in."""
    book, sheet = a_book([2, 3, 4])
    sheet.auto_filter.ref = "A1:B4"
    sheet.auto_filter.add_filter_column(0, ["Ana 2"])
    sheet.row_dimensions[3].hidden = True
    _, path = report(book, [2, 3, 4])
    found = load_workbook(path)["Contatos"]
    assert found.auto_filter.ref == "A1:O4"
    assert found.auto_filter.filterColumn[0].filters.filter == ["Ana 2"]
    assert found.row_dimensions[3].hidden
    assert found["C3"].value == list(Outcome)[3].value


def test_result_columns_are_seen_where_the_user_hid_the_rest_of_the_sheet(report: Report) -> None:
    """A range of hidden columns to the end of the sheet makes room; what is left of it stays hidden."""
    book, sheet = a_book()
    dimension = sheet.column_dimensions["C"]
    dimension.min, dimension.max, dimension.hidden, dimension.width = 3, 16_384, True, 4
    _, path = report(book, [2, 3])
    found = load_workbook(path)["Contatos"].column_dimensions
    assert not found["C"].hidden
    assert found["C"].width > len("wegly_status")
    assert (found["P"].hidden, found["P"].min, found["P"].max) == (True, 16, 16_384)


def test_a_workbook_that_openpyxl_cannot_read_gives_a_clean_one(report: Report, tmp_path: Path) -> None:
    """The report is there all the same, with the rows, and says why it looks different."""
    book, _ = a_book()
    good, bad = tmp_path / "good.xlsx", tmp_path / "contatos.xlsx"
    book.save(good)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            target.writestr(name, b"<broken" if name == "xl/styles.xml" else source.read(name))
    written, path = report(bad, [2, 3], results=[a_result(2), a_result(3)])
    assert written.problems == (
        "contatos.xlsx cannot be written back with its own formatting. So the report has its rows in a new workbook.",
    )
    made = load_workbook(path)
    assert statuses(made["Contatos"]) == {2: "success", 3: "success"}
    assert made["Contatos"]["A2"].value == "Ana"
    with use_language("pt_BR"):  # that of the screen: the report stays in the campaign's
        written, path = report(bad, [2, 3], results=[a_result(2), a_result(3)])
    (problem,) = written.problems
    assert problem.startswith("contatos.xlsx não pode ser gravado de volta com a própria formatação. Por isso")
    notes = [str(cell.value) for cell in load_workbook(path)["Summary"]["B"]]
    assert any(note.startswith("Please note: contatos.xlsx cannot be written back") for note in notes)


def test_a_sheet_without_header_keeps_its_rows_and_says_what_the_columns_are(report: Report) -> None:
    """The first row is data: its result is beside it, and the summary names the columns instead of headings."""
    book, _ = a_book([1, 2])
    _, path = report(book, [1, 2], header_row=0, results=[a_result(1), a_result(2, Outcome.ERROR)])
    made = load_workbook(path)
    assert statuses(made["Contatos"]) == {1: "success", 2: "error"}
    assert made["Contatos"].auto_filter.ref is None
    said = " ".join(str(cell.value) for cell in made["Summary"]["B"] if cell.value)
    assert f"in their order they are {', '.join(COLUMNS)}." in said


def test_a_sheet_of_the_user_named_resumo_stays(report: Report) -> None:
    """In Portuguese our summary is Resumo; it steps aside for a sheet of that name that is not ours."""
    book, _ = a_book([2, 3])
    book.create_sheet("RESUMO")["A1"] = "meu"
    _, path = report(book, [2, 3], language="pt_BR")
    found = load_workbook(path)
    assert found.sheetnames == ["Resumo (2)", "Contatos", "RESUMO"]
    assert found["RESUMO"]["A1"].value == "meu"
    assert found["Resumo (2)"]["A1"].value == "wegly-batch report"
