"""retry.xlsx: the rows to correct, with the cells of the sheet, ready to be run again with the same campaign.

The origin of each is the row of the sheet in which it was wrong first, with the code by which the ledger knows it as
its own. By it the ledger joins the outcome of the correction.

A file with corrections in it is never overwritten or removed: `.retry.sha256` lists the digests of the files as this
program wrote them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from batch.atomic_file import write_atomic
from batch.i18n import _, ngettext, number, use_language
from batch.model.phrases import Phrase
from batch.reporter.rows import FileWriter, ReportInputs, write_noting
from batch.reporter.rows_to_correct import MOST_TOGETHER, RowToCorrect, count_rows_to_correct, rows_to_correct

_NAME = "retry.xlsx"
_DIGESTS = ".retry.sha256"
_SHA256_DIGITS = 64


def write_retries(folder: Path, inputs: ReportInputs, report: FileWriter) -> None:
    """Write retry.xlsx into `folder`, and `retry-2.xlsx` and so on for the rows that one worksheet cannot hold.

    Without rows to correct, an earlier file without corrections is removed. Without the sheet nothing can be written,
    and an earlier file stays.
    """
    known = RetryFiles(folder)
    count = count_rows_to_correct(inputs)
    if count and inputs.sheet.rows is None:
        report.problems.append(
            _("Without the sheet its rows cannot be put into a retry.xlsx; one of before stays as it is.")
        )
        return
    names = [_NAME, *(f"retry-{part}.xlsx" for part in range(2, -(-count // MOST_TOGETHER) + 1))] if count else []
    for name in names or [_NAME]:
        if known.is_changed(folder / name):
            words = _("{file} was changed since it was written, so it stays as it is; move it away to get a new one.")
            report.problems.append(words.format(file=name))
            return
    rows = rows_to_correct(inputs)
    written: list[Path] = []
    for name in names:
        part = islice(rows, MOST_TOGETHER)
        if not report.write(name, partial(_write_part, folder / name, inputs, part, known, written)):
            return
    if len(names) > 1:
        words = ngettext(
            "{n} row is to be corrected, more than a worksheet holds: run {files}, each as a sheet.",
            "{n} rows are to be corrected, more than a worksheet holds: run {files}, each as a sheet.",
            count,
        )
        report.problems.append(words.format(n=number(count), files=", ".join(names)))
    report.problems.extend(known.remove_all_but(written))


def _write_part(
    target: Path, inputs: ReportInputs, rows: Iterator[RowToCorrect], known: RetryFiles, written: list[Path]
) -> tuple[Path, tuple[Phrase, ...]]:
    from batch.reporter.xlsx.retry_workbook import write_rows  # noqa: PLC0415 - openpyxl is slow to load

    def write(file: BinaryIO) -> tuple[Phrase, ...]:
        problems = write_rows(file, inputs, rows)
        file.flush()
        file.seek(0)
        # Before the file is in place: wherever this ends, a file that is there without corrections is a known one.
        known.add(_digest(file))
        return problems

    with use_language(inputs.run.language):  # around it is that of the screen
        made = write_noting(target, write)
    written.append(made[0])
    return made


@dataclass(slots=True)
class RetryFiles:
    """The files of a folder that are still as this program wrote them."""

    folder: Path

    def is_changed(self, path: Path) -> bool:
        """True when there is a file that is not as it was written."""
        return path.exists() and not self._is_known(path)

    def add(self, digest: str) -> None:
        """Add a file that is about to be put in place, beside those that are there. Durable on return."""
        digests = [*(_file_digest(path) for path in self._files() if self._is_known(path)), digest]
        text = "".join(f"{each}\n" for each in dict.fromkeys(digests)).encode()
        write_atomic(self.folder / _DIGESTS, lambda file: file.writelines([text]))

    def remove_all_but(self, written: list[Path]) -> list[str]:
        """Remove the other known files, which have nothing to correct any more. Returns sentences about problems."""
        problems = []
        for path in self._files():
            if path not in written and self._is_known(path):
                try:
                    path.unlink()
                except OSError as error:
                    words = _("{file} has nothing left to correct, but could not be removed: {problem}.")
                    problems.append(words.format(file=path.name, problem=error.strerror or error))
        if not written and not problems:
            with suppress(OSError):
                (self.folder / _DIGESTS).unlink(missing_ok=True)
        return problems

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("retry*.xlsx"))

    def _is_known(self, path: Path) -> bool:
        try:
            text = (self.folder / _DIGESTS).read_text(encoding="ascii", errors="replace")
        except OSError:
            return False
        return _file_digest(path) in [line for line in text.split() if len(line) == _SHA256_DIGITS]


def _file_digest(path: Path) -> str:
    """Empty for a file that cannot be read, which is then treated as changed."""
    try:
        with path.open("rb") as file:
            return _digest(file)
    except OSError:
        return ""


def _digest(file: BinaryIO) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # files have readinto
