"""retry.xlsx: the rows worth correcting, as the sheet has them, ready to be run again with the same campaign.

Each cell is text and reads back as the loader read it, so that a row that nobody touches is as wrong as before: what
could not be read is an error cell again. To the right stand why and what to do, then the columns that lead back to the
row of the sheet in which it was wrong first, in grey: by them the ledger joins what becomes of it.

A file that somebody has begun to correct is never written over or taken away; `.retry.sha256` says which are as this
program wrote them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path, PurePath
from typing import BinaryIO, Protocol

from batch.i18n import _, ngettext, number
from batch.model.origin import Origin
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason
from batch.model.sheets import SheetRow
from batch.reporter.atomic_file import write_aside
from batch.reporter.columns import REASON
from batch.reporter.lines import joined
from batch.reporter.material import Material
from batch.reporter.retry_sheet import Wrong, write_wrong
from batch.reporter.rows import Told
from batch.reporter.xlsx.new_workbook import MOST_ROWS

__all__ = ["Retries", "write_retries"]

_NOT_TO_CORRECT = frozenset({Reason.OPTED_OUT.value, Reason.NOT_DELIVERED_BY_CHOICE.value})
"""Errors of which no cell is the cause."""
_WRITTEN = ".retry.sha256"
_SHA256_DIGITS = 64
_CHUNK = 1 << 20


class Retries(Protocol):
    """Who is told what was written, and what not."""

    def write(self, name: str, write: Callable[[], tuple[Path, tuple[str, ...]]]) -> bool: ...
    def say(self, problem: str) -> None: ...


def write_retries(folder: Path, material: Material, done: Retries) -> None:
    """Write retry.xlsx into `folder`, and `retry-2.xlsx` and so on for what one worksheet cannot hold.

    Without rows to correct there is none: one of before goes, if nobody has changed it. Without the sheet there is
    nothing to write, and one of before stays.
    """
    ours = _Ours(folder)
    wrong = sum(each.rows for each in material.figures.reasons if worth_correcting(each.outcome, each.reason))
    if wrong and material.sheet.rows is None:
        done.say(_("Without the sheet its rows cannot be put into a retry.xlsx; one of before stays as it is."))
        return
    most = MOST_ROWS - 1
    names = [_name(part) for part in range(1, -(-wrong // most) + 1)]
    changed = [name for name in (names or [_name(1)]) if ours.is_changed(folder / name)]
    if changed:
        done.say(
            _("{file} was changed since it was written, so it stays as it is; move it away to get a new one.").format(
                file=changed[0]
            )
        )
        return
    rows = _wrong(material)
    placed: list[Path] = []
    for name in names:
        some = islice(rows, most)
        if not done.write(name, partial(_write_part, folder / name, material, some, ours, placed)):
            return
    if len(names) > 1:
        done.say(
            ngettext(
                "{n} row is to be corrected, more than a worksheet holds: run {files}, each as a sheet.",
                "{n} rows are to be corrected, more than a worksheet holds: run {files}, each as a sheet.",
                wrong,
            ).format(n=number(wrong), files=", ".join(names))
        )
    for problem in ours.tidy(placed):
        done.say(problem)


def worth_correcting(outcome: Outcome, reason: str) -> bool:
    """Whether a row of this outcome and reason is for a person to correct."""
    return outcome is Outcome.ERROR and reason not in _NOT_TO_CORRECT


def _name(part: int) -> str:
    return "retry.xlsx" if part == 1 else f"retry-{part}.xlsx"


def _wrong(material: Material) -> Iterator[Wrong]:
    """The rows to correct, in the sheet's order. Streams."""
    rows = material.sheet.rows() if material.sheet.rows else iter(())
    for _number, row, told in joined(rows, material.told()):
        if row and told and worth_correcting(told.outcome, str(told.values[REASON])):
            yield Wrong(row=row, told=told, origin=_origin(material, row, told))


def _origin(material: Material, row: SheetRow, told: Told) -> Origin:
    return told.origin or Origin(run=material.run.run, row=row.number, file=PurePath(material.sheet.name).name)


def _write_part(
    target: Path, material: Material, rows: Iterator[Wrong], ours: _Ours, placed: list[Path]
) -> tuple[Path, tuple[str, ...]]:
    problems: list[str] = []

    def write(file: BinaryIO) -> None:
        problems.extend(write_wrong(file, material, rows))
        file.flush()
        file.seek(0)
        # Noted before it is in place: whoever finds it there finds it noted, wherever this ends.
        ours.note(_digest(file))

    placed.append(write_aside(target, write))
    return placed[-1], tuple(problems)


@dataclass(slots=True)
class _Ours:
    """Which of the files in a folder are as this program wrote them."""

    folder: Path

    def is_changed(self, path: Path) -> bool:
        """Whether a file is there that is not as it was written."""
        return path.exists() and not self._is_ours(path)

    def note(self, digest: str) -> None:
        """Note a file that is about to be put in place, beside those that are there. Durable on return."""
        kept = [_sha256(path) for path in self._files() if self._is_ours(path)]
        write_aside(self.folder / _WRITTEN, lambda file: _write_lines(file, [*kept, digest]))

    def tidy(self, placed: list[Path]) -> list[str]:
        """Take away what was written before and has nothing to correct any more. Gives sentences about what stays."""
        problems = []
        for path in self._files():
            if path not in placed and self._is_ours(path):
                try:
                    path.unlink()
                except OSError as error:
                    problems.append(_not_removed(path, error))
        if not placed and not problems:
            with suppress(OSError):
                (self.folder / _WRITTEN).unlink(missing_ok=True)
        return problems

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("retry*.xlsx"))

    def _is_ours(self, path: Path) -> bool:
        return _sha256(path) in self._noted()

    def _noted(self) -> frozenset[str]:
        try:
            text = (self.folder / _WRITTEN).read_text(encoding="ascii", errors="replace")
        except OSError:
            return frozenset()
        return frozenset(line for line in text.split() if len(line) == _SHA256_DIGITS)


def _not_removed(path: Path, error: OSError) -> str:
    said = _("{file} has nothing left to correct, but could not be removed: {problem}.")
    return said.format(file=path.name, problem=error.strerror or error)


def _write_lines(file: BinaryIO, digests: list[str]) -> None:
    file.write("".join(f"{digest}\n" for digest in dict.fromkeys(digests)).encode())


def _sha256(path: Path) -> str:
    """Empty when it cannot be read, which is then nobody's to touch."""
    try:
        with path.open("rb") as file:
            return _digest(file)
    except OSError:
        return ""


def _digest(file: BinaryIO) -> str:
    total = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        total.update(chunk)
    return total.hexdigest()
