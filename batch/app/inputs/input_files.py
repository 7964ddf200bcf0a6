"""The sheets of a command: files as they are named, and the sheets of a folder."""

import os
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

from batch.app.inputs.staging import utc_now
from batch.campaign import load_campaign
from batch.errors import SettingsError, SheetError
from batch.formatting import quote_path
from batch.i18n import _
from batch.ledger import Ledger
from batch.model.runs import CAMPAIGN_FILE, RUN_NAME
from batch.model.sheets import openable_path
from batch.reporter import read_campaign_path

_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"})
_RETRY = re.compile(r"retry(-\d+)?( \(\d\))?\.xlsx")
_REPORTS = frozenset(
    {"report.xlsx", "report.xlsm", "results.csv", "report (ledger only).xlsx", "results (ledger only).csv"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class InputFiles:
    """The sheets of a command, and the files of its folders that are none."""

    sheets: tuple[Path, ...]
    ignored: tuple[str, ...] = ()
    """Sentences, one for each file of a folder that is no sheet of contacts."""
    from_folders: tuple[Path, ...] = ()
    """The sheets that a folder stood for."""


def find_sheets(named: Iterable[Path], lists: Collection[Path] = ()) -> InputFiles:
    """List the sheets to run, in the order named; of a folder those in it (not below it), by name.

    Ignored in a folder: files without a sheet's suffix, hidden files, Excel's `~$` files, earlier reports, the `lists`
    of people that the run honours, and a retry.xlsx that still lies beside its report: a person may be at work on it.

    Raises SheetError for a folder without any sheet.
    """
    kept_out = {_identity(path) for path in lists}
    sheets: list[Path] = []
    found: list[Path] = []
    ignored: list[str] = []
    for path in named:
        if not os.path.isdir(path):  # noqa: PTH112 - a name too long is none of a folder either
            sheets.append(path)
            continue
        inside = sorted(file for file in path.iterdir() if file.is_file())
        reasons = {file: _ignore_reason(file, kept_out) for file in inside}
        taken = [file for file, reason in reasons.items() if reason is None]
        if not taken:
            problem = _("The folder {folder} has no sheet in it.").format(folder=path)
            raise SheetError(problem, _("Put a CSV or XLSX file there, or name the file."))
        sheets += taken
        found += taken
        ignored += [f"{file.name}: {reason}" for file, reason in reasons.items() if reason is not None]
    return InputFiles(sheets=tuple(dict.fromkeys(sheets)), ignored=tuple(ignored), from_folders=tuple(found))


def find_campaign(sheets: Sequence[Path], named: Path | None, ledger: str | None) -> Path:
    """Return the campaign file: the one that is named, else that of the only sheet, by its name beside it.

    The files of a report lead to the campaign of their run, the wrong rows of a check to that of the check. Raises
    SettingsError where there is none.
    """
    if named is not None:
        return named
    if len(sheets) != 1 or os.path.isdir(sheets[0]):  # noqa: PTH112 - as in `find_sheets`
        raise SettingsError(
            _("Several sheets have no campaign file by themselves."), _("Name it with -c, or name one sheet.")
        )
    sheet = sheets[0]
    beside = openable_path(sheet.with_name(f"{sheet.stem}.toml"))
    if not beside.exists() and RUN_NAME.fullmatch(sheet.absolute().parent.name):
        with Ledger.for_reading(ledger) as opened:
            run = opened.run(sheet.absolute().parent.name)
        if run is not None and CAMPAIGN_FILE in run.sheet_options:
            return Path(run.sheet_options[CAMPAIGN_FILE])
    if not beside.exists() and (led := read_campaign_path(sheet)) is not None:
        return led
    if not beside.exists():
        if not openable_path(sheet).exists():
            problem = _("does not exist.")
            raise SheetError(f"{sheet.name} {problem}", _("Check the name and the folder."))
        raise SettingsError(
            _("There is no campaign file {file} for {sheet}.").format(file=beside, sheet=sheet.name),
            _("`wegly-batch init {sheet}` writes it. Or name another one with -c.").format(sheet=quote_path(sheet)),
        )
    return beside


def list_files(campaign: Path, only_allowed: Path | None) -> tuple[Path, ...]:
    """Return the files of people that a run honours: they are no sheets to send. Raises CampaignError."""
    files = load_campaign(campaign, now=utc_now()).suppress.files
    return (*files, only_allowed) if only_allowed else files


def is_late(campaign: Path, not_after: time) -> bool:
    """True when it is later than `not_after` in the campaign's time zone: a start that cron or the machine delayed."""
    now = utc_now()
    return now.astimezone(ZoneInfo(load_campaign(campaign, now=now).timezone)).time() > not_after


def _identity(file: Path) -> object:
    """Return what tells a file from others: macOS and Windows find it by names of another case or Unicode form, too."""
    try:
        found = file.stat()
    except OSError:
        return file.resolve()
    return (found.st_dev, found.st_ino) if found.st_ino else file.resolve()  # some network folders number no files


def _ignore_reason(file: Path, lists: Collection[object]) -> str | None:
    if _identity(file) in lists:
        return _("a list of people that the run honours")
    if file.name.startswith("~$"):
        return _("Excel's note that a workbook is open")
    if file.name.startswith("."):
        return _("a hidden file")
    if file.name in _REPORTS:
        return _("an earlier report")
    if _RETRY.fullmatch(file.name) and (file.parent / "summary.json").exists():
        return _("rows to correct beside their report; name the file to run it")
    return None if file.suffix.lower() in _SUFFIXES else _("not a sheet")
