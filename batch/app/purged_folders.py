"""What a purge removes from the folder of a run: the files that this program wrote there and that name people.

A folder counts as a run's own when it is named after the run and its summary.json, where there is one, is of that run.
Only names of a closed list are removed, none of them by following a link. summary.json stays: it has counts, no people.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from batch.i18n import _, system_says
from batch.model.runs import Run

__all__ = ["FolderFiles", "find_files", "remove_files"]

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
        return FolderFiles(folder=folder, problem=said.format(folder=folder, words=system_says(error)))
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
            problems.append(said.format(file=path, words=system_says(error)))
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
