"""The decisions that a person wrote into a report, matched with the ledger's rows."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from batch.app.settlement import RowDecision, explain_refusal, refuse_rows, row_problem
from batch.errors import SheetError
from batch.i18n import _
from batch.ledger import Ledger, RowStatus, State
from batch.loader import Sheet, fold, open_sheet
from batch.model.messages import campaign_scope
from batch.model.phone.cells import format_phone
from batch.model.runs import Run
from batch.model.sheets import SheetInfo, SheetRow

SETTLE_COLUMN = "wegly_settle"
SENT_WORDS = ("sent", "yes", "enviada", "enviado", "sim")
NOT_SENT_WORDS = ("not sent", "no", "não enviada", "não enviado", "não")
"""Case, accents, blanks, `_` and `-` do not count."""

_MEANINGS = {fold(word): sent for words, sent in ((SENT_WORDS, True), (NOT_SENT_WORDS, False)) for word in words}


@dataclass(frozen=True, kw_only=True, slots=True)
class SettleEntry:
    """A row of the report with a decision."""

    row: int
    sent: bool
    phone: str
    """Digits only, with the country's code; empty when the cell is."""
    run: str
    """`wegly_run`: the run that gave the outcome; empty when the cell is."""
    header_row: int = 1
    """The report's own."""


def read_decisions(report: Path) -> list[SettleEntry]:
    """Every row of a report whose `wegly_settle` is filled in, hidden or not.

    Raises SheetError when the file is no report, a word is not of the closed lists, or nothing is filled in.
    """
    sheet = open_sheet(report)
    places = {name: _place(sheet, name) for name in (SETTLE_COLUMN, "wegly_phone", "wegly_run")}
    entries: list[SettleEntry] = []
    problems: list[str] = []
    for row in sheet.rows():
        found = _entry(row, places, sheet.info)
        if isinstance(found, SettleEntry):
            entries.append(found)
        elif found:
            problems.append(found)
    allowed = _("Allowed in {column} are {sent}; {not_sent}; or nothing.").format(
        column=SETTLE_COLUMN, sent=", ".join(SENT_WORDS), not_sent=", ".join(NOT_SENT_WORDS)
    )
    refuse_rows(problems, allowed, file=report.name)
    if not entries:
        problem = _("{file} holds no decision: its column {column} is empty in every row.")
        raise SheetError(
            problem.format(file=report.name, column=SETTLE_COLUMN),
            _("Write sent or not sent beside the rows that are decided, and save the file."),
        )
    return entries


def _place(sheet: Sheet, name: str) -> int:
    found = [index for index, column in enumerate(sheet.info.columns) if fold(column) == fold(name)]
    if len(found) != 1 or name in sheet.info.ambiguous:
        problem = _("{file} has several columns {column}.") if found else _("{file} has no column {column}.")
        remedy = _(
            "Take the report that a run wrote (report.xlsx or results.csv), and add one column {column} to it: write "
            "sent or not sent there beside each row whose chat you have looked at."
        )
        raise SheetError(problem.format(file=sheet.info.file, column=name), remedy.format(column=SETTLE_COLUMN))
    return found[0]


def _entry(row: SheetRow, places: dict[str, int], info: SheetInfo) -> SettleEntry | str | None:
    """Return a row's decision, or what is wrong with it; None when it holds none."""
    column = info.columns[places[SETTLE_COLUMN]]
    word = row.cells[places[SETTLE_COLUMN]]
    wrong = row.errors.get(column) or (row.errors.get("") if word else None)
    if wrong:
        return row_problem(row.number, f"{wrong}.")
    if not word:
        return None
    sent = _MEANINGS.get(fold(word.replace("-", " ")))
    if sent is None:
        return row_problem(row.number, _("{column} is {word!r}.").format(column=SETTLE_COLUMN, word=word))
    return SettleEntry(
        row=row.number,
        sent=sent,
        phone=re.sub(r"\D", "", row.cells[places["wegly_phone"]] or ""),
        run=(row.cells[places["wegly_run"]] or "").strip(),
        header_row=info.header_row,
    )


def find_runs(ledger: Ledger, entries: Iterable[SettleEntry], file: str) -> dict[str, list[Run]]:
    """Map each run that a report names to the runs whose sheets may have its rows: itself, then those of its campaign.

    Earlier ones too: their rows may have been sent by that run, or corrected in its sheet.
    """
    runs = ledger.runs()
    by_name = {run.run: run for run in runs}
    problems = [row_problem(each.row, _unknown_run(each)) for each in entries if each.run not in by_name]
    remedy = _(
        "The ledger is {ledger}. If the report belongs to another one, name it with --ledger; "
        "else write the report again: wegly-batch report RUN."
    )
    refuse_rows(problems, remedy.format(ledger=ledger.location), file=file)
    named = [by_name[name] for name in dict.fromkeys(entry.run for entry in entries)]
    if len(set(map(_scope, named))) > 1:
        problem = _("{file} has rows of several campaigns.").format(file=file)
        raise SheetError(problem, _("Settle the report of one campaign at a time."))
    scope = _scope(named[0])
    return {run.run: [run, *(each for each in runs if _scope(each) == scope and each != run)] for run in named}


def _unknown_run(entry: SettleEntry) -> str:
    if not entry.run:
        return _("wegly_run is empty: it was not sent, or still being sent, when the report was written.")
    return _("wegly_run is {run!r}, which is no run of this ledger.").format(run=entry.run)


def _scope(run: Run) -> tuple[str, str]:
    return run.endpoint, campaign_scope(run.campaign)


def match_entries(
    ledger: Ledger, entries: Sequence[SettleEntry], runs: dict[str, list[Run]], file: str
) -> list[RowDecision]:
    """Find the ledger's row of each entry. Raises SheetError naming all that do not agree with it."""
    sheets = {run.run: _read_rows(ledger, entries, run) for followers in runs.values() for run in followers}
    decisions: list[RowDecision] = []
    problems: list[str] = []
    taken: dict[str, int] = {}
    for entry in entries:
        here = [sheets[run.run][entry.row] for run in runs[entry.run] if entry.row in sheets[run.run]]
        found = _same_message(entry, here)
        if isinstance(found, RowStatus) and found.key and found.key in taken:
            same = _("it is the same message as row {row}.").format(row=taken[found.key])
            problems.append(row_problem(entry.row, same))
        elif isinstance(found, RowStatus):
            taken[found.key] = entry.row
            decisions.append(RowDecision(row=found, sent=entry.sent))
        else:
            problems.append(row_problem(entry.row, found))
    remedy = _(
        "If the sheet was sorted or is old, write the report again (wegly-batch report RUN), or name the rows: "
        "wegly-batch settle RUN --sent 5,7-9."
    )
    refuse_rows(problems, remedy, file=file)
    return decisions


def _read_rows(ledger: Ledger, entries: Sequence[SettleEntry], run: Run) -> dict[int, RowStatus]:
    """Return the rows of a run by their numbers in the report, whose header may stand higher than the sheet's own."""
    own = run.sheet_options.get("header_row")
    shift = int(own) - entries[0].header_row if own else 0
    numbers = [entry.row + shift for entry in entries]
    return {each.row - shift: each for each in ledger.settlements.row_statuses(run.run, numbers)}


def _same_message(entry: SettleEntry, here: Sequence[RowStatus]) -> RowStatus | str:
    """Pick the ledger's row with this phone and this outcome's run from `here`, or say why there is none."""
    people = [each for each in here if entry.phone and _digits(each.result.person or "") == entry.phone]
    same = {each.key: each for each in people if each.result.run == entry.run or each.state is State.CLAIMED}
    if len(same) == 1:
        return next(iter(same.values()))
    if same:
        return _("several runs have this row with this phone, and differ in what was sent.")
    if people and people[0].state is not None:
        return _("it was sent again since, by run {run}.").format(run=people[0].result.run)
    if people:
        return explain_refusal(people[0])
    if here:
        known = ", ".join(dict.fromkeys(format_phone(each.result.person) for each in here if each.result.person))
        return _("its phone is not the one in the ledger ({phones}).").format(phones=known or _("none"))
    return _("the sheet of run {run} has no such row.").format(run=entry.run)


def _digits(person: str) -> str:
    return re.sub(r"\D", "", person)
