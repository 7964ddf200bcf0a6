"""Workbooks written part by part, as programs that are no spreadsheet write them, and reports of them."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

from batch.loader import open_sheet
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result, Run, Tally
from batch.reporter import ReportFiles, SourceSheet, write_report

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
SENT = datetime(2026, 11, 3, 13, 0, 5, tzinfo=UTC)
RUN = Run(
    run="the-run",
    campaign="novembro",
    endpoint="https://api.example",
    sheet_path="/data/contatos.xlsx",
    sheet_sha256="ab" * 32,
    version="0",
    started=SENT,
)


def cell(reference: str, value: object) -> str:
    """A cell's markup: a text in the cell itself, or a number."""
    if isinstance(value, str):
        return f'<c r="{reference}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{reference}"><v>{value}</v></c>'


def rows(lines: Sequence[Sequence[object]], *, first: int = 1) -> str:
    """Rows of cells from column A on; None for no cell."""
    return "".join(
        f'<row r="{number}">'
        + "".join(cell(f"{chr(65 + at)}{number}", value) for at, value in enumerate(line) if value is not None)
        + "</row>"
        for number, line in enumerate(lines, start=first)
    )


PEOPLE: tuple[tuple[object, ...], ...] = (
    ("Nome", "Telefone", "Valor"),
    ("Ana", "11 90000-4011", 10),
    ("Bia", "11 90000-4012", 20),
    ("Caio", "11 90000-4013", 30),
)


def relationships(*found: tuple[str, str, str]) -> str:
    """A part of relations: id, kind and target of each."""
    each = "".join(f'<Relationship Id="{id_}" Type="{RELATIONS}/{kind}" Target="{to}"/>' for id_, kind, to in found)
    return f'<Relationships xmlns="{PACKAGE}/relationships">{each}</Relationships>'


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A workbook with one sheet Contatos."""

    data: str = field(default_factory=lambda: f"<sheetData>{rows(PEOPLE)}</sheetData>")
    head: str = ""
    """Between the sheet's start tag and its rows."""
    tail: str = ""
    """Behind its rows."""
    sheets: str = f'<sheets><sheet name="Contatos" sheetId="1" r:id="rId1" xmlns:r="{RELATIONS}"/></sheets>'
    behind: str = ""
    """Behind the list of sheets."""
    relations: tuple[tuple[str, str, str], ...] = ()
    """Of the sheet."""
    more: Mapping[str, str | bytes] = field(default_factory=dict)
    """Parts besides."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Content types of these."""
    main: str = f"{TYPES}.sheet.main+xml"
    lists_each: bool = False
    """The content type of each part is declared for it alone."""
    book_relations: tuple[tuple[str, str, str], ...] = ()

    def write(self, path: Path) -> Path:
        types = {"xl/workbook.xml": self.main, "xl/worksheets/sheet1.xml": f"{TYPES}.worksheet+xml", **self.types}
        default = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        parts: dict[str, str | bytes] = {
            "_rels/.rels": relationships(("r1", "officeDocument", "xl/workbook.xml")),
            "xl/workbook.xml": f'<workbook xmlns="{MAIN}">{self.sheets}{self.behind}</workbook>',
            "xl/_rels/workbook.xml.rels": relationships(
                ("rId1", "worksheet", "worksheets/sheet1.xml"), *self.book_relations
            ),
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}" xmlns:r="{RELATIONS}">'
            f"{self.head}{self.data}{self.tail}</worksheet>",
            **self.more,
        }
        if self.relations:
            parts["xl/worksheets/_rels/sheet1.xml.rels"] = relationships(*self.relations)
        if self.lists_each:
            default = ""
            types |= {
                name: "application/vnd.openxmlformats-package.relationships+xml"
                for name in parts
                if name.endswith(".rels")
            }
        each = "".join(f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, kind in types.items())
        parts["[Content_Types].xml"] = f'<Types xmlns="{PACKAGE}/content-types">{default}{each}</Types>'
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
            for name, content in parts.items():
                book.writestr(name, content)
        return path


def report_of(path: Path, folder: Path, *, header_row: int | None = None) -> tuple[ReportFiles, Path]:
    """The report of a workbook whose rows were all sent, as our loader reads them."""
    sheet = open_sheet(path, header_row=header_row)
    results = [
        Result(
            row=row.number,
            outcome=Outcome.SUCCESS,
            findings=(Finding(Reason.CREATED),),
            person=next((f"+55{digits}" for digits in map(_digits, row.cells) if len(digits) > 9), None),
            sent_at=SENT,
        )
        for row in sheet.rows()
    ]
    counts = Counter(each.outcome for each in results)
    tally = Tally(
        counts={outcome: counts[outcome] for outcome in Outcome},
        reasons=Counter((each.outcome, each.reason) for each in results),
    )
    view = SourceSheet(path=path, info=sheet.info, rows=sheet.rows, name=path.name)
    folder.mkdir(exist_ok=True)
    run = replace(RUN, sheet_path=str(path))
    written = write_report(folder, run=run, tally=tally, sheet=view, results=lambda: iter(results))
    return written, written.files[0]


def _digits(text: str | None) -> str:
    return "".join(filter(str.isdigit, text or ""))


def content_types(path: Path) -> dict[str, str]:
    """The content type of each part; empty for one that has none."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name != "[Content_Types].xml"]
        found = archive.read("[Content_Types].xml").decode()
    return {
        name: "yes" if f'PartName="/{name}"' in found or f'Extension="{name.rpartition(".")[2]}"' in found else ""
        for name in names
    }
