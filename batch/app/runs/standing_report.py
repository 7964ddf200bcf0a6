"""The report of an earlier run that still stands: nothing is left to send, and nothing has changed since."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from batch.app.runs.finish import FinishedRun
from batch.app.runs.run_folder import is_run_folder
from batch.ledger import Ledger
from batch.model.outcomes import Outcome, exit_code_of
from batch.model.reasons import Reason
from batch.model.runs import Run, Tally, ThisRun
from batch.pool import NOTHING_SENT
from batch.reporter import ReportFiles, RetryFiles, list_steps

_FILES = ("report.xlsx", "report.xlsm", "report.html", "results.csv", "retry.xlsx")


def find_standing_report(
    ledger: Ledger, sheet_key: str, reasons: Mapping[tuple[Outcome, str], int], *, as_clean_report: bool
) -> FinishedRun | None:
    """Return the sheet's last run, if its report says what a new one would say; None: there is none.

    Args:
        ledger: as it is now.
        sheet_key: of the sheet (`Run.sheet_key`).
        reasons: the rows of the sheet by outcome and reason, as they are judged now.
        as_clean_report: only a report of values alone will do.
    """
    last = next((run for run in ledger.runs() if run.sheet_key == sheet_key and not run.trial), None)
    if last is None or last.finished is None or last.purged or (as_clean_report and not last.has_clean_report):
        return None
    folder = Path(last.report_dir or "")
    if not _list_files(folder):  # before all rows are counted
        return None
    tally = ledger.tally(last.run)
    files = written_files(folder, last, tally)
    is_worked_on = any(map(RetryFiles(folder).is_changed, folder.glob("retry*.xlsx")))  # then a new one is wanted
    if _as_waiting(tally.reasons) != _as_waiting(reasons) or not files or is_worked_on:
        return None
    last = ledger.locate(last)
    steps = list_steps(files, run=last, tally=tally, results=partial(ledger.results, last.run))
    return FinishedRun(
        run=last,
        tally=replace(tally, this_run=ThisRun(), since=0, settled=0),  # nothing was done now
        folder=folder,
        written=ReportFiles(files=files, steps=steps),
        exit_code=exit_code_of(tally.counts),
        sent=NOTHING_SENT,
        is_new=False,
    )


def _as_waiting(reasons: Mapping[tuple[Outcome, str], int]) -> Counter[tuple[Outcome, str]]:
    """Return the counts with all rows that wait alike, for the hours or since a stop: before a try none is known."""
    known = Counter[tuple[Outcome, str]]()
    for (outcome, reason), rows in reasons.items():
        known[outcome, Reason.WAITING.value if outcome is Outcome.PENDING else reason] += rows
    return +known


def written_files(folder: Path, run: Run, tally: Tally) -> tuple[Path, ...]:
    """Return the files of the report in a run's folder, as far as it is of the run's end and has the counts of now."""
    return _list_files(folder) if _is_of(folder, run, tally) else ()


def _list_files(folder: Path) -> tuple[Path, ...]:
    return tuple(path for path in map(folder.joinpath, _FILES) if path.is_file())


def _is_of(folder: Path, run: Run, tally: Tally) -> bool:
    """True when the folder is the run's own, and its summary is of its end, with the counts of now."""
    if not is_run_folder(folder, run.run):
        return False
    summary = _read_summary(folder)
    followed = (summary.get("delivery") is not None) == (tally.delivery is not None)
    return (
        followed
        and summary.get("finished") is not None
        and summary.get("counts") == {outcome.value: tally.counts[outcome] for outcome in Outcome}
    )


def read_latest_look(folder: Path) -> datetime | None:
    """Return the time of the latest look, in whole seconds, that the report in a run's folder tells; None for none."""
    delivery = _read_summary(folder).get("delivery")
    try:
        return datetime.fromisoformat(delivery["looked_at"]).astimezone() if delivery else None
    except (ValueError, TypeError, KeyError):
        return None


def _read_summary(folder: Path) -> Mapping[str, Any]:
    """Return the content of summary.json; empty where it cannot be read."""
    try:
        summary: Any = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return summary if isinstance(summary, dict) else {}
