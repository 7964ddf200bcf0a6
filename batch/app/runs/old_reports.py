"""`purge --reports-older-than`: removes the report folders of old runs. The ledger keeps everything.

A report with rows that a person has to decide (unknown ones, or replies with a word of opt-out) stays.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from batch.app.inputs.staging import utc_now
from batch.app.runs.report_files import (
    REDACTED,
    find_check_pages,
    find_files,
    remove_files,
    report_folders,
    rewrite_indexes,
)
from batch.app.settings import Settings
from batch.errors import Declined
from batch.i18n import _
from batch.ledger import Ledger
from batch.model.outcomes import ExitCode, Outcome
from batch.model.runs import Run, Tally

_OF_THE_RUN = "summary.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class OldReports:
    """Report folders that were removed, or would be."""

    before: datetime
    """Reports of runs that ended earlier are old. UTC."""
    folders: tuple[Path, ...] = ()
    to_decide: tuple[Path, ...] = ()
    """Old ones that stay, for a person has rows to decide."""
    pages: tuple[Path, ...] = ()
    """Old pages of checks."""
    done: bool = False
    problems: tuple[str, ...] = ()
    """What stays though it is old, a sentence each."""

    @property
    def exit_code(self) -> ExitCode:
        """5 when anything could not be removed."""
        return ExitCode.STOPPED if self.problems else ExitCode.DONE


def remove_old_reports(
    older_than: timedelta, *, dry_run: bool, settings: Settings, confirm: Callable[[OldReports], bool]
) -> OldReports:
    """Remove the report folders of runs that ended longer ago. `confirm` is asked before anything is removed.

    Raises Declined when `confirm` says no; then nothing was removed.
    """
    before = utc_now() - older_than
    with Ledger.for_reading(settings.ledger) as ledger:
        old = dict(_old_folders(ledger, before))
        pages = find_check_pages(report_folders(ledger.runs(), settings.reports), before)
        undecided = {folder for folder, run in old.items() if _has_rows_to_decide(ledger.tally(run.run))}
    plan = OldReports(
        before=before,
        folders=tuple(folder for folder in old if folder not in undecided),
        to_decide=tuple(folder for folder in old if folder in undecided),
        pages=pages,
    )
    if dry_run or not (plan.folders or plan.pages):
        return plan
    if not confirm(plan):
        raise Declined(_("Nothing was removed: the question was answered with no."))
    problems = [*remove_files(plan.pages)[1]]
    removed: list[Path] = []
    for folder in plan.folders:
        files = find_files(old[folder])
        if files is not None and files.problem:
            problems.append(files.problem)
            continue
        problems += (*(remove_files(files.ours)[1] if files else ()), *_remove_rest(folder))
        removed.append(folder)
    problems += rewrite_indexes(folder.parent for folder in removed)
    return replace(plan, done=True, folders=tuple(removed), problems=tuple(problems))


def _old_folders(ledger: Ledger, before: datetime) -> Iterator[tuple[Path, Run]]:
    for run in ledger.runs():
        folder = Path(run.report_dir or "")
        if run.report_dir and folder.is_dir() and (run.finished or run.started) < before:
            yield folder, run


def _has_rows_to_decide(tally: Tally) -> bool:
    undecided = tally.delivery.undecided if tally.delivery else ()
    return bool(tally.counts[Outcome.UNKNOWN] or undecided)


def _remove_rest(folder: Path) -> list[str]:
    """Remove the summary and the folder itself; files of unknown origin stay, and are named."""
    problems = remove_files([folder / _OF_THE_RUN])[1] if (folder / _OF_THE_RUN).exists() else ()
    for each in (*map(folder.joinpath, REDACTED), folder):
        with suppress(OSError):
            each.rmdir()
    if folder.exists() and not problems:
        stays = _("{folder} stays: it holds files that wegly-batch did not write.")
        problems = (stays.format(folder=folder),)
    return list(problems)
