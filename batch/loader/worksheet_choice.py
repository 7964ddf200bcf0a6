"""Choice of the worksheet that holds the contacts, by the first rows of each."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from batch.errors import nearest
from batch.i18n import N_, _
from batch.loader.formats.workbook import Workbook
from batch.loader.header_detection import HEAD_ROWS, Header, find_header
from batch.loader.header_names import fold, is_phone_header, is_result_column
from batch.loader.scan import has_content
from batch.loader.source import RawRow, Tab
from batch.model.messages import has_origins
from batch.model.phrases import Phrase
from batch.model.sheets import SheetFile

_OWN_SUMMARIES = frozenset({"summary", "resumo"})
_ROW_WORK, _CELL_WORK, _MOST_WORK = 2, 10, 30_000_000
"""Work to look for the header in a row, beside a unit for each character; the most takes a few seconds."""
_ONLY = N_("Only the worksheet {name} is read, not: {others}.")
_NO_ROWS = N_("The sheet {name} is a chart or macro sheet and is not read.")
_HIDDEN = N_("The worksheet {name} is hidden and is not read.")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    tab: Tab
    header: Header

    def has(self, is_kind: Callable[[str], bool]) -> bool:
        """True when the header has a name of this kind."""
        return any(is_kind(name) for name in self.header.names if name)

    def count(self, wanted: Collection[str]) -> int:
        """Count the columns that the campaign asks for."""
        return len({fold(name) for name in self.header.names if name} & {fold(name) for name in wanted})


def choose_tab(
    source: SheetFile, book: Workbook, *, name: str | None, wanted: Collection[str]
) -> tuple[Tab, tuple[Phrase, ...]]:
    """Choose the worksheet to read, and return it with remarks about the others.

    It is the one named; else the one with result columns of an earlier report; else the only visible one with the
    columns the campaign asks for, or with a phone column; else the only one that holds anything. Where none has a phone
    column and no campaign asks for columns, nothing can be sent by mistake: the first is read, and a remark names the
    others.

    Raises:
        SheetError: there is no such sheet, no sheet holds anything, or several would do; these are named.
    """
    if name is not None:
        return _find_corrections(source, book, name) or _find_named(source, book.tabs, name), ()
    hidden = tuple(
        Phrase(_HIDDEN if tab.worksheet else _NO_ROWS, {"name": repr(tab.name)})
        for tab in book.tabs
        if not (tab.worksheet and tab.visible)
    )
    candidates = _find_candidates(source, book, wanted)
    if not candidates:
        raise source.refusal(
            " ".join((_("has no rows: no visible worksheet holds anything."), *map(str, hidden))),
            _("Fill in a header and at least one row, or show the sheet that has them."),
        )
    best = _select(candidates, wanted)
    if len(best) > 1:
        names = ", ".join(repr(candidate.tab.name) for candidate in best)
        raise source.refusal(
            _("has several worksheets that may hold the contacts: {names}.").format(names=names),
            _say_which(best[0].tab.name),
        )
    chosen = best[0].tab
    others = ", ".join(repr(candidate.tab.name) for candidate in candidates if candidate.tab is not chosen)
    ignored = (Phrase(_ONLY, {"name": repr(chosen.name), "others": others}),) if others else ()
    return chosen, hidden + ignored


def _find_corrections(source: SheetFile, book: Workbook, name: str) -> Tab | None:
    """Find the worksheet of rows to correct, where there is none of the name that the campaign gives the original's."""
    if any(fold(tab.name) == fold(name) for tab in book.tabs):
        return None
    return next((each.tab for each in _find_candidates(source, book, ()) if has_origins(each.header.names)), None)


def _find_named(source: SheetFile, tabs: Sequence[Tab], name: str) -> Tab:
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


def _find_candidates(source: SheetFile, book: Workbook, wanted: Collection[str]) -> list[_Candidate]:
    """Read the heads of the visible worksheets that hold anything, without the summary beside a report's rows."""
    found = []
    tabs = [tab for tab in book.tabs if tab.worksheet and tab.visible]
    work = 0
    for tab, rows in book.walk(tabs):
        head: list[RawRow] = []
        for row in rows:
            work += _ROW_WORK + _CELL_WORK * len(row.cells) + sum(map(len, filter(None, row.cells)))
            if has_content(row):
                head.append(row)
            if len(head) == HEAD_ROWS or (work > _MOST_WORK and len(tabs) > 1):
                break
        if work > _MOST_WORK and len(tabs) > 1:
            raise source.refusal(
                _("has worksheets that are too many and too large to look for the contacts in each."),
                _say_which(tabs[0].name),
            )
        if head:
            found.append(_Candidate(tab=tab, header=find_header(head, wanted)))
    if any(candidate.has(is_result_column) for candidate in found):
        return [candidate for candidate in found if fold(candidate.tab.name) not in _OWN_SUMMARIES]
    return found


def _select(candidates: list[_Candidate], wanted: Collection[str]) -> list[_Candidate]:
    """Apply the rules; one candidate in the end is a decision."""
    best = [candidate for candidate in candidates if candidate.has(is_result_column)] or candidates
    most = max(candidate.count(wanted) for candidate in best)
    if most:
        best = [candidate for candidate in best if candidate.count(wanted) == most]
    phones = [candidate for candidate in best if candidate.has(is_phone_header)]
    if phones:
        return phones
    return best if wanted else best[:1]


def _say_which(name: str) -> str:
    """Return how to name the worksheet to read, with the name of one."""
    remedy = _('Say which in the campaign file: [sheet] name = "{name}". For `init` and `inspect`: --sheet "{name}".')
    return remedy.format(name=name)
