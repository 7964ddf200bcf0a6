"""index.html of a reports folder: its runs, newest first, each with its counts and the way to its report.

Made anew from the `summary.json` of each folder, so that it is right whatever was copied there or deleted. A folder
that cannot be understood is named and stops nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, NonNegativeInt, ValidationError, field_validator

from batch.i18n import _, describe_os_error, use_language
from batch.model.outcomes import Outcome
from batch.reporter.atomic_file import write_aside
from batch.reporter.html.figures import bar_segments
from batch.reporter.html.page import pieces
from batch.reporter.html.text import moment
from batch.reporter.inputs import LEDGER_ONLY
from batch.reporter.summary_view import OutcomeSummary, summarize_outcomes, verdict

_NAME = "index.html"
_SUMMARY = "summary.json"
_MARK = b'<meta name="generator" content="wegly-batch index'
_HEAD = 4_096
_MOST_RUNS = 1_000
"""Runs that the page lists: the newest by name, which begins with the time."""
_MOST_BYTES = 4_000_000
"""Of a summary.json; ours has some thousand."""
_TRIES = 3
_RUN_NAME = re.compile(r"\d{8}T\d{6}Z-")
_REPORTS = ("report.html", f"report ({LEDGER_ONLY}).html", "report.xlsx", "report.xlsm", "results.csv")


class _Summary(BaseModel):
    """What the page needs of a summary.json."""

    run: str
    campaign: str
    started: AwareDatetime
    counts: dict[Outcome, NonNegativeInt]
    exit_code: int | None

    @field_validator("counts")
    @classmethod
    def _all_six(cls, counts: dict[Outcome, int]) -> dict[Outcome, int]:
        if set(counts) != set(Outcome):
            raise ValueError("not the six outcomes")
        return counts


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """A run as the page lists it."""

    run: str
    campaign: str
    started: datetime
    began: str
    rows: int
    counts: list[OutcomeSummary]
    segments: list[tuple[Outcome, str, str]]
    exit_code: int | None
    ended: str
    link: str | None
    """Relative, ready for an `href`; None when the folder has no report."""


def write_index(reports: Path, language: str) -> tuple[str, ...]:
    """Write `index.html` into a reports folder, mode 0600. Gives sentences about what did not go as it should.

    An `index.html` that is not ours stays. When a run ends meanwhile, the page is written once more, so that of two
    runs that end together neither is missing.
    """
    target = reports / _NAME
    with use_language(language):
        try:
            if _is_foreign(target):
                return (_("{file} is not of wegly-batch, so the list of runs was not written.").format(file=target),)
            for _attempt in range(_TRIES):
                before = _state(reports)
                write_aside(target, _writer(reports))
                if _state(reports) == before:
                    break
        except OSError as error:
            words = _("The list of runs, {file}, could not be written: {error}.")
            return (words.format(file=target, error=describe_os_error(error)),)
    return ()


def _is_foreign(target: Path) -> bool:
    try:
        with target.open("rb") as file:
            return _MARK not in file.read(_HEAD)
    except FileNotFoundError:
        return False


def _state(reports: Path) -> dict[str, int | None]:
    """What the page is made from: each folder, and when its summary was written."""
    return {folder.name: _written_at(folder / _SUMMARY) for folder in _folders(reports)}


def _written_at(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def _folders(reports: Path) -> Iterator[Path]:
    """The folders of a reports folder: the newest runs first, by their names, then what is called otherwise."""
    found = (path for path in reports.iterdir() if not path.name.startswith(".") and path.is_dir())
    newest = sorted(found, key=lambda path: (_RUN_NAME.match(path.name) is not None, path.name), reverse=True)
    return islice(newest, _MOST_RUNS + 1)


def _writer(reports: Path) -> Callable[[BinaryIO], None]:
    def write(file: BinaryIO) -> None:
        file.writelines(pieces("runs.html.jinja", _values(reports)))

    return write


def _values(reports: Path) -> dict[str, object]:
    entries: list[_Entry] = []
    broken: list[tuple[str, str]] = []
    folders = list(_folders(reports))
    for folder in folders[:_MOST_RUNS]:
        found = _read(folder)
        if isinstance(found, _Entry):
            entries.append(found)
        else:
            broken.append((folder.name, found))
    entries.sort(key=lambda entry: (entry.started, entry.run), reverse=True)
    return {"entries": entries, "broken": broken, "more": len(folders) > _MOST_RUNS, "most": _MOST_RUNS}


def _read(folder: Path) -> _Entry | str:
    """A folder's run, or the sentence that says why there is none."""
    try:
        with (folder / _SUMMARY).open("rb") as file:
            text = file.read(_MOST_BYTES)
        found = _Summary.model_validate_json(text)
    except FileNotFoundError:
        return _("It has no summary.json: the run is going on or was killed, or this is no run's folder.")
    except (OSError, ValidationError):
        return _("Its summary.json cannot be read, or is not of wegly-batch.")
    return _entry(folder, found)


def _entry(folder: Path, found: _Summary) -> _Entry:
    report = next((name for name in _REPORTS if (folder / name).is_file()), None)
    return _Entry(
        run=found.run,
        campaign=found.campaign,
        started=found.started,
        began=moment(found.started, None),
        rows=sum(found.counts.values()),
        counts=[each for each in summarize_outcomes(found.counts) if each.rows],
        segments=bar_segments(found.counts),
        exit_code=found.exit_code,
        ended=verdict(found.exit_code),
        link=f"./{quote(folder.name)}/{quote(report)}" if report else None,
    )
