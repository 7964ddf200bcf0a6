"""The tables of a worksheet (`<table>` parts), and how one grows by the result columns."""

from __future__ import annotations

from collections.abc import Sequence

from batch.ooxml.elements import Edits, Element, attribute_text, parsed
from batch.ooxml.package import Package
from batch.ooxml.references import Area, area_of
from batch.reporter.columns import COLUMNS

__all__ = ["Table", "tables_of"]


class Table:
    """One table of the sheet."""

    def __init__(self, package: Package, part: str) -> None:
        self._package, self._part = package, part
        self._content = package.read(part)
        self._root = parsed(self._content)
        self.area = area_of(self._root.attributes.get("ref", ""))
        """None for one that is damaged: it is left alone."""

    def grow(self, *, header_row: int, last: int, names: Sequence[str | None]) -> bool:
        """Take in the columns up to `last` when they are results; `names` is the header from column 1.

        Gives whether this is the table of the rows, which has a filter of its own. A table that a query fills is left
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
            totals = self._root.attributes.get("totalsRowCount", "0")
            edits.set(filtered, ref=str(area._replace(bottom=area.bottom - (int(totals) if totals.isdecimal() else 0))))
        columns = self._root.find("tableColumns")
        if columns is not None:
            _add(edits, columns, added)
        self._package.put(self._part, edits.made(self._content))


def tables_of(package: Package, sheet_part: str) -> list[Table]:
    """All tables of a worksheet."""
    relations = package.relations(sheet_part)
    return [Table(package, each.target) for each in relations if each.kind == "table" and each.target in package]


def _add(edits: Edits, columns: Element, added: list[str]) -> None:
    ids = [
        int(each.attributes.get("id", "0")) for each in columns.children if each.attributes.get("id", "").isdecimal()
    ]
    for number, name in enumerate(added, start=max(ids, default=0) + 1):
        attributes = attribute_text({"id": str(number), "name": name})
        edits.append(columns, f"<{columns.prefix}tableColumn{attributes}/>".encode())
    edits.set(columns, count=str(len(columns.all("tableColumn")) + len(added)))
