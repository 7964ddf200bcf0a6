"""What the summary sheet says, as lines of cells; how it looks and where it is written is `summary_sheet`. Pure.

The first five seconds: the headline and the outcomes. The first minute: the reasons, each with what to do and where.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from batch.i18n import N_, _, ngettext, number
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, advice, in_general, sentence
from batch.model.runs import Run, Tally, ranked
from batch.reporter.statistics import SENT_PER, ReasonRows, Statistics

_ENDED = {
    0: N_("Every row is done"),
    1: N_("A defect in wegly-batch ended the run; see run.log"),
    2: N_("The input was refused; nothing was sent"),
    3: N_("Some rows are errors"),
    4: N_("Some rows are unknown"),
    5: N_("The run stopped early"),
    6: N_("Some rows are waiting for a later run"),
    75: N_("Another run held the campaign or the sender"),
    130: N_("The run was interrupted"),
    143: N_("The run was ended from outside"),
}
_OTHERWISE = N_("The run ended")


def headline(run: Run, tally: Tally, *, last_sent: datetime | None = None) -> tuple[str, ...]:
    """What this run did, then how many are messaged, then what is left to do, if anything.

    `last_sent`: when the last message of the sheet was sent (aware), for a run that sent nothing itself.
    """
    return tuple(filter(None, (_this_run(run, tally, last_sent), _messaged(tally), _left(tally))))


def ended(exit_code: int | None) -> str:
    """What the exit code says about the run."""
    if exit_code is None:
        return _("The run has not ended, or was killed.")
    words = _(_ENDED.get(exit_code, _OTHERWISE))
    return _("{words} (exit code {code}).").format(words=words, code=exit_code)


def _this_run(run: Run, tally: Tally, last_sent: datetime | None) -> str:
    now = sum(rows for outcome, rows in tally.this_run.outcomes.items() if outcome.messaged)
    before = _all_messaged(tally) - now
    if before <= 0:
        return _("This run: {now} sent.").format(now=number(now))
    if last_sent is None or now:
        words = ngettext(
            "This run: {now} sent now; {before} was sent before.",
            "This run: {now} sent now; {before} were sent before.",
            before,
        )
        return words.format(now=number(now), before=number(before))
    words = ngettext(
        "This run: {now} sent now; {before} was sent before, the last on {day}.",
        "This run: {now} sent now; {before} were sent before, the last on {day}.",
        before,
    )
    day = f"{last_sent.astimezone(ZoneInfo(run.timezone)):%d/%m/%Y}"
    return words.format(now=number(now), before=number(before), day=day)


def _messaged(tally: Tally) -> str:
    new, existing = tally.counts.get(Outcome.SUCCESS, 0), tally.counts.get(Outcome.REUSED, 0)
    return ngettext(
        "Messaged: {messaged} of {rows} row (new {new}, existing {existing}).",
        "Messaged: {messaged} of {rows} rows (new {new}, existing {existing}).",
        tally.rows,
    ).format(messaged=number(new + existing), rows=number(tally.rows), new=number(new), existing=number(existing))


def _left(tally: Tally) -> str:
    errors, unknowns, pending = (
        tally.counts.get(outcome, 0) for outcome in (Outcome.ERROR, Outcome.UNKNOWN, Outcome.PENDING)
    )
    words = (
        (errors, ngettext("{rows} row to correct", "{rows} rows to correct", errors)),
        (unknowns, ngettext("{rows} row to decide", "{rows} rows to decide", unknowns)),
        (pending, ngettext("{rows} row not sent yet", "{rows} rows not sent yet", pending)),
    )
    left = ", ".join(each.format(rows=number(rows)) for rows, each in words if rows)
    return _("Left: {left}.").format(left=left) if left else ""


def _all_messaged(tally: Tally) -> int:
    return sum(rows for outcome, rows in tally.counts.items() if outcome.messaged)


MARK = "wegly-batch report"
"""The text of cell A1, in every language: by it an earlier summary sheet is known as ours."""

_WIDTH = 150
"""Characters of the widest line."""

TITLE = N_("Summary")
"""The summary sheet's name, to be said in the run's language."""

MEANING = {
    Outcome.SUCCESS: N_("Sent; a new chat"),
    Outcome.REUSED: N_("Sent; the chat was there"),
    Outcome.ERROR: N_("Not sent; correct the row"),
    Outcome.UNKNOWN: N_("Perhaps sent; decide"),
    Outcome.SKIPPED: N_("Left out by a rule"),
    Outcome.PENDING: N_("Not sent yet"),
}

URGENCY = (Outcome.ERROR, Outcome.UNKNOWN, Outcome.PENDING, Outcome.SKIPPED, Outcome.REUSED, Outcome.SUCCESS)
"""The order of the reasons on the page: what needs a person comes first."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One cell: its value, the name of its look, and the outcome whose colours it has."""

    value: str | int | float | datetime | None
    look: str = "text"
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The sheet as lines of spots, from row 1 and column A, and where its tables are for the charts (rows from 1)."""

    lines: list[tuple[Spot | None, ...]] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def add(self, *spots: Spot | None) -> None:
        """Write a line, from column B on: column A is the margin."""
        self.lines.append((None, *spots))

    def mark(self, place: str) -> None:
        """Remember the row that comes next."""
        self.places[place] = len(self.lines) + 1


def summary_page(
    run: Run, tally: Tally, statistics: Statistics, *, notes: tuple[str, ...] = (), remarks: tuple[str, ...] = ()
) -> Page:
    """The whole page. `notes`: sentences that a reader of the report must know; `remarks`: what is good to know."""
    page = Page()
    page.lines.append((Spot(MARK, "mark"),))
    page.add(Spot(run.campaign, "title"))
    first, *more = headline(run, tally, last_sent=statistics.last_sent)
    page.add(Spot(first, "lead"))
    for each in more:
        page.add(Spot(each, "lead"))
    for look, sentences in (("note", notes), ("remark", remarks)):
        for each in sentences:
            for part in textwrap.wrap(_("Please note: {sentence}").format(sentence=each), _WIDTH):
                page.add(Spot(part, look))
    page.add()
    _outcomes(page, tally)
    page.add()
    _reasons(page, tally, statistics)
    page.add()
    _details(page, run, tally)
    if len(statistics.sent) > 1:
        page.add()
        _sent(page, statistics)
    return page


def _outcomes(page: Page, tally: Tally) -> None:
    page.add(
        Spot(_("Outcome"), "heading"),
        Spot(_("What it means"), "heading"),
        Spot(_("Rows"), "heading_right"),
        Spot(_("Share"), "heading_right"),
    )
    page.mark("outcomes")
    for outcome in Outcome:
        rows = tally.counts.get(outcome, 0)
        page.add(
            Spot(outcome.value, "badge", outcome),
            Spot(_(MEANING[outcome])),
            Spot(rows, "number"),
            Spot(_share(rows, tally.rows), "share"),
        )
    page.add(Spot(_("All rows"), "total"), Spot(None, "total"), Spot(tally.rows, "total_number"), Spot(None, "total"))


def by_urgency(tally: Tally) -> list[tuple[Outcome, str, int]]:
    """(outcome, reason code, rows): what needs a person first, within an outcome most rows first."""
    return sorted(ranked(tally.reasons), key=lambda each: URGENCY.index(each[0]))


def _share(rows: int, of: int) -> float:
    return rows / of if of else 0.0


def _reasons(page: Page, tally: Tally, statistics: Statistics) -> None:
    known = {(each.outcome, each.reason): each for each in statistics.reasons}
    page.add(Spot(_("Why, and what to do"), "section"))
    page.add(
        Spot(_("Outcome"), "heading"),
        Spot(_("Reason"), "heading"),
        Spot(_("Rows"), "heading_right"),
        Spot(_("Share"), "heading_right"),
        Spot(_("What happened"), "heading"),
        Spot(_("What to do"), "heading"),
        Spot(_("In rows"), "heading"),
    )
    for outcome, reason, rows in by_urgency(tally):
        found = known.get((outcome, reason))
        page.add(
            Spot(outcome.value, "badge", outcome),
            Spot(reason, "code"),
            Spot(rows, "number"),
            Spot(_share(rows, tally.rows), "share"),
            Spot(what_happened(reason, rows, found), "wrapped"),
            Spot(advice(Finding(Reason(reason))) or _("Nothing."), "wrapped"),
            Spot(where(found.first if found else (), rows), "wrapped"),
        )


def what_happened(reason: str, rows: int, found: ReasonRows | None) -> str:
    """The reason's sentence; when it names values, that of the first row as an example, with the API's own words."""
    if found is None or not found.example.values:
        return in_general(Reason(reason))
    words = sentence(found.example)
    return words if rows == 1 else _("Row {row}: {words}").format(row=found.first[0], words=words)


def where(first: tuple[int, ...], rows: int) -> str | int:
    """`7, 12, 31 and 4 more`; a single row as its number, so that Excel does not mark it as a number kept as text."""
    if rows == 1 and first:
        return first[0]
    named = ", ".join(map(str, first))
    return (
        named
        if rows <= len(first)
        else _("{named} and {more} more").format(named=named, more=number(rows - len(first)))
    )


def _details(page: Page, run: Run, tally: Tally) -> None:
    page.add(Spot(_("About this run"), "section"))
    for label, value in _facts(run, tally):
        page.add(Spot(label, "label"), Spot(value, "fact_number" if isinstance(value, int) else "fact"))


def _facts(run: Run, tally: Tally) -> Iterator[tuple[str, str | int]]:
    zone = ZoneInfo(run.timezone)
    yield _("Run"), run.run
    yield _("Sheet"), run.sheet_path
    yield "SHA-256", run.sheet_sha256
    yield _("Endpoint"), run.endpoint
    yield _("Started"), f"{run.started.astimezone(zone):%d/%m/%Y %H:%M:%S} ({run.timezone})"
    if run.finished:
        at = f"{run.finished.astimezone(zone):%d/%m/%Y %H:%M:%S}"
        yield _("Finished"), _("{at}, after {time}").format(at=at, time=lasted(run.started, run.finished))
    yield _("Ended"), ended(run.exit_code)
    yield _("Attempts"), tally.this_run.attempts
    yield _("Rate"), _rates(tally)
    if run.ledger:
        yield _("Ledger"), run.ledger
    yield _("Version"), f"wegly-batch {run.version}"


def lasted(start: datetime, end: datetime) -> str:
    """`1 h 20 min 5 s`."""
    minutes, seconds = divmod(max(0, round((end - start).total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    parts: Mapping[str, int] = {"h": hours, "min": minutes, "s": seconds}
    return " ".join(f"{count} {unit}" for unit, count in parts.items() if count) or _("less than a second")


def _rates(tally: Tally) -> str:
    wanted, achieved = tally.this_run.wanted_rate, tally.this_run.achieved_rate
    first = _("no rate was set") if wanted is None else _("{rate} a second wanted").format(rate=number(wanted, ",.4g"))
    second = _("too few attempts to measure")
    if achieved is not None:
        second = _("{rate} a second achieved").format(rate=number(achieved, ",.4g"))
    return f"{first}, {second}"


def _sent(page: Page, statistics: Statistics) -> None:
    page.add(Spot(_(SENT_PER[statistics.step]), "section"))
    page.mark("sent")
    page.add(
        Spot(_("From"), "heading"),
        Spot(None, "heading"),
        Spot(_("New"), "heading_right"),
        Spot(_("Existing"), "heading_right"),
    )
    look = _moment(statistics)
    for each in statistics.sent:
        page.add(Spot(each.start, look), Spot(None), Spot(each.new, "number"), Spot(each.existing, "number"))
    page.places["sent_last"] = len(page.lines)


def _moment(statistics: Statistics) -> str:
    """The look of a step's start: the day alone, the time alone, or both, whatever tells the steps apart."""
    if statistics.step.endswith(("day", "days", "week")):
        return "day"
    first, last = statistics.sent[0].start, statistics.sent[-1].start
    return "time" if first.date() == last.date() else "day_and_time"
