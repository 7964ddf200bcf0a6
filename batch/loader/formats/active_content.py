"""Content of an XLSX workbook that acts by itself or by a click, and would in its report: each kind is named.

The parts pass by while the archive is verified, so that none is unzipped once more but those that may hold a formula
that reaches out of the workbook. A name may be written in many ways (references, sections, comments, UTF-16): the
first look only finds where it may stand, and a parser decides.
"""

import re
from contextlib import suppress

from batch.i18n import N_
from batch.model.phrases import Phrase
from batch.ooxml.archive import Archive
from batch.ooxml.xml import Attributes, LocalNames, SafeParser, XmlError, is_utf8

_FUNCTIONS = (
    *("WEBSERVICE", "FILTERXML", "HYPERLINK", "IMAGE", "RTD", "DDE", "CALL", "REGISTER", "REGISTER.ID", "EXEC"),
    *("STOCKHISTORY", "SQL.REQUEST", "GOOGLEFINANCE"),
    *("IMPORTDATA", "IMPORTFEED", "IMPORTHTML", "IMPORTRANGE", "IMPORTXML"),
)
_ELEMENTS = {"f", "formula", "formula1", "formula2", "definedName", "calculatedColumnFormula", "totalsRowFormula"}
"""Elements that hold a formula."""
_FORMULA = re.compile(rb"[<:](?:f[\s>/]|formula|definedName|calculatedColumnF|totalsRowF)")
_NEEDLES = (b"&#", b"<!", *(name.encode() for name in _FUNCTIONS if not name.startswith("REGISTER.")))
_CALL = re.compile(r"(?<![A-Z0-9_])(" + "|".join(map(re.escape, _FUNCTIONS)) + r")\s*+\(")
_DDE = re.compile(r"[\w.']\|(?:'[^']{0,255}'|[^\"'|&(),;\s]{1,255})!")
_MAYBE_DDE = re.compile(rb"[\w.';]\|[^<|]{0,600}!")
_MOST_FORMULA = 32_767
"""Characters of a formula that are looked at; Excel takes 8,192."""
_MOST_PARSED = 64 * 1024 * 1024
"""Bytes that the parser reads of all suspects; what the first look found in others is believed."""
_OVERLAP = 700
_MACROS_PART = "xl/vbaProject.bin"

_MACROS = N_("The workbook has macros, and report.xlsm too: let them run only if you trust where the sheet came from.")
_STRAY_MACROS = N_("The workbook has macros, but is not of the kind that may have any: the report leaves them out.")
_DDE_LINKS = N_(
    "The workbook has DDE links, which can start other programs, and the report too: when Excel asks, do not update "
    "them unless you trust where the sheet came from."
)
_CONNECTIONS = N_(
    "The workbook has connections that fetch data from elsewhere, and the report too: enable them only if you trust "
    "where the sheet came from."
)
_LINKS = N_("The workbook has links to other files, and the report too.")
_OBJECTS = N_(
    "The workbook has objects or controls of other programs, and the report too: open them only if you trust where the "
    "sheet came from."
)
_CALLS = N_(
    "The workbook has formulas that fetch or open something elsewhere ({functions}), and the report too: let them only "
    "if you trust where the sheet came from."
)
_CLEAN = N_("With --clean-report the report has values alone, and nothing of this.")


class ActiveContent:
    """Parts of a workbook as they pass by, and what in them acts."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        """Kinds of relations, in any part's list; `outside` for a target outside of the workbook but a hyperlink."""
        self._suspects: dict[str, set[str]] = {}
        """Parts for the parser, and the functions of which they may have a call."""
        self._part, self._end, self._has_formulas = "", b"", False
        self._relations: SafeParser | None = None

    def note(self, part: str, chunk: bytes) -> None:
        """Look at the next piece of a part."""
        begins = part != self._part
        if begins:
            self._part, self._end, self._has_formulas = part, b"", False
            self._relations = SafeParser(start=self._note_relation) if part.endswith(".rels") else None
            if not is_utf8(chunk):
                self._suspects[part] = set()
        if self._relations:
            try:
                self._relations.feed(chunk)
            except XmlError:
                self._relations = None
            return
        text = self._end + chunk
        self._end = chunk[-_OVERLAP:]
        # One byte that is rare in a worksheet is found much faster than a word that begins as its cells do.
        words = (b"m" in text and b"Formula" in text) or (b"k" in text and b"Link" in text)
        if not self._has_formulas and (words or b"f" in text):
            self._has_formulas = _FORMULA.search(text) is not None or b"deLink" in text or b"leLink" in text
        if not self._has_formulas:
            return
        upper = text.upper()
        found = {needle.decode() for needle in _NEEDLES if needle in upper}
        if b"|" in upper and _MAYBE_DDE.search(upper):
            found.add("DDE")
        if found or b"DELINK" in upper or b"LELINK" in upper or upper.find(b"<?", 6 if begins else 0) >= 0:
            self._suspects.setdefault(part, set()).update(found - {"&#", "<!"})

    def _note_relation(self, _element: str, attributes: Attributes) -> None:
        kind = attributes.get("Type", "").rpartition("/")[2]
        self.kinds.add(kind)
        if attributes.get("TargetMode") == "External" and kind != "hyperlink":
            self.kinds.add("outside")

    def describe(self, archive: Archive, *, takes_macros: bool) -> tuple[Phrase, ...]:
        """Return a sentence for each kind. `takes_macros`: the workbook is of a kind that may have them."""
        calls, links = self._parse_suspects(archive)
        kinds = self.kinds
        has_macros = _MACROS_PART in archive or not kinds.isdisjoint({"vbaProject", "xlMacrosheet", "xlIntlMacrosheet"})
        is_there = {
            _MACROS: has_macros and takes_macros,
            _DDE_LINKS: bool(links),
            _CONNECTIONS: "connections" in kinds,
            _LINKS: "outside" in kinds or ("externalLink" in kinds and not links),
            _OBJECTS: not kinds.isdisjoint({"oleObject", "control", "package", "webextension", "taskpanes"}),
        }
        found = [Phrase(text) for text, present in is_there.items() if present]
        if calls:
            found.append(Phrase(_CALLS, {"functions": ", ".join(sorted(calls))}))
        clean = [Phrase(_CLEAN)] if found else []
        return (*([Phrase(_STRAY_MACROS)] if has_macros and not takes_macros else []), *found, *clean)

    def _parse_suspects(self, archive: Archive) -> tuple[set[str], set[str]]:
        """Return the functions that are called, and the elements of links to programs."""
        calls: set[str] = set()
        links: set[str] = set()
        parsed = 0
        for part, pieces in archive.walk(self._suspects):
            formulas = _Formulas(calls, links)
            parser = SafeParser(start=formulas.start, end=formulas.end, text=formulas.take)
            if parsed > _MOST_PARSED:
                calls |= self._suspects[part]
            with suppress(XmlError):  # no program opens such a part
                for piece in pieces if parsed <= _MOST_PARSED else ():
                    parsed += len(piece)
                    parser.feed(piece)
                    if parsed > _MOST_PARSED:
                        calls |= self._suspects[part]
                        break
        return calls, links


class _Formulas:
    """Parser handlers that find calls in the formulas of a part."""

    def __init__(self, calls: set[str], links: set[str]) -> None:
        self._calls, self._links = calls, links
        self._names = LocalNames()
        self._pieces: list[str] | None = None
        self._characters = 0

    def start(self, name: str, _attributes: Attributes) -> None:
        element = self._names[name]
        if element in _ELEMENTS:
            self._pieces, self._characters = [], 0
        elif element in {"ddeLink", "oleLink"}:
            self._links.add(element)

    def take(self, text: str) -> None:
        if self._pieces is not None and self._characters < _MOST_FORMULA:
            self._pieces.append(text)
            self._characters += len(text)

    def end(self, name: str) -> None:
        if self._pieces is None or self._names[name] not in _ELEMENTS:
            return
        formula, self._pieces = "".join(self._pieces)[:_MOST_FORMULA].upper(), None
        self._calls.update(_CALL.findall(formula))
        if _DDE.search(formula):
            self._calls.add("DDE")
