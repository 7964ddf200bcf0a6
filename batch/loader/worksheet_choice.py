"""Which worksheet of a workbook holds the contacts. Pure but for reading the first rows of each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from batch.errors import nearest
from batch.i18n import N_, _
from batch.loader.formats.workbook import Workbook
from batch.loader.header_detection import HEAD_ROWS, Header, find_header
from batch.loader.header_names import fold, is_phone_header, is_result_column
from batch.loader.scan import holds_anything
from batch.loader.source import Tab
from batch.model.messages import has_origins
from batch.model.phrases import Phrase
from batch.model.sheet_file import SheetFile

_OWN_SUMMARIES = frozenset({"summary", "resumo"})
_ONLY = N_("Only the worksheet {name} is read, not: {others}.")
_NO_ROWS = N_("The sheet {name} is a chart or macro sheet and is not read.")
_HIDDEN = N_("The worksheet {name} is hidden and is not read.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The worksheet that is read, and what a person should know about the others."""

    tab: Tab
    remarks: tuple[Phrase, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    tab: Tab
    header: Header

    def has_results(self) -> bool:
        return any(is_result_column(name) for name in self.header.names if name)

    def has_phone(self) -> bool:
        return any(is_phone_header(name) for name in self.header.names if name)

    def asked(self, wanted: Collection[str]) -> int:
        return len({fold(name) for name in self.header.names if name} & {fold(name) for name in wanted})


def choose_tab(source: SheetFile, book: Workbook, *, name: str | None, wanted: Collection[str]) -> Choice:
    """The worksheet to read: the one named; else the one with result columns of an earlier report; else the only
    visible one with the columns the campaign asks for, or with a phone column; else the only one that holds anything.

    Where none has a phone column and no campaign asks for columns, nothing can be sent by mistake: the first is read,
    and the others are named in a warning.

    Raises:
        SheetError: there is no such sheet, no sheet holds anything, or several would do; these are named.
    """
    if name is not None:
        return Choice(tab=_of_corrections(book, name) or _named(source, book.tabs, name))
    passed_over = tuple(_passed_over(tab) for tab in book.tabs if not (tab.worksheet and tab.visible))
    candidates = _candidates(book, wanted)
    if not candidates:
        raise source.refusal(
            " ".join((_("has no rows: no visible worksheet holds anything."), *map(str, passed_over))),
            _("Fill in a header and at least one row, or show the sheet that has them."),
        )
    chosen = _decide(candidates, wanted)
    if len(chosen) > 1:
        raise _several(source, chosen)
    others = [candidate.tab.name for candidate in candidates if candidate.tab is not chosen[0].tab]
    said = (
        (Phrase(_ONLY, {"name": repr(chosen[0].tab.name), "others": ", ".join(map(repr, others))}),) if others else ()
    )
    return Choice(tab=chosen[0].tab, remarks=passed_over + said)


def _of_corrections(book: Workbook, name: str) -> Tab | None:
    """The worksheet of rows to correct, where there is none of the name that the campaign gives the original's."""
    if any(fold(tab.name) == fold(name) for tab in book.tabs):
        return None
    candidates = _candidates(book, ())
    return next((each.tab for each in candidates if has_origins(each.header.names)), None)


def _named(source: SheetFile, tabs: Sequence[Tab], name: str) -> Tab:
    found = [tab for tab in tabs if tab.name == name] or [tab for tab in tabs if fold(tab.name) == fold(name)]
    if not found:
        names = [tab.name for tab in tabs]
        raise source.refusal(
            _("has no worksheet {name!r}{nearest}.").format(name=name, nearest=nearest(name, names)),
            _("Its sheets are: {names}.").format(names=", ".join(map(repr, names))),
        )
    if not found[0].worksheet:
        raise source.refusal(
            _("has no rows in {name!r}: that is a chart, not a worksheet.").format(name=name), _("Name a worksheet.")
        )
    return found[0]


def _passed_over(tab: Tab) -> Phrase:
    return Phrase(_HIDDEN if tab.worksheet else _NO_ROWS, {"name": repr(tab.name)})


def _candidates(book: Workbook, wanted: Collection[str]) -> list[_Candidate]:
    """The visible worksheets that hold anything; without the summary that a report of ours puts beside its rows."""
    found = []
    for tab in book.tabs:
        if tab.worksheet and tab.visible:
            head = list(islice((row for row in book.grid(tab).rows() if holds_anything(row)), HEAD_ROWS))
            if head:
                found.append(_Candidate(tab=tab, header=find_header(head, wanted)))
    if any(candidate.has_results() for candidate in found):
        return [candidate for candidate in found if fold(candidate.tab.name) not in _OWN_SUMMARIES]
    return found


def _decide(candidates: list[_Candidate], wanted: Collection[str]) -> list[_Candidate]:
    """The candidates that are left when the rules have been applied; one of them is a decision."""
    results = [candidate for candidate in candidates if candidate.has_results()]
    left = results or candidates
    most = max(candidate.asked(wanted) for candidate in left)
    if most:
        left = [candidate for candidate in left if candidate.asked(wanted) == most]
    phones = [candidate for candidate in left if candidate.has_phone()]
    if phones:
        return phones
    return left if wanted else left[:1]


def _several(source: SheetFile, candidates: list[_Candidate]) -> Exception:
    names = ", ".join(repr(candidate.tab.name) for candidate in candidates)
    return source.refusal(
        _("has several worksheets that may hold the contacts: {names}.").format(names=names),
        _('Say which in the campaign file: [sheet] name = "{name}".').format(name=candidates[0].tab.name),
    )
