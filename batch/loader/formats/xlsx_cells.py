"""Cells of an XLSX worksheet as text."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from batch.i18n import N_
from batch.loader.formats.cell_text import (
    NumberKind,
    UnreadableCell,
    error_cell,
    iso_text,
    number_text,
    plain_text,
    serial_text,
    truth_text,
)
from batch.model.phrases import Phrase
from batch.ooxml.package import is_true
from batch.ooxml.shared_strings import SharedStrings
from batch.ooxml.xml import unescape

_HELD_TEXT = 64 * 1024 * 1024
"""Bytes of text that the rows of one piece may amount to."""
_LEAST_CELL = 20
"""Bytes of the shortest cell that refers to a text."""
_LEAST_PIECE = 400
_MOST_PIECE = 64 * 1024
_CACHED = 65_536
_LONGEST_CACHED = 128
"""Characters: so bounded, a cache takes a few MB."""

Converter = Callable[[str], str | None]


class _ConverterCache(dict[str, str | None]):
    """Texts by stored value, as long as there is room: names of cities, days and states repeat."""

    __slots__ = ("_convert",)

    def __init__(self, convert: Converter) -> None:
        self._convert = convert

    def __missing__(self, stored: str) -> str | None:
        text = self._convert(stored)
        if len(self) < _CACHED and len(text or "") + len(stored) <= _LONGEST_CACHED:
            self[stored] = text
        return text


class CellReader:
    """Converts stored values to text, with the workbook's texts, formats and epoch."""

    def __init__(
        self, *, strings: SharedStrings, kinds: list[NumberKind], epoch_1904: bool, recalculates: bool = False
    ) -> None:
        self.recalculates = recalculates
        self.piece_bytes = max(_LEAST_PIECE, min(_MOST_PIECE, _HELD_TEXT // (strings.longest + 1) * _LEAST_CELL))
        """Bytes of a worksheet to read at a time: its cells may all refer to the longest text."""
        self._strings = strings
        self._kinds = kinds
        self._epoch_1904 = epoch_1904
        self._texts: Converter = _ConverterCache(self._shared).__getitem__

    def converter(self, kind: str | None, style: str | None) -> Converter:
        """Return the function that makes text of stored values of this cell type and style; None for no text.

        It raises UnreadableCell.
        """
        if kind == "s":
            return self._texts
        if kind in {"str", "inlineStr"}:
            return _escaped_text
        if kind == "b":
            return _stored_truth
        if kind == "d":
            return iso_text
        if kind in {None, "n"}:
            return self._number(style)
        return _stored_error

    def _shared(self, stored: str) -> str | None:
        try:
            return plain_text(self._strings[int(stored)])
        except (ValueError, IndexError):
            lost = N_("error cell: text number {digits} is missing in the workbook")
            raise UnreadableCell(Phrase(lost, {"digits": stored[:20]})) from None

    def _number(self, style: str | None) -> Converter:
        index = int(style) if style and style.isdecimal() else 0
        kind = self._kinds[index] if index < len(self._kinds) else NumberKind.NUMBER
        if kind is NumberKind.NUMBER:
            return number_text
        convert = partial(serial_text, epoch_1904=self._epoch_1904, elapsed=kind is NumberKind.ELAPSED)
        return _ConverterCache(convert).__getitem__


def _escaped_text(stored: str) -> str | None:
    return plain_text(unescape(stored))


def _stored_truth(stored: str) -> str:
    return truth_text(is_true(stored.strip().lower()))


def _stored_error(stored: str) -> str:
    raise UnreadableCell(error_cell(stored.strip()))
