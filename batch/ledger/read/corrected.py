"""What a row is that was wrong in one sheet and corrected in another. Pure.

A row has one outcome, and it has it in every report: a row in error shows what became of its correction. What was sent
as corrected stays so, whatever the row itself comes to later; and of several corrections the one that counts is chosen
in `corrections.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result

__all__ = ["Correction", "corrected", "with_corrections"]

_MAYBE_SENT = (Outcome.SUCCESS, Outcome.REUSED, Outcome.UNKNOWN)


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """The correction that counts for a row of the sheet that is looked at."""

    at: int
    """That row."""
    result: Result
    """What became of the corrected row, numbered as in its own sheet."""
    file: str
    run: str
    """The sheet in which it was corrected, and that sheet's run."""
    of_original: bool = True
    """The row is the one that was wrong first; False: it is a correction of that one, as this is."""
    same_as: int | None = None
    """Another row of the sheet looked at that shows the same message; None when there is none."""


def with_corrections(results: Iterable[Result], found: Iterable[Correction]) -> Iterator[Result]:
    """The results of a sheet, each as its correction makes it. Both ascend by rows, and so does what is given."""
    waiting = iter(found)
    correction = next(waiting, None)
    for result in results:
        while correction is not None and correction.at < result.row:
            correction = next(waiting, None)
        yield corrected(result, correction) if correction is not None and correction.at == result.row else result


def corrected(own: Result, correction: Correction) -> Result:
    """A row's result, given what became of its correction."""
    return _joined(own, correction) if _counts(own, correction) else own


def _counts(own: Result, correction: Correction) -> bool:
    """A row that is no error counts by itself, but for an original whose correction got further."""
    became = correction.result.outcome
    if own.outcome is Outcome.ERROR or own.findings[0].reason is Reason.CORRECTED:
        return True
    if own.outcome is Outcome.UNKNOWN:
        return False  # it is to be decided, and can be only where it shows
    further = became in _MAYBE_SENT if own.outcome in (Outcome.PENDING, Outcome.SKIPPED) else became.messaged
    return correction.of_original and further and not own.outcome.messaged


def _joined(own: Result, correction: Correction) -> Result:
    became = correction.result
    where = {"file": correction.file, "row": str(became.row), "run": correction.run}
    note = Finding(Reason.NOTE_CORRECTED, where)
    if became.outcome is Outcome.ERROR:
        still = Finding(Reason.NOTE_STILL_WRONG, where)
        wrong = own if own.outcome is Outcome.ERROR else replace(became, row=own.row, origin=own.origin)
        return replace(wrong, notes=(*wrong.notes, still))
    if correction.same_as is not None:
        same = Finding(Reason.DUPLICATE, {"row": str(correction.same_as)})
        skipped = Outcome.SKIPPED
        person, origin = became.person, own.origin
        return Result(row=own.row, outcome=skipped, findings=(same,), notes=(note,), person=person, origin=origin)
    if became.outcome is Outcome.PENDING:
        waits = (Finding(Reason.CORRECTION_WAITS, where),)
        return replace(became, row=own.row, origin=own.origin, findings=waits)
    return replace(became, row=own.row, origin=own.origin, notes=(*became.notes, note))
