"""report.xlsx of large sheets streams: the memory of the process that makes it does not grow with the rows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "report.py"
SMALL, LARGE = 120_000, 360_000
"""Rows: by the smaller number all that has a bound is full (pages of the ledger, rows and results that are kept)."""
SLACK = 12.0
"""Megabytes that a peak may differ by itself. openpyxl needs 2,000 more for 240,000 rows more."""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the peak of a process's memory is read from Linux's /proc"
)


def peaks(rows: int) -> dict[str, float]:
    """By the kind of the sheet."""
    words = [sys.executable, BENCHMARK, "--rows", str(rows), "--openpyxl-up-to", "0"]
    done = subprocess.run(words, capture_output=True, check=True, text=True)
    return {kind: float(peak) for kind, peak in re.findall(r"^(\w+).* (\d+) MB peak", done.stdout, re.MULTILINE)}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_memory_does_not_grow_with_the_rows() -> None:
    """Three times the rows, the same peak: for the user's own workbook and for a clean one, from a ledger."""
    few, many = peaks(SMALL), peaks(LARGE)
    assert few.keys() == {"xlsx", "csv"}
    assert {kind: many[kind] - few[kind] for kind in many if many[kind] - few[kind] >= SLACK} == {}
