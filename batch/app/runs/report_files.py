"""The files of a run in its report folder: which are the program's own, and how they are removed."""

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from batch.app.runs.run_folder import is_run_folder
from batch.atomic_file import write_atomic
from batch.formatting import to_json
from batch.i18n import _, current_language, describe_os_error
from batch.model.redaction import mask_file_name
from batch.model.runs import Run
from batch.reporter import CHECK_MARK, CHECKS, write_index

_REPORT = re.compile(
    r"(report|results|retry)(-[0-9]+)?( \((ledger only|redacted|masked)\))?( \([2-9]\))?\.(xlsx|xlsm|csv|html)"
    r"|run\.log|sheet\.xlsx|\.retry\.sha256|\.(report|results|retry|summary)\b.*\.part",
    re.DOTALL,
)
_COPY = re.compile(r"\.sheet(-[a-z0-9_]{8})?")
"""Folders with a private copy of the sheet, which a run that was killed has left behind."""
REDACTED = ("redacted", "masked")
"""Folders with a report that is made to be passed on; the second as earlier versions named it."""
_SUMMARY = "summary.json"
_HEAD = 4_096
"""Bytes of a page in which its mark is looked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFiles:
    """The content of a run's report folder."""

    folder: Path
    ours: tuple[Path, ...] = ()
    """Files, and folders with copies of the sheet, that a purge removes."""
    others: tuple[Path, ...] = ()
    """Files of unknown origin. They stay."""
    problem: str = ""
    """Why nothing of it is removed: it cannot be read, or is no run's own any more. A sentence, or empty."""


def find_files(run: Run) -> RunFiles | None:
    """Look into the folder of a run; None when the run has none, or nothing in it is to be removed or reported."""
    if run.report_dir is None:
        return None
    folder = Path(run.report_dir)
    not_ours = _("The folder {folder} is not the one that the run made any more; nothing in it was removed.")
    try:
        if folder.is_symlink() or not is_run_folder(folder, run.run):
            return RunFiles(folder=folder, problem=not_ours.format(folder=folder))
        if not folder.is_dir():
            return None
        inside = sorted(folder.iterdir())
        if not _belongs_to(folder, run):
            return RunFiles(folder=folder, problem=not_ours.format(folder=folder))
        for each in map(folder.joinpath, REDACTED):
            if _is_real_folder(each):
                inside += sorted(each.iterdir())
        ours = tuple(
            path for path in inside if (_COPY if _is_real_folder(path) else _REPORT).fullmatch(path.name) is not None
        )
    except OSError as error:
        problem = _("The folder {folder} cannot be read: {words}.")
        return RunFiles(folder=folder, problem=problem.format(folder=folder, words=describe_os_error(error)))
    others = tuple(path for path in inside if path not in ours and path.name not in (_SUMMARY, *REDACTED))
    return RunFiles(folder=folder, ours=ours, others=others) if ours or others else None


def report_folders(runs: Iterable[Run], own: Path) -> list[Path]:
    """Return the folders that hold those of these runs, and `own`."""
    return [*dict.fromkeys([own.absolute(), *(Path(run.report_dir).parent for run in runs if run.report_dir)])]


def find_check_pages(folders: Iterable[Path], before: datetime) -> tuple[Path, ...]:
    """Return the pages of checks in these folders of reports that were written before a moment (aware)."""
    found = (page for folder in folders for page in sorted((folder / CHECKS).glob("*.html")))
    return tuple(page for page in found if _is_old_check(page, before))


def _is_old_check(page: Path, before: datetime) -> bool:
    try:
        with page.open("rb") as file:
            return page.stat().st_mtime < before.timestamp() and CHECK_MARK in file.read(_HEAD)
    except OSError:
        return False


def _belongs_to(folder: Path, run: Run) -> bool:
    """True when the folder's summary is of that run; a run that was killed may have left none."""
    path = folder / _SUMMARY
    if not path.exists() and not path.is_symlink():
        return True
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(summary, dict) and summary.get("run") == run.run


def _is_real_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def mask_summary(folder: Path) -> str | None:
    """Take the sheet's name out of summary.json, which stays. Returns why it could not be, or None."""
    path = folder / _SUMMARY
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        summary["input"]["name"] = mask_file_name(summary["input"]["name"])
        content = to_json(summary).encode() + b"\n"
        write_atomic(path, lambda file: file.write(content), elsewhere=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        words = describe_os_error(error) if isinstance(error, OSError) else str(error)
        return _("{file} keeps the sheet's name: {words}.").format(file=path, words=words)
    return None


def remove_files(files: Iterable[Path]) -> tuple[int, tuple[str, ...]]:
    """Remove files, going on when one cannot be; return how many are gone, and a sentence for each that is not."""
    removed, problems = 0, []
    for path in files:
        try:
            if _is_real_folder(path):
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            problem = _("{file} could not be removed: {words}.")
            problems.append(problem.format(file=path, words=describe_os_error(error)))
        else:
            removed += 1
    return removed, tuple(problems)


def rewrite_indexes(reports: Iterable[Path]) -> Iterator[str]:
    """Rewrite the lists of runs where there are any: they must not lead to pages that are gone."""
    for folder in dict.fromkeys(reports):
        if (folder / "index.html").exists():
            yield from write_index(folder, current_language())
