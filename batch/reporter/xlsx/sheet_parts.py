"""Markup around the rows of the user's worksheet (columns, filter, merged cells, tables), changed for the results."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import accumulate

from batch.ooxml.package import Package, is_true
from batch.ooxml.references import LAST_COLUMN, Area, group_runs, parse_area, whole_number
from batch.ooxml.schema import find_place
from batch.ooxml.xml import Edits, Element, format_attributes, parse_tree
from batch.reporter.columns import Value
from batch.reporter.xlsx.sheet_scan import SheetExtent

_USUAL_PIXELS = 64
"""Width of a column that the user did not change."""


class Surroundings:
    """The head and the tail of a worksheet as one document whose rows are left out.

    Raises:
        UnsupportedMarkup: it is not well-formed.
    """

    def __init__(self, extent: SheetExtent) -> None:
        self._rows = extent.opening + extent.patterns.closing
        self._content = extent.without_rows
        self._split = len(extent.head)
        self._root = parse_tree(self._content)
        self._prefix = self._root.prefix
        self._before, self._behind = Edits(), Edits()

    @property
    def merged_areas(self) -> list[Area]:
        """The areas of merged_areas cells."""
        found = (parse_area(each.attributes.get("ref", "")) for each in self._all("mergeCells"))
        return [each for each in found if each]

    @property
    def head(self) -> bytes:
        """All before the rows, changed."""
        made = self._before.apply(self._content)
        return made[: len(made) - (len(self._content) - self._split)]

    @property
    def tail(self) -> bytes:
        """All behind the rows, changed."""
        return self._behind.apply(self._content)[self._split + len(self._rows) :]

    @property
    def whole(self) -> bytes:
        """The document, changed."""
        return self.head + self._rows + self.tail

    def column_ends(self) -> list[int]:
        """Return where each column ends on the screen, about, in pixels from the left."""
        widths = [_USUAL_PIXELS] * LAST_COLUMN
        for each in self._all("cols")[:LAST_COLUMN]:
            first, last = (min(whole_number(each.attributes.get(name)) or 0, LAST_COLUMN) for name in ("min", "max"))
            width = re.fullmatch(r"(\d{1,3})(\.\d+)?", each.attributes.get("width", ""))
            pixels = int(width[1]) * 7 + 5 if width else _USUAL_PIXELS
            if 0 < first <= last:
                hidden = is_true(each.attributes.get("hidden"))
                widths[first - 1 : last] = [0 if hidden else pixels] * (last - first + 1)
        return list(accumulate(widths))

    def deselect(self) -> None:
        """The sheet is no longer one of those selected together."""
        for view in self._all("sheetViews"):
            if "tabSelected" in view.attributes:
                self._before.set(view, tabSelected=None)

    def reach(self, last: int, bottom: int) -> None:
        """Let the sheet say that its cells reach so far."""
        dimension = self._root.find("dimension")
        if dimension is not None:
            known = parse_area(dimension.attributes.get("ref", "")) or Area(1, 1, 1, 1)
            area = known._replace(right=max(known.right, last), bottom=max(known.bottom, bottom))
            self._before.set(dimension, ref=str(area))

    def widen(self, widths: Mapping[int, float]) -> None:
        """Give columns their widths, and free them from what the user set for a whole range of columns.

        Excel keeps one record for neighbouring columns that are alike (hidden, narrow), often to the end of the sheet.
        """
        records = [(column, _record(self._prefix, column, column, {"width": f"{width:g}", "customWidth": "1"}))
                   for column, width in widths.items()]  # fmt: skip
        present = self._root.find("cols")
        for each in present.all("col") if present else ():
            records += self._carved(each, widths)
        markup = b"".join(record for _, record in sorted(records, key=lambda each: each[0]))
        whole = f"<{self._prefix}cols>".encode() + markup + f"</{self._prefix}cols>".encode() if markup else b""
        if present:
            self._before.replace(present, whole)
        else:
            self._before.insert(find_place(self._root, "cols"), whole)

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
            self._behind.set(present, ref=str(wanted))
        else:
            markup = f"<{self._prefix}autoFilter{format_attributes({'ref': str(wanted)})}/>".encode()
            self._behind.insert(find_place(self._root, "autoFilter"), markup)
        return wanted

    def _all(self, holder: str) -> list[Element]:
        found = self._root.find(holder)
        return found.children if found else []

    def _carved(self, record: Element, widths: Mapping[int, float]) -> list[tuple[int, bytes]]:
        first, last = (whole_number(record.attributes.get(name)) for name in ("min", "max"))
        if not first or not last:
            return []
        covered = range(first, min(last, LAST_COLUMN) + 1)
        if not any(column in covered for column in widths):
            return [(first, self._content[record.start : record.end])]
        kept = {name: value for name, value in record.attributes.items() if name not in {"min", "max"}}
        left = set(covered).difference(widths)
        return [(start, _record(self._prefix, start, end, kept)) for start, end in group_runs(left)]

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
                    self._behind.set(each, ref=str(kept))
        if len(gone) == len(found.children):
            self._behind.replace(found, b"")
            return
        for each in gone:
            self._behind.replace(each, b"")
        if gone and "count" in found.attributes:
            self._behind.set(found, count=str(len(found.children) - len(gone)))


def _record(prefix: str, first: int, last: int, attributes: Mapping[str, str]) -> bytes:
    whole = format_attributes({"min": str(first), "max": str(last), **attributes})
    return f"<{prefix}col{whole}/>".encode()


class Table:
    """One table of the sheet."""

    def __init__(self, package: Package, part: str) -> None:
        self._package, self._part = package, part
        self._content = package.read(part)
        self._root = parse_tree(self._content)
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
        edits = Edits()
        edits.set(self._root, ref=str(area))
        filtered = self._root.find("autoFilter")
        if filtered is not None:
            edits.set(filtered, ref=str(area._replace(bottom=area.bottom - self.totals)))
        columns = self._root.find("tableColumns")
        if columns is not None:
            _add(edits, columns, added, labels)
        self._package.put(self._part, edits.apply(self._content))


def tables_of(package: Package, sheet_part: str) -> list[Table]:
    """All tables of a worksheet."""
    relations = package.relations(sheet_part)
    return [Table(package, each.target) for each in relations if each.kind == "table" and each.target in package]


def _add(edits: Edits, columns: Element, added: list[str], labels: Mapping[str, Value]) -> None:
    ids = [whole_number(each.attributes.get("id")) or 0 for each in columns.children]
    for number, name in enumerate(added, start=max(ids, default=0) + 1):
        label = labels.get(name)
        total = {"totalsRowLabel": label} if isinstance(label, str) else {}
        attributes = format_attributes({"id": str(number), "name": name, **total})
        edits.append(columns, f"<{columns.prefix}tableColumn{attributes}/>".encode())
    edits.set(columns, count=str(len(columns.all("tableColumn")) + len(added)))
