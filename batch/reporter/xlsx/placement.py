"""Places of the result columns in the user's worksheet: beyond all that stands beside the rows.

Cells, tables and drawings count as they stand. A merge counts only where it ends near them: one that goes on to the end
of the sheet, as the titles of sections do, is cut off before the results. Where nothing is left at the right, the first
gap that is wide enough is taken. The widths of columns under a drawing stay: it would be stretched.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from batch.ooxml.package import Package
from batch.ooxml.references import LAST_COLUMN, Area, column_number
from batch.reporter.columns import ALL_COLUMNS, COLUMNS, MOMENTS, Value, columns_for, place_columns
from batch.reporter.rows import ReportInputs, join_by_number
from batch.reporter.xlsx.sheet_parts import Surroundings, Table, drawn_areas, tables_of
from batch.reporter.xlsx.sheet_scan import SheetExtent, find_used_columns
from batch.reporter.xlsx.theme import GROUPED, width_of

_NEAR = 100
"""Columns beyond all else up to which a merge counts."""
_SAMPLE = 200
"""Rows in which the column of the phones is looked for."""
_LAST_DIGITS = 8
"""Of a phone: what is in front of them is written in many ways."""
_PHONE = COLUMNS.index("wegly_phone")


class NoRoom(Exception):
    """The result columns do not fit anywhere in the sheet."""


class ResultColumns:
    """The result columns of the contact sheet, and the changes around its rows that make room for them.

    Raises:
        NoRoom: there are not enough free columns side by side.
    """

    def __init__(self, package: Package, part: str, extent: SheetExtent, header_row: int, inputs: ReportInputs) -> None:
        self._header_row, self._extent, self._inputs = header_row, extent, inputs
        self._package, self._part = package, part
        self.filter: Area | None = None
        self._around = Surroundings(extent)
        self._tables = [table for table in tables_of(package, part) if table.area]
        self._drawn = drawn_areas(package, part, self._around.column_ends)
        self._names = columns_for(extent.header.values(), followed=inputs.followed)
        self.places = [[index + 1 for index in indexes] for indexes in self._find_places()]
        self.columns = sorted(column for columns in self.places for column in columns)
        self._own = self._find_own_table()

    @property
    def totals_row(self) -> int:
        """The totals row of the table that takes the results in; 0 for none."""
        return self._own.area.bottom if self._own and self._own.area and self._own.totals else 0

    @property
    def without_rows(self) -> bytes:
        """The sheet without its rows, as it is now."""
        return self._around.whole

    def head(self) -> bytes:
        """All before the rows."""
        around = self._around
        around.deselect()
        around.reach(self.columns[-1], max(self._extent.bottom, self._header_row))
        covered = _cover(self._drawn)
        fresh = {
            column: name
            for name, columns in zip(self._names, self.places, strict=True)
            for column in columns
            if not covered[column] and column not in self._extent.header
        }
        grouped = [column for column, name in fresh.items() if name in GROUPED]
        around.widen({column: width_of(name) for column, name in fresh.items()}, grouped)
        return around.head

    def tail(self) -> bytes:
        """All behind the rows."""
        self._around.unmerge(self.columns, self._header_row)
        self._around.unlink(self.columns, self._header_row)
        return self._around.tail

    def extend_filter(self, bottom: int, totals: Sequence[Value]) -> None:
        """Let the table of the rows, or the sheet's filter, take the result columns in. `totals`: `totals_row`'s."""
        if not self._header_row:
            return
        last = self.columns[-1]
        names = {column: name for name, columns in zip(self._names, self.places, strict=True) for column in columns}
        labels = {
            name: value for at, (name, value) in enumerate(zip(ALL_COLUMNS, totals, strict=False)) if at not in MOMENTS
        }
        if self._own and self._own.grow(last=last, names=names, labels=labels):
            return
        tables = [table.area for table in self._tables if table.area]
        wanted = Area(self.columns[0], self._header_row, last, bottom)
        if not self._own:
            header = self._extent.header
            wanted = wanted._replace(left=min(self.columns[0], *header) if header else 1)
            if any(wanted.overlaps(each) for each in tables):
                wanted = self._clip(wanted, tables)
        self.filter = self._around.filter_over(wanted, tables)

    def _clip(self, wanted: Area, tables: Sequence[Area]) -> Area:
        """Return the columns of the contacts, without the tables beside them."""
        taken = _cover(tables)
        free = [column for column in sorted(self._extent.header) if not taken[column]]
        home = self._phone_column
        left = right = home if home in free else free[0] if free else wanted.left
        while left > wanted.left and not taken[left - 1]:
            left -= 1
        while right < wanted.right and not taken[right + 1]:
            right += 1
        named = [column for column in free if left <= column <= right]
        return wanted._replace(left=named[0], right=named[-1]) if named else wanted

    def _find_places(self) -> Sequence[Sequence[int]]:
        extent, header_row = self._extent, self._header_row
        areas = [table.area for table in self._tables if table.area and table.area.bottom >= header_row]
        bottom = max(extent.bottom, header_row)
        areas += [area for area in self._drawn if area.bottom >= header_row and area.top <= bottom]
        right = max([extent.right, *(area.right for area in areas)])
        merges = (area.right for area in self._around.merged_areas if area.bottom >= header_row)
        for end in (max([right, *(each for each in merges if each <= right + _NEAR)]), right):
            places = self._place(end)
            if max(map(max, places)) < LAST_COLUMN:
                return places
        return self._find_gap(areas)

    def _place(self, right: int) -> Sequence[Sequence[int]]:
        """Return the places of all columns, from 0, when the new ones follow behind `right`."""
        header = self._extent.header
        names = [header.get(column) for column in range(1, max([right, *header]) + 1)]
        return place_columns(names, free=right, columns=self._names)

    def _find_gap(self, areas: Sequence[Area]) -> Sequence[Sequence[int]]:
        used = find_used_columns(self._package.chunks(self._part), header_row=self._header_row)
        covered = _cover(areas)
        missing = sum(places[0] >= LAST_COLUMN for places in self._place(LAST_COLUMN))
        free = 0
        for column in range(min(used, default=0) + 1, LAST_COLUMN + 1):
            free = 0 if column in used or covered[column] else free + 1
            if free == missing:
                return self._place(column - missing)
        raise NoRoom

    def _find_own_table(self) -> Table | None:
        """Return the table that holds the contacts; None when they are in none."""
        tables = [each for each in self._tables if each.is_headed_at(self._header_row)]
        if not tables:
            return None
        named = sorted(self._extent.header.keys() - set(self.columns))
        areas = {each: each.area for each in tables if each.area}
        counts = {each: bisect_right(named, area.right) - bisect_left(named, area.left) for each, area in areas.items()}
        phone = self._phone_column if max(counts.values()) < len(named) else None
        if phone is not None:
            return next((each for each in tables if each.holds(phone)), None)
        best = max(tables, key=counts.__getitem__)
        return best if counts[best] > len(named) - sum(counts.values()) else None

    @property
    def _phone_column(self) -> int | None:
        """The column whose cells hold the phones that were messaged; None when it is not known."""
        sheet = self._inputs.sheet
        if sheet.rows is None or sheet.info is None:
            return None
        votes = Counter[int]()
        for _number, row, result in islice(join_by_number(sheet.rows(), self._inputs.rows()), _SAMPLE):
            phone = _last_digits(result.values[_PHONE]) if result else ""
            if row and phone:
                votes.update(index for index, cell in enumerate(row.cells) if cell and _last_digits(cell) == phone)
        if not votes:
            return None
        name = sheet.info.columns[votes.most_common(1)[0][0]]
        columns = {text.strip(): column for column, text in sorted(self._extent.header.items(), reverse=True)}
        letters = re.search(r"\bcolumn ([A-Z]{1,3})\b", name)
        return columns.get(name.strip()) or (column_number(letters[1]) if letters else None)


def _cover(areas: Sequence[Area]) -> bytearray:
    """Return for each column, counted from 1, whether any area goes through it."""
    covered = bytearray(LAST_COLUMN + 1)
    for area in areas:
        covered[area.left : area.right + 1] = b"\1" * (area.right + 1 - area.left)
    return covered[: LAST_COLUMN + 1]


def _last_digits(value: Value) -> str:
    return "".join(filter(str.isdigit, str(value or "")))[-_LAST_DIGITS:]
