"""The three files of a report: what is in them, that they agree, and what happens when one cannot be written."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from rights import is_private

from batch.errors import SheetError
from batch.i18n import use_language
from batch.loader import open_sheet
from batch.model.csv_injection import unguard
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result, Run, Tally
from batch.model.sheets import SheetInfo, SheetRow
from batch.reporter import COLUMNS, ReportFiles, SourceSheet, headline, summary_bytes, write_report
from batch.reporter.columns import ALL_COLUMNS, DELIVERY_COLUMNS
from batch.reporter.printable_text import LONGEST
from batch.reporter.xlsx import new_workbook as clean_workbook

START = datetime(2026, 11, 3, 13, 0, tzinfo=UTC)
HEADER = ("Nome", "Telefone", "Obs")
RUN = Run(
    run="the-run",
    campaign="novembro",
    endpoint="https://api.wegly.com.br",
    sheet_path="/data/contatos.csv",
    sheet_sha256="ab" * 32,
    version="0.1.0",
    started=START,
    finished=START + timedelta(minutes=1),
    exit_code=4,
)


def six_results(first: int = 2) -> list[Result]:
    """One result of each outcome, on consecutive rows."""
    tried = {"person": "+5511988887777", "attempts": 1, "sent_at": START, "duration_ms": 12, "run": "the-run"}
    accepted = {**tried, "chat_id": "c", "chat_status": "OPEN", "http_status": 200, "evidence": Evidence.OLDER_DATE}
    every = (
        (Outcome.SUCCESS, Finding(Reason.CREATED), accepted),
        (Outcome.REUSED, Finding(Reason.REUSED), accepted),
        (Outcome.ERROR, Finding(Reason.PHONE_NOT_A_NUMBER, {"found": "=cmd|'/c calc'!A0"}), {}),
        (Outcome.UNKNOWN, Finding(Reason.ANSWER_TIMEOUT, {"seconds": "60"}), tried),
        (Outcome.SKIPPED, Finding(Reason.DUPLICATE, {"row": "2"}), {"person": "+5511988887777"}),
        (Outcome.PENDING, Finding(Reason.LIMIT), {"person": "+5511988887777"}),
    )
    return [
        Result(row=row, outcome=outcome, findings=(finding,), **values)  # type: ignore[arg-type]  # a table of fields
        for row, (outcome, finding, values) in enumerate(every, start=first)
    ]


def tally_of(results: Sequence[Result]) -> Tally:
    counts = Counter(each.outcome for each in results)
    return Tally(
        counts={outcome: counts[outcome] for outcome in Outcome},
        reasons=Counter((each.outcome, each.reason) for each in results),
    )


Report = Callable[..., tuple[ReportFiles, Path]]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Writes the report of a text file's rows: row number to cells."""

    def write(
        rows: dict[int, tuple[str | None, ...]], results: Sequence[Result], **changes: object
    ) -> tuple[ReportFiles, Path]:
        info = SheetInfo(
            file="contatos.csv",
            format="csv",
            sheet=None,
            encoding="cp1252",
            delimiter=";",
            header_row=1,
            columns=HEADER,
        )

        def given() -> Iterator[SheetRow]:
            return (SheetRow(number=number, cells=cells) for number, cells in rows.items())

        view = SourceSheet(path=None, info=replace(info, **changes), rows=given, name="contatos.csv")
        folder = tmp_path / "report"
        folder.mkdir(exist_ok=True)
        return write_report(folder, run=RUN, tally=tally_of(results), sheet=view, results=lambda: iter(results)), folder

    return write


def csv_lines(folder: Path) -> list[list[str]]:
    text = (folder / "results.csv").read_bytes().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))


def table(sheet: Worksheet, header_row: int = 1) -> dict[int, dict[str, object]]:
    """Row number to the filled cells by heading, of every row with a status."""
    names = [str(cell.value) for cell in sheet[header_row]]
    rows = ((row, [cell.value for cell in sheet[row]]) for row in range(header_row + 1, sheet.max_row + 1))
    found = {
        row: {name: value for name, value in zip(names, cells, strict=True) if value is not None} for row, cells in rows
    }
    return {row: cells for row, cells in found.items() if "wegly_status" in cells}


def test_the_files_agree_with_the_results_and_with_each_other(report: Report) -> None:
    """Row by row and column by column: workbook, CSV and JSON say the same of all six outcomes."""
    results = six_results()
    written, folder = report({each.row: ("Ana", "11 98888-7777", None) for each in results}, results)
    assert [path.name for path in written.files] == [
        "report.xlsx",
        "results.csv",
        "retry.xlsx",
        "report.html",
        "summary.json",
    ]
    assert written.problems == ()
    assert all(map(is_private, written.files))
    assert {path.name for path in folder.iterdir()} == {*(path.name for path in written.files), ".retry.sha256"}
    header, *lines = csv_lines(folder)
    assert header == [*HEADER, *ALL_COLUMNS]
    sheet = load_workbook(folder / "report.xlsx")["contatos"]
    in_book = table(sheet)
    for result, line in zip(results, lines, strict=True):
        in_csv = {name: unguard(value) for name, value in zip(header, line, strict=True) if value}
        sent = in_csv.get("wegly_sent_at")
        cells = {name: str(value) for name, value in in_book[result.row].items()}
        if sent:
            assert sent == "2026-11-03T10:00:00-03:00"
            assert cells.pop("wegly_sent_at") == "2026-11-03 10:00:00"
            in_csv.pop("wegly_sent_at")
        assert cells == in_csv
        assert (cells["wegly_status"], cells["wegly_reason"]) == (result.outcome.value, result.reason)
    found = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert found == json.loads(summary_bytes(RUN, tally_of(results)))
    assert found["counts"] == Counter(cells["wegly_status"] for cells in in_book.values())


def test_the_summary_sheet_says_what_the_json_says(report: Report) -> None:
    """Counts and reasons on the first sheet are those of summary.json, and the headline is there, with two charts."""
    results = [*six_results(), replace(six_results()[0], row=8, sent_at=START + timedelta(seconds=90))]
    _, folder = report({each.row: ("Ana", "1", None) for each in results}, results)
    sheet = load_workbook(folder / "report.xlsx")["Summary"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    found = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    top = next(number for number, row in enumerate(rows) if row[1] == "Outcome")
    assert {row[2]: row[3] for row in rows[top + 1 : top + 7]} == found["counts"]
    assert {row[1]: row[2] for row in rows[top + 1 : top + 7]} == {each.word: each.value for each in Outcome}
    assert rows[top + 7][1:4] == ["All rows", None, 7]
    second = next(number for number, row in enumerate(rows) if row[1:3] == ["Outcome", "Reason"])
    named = {(row[1], row[2]): row[3] for row in rows[second + 1 : second + 7]}
    assert named == {(Outcome(each["outcome"]).word, each["reason"]): each["rows"] for each in found["reasons"]}
    assert {text for row in rows for text in row} >= set(headline(RUN, tally_of(results), last_sent=START))
    assert len(sheet._charts) == 2


def test_row_n_of_the_sheet_is_row_n_of_workbook_and_csv(report: Report) -> None:
    """A header below titles and blank rows in the middle: the CSV file begins with the header, and keeps distances."""
    results = [replace(each, row=row) for each, row in zip(six_results(), (5, 6, 9, 10, 11, 40), strict=True)]
    _, folder = report({each.row: (f"Ana {each.row}", "1", None) for each in results}, results, header_row=4)
    lines = csv_lines(folder)
    assert lines[0][:3] == list(HEADER)
    assert {number: line[3] for number, line in enumerate(lines[1:], start=5) if line} == {
        each.row: each.outcome.value for each in results
    }
    book = load_workbook(folder / "report.xlsx")
    assert {row: cells["Nome"] for row, cells in table(book["contatos"], 4).items()} == {
        each.row: f"Ana {each.row}" for each in results
    }
    assert book["contatos"].freeze_panes == "A5"
    assert book["contatos"].auto_filter.ref == "A4:P40"
    said = [cell.value for cell in book["Summary"]["B"]]
    assert "Please note: The lines above the header (row 4) are in contatos.csv only." in said


@pytest.mark.parametrize("title", ["sheet", "Sheet", "SHEET"])
def test_a_worksheet_keeps_the_name_that_openpyxl_gives_a_new_one(report: Report, title: str) -> None:
    """Rows of `sheet.csv` are on the worksheet of that name in both workbooks, not on `sheet1`."""
    _, folder = report({each.row: ("Ana", "1", None) for each in six_results()}, six_results(), sheet=title)
    assert load_workbook(folder / "report.xlsx").sheetnames[1:] == [title]
    assert load_workbook(folder / "retry.xlsx").sheetnames == [title]


def test_every_text_of_a_csv_arrives_as_that_text(report: Report) -> None:
    """Formulas, emoji, errors, control characters, line breaks and escapes stay text in the workbook."""
    texts = [
        "=1+1",
        "@SUM(A1)",
        "+55 11 98888-7777",
        "-5,20",
        "João 😀",
        "#N/A",
        "two\nlines",
        "0012",
        "_x0041_",
        '"a";b',
    ]
    results = [replace(six_results()[0], row=row) for row, _ in enumerate(texts, start=2)]
    _, folder = report({row: ("Ana\x01", "1", text) for row, text in enumerate(texts, start=2)}, results)
    sheet = load_workbook(folder / "report.xlsx")["contatos"]
    assert {cell.data_type for cell in sheet["C"]} == {"s"}
    assert [cell.value for cell in sheet["C"]][1:] == [text.replace("_x", "_x005F_x") for text in texts]
    assert [cell.value for cell in sheet["C"] if cell.quotePrefix] == texts[:4]
    assert sheet["A2"].value == "Ana\N{REPLACEMENT CHARACTER}"
    assert [unguard(line[2]) for line in csv_lines(folder)[1:]] == texts


def test_our_own_loader_reads_the_report_back(report: Report) -> None:
    """Fed back, both files give the same rows, texts and outcomes under the same numbers."""
    texts = ["=1+1", "-5,20", "+5511988887777", "'=1", "João 😀", "_x0041_", "a;b"]
    results = [replace(six_results()[0], row=row) for row, _ in enumerate(texts, start=2)]
    _, folder = report({row: ("Ana", "11 98888-7777", text) for row, text in enumerate(texts, start=2)}, results)
    for name in ("report.xlsx", "results.csv"):
        sheet = open_sheet(folder / name)
        rows = list(sheet.rows())
        assert sheet.info.columns == (*HEADER, *(ALL_COLUMNS if name == "results.csv" else COLUMNS))
        assert [row.number for row in rows] == [each.row for each in results]
        assert [row.cells[2] for row in rows] == texts
        assert [row.cells[3] for row in rows] == ["success"] * len(texts)
        assert {row.cells[7] for row in rows} == {"+55 11 98888-7777"}


def test_the_csv_is_one_that_brazilian_excel_opens(report: Report) -> None:
    """A byte order mark, semicolons, CRLF."""
    _, folder = report({2: ("Ana", "1", "a;b")}, six_results()[:1])
    content = (folder / "results.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfNome;Telefone;Obs;wegly_status;")
    assert content.count(b"\r\n") == content.count(b"\n") == 2
    assert b';"a;b";success;created;' in content


def test_a_text_longer_than_excel_allows_is_cut_and_that_is_said(report: Report) -> None:
    """Excel calls a file with a longer text damaged; an emoji counts as two and is not cut in half."""
    whole = "😀" * LONGEST
    written, folder = report({2: ("Ana", "1", whole)}, six_results()[:1])
    assert written.problems == (
        "Text longer than Excel allows is cut in the workbook (1 cell); results.csv has it whole.",
    )
    assert load_workbook(folder / "report.xlsx")["contatos"]["C2"].value == "😀" * (LONGEST // 2)
    csv.field_size_limit(1_000_000)
    assert csv_lines(folder)[1][2] == whole


def test_an_earlier_report_as_csv_gets_its_results_replaced(report: Report) -> None:
    """Its result columns keep their places and are there once."""
    old = ("x",) * len(COLUMNS)
    rows: dict[int, tuple[str | None, ...]] = {2: ("Ana", *old, "1")}
    written, folder = report(rows, six_results()[:1], columns=("Nome", *COLUMNS, "Telefone"))
    header, line = csv_lines(folder)
    assert header == ["Nome", *COLUMNS, "Telefone", *DELIVERY_COLUMNS]
    assert (line[0], line[1], line[4], line[14:]) == ("Ana", "success", "", ["1", *[""] * 5])
    assert "x" not in line
    assert written.problems == ()


def test_a_sheet_that_is_gone_leaves_what_the_ledger_knows(tmp_path: Path) -> None:
    """Row, phone and outcome, and a sentence that says so, in the answer and on the summary."""
    results = six_results(first=5)
    view = SourceSheet(path=None, info=None, rows=None, name="contatos.xlsx")
    written = write_report(tmp_path, run=RUN, tally=tally_of(results), sheet=view, results=lambda: iter(results))
    problem, no_retry = written.problems
    assert no_retry == "Without the sheet its rows cannot be put into a retry.xlsx; one of before stays as it is."
    assert problem == (
        "contatos.xlsx is gone or has changed since the run, "
        "so the report has only what the ledger knows: row, phone and outcome."
    )
    book = load_workbook(tmp_path / "report.xlsx")
    found = table(book["contatos"])
    assert {row: (cells["row"], cells["wegly_status"]) for row, cells in found.items()} == {
        each.row: (each.row, each.outcome.value) for each in results
    }
    assert f"Please note: {problem}" in [cell.value for cell in book["Summary"]["B"]]
    assert [line[:2] for line in csv_lines(tmp_path) if line][1:] == [
        [str(each.row), each.outcome.value] for each in results
    ]


def test_problems_are_told_in_the_language_of_the_screen(tmp_path: Path) -> None:
    """And stand in the report in that of the campaign."""
    results = six_results(first=5)
    view = SourceSheet(path=None, info=None, rows=None, name="contatos.xlsx", host="vm")
    with use_language("pt_BR"):
        written = write_report(tmp_path, run=RUN, tally=tally_of(results), sheet=view, results=lambda: iter(results))
    where, no_retry = written.problems
    assert where.startswith("contatos.xlsx está em vm, então")
    assert no_retry.startswith("Sem a planilha")
    summary = [str(cell.value) for cell in load_workbook(tmp_path / "report.xlsx")["Summary"]["B"]]
    assert any(text.startswith("Please note: contatos.xlsx is on vm, so") for text in summary)


def test_more_rows_than_a_worksheet_holds_go_on_the_next(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a limit of 4 rows a sheet, 6 rows need two sheets, each with the header, and the report says where."""
    monkeypatch.setattr(clean_workbook, "LAST_ROW", 4)
    results = six_results()
    written, folder = report({each.row: (f"Ana {each.row}", "1", None) for each in results}, results)
    book = load_workbook(folder / "report.xlsx")
    assert book.sheetnames == ["Summary", "contatos", "contatos (2)"]
    names = [[cells["Nome"] for cells in table(book[title]).values()] for title in book.sheetnames[1:]]
    assert names == [["Ana 2", "Ana 3", "Ana 4"], ["Ana 5", "Ana 6", "Ana 7"]]
    assert written.problems == (
        "The sheet has more rows than a worksheet can hold: row 5 and what follows are on 'contatos (2)'.",
    )


def test_rows_that_no_cell_can_mend_are_not_said_to_be_in_retry(report: Report) -> None:
    """They are to fix, by other means: the numbers must fit what is there."""
    reasons = {2: Reason.VALUE_MISSING, 3: Reason.NOT_DELIVERED_BY_CHOICE, 4: Reason.OPTED_OUT}
    results = [
        Result(row=row, outcome=Outcome.ERROR, findings=(Finding(reason),), person="+5511988887777")
        for row, reason in reasons.items()
    ]
    written, folder = report(dict.fromkeys(reasons, ("Ana", "1", None)), results)
    assert load_workbook(folder / "retry.xlsx").worksheets[0].max_row == 2
    assert written.steps[0].title == "3 rows to fix"
    assert written.steps[0].words == (
        "Nothing was sent to these. Correct 1 of them in retry.xlsx, save it, and run it like a sheet; report.xlsx "
        "says what to do about the others."
    )


def test_one_file_that_fails_does_not_stop_the_others(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk for the workbook: CSV and JSON are there, and a sentence says what is missing."""
    place = Path.replace

    def full(self: Path, to: Path) -> Path:
        if to.suffix == ".xlsx":
            raise OSError(28, "No space left on device")
        return place(self, to)

    monkeypatch.setattr(Path, "replace", full)
    written, folder = report({2: ("Ana", "1", None)}, six_results()[:1])
    assert written.problems == ("report.xlsx could not be written: No space left on device.",)
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "results.csv", "summary.json"]
    with use_language("pt_BR"):  # that of the screen
        written, folder = report({2: ("Ana", "1", None)}, six_results()[:1])
    assert written.problems == ("report.xlsx não pôde ser gravado: não há espaço no disco.",)


def test_a_workbook_open_in_excel_is_written_under_another_name(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows refuses the rename; the answer names the file that has the new report."""
    place = Path.replace

    def held(self: Path, to: Path) -> Path:
        if to.name == "report.xlsx":
            raise PermissionError(13, "Permission denied")
        return place(self, to)

    monkeypatch.setattr(Path, "replace", held)
    written, _ = report({2: ("Ana", "1", None)}, six_results()[:1])
    assert written.files[0].name == "report (2).xlsx"
    assert written.problems == ("report.xlsx is open in another program, so it was written as report (2).xlsx.",)


def test_counts_that_do_not_fit_the_rows_are_told(tmp_path: Path) -> None:
    """A ledger that moved on between counting and writing does not go unnoticed."""
    results = six_results()
    view = SourceSheet(path=None, info=None, rows=None, name="contatos.xlsx")
    written = write_report(tmp_path, run=RUN, tally=tally_of(results[1:]), sheet=view, results=lambda: iter(results))
    assert written.problems[1].startswith("The ledger changed while the report was being written")


def test_rows_that_cannot_be_read_again_cost_only_what_needs_them(tmp_path: Path) -> None:
    """The counts are there even when the sheet's copy was damaged in the meantime."""

    def damaged() -> Iterator[SheetRow]:
        raise SheetError("contatos.csv was changed.", "Run again.")

    info = SheetInfo(
        file="contatos.csv", format="csv", sheet=None, encoding="utf-8", delimiter=";", header_row=1, columns=HEADER
    )
    view = SourceSheet(path=None, info=info, rows=damaged, name="contatos.csv")
    results = six_results()
    folder = tmp_path / "report"
    folder.mkdir()
    written = write_report(folder, run=RUN, tally=tally_of(results), sheet=view, results=lambda: iter(results))
    assert [path.name for path in written.files] == ["summary.json"]
    assert written.problems == (
        "report.xlsx could not be written. contatos.csv was changed. Run again.",
        "results.csv could not be written. contatos.csv was changed. Run again.",
        "retry.xlsx could not be written. contatos.csv was changed. Run again.",
        "report.html could not be written. contatos.csv was changed. Run again.",
    )
    assert [path.name for path in folder.iterdir()] == ["summary.json"]
