"""Parts of the user's worksheet around its rows: columns, filter, merged cells and tables, which are changed for the
results, and drawings (charts, pictures, text boxes, controls), which are not."""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import accumulate

from batch.ooxml.package import Package, is_true
from batch.ooxml.references import LAST_COLUMN, LAST_ROW, Area, group_runs, parse_area, whole_number
from batch.ooxml.schema import find_place
from batch.ooxml.tree import Document, Element
from batch.ooxml.xml import Attributes, LocalNames, SafeParser
from batch.reporter.columns import Value
from batch.reporter.xlsx.sheet_scan import SheetExtent

_USUAL_PIXELS = 64
"""Width of a column that the user did not change."""
_ANCHORS = frozenset({"twoCellAnchor", "oneCellAnchor", "absoluteAnchor"})
_EMU_PER_PIXEL = 9525
_ROW_PIXELS = 20
"""Of a row of the usual height: higher ones make a drawing end sooner."""


class Surroundings:
    """The head and the tail of a worksheet as one document whose rows are left out.

    Raises:
        UnsupportedMarkup: it is not well-formed.
    """

    def __init__(self, extent: SheetExtent) -> None:
        self._document = Document(extent.without_rows)
        self._root = self._document.root
        self._head_end = len(extent.head)
        self._tail_start = len(extent.without_rows) - len(extent.tail)

    @property
    def merged_areas(self) -> list[Area]:
        """The areas of merged cells."""
        found = (parse_area(each.attributes.get("ref", "")) for each in self._document.children("mergeCells"))
        return [each for each in found if each]

    @property
    def head(self) -> bytes:
        """All before the rows, changed."""
        return self._document.apply(0, self._head_end)

    @property
    def tail(self) -> bytes:
        """All behind the rows, changed."""
        return self._document.apply(self._tail_start)

    @property
    def whole(self) -> bytes:
        """The document, changed."""
        return self._document.apply()

    def column_ends(self) -> list[int]:
        """Return where each column ends on the screen, about, in pixels from the left."""
        widths = [_USUAL_PIXELS] * LAST_COLUMN
        for each in self._document.children("cols")[:LAST_COLUMN]:
            first, last = (min(whole_number(each.attributes.get(name)) or 0, LAST_COLUMN) for name in ("min", "max"))
            width = re.fullmatch(r"(\d{1,3})(\.\d+)?", each.attributes.get("width", ""))
            pixels = int(width[1]) * 7 + 5 if width else _USUAL_PIXELS
            if 0 < first <= last:
                hidden = is_true(each.attributes.get("hidden"))
                widths[first - 1 : last] = [0 if hidden else pixels] * (last - first + 1)
        return list(accumulate(widths))

    def deselect(self) -> None:
        """Take the sheet out of those that are selected together."""
        for view in self._document.children("sheetViews"):
            if "tabSelected" in view.attributes:
                self._document.set(view, tabSelected=None)

    def reach(self, last: int, bottom: int) -> None:
        """Extend the dimension that the sheet declares to a column and a row."""
        dimension = self._root.find("dimension")
        if dimension is not None:
            known = parse_area(dimension.attributes.get("ref", "")) or Area(1, 1, 1, 1)
            area = known._replace(right=max(known.right, last), bottom=max(known.bottom, bottom))
            self._document.set(dimension, ref=str(area))

    def widen(self, widths: Mapping[int, float], grouped: Collection[int]) -> None:
        """Give columns their widths, and free them from what the user set for a whole range of columns.

        Excel keeps one record for neighbouring columns that are alike (hidden, narrow), often to the end of the sheet.
        `grouped`: those of them that are grouped, with the group collapsed.
        """
        records = []
        for column, width in widths.items():
            group = {"hidden": "1", "outlineLevel": "1"} if column in grouped else {}
            group |= {"collapsed": "1"} if column not in grouped and column - 1 in grouped else {}
            records.append((column, self._record(column, column, {"width": f"{width:g}", "customWidth": "1", **group})))
        if grouped and (usual := self._root.find("sheetFormatPr")) is not None:
            levels = whole_number(usual.attributes.get("outlineLevelCol")) or 0
            self._document.set(usual, outlineLevelCol=str(max(levels, 1)))
        present = self._root.find("cols")
        own = present.all("col") if present else []
        behind = max(widths, default=0) + 1  # where the sign of a last group stands
        ends = [whole_number(each.attributes.get("max")) or 0 for each in own]
        if behind - 1 in grouped and behind <= LAST_COLUMN and max(ends, default=0) < behind:
            records.append((behind, self._record(behind, behind, {"width": "9", "collapsed": "1"})))
        for each in own:
            records += self._carved(each, widths)
        markup = b"".join(record for _, record in sorted(records, key=lambda each: each[0]))
        whole = self._document.tag("cols", {}, markup) if markup else b""
        if present:
            self._document.replace(present, whole)
        else:
            self._document.insert(find_place(self._root, "cols"), whole)

    def unmerge(self, columns: Collection[int], header_row: int) -> None:
        """End the merges at or below the header before the first result column that goes through them."""

        def cut(area: Area) -> Area | None:
            ours = [column for column in columns if area.left <= column <= area.right]
            return area._replace(right=min(ours) - 1) if ours and area.bottom >= header_row else area

        self._cut("mergeCells", cut)

    def unlink(self, columns: Collection[int], header_row: int) -> None:
        """Take away the links of cells that results replace."""
        ours = set(columns)
        self._cut(
            "hyperlinks",
            lambda area: None if area.top > header_row and ours.issuperset(range(area.left, area.right + 1)) else area,
        )

    def filter_over(self, wanted: Area, tables: Iterable[Area]) -> Area | None:
        """Let the user's filter over the table take in the columns of `wanted`, or set one there. Returns its area.

        A filter that the user set elsewhere stays, and none is laid over a table: Excel calls such a file damaged.
        """
        present = self._root.find("autoFilter")
        area = parse_area(present.attributes.get("ref", "")) if present else None
        if area:
            if area.top != wanted.top:
                return None
            wanted = Area(area.left, area.top, max(area.right, wanted.right), max(area.bottom, wanted.bottom))
        if any(wanted.overlaps(each) for each in tables):
            return None
        if present:
            self._document.set(present, ref=str(wanted))
        else:
            markup = self._document.tag("autoFilter", {"ref": str(wanted)})
            self._document.insert(find_place(self._root, "autoFilter"), markup)
        return wanted

    def _carved(self, record: Element, widths: Mapping[int, float]) -> list[tuple[int, bytes]]:
        first, last = (whole_number(record.attributes.get(name)) for name in ("min", "max"))
        if not first or not last:
            return []
        covered = range(first, min(last, LAST_COLUMN) + 1)
        if not any(column in covered for column in widths):
            return [(first, self._document.markup(record))]
        kept = {name: value for name, value in record.attributes.items() if name not in {"min", "max"}}
        left = set(covered).difference(widths)
        return [(start, self._record(start, end, kept)) for start, end in group_runs(left)]

    def _cut(self, holder: str, cut: Callable[[Area], Area | None]) -> None:
        """Cut the areas of children; a merge of one cell and a holder left empty go, as the schema wants it."""
        found = self._root.find(holder)
        if found is None:
            return
        gone = []
        for each in found.children:
            area = parse_area(each.attributes.get("ref", ""))
            kept = cut(area) if area else None
            if area and kept != area:
                if kept is None or kept.cells < 2:  # noqa: PLR2004 (a merge has several)
                    gone.append(each)
                else:
                    self._document.set(each, ref=str(kept))
        if len(gone) == len(found.children):
            self._document.remove(found)
            return
        for each in gone:
            self._document.remove(each)
        if gone and "count" in found.attributes:
            self._document.set(found, count=str(len(found.children) - len(gone)))

    def _record(self, first: int, last: int, attributes: Mapping[str, str]) -> bytes:
        return self._document.tag("col", {"min": str(first), "max": str(last), **attributes})


class Table:
    """One table of the sheet."""

    def __init__(self, package: Package, part: str) -> None:
        self._package, self._part = package, part
        self._root = Document(package.read(part)).root
        self.area = parse_area(self._root.attributes.get("ref", ""))
        """None for one that is damaged: it is left alone."""

    @property
    def totals(self) -> int:
        """Number of its totals rows: none or one."""
        return whole_number(self._root.attributes.get("totalsRowCount")) or 0

    def is_headed_at(self, row: int) -> bool:
        """True when its header is that row."""
        return self.area is not None and self.area.top == row and self._root.attributes.get("headerRowCount") != "0"

    def holds(self, column: int) -> bool:
        """True when the column is one of the table's."""
        return self.area is not None and self.area.left <= column <= self.area.right

    def grow(self, *, last: int, names: Mapping[int, str], labels: Mapping[str, Value]) -> bool:
        """Take in the columns up to `last` when they are results: `names` has these by their columns.

        Returns False when others stand in between. A table that a query fills is left as it is: its columns are the
        query's. `labels`: what stands in its totals row, by the name of the column.
        """
        if self.area is None:
            return False
        added = [names.get(column) for column in range(self.area.right + 1, last + 1)]
        if None in added:
            return False
        if added and self._root.attributes.get("tableType") != "queryTable":
            self._put([str(name) for name in added], self.area._replace(right=last), labels)
        return True

    def _put(self, added: list[str], area: Area, labels: Mapping[str, Value]) -> None:
        with self._package.edit(self._part) as table:
            table.set(table.root, ref=str(area))
            filtered = table.root.find("autoFilter")
            if filtered is not None:
                table.set(filtered, ref=str(area._replace(bottom=area.bottom - self.totals)))
            columns = table.root.find("tableColumns")
            if columns is not None:
                _add(table, columns, added, labels)


def tables_of(package: Package, sheet_part: str) -> list[Table]:
    """All tables of a worksheet."""
    relations = package.relations(sheet_part)
    return [Table(package, each.target) for each in relations if each.kind == "table" and each.target in package]


def _add(table: Document, columns: Element, added: list[str], labels: Mapping[str, Value]) -> None:
    ids = [whole_number(each.attributes.get("id")) or 0 for each in columns.children]
    for number, name in enumerate(added, start=max(ids, default=0) + 1):
        label = labels.get(name)
        total = {"totalsRowLabel": label} if isinstance(label, str) else {}
        table.append(columns, table.tag("tableColumn", {"id": str(number), "name": name, **total}))
    table.set(columns, count=str(len(columns.all("tableColumn")) + len(added)))


def drawn_areas(package: Package, sheet_part: str, column_ends: Callable[[], Sequence[int]]) -> list[Area]:
    """Return the areas under all drawings of a worksheet. `column_ends`: where each column ends, in pixels.

    Raises:
        UnsupportedMarkup: a drawing is not well-formed.
    """
    anchors = _Anchors(column_ends)
    for each in package.relations(sheet_part):
        if each.kind == "drawing" and each.target in package:
            parser = SafeParser(start=anchors.start, end=anchors.end, text=anchors.text)
            for piece in package.chunks(each.target):
                parser.feed(piece)
    return anchors.areas


class _Anchors:
    """Parser handlers that collect the areas of anchors."""

    def __init__(self, column_ends: Callable[[], Sequence[int]]) -> None:
        self.areas: list[Area] = []
        self._column_ends, self._names = cache(column_ends), LocalNames()
        self._corner, self._text = "", ""
        self._found: dict[str, int] = {}

    def start(self, name: str, attributes: Attributes) -> None:
        local = self._names[name]
        self._text = ""
        if local in _ANCHORS:
            self._found.clear()
        elif local in {"from", "to"}:
            self._corner = local
        elif local in {"ext", "pos"}:  # those of the shapes inside come later
            for each in {"cx", "cy", "x", "y"} & attributes.keys():
                self._found.setdefault(each, whole_number(attributes[each]) or 0)

    def text(self, text: str) -> None:
        self._text = (self._text + text)[:20]

    def end(self, name: str) -> None:
        local = self._names[name]
        if local in {"from", "to"}:
            self._corner = ""
        elif self._corner:
            self._found[f"{self._corner} {local}"] = whole_number(self._text.strip()) or 0
        elif local in _ANCHORS:
            self.areas.append(self._area(local))

    def _area(self, anchor: str) -> Area:
        get = self._found.get
        left, top = get("from col", 0) + 1, get("from row", 0) + 1
        if anchor == "twoCellAnchor":
            right = get("to col", 0) + (get("to colOff", 0) > 0)
            bottom = get("to row", 0) + (get("to rowOff", 0) > 0)
        else:
            wide, high = get("cx", 0) // _EMU_PER_PIXEL, get("cy", 0) // _EMU_PER_PIXEL
            if anchor == "absoluteAnchor":
                left = top = 1
                wide, high = wide + get("x", 0) // _EMU_PER_PIXEL, high + get("y", 0) // _EMU_PER_PIXEL
            ends = self._column_ends()
            start = ends[min(left - 1, LAST_COLUMN) - 1] if left > 1 else 0
            right, bottom = bisect_right(ends, start + wide) + 1, top + high // _ROW_PIXELS + 1
        return Area(left, top, min(max(left, right), LAST_COLUMN), min(max(top, bottom), LAST_ROW))
