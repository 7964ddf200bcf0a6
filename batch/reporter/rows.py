"""What is told of each row: made once from its result, and kept for all files of the report.

The ledger is asked once, so that the files agree whatever is sent meanwhile, and sentences are made once. A few MB are
held in memory, the rest in a nameless temporary file that nobody else can open and that is gone with the process; where
that cannot be written, the results are asked for anew instead.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from itertools import islice
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from batch.model.origin import Origin
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding
from batch.model.runs import Result
from batch.reporter.columns import STATUS, Value, Words, in_zone, with_words, words

__all__ = ["KeptResults", "Told", "told_of"]

_AT_ONCE = 500
_HELD = 2 * 1024 * 1024
"""Bytes that are kept in memory; beyond, all goes into a file."""
_REMEMBERED = 1024
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


class Told(NamedTuple):
    """One row of the report, apart from the sheet's own cells."""

    row: int
    outcome: Outcome
    values: tuple[Value, ...]
    """One for each of `COLUMNS`."""
    columns: tuple[str, ...]
    """Columns of the sheet as its findings name them: one, or several with commas between."""
    origin: Origin | None
    """As `Result.origin`."""


def told_of(zone: ZoneInfo) -> Callable[[Result], Told]:
    """Makes what is told of results, in the language that is spoken, with times of that zone."""
    # By identity: the ledger gives rows that are alike the same findings. They are kept, so that no others take over
    # their ids.
    known: dict[tuple[int, int], _Said] = {}
    moment = lru_cache(maxsize=_REMEMBERED)(partial(in_zone, zone=zone))

    def told(result: Result) -> Told:
        at = (id(result.findings), id(result.notes))
        said = known.get(at)
        if said is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            said = known[at] = _Said(result.findings, result.notes, words(result), _columns(result.findings))
        sent_at = moment(result.sent_at.replace(microsecond=0)) if result.sent_at else None
        values = with_words(result, said.words, sent_at)
        return Told(result.row, result.outcome, values, said.columns, result.origin)

    return told


class _Said(NamedTuple):
    """What results with the same findings and notes have alike."""

    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    words: Words
    columns: tuple[str, ...]


def _columns(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(finding.values["column"] for finding in findings if "column" in finding.values)


class KeptResults:
    """The results of a run on their way into the report. Use as a context manager."""

    def __init__(self, results: Callable[[], Iterator[Result]], zone: ZoneInfo) -> None:
        """`results()` gives them anew each time, in ascending order of rows."""
        self._results, self._zone = results, zone
        self._file = SpooledTemporaryFile[bytes](max_size=_HELD, prefix="wegly-batch-")
        self._ends = [0]
        self._fits, self._whole = True, False

    def __enter__(self) -> KeptResults:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def first(self) -> Iterator[Result]:
        """The results, kept on the way. Once, to the end, before `told`."""
        remaining, told = self._results(), told_of(self._zone)
        while block := list(islice(remaining, _AT_ONCE)):
            self._keep([_packed(told(result)) for result in block])
            yield from block
        self._whole = self._fits

    def told(self) -> Iterator[Told]:
        """What is told of them, anew each time."""
        if not self._whole:
            yield from map(told_of(self._zone), self._results())
            return
        for place, end in zip(self._ends, self._ends[1:], strict=False):
            self._file.seek(place)
            yield from map(_unpacked, marshal.loads(self._file.read(end - place)))  # noqa: S302 - what we wrote

    def _keep(self, rows: list[tuple[Any, ...]]) -> None:
        if not self._fits:
            return
        try:
            self._ends.append(self._ends[-1] + self._file.write(marshal.dumps(rows)))
            self._file.flush()
        except OSError:  # no room for temporary files
            self._fits = False


def _packed(told: Told) -> tuple[Any, ...]:
    row, _outcome, values, columns, origin = told
    return row, values, columns, (origin.run, origin.row, origin.file) if origin else None


def _unpacked(packed: tuple[Any, ...]) -> Told:
    row, values, columns, came = packed
    origin = Origin(run=came[0], row=came[1], file=came[2]) if came else None
    return Told(row, _OUTCOMES[values[STATUS]], values, columns, origin)
