"""The few sentences that tell how a run went. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from batch.i18n import N_, _, ngettext, number
from batch.model.outcomes import Outcome
from batch.model.runs import Run, Tally

__all__ = ["ended", "headline"]

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
