"""What python-calamine leaves out of XLS and XLSB worksheets, and what must be known before it may read one."""

from __future__ import annotations

from dataclasses import dataclass, field

from batch.i18n import _, number
from batch.loader.source import Source, Tab

__all__ = ["ERROR_CODES", "MarkedSheet", "Marks"]

_MOST_ROWS = 1_048_576

ERROR_CODES = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}


@dataclass(kw_only=True, slots=True)
class Marks:
    """Hidden rows and unreadable cells of a worksheet, and the rectangle around its values. Rows and columns from 0."""

    hidden: set[int] = field(default_factory=set)
    errors: dict[int, dict[int, str]] = field(default_factory=dict)
    """Row to column to what is wrong with the cell."""
    top: int = -1
    left: int = -1
    bottom: int = -1
    right: int = -1

    def value(self, row: int, column: int) -> None:
        """Note that a cell holds a value."""
        if self.top < 0:
            self.top, self.bottom, self.left, self.right = row, row, column, column
            return
        self.top, self.bottom = min(self.top, row), max(self.bottom, row)
        self.left, self.right = min(self.left, column), max(self.right, column)

    def error(self, row: int, column: int, words: str) -> None:
        """Note that a cell is unreadable."""
        self.value(row, column)
        self.errors.setdefault(row, {})[column] = words

    def claims(self, source: Source, rows: int, columns: int) -> None:
        """Refuse a sheet that says it is larger than a sheet can be: the reader library takes the memory for it.

        Raises:
            SheetError: more rows or columns than any format has.
        """
        if rows > _MOST_ROWS or columns > source.limits.columns:
            raise source.damaged(
                _("it says that it has {rows} rows and {columns} columns").format(
                    rows=number(rows), columns=number(columns)
                )
            )

    def check(self, source: Source) -> None:
        """Refuse a rectangle that would fill the memory: it is held whole, empty cells included.

        Raises:
            SheetError: over the limit `loaded_cells`, or `columns`.
        """
        limits = source.limits
        area = (self.bottom - self.top + 1) * (self.right - self.left + 1)
        if area > limits.loaded_cells:
            raise source.too_large(
                _("its cells span {area} places, {allowed} are allowed here (limit loaded_cells)").format(
                    area=number(area), allowed=number(limits.loaded_cells)
                )
            )
        if self.right >= limits.columns:
            raise source.too_large(
                _("it has more than {most} columns (limit columns)").format(most=number(limits.columns))
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkedSheet:
    """A sheet of the workbook and its marks. `tab.place` is its number in the workbook, from 0."""

    tab: Tab
    marks: Marks
