"""What report.xlsx costs: time and peak memory, from a workbook and from a CSV file, against openpyxl's load and save.

    python tests/benchmarks/report.py [--rows 100000 1000000] [--openpyxl-up-to 100000] [--seed 7]

Each measurement has a process of its own, so that its peak is its own; the sheets are made up from the seed, eight
columns, texts shared as Excel shares them. Read the ratios: the seconds are this machine's. `openpyxl` loads the same
workbook, puts the same values beside the rows without any look, and saves it.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from openpyxl import load_workbook

from batch.loader import open_sheet
from batch.model.outcome import Evidence, Outcome
from batch.model.reason import Finding, Reason
from batch.model.run import Result, Run, Tally
from batch.reporter import COLUMNS, SheetView
from batch.reporter.columns import values
from batch.reporter.figures import Figures
from batch.reporter.material import Material
from batch.reporter.workbook import write_workbook

KINDS = ("xlsx", "csv", "openpyxl")
HEADER = ("Nome", "Telefone", "Empresa", "Cidade", "Valor", "Vencimento", "Fatura", "Obs")
START = datetime(2026, 11, 3, 13, 0, tzinfo=UTC)
ZONE = ZoneInfo("America/Sao_Paulo")
NAMES = ("Ana", "Bia", "Caio", "Dora", "Elis", "Fabio", "Gil", "Helena", "Iara", "Joao")
CITIES = ("Sao Paulo", "Rio de Janeiro", "Curitiba", "Recife", "Manaus")
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml"
TEXTS = 20_000
"""Different texts in the table that the cells share."""
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{SHEETS}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{SHEETS}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{SHEETS}.styles+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{SHEETS}.sharedStrings+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" '
    f'Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>'
    '<sheet name="Contatos" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{RELATIONS}/styles" Target="styles.xml"/>'
    f'<Relationship Id="r3" Type="{RELATIONS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font>'
    '</fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/>'
    '</fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf xfId="0"/><xf numFmtId="14" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>',
}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One way of making the report of one sheet."""

    kind: str
    """One of `KINDS`."""
    rows: int
    seconds: float
    cpu_seconds: float
    """What a busy machine changes least."""
    peak_mb: float
    """Of the whole process, its imports included."""
    file_mb: float
    """Of the report."""


def measure(kind: str, rows: int, *, seed: int = 7) -> Measured:
    """Make a sheet and its report, in a process of its own."""
    words = ["--one", kind, "--rows", str(rows), "--seed", str(seed)]
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, check=True, text=True)
    return Measured(**json.loads(done.stdout))


def results(rows: int, seed: int) -> Iterator[Result]:
    """Most are sent, one in twenty is wrong."""
    chance = random.Random(seed)  # noqa: S311 - made-up data
    for number in range(rows):
        good = chance.random() < 0.95
        person = f"+55119{number:08}"
        if good:
            yield Result(
                row=number + 2,
                outcome=Outcome.SUCCESS,
                findings=(Finding(Reason.CREATED),),
                person=person,
                chat_id=f"0b28ee57-7a57-4407-a9c5-{number:012}",
                chat_status="OPEN",
                evidence=Evidence.HTTP_201,
                http_status=201,
                attempts=1,
                sent_at=START + timedelta(milliseconds=20 * number),
                duration_ms=chance.randrange(40, 400),
                run="20261103T130000Z-novembro-1a2b",
            )
        else:
            found = str(chance.randrange(10**7))
            yield Result(
                row=number + 2, outcome=Outcome.ERROR, findings=(Finding(Reason.PHONE_TOO_SHORT, {"found": found}),)
            )


def cells(rows: int, seed: int) -> Iterator[tuple[str, int, int, str, float, int, str, int]]:
    """The made-up rows; the second, fourth and so on are numbers."""
    chance = random.Random(seed)  # noqa: S311 - made-up data
    for number in range(rows):
        text = chance.randrange(TEXTS)
        yield (
            NAMES[number % len(NAMES)],
            11900000000 + number,
            text,
            CITIES[text % len(CITIES)],
            round(chance.random() * 1000, 2),
            46000 + number % 365,
            f"F-{number:07}",
            chance.randrange(TEXTS),
        )


def make_csv(path: Path, rows: int, seed: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(HEADER)
        writer.writerows(cells(rows, seed))


def make_xlsx(path: Path, rows: int, seed: int) -> None:
    """As Excel writes it: shared texts, spans, a date format."""
    texts = [*HEADER, *NAMES, *CITIES, *(f"Texto numero {number}" for number in range(TEXTS))]
    place = {text: number for number, text in enumerate(texts)}
    first = place["Texto numero 0"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        for name, content in PARTS.items():
            book.writestr(name, content)
        shared = "".join(f"<si><t>{text}</t></si>" for text in texts)
        book.writestr("xl/sharedStrings.xml", f'<sst xmlns="{MAIN}">{shared}</sst>')
        with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f'<worksheet xmlns="{MAIN}"><dimension ref="A1:H{rows + 1}"/><sheetData>'.encode())
            head = "".join(f'<c r="{chr(65 + at)}1" t="s"><v>{at}</v></c>' for at in range(len(HEADER)))
            sheet.write(f'<row r="1" spans="1:8">{head}</row>'.encode())
            for row, (name, phone, text, city, value, day, invoice, note) in enumerate(cells(rows, seed), start=2):
                sheet.write(
                    f'<row r="{row}" spans="1:8"><c r="A{row}" t="s"><v>{place[name]}</v></c>'
                    f'<c r="B{row}"><v>{phone}</v></c><c r="C{row}" t="s"><v>{first + text}</v></c>'
                    f'<c r="D{row}" t="s"><v>{place[city]}</v></c><c r="E{row}"><v>{value}</v></c>'
                    f'<c r="F{row}" s="1"><v>{day}</v></c>'
                    f'<c r="G{row}" t="inlineStr"><is><t>{invoice}</t></is></c>'
                    f'<c r="H{row}" t="s"><v>{first + note}</v></c></row>'.encode()
                )
            sheet.write(b"</sheetData></worksheet>")


def material_of(path: Path, rows: int, seed: int) -> Material:
    """What the reporter is given: the sheet is open already."""
    sheet = open_sheet(path)
    counts = Counter(each.outcome for each in results(rows, seed))
    return Material(
        run=Run(
            run="20261103T130000Z-novembro-1a2b",
            campaign="novembro",
            endpoint="https://api.example",
            sheet_path=str(path),
            sheet_sha256="ab" * 32,
            version="0",
            started=START,
        ),
        tally=Tally(counts={outcome: counts[outcome] for outcome in Outcome}, reasons={}),
        sheet=SheetView(path=path, info=sheet.info, rows=sheet.rows, name=path.name),
        results=lambda: results(rows, seed),
        figures=Figures(),
    )


def _with_openpyxl(path: Path, folder: Path, rows: int, seed: int) -> Path:
    book = load_workbook(path)
    sheet = book.worksheets[0]
    lines = ((1, COLUMNS), *((each.row, values(each, ZONE)) for each in results(rows, seed)))
    for row, found in lines:
        for column, value in enumerate(found, start=len(HEADER) + 1):
            sheet.cell(row, column, value.replace(tzinfo=None) if isinstance(value, datetime) else value)
    book.save(folder / "report.xlsx")
    return folder / "report.xlsx"


def _peak_mb() -> float:
    """The kernel's own figure, which a fork from a larger process does not spoil."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _one(kind: str, rows: int, seed: int) -> Measured:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / ("sheet.csv" if kind == "csv" else "sheet.xlsx")
        (make_csv if kind == "csv" else make_xlsx)(path, rows, seed)
        material = None if kind == "openpyxl" else material_of(path, rows, seed)
        wall, cpu = time.perf_counter(), time.process_time()
        made = write_workbook(folder, material)[0] if material else _with_openpyxl(path, folder, rows, seed)
        return Measured(
            kind=kind,
            rows=rows,
            seconds=time.perf_counter() - wall,
            cpu_seconds=time.process_time() - cpu,
            peak_mb=_peak_mb(),
            file_mb=made.stat().st_size / 1_000_000,
        )


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="What report.xlsx costs.")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--openpyxl-up-to", type=int, default=100_000, help="the most rows to give to openpyxl")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--one", choices=KINDS, help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.one:
        print(json.dumps(asdict(_one(given.one, given.rows[0], given.seed))))  # noqa: T201
        return
    for rows in given.rows:
        for kind in KINDS if rows <= given.openpyxl_up_to else KINDS[:-1]:
            print(_line(measure(kind, rows, seed=given.seed)), flush=True)  # noqa: T201


def _line(found: Measured) -> str:
    time_taken = f"{found.seconds:8.1f} s ({found.cpu_seconds:.1f} s CPU)"
    return (
        f"{found.kind:9}{found.rows:>10,} rows {time_taken} {found.peak_mb:7.0f} MB peak {found.file_mb:7.1f} MB report"
    )


if __name__ == "__main__":
    main()
