"""`purge`: people's data that are old leave the ledger and the reports; whom the campaigns have messaged stays known.

The ledger comes first, campaign by campaign, then the folders, then the file of the ledger is written anew. Ended
anywhere in between, the same command does the rest: folders are looked through again each time, and the ledger notes
that its file is not clean yet.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from batch.app.inputs.staging import utc_now
from batch.app.settings import Settings
from batch.app.settlement import claim_cutoff
from batch.campaign import parse_duration
from batch.errors import Busy, Declined, LedgerUnusable, SettingsError, nearest
from batch.i18n import _, current_language, describe_os_error
from batch.ledger import (
    Ledger,
    Owner,
    PurgeCounts,
    Retention,
    Scope,
    campaign_lock,
    default_url,
    sender_lock,
    sqlite_path,
)
from batch.model.messages import TRIAL
from batch.model.outcomes import ExitCode
from batch.model.runs import Run
from batch.reporter import write_index

_REPORT = re.compile(
    r"(report|results|retry)(-[0-9]+)?( \((ledger only|masked)\))?( \([2-9]\))?\.(xlsx|xlsm|csv|html)"
    r"|run\.log|\.retry\.sha256|\.(report|results|retry|summary)\b.*\.part",
    re.DOTALL,
)
_COPY = re.compile(r"\.sheet(-.*)?", re.DOTALL)
"""Folders with a private copy of the sheet, which a run that was killed has left behind."""
_MASKED = "masked"
"""The folder with a report that is made to be passed on."""
_SUMMARY = "summary.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderFiles:
    """The folder of a run, and what is in it."""

    folder: Path
    ours: tuple[Path, ...] = ()
    """Files, and folders with copies of the sheet, that a purge removes."""
    others: tuple[Path, ...] = ()
    """What somebody else has put there. It stays."""
    problem: str = ""
    """Why nothing of it is removed: it cannot be read, or is no run's own any more. A sentence, or empty."""


def find_files(run: Run) -> FolderFiles | None:
    """What is in the folder of a run; None when the run has none, or it is not there any more."""
    if run.report_dir is None:
        return None
    folder = Path(run.report_dir)
    try:
        if folder.is_symlink() or folder.name != run.run:
            return FolderFiles(folder=folder, problem=_not_ours(folder))
        if not folder.is_dir():
            return None
        inside = sorted(folder.iterdir())
        if not _is_of(folder, run):
            return FolderFiles(folder=folder, problem=_not_ours(folder))
        inside += _in_masked(folder / _MASKED)
        ours = tuple(path for path in inside if _is_ours(path))
    except OSError as error:
        said = _("The folder {folder} cannot be read: {words}.")
        return FolderFiles(folder=folder, problem=said.format(folder=folder, words=describe_os_error(error)))
    others = tuple(path for path in inside if path not in ours and path.name not in (_SUMMARY, _MASKED))
    return FolderFiles(folder=folder, ours=ours, others=others)


def remove_files(files: Iterable[Path]) -> tuple[int, tuple[str, ...]]:
    """Remove them, going on when one cannot be; gives how many are gone, and a sentence for each that is not."""
    gone, problems = 0, []
    for path in files:
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            said = _("{file} could not be removed: {words}.")
            problems.append(said.format(file=path, words=describe_os_error(error)))
        else:
            gone += 1
    return gone, tuple(problems)


def _is_of(folder: Path, run: Run) -> bool:
    """Whether its summary is of that run; a run that was killed may have left none."""
    summary = folder / _SUMMARY
    if not summary.exists() and not summary.is_symlink():
        return True
    try:
        said = json.loads(summary.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("run") == run.run


def _in_masked(masked: Path) -> list[Path]:
    """What is in a folder of that name; its summary stays too."""
    return sorted(masked.iterdir()) if masked.is_dir() and not masked.is_symlink() else []


def _is_ours(path: Path) -> bool:
    if path.is_dir() and not path.is_symlink():
        return _COPY.fullmatch(path.name) is not None
    return _REPORT.fullmatch(path.name) is not None


def _not_ours(folder: Path) -> str:
    return _("The folder {folder} is not the one that the run made any more; nothing in it was removed.").format(
        folder=folder
    )


SHORTEST = timedelta(days=2)
"""What is younger is never purged: the cap over 24 hours and the spacing go by it."""

_LONGEST = 1e13
"""Seconds: longer than there are dates, and short enough to be a time at all."""

Confirm = Callable[["PurgeReport"], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What of one campaign was purged, or would be."""

    found: PurgeCounts
    folders: tuple[FolderFiles, ...] = ()
    """Of its old runs: those in which anything is to be removed or told."""
    removed: int = 0
    """How many files, and folders with a copy of a sheet, were removed."""
    problems: tuple[str, ...] = ()
    """Files that could not be removed, a sentence each."""

    @property
    def files(self) -> int:
        """How many files, and folders with a copy of a sheet, are to be removed."""
        return sum(len(folder.ours) for folder in self.folders)


@dataclass(frozen=True, kw_only=True, slots=True)
class PurgeReport:
    """What was purged, or would be."""

    ledger: str
    before: datetime
    """What ended earlier is old. UTC."""
    parts: tuple[Part, ...] = ()
    """Of each campaign that has anything old."""
    done: bool = False
    """It was purged; else it would be."""
    suppressed: int = 0
    """People on the suppression list, which stays."""
    busy: tuple[str, ...] = ()
    """Campaigns that were left out because a run holds them, a sentence each."""
    wiped: bool = False
    """The ledger's file was written anew: nothing of what was purged is in it any more."""
    unlisted: tuple[str, ...] = ()
    """Lists of runs that could not be written again, a sentence each."""
    unclean: str | None = None
    """Why the ledger's file was not written anew, though it should be; None when it was, or need not be."""

    @property
    def empty(self) -> bool:
        """There is nothing to purge."""
        return all(part.found.empty and not part.files for part in self.parts)

    @property
    def problems(self) -> tuple[str, ...]:
        """Files and folders that stay though they are old, a sentence each."""
        folders = [folder.problem for part in self.parts for folder in part.folders if folder.problem]
        return (*folders, *(problem for part in self.parts for problem in part.problems), *self.unlisted)

    @property
    def exit_code(self) -> ExitCode:
        """5 when anything could not be removed, 75 when a run keeps it from being removed."""
        if self.busy:
            return ExitCode.BUSY
        return ExitCode.STOPPED if self.problems or self.unclean else ExitCode.DONE


def purge(
    older_than: timedelta, *, campaign: str | None, dry_run: bool, settings: Settings, confirm: Confirm
) -> PurgeReport:
    """Purge what is older, of one campaign or of all. `confirm` is asked before anything is removed.

    Durable on return. Raises InputError when nothing can be purged so, Declined when `confirm` says no; then nothing
    was removed. Raises LedgerFailed when the ledger takes no writes any more.
    """
    if older_than < SHORTEST:
        raise SettingsError(
            _("What is younger than 2 days is still needed: caps count the people of the last 24 hours."),
            _("Name a longer time, like --older-than 180d. Nothing was removed."),
        )
    now = utc_now()
    before = _since(now, older_than)
    _refuse_no_ledger(settings)
    with Ledger.open(settings.ledger) as ledger:
        scopes = _scopes(ledger, campaign)
        plan = _planned(ledger, scopes, before)
        if dry_run or (plan.empty and not ledger.needs_wipe):
            return plan
        if not plan.empty and not confirm(plan):
            raise Declined(_("Nothing was removed: the question was answered with no."))
        return _carry_out(ledger, plan, now=now, live=claim_cutoff(now, settings.read_timeout))


def parse_age(text: str) -> timedelta:
    """Parse `180d` or `26w`, as the campaign file does. Raises ValueError, whose text says what is allowed."""
    return timedelta(seconds=min(parse_duration(text), _LONGEST))


def _since(now: datetime, older_than: timedelta) -> datetime:
    try:
        return now - older_than
    except OverflowError:
        raise SettingsError(_("So long ago nothing was sent."), _("Name a shorter time, like 180d.")) from None


def _refuse_no_ledger(settings: Settings) -> None:
    """A purge makes no ledger: an address with a typing error would look like one that is clean."""
    path = sqlite_path(settings.ledger or default_url())
    if not path.is_file():
        raise LedgerUnusable(
            _("There is no ledger {place}.").format(place=path),
            _("Name another one with --ledger. Nothing was removed."),
        )


def _scopes(ledger: Ledger, campaign: str | None) -> list[Scope]:
    scopes = ledger.retention.scopes(campaign)
    if campaign is not None and not scopes:
        known = sorted({scope.campaign for scope in ledger.retention.scopes()})
        problem = _("There is no campaign {name!r} in the ledger {place}").format(name=campaign, place=ledger.location)
        raise SettingsError(f"{problem}{nearest(campaign, known)}.", _("`wegly-batch runs` shows their names."))
    return scopes


def _planned(ledger: Ledger, scopes: Iterable[Scope], before: datetime) -> PurgeReport:
    parts = [_part(ledger.retention, scope, before) for scope in scopes]
    return PurgeReport(
        ledger=ledger.location,
        before=before,
        parts=tuple(filter(_says_anything, parts)),
        suppressed=ledger.suppression.count(),
    )


def _part(retention: Retention, scope: Scope, before: datetime) -> Part:
    return Part(found=retention.preview(scope, before), folders=tuple(_folders(retention, scope, before)))


def _folders(retention: Retention, scope: Scope, before: datetime) -> Iterator[FolderFiles]:
    found = map(find_files, retention.old_runs(scope, before))
    return (files for files in found if files is not None and (files.ours or files.others or files.problem))


def _says_anything(part: Part) -> bool:
    return not part.found.empty or part.found.kept > 0 or bool(part.folders)


def _carry_out(ledger: Ledger, plan: PurgeReport, *, now: datetime, live: datetime) -> PurgeReport:
    parts: list[Part] = []
    busy: list[str] = []
    for part in plan.parts:
        try:
            parts.append(_purge_campaign(ledger, part.found.scope, plan.before, now=now, live=live))
        except Busy as error:
            said = _("Nothing of the campaign {campaign} was removed. {words}")
            busy.append(said.format(campaign=part.found.scope.campaign, words=error.problem))
    unlisted = tuple(_list_anew(folder.folder.parent for part in parts for folder in part.folders))
    ended = replace(plan, done=True, parts=tuple(parts), busy=tuple(busy), unlisted=unlisted)
    if not ledger.needs_wipe:
        return ended
    explain_refusal = _wipe(ledger)
    return replace(ended, wiped=explain_refusal is None, unclean=explain_refusal)


def _list_anew(reports: Iterable[Path]) -> Iterator[str]:
    """Write the lists of runs again, where there are any: they must not lead to pages that are gone."""
    for folder in dict.fromkeys(reports):
        if (folder / "index.html").exists():
            yield from write_index(folder, current_language())


def _purge_campaign(ledger: Ledger, scope: Scope, before: datetime, *, now: datetime, live: datetime) -> Part:
    """Raises Busy when a run holds the campaign or one of its senders; then nothing of it was removed."""
    owner = Owner.here("purge")
    with ExitStack() as stack:
        stack.enter_context(ledger.hold(_campaign_locks(scope), owner))
        ledger.settle_dead_claims(endpoint=scope.endpoint, campaign=scope.campaign, before=live)
        senders = ledger.retention.preview(scope, before).senders
        stack.enter_context(ledger.hold([sender_lock(sender, scope.endpoint) for sender in senders], owner))
        found = ledger.retention.purge(scope, before, now=now)
        folders = tuple(_folders(ledger.retention, scope, before))
        gone, problems = remove_files(path for folder in folders for path in folder.ours)
    return Part(found=found, folders=folders, removed=gone, problems=problems)


def _campaign_locks(scope: Scope) -> list[str]:
    """A trial holds the lock of the campaign that it is of."""
    own = scope.campaign.removesuffix(TRIAL)
    return [campaign_lock(name, scope.endpoint) for name in {scope.campaign, own}]


def _wipe(ledger: Ledger) -> str | None:
    """Write the ledger's file anew unless somebody is sending, who would wait for it; why it was not, or None."""
    owner = Owner.here("purge")
    try:
        for name in ledger.lock_names():  # one after the other: a ledger may have more of them than a process files
            with ledger.hold([name], owner):
                pass
    except Busy as error:
        return error.problem
    return ledger.wipe()
