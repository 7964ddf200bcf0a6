"""What else in the user's workbook must follow when a sheet is added in front, and what cannot come along."""

from __future__ import annotations

from zipfile import ZipFile

from batch.i18n import _
from batch.ooxml.elements import Edits, parsed
from batch.ooxml.package import Package, Relation
from batch.ooxml.shared_texts import cell_texts
from batch.reporter.xlsx.other_sheets import deselected, first_cell, is_selected
from batch.reporter.xlsx.summary_sheet import is_ours
from batch.reporter.xlsx.workbook_part import Tab, WorkbookPart

__all__ = ["close_others", "drop_calculation_order", "drop_old_summaries", "withdraw"]

_LISTS_OF_SHEETS = frozenset({"HeadingPairs", "TitlesOfParts"})


def withdraw(package: Package, workbook: WorkbookPart, name: str) -> tuple[str, ...]:
    """Take away what would be wrong in a changed copy. Gives the sentence about it; `name` is the user's file.

    A signature is broken by any change; the history of a workbook that is shared in the old way knows its sheets.
    """
    lost = [
        *((_("the digital signature"),) if _drop(package, "", "origin") else ()),
        *((_("the change history"),) if _drop(package, workbook.part, "revisionHeaders") else ()),
    ]
    _forget_titles(package)
    if not lost:
        return ()
    said = _("This copy of {name} lacks {lost}; your own file has them still.")
    return (said.format(name=name, lost=", ".join(lost)),)


def drop_old_summaries(package: Package, workbook: WorkbookPart, *, but: Tab) -> list[Tab]:
    """Take away the summaries of earlier reports, all but the sheet `but`. Gives the sheets that are gone."""
    others = [tab for tab in workbook.tabs if tab.kind == "worksheet" and tab != but and tab.part in package]
    firsts = [(tab, cell) for tab in others if (cell := first_cell(package, tab.part))]
    said = cell_texts(package, workbook.only("sharedStrings"), [cell for __, cell in firsts])
    gone = [tab for (tab, __), text in zip(firsts, said, strict=True) if is_ours(text)]
    for tab in gone:
        package.unrelate(workbook.part, tab.relation)
        package.remove_all(tab.part)
    return gone


def close_others(package: Package, copy: ZipFile, tabs: list[Tab]) -> None:
    """Let none of these sheets be selected: those selected together would all be edited together."""
    for tab in tabs:
        if tab.part in package and is_selected(package, tab.part):
            package.stream(copy, tab.part, deselected(package, tab.part), most=package.size(tab.part))


def drop_calculation_order(package: Package, workbook: WorkbookPart) -> None:
    """Take the order of calculation away: it names a formula that is gone, and Excel makes it anew."""
    _drop(package, workbook.part, "calcChain")


def _drop(package: Package, source: str, kind: str) -> list[Relation]:
    """Take away what a part refers to by this kind, and what only that refers to."""
    found = [each for each in package.relations(source) if each.kind == kind and not each.outside]
    for each in found:
        package.unrelate(source, each.id)
        package.remove_all(each.target)
    return found


def _forget_titles(package: Package) -> None:
    """The document's properties list the sheets by name; without the list they are right again."""
    for relation in package.relations(""):
        if relation.kind != "extended-properties" or relation.target not in package:
            continue
        content = package.read(relation.target)
        edits = Edits()
        for each in parsed(content).children:
            if each.local in _LISTS_OF_SHEETS:
                edits.replace(each, b"")
        package.put(relation.target, edits.made(content))
