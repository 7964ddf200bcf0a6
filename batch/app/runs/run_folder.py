"""The folder of a run: private, with the copy of the sheet while it is needed; removed when the run did not begin."""

from __future__ import annotations

import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path, PurePath

from filelock import FileLock, Timeout

from batch.errors import SettingsError
from batch.i18n import _, describe_os_error
from batch.loader import Limits, SheetCopy, keep_copy
from batch.model.runs import RUN_NAME, Run

_COPY = ".sheet"
_ALIVE = "alive.lock"
_NEEDED = "needed"
"""Name of the mark beside a copy that is kept until its run's report is written."""
_WRITING = ".report.lock.part"
"""The lock of who writes a report, beside it; by its name what is left of it goes with half-written files."""
_YOUNG = 60.0  # seconds in which a folder may be made, but not locked yet
_ABANDONED = 3600.0
"""Seconds after which nothing writes to a file any more that was to become part of a report."""
_FITTING, _LONGEST = 205, 216
"""Characters of a run's folder on Windows: with report.xlsx they are the 218 that Excel opens; with the longest name of
a temporary file, the 259 that Windows makes."""
_SHORTEST_SLUG = 4


def run_name(started: datetime, slug: str) -> str:
    """Return `YYYYMMDDTHHMMSSZ-<slug>-<4 hex digits>`; `started` in UTC."""
    return f"{started:%Y%m%dT%H%M%SZ}-{slug}-{secrets.token_hex(2)}"


def fit_run_name(reports: PurePath, started: datetime, slug: str, *, system: str = sys.platform) -> str:
    """Return a run's name, on Windows with no more of the slug than its folder below `reports` (absolute) can have.

    Raises SettingsError when no file could be made there, which would else be found after the sending.
    """
    if system != "win32":
        return run_name(started, slug)
    room = _FITTING - len(str(reports / run_name(started, "")))
    name = run_name(started, slug[: max(room, _SHORTEST_SLUG)].rstrip("-"))
    if len(str(reports / name)) > _LONGEST:
        raise SettingsError(
            _("The path of the folder {folder} is too long: Windows would make no files in it.").format(folder=reports),
            _("Name a place with a shorter path with --reports."),
        )
    return name


def is_run_folder(folder: Path, run: str) -> bool:
    """Return whether a folder has the run's name and that name our form: a ledger that others wrote may name any."""
    return folder.name == run and RUN_NAME.fullmatch(run) is not None


def is_at_home(run: Run) -> bool:
    """Return whether this machine has a run's folder or its sheet; another one knows but their paths."""
    return Path(run.report_dir or "").is_dir() or Path(run.sheet_path).is_file()


class RunFolder:
    """`reports/<run>/`, 0700. Use as a context manager; unless `keep` was called, it is removed when left.

    `reports` is made 0700 too; where it is there already, its rights stay as they are.
    """

    def __init__(self, reports: Path, run: str) -> None:
        self.path = reports.absolute() / run
        self._kept = self._keeps_copy = False
        self._alive = FileLock(self.path / _COPY / _ALIVE, timeout=0, mode=0o600)

    def __enter__(self) -> RunFolder:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700)
        except OSError as error:
            raise _not_made(self.path, error) from None
        _tidy(self.path.parent)
        return self

    def __exit__(self, *_error: object) -> None:
        self._alive.release()
        if not self._keeps_copy:
            shutil.rmtree(self.path / _COPY if self._kept else self.path, ignore_errors=True)

    def copy_sheet(self, sheet: Path, limits: Limits) -> SheetCopy:
        """Copy the sheet, so that the run reads one state of it whatever happens to the original. Raises SheetError."""
        inside = self.path / _COPY
        try:
            inside.mkdir(mode=0o700)
            self._alive.acquire()
        except OSError as error:
            raise _not_made(inside, error) from None
        return keep_copy(sheet, inside, limits=limits)

    def keep(self, *, copy: bool = False) -> None:
        """Keep the folder on exit: the run is in the ledger now. `copy`: with the sheet, until a report was written."""
        self._kept, self._keeps_copy = True, copy
        if copy:
            (self.path / _COPY / _NEEDED).touch(mode=0o600)


def find_copy(folder: Path) -> Path | None:
    """Return the copy of a run's sheet that was kept for its report; None when there is none."""
    inside = folder / _COPY
    if not (inside / _NEEDED).exists():
        return None
    return next(inside.glob(".sheet.*"), None)


def remove_copy(folder: Path) -> None:
    """Remove the copy of a sheet that was kept for a report, which is written."""
    shutil.rmtree(folder / _COPY, ignore_errors=True)


@contextmanager
def hold_report(folder: Path) -> Iterator[None]:
    """Write the report in a run's folder alone while a block runs: a second program waits until the first is done."""
    path = folder / _WRITING
    with ExitStack() as held:
        with suppress(OSError, NotImplementedError):  # a disk without locks keeps no report from being written
            held.enter_context(FileLock(path, mode=0o600))
            held.callback(_remove, path)
        yield


def _remove(path: Path) -> None:
    with suppress(OSError):  # Windows removes it when it is released
        path.unlink()


def _tidy(reports: Path) -> None:
    """Remove what killed commands left behind of sheets and half-written reports: personal data of no further use.

    A live run holds the lock in its copy's folder, which dies with its process. A folder in which nothing else is was
    that of a run which never began, and goes too.
    """
    for part in reports.glob("*/.*"):
        copied, written = part.name.startswith(f"{_COPY}-"), part.name.endswith(".part")
        with suppress(OSError):
            if (copied or written) and time.time() - part.stat().st_mtime > _ABANDONED:
                shutil.rmtree(part) if copied else part.unlink()
    for inside in reports.glob(f"*/{_COPY}"):
        lock = FileLock(inside / _ALIVE, timeout=0)
        with suppress(OSError, Timeout):
            if time.time() - inside.stat().st_mtime < _YOUNG or (inside / _NEEDED).exists():
                continue
            with lock:
                pass
            shutil.rmtree(inside)
            inside.parent.rmdir()


def _not_made(folder: Path, error: OSError) -> SettingsError:
    return SettingsError(
        _("The folder {folder} cannot be made: {error}.").format(folder=folder, error=describe_os_error(error)),
        _("See that there is room and that you may write there, or name another place with --reports."),
    )
