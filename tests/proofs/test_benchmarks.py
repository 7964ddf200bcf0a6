"""The benchmark suite is no test, but it must not rot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).parents[1] / "benchmarks" / "suite.py"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_quick_form_of_the_benchmarks_measures_every_part(tmp_path: Path) -> None:
    """Each part runs its own and its peers' processes to the end, and gives its lines."""
    done = subprocess.run([sys.executable, SUITE, "--quick"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = done.stdout
    for what in ("x 8 XLSX", "x 8 CSV", "report of", "a POST", "a second", "--help", "demo", "all sent before"):
        assert what in told
