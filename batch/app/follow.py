"""`follow`: looks into the chats of accepted messages for what became of them, who answered, and who opted out.

It reads, and sends nothing. Every look is recorded by itself, so that a pass may be ended anywhere and given again.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from batch.app.inputs.staging import utc_now
from batch.app.looks import DEFAULT_RATE, Clock, LookPass, OnLook
from batch.app.reconcile import ReconcileReport, read_campaign, read_texts, reconcile, refuse_elsewhere
from batch.app.report import find_run, rewrite_report
from batch.app.runs.finish import RunReport
from batch.app.runs.standing_report import read_latest_look
from batch.app.settings import Settings
from batch.chats import Token
from batch.errors import SettingsError, WeglyBatchError
from batch.i18n import _
from batch.ledger import FollowedMessage, FollowScope, Ledger, Owner, follow_lock
from batch.model.delivery import FOLLOWED, DeliveryCounts
from batch.model.outcomes import ExitCode
from batch.model.replies import UndecidedReply
from batch.model.runs import Run
from batch.reporter import DeliverySummary, delivery_headline, summarize_delivery


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowReport:
    """Result of a pass."""

    endpoint: str
    ledger: str
    ledger_option: str
    """Value of `--ledger` by which a command finds it; empty for the user's own."""
    runs: tuple[Run, ...]
    """Runs that were named; empty: all messages since `since`."""
    since: datetime | None
    timezone: str
    """By whose clock times are shown: of the named run, else of the latest one."""
    looks: int
    changed: int
    """Looks that showed another state, or a reply."""
    due: int
    """Messages that are still due for a look."""
    next_look: datetime | None
    """When the first message is due for a look; None when all are settled."""
    opted_out: tuple[FollowedMessage, ...]
    """Messages whose people this pass has put on the suppression list."""
    counts: DeliveryCounts | None
    """Of all messages that are followed; None when none was looked at."""
    settled: ReconcileReport | None
    """Unknown rows of the run; None when no campaign was named."""
    unknown: int
    """Unknown rows of the named runs that were not looked for."""
    reports: tuple[RunReport, ...]
    """Those that were written again."""
    problems: tuple[str, ...]
    stopped: str
    """Why the pass ended early, without a full stop; empty when it did not."""
    refused: bool
    """The API refused to be asked."""

    @property
    def exit_code(self) -> ExitCode:
        if self.refused:
            return ExitCode.STOPPED
        return ExitCode.PENDING if self.due else ExitCode.DONE

    @property
    def undecided(self) -> tuple[UndecidedReply, ...]:
        return self.counts.undecided if self.counts else ()

    @property
    def delivery(self) -> DeliverySummary | None:
        """The part `delivery` of summary.json; None when nothing was looked at."""
        return summarize_delivery(self.counts, ZoneInfo(self.timezone)) if self.counts else None

    @property
    def headline(self) -> str:
        """The second headline; empty when nothing was looked at."""
        return delivery_headline(self.counts, self.timezone) if self.counts else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowChoices:
    """The messages to follow, and how."""

    runs: Sequence[str] = ()
    since: timedelta | None = None
    """None: of named runs all, else `FOLLOWED`."""
    limit: int | None = None
    """Looks at the most."""
    campaign: Path | None = None
    """The campaign file of the one run that is named: its unknown rows are looked for as well."""
    sheet: Path | None = None
    """That run's sheet, where it was moved."""


def follow(
    choices: FollowChoices, *, settings: Settings, token: Token, on_look: OnLook, clock: Clock | None = None
) -> FollowReport:
    """Make the looks that are due, and write the reports of the runs again whose messages have changed.

    Durable on return. `clock` None: the machine's. Raises InputError for a run or campaign that does not fit, Busy when
    another pass, or (with a campaign) a run of it, is at work.
    """
    clock = clock or utc_now
    now, endpoint = clock(), settings.endpoint
    with Ledger.for_reading(settings.ledger) as ledger:
        runs = tuple(map(ledger.locate, _find_runs(ledger, choices, settings)))
        since = None if runs and choices.since is None else now - (choices.since or FOLLOWED)
        scope = FollowScope(endpoint=endpoint, runs=tuple(run.run for run in runs), since=since)
        with ledger.hold([follow_lock(endpoint)], Owner.here(_("a pass of `follow`"))):
            settled, texts = None, dict[str, str]()
            if choices.campaign is not None:
                settled = reconcile(runs[0].run, choices.campaign, choices.sheet, settings=settings, token=token)
            due = ledger.deliveries.due(scope, clock())
            if choices.campaign is not None:
                loaded = read_campaign(runs[0], choices.campaign, settings)
                texts = read_texts(runs[0], loaded, choices.sheet, {each.key for each in due}, ledger)
            rate = settings.rate or DEFAULT_RATE
            passing = LookPass(ledger, due[: choices.limit], rate=rate, texts=texts, on_look=on_look, now=clock)
            if due:
                asyncio.run(passing.work(settings, token))
            old = (run.run for run in runs if (settled and settled.found) or _is_old(ledger, run))
            reports, problems = _write_reports(ledger, [*old, *_list_showing(ledger, passing.touched)], settings)
            return FollowReport(
                endpoint=endpoint,
                ledger=ledger.location,
                ledger_option=ledger.option,
                runs=runs,
                since=since,
                timezone=ZoneInfo(
                    next((run.timezone for run in (*runs, *ledger.runs()) if run.endpoint == endpoint), "UTC")
                ).key,
                looks=passing.looks,
                changed=passing.changed,
                due=len(ledger.deliveries.due(scope, clock())),
                next_look=ledger.deliveries.next_due(scope),
                opted_out=tuple(passing.opted_out),
                counts=ledger.deliveries.count(scope),
                settled=settled,
                unknown=0 if settled else sum(len(ledger.settlements.row_statuses(run.run)) for run in runs),
                reports=reports,
                problems=problems,
                stopped=passing.stopped,
                refused=passing.refused,
            )


def _find_runs(ledger: Ledger, choices: FollowChoices, settings: Settings) -> Iterable[Run]:
    if choices.campaign is not None and len(choices.runs) != 1:
        raise SettingsError(
            _("A campaign file is of one run, and {count} are named.").format(count=len(choices.runs)),
            _("Name the run whose rows to decide are to be looked for, or leave -c out."),
        )
    for name in choices.runs:
        run = find_run(ledger, name)
        refuse_elsewhere(run, settings)
        yield run


def _is_old(ledger: Ledger, run: Run) -> bool:
    """Return whether a run's report is from before the latest look at what it shows."""
    counts = ledger.deliveries.count(FollowScope(endpoint=run.endpoint, runs=(run.run,)))
    if counts is None or counts.looked_at is None:
        return False
    shown = read_latest_look(Path(run.report_dir or ""))
    return shown is None or shown < counts.looked_at.replace(microsecond=0)


def _list_showing(ledger: Ledger, names: Iterable[str]) -> Iterator[str]:
    """Yield these runs, and the latest run of each sheet that shows their messages, also as those of corrected rows."""
    runs = {run.run: run for run in ledger.runs() if not run.trial}
    latest = {_file_of(run): name for name, run in reversed(runs.items())}  # the newest came first
    for name in names:
        yield name
        yield from (latest[_file_of(runs[each])] for each in (name, *ledger.origins(name)) if each in runs)


def _file_of(run: Run) -> tuple[str, str, str]:
    """Return what the runs of one sheet's file have in common, however often its content has changed."""
    return run.endpoint, run.campaign, str(run.sheet_path)


def _write_reports(
    ledger: Ledger, names: Iterable[str], settings: Settings
) -> tuple[tuple[RunReport, ...], tuple[str, ...]]:
    """Write the reports of these runs again, as far as their folders are there."""
    reports, problems = [], []
    for name in dict.fromkeys(names):
        run = ledger.run(name)
        if run is None or run.trial or not run.report_dir or not Path(run.report_dir).is_dir():
            continue
        try:
            reports.append(rewrite_report(name, settings))
        except WeglyBatchError as error:
            problems.append(f"{error.problem} {error.remedy}".rstrip())
    return tuple(reports), tuple(problems)
