"""Processes of a demo, which it starts, and ends itself, with their folders: a server and workers."""

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from batch.model.runs import DEMO_FOLDER

OWN_GROUP: Mapping[str, Any] = {
    "start_new_session": True,
    "creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
}
"""Options of a process that Ctrl+C in the terminal is not to reach: the demo itself ends it."""


def own_environment() -> dict[str, str]:
    """Return this process's environment without the user's settings of PostgreSQL and of wegly-batch."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(("PG", "WEGLY"))}


def last_line(logs: Iterable[Path]) -> str:
    """Return the last line of these files that is not blank; empty without one."""
    texts = (file.read_text("utf-8", errors="replace") for file in logs)
    *_before, line = ["", *(line.strip() for text in texts for line in text.splitlines() if line.strip())]
    return line


def make_folder(stack: ExitStack) -> Path:
    """Make a temporary folder that is removed when `stack` is closed: no signal comes between the two."""
    with signals_deferred():
        return Path(stack.enter_context(TemporaryDirectory(prefix=DEMO_FOLDER, ignore_cleanup_errors=True)))


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Let signals come at the end of a block: what is being made is known by then to who removes it."""
    came: list[int] = []
    with _handling(lambda number, _frame: came.append(number)):
        yield
    for number in came:
        signal.raise_signal(number)


@contextmanager
def signals_ignored() -> Iterator[None]:
    """Let no signal cut a block short: what is being removed must be removed to its end."""
    with _handling(signal.SIG_IGN):
        yield


@contextmanager
def _handling(handler: Any) -> Iterator[None]:
    """Handle all signals that end a program in this way while a block runs."""
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
