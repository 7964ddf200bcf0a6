"""The summary of a run, as the first worksheet, the head of the page and the screen show it. Pure.

The first five seconds: the headline and the outcomes. The first minute: the reasons, each with what to do and in which
rows. Each medium decides about places, colours and the formats of its numbers and moments; what is shown is decided
here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from batch.formatting import format_day, format_moment
from batch.i18n import N_, _, decimal, ngettext, number
from batch.model.delivery import DeliveryCounts, DeliveryRates, DeliveryState, failure_words
from batch.model.messages import is_loopback
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, advice, general_sentence, sentence
from batch.model.runs import Run, Tally, ThisRun, rank_reasons
from batch.reporter.statistics import ReasonRows, Statistics

URGENCY = (Outcome.ERROR, Outcome.UNKNOWN, Outcome.PENDING, Outcome.SKIPPED, Outcome.REUSED, Outcome.SUCCESS)
"""The order of the reasons: what needs a person comes first."""

_MEANINGS = {
    Outcome.SUCCESS: N_("a new chat"),
    Outcome.REUSED: N_("the chat was there"),
    Outcome.ERROR: N_("not sent; correct the row"),
    Outcome.UNKNOWN: N_("perhaps sent; look, then decide"),
    Outcome.SKIPPED: N_("not sent, by a rule"),
    Outcome.PENDING: N_("not sent yet"),
}

_VERDICTS = {
    0: N_("Every row is done"),
    1: N_("A defect in wegly-batch ended the run; see run.log"),
    2: N_("The input was refused; nothing was sent"),
    3: N_("Some rows are to fix"),
    4: N_("Some rows are to decide"),
    5: N_("The run stopped early"),
    6: N_("Some rows are waiting for a later run"),
    75: N_("Another run held the campaign or the sender"),
    130: N_("The run was interrupted"),
    143: N_("The run was ended from outside"),
}
_OTHER_VERDICT = N_("The run ended")


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeSummary:
    """One outcome and what it means."""

    outcome: Outcome
    meaning: str
    rows: int
    of: int
    """All rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReasonSummary:
    """One reason of an outcome, with what happened and what to do about it."""

    outcome: Outcome
    reason: str
    rows: int
    happened: str
    action: str
    """Empty when there is nothing to do."""
    where: str | int
    """`7, 12, 31 and 4 more`; a single row as its number, which Excel would mark as an error if it were text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryStep:
    """Messages that got so far, or that are left beside the way."""

    name: str
    tone: Outcome
    """Whose colours it has."""
    messages: int
    of: int
    """All accepted messages."""
    states: str
    """`DeliveryState` of its rows, with blanks between; `none`: not looked at; or `reply`, `opt_out`."""


def summarize_steps(counts: DeliveryCounts) -> tuple[list[DeliveryStep], list[DeliveryStep]]:
    """Return the steps on the way of the accepted messages, and what stands beside the way."""

    def step(name: str, tone: Outcome, messages: int, *states: str) -> DeliveryStep:
        return DeliveryStep(name=name, tone=tone, messages=messages, of=counts.messaged, states=" ".join(states))

    way, gone = ("sent", "delivered", "read"), ("other", "not_found", "not_told_apart", "none")
    on = counts.delivered + counts.states.get(DeliveryState.SENT, 0)
    return [
        step(_("Messaged: accepted by the API"), Outcome.SUCCESS, counts.messaged, *DeliveryState, "none"),
        step(_("Sent on, at least"), Outcome.SUCCESS, on, *way),
        step(_("Delivered, at least"), Outcome.SUCCESS, counts.delivered, *way[1:]),
        step(_("Read, at least"), Outcome.SUCCESS, counts.read, *way[2:]),
        step(_("Replied"), Outcome.REUSED, counts.replied, "reply"),
    ], [
        step(_("Failed"), Outcome.ERROR, counts.failed, "failed"),
        step(_("On the way"), Outcome.PENDING, counts.on_the_way, "processing", "sent"),
        step(_("Not known"), Outcome.SKIPPED, counts.not_known, *gone),
        step(_("Opted out"), Outcome.UNKNOWN, counts.opted_out, "opt_out"),
    ]


def summarize_failures(counts: DeliveryCounts) -> list[tuple[str, str, int]]:
    """Return code, words and messages of each reason of failures, the most frequent first."""
    found = sorted(counts.codes.items(), key=lambda each: (-each[1], each[0][0] or 0, each[0][1]))
    return [
        ("" if code is None else str(code), failure_words(code, words) or _(_NO_WORDS), n) for (code, words), n in found
    ]


_NO_WORDS = N_("the API gave no words")


def rates_text(rates: DeliveryRates) -> str:
    """Return the rates of a template or sender, or why there are none."""
    if rates.delivered is None or rates.read is None or rates.failed is None:
        return _("fewer than 50 messages, so no rate")
    words = _("delivered at least {delivered}, read at least {read}, failed {failed}")
    shares = {"delivered": rates.delivered, "read": rates.read, "failed": rates.failed}
    return words.format(**{name: f"{decimal(100 * share)}%" for name, share in shares.items()})


def price_sentences(counts: DeliveryCounts) -> list[str]:
    """Return what was delivered times the price beside what is expected, a sentence for each currency."""
    words = _(
        "Cost of what was delivered, at least: {currency} {delivered}. Expected, if all that was accepted arrives: "
        "{currency} {expected}."
    )
    return [
        words.format(
            currency=currency, delivered=decimal(float(spent.delivered), 2), expected=decimal(float(spent.expected), 2)
        )
        for currency, spent in sorted(counts.spent.items())
    ]


def rehearsal(endpoint: str, *, is_sent: bool = True) -> str:
    """Return the mark of a run at an address of this machine; empty for any other. `is_sent`: False before it."""
    words = _("REHEARSAL: it goes to {endpoint} on this machine; no person gets a message.")
    if is_sent:
        words = _("REHEARSAL: sent to {endpoint} on this machine; no person got a message.")
    return words.format(endpoint=endpoint) if is_loopback(endpoint) else ""


def is_course(statistics: Statistics) -> bool:
    """Return whether sending went on for a minute or more, so that a chart over time shows something."""
    sent = statistics.sent
    return len(sent) > 1 and sent[-1].start - sent[0].start >= timedelta(minutes=1)


def headline(run: Run, tally: Tally, *, last_sent: datetime | None = None) -> tuple[str, ...]:
    """Sentences: what this run did, how many are messaged, and what is left to do, if anything.

    `last_sent`: when the last message of the sheet was sent (aware), for a run that sent nothing itself.
    """
    delivery = delivery_headline(tally.delivery, run.timezone) if tally.delivery else ""
    return tuple(filter(None, (_this_run(run, tally, last_sent), _messaged(tally), delivery, _remaining(tally))))


FIGURES = ("messaged", "delivered", "read", "failed", "on_the_way", "not_known", "replied", "opted_out")
"""The figures of `describe_delivery`, as `DeliveryCounts` and summary.json name them."""


def delivery_headline(counts: DeliveryCounts, timezone: str) -> str:
    """Say what arrived, as far as looks have shown it. `timezone`: of the look's time."""
    figures = {name: getattr(counts, name) for name in FIGURES}
    return describe_delivery(figures, format_moment(counts.looked_at, timezone) if counts.looked_at else "")


def describe_delivery(figures: Mapping[str, int], when: str) -> str:
    """Say what arrived, by `FIGURES`. `when`: the latest look."""
    found = ngettext(
        "Delivered at least {delivered} of {messaged} messaged (read at least {read}), failed {failed}, "
        "on the way {way}{unknown}; {replied} replied, {opted_out} opted out. Looked {when}.",
        "Delivered at least {delivered} of {messaged} messaged (read at least {read}), failed {failed}, "
        "on the way {way}{unknown}; {replied} replied, {opted_out} opted out. Looked {when}.",
        figures["messaged"],
    )
    shown = {name: number(figures[name]) for name in FIGURES}
    unknown = _(", not known {n}").format(n=shown["not_known"]) if figures["not_known"] else ""
    return found.format(**shown, way=shown["on_the_way"], unknown=unknown, when=when)


def brief_delivery(counts: DeliveryCounts) -> str:
    """Say what arrived where there is little room."""
    words = _("Delivered at least {delivered} of {messaged}, failed {failed}.")
    return words.format(**{name: number(getattr(counts, name)) for name in ("delivered", "messaged", "failed")})


def attempts_text(run: Run, done: ThisRun) -> str:
    """Return the attempts of a run, of which one without an end may have made more."""
    made = number(done.attempts)
    return made if run.finished else _("at least {n}").format(n=made)


def _this_run(run: Run, tally: Tally, last_sent: datetime | None) -> str:
    now, messaged = (
        sum(rows for outcome, rows in counts.items() if outcome.is_accepted)
        for counts in (tally.this_run.outcomes, tally.counts)
    )
    now -= tally.settled
    before = messaged - now - tally.since
    if tally.since:
        words = _("This run: {now} accepted; {since} after it, by later runs or by hand.")
        if before > 0:
            words = _("This run: {now} accepted; {before} before it; {since} after it, by later runs or by hand.")
        return words.format(now=number(now), before=number(before), since=number(tally.since))
    if before <= 0:
        return _("This run: {now} accepted.").format(now=number(now))
    if last_sent is None or now:
        words = ngettext(
            "This run: {now} accepted now; {before} was accepted before.",
            "This run: {now} accepted now; {before} were accepted before.",
            before,
        )
        return words.format(now=number(now), before=number(before))
    words = ngettext(
        "This run: {now} accepted now; {before} was accepted before, the last on {day}.",
        "This run: {now} accepted now; {before} were accepted before, the last on {day}.",
        before,
    )
    day = format_day(last_sent.astimezone(ZoneInfo(run.timezone)))
    return words.format(now=number(now), before=number(before), day=day)


def _messaged(tally: Tally) -> str:
    new, existing = tally.counts.get(Outcome.SUCCESS, 0), tally.counts.get(Outcome.REUSED, 0)
    return ngettext(
        "Messaged: {messaged} of {rows} row (new {new}, existing {existing}).",
        "Messaged: {messaged} of {rows} rows (new {new}, existing {existing}).",
        tally.rows,
    ).format(messaged=number(new + existing), rows=number(tally.rows), new=number(new), existing=number(existing))


def _remaining(tally: Tally) -> str:
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


def verdict(exit_code: int | None) -> str:
    """The meaning of an exit code, as a sentence; None is a run that has no end."""
    if exit_code is None:
        return _("The run has not ended, or was killed.")
    words = _(_VERDICTS.get(exit_code, _OTHER_VERDICT))
    return _("{words} (exit code {code}).").format(words=words, code=exit_code)


def summarize_outcomes(counts: Mapping[Outcome, int]) -> list[OutcomeSummary]:
    """All six outcomes in their order, also those that did not occur."""
    of = sum(counts.values())
    return [
        OutcomeSummary(outcome=outcome, meaning=_(_MEANINGS[outcome]), rows=counts.get(outcome, 0), of=of)
        for outcome in Outcome
    ]


def summarize_reasons(tally: Tally, statistics: Statistics) -> list[ReasonSummary]:
    """Every reason, in the order of `URGENCY`; within an outcome, most rows first."""
    details = {(each.outcome, each.reason): each for each in statistics.reasons}
    found = []
    for outcome, reason, rows in sorted(rank_reasons(tally.reasons), key=lambda each: URGENCY.index(each[0])):
        detail = details.get((outcome, reason))
        found.append(
            ReasonSummary(
                outcome=outcome,
                reason=reason,
                rows=rows,
                happened=_what_happened(reason, rows, detail),
                action=advice(Finding(Reason(reason))),
                where=_where(detail.first if detail else (), rows),
            )
        )
    return found


def _what_happened(reason: str, rows: int, detail: ReasonRows | None) -> str:
    """The reason's sentence; when it has values, that of its first row as an example, with the API's own words."""
    if detail is None or not detail.example.values:
        return general_sentence(Reason(reason))
    words = sentence(detail.example)
    return words if rows == 1 else _("Row {row}: {words}").format(row=detail.first[0], words=words)


def _where(first: tuple[int, ...], rows: int) -> str | int:
    if rows == 1 and first:
        return first[0]
    named = ", ".join(map(str, first))
    if rows <= len(first):
        return named
    return _("{named} and {more} more").format(named=named, more=number(rows - len(first)))
