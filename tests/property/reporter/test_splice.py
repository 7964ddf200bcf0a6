"""However a worksheet's XML is written, the user's cells leave the report as they came, with results beside them."""

from __future__ import annotations

import random
import tempfile
import zipfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from batch.loader import open_sheet
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result, Run, Tally
from batch.reporter import COLUMNS, SourceSheet, write_report

START = datetime(2026, 11, 3, 13, 0, tzinfo=UTC)
RUN = Run(
    run="the-run",
    campaign="novembro",
    endpoint="https://api.example",
    sheet_path="/data/contatos.xlsx",
    sheet_sha256="ab" * 32,
    version="0",
    started=START,
)
USUAL = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
)
STRICT = ("http://purl.oclc.org/ooxml/spreadsheetml/main", "http://purl.oclc.org/ooxml/officeDocument/relationships")
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml"
TEXTS = st.text(alphabet=st.sampled_from("aã😀<&>\"' =1/c")) | st.sampled_from(["</row>", "<c r='A1'/>", "]]>", "x:c"])


@dataclass(frozen=True)
class Scribe:
    """A way to write a worksheet; no two programs have the same."""

    prefix: str = ""
    strict: bool = False
    encoding: str = "utf-8"
    shared: bool = True
    """Texts in a table of their own, or in the cells."""
    row_numbers: bool = True
    references: bool = True
    spans: bool = True
    quote: str = '"'
    blank: str = ""
    """Between tags."""
    remarks: bool = False
    """Comments and CDATA sections."""
    empty_cells: bool = False
    """Cells with a style and nothing in them, far to the right."""


SCRIBES = st.builds(
    Scribe,
    prefix=st.sampled_from(["", "x:"]),
    strict=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-8-sig", "iso-8859-1"]),
    shared=st.booleans(),
    row_numbers=st.booleans(),
    references=st.booleans(),
    spans=st.booleans(),
    quote=st.sampled_from("\"'"),
    blank=st.sampled_from(["", "\n  "]),
    remarks=st.booleans(),
    empty_cells=st.booleans(),
)
VALUES = (
    st.none() | TEXTS | st.integers(0, 10**11) | st.floats(0, 1000, allow_nan=False).map(lambda each: round(each, 2))
)
Rows = list[list[object]]


@st.composite
def tables(draw: st.DrawFn) -> Rows:
    """Rows below a header, some of them empty, some with less than the header and some with more."""
    rows = draw(st.lists(st.lists(VALUES, max_size=4), min_size=1, max_size=6))
    return [["Nome", "Telefone"], *rows, ["fim", 11999990001]]


def written(scribe: Scribe, rows: Rows) -> tuple[str, list[str]]:
    """The worksheet, and the table of texts that it refers to."""
    texts: list[str] = []
    quote, p = scribe.quote, scribe.prefix
    lines = []
    for number, row in enumerate(rows, start=1):
        if not row and scribe.row_numbers and number % 2:
            continue  # a row may be missing
        tag = f"{p}row"
        tag += f" r={quote}{number}{quote}" if scribe.row_numbers else ""
        tag += f" spans={quote}1:{max(1, len(row))}{quote}" if scribe.spans else ""
        cells = [_cell(scribe, texts, number, column, value) for column, value in enumerate(row, start=1)]
        if scribe.empty_cells and scribe.references:
            cells.append(f"<{p}c r={quote}T{number}{quote} s={quote}0{quote}/>")
        if scribe.remarks:
            lines.append("<!-- </row> <row> -->")
        lines.append(f"<{tag}>{scribe.blank.join(cells)}{scribe.blank}</{p}row>" if cells else f"<{tag}/>")
    names = f"xmlns{':' + p[:-1] if p else ''}={quote}{(STRICT if scribe.strict else USUAL)[0]}{quote}"
    body = scribe.blank.join(lines)
    return f"<{p}worksheet {names}><{p}sheetData>{body}</{p}sheetData></{p}worksheet>", texts


def _cell(scribe: Scribe, texts: list[str], row: int, column: int, value: object) -> str:
    quote, p = scribe.quote, scribe.prefix
    reference = f" r={quote}{chr(64 + column)}{row}{quote}" if scribe.references else ""
    if value is None or value == "":
        return f"<{p}c{reference}/>"
    if not isinstance(value, str):
        return f"<{p}c{reference}><{p}v>{value}</{p}v></{p}c>"
    if scribe.shared:
        texts.append(value)
        return f"<{p}c{reference} t={quote}s{quote}><{p}v>{len(texts) - 1}</{p}v></{p}c>"
    inside = f"<![CDATA[{value}]]>" if scribe.remarks and "]]>" not in value else escape(value)
    text = f"<{p}is><{p}t xml:space={quote}preserve{quote}>{inside}</{p}t></{p}is>"
    return f"<{p}c{reference} t={quote}inlineStr{quote}>{text}</{p}c>"


def write_book(path: Path, scribe: Scribe, rows: Rows) -> None:
    """A workbook of one sheet, with no more parts than it needs."""
    main, relations = STRICT if scribe.strict else USUAL
    sheet, texts = written(scribe, rows)
    if scribe.encoding == "iso-8859-1":
        content = f'<?xml version="1.0" encoding="iso-8859-1"?>{sheet}'.encode("iso-8859-1", "xmlcharrefreplace")
    else:
        declared = {"utf-16": "UTF-16"}.get(scribe.encoding, "UTF-8")
        content = f'<?xml version="1.0" encoding="{declared}"?>{sheet}'.encode(scribe.encoding)
    shared = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in texts)
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" '
        f'Type="{relations}/officeDocument" Target="/xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:q="{relations}"><sheets>'
        '<sheet name="Contatos" sheetId="7" q:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{relations}/worksheet" Target="/xl/folha.xml"/>'
        f'<Relationship Id="r3" Type="{relations}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/folha.xml": content,
        "xl/sharedStrings.xml": f'<sst xmlns="{main}">{shared}</sst>',
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{SHEETS}.sheet.main+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{SHEETS}.sharedStrings+xml"/>'
        f'<Override PartName="/xl/folha.xml" ContentType="{SHEETS}.worksheet+xml"/></Types>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, part in parts.items():
            book.writestr(name, part)


def report_of(path: Path, folder: Path) -> tuple[Path, dict[int, str]]:
    """The report of a sheet whose rows have made-up outcomes, and these."""
    sheet = open_sheet(path)
    chance = random.Random(len(sheet.info.columns))  # noqa: S311 - made-up outcomes
    results = []
    for row in sheet.rows():
        outcome = chance.choice(list(Outcome))
        finding = Finding(chance.choice(list(Reason)), {"found": "<x> & =1", "words": "a\nb"})
        results.append(Result(row=row.number, outcome=outcome, findings=(finding,), sent_at=START))
    counts = Counter(each.outcome for each in results)
    tally = Tally(
        counts={outcome: counts[outcome] for outcome in Outcome},
        reasons=Counter((each.outcome, each.reason) for each in results),
    )
    view = SourceSheet(path=path, info=sheet.info, rows=sheet.rows, name=path.name)
    done = write_report(folder, run=RUN, tally=tally, sheet=view, results=lambda: iter(results))
    assert done.problems == ()
    return done.files[0], {each.row: each.outcome.value for each in results}


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(SCRIBES, tables())
@example(Scribe(row_numbers=False, references=False, empty_cells=True), [["Nome", "Telefone"], [], ["a", 1, None, "b"]])
def test_the_users_cells_stay_and_each_result_is_on_its_row(scribe: Scribe, rows: Rows) -> None:
    """Read again by our own loader: the same cells under the same numbers, each with its outcome; and once more when
    the report is fed back."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "contatos.xlsx"
        write_book(path, scribe, rows)
        before = {row.number: row.cells for row in open_sheet(path).rows()}
        columns = open_sheet(path).info.columns
        for number in range(2):
            (folder / str(number)).mkdir()
            path, expected = report_of(path, folder / str(number))
            found = open_sheet(path)
            assert found.info.columns == (*columns, *COLUMNS)
            after = {row.number: row.cells for row in found.rows()}
            assert {number: cells[: len(columns)] for number, cells in after.items()} == before
            assert {number: cells[len(columns)] for number, cells in after.items()} == expected
        if not scribe.strict:  # openpyxl does not know that form
            book = load_workbook(path)
            assert book.sheetnames == ["Summary", "Contatos"]
            assert {cell.data_type for row in book["Contatos"] for cell in row} <= {"s", "n", "d", "inlineStr"}
