"""Worker that reads XLSB files with python-calamine: `python -m batch.loader.formats.calamine_worker FILE SHEET`.

SHEET is the index of a worksheet, from 0. Sends each row that holds anything: `[row, cells, {column: error}]`, rows and
columns from 0.
"""

from collections.abc import Iterator, Sequence

from python_calamine import CalamineWorkbook

from batch.loader.formats.cell_text import UnreadableCell, value_text
from batch.loader.formats.worker import serve
from batch.model.phrases import Phrase


def _read_rows(arguments: Sequence[str]) -> Iterator[object]:
    sheet = CalamineWorkbook.from_path(arguments[0]).get_sheet_by_index(int(arguments[1]))
    if not sheet.start:
        return
    # Rows come from the top of the sheet, columns from the first that holds a value.
    lead = [None] * sheet.start[1]
    for index, values in enumerate(sheet.iter_rows()):
        cells: list[str | None] = []
        errors: dict[int, Phrase] = {}
        for column, value in enumerate([*lead, *values]):
            try:
                cells.append(value_text(value))
            except UnreadableCell as unreadable:
                cells.append(unreadable.text)
                errors[column] = unreadable.error
        if errors or any(cells):
            yield index, cells, errors


if __name__ == "__main__":
    serve(_read_rows)
