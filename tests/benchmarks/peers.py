"""What people would use instead, each as a process of its own: `python tests/benchmarks/peers.py NAME FILE [FILE]`."""

from __future__ import annotations

import asyncio
import csv
import sys
import time
from bisect import bisect_left
from collections import deque
from pathlib import Path


def pandas_openpyxl(file: str) -> None:
    import pandas as pd  # noqa: PLC0415 - each peer pays for its own imports only

    pd.read_excel(file, engine="openpyxl", dtype=str)


def pandas_calamine(file: str) -> None:
    import pandas as pd  # noqa: PLC0415 - likewise

    pd.read_excel(file, engine="calamine", dtype=str)


def calamine_rows(file: str) -> None:
    from python_calamine import CalamineWorkbook  # noqa: PLC0415 - likewise

    with CalamineWorkbook.from_path(file) as book:
        deque(book.get_sheet_by_index(0).iter_rows(), maxlen=0)


def pandas_csv(file: str) -> None:
    import pandas as pd  # noqa: PLC0415 - likewise

    pd.read_csv(file, sep=";", dtype=str)


def csv_reader(file: str) -> None:
    with Path(file).open(encoding="utf-8-sig", newline="") as lines:
        deque(csv.reader(lines, delimiter=";"), maxlen=0)


def openpyxl_load_save(file: str, out: str) -> None:
    """Thirteen columns beside the rows, without any look."""
    from openpyxl import load_workbook  # noqa: PLC0415 - likewise

    book = load_workbook(file)
    sheet = book.active
    width = sheet.max_column
    for row in range(1, sheet.max_row + 1):
        for column in range(1, 14):
            sheet.cell(row=row, column=width + column, value="success")
    book.save(out)


async def _bucket(rate: float, seconds: float) -> list[float]:
    """A bucket that holds a second's worth, as the usual limiters do; 64 workers take from it."""
    level, last, starts = 0.0, time.monotonic(), []
    until = last + seconds

    async def worker() -> None:
        nonlocal level, last
        while (now := time.monotonic()) < until:
            level, last = max(0.0, level - (now - last) * rate), now
            if level + 1 <= rate:
                level += 1
                starts.append(now)
                await asyncio.sleep(0)
            else:
                await asyncio.sleep(1 / rate)

    await asyncio.gather(*(worker() for _ in range(64)))
    return starts


def bucket_pacer(rate: str, seconds: str) -> None:
    """Prints the most starts in a moving second."""
    starts = asyncio.run(_bucket(float(rate), float(seconds)))
    sys.stdout.write(str(max(bisect_left(starts, at + 1) - number for number, at in enumerate(starts))))


PEERS = {
    each.__name__.replace("_", "-"): each
    for each in (
        pandas_openpyxl,
        pandas_calamine,
        calamine_rows,
        pandas_csv,
        csv_reader,
        openpyxl_load_save,
        bucket_pacer,
    )
}

if __name__ == "__main__":
    PEERS[sys.argv[1]](*sys.argv[2:])
