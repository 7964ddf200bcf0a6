"""The run's log: JSON lines in `run.log`, and on the terminal when asked for.

The token is taken out of every line, and whatever may be a phone. Control characters are escaped.

A log that cannot be written never stops a run, nor the note of an outcome: lines are lost instead, and counted.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import Processor

from batch.chats import Token
from batch.control_characters import escape_controls
from batch.errors import WeglyBatchError
from batch.event_log import LEVELS, log, processors, sink
from batch.i18n import _, describe_os_error, ngettext, number
from batch.model.redaction import mask_numbers

_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode  # json.dumps makes an encoder for each line
_MOST = 10**9
"""Counts and milliseconds are smaller; a phone as a number is larger."""
_SHORTEST_PHONE = 8
_OF_MACHINES = frozenset(["worker"])
"""Values that name a machine, a process and a version, which may look like a phone (`ip-172-31-22-105:4821 0.4.0`)."""
_BINARY: int = getattr(os, "O_BINARY", 0)
"""Windows changes line ends without it."""


@contextmanager
def log_to(path: Path, *, token: Token | None, verbose: bool) -> Iterator[RunLog]:
    """Send the program's events to `path` (0600, appended), and to stderr when `verbose`, while the block runs.

    The traceback of a defect is logged before it is raised on.
    """
    lines = RunLog(path, token=token, verbose=verbose)
    try:
        with events_to(lines.msg, _PROCESSORS):
            try:
                yield lines
            except WeglyBatchError:
                raise
            except Exception:
                log.exception("defect")
                raise
    finally:
        lines.close()


@contextmanager
def events_to(write: Callable[[str], object], steps: Sequence[Processor]) -> Iterator[None]:
    """Give each event, as the text that the processors `steps` make of it, to `write` while the block runs."""
    before = dict(vars(sink)), list(processors)
    vars(sink).update(dict.fromkeys(LEVELS, write))
    processors[:] = steps
    try:
        yield
    finally:
        vars(sink).update(before[0])
        processors[:] = before[1]


def _without_phones(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Mask phones once more: no event has one, but an exception or an answer of the API may."""
    return {key: value if key in _OF_MACHINES else _masked(value) for key, value in event.items()}


def _masked(value: object) -> object:
    # Nearly every value is of the first kinds; to look at it as a pattern costs as much as to write the line.
    kind = type(value)
    if kind is str:
        return value if len(value) < _SHORTEST_PHONE else mask_numbers(value)  # type: ignore[arg-type]
    if value is None or kind is bool or kind is float:
        return value
    match value:
        case int():
            return value if abs(value) < _MOST else mask_numbers(str(value))
        case Mapping():
            return {str(key): _masked(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(each) for each in value]
        case _:
            return mask_numbers(str(value))


_PROCESSORS = (
    structlog.processors.format_exc_info,
    _without_phones,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.JSONRenderer(lambda event, **_: _encode(event)),
)


class RunLog:
    """Writes finished lines; the last place that text passes, so the token is taken out here. Raises nothing."""

    def __init__(self, path: Path, *, token: Token | None, verbose: bool) -> None:
        self._name = path.name
        self._token = token
        self._verbose = verbose
        self._descriptor: int | None = None
        self._lost = self._lost_now = 0
        self._trouble = ""
        try:
            self._descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | _BINARY, 0o600)
        except OSError as error:
            self._trouble = describe_os_error(error)

    @property
    def problem(self) -> str | None:
        """One sentence about lines missing in the file; None when all are there."""
        if not self._lost:
            return None
        lacks = ngettext(
            "{file} lacks {n} line: {trouble}. The ledger and the report do not need them.",
            "{file} lacks {n} lines: {trouble}. The ledger and the report do not need them.",
            self._lost,
        )
        return lacks.format(file=self._name, n=number(self._lost), trouble=self._trouble)

    def msg(self, line: str) -> None:
        if self._token is not None:
            line = self._token.redact(line)
        line = escape_controls(line)
        self._to_file(line)
        if self._verbose:
            with suppress(OSError, ValueError):  # the terminal is gone
                print(line, file=sys.stderr, flush=True)  # noqa: T201 - the log itself

    def close(self) -> None:
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def _to_file(self, line: str) -> None:
        if self._lost_now and self._append(json.dumps({"event": "log_lines_lost", "lines": self._lost_now})):
            self._lost_now = 0
        if self._lost_now or not self._append(line):
            self._lost += 1
            self._lost_now += 1

    def _append(self, line: str) -> bool:
        """Write one line whole, or nothing of it."""
        if self._descriptor is None:
            return False
        data = f"{line}\n".encode("utf-8", "backslashreplace")
        try:
            written = os.write(self._descriptor, data)
            if written < len(data):  # the disk is full: half a line would be no JSON
                os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
        except OSError as error:
            self._trouble = describe_os_error(error)
            return False
        if written < len(data):
            self._trouble = _(os.strerror(errno.ENOSPC))
        return written == len(data)
