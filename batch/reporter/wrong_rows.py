"""The wrong rows of a checked sheet as a workbook in the form of retry.xlsx, in a file that a person names.

The workbook's properties lead to the campaign (subject) and tell whether its rows are still as they were written
(identifier): a file with corrections, or of another program, is never overwritten.
"""

import html
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path, PureWindowsPath
from typing import BinaryIO
from zipfile import ZipFile

from batch.atomic_file import write_atomic
from batch.errors import SettingsError
from batch.i18n import N_, _, describe_os_error
from batch.ooxml.archive import BROKEN_ZIP
from batch.reporter.rows import ReportInputs
from batch.reporter.rows_to_correct import (
    MOST_TOGETHER,
    ORIGINS,
    RowToCorrect,
    count_rows_to_correct,
    identify_rows,
    rows_to_correct,
)

_MOST_BYTES = 100_000
"""Of the part with the properties; ours has some hundred."""
_UNREADABLE = (*BROKEN_ZIP, KeyError, OSError, RuntimeError, ValueError)
"""Errors of a file that is none of ours: no archive, a damaged or protected one, or one without such a part."""
_ANOTHER_NAME = N_("Name another file with --wrong-rows. Nothing was written.")


def write_wrong_rows(target: Path, inputs: ReportInputs, campaign: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write the rows to correct into `target`, and `-2` and so on beside it for those that one worksheet cannot hold.

    Returns the files, none when no row is wrong, and sentences about texts that did not fit. Raises SettingsError for a
    file that is not to be overwritten, or cannot be written.
    """
    parts = -(-count_rows_to_correct(inputs) // MOST_TOGETHER)
    files = [target.with_stem(f"{target.stem}-{part}") if part > 1 else target for part in range(1, parts + 1)]
    for file in files:
        _refuse_other_files(file)
    rows, problems = _with_their_origins(inputs), list[str]()
    for file in files:
        subject, part = _name_campaign(campaign, file), islice(rows, MOST_TOGETHER)
        write = partial(_write_part, inputs=inputs, rows=part, subject=subject, problems=problems)
        try:
            write_atomic(file, write, elsewhere=False)
        except OSError as error:
            words = _("{file} cannot be written: {error}.").format(file=file, error=describe_os_error(error))
            raise SettingsError(words, _(_ANOTHER_NAME)) from None
    return tuple(files), tuple(problems)


def _write_part(
    file: BinaryIO, *, inputs: ReportInputs, rows: Iterator[RowToCorrect], subject: str, problems: list[str]
) -> None:
    from batch.reporter.xlsx.retry_workbook import write_rows  # noqa: PLC0415 - openpyxl is slow to load

    problems += map(str, write_rows(file, inputs, rows, subject=subject))


def read_campaign_path(book: Path) -> Path | None:
    """Return the campaign file that a workbook of wrong rows leads to; None for any other file, or when it is gone.

    Only a path that begins at the workbook is followed: a stranger's workbook names no other machine.
    """
    subject = _properties(book).get("subject", "")
    if not subject.endswith(".toml") or PureWindowsPath(subject).anchor:
        return None
    return named if (named := book.parent / subject).is_file() else None


def _with_their_origins(inputs: ReportInputs) -> Iterator[RowToCorrect]:
    """Yield the rows to correct; those that correct a row already keep their own origin columns as they are."""
    columns = [name.strip().casefold() for name in inputs.sheet.info.columns] if inputs.sheet.info else []
    places = [columns.index(name) for name in ORIGINS] if set(ORIGINS) <= set(columns) else []
    for each in rows_to_correct(inputs):
        own = tuple(each.row.cells[place] or "" for place in places)
        yield replace(each, origin=own) if any(own) else each


def _name_campaign(campaign: Path, file: Path) -> str:
    """Return the campaign's path as seen from the folder of `file`, with which it may be moved; empty for none."""
    try:
        return os.path.relpath(campaign.absolute(), file.absolute().parent)
    except ValueError:  # another drive of Windows
        return ""


def _refuse_other_files(file: Path) -> None:
    """Refuse to overwrite anything but rows that are still as they were written: corrections are a person's work."""
    if not os.path.lexists(file):
        return
    try:
        with ZipFile(file) as book:
            is_ours = _properties(file).get("identifier") == identify_rows(book)
    except _UNREADABLE:
        is_ours = False
    if not is_ours:
        words = _("There is a file {file} already, with corrections or of another program: it was left as it is.")
        raise SettingsError(words.format(file=file), _(_ANOTHER_NAME))


def _properties(book: Path) -> dict[str, str]:
    """Return subject and identifier of a workbook's properties; empty for any other file."""
    try:
        with ZipFile(book) as archive, archive.open("docProps/core.xml") as part:
            text = part.read(_MOST_BYTES).decode("utf-8", "replace")
    except _UNREADABLE:
        return {}
    return {name: html.unescape(value) for name, value in re.findall(r"<dc:(subject|identifier)>([^<]*)<", text)}
