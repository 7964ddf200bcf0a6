"""XLSX and XLSM workbooks."""

from __future__ import annotations

from batch.loader.formats.xlsx_cells import CellReader
from batch.loader.formats.xlsx_parts import Workbook, content_type, number_kinds, read_workbook
from batch.loader.formats.xlsx_rows import WorksheetGrid
from batch.loader.source import Grid
from batch.model.source import Tab
from batch.ooxml.archive import Archive
from batch.ooxml.shared_strings import read_shared_strings


class XlsxBook:
    """A workbook whose list of sheets is read; texts and formats are read when the first sheet is asked for."""

    def __init__(self, archive: Archive, part: str) -> None:
        self._archive = archive
        self._workbook: Workbook = read_workbook(archive, part)
        self._read_cell: CellReader | None = None
        self.format = "xlsm" if "macroenabled" in content_type(archive, part) else "xlsx"

    @property
    def tabs(self) -> tuple[Tab, ...]:
        return self._workbook.tabs

    def grid(self, tab: Tab) -> Grid:
        """The rows of a worksheet.

        Raises:
            SheetError: damaged, forbidden XML, or over a limit.
        """
        if self._read_cell is None:
            self._read_cell = CellReader(
                strings=read_shared_strings(self._archive, self._workbook.shared_strings),
                kinds=number_kinds(self._archive, self._workbook.styles),
                epoch_1904=self._workbook.epoch_1904,
                recalculates=self._workbook.recalculates,
            )
        return WorksheetGrid(archive=self._archive, part=tab.place, read_cell=self._read_cell)
