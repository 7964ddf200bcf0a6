"""Markup around the rows of the user's worksheet (columns, filter, merged cells, tables), changed for the results."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from batch.ooxml.package import Package
from batch.ooxml.references import LAST_COLUMN, Area, group_runs, parse_area, whole_number
from batch.ooxml.schema import find_place
from batch.ooxml.xml import Edits, Element, format_attributes, parse_tree
from batch.reporter.columns import COLUMNS
from batch.reporter.xlsx.sheet_scan import SheetExtent


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
        """Part the merged_areas cells at or below the header that a result column goes through."""
        self._drop("mergeCells", lambda area: area.touches(columns) and area.bottom >= header_row)

    def unlink(self, columns: Collection[int], header_row: int) -> None:
        """Take away the links of cells that results replace."""
        ours = set(columns)
        self._drop(
            "hyperlinks", lambda area: area.top > header_row and ours.issuperset(range(area.left, area.right + 1))
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

    def _drop(self, holder: str, unwanted: Callable[[Area], bool]) -> None:
        """Take children away by their areas; a holder that would be left empty goes too, as the schema wants it."""
        found = self._root.find(holder)
        if found is None:
            return
        gone = [
            each for each in found.children if (area := parse_area(each.attributes.get("ref", ""))) and unwanted(area)
        ]
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

    def grow(self, *, header_row: int, last: int, names: Sequence[str | None]) -> bool:
        """Take in the columns up to `last` when they are results; `names` is the header from column 1.

        Returns True for the table of the rows, which has a filter of its own. A table that a query fills is left
        as it is: its columns are the query's.
        """
        area, root = self.area, self._root
        if area is None or area.top != header_row or root.attributes.get("headerRowCount") == "0":
            return False
        added = [names[column - 1] if column <= len(names) else None for column in range(area.right + 1, last + 1)]
        if not set(added) <= set(COLUMNS):
            return False
        if added and root.attributes.get("tableType") != "queryTable":
            self._put([str(name) for name in added], area._replace(right=last))
        return True

    def _put(self, added: list[str], area: Area) -> None:
        edits = Edits()
        edits.set(self._root, ref=str(area))
        filtered = self._root.find("autoFilter")
        if filtered is not None:
            totals = whole_number(self._root.attributes.get("totalsRowCount")) or 0
            edits.set(filtered, ref=str(area._replace(bottom=area.bottom - totals)))
        columns = self._root.find("tableColumns")
        if columns is not None:
            _add(edits, columns, added)
        self._package.put(self._part, edits.apply(self._content))


def tables_of(package: Package, sheet_part: str) -> list[Table]:
    """All tables of a worksheet."""
    relations = package.relations(sheet_part)
    return [Table(package, each.target) for each in relations if each.kind == "table" and each.target in package]


def _add(edits: Edits, columns: Element, added: list[str]) -> None:
    ids = [whole_number(each.attributes.get("id")) or 0 for each in columns.children]
    for number, name in enumerate(added, start=max(ids, default=0) + 1):
        attributes = format_attributes({"id": str(number), "name": name})
        edits.append(columns, f"<{columns.prefix}tableColumn{attributes}/>".encode())
    edits.set(columns, count=str(len(columns.all("tableColumn")) + len(added)))
