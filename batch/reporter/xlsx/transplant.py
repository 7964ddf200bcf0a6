"""One sheet of another workbook, with its drawing and charts, brought into the user's package."""

from __future__ import annotations

import posixpath
import re

from batch.ooxml.elements import Edits, parsed
from batch.ooxml.package import Package, relations_name
from batch.reporter.xlsx.styles import StylesPart
from batch.reporter.xlsx.workbook_part import WorkbookPart

__all__ = ["in_words_of", "transplanted"]

_STYLED = frozenset({"c", "row", "col"})
_DIGITS = re.compile(r"\d+$")
_STRICT = (
    (b"http://schemas.openxmlformats.org/spreadsheetml/2006/main", b"http://purl.oclc.org/ooxml/spreadsheetml/main"),
    (
        b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        b"http://purl.oclc.org/ooxml/officeDocument/relationships",
    ),
    (b"http://schemas.openxmlformats.org/drawingml/2006/", b"http://purl.oclc.org/ooxml/drawingml/"),
)


def transplanted(donor: Package, package: Package, styles: StylesPart, *, strict: bool) -> str:
    """Copy the first sheet of `donor`, a workbook that openpyxl wrote, and all that it refers to, into `package`.

    The cells' styles are added to `styles`. `strict`: the package is written by the strict form of the standard.
    Gives the part's name; the workbook part is still to refer to it.
    """
    book = WorkbookPart(donor)
    own_styles = book.only("styles")
    sheet = book.tabs[0].part
    content = donor.read(sheet)
    if own_styles:
        content = _restyled(content, styles, donor.read(own_styles))
    return _Copy(donor, package, strict=strict).copied(sheet, content)


def in_words_of(content: bytes, *, strict: bool) -> bytes:
    """Markup with the names of the strict form of the standard, where that is asked for."""
    for usual, name in _STRICT if strict else ():
        content = content.replace(usual, name)
    return content


def _restyled(content: bytes, styles: StylesPart, donor_styles: bytes) -> bytes:
    number = styles.adopt(donor_styles)
    edits = Edits()
    for element in parsed(content).walk():
        for name in {"s", "style"} & element.attributes.keys() if element.local in _STYLED else ():
            edits.set(element, **{name: str(number(int(element.attributes[name])))})
    return edits.made(content)


class _Copy:
    """Copies parts under names that are free."""

    def __init__(self, donor: Package, package: Package, *, strict: bool) -> None:
        self._donor, self._package, self._strict = donor, package, strict

    def copied(self, part: str, content: bytes) -> str:
        stem, ending = posixpath.splitext(part)
        name = self._package.free_name(f"{_DIGITS.sub('', stem)}{{}}{ending}")
        self._package.put(name, in_words_of(content, strict=self._strict))
        self._package.declare(name, self._donor.content_type(part))
        self._copy_relations(part, name)
        return name

    def _copy_relations(self, part: str, name: str) -> None:
        places = {
            each.id: self.copied(each.target, self._donor.read(each.target)) for each in self._donor.relations(part)
        }
        if not places:
            return
        content = self._donor.read(relations_name(part))
        edits = Edits()
        for each in parsed(content).children:
            edits.set(each, Target="/" + places[each.attributes["Id"]])
        self._package.put(relations_name(name), in_words_of(edits.made(content), strict=self._strict))
