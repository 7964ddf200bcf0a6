"""The stored results of formulas, carried over into a workbook that openpyxl saved.

openpyxl saves a formula without its result; Excel computes it again, but whatever only reads (a preview, this
program when the report is fed back to it) would see an empty cell. So the results are copied from the user's file,
as they are there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import IO, BinaryIO
from xml.etree.ElementTree import iterparse
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

__all__ = ["Stored", "restored", "stored_values"]

Stored = Mapping[str, tuple[str, str]]
"""Cell (`C2`) to the type (`n`, `str`, `b`, `e`) and the text of its stored result."""

_EMPTY = re.compile(
    rb'<c r="([A-Z]+[0-9]+)"((?: s="[0-9]+")?)>(<f(?:[^>]*/>|(?:[^>/][^>]*)?>[^<]*</f>))(?:<v ?/>|<v></v>)</c>'
)
"""A formula without a result, as openpyxl writes it (with lxml or without)."""


def stored_values(sheet_xml: IO[bytes]) -> Stored:
    """The stored results of a worksheet's formulas; formulas that have none are left out."""
    found: dict[str, tuple[str, str]] = {}
    for _, element in iterparse(sheet_xml):  # noqa: S314 - expat refuses entity bombs, and openpyxl read the file before
        tag = element.tag.rpartition("}")[2]
        if tag == "c":
            parts = {child.tag.rpartition("}")[2]: child.text for child in element}
            value = parts.get("v")
            if "f" in parts and value:
                found[element.get("r", "")] = (element.get("t", "n"), value)
        if tag in {"c", "row"}:
            element.clear()
    return found


def restored(saved: BinaryIO, target: BinaryIO, values: Mapping[str, Stored]) -> None:
    """Copy the workbook `saved` to `target`, with the results put back. `values`: name of the part to its results."""
    with ZipFile(saved) as source, ZipFile(target, "w", ZIP_DEFLATED) as copy:
        for part in source.infolist():
            content = source.read(part)
            stored = values.get(part.filename)
            copy.writestr(part.filename, _EMPTY.sub(_filler(stored), content) if stored else content)


def _filler(stored: Stored) -> Callable[[re.Match[bytes]], bytes]:
    def fill(match: re.Match[bytes]) -> bytes:
        reference, style, formula = match.groups()
        kind, value = stored.get(reference.decode(), ("", ""))
        if not kind:
            return match[0]
        head = b'<c r="' + reference + b'"' + style + (b"" if kind == "n" else f' t="{kind}"'.encode())
        return head + b">" + formula + b"<v>" + escape(value).encode() + b"</v></c>"

    return fill
