"""The small parts of an XLSX or XLSM workbook: what sheets it has, where they are, which formats are dates."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from enum import Enum

from batch.loader.formats.cell_text import date_format
from batch.model.source import Tab
from batch.ooxml.archive import Archive
from batch.ooxml.xml import Attributes, parse_whole

_BUILT_IN_DATES = frozenset((*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)))
_BUILT_IN_ELAPSED = frozenset((46,))
_MOST_FORMATS = 200_000


class NumberKind(Enum):
    """What a cell's format makes of a stored number."""

    NUMBER = 0
    DATE = 1
    ELAPSED = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """A reference from one part to another. `kind` is the last word of its type: worksheet, chartsheet, styles, ..."""

    kind: str
    target: str
    """The part's name within the archive."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workbook:
    """What the workbook part and its relations say."""

    tabs: tuple[Tab, ...]
    """`place` is the part's name."""
    epoch_1904: bool
    recalculates: bool
    """Formulas are calculated when Excel opens the file: a stored 0 is then a place-holder, as libraries write it."""
    shared_strings: str | None
    """The part with the table of texts; None when there is none."""
    styles: str | None


def relations(archive: Archive, part: str) -> dict[str, Relation]:
    """The relations of a part by id. References to the outside are left out: nothing is fetched."""
    folder, name = posixpath.split(part)
    rels = posixpath.join(folder, "_rels", f"{name}.rels")
    found: dict[str, Relation] = {}
    if rels not in archive:
        return found

    def start(element: str, attributes: Attributes) -> None:
        if element != "Relationship" or attributes.get("TargetMode") == "External":
            return
        target = attributes.get("Target", "").replace("\\", "/")
        whole = target if target.startswith("/") else posixpath.join(folder, target)
        kind = attributes.get("Type", "").rpartition("/")[2]
        found[attributes.get("Id", "")] = Relation(kind=kind, target=posixpath.normpath(whole).lstrip("/"))

    parse_whole(archive.source, rels, archive.read(rels), start=start)
    return found


def workbook_part(archive: Archive) -> str | None:
    """The name of the part that lists the sheets; None when this is no workbook of Excel."""
    for relation in relations(archive, "").values():
        if relation.kind == "officeDocument":
            return relation.target
    return "xl/workbook.xml" if "xl/workbook.xml" in archive else None


def content_type(archive: Archive, part: str) -> str:
    """What the package says a part is, in lower case; empty when it says nothing."""
    types = "[Content_Types].xml"
    if types not in archive:
        return ""
    found: dict[str, str] = {}

    def start(element: str, attributes: Attributes) -> None:
        if element == "Override":
            found[attributes.get("PartName", "").lstrip("/").lower()] = attributes.get("ContentType", "").lower()

    parse_whole(archive.source, types, archive.read(types), start=start)
    return found.get(part.lower(), "")


def _of_kind(found: dict[str, Relation], kind: str) -> str | None:
    return next((relation.target for relation in found.values() if relation.kind == kind), None)


def is_on(value: str | None) -> bool:
    """An XML boolean."""
    return value in {"1", "true", "on"}


def read_workbook(archive: Archive, part: str) -> Workbook:
    """What sheets there are.

    Raises:
        SheetError: the part is damaged.
    """
    found = relations(archive, part)
    tabs: list[Tab] = []
    epochs: list[bool] = []
    recalculations: list[bool] = []

    def start(element: str, attributes: Attributes) -> None:
        if element == "workbookPr":
            epochs.append(is_on(attributes.get("date1904")))
        elif element == "calcPr":
            recalculations.append(is_on(attributes.get("fullCalcOnLoad")))
        elif element == "sheet":
            tabs.append(_tab(attributes, found))

    parse_whole(archive.source, part, archive.read(part), start=start)
    return Workbook(
        tabs=tuple(tabs),
        epoch_1904=any(epochs),
        recalculates=any(recalculations),
        shared_strings=_of_kind(found, "sharedStrings"),
        styles=_of_kind(found, "styles"),
    )


def _tab(attributes: Attributes, found: dict[str, Relation]) -> Tab:
    reference = next((value for name, value in attributes.items() if name.rpartition(":")[2] == "id"), "")
    relation = found.get(reference)
    return Tab(
        name=attributes.get("name", ""),
        worksheet=relation is not None and relation.kind == "worksheet",
        visible=attributes.get("state", "visible") == "visible",
        place=relation.target if relation else "",
    )


def number_kinds(archive: Archive, part: str | None) -> list[NumberKind]:
    """For each cell style of the workbook, by its index, whether it shows numbers as dates.

    Raises:
        SheetError: the part is damaged.
    """
    if part is None or part not in archive:
        return []
    formats: dict[str, str] = {}
    kinds: list[NumberKind] = []
    inside: list[bool] = []

    def start(element: str, attributes: Attributes) -> None:
        if element == "numFmt" and not inside:
            formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif element == "cellXfs":
            inside.append(True)
        elif element == "xf" and inside and len(kinds) < _MOST_FORMATS:
            kinds.append(_kind(attributes.get("numFmtId", "0"), formats))

    def end(element: str) -> None:
        if element == "cellXfs":
            inside.clear()

    parse_whole(archive.source, part, archive.read(part), start=start, end=end)
    return kinds


def _kind(number: str, formats: dict[str, str]) -> NumberKind:
    if number in formats:
        return {"date": NumberKind.DATE, "elapsed": NumberKind.ELAPSED}.get(
            date_format(formats[number]), NumberKind.NUMBER
        )
    built_in = int(number) if number.isdecimal() else 0
    if built_in in _BUILT_IN_ELAPSED:
        return NumberKind.ELAPSED
    return NumberKind.DATE if built_in in _BUILT_IN_DATES else NumberKind.NUMBER
