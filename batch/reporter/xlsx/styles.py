"""The cell styles of the user's workbook, with those of another workbook added behind them.

A style is four references (font, fill, border, number format) and a few words. What the user's workbook has already is
used again, so that a report that is fed back does not grow.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from batch.ooxml.package import Package, relations_name
from batch.ooxml.references import whole_number
from batch.ooxml.schema import find_place
from batch.ooxml.xml import Edits, Element, UnsupportedMarkup, format_attributes, parse_tree, quote_attribute
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
        self._content = content
        self._root = parse_tree(content)
        self._prefix = self._root.prefix.encode()
        if self._root.end == self._root.opened:
            raise UnsupportedMarkup("no styles in the part for them")
        self._lists = {name: _List(self, name) for name in ("fonts", "fills", "borders", "cellXfs")}
        formats = self._root.find("numFmts")
        self._formats = {
            each.attributes.get("formatCode", ""): whole_number(each.attributes.get("numFmtId")) or 0
            for each in (formats.children if formats else ())
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
        theirs = _Donor(content)
        known: dict[int, int] = {}

        def number(style: int) -> int:
            if style not in known:
                known[style] = self._adopt(theirs, theirs.styles[style])
            return known[style]

        return number

    def made(self) -> bytes:
        """The part with all that was adopted."""
        edits = Edits()
        if self._new_formats:
            self._put("numFmts", edits, self._new_formats, len(self._formats))
        for each in self._lists.values():
            each.edit(edits)
        return edits.apply(self._content)

    def children(self, name: str) -> list[bytes] | None:
        """The markup of what is in a list; None when the part lacks the list."""
        found = self._root.find(name)
        return [self._content[each.start : each.end] for each in found.children] if found else None

    def in_prefix(self, markup: bytes) -> bytes:
        """Markup of a part without a prefix, with this part's."""
        return _TAG.sub(rb"<\g<1>" + self._prefix, markup) if self._prefix else markup

    def _put(self, name: str, edits: Edits, added: list[bytes], count: int) -> None:
        found = self._root.find(name)
        if found:
            edits.set(found, count=str(count))
            edits.append(found, b"".join(added))
            return
        opening = f'<{name} count="{count}">'.encode()
        edits.insert(
            find_place(self._root, name),
            self.in_prefix(opening) + b"".join(added) + self.in_prefix(f"</{name}>".encode()),
        )

    def _adopt(self, theirs: _Donor, style: Element) -> int:
        get = style.attributes.get
        attributes = {"numFmtId": str(self._format(theirs, whole_number(get("numFmtId")) or 0))}
        for name, reference in _SHARED:
            attributes[reference] = str(
                self._lists[name].number(theirs.markup(name, whole_number(get(reference)) or 0))
            )
        attributes["xfId"] = "0"
        if get("quotePrefix") == "1":
            attributes["quotePrefix"] = "1"
        applied = ("applyNumberFormat", "applyFont", "applyFill", "applyBorder", "applyAlignment")
        attributes |= dict.fromkeys(applied, "1")
        inside = theirs.content[style.opened : style.closed]
        return self._lists["cellXfs"].number(f"<xf{format_attributes(attributes)}>".encode() + inside + b"</xf>")

    def _format(self, theirs: _Donor, number: int) -> int:
        code = theirs.formats.get(number)
        if code is None:
            return number
        if code not in self._formats:
            self._formats[code] = self._next_format
            markup = f'<numFmt numFmtId="{self._next_format}" formatCode={quote_attribute(code)}/>'
            self._new_formats.append(self.in_prefix(markup.encode()))
            self._next_format += 1
        return self._formats[code]


class _List:
    """One list of the part (fonts, fills ...): what is in it, and what is added."""

    def __init__(self, part: StylesPart, name: str) -> None:
        self._part, self._name = part, name
        present = part.children(name)
        self._added = [] if present is not None else [part.in_prefix(each.encode()) for each in _BY_DEFAULT[name]]
        held = present if present is not None else self._added
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

    def edit(self, edits: Edits) -> None:
        if self._added:
            self._part._put(self._name, edits, self._added, self._count)


class _Donor:
    """The styles part of a workbook that this program made."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._root = parse_tree(content)
        self.styles = self._list("cellXfs")
        self.formats = {
            int(each.attributes["numFmtId"]): each.attributes["formatCode"] for each in self._list("numFmts")
        }

    def markup(self, name: str, number: int) -> bytes:
        element = self._list(name)[number]
        return self.content[element.start : element.end]

    def _list(self, name: str) -> list[Element]:
        found = self._root.find(name)
        return found.children if found else []


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
    edits = Edits()
    for element in parse_tree(content).walk():
        for name in {"s", "style"} & element.attributes.keys() if element.local in _STYLED else ():
            edits.set(element, **{name: str(number(int(element.attributes[name])))})
    return edits.apply(content)


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
        content = self._donor.read(relations_name(part))
        edits = Edits()
        for each in parse_tree(content).children:
            edits.set(each, Target="/" + places[each.attributes["Id"]])
        self._package.put_relations(name, use_strict_names(edits.apply(content), strict=self._strict))
