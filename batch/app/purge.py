"""`purge`: removes old personal data from the ledger and the reports; the messages that were sent stay known.

The ledger comes first, campaign by campaign, then the report folders, then the ledger's file is rewritten. Ended
anywhere in between, the same command does the rest: folders are searched again each time, and the ledger notes that its
file still has to be rewritten.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from batch.app.inputs.staging import utc_now
from batch.app.runs.report_files import (
    RunFiles,
    find_check_pages,
    find_files,
    mask_summary,
    remove_files,
    report_folders,
    rewrite_indexes,
)
from batch.app.settings import Settings
from batch.app.settlement import claim_cutoff
from batch.campaign import parse_duration
from batch.errors import Busy, Declined, LedgerUnusable, SettingsError, nearest
from batch.i18n import _
from batch.ledger import Ledger, Owner, PurgeCounts, Scope, campaign_lock, database_at, sender_lock
from batch.model.messages import TRIAL
from batch.model.outcomes import ExitCode

_SHORTEST_AGE = timedelta(days=2)
"""Younger data is never purged: the cap over 24 hours and the spacing go by it."""
Confirm = Callable[["PurgeReport"], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class CampaignPurge:
    """The part of a purge that concerns one campaign."""

    found: PurgeCounts
    folders: tuple[RunFiles, ...] = ()
    """Of its old runs: those in which anything is to be removed or reported."""
    removed: int = 0
    """Files, and folders with a copy of a sheet, that were removed."""
    problems: tuple[str, ...] = ()
    """Files that could not be removed, a sentence each."""

    @property
    def files(self) -> int:
        """Number of files, and folders with a copy of a sheet, that are to be removed."""
        return sum(len(folder.ours) for folder in self.folders)

    @property
    def is_worth_showing(self) -> bool:
        return not self.found.empty or self.found.kept > 0 or bool(self.folders)


@dataclass(frozen=True, kw_only=True, slots=True)
class PurgeReport:
    """Everything that was purged, or would be."""

    ledger: str
    before: datetime
    """Whatever ended earlier is old. UTC."""
    parts: tuple[CampaignPurge, ...] = ()
    """One for each campaign that has anything old."""
    done: bool = False
    """False: it would be purged."""
    suppressed: int = 0
    """People on the suppression list, which stays."""
    busy: tuple[str, ...] = ()
    """Campaigns that were left out because a run holds them, a sentence each."""
    pages: tuple[Path, ...] = ()
    """Old pages of checks."""
    wiped: bool = False
    """The ledger's file was rewritten: nothing of what was purged is in it any more; or its server has freed it."""
    on_server: bool = False
    index_problems: tuple[str, ...] = ()
    """Lists of runs that could not be rewritten and pages that could not be removed, a sentence each."""
    unclean: str | None = None
    """Why the ledger's file was not rewritten, though it should be; None when it was, or need not be."""

    @property
    def empty(self) -> bool:
        """True when there is nothing to purge."""
        return not self.pages and all(part.found.empty and not part.files for part in self.parts)

    @property
    def problems(self) -> tuple[str, ...]:
        """Old files and folders that stay, a sentence each."""
        folders = [folder.problem for part in self.parts for folder in part.folders if folder.problem]
        return (*folders, *(problem for part in self.parts for problem in part.problems), *self.index_problems)

    @property
    def exit_code(self) -> ExitCode:
        """5 when anything could not be removed, 75 when a run keeps it from being removed."""
        if self.busy:
            return ExitCode.BUSY
        return ExitCode.STOPPED if self.problems or self.unclean else ExitCode.DONE


def parse_age(text: str) -> timedelta:
    """Parse `180d` or `26w`, as the campaign file does. Raises ValueError, whose text says what is allowed."""
    return timedelta(seconds=parse_duration(text))


def purge(
    older_than: timedelta, *, campaign: str | None, dry_run: bool, settings: Settings, confirm: Confirm
) -> PurgeReport:
    """Purge what is older, of one campaign or of all. `confirm` is asked before anything is removed.

    Durable on return. Raises InputError when nothing can be purged so, Declined when `confirm` says no; then nothing
    was removed. Raises LedgerFailed when the ledger takes no writes any more.
    """
    if older_than < _SHORTEST_AGE:
        raise SettingsError(
            _("What is younger than 2 days is still needed: caps count the people of the last 24 hours."),
            _("Name a longer time, like --older-than 180d. Nothing was removed."),
        )
    now = utc_now()
    before = now - older_than
    # A purge makes no ledger: an address with a typing error would look like a ledger that is clean.
    if not (database := database_at(settings.ledger)).exists():
        raise LedgerUnusable(
            _("There is no ledger {place}.").format(place=database.location),
            _("Name another one with --ledger. Nothing was removed."),
        )
    with Ledger.open(settings.ledger) as ledger:
        parts = [
            CampaignPurge(found=ledger.retention.preview(scope, before), folders=_find_folders(ledger, scope, before))
            for scope in _find_scopes(ledger, campaign)
        ]
        plan = PurgeReport(
            ledger=ledger.location,
            before=before,
            parts=tuple(part for part in parts if part.is_worth_showing),
            suppressed=ledger.suppression.count(),
            pages=() if campaign else find_check_pages(report_folders(ledger.runs(), settings.reports), before),
        )
        if dry_run or (plan.empty and not ledger.retention.needs_wipe):
            return plan
        if not plan.empty and not confirm(plan):
            raise Declined(_("Nothing was removed: the question was answered with no."))
        return _execute(ledger, plan, now=now, live=claim_cutoff(now, settings.read_timeout))


def _find_scopes(ledger: Ledger, campaign: str | None) -> list[Scope]:
    scopes = ledger.retention.scopes(campaign)
    if campaign is not None and not scopes:
        known = sorted({scope.campaign for scope in ledger.retention.scopes()})
        problem = _("There is no campaign {name!r} in the ledger {place}").format(name=campaign, place=ledger.location)
        raise SettingsError(f"{problem}{nearest(campaign, known)}.", _("`wegly-batch runs` shows their names."))
    return scopes


def _execute(ledger: Ledger, plan: PurgeReport, *, now: datetime, live: datetime) -> PurgeReport:
    """Purge what is planned, campaign by campaign. `live`: claims that began later may be alive."""
    parts: list[CampaignPurge] = []
    busy: list[str] = []
    for part in plan.parts:
        try:
            parts.append(_purge_campaign(ledger, part.found.scope, plan.before, now=now, live=live))
        except Busy as error:
            refusal = _("Nothing of the campaign {campaign} was removed. {words}")
            busy.append(refusal.format(campaign=part.found.scope.campaign, words=error.problem))
    index_problems = tuple(rewrite_indexes(folder.folder.parent for part in parts for folder in part.folders))
    index_problems += remove_files(plan.pages)[1]
    ended = replace(plan, done=True, parts=tuple(parts), busy=tuple(busy), index_problems=index_problems)
    if not ledger.retention.needs_wipe:
        return ended
    obstacle = wipe_ledger(ledger)
    return replace(ended, wiped=obstacle is None, unclean=obstacle, on_server=ledger.is_on_server)


def _purge_campaign(ledger: Ledger, scope: Scope, before: datetime, *, now: datetime, live: datetime) -> CampaignPurge:
    """Raise Busy when a run holds the campaign or one of its senders; then nothing of it was removed."""
    owner = Owner.here("purge")
    # A trial holds the lock of the campaign that it is of.
    campaigns = {scope.campaign, scope.campaign.removesuffix(TRIAL)}
    with ExitStack() as stack:
        stack.enter_context(ledger.hold([campaign_lock(name, scope.endpoint) for name in campaigns], owner))
        ledger.settle_dead_claims(endpoint=scope.endpoint, campaign=scope.campaign, before=live)
        senders = ledger.retention.preview(scope, before).senders
        stack.enter_context(ledger.hold([sender_lock(sender, scope.endpoint) for sender in senders], owner))
        found = ledger.retention.purge(scope, before, now=now)
        folders = _find_folders(ledger, scope, before)
        removed, problems = remove_files(path for folder in folders for path in folder.ours)
        problems += tuple(filter(None, (mask_summary(folder.folder) for folder in folders if not folder.problem)))
    return CampaignPurge(found=found, folders=folders, removed=removed, problems=problems)


def wipe_ledger(ledger: Ledger) -> str | None:
    """Rewrite the ledger's file unless a run is sending, which would have to wait; return why it was not, or None."""
    owner = Owner.here("purge")
    try:
        for name in ledger.lock_names():  # one after the other: a process may not open as many files as there are locks
            with ledger.hold([name], owner):
                pass
    except Busy as error:
        return error.problem
    return ledger.retention.wipe()


def _find_folders(ledger: Ledger, scope: Scope, before: datetime) -> tuple[RunFiles, ...]:
    return tuple(filter(None, map(find_files, ledger.retention.old_runs(scope, before))))
