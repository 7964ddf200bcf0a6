"""What the report does in short for rows that are as most are is what its careful ways give."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.workbook import Workbook

from batch.model.delivery import Delivery, DeliveryState
from batch.model.messages import Origin
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding, Reason
from batch.model.replies import Reply
from batch.model.runs import Result
from batch.ooxml.references import column_letters
from batch.reporter import results_csv
from batch.reporter.columns import ALL_COLUMNS, Value, delivery_values, place_columns, render_sentences, result_values
from batch.reporter.html import rows as html_rows
from batch.reporter.html.rows import PageRows
from batch.reporter.html.text import harmless
from batch.reporter.results_csv import write_csv
from batch.reporter.rows import ResultSpool, TableLayout, TableRow, make_row_renderer
from batch.reporter.xlsx.cells import CellWriter, ResultCells
from batch.reporter.xlsx.sheet_rows import remove_spans
from batch.reporter.xlsx.theme import Palette

ZONE = ZoneInfo("America/Sao_Paulo")
START = datetime(2026, 2, 28, 23, 59, 58, 999_999, tzinfo=UTC)
unhurried = settings(deadline=None, max_examples=100)

SIGNS = st.sampled_from(list("=+-@'\"; \t\n\r\x00\ud800😀ã1_x0041,()*\u202e\u00a0\ufeff\uff1d\uff0d"))
texts = (
    st.text(alphabet=SIGNS, max_size=8)
    | st.text(max_size=12)
    | st.sampled_from(
        ["+55 11 98888-7777", "-5,20", "--", "+1", "'-1", " =x", "x" * 2_001, "+55 11 9****-**77", "+1 2=3"]
    )
)
finding = st.builds(
    Finding,
    st.sampled_from(Reason),
    st.fixed_dictionaries({}, optional={"found": texts, "column": texts, "words": texts}),
)
findings = st.lists(finding, max_size=2).map(tuple)
times = st.integers(0, 10**7).map(lambda milliseconds: START + timedelta(milliseconds=milliseconds))


results = st.builds(
    Result,
    row=st.just(0),
    outcome=st.sampled_from(Outcome),
    findings=st.lists(finding, min_size=1, max_size=2).map(tuple),
    notes=findings,
    person=st.sampled_from([None, "+5511988887777", "+12025550143"]),
    chat_id=st.none() | texts,
    chat_status=st.none() | texts,
    evidence=st.none() | st.sampled_from(Evidence),
    http_status=st.none() | st.integers(100, 599),
    attempts=st.integers(0, 3),
    sent_at=st.none() | times,
    duration_ms=st.none() | st.integers(0, 9),
    run=st.none() | texts,
    delivery=st.none()
    | st.builds(
        Delivery,
        state=st.sampled_from(DeliveryState),
        seen_at=times,
        looked_at=times,
        word=st.none() | texts,
        code=st.none() | st.just(131049),
        words=texts,
        reply=st.none() | st.builds(Reply, at=times, kind=texts),
    ),
    origin=st.none() | st.builds(Origin, run=texts, row=st.integers(1, 9), file=texts),
)
sheets = st.lists(results, max_size=6).map(lambda made: [replace(each, row=at) for at, each in enumerate(made, 2)])


@unhurried
@given(sheets, st.sampled_from(["kept", "in a file", "no room"]))
def test_what_is_kept_is_what_each_result_says(found: list[Result], how: str) -> None:
    """Values, columns and origins, from memory, from a file, and made anew where nothing can be kept; rows that share
    their findings, and rows that do not."""
    shared = [replace(each, row=each.row + 10, findings=found[0].findings, notes=found[0].notes) for each in found]
    with pytest.MonkeyPatch.context() as patch, closing(ResultSpool(lambda: iter([*found, *shared]), ZONE)) as kept:
        if how == "in a file":
            kept._spool._file.rollover()
        if how == "no room":
            patch.setattr(kept._spool._file, "write", _full)
        assert list(kept.spool_results()) == [*found, *shared]
        for _ in range(2):
            told = list(kept.rows())
            assert told == list(map(make_row_renderer(ZONE), [*found, *shared]))
            assert [each.values for each in told] == [values(each) for each in (*found, *shared)]
            assert [(each.number, each.outcome, each.origin) for each in told] == [
                (each.row, each.outcome, each.origin) for each in (*found, *shared)
            ]


def values(result: Result) -> tuple[Value, ...]:
    """The values of one result by itself, without anything that was rendered before."""
    sent_at = result.sent_at.astimezone(ZONE).replace(microsecond=0).isoformat() if result.sent_at else None
    own = result_values(result, render_sentences(result), sent_at)
    return own + delivery_values(result.delivery, lambda second: datetime.fromtimestamp(second, ZONE).isoformat())


def _full(_: bytes) -> int:
    raise OSError(28, "No space left on device")


@unhurried
@given(sheets)
def test_the_last_kept_are_told_while_others_are_read(found: list[Result]) -> None:
    """Two readers of what is kept do not disturb each other."""
    with closing(ResultSpool(lambda: iter(found), ZONE)) as kept:
        assert list(kept.spool_results()) == found
        pairs: Iterator[tuple[object, object]] = zip(kept.rows(), kept.rows(), strict=True)
        assert all(one == other for one, other in pairs)


def lines_of(found: list[Result], own: list[tuple[str | None, str | None]]) -> tuple[TableLayout, list[TableRow]]:
    header = ("A", "B", *ALL_COLUMNS)
    layout = TableLayout(header=header, places=place_columns(["A", "B"], columns=ALL_COLUMNS), own=2, header_row=1)
    told = list(map(make_row_renderer(ZONE), found))
    return layout, [
        TableRow(each.number, (*cells, *each.values), each.outcome) for each, cells in zip(told, own, strict=False)
    ]


own_cells = st.lists(st.tuples(st.none() | texts, st.none() | texts), min_size=6, max_size=6)


@unhurried
@given(sheets, own_cells)
def test_csv_lines_that_need_no_care_are_written_alike(
    found: list[Result], own: list[tuple[str | None, str | None]]
) -> None:
    """Byte for byte, formulas guarded, whatever the cells hold."""
    layout, lines = lines_of(found, own)
    short, careful = io.BytesIO(), io.BytesIO()
    write_csv(short, layout, lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results_csv, "_is_plain", lambda _line: False)
        write_csv(careful, layout, lines)
    assert short.getvalue() == careful.getvalue()


@unhurried
@given(sheets, own_cells, st.sampled_from([0, 3, 20_000]))
def test_page_rows_that_need_no_care_are_written_alike(
    found: list[Result], own: list[tuple[str | None, str | None]], most: int
) -> None:
    """Every cell is as `harmless` leaves it, and a text that was written stands as its number from then on."""
    layout, lines = lines_of(found, own)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html_rows, "MOST_TEXTS", most)
        rows = PageRows(lines, layout, (0, 1), dict.fromkeys(Outcome, 10))
        written = [row for chunk in rows.chunks() for row in json.loads(chunk)]
    shown = [(line.number, *map(as_shown, (*line.cells[2:], *line.cells[:2]))) for line in lines]
    assert rows.plain == shown
    assert rows.cut == sum(isinstance(cell, str) and len(cell) > 2_000 for line in lines for cell in line.cells)
    seen: dict[str, int] = {}
    once = [False, *html_rows.INTERNED, True, True]
    for row, cells in zip(written, shown, strict=True):
        for cell, expected, interned in zip(row, cells, once, strict=True):
            if interned and isinstance(expected, str) and expected in seen:
                assert cell == seen[expected]
                continue
            assert cell == expected
            if interned and isinstance(expected, str) and len(seen) < most:
                seen[expected] = len(seen)


def as_shown(cell: Value) -> Value:
    return harmless(cell) if isinstance(cell, str) else cell


@unhurried
@given(sheets)
def test_result_cells_are_written_as_each_is(found: list[Result]) -> None:
    """The markup of a row, whatever rows came before it, and what must be counted as cut."""
    with closing(ResultSpool(lambda: iter(found), ZONE)) as kept:
        assert list(kept.spool_results()) == found
        rows = list(kept.rows())
    sheet = Workbook().worksheets[0]
    palette, places = Palette(sheet), [[index + 1] for index in range(len(ALL_COLUMNS))]
    once, again = CellWriter(), CellWriter()
    together = ResultCells(places, palette, once)
    for each in [*rows, *rows]:
        alone = ResultCells(places, palette, again)
        written = "".join(
            f'<c r="{column_letters(index + 1)}7"{alone.rest(index, value, each.outcome)}'
            for index, value in enumerate(each.values)
            if value is not None
        )
        assert together.row(7, each.values) == written
    assert once.cut == again.cut


@pytest.mark.parametrize(
    ("tag", "without"),
    [
        (b'<row r="5" spans="1:8">', b'<row r="5">'),
        (b'<row r="5" spans="1:8" ht="15">', b'<row r="5" ht="15">'),
        (b"<row r='5' spans='1:8'>", b"<row r='5'>"),
        (b'<row r="5" x=\' spans="1:8"\'>', b"<row r=\"5\" x=''>"),
        (b'<row r="5" spans = "1:8"/>', b'<row r="5"/>'),
        (b'<row r="5">', b'<row r="5">'),
    ],
)
def test_spans_go_however_they_are_written(tag: bytes, without: bytes) -> None:
    """In every spelling that XML allows."""
    assert remove_spans(tag) == without
