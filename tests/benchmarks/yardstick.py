"""Speed of the machine while a process runs on it: openpyxl reads some rows of a sheet, on the same core, by turns.

    python tests/benchmarks/yardstick.py SHEET.xlsx PAUSE

The speed of a shared machine changes from minute to minute, and of two cores that are one core's threads each is slower
while the other is busy. So seconds alone say little. What runs is followed by process id (the first line of the input),
and a few rows are read where it ran last, PAUSE seconds apart. Without a pause it has half of the core; that is the
surest (within 2 %), for a process that keeps to one core and little in its caches. Written at the end: the mean
microseconds of a row.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import mean, median

from openpyxl import load_workbook

ROWS = 20
"""Rows at a time: they take a millisecond at most. Half a multiple of the sheet's, so that none begins it anew."""
_UNWATCHED = 100
"""Readings without a pause after which it looks whether the process still runs: a third of a second."""
_MOST = 3
"""A reading that took more than so many usual ones was interrupted."""
_CORE = 36
"""Place of the core among the fields behind the name, in Linux' word for a process."""


def _rows(sheet: str) -> Iterator[object]:
    worksheet = load_workbook(sheet, read_only=True, data_only=True).worksheets[0]
    while True:
        yield from worksheet.iter_rows(min_row=2, values_only=True)


def _find_core(process: int) -> int | None:
    """Return the core on which a process ran last; None once it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[_CORE])


def main() -> None:
    """Say that it is ready, follow a process until it ends or the input does, and write what a row took."""
    rows, pause = _rows(sys.argv[1]), float(sys.argv[2])
    taken: list[float] = []

    def read() -> None:
        deque(islice(rows, ROWS), maxlen=0)  # its caches are warm then, whatever ran here before
        began = time.thread_time()
        deque(islice(rows, ROWS), maxlen=0)
        taken.append(1e6 * (time.thread_time() - began) / ROWS)

    read()
    taken.clear()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    process = int(sys.stdin.readline())
    os.set_blocking(sys.stdin.fileno(), False)
    while (core := _find_core(process)) is not None and sys.stdin.buffer.raw.read(1) is None:
        os.sched_setaffinity(0, {core})
        read()
        if pause:
            time.sleep(pause)
        for _each in range(0 if pause else _UNWATCHED):
            read()
    if not taken:
        read()
    usual = median(taken)
    sys.stdout.write(f"{mean(min(each, _MOST * usual) for each in taken)}\n")


if __name__ == "__main__":
    main()
