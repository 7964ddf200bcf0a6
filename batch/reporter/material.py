"""All that a report is made from, in one record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from batch.model.runs import Run, Tally
from batch.reporter.rows import Told
from batch.reporter.statistics import Figures
from batch.reporter.summary_view import Page, summary_page
from batch.reporter.view import SheetView

__all__ = ["Material"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """A run, its figures, its sheet and what is told of its rows."""

    run: Run
    tally: Tally
    sheet: SheetView
    told: Callable[[], Iterator[Told]]
    """Gives what is told of each row anew each time, in ascending order of rows."""
    figures: Figures
    notes: tuple[str, ...] = ()
    """Sentences that every form of the report must say, and Written.problems too."""

    @property
    def zone(self) -> ZoneInfo:
        """The campaign's time zone."""
        return ZoneInfo(self.run.timezone)

    def page(self, notes: tuple[str, ...], remarks: tuple[str, ...] = ()) -> Page:
        """The summary page, with further sentences: what must be known after the material's own, the rest muted."""
        info = self.sheet.info
        read = info.warnings if info else ()
        return summary_page(self.run, self.tally, self.figures, notes=(*self.notes, *notes), remarks=(*remarks, *read))
