"""The rate that was asked for, kept by the whole program over real sockets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACING = Path(__file__).parents[2] / "benchmarks" / "pacing.py"
TRIES = 3
"""A machine that does something else for a second is no fault of the program's; what it cannot do, it never does."""


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("rate", [10, 50, 500])
def test_the_rate_is_reached_and_no_moving_second_holds_more(rate: int) -> None:
    """At least 97 % of what was wanted, and in no moving second more than 1 % (or one) above it, as it arrives."""
    told = ""
    for _ in range(TRIES):
        words = [sys.executable, str(PACING), "--rates", str(rate), "--seconds", "8"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        told += done.stdout + done.stderr
        if done.returncode == 0:
            return
    pytest.fail(told)
