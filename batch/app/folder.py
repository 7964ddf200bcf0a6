"""The folder of a run: private, with the copy of the sheet while needed, gone again when nothing came of the run."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType

from batch.errors import SettingsError
from batch.loader import KeptCopy, keep_copy

__all__ = ["RunFolder", "run_name"]

_COPY = ".sheet"


def run_name(started: datetime, slug: str) -> str:
    """`YYYYMMDDTHHMMSSZ-<slug>-<4 hex digits>`; `started` in UTC."""
    return f"{started:%Y%m%dT%H%M%SZ}-{slug}-{secrets.token_hex(2)}"


class RunFolder:
    """`reports/<run>/`, 0700. Use as a context manager; unless `keep` was called, it is removed when left."""

    def __init__(self, reports: Path, run: str) -> None:
        self.path = reports.absolute() / run
        self._kept = False

    def __enter__(self) -> RunFolder:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700)
        except OSError as error:
            raise SettingsError(
                f"The folder {self.path} cannot be made: {error.strerror}.", "Name another place with --reports."
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path / _COPY if self._kept else self.path, ignore_errors=True)

    def tidy(self, dead: Iterable[str]) -> None:
        """Remove the copies of sheets that runs left behind which died. `dead`: their folders."""
        for folder in dead:
            shutil.rmtree(Path(folder) / _COPY, ignore_errors=True)

    def take(self, sheet: Path) -> KeptCopy:
        """Copy the sheet, so that the run reads one state of it whatever happens to the original. Raises SheetError."""
        inside = self.path / _COPY
        inside.mkdir(mode=0o700)
        return keep_copy(sheet, inside)

    def keep(self) -> None:
        """The run is in the ledger now: the folder stays."""
        self._kept = True
