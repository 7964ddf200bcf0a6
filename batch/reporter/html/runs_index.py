"""index.html of a reports folder: its runs, newest first, each with its counts and a link to its report.

It is written from the `summary.json` of each folder, not from the ledger, so that it is right whatever was copied there
or deleted. A folder that cannot be read is listed by name and stops nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, NonNegativeInt, ValidationError, field_validator

from batch.atomic_file import write_atomic
from batch.formatting import format_moment
from batch.i18n import _, describe_os_error, use_language
from batch.model.outcomes import Outcome
from batch.reporter.html.figures import bar_segments
from batch.reporter.html.page import render_page
from batch.reporter.html.text import local_moment
from batch.reporter.rows import LEDGER_ONLY
from batch.reporter.summary_view import describe_delivery, rehearsal, summarize_outcomes, verdict

_NAME = "index.html"
CHECKS = "check"
"""Name of the folder with the pages of checks, which is no run's."""
CHECK_MARK = b'<meta name="generator" content="wegly-batch check">'
"""In the head of such a page."""
_SUMMARY = "summary.json"
_MARK = b'<meta name="generator" content="wegly-batch index'
_HEAD = 4_096
"""Bytes of an index.html in which its mark is looked for."""
_MAX_RUNS = 1_000
"""Runs that the page lists: the newest by name, which begins with the time of the start."""
_MAX_BYTES = 4_000_000
"""Of a summary.json; one that we write has some thousand."""
_TRIES = 3
"""How often the page is written when runs keep ending meanwhile."""
_RUN_NAME = re.compile(r"\d{8}T\d{6}Z-")
_REPORTS = ("report.html", f"report ({LEDGER_ONLY}).html", "report.xlsx", "report.xlsm", "results.csv")


class _Delivery(BaseModel):
    """Delivery, as far as looks have shown it."""

    messaged: NonNegativeInt
    delivered: NonNegativeInt
    read: NonNegativeInt
    failed: NonNegativeInt
    on_the_way: NonNegativeInt
    not_known: NonNegativeInt
    replied: NonNegativeInt
    opted_out: NonNegativeInt
    looked_at: AwareDatetime

    @property
    def headline(self) -> str:
        """The sentence of the run's report."""
        return describe_delivery(self.model_dump(exclude={"looked_at"}), format_moment(self.looked_at))


class _Summary(BaseModel):
    """The part of a summary.json that the page needs."""

    run: str
    campaign: str
    started: AwareDatetime
    counts: dict[Outcome, NonNegativeInt]
    exit_code: int | None
    endpoint: str = ""
    delivery: _Delivery | None = None

    @field_validator("counts")
    @classmethod
    def _all_six(cls, counts: dict[Outcome, int]) -> dict[Outcome, int]:
        if set(counts) != set(Outcome):
            raise ValueError("not the six outcomes")
        return counts


def write_index(reports: Path, language: str) -> tuple[str, ...]:
    """Write `index.html` into a reports folder, whole or not at all, mode 0600, in this language.

    Returns sentences about problems, in the current one. An `index.html` of another program stays. When a run ends
    meanwhile, the page is written again, so that of two runs that end together neither is missing.
    """
    target = reports / _NAME

    def write(file: BinaryIO) -> None:
        with use_language(language):
            file.writelines(render_page("runs.html.jinja", _values(reports)))

    try:
        if _is_foreign(target):
            return (_("{file} is not of wegly-batch, so the list of runs was not written.").format(file=target),)
        for _attempt in range(_TRIES):
            before = _summary_times(reports)
            write_atomic(target, write)
            if _summary_times(reports) == before:
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


def _summary_times(reports: Path) -> dict[str, int | None]:
    """Each folder with the time its summary was written, in nanoseconds; None where it has no summary."""
    return {folder.name: _written_at(folder / _SUMMARY) for folder in _folders(reports)}


def _written_at(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def _folders(reports: Path) -> Iterator[Path]:
    """The folders of a reports folder: the newest runs first, by their names, then all others."""
    found = (path for path in reports.iterdir() if path.name != CHECKS and path.name[:1] != "." and path.is_dir())
    newest = sorted(found, key=lambda path: (_RUN_NAME.match(path.name) is not None, path.name), reverse=True)
    return islice(newest, _MAX_RUNS + 1)


def _values(reports: Path) -> dict[str, object]:
    runs: list[tuple[_Summary, str | None]] = []
    broken: list[tuple[str, str]] = []
    folders = list(_folders(reports))
    for folder in folders[:_MAX_RUNS]:
        found = _read(folder)
        if isinstance(found, _Summary):
            runs.append((found, _link(folder)))
        else:
            broken.append((folder.name, found))
    runs.sort(key=lambda each: (each[0].started, each[0].run), reverse=True)
    return {
        "runs": runs,
        "broken": broken,
        "more": len(folders) > _MAX_RUNS,
        "most": _MAX_RUNS,
        "moment": partial(local_moment, zone=None),
        "summarize_outcomes": summarize_outcomes,
        "bar_segments": bar_segments,
        "verdict": verdict,
        "rehearsal": rehearsal,
    }


def _read(folder: Path) -> _Summary | str:
    """Return the summary of a folder's run, or the sentence that says why there is none."""
    try:
        with (folder / _SUMMARY).open("rb") as file:
            return _Summary.model_validate_json(file.read(_MAX_BYTES))
    except FileNotFoundError:
        return _("It has no summary.json: the run is going on or was killed, or this is no run's folder.")
    except (OSError, ValidationError):
        return _("Its summary.json cannot be read, or is not of wegly-batch.")


def _link(folder: Path) -> str | None:
    """The relative URL of a folder's report; None when it has none."""
    report = next((name for name in _REPORTS if (folder / name).is_file()), None)
    return f"./{quote(folder.name)}/{quote(report)}" if report else None
