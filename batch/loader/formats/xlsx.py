"""XLSX and XLSM workbooks: their sheets, number formats and cells."""

from functools import cached_property

from batch.loader.formats.active_content import ActiveContent
from batch.loader.formats.xlsx_cells import CellFormat, CellReader, cell_formats
from batch.loader.formats.xlsx_rows import WorksheetGrid
from batch.loader.source import Grid, Tab
from batch.ooxml.archive import Archive, part_key
from batch.ooxml.package import is_true, make_tab, read_content_types, read_relations
from batch.ooxml.references import Area, parse_area, whole_number
from batch.ooxml.shared_strings import read_shared_strings
from batch.ooxml.xml import Attributes

_MOST_FORMATS = 200_000


class XlsxBook:
    """A workbook whose sheets are known; texts and formats are read for the first worksheet that is asked for."""

    def __init__(self, archive: Archive, part: str, active: ActiveContent | None = None) -> None:
        """Read the list of sheets. `part`: name of the workbook part; `active`: what passed by of its parts.

        Raises SheetError: damaged, or forbidden XML.
        """
        self._archive = archive
        self._relations = {each.id: each for each in read_relations(archive, part) if not each.outside}
        self._epoch_1904 = False
        self._recalculates = False
        """Excel calculates all formulas when it opens the file: a stored 0 is a placeholder, as libraries write it."""
        self.tabs: list[Tab] = []
        """Sheets in the order of their tabs; `place` is the part name."""
        content_type = read_content_types(archive).get(part_key(part), "")
        self.format = "xlsm" if "macroenabled" in content_type.lower() else "xlsx"
        archive.parse(part, self._start_element)
        self.active = active.describe(archive, takes_macros=self.format == "xlsm") if active else ()
        """What in the workbook does something by itself, and goes on doing it in the report."""

    def _start_element(self, element: str, attributes: Attributes) -> None:
        if element == "workbookPr":
            self._epoch_1904 |= is_true(attributes.get("date1904"))
        elif element == "calcPr":
            completed = is_true(attributes.get("calcCompleted"))  # as a report has it: a stored 0 is a result there
            self._recalculates |= is_true(attributes.get("fullCalcOnLoad")) and not completed
        elif element == "sheet":
            tab = make_tab(attributes, self._relations)
            worksheet = tab.kind == "worksheet"
            self.tabs.append(Tab(name=tab.title, worksheet=worksheet, visible=tab.visible, place=tab.part))

    def grid(self, tab: Tab) -> Grid:
        """Return the rows of a worksheet.

        Raises:
            SheetError: damaged, forbidden XML, or over a limit.
        """
        return WorksheetGrid(archive=self._archive, part=tab.place, read_cell=self._read_cell)

    @cached_property
    def _read_cell(self) -> CellReader:
        return CellReader(
            source=self._archive.source,
            strings=read_shared_strings(self._archive, self._find_part("sharedStrings")),
            formats=_read_formats(self._archive, self._find_part("styles")),
            epoch_1904=self._epoch_1904,
            recalculates=self._recalculates,
        )

    def totals(self, tab: Tab) -> list[Area]:
        """Return the totals rows of a worksheet's tables. Raises SheetError: damaged, or forbidden XML."""
        found: list[Area] = []

        def start(element: str, attributes: Attributes) -> None:
            area = parse_area(attributes.get("ref", "")) if element == "table" else None
            count = whole_number(attributes.get("totalsRowCount")) or 0
            if area and count and area.bottom > area.top:
                found.append(area._replace(top=area.bottom))

        for relation in read_relations(self._archive, tab.place):
            if relation.kind == "table" and relation.target in self._archive:
                self._archive.parse(relation.target, start)
        return found

    def _find_part(self, kind: str) -> str | None:
        return next((each.target for each in self._relations.values() if each.kind == kind), None)


def _read_formats(archive: Archive, part: str | None) -> list[CellFormat]:
    """Read by the index of each cell style how it shows numbers."""
    if part is None or part not in archive:
        return []
    formats: dict[int, str] = {}
    ids: list[int] = []
    inside: list[bool] = []

    def start(element: str, attributes: Attributes) -> None:
        if element == "numFmt" and not inside:
            formats[whole_number(attributes.get("numFmtId")) or 0] = attributes.get("formatCode", "")
        elif element == "cellXfs":
            inside.append(True)
        elif element == "xf" and inside and len(ids) < _MOST_FORMATS:
            ids.append(whole_number(attributes.get("numFmtId")) or 0)

    def end(element: str) -> None:
        if element == "cellXfs":
            inside.clear()

    archive.parse(part, start, end)
    return cell_formats(ids, formats)
