"""python-calamine in a process of its own: `python -m batch.loader.formats.calamine_worker FILE INDEX`.

A few changed bytes in an XLS file make calamine ask for more memory than there is, and the process ends on the spot. So
it never runs in ours. Prints a line of JSON for each row that holds anything, `[row, cells, {column: error}]`, rows and
columns from 0, and at last `"end"`, without which the output is not whole.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TextIO

from python_calamine import CalamineWorkbook

from batch.loader.formats.cell_text import UnreadableCell, value_text
from batch.model.phrases import Phrase, to_json

MEMORY_BYTES = 1200 * 1024 * 1024
"""Address space of the process, where the system can limit it: half a gigabyte for the largest sheet, and the file."""
SECONDS = 120
"""Processor time of the process; a million rows take about ten."""


def main(arguments: Sequence[str], out: TextIO) -> None:
    """Print the rows of worksheet number `arguments[1]` (from 0) of the file `arguments[0]`."""
    _limit_this_process()
    sheet = CalamineWorkbook.from_path(arguments[0]).get_sheet_by_index(int(arguments[1]))
    lead = [None] * (sheet.start[1] if sheet.start else 0)
    if sheet.start:  # rows come from the top of the sheet, columns from the first that holds a value
        for index, values in enumerate(sheet.iter_rows()):
            cells, errors = _texts([*lead, *values])
            if errors or any(cells):
                out.write(json.dumps([index, cells, errors], default=to_json) + "\n")
    out.write('"end"\n')


def _texts(values: Sequence[object]) -> tuple[list[str | None], dict[int, Phrase]]:
    cells: list[str | None] = []
    errors: dict[int, Phrase] = {}
    for column, value in enumerate(values):
        try:
            cells.append(value_text(value))
        except UnreadableCell as unreadable:
            cells.append(None)
            errors[column] = unreadable.error
    return cells, errors


def _limit_this_process() -> None:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 (the module does not exist on Windows)

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # always a text file here
    main(sys.argv[1:], sys.stdout)
