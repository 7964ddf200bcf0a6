"""For any rows, retry.xlsx reads back as the loader read the sheet, and leads back to it."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from batch.loader import open_sheet
from batch.loader.formats.dates_and_numbers import NOT_A_NUMBER, error_cell, plain_text
from batch.model.messages import ORIGIN_COLUMNS, Origin
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result, Run, Tally
from batch.model.sheets import SheetInfo, SheetRow
from batch.reporter import SourceSheet, write_report

RUN = Run(
    run="the-run",
    campaign="novembro",
    endpoint="https://api.wegly.com.br",
    sheet_path="/data/contatos.csv",
    sheet_sha256="ab" * 32,
    version="0.1.0",
    started=datetime(2026, 11, 3, 13, tzinfo=UTC),
)
READ = (st.text(alphabet="=+-@'_x00041Bb\x0b\x00\r\n\t\ufffe 😀ã#/N;") | st.text(max_size=20)).map(
    lambda text: plain_text(text.encode("utf-8", "replace").decode())
)
"""A cell as a loader may have read it: trimmed, None when nothing is left."""
ERRORS = {"#N/A": error_cell("#N/A"), "#VALUE!": NOT_A_NUMBER}


@st.composite
def wrong_rows(draw: st.DrawFn) -> tuple[list[SheetRow], list[Result]]:
    rows, results = [], []
    number = 6
    for _ in range(draw(st.integers(1, 6))):
        number += draw(st.integers(1, 4))
        cells = [draw(READ), draw(READ), draw(READ)]
        errors = {}
        if draw(st.booleans()):
            cells[2], errors = None, {"Valor (R$)": draw(st.sampled_from(list(ERRORS.values())))}
        reason = draw(st.sampled_from([Reason.PHONE_TOO_SHORT, Reason.CELL_UNREADABLE, Reason.ROW_MALFORMED]))
        column = draw(st.sampled_from(["Nome", "Telefone", "Nome, Telefone", "", "Outra"]))
        origin = Origin(run="r0", row=draw(st.integers(2, 99)), file="=1+1.csv") if draw(st.booleans()) else None
        finding = Finding(reason, {"found": cells[0] or "", "column": column})
        outcome = draw(st.sampled_from([Outcome.ERROR, Outcome.ERROR, Outcome.SUCCESS, Outcome.PENDING]))
        rows.append(SheetRow(number=number, cells=tuple(cells), errors=errors))
        results.append(Result(row=number, outcome=outcome, findings=(finding,), origin=origin))
    return rows, results


@settings(deadline=None, max_examples=25)
@given(wrong_rows())
def test_rows_to_correct_read_back_as_they_were_read(given_rows: tuple[list[SheetRow], list[Result]]) -> None:
    """Every cell and every unreadable cell of the rows in error, in order, and of no other row; with its origin."""
    rows, results = given_rows
    info = SheetInfo(
        file="contatos.csv",
        format="csv",
        sheet=None,
        encoding="utf-8",
        delimiter=";",
        header_row=6,
        columns=("Nome", "Telefone", "wegly_status", "Valor (R$)"),
    )
    sheet_rows = [
        SheetRow(number=row.number, cells=(*row.cells[:2], "success", row.cells[2]), errors=row.errors) for row in rows
    ]
    counts = Counter(each.outcome for each in results)
    tally = Tally(counts={outcome: counts[outcome] for outcome in Outcome}, reasons={})
    view = SourceSheet(path=None, info=info, rows=lambda: iter(sheet_rows), name="contatos.csv")
    wrong = [(row, result) for row, result in zip(rows, results, strict=True) if result.outcome is Outcome.ERROR]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "retry.xlsx"
        write_report(Path(name), run=RUN, tally=tally, sheet=view, results=lambda: iter(results))
        assert path.exists() == bool(wrong)
        if not wrong:
            return
        sheet = open_sheet(path, header_row=6)
        assert {cell.data_type for line in load_workbook(path).worksheets[0] for cell in line} <= {"s", "n", "e"}
        found = list(sheet.rows())
    assert sheet.info.columns[:3] == ("Nome", "Telefone", "Valor (R$)")
    assert [each.cells[:3] for each in found] == [row.cells for row, _ in wrong]
    unreadable = [str(each.errors.get("Valor (R$)", "")).rpartition(" ")[2] for each in found]
    assert unreadable == [
        next((code for code, words in ERRORS.items() if words == row.errors.get("Valor (R$)")), "") for row, _ in wrong
    ]
    assert [bool(each.errors.get("")) for each in found] == [
        result.reason == Reason.ROW_MALFORMED.value for _, result in wrong
    ]
    places = [sheet.info.columns.index(each) for each in ORIGIN_COLUMNS]
    origins = [result.origin or Origin(run="the-run", row=row.number, file="contatos.csv") for row, result in wrong]
    assert [tuple(each.cells[place] for place in places) for each in found] == [
        (each.file, str(each.row), each.run) for each in origins
    ]
