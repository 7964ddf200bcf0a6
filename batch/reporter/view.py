"""What the reporter is given of the sheet, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from batch.model.sheets import SheetInfo, SheetRow

__all__ = ["SheetView", "Written"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetView:
    """The sheet as the report needs it. With `path`, `info` and `rows` None it is gone or has changed since the run."""

    path: Path | None
    """The run's private copy of the user's file, whose content is what `info` describes."""
    info: SheetInfo | None
    rows: Callable[[], Iterator[SheetRow]] | None
    """Gives the rows anew, in ascending order, each time it is called."""
    name: str
    """The file's name as the user knows it, for sentences."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What `write_report` left in the folder."""

    files: tuple[Path, ...]
    """What was written whole, the workbook first."""
    problems: tuple[str, ...] = ()
    """Sentences: what could not be written, or not as it should be."""
    missing: tuple[str, ...] = ()
    """The files that could not be written."""

    @property
    def page(self) -> Path | None:
        """The page for the browser; None when it could not be written."""
        return next((file for file in self.files if file.suffix == ".html"), None)
