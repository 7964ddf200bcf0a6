"""Output of `demo`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from batch.app.demo.run import LATER
from batch.app.follow import FollowReport
from batch.app.runs.finish import FinishedRun
from batch.cli.output.follow import failure_lines
from batch.cli.output.layout import section, step_lines
from batch.cli.output.run import summary_text
from batch.cli.terminal import bold, path_text
from batch.formatting import format_duration
from batch.i18n import _, ngettext, number
from batch.model.outcomes import Outcome

if TYPE_CHECKING:
    from batch.app.demo.fleet import FleetDemo


def demo_text(ended: FinishedRun, followed: FollowReport | None, samples: Path) -> str:
    """The end of the demo: the summary of its run, what arrived, and where its sheet and campaign are."""
    parts = [summary_text(ended)]
    if followed is not None:
        heading = _("`follow` {time} after it, by the imitation's clock, which was set on:")
        lines = [bold(followed.headline), *failure_lines(followed)]
        parts.append(section(heading.format(time=format_duration(LATER.total_seconds())), lines))
    own = (_("With your own sheet: its questions end with the first message"), "wegly-batch init " + _("SHEET"))
    return "\n\n".join([*parts, _rehearsal_text(samples), "\n".join(step_lines((), own))])


def _rehearsal_text(samples: Path) -> str:
    words = _(
        "This was a rehearsal against an imitation on this machine: nobody was messaged. Open report.html or "
        "report.xlsx to see what became of each row. The sheet and the campaign file that were used are in {folder}"
    )
    return words.format(folder=path_text(samples))


def fleet_demo_text(ended: FleetDemo, samples: Path) -> str:
    """The end of the demo of workers: the summary, what the kill did, and the report held against the log."""
    parts = [summary_text(ended.finished), section(bold(_("What the kill did")), _kill_lines(ended))]
    sheet, ledger = _("SHEET"), "--ledger postgresql://" + _("HOST/DATABASE")
    worker = (_("With a PostgreSQL of your own: a worker, on each machine"), f"wegly-batch worker {ledger}")
    submit = (_("and a sheet for all of them"), f"wegly-batch submit {sheet} {ledger}")
    return "\n\n".join([*parts, _rehearsal_text(samples), "\n".join(step_lines((), worker, submit))])


def _kill_lines(ended: FleetDemo) -> Iterator[str]:
    lost, unknown = ended.lost, ended.finished.tally.counts[Outcome.UNKNOWN]
    if lost is None:
        yield _("The run ended before its middle: no worker was killed.")
    else:
        words = ngettext(
            "One of {workers} workers was killed after {done} of {total} messages, while it sent for {n} sender.",
            "One of {workers} workers was killed after {done} of {total} messages, while it sent for {n} senders.",
            len(lost.senders),
        )
        rows = number(ended.finished.tally.rows)
        yield words.format(workers=ended.workers, done=number(lost.done), total=rows, n=number(len(lost.senders)))
        if ended.silence is not None:
            yield _("{time} later the others were sending for all of them.").format(time=format_duration(ended.silence))
    if unknown:
        words = ngettext(
            "{n} row is to decide: it was just being sent, and is not sent again by itself. In a run of your own "
            "`wegly-batch follow` looks into its chat, and `wegly-batch settle` takes your word.",
            "{n} rows are to decide: they were just being sent, and are not sent again by themselves. In a run of "
            "your own `wegly-batch follow` looks into their chats, and `wegly-batch settle` takes your word.",
            unknown,
        )
        yield words.format(n=number(unknown))
    truth = _("true") if ended.log.is_true else _("FALSE")
    words = ngettext(
        "The imitation's own log: {n} person, each at most one message: {truth}.",
        "The imitation's own log: {n} people, each at most one message: {truth}.",
        ended.log.people,
    )
    yield bold(words.format(n=number(ended.log.people), truth=truth))
    if unknown:
        words = _("Rows to decide that had arrived all the same: {n}. Only a look into the chats tells.")
        yield words.format(n=number(ended.log.undecided))
