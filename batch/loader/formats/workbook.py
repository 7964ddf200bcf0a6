"""The reader of a workbook of any format, and rows kept for a second reading."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from batch.i18n import N_, _
from batch.loader.formats.active_content import ActiveContent
from batch.loader.formats.content import Content, other_archive, other_document
from batch.loader.formats.ods import OdsBook
from batch.loader.formats.xls import XlsBook
from batch.loader.formats.xlsb import XlsbBook
from batch.loader.formats.xlsx import XlsxBook
from batch.loader.source import Grid, RawRow, Tab
from batch.model.phrases import phrase_from_json, to_json
from batch.model.sheets import SheetFile
from batch.ooxml.archive import open_archive, part_key, verify
from batch.ooxml.package import find_workbook, read_content_types
from batch.ooxml.references import Area
from batch.spool import ROWS_IN_BLOCK, Spool

_MEMORY_BYTES = 16 * 1024 * 1024
"""Size of the rows that are kept in memory; beyond, all go into a file."""


class CachedGrid:
    """A grid that keeps the rows that were read, and goes on reading where the last reading ended."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._spool = Spool[RawRow, RawRow](memory_bytes=_MEMORY_BYTES, pack=_pack, unpack=_unpack)
        self._unread: Iterator[RawRow] | None = None
        self._is_kept = True
        """False when there is no room, or the file is damaged: then each reading reads the file."""

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows of the grid."""
        count = index = 0
        while self._is_kept:
            block = list(self._spool.block(index)) if index < len(self._spool) else self._read_block()
            if not block:
                return
            yield from block
            count += len(block)
            index += 1
        yield from islice(self._grid.rows(), count, None)

    def close(self) -> None:
        """End the reading of the file; a later one begins anew."""
        self._is_kept = False
        self._unread = None
        self._spool.close()

    def _read_block(self) -> list[RawRow]:
        if self._unread is None:
            self._unread = self._grid.rows()
        try:
            block = list(islice(self._unread, ROWS_IN_BLOCK))
        except BaseException:
            self.close()
            raise
        if block and not self._spool.append(block):
            self.close()
        return block


def _pack(row: RawRow) -> tuple[object, ...]:
    # marshal writes no class of ours; an empty dict means the same as a mapping proxy.
    number, cells, errors, hidden, fault, codes = row
    packed = {column: to_json(error) for column, error in errors.items()} if errors else {}
    return number, cells, packed, hidden, to_json(fault) if fault else None, codes or {}


def _unpack(row: tuple[Any, ...]) -> RawRow:
    number, cells, errors, hidden, fault, codes = row
    if not errors and not fault:
        return RawRow._make(row)
    unpacked = {column: phrase_from_json(error) for column, error in errors.items()}
    return RawRow(number, cells, unpacked, hidden, phrase_from_json(fault) if fault else None, codes)


Reader = XlsxBook | OdsBook | XlsBook | XlsbBook
"""A reader of one format whose list of sheets is known."""


class Workbook:
    """A workbook whose list of sheets is known. Keeps the rows of the worksheet that was read last."""

    def __init__(self, reader: Reader) -> None:
        self.format = reader.format
        self.tabs = reader.tabs
        self.active = reader.active if isinstance(reader, XlsxBook) else ()
        self._reader = reader
        self._tab: Tab | None = None
        self._grid: CachedGrid | None = None

    def totals(self, tab: Tab) -> Sequence[Area]:
        """Return the totals rows of a worksheet's tables. Raises SheetError: damaged."""
        return self._reader.totals(tab) if isinstance(self._reader, XlsxBook) else ()

    def grid(self, tab: Tab) -> Grid:
        """Return the rows of a worksheet. Raises SheetError: damaged, hostile, or over a limit."""
        if self._grid is None or tab is not self._tab:
            if self._grid is not None:
                self._grid.close()
            self._tab, self._grid = tab, CachedGrid(self._reader.grid(tab))
        return self._grid

    def walk(self, tabs: Sequence[Tab]) -> Iterator[tuple[Tab, Iterator[RawRow]]]:
        """Yield worksheets, in the order of their tabs, with their rows, to look into each. Raises SheetError."""
        if isinstance(self._reader, OdsBook | XlsBook) and len(tabs) > 1:
            yield from self._reader.walk(tabs)
        else:
            yield from ((tab, self.grid(tab).rows()) for tab in tabs)


def open_workbook(source: SheetFile, content: Content) -> Workbook:
    """Open a workbook.

    Raises:
        SheetError: it is another kind of document, protected by a password, damaged, hostile, or over a limit.
    """
    reader = XlsBook(source) if content is Content.COMPOUND else _open_archive(source)
    if not reader.tabs:
        raise source.damage(_("its list of sheets is empty"))
    source.check("sheets", len(reader.tabs), N_("it has {value} sheets, {most} are allowed (limit sheets)"))
    places = [tab.place for tab in reader.tabs if tab.place]
    if len(set(places)) < len(places):
        raise source.damage(_("two of its sheets are the same part"))
    return Workbook(reader)


def _open_archive(source: SheetFile) -> Reader:
    archive = open_archive(source)
    part = find_workbook(archive)
    if part is not None:
        kind = read_content_types(archive).get(part_key(part), "").lower()
        if part.endswith(".bin") or "ms-excel.sheet.binary" in kind:
            verify(archive)
            return XlsbBook(archive, part)
        if "spreadsheetml" in kind or "ms-excel" in kind or (not kind and part.startswith("xl/")):
            active = ActiveContent()
            verify(archive, active.note)
            return XlsxBook(archive, part, active)
        raise other_document(source, kind)
    if "content.xml" in archive and "mimetype" in archive:
        kind = archive.read("mimetype").decode("latin-1")
        if "spreadsheet" in kind:
            verify(archive)
            return OdsBook(archive)
        raise other_document(source, kind)
    raise other_archive(source, archive.parts)
