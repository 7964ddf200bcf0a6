"""The cell styles of the user's workbook, with those of another workbook added behind them.

A style is four references (font, fill, border, number format) and a few words. What the user's workbook has already is
used again, so that a report that is fed back does not grow.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from functools import cache

from batch.ooxml.package import Package, relations_name
from batch.ooxml.references import whole_number
from batch.ooxml.schema import find_place
from batch.ooxml.tree import Document, Element
from batch.ooxml.xml import UnsupportedMarkup, format_attributes
from batch.reporter.xlsx.workbook_part import WorkbookPart

BARE_STYLES = (
    b'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    b'<fonts count="1"><font><sz val="11"/><name val="Calibri"/><family val="2"/></font></fonts>'
    b'<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    b'</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    b'<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    b'<cellXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/></cellXfs>'
    b'<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
"""The part for a workbook that has none."""

_MOST_STYLES = 64_000
"""Excel allows 65,490."""
_FIRST_OWN_FORMAT = 164
_BY_DEFAULT = {
    "fonts": ("<font/>",),
    "fills": ('<fill><patternFill patternType="none"/></fill>', '<fill><patternFill patternType="gray125"/></fill>'),
    "borders": ("<border/>",),
    "cellXfs": ('<xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>',),
}
_SHARED = (("fonts", "fontId"), ("fills", "fillId"), ("borders", "borderId"))
_TAG = re.compile(rb"<(/?)(?=[A-Za-z])")
_STYLED = frozenset({"c", "row", "col"})
_DIGITS = re.compile(r"(?<!\d)\d+$")
_STRICT = (
    (b"http://schemas.openxmlformats.org/spreadsheetml/2006/main", b"http://purl.oclc.org/ooxml/spreadsheetml/main"),
    (
        b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        b"http://purl.oclc.org/ooxml/officeDocument/relationships",
    ),
    (b"http://schemas.openxmlformats.org/drawingml/2006/", b"http://purl.oclc.org/ooxml/drawingml/"),
)


class StylesPart:
    """The styles part: `adopt` styles of others, then take what was `made`.

    Raises:
        UnsupportedMarkup: the part is damaged, or has no room for more styles.
    """

    def __init__(self, content: bytes) -> None:
        self.document = Document(content)
        self._root = self.document.root
        self._prefix = self._root.prefix.encode()
        if self._root.end == self._root.opened:
            raise UnsupportedMarkup("no styles in the part for them")
        self._lists = {name: _List(self, name) for name in ("fonts", "fills", "borders", "cellXfs")}
        self._formats = {
            each.attributes.get("formatCode", ""): whole_number(each.attributes.get("numFmtId")) or 0
            for each in self.document.children("numFmts")
        }
        self._next_format = max([_FIRST_OWN_FORMAT - 1, *self._formats.values()]) + 1
        self._new_formats: list[bytes] = []

    @property
    def font(self) -> tuple[str | None, float | None]:
        """Name and size of the workbook's own font."""
        fonts = self._root.find("fonts")
        first = fonts.children[0] if fonts and fonts.children else None
        name, size = (first.find("name"), first.find("sz")) if first else (None, None)
        points = size.attributes.get("val", "") if size else ""
        fits = re.fullmatch(r"\d{1,3}(\.\d+)?", points) is not None
        return (name.attributes.get("val") if name else None), float(points) if fits else None

    def adopt(self, content: bytes) -> Callable[[int], int]:
        """Return a function that turns style numbers of `content`, another styles part, into numbers of this part.

        Only what is asked for is added."""
        theirs = Document(content)
        styles = theirs.children("cellXfs")
        formats = {
            int(each.attributes["numFmtId"]): each.attributes["formatCode"] for each in theirs.children("numFmts")
        }
        return cache(lambda style: self._adopt(theirs, styles[style], formats))

    def made(self) -> bytes:
        """The part with all that was adopted."""
        self.put("numFmts", self._new_formats, len(self._formats))
        for each in self._lists.values():
            each.put()
        return self.document.apply()

    def in_prefix(self, markup: bytes) -> bytes:
        """Markup of a part without a prefix, with this part's."""
        return _TAG.sub(rb"<\g<1>" + self._prefix, markup) if self._prefix else markup

    def put(self, name: str, added: list[bytes], count: int) -> None:
        """Put entries behind those of a list, which then has `count` of them."""
        found, markup = self._root.find(name), b"".join(added)
        if found and added:
            self.document.set(found, count=str(count))
            self.document.append(found, markup)
        elif added:
            whole = self.document.tag(name, {"count": str(count)}, markup)
            self.document.insert(find_place(self._root, name), whole)

    def _adopt(self, theirs: Document, style: Element, formats: Mapping[int, str]) -> int:
        get = style.attributes.get
        attributes = {"numFmtId": str(self._format(whole_number(get("numFmtId")) or 0, formats))}
        for name, reference in _SHARED:
            shared = theirs.children(name)[whole_number(get(reference)) or 0]
            attributes[reference] = str(self._lists[name].number(theirs.markup(shared)))
        attributes["xfId"] = "0"
        if get("quotePrefix") == "1":
            attributes["quotePrefix"] = "1"
        applied = ("applyNumberFormat", "applyFont", "applyFill", "applyBorder", "applyAlignment")
        attributes |= dict.fromkeys(applied, "1")
        inside = theirs.content[style.opened : style.closed]
        return self._lists["cellXfs"].number(f"<xf{format_attributes(attributes)}>".encode() + inside + b"</xf>")

    def _format(self, number: int, formats: Mapping[int, str]) -> int:
        code = formats.get(number)
        if code is None:
            return number
        if code not in self._formats:
            self._formats[code] = self._next_format
            attributes = {"numFmtId": str(self._next_format), "formatCode": code}
            self._new_formats.append(self.document.tag("numFmt", attributes))
            self._next_format += 1
        return self._formats[code]


class _List:
    """One list of the part (fonts, fills ...): what is in it, and what is added."""

    def __init__(self, part: StylesPart, name: str) -> None:
        self._part, self._name = part, name
        is_there = part.document.root.find(name) is not None
        self._added = [] if is_there else [part.in_prefix(each.encode()) for each in _BY_DEFAULT[name]]
        held = list(map(part.document.markup, part.document.children(name))) or self._added
        self._count = len(held)
        self._known = {markup: number for number, markup in reversed(list(enumerate(held)))}

    def number(self, markup: bytes) -> int:
        """The number of an entry, added when it is not there."""
        written = self._part.in_prefix(markup)
        if written not in self._known:
            if self._count >= _MOST_STYLES:
                raise UnsupportedMarkup("no room for more cell styles")
            self._known[written] = self._count
            self._added.append(written)
            self._count += 1
        return self._known[written]

    def put(self) -> None:
        """Put what was added into the part."""
        self._part.put(self._name, self._added, self._count)


def transplant_sheet(donor: Package, package: Package, styles: StylesPart, *, strict: bool) -> str:
    """Copy the first sheet of `donor`, a workbook that openpyxl wrote, and all that it refers to, into `package`.

    The cells' styles are added to `styles`. `strict`: the package is written by the strict form of the standard.
    Returns the part's name; the workbook part is still to refer to it.
    """
    book = WorkbookPart(donor)
    own_styles = book.only("styles")
    sheet = book.tabs[0].part
    content = donor.read(sheet)
    if own_styles:
        content = _restyle(content, styles, donor.read(own_styles))
    return _Copy(donor, package, strict=strict).copy(sheet, content)


def use_strict_names(content: bytes, *, strict: bool) -> bytes:
    """Markup with the names of the strict form of the standard, where that is asked for."""
    for usual, name in _STRICT if strict else ():
        content = content.replace(usual, name)
    return content


def _restyle(content: bytes, styles: StylesPart, donor_styles: bytes) -> bytes:
    number = styles.adopt(donor_styles)
    sheet = Document(content)
    for element in sheet.root.walk():
        for name in {"s", "style"} & element.attributes.keys() if element.local in _STYLED else ():
            sheet.set(element, **{name: str(number(int(element.attributes[name])))})
    return sheet.apply()


class _Copy:
    """Copies parts under names that are free."""

    def __init__(self, donor: Package, package: Package, *, strict: bool) -> None:
        self._donor, self._package, self._strict = donor, package, strict

    def copy(self, part: str, content: bytes) -> str:
        stem, ending = posixpath.splitext(part)
        name = self._package.free_name(f"{_DIGITS.sub('', stem)}{{}}{ending}")
        self._package.put(name, use_strict_names(content, strict=self._strict))
        self._package.declare(name, self._donor.content_type(part))
        self._copy_relations(part, name)
        return name

    def _copy_relations(self, part: str, name: str) -> None:
        places = {
            each.id: self.copy(each.target, self._donor.read(each.target)) for each in self._donor.relations(part)
        }
        if not places:
            return
        relations = Document(self._donor.read(relations_name(part)))
        for each in relations.root.children:
            relations.set(each, Target="/" + places[each.attributes["Id"]])
        self._package.put_relations(name, use_strict_names(relations.apply(), strict=self._strict))
