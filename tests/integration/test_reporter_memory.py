"""report.xlsx of large sheets streams: the memory of the process that makes it does not grow with the rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "report.py"
SMALL, LARGE = 10_000, 60_000
SLACK = 12.0
"""Megabytes that a peak may differ by itself. openpyxl needs 400 more for 50,000 rows more."""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the peak of a process's memory is read from Linux's /proc"
)


def peak(kind: str, rows: int) -> float:
    words = [sys.executable, BENCHMARK, "--one", kind, "--rows", str(rows)]
    done = subprocess.run(words, capture_output=True, check=True, text=True)
    return float(json.loads(done.stdout)["peak_mb"])


@pytest.mark.long
@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_memory_does_not_grow_with_the_rows(kind: str) -> None:
    """Six times the rows, the same peak: for the user's own workbook and for a clean one."""
    assert peak(kind, LARGE) - peak(kind, SMALL) < SLACK
