"""XLS workbooks (Excel 97 to 2003), read by xlrd in a process of its own."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from batch.i18n import N_, _
from batch.loader.formats.content import GIVE, SAVE_AS, VERY_OLD
from batch.loader.formats.worker import WIDE_AREA, Worker
from batch.loader.source import HEAVY_ROW, Grid, RawRow, Tab
from batch.model.phrases import phrase_from_json
from batch.model.sheets import SheetFile
from batch.ooxml.archive import PROTECTED, REMOVE_PASSWORD

_REFUSALS = {
    "protected": (PROTECTED, REMOVE_PASSWORD),
    "very old": (VERY_OLD, SAVE_AS),
    "no workbook": (N_("is an old Office document, but not a workbook."), GIVE),
}
"""By what the worker sends in place of the sheets."""


class XlsBook:
    """A workbook whose sheets are known."""

    format = "xls"

    def __init__(self, source: SheetFile) -> None:
        """Read the list of sheets.

        Raises:
            SheetError: protected by a password, damaged, another kind of document, or over a limit.
        """
        self._source = source
        text = N_("the file has {value} bytes, {most} are allowed (limit loaded_bytes)")
        source.check("loaded_bytes", source.path.stat().st_size, text)
        self.tabs: list[Tab] = []
        """Sheets in the order of their tabs; `place` is the sheet's index, from 0."""
        self._worker = Worker(source, "xls_worker", str(source.limits.row_characters))
        sent = self._worker.describe()
        if isinstance(sent, str):
            what, remedy = _REFUSALS[sent]
            raise source.refusal(_(what), _(remedy))
        for name, worksheet, visible in sent:
            self.tabs.append(Tab(name=name, worksheet=worksheet, visible=visible, place=str(len(self.tabs))))

    def grid(self, tab: Tab) -> Grid:
        """Return the rows of a worksheet; they are read, and damage is found, when they are asked for."""
        return _XlsGrid(source=self._source, worker=self._worker, place=tab.place)

    def walk(self, tabs: Iterable[Tab]) -> Iterator[tuple[Tab, Iterator[RawRow]]]:
        """Yield worksheets with their rows, all read by one process."""
        for tab in tabs:
            yield tab, _XlsGrid(source=self._source, worker=self._worker, place=tab.place).read()


@dataclass(frozen=True, kw_only=True, slots=True)
class _XlsGrid:
    source: SheetFile
    worker: Worker
    place: str

    def rows(self) -> Iterator[RawRow]:
        yield from self.read()
        self.worker.end()

    def read(self) -> Iterator[RawRow]:
        """Yield the rows, and let the process be."""
        sent = self.worker.rows(self.place)
        self.source.check("loaded_cells", next(sent), WIDE_AREA)
        for index, cells, errors, hidden, codes in sent:
            if not isinstance(cells, list):
                self.source.check("row_characters", cells, HEAVY_ROW)
            faults = {int(column): phrase_from_json(error) for column, error in errors.items()}
            by_column = {int(column): code for column, code in codes.items()}
            yield RawRow(index + 1, cells, faults, hidden, None, by_column)
