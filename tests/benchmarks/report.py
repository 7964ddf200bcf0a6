"""What report.xlsx costs, of results that a ledger has: CPU and peak memory, against openpyxl's load and save.

    python tests/benchmarks/report.py [--rows 100000 1000000] [--openpyxl-up-to 100000]

`xlsx` writes into the user's own workbook, `csv` makes a clean one of a text file; both read the results from the
ledger, which is counted. `openpyxl` loads the same workbook, puts the same values beside the rows without any look, and
saves it; that it is given the values is not counted. Each has a process of its own, so that its peak is its own; what
was imported and that the sheet was opened is in the peak, not in the seconds. Read the ratios: the seconds are this
machine's. What the whole command costs, with all its files, `suite.py` measures.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ledger import Finished, finished
from openpyxl import load_workbook

from batch.ledger import Ledger
from batch.loader import open_sheet
from batch.reporter import COLUMNS, SourceSheet
from batch.reporter.columns import SENT_AT
from batch.reporter.rows import ReportInputs, ResultSpool, make_row_renderer
from batch.reporter.statistics import collect_statistics
from batch.reporter.xlsx.report_xlsx import write_workbook

__all__ = ["KINDS", "Measured", "measure"]

KINDS = ("xlsx", "csv", "openpyxl")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One way of making the workbook of one sheet."""

    kind: str
    """One of `KINDS`."""
    rows: int
    seconds: float
    cpu_seconds: float
    """What a busy machine changes least."""
    peak_mb: float
    """Of the whole process, its imports included."""
    file_mb: float
    """Of the workbook."""


def measure(kind: str, done: Finished, rows: int) -> Measured:
    """Make the workbook of a finished sheet, in a process of its own."""
    words = ["--one", kind, "--rows", str(rows), "--sheet", str(done.sheet), "--ledger", done.url]
    said = subprocess.run([sys.executable, __file__, *words], capture_output=True, check=True, text=True)
    return Measured(**json.loads(said.stdout))


def _ours(ledger: Ledger, sheet: Path, folder: Path) -> tuple[float, float]:
    importlib.import_module("pandas")  # comes with the first chart else
    run = ledger.runs()[0]
    opened = open_sheet(sheet)
    view = SourceSheet(path=sheet, info=opened.info, rows=opened.rows, name=sheet.name)
    zone = ZoneInfo(run.timezone)
    with ledger.snapshot(run.run) as (count, results), closing(ResultSpool(results, zone)) as spool:
        tally = count()
        wall, cpu = time.perf_counter(), time.process_time()
        statistics = collect_statistics(spool.spool_results(), zone)
        inputs = ReportInputs(run=run, tally=tally, sheet=view, rows=spool.rows, statistics=statistics)
        write_workbook(folder, inputs)
        return time.perf_counter() - wall, time.process_time() - cpu


def _openpyxl(ledger: Ledger, sheet: Path, folder: Path) -> tuple[float, float]:
    run = ledger.runs()[0]
    zone = ZoneInfo(run.timezone)
    render = make_row_renderer(zone)
    told = [(each.row, render(each).values) for each in ledger.results(run.run)]
    wall, cpu = time.perf_counter(), time.process_time()
    book = load_workbook(sheet)
    page = book.worksheets[0]
    right = page.max_column + 1
    for row, found in ((1, COLUMNS), *told):
        for column, value in enumerate(found, start=right):
            moment = row > 1 and column == right + SENT_AT and value is not None
            page.cell(row, column, datetime.fromisoformat(str(value)).replace(tzinfo=None) if moment else value)
    book.save(folder / "report.xlsx")
    return time.perf_counter() - wall, time.process_time() - cpu


def _peak_mb() -> float:
    """The kernel's own figure, which a fork from a larger process does not spoil."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _one(kind: str, rows: int, sheet: Path, url: str) -> Measured:
    make = _openpyxl if kind == "openpyxl" else _ours
    with tempfile.TemporaryDirectory() as name, Ledger.for_reading(url) as ledger:
        seconds, cpu_seconds = make(ledger, sheet, Path(name))
        return Measured(
            kind=kind,
            rows=rows,
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            peak_mb=_peak_mb(),
            file_mb=(Path(name) / "report.xlsx").stat().st_size / 1_000_000,
        )


def _all(rows: int, kinds: Sequence[str]) -> None:
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="wegly-batch-bench-") as folder:
            done = finished(Path(folder), rows, kind="csv" if kind == "csv" else "xlsx")
            print(_line(measure(kind, done, rows)), flush=True)  # noqa: T201


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="What report.xlsx costs.")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--openpyxl-up-to", type=int, default=100_000, help="the most rows to give to openpyxl")
    parser.add_argument("--one", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--sheet", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ledger", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.one:
        print(json.dumps(asdict(_one(given.one, given.rows[0], given.sheet, given.ledger))))  # noqa: T201
        return
    for rows in given.rows:
        _all(rows, KINDS if rows <= given.openpyxl_up_to else KINDS[:-1])


def _line(found: Measured) -> str:
    time_taken = f"{found.seconds:8.1f} s ({found.cpu_seconds:.1f} s CPU)"
    return (
        f"{found.kind:9}{found.rows:>10,} rows {time_taken} {found.peak_mb:7.0f} MB peak {found.file_mb:7.1f} MB report"
    )


if __name__ == "__main__":
    main()
