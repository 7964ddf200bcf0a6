"""The run's log: JSON lines in `run.log`, and on the terminal when asked for. The token is taken out of every line."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO

import structlog

from batch.chats import Token

__all__ = ["logging_to"]


@contextmanager
def logging_to(path: Path, *, token: Token | None, verbose: bool) -> Iterator[None]:
    """Send structlog's events to `path` (0600, appended), and to stderr when `verbose`, while the block runs."""
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8", buffering=1) as file:
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
            logger_factory=lambda *_: _Lines([file, sys.stderr] if verbose else [file], token),
            cache_logger_on_first_use=False,
        )
        try:
            yield
        finally:
            quiet()


def quiet() -> None:
    """Drop every event: nothing is logged outside a run."""
    structlog.configure(processors=[_drop], cache_logger_on_first_use=False)


def _drop(*_: object) -> NoReturn:
    raise structlog.DropEvent


class _Lines:
    """Writes finished lines; the last place that text passes, so the token is taken out here."""

    def __init__(self, files: list[TextIO], token: Token | None) -> None:
        self._files = files
        self._token = token

    def msg(self, line: str) -> None:
        if self._token is not None:
            line = self._token.redact(line)
        for file in self._files:
            file.write(line + "\n")

    def __getattr__(self, name: str) -> Any:
        return self.msg
