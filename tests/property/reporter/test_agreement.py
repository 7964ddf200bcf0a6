"""For any rows and results, every form of the report has the same outcomes on the same rows."""

import csv
import io
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from page_data import page_counts, page_reasons, page_rows

from batch.model.csv_injection import unguard
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result, Run, Tally
from batch.model.sheets import SheetInfo, SheetRow
from batch.reporter import SourceSheet, write_report
from batch.reporter.html.text import harmless
from batch.reporter.printable_text import printable

START = datetime(2026, 11, 3, 13, 0, tzinfo=UTC)
RUN = Run(
    run="the-run",
    campaign="=1+1",
    endpoint="https://api.wegly.com.br",
    sheet_path="/data/contatos.xlsx",
    sheet_sha256="ab" * 32,
    version="0.1.0",
    started=START,
)
OUT = (Reason.OPTED_OUT, Reason.NOT_DELIVERED_BY_CHOICE)
TEXTS = st.text(alphabet=st.sampled_from("=+-@'\"; \t\n\x00\ud800😀ã1_x0041,")) | st.text(max_size=12)


@st.composite
def sheets(draw: st.DrawFn) -> tuple[int, list[SheetRow], list[Result]]:
    """A header row, rows below it with gaps, and a result for each of them."""
    header_row = draw(st.integers(1, 4))
    gaps = draw(st.lists(st.integers(1, 4), min_size=1, max_size=8))
    numbers = [header_row + sum(gaps[: index + 1]) for index in range(len(gaps))]
    rows = [SheetRow(number=number, cells=(draw(TEXTS) or None, draw(TEXTS) or "x")) for number in numbers]
    results = []
    for number in numbers:
        outcome = draw(st.sampled_from(Outcome))
        finding = Finding(draw(st.sampled_from(Reason)), {"found": draw(TEXTS), "words": draw(TEXTS)})
        moment = START + timedelta(seconds=draw(st.integers(0, 10**7)))
        results.append(Result(row=number, outcome=outcome, findings=(finding,), sent_at=moment, http_status=200))
    return header_row, rows, results


def user_workbook(path: Path, header_row: int, rows: Sequence[SheetRow]) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Contatos"
    for column, name in enumerate(("Nome", "Obs"), start=1):
        sheet.cell(header_row, column, name)
        for row in rows:
            text = printable(row.cells[column - 1] or "")
            if text:
                cell = sheet.cell(row.number, column)
                cell.value = text
                cell.data_type = "s"
    book.save(path)


@settings(deadline=None, max_examples=20)
@given(sheets(), st.sampled_from(["csv", "xlsx"]))
def test_every_form_reads_back_to_the_same_outcomes(sheet: tuple[int, list[SheetRow], list[Result]], kind: str) -> None:
    """Workbook, CSV and page have each row's status and reason under its number, and the counts are those of the
    rows."""
    header_row, rows, results = sheet
    counts = Counter(each.outcome for each in results)
    tally = Tally(
        counts={outcome: counts[outcome] for outcome in Outcome},
        reasons=Counter((each.outcome, each.reason) for each in results),
    )
    info = SheetInfo(
        file="contatos",
        format=kind,
        sheet="Contatos",
        encoding=None,
        delimiter=None,
        header_row=header_row,
        columns=("Nome", "Obs"),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        user_workbook(folder / "user.xlsx", header_row, rows)
        view = SourceSheet(path=folder / "user.xlsx", info=info, rows=lambda: iter(rows), name="contatos")
        written = write_report(folder, run=RUN, tally=tally, sheet=view, results=lambda: iter(results))
        wrong = [each for each in results if each.outcome is Outcome.ERROR and each.findings[0].reason not in OUT]
        more = ["retry.xlsx"] if wrong else []
        assert [path.name for path in written.files] == [
            "report.xlsx",
            "results.csv",
            *more,
            "report.html",
            "summary.json",
        ]
        found = load_workbook(folder / "report.xlsx")["Contatos"]
        text = (folder / "results.csv").read_bytes().decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))
        summed = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        page = (folder / "report.html").read_text(encoding="utf-8")
    expected = {each.row: (each.outcome.value, each.reason) for each in results}
    in_book = {
        row: (found.cell(row, 3).value, found.cell(row, 4).value) for row in range(header_row + 1, found.max_row + 1)
    }
    assert {row: cells for row, cells in in_book.items() if cells[0]} == expected
    in_csv = {number: line for number, line in enumerate(lines[1:], start=header_row + 1) if line}
    assert {number: (line[2], line[3]) for number, line in in_csv.items()} == expected
    assert {number: unguard(line[1]) for number, line in in_csv.items()} == {
        row.number: printable(row.cells[1] or "") for row in rows
    }
    in_page = page_rows(page)
    assert {row[0]: (row[1], row[2]) for row in in_page} == expected
    assert {row[0]: row[-1] for row in in_page} == {row.number: harmless(row.cells[1] or "") for row in rows}
    assert {row[0]: row[3] for row in in_page} == {
        number: harmless(unguard(line[4])) for number, line in in_csv.items()
    }
    assert page_counts(page) == summed["counts"] == {outcome.value: counts[outcome] for outcome in Outcome}
    by_reason = Counter[str]()
    for each in summed["reasons"]:
        if Outcome(each["outcome"]).is_accepted:
            continue  # these rows need nothing
        by_reason[each["reason"]] += each["rows"]
    assert page_reasons(page) == by_reason
    assert sum(summed["counts"].values()) == len(results) == sum(each["rows"] for each in summed["reasons"])
    assert {cell.data_type for row in found.iter_rows() for cell in row} <= {"s", "n", "d"}
