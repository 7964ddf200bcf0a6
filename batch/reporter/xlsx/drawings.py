"""Cells under the drawings of a worksheet: charts, pictures, text boxes, controls."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache

from batch.ooxml.package import Package
from batch.ooxml.references import LAST_COLUMN, LAST_ROW, Area, whole_number
from batch.ooxml.xml import Attributes, LocalNames, SafeParser

_ANCHORS = frozenset({"twoCellAnchor", "oneCellAnchor", "absoluteAnchor"})
_EMU_PER_PIXEL = 9525
_ROW_PIXELS = 20
"""Of a row of the usual height: higher ones make a drawing end sooner."""


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
