"""The program in the test's own process, as the system starts it: words, environment, folder and streams of its own.

A start costs half a second, nearly all of it for imports. What only a process can show (signals, Ctrl+C at a terminal,
closed streams, its death) is tested with one.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from batch.cli.main import main

__all__ = ["Printed", "read_terminal", "start", "start_on_terminal"]

_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGBREAK") if hasattr(signal, name)
]


@dataclass(frozen=True, kw_only=True)
class Printed:
    """How a command ended; its bytes as they come out of it."""

    code: int
    out: bytes
    err: bytes


def start(words: Sequence[str], *, folder: Path, environment: Mapping[str, str], encoding: str = "utf-8") -> Printed:
    """Run the command to its end. `encoding`: that of the streams."""
    out, err = io.BytesIO(), io.BytesIO()
    streams = [io.TextIOWrapper(each, encoding=encoding, newline="\n", write_through=True) for each in (out, err)]
    with (
        _surroundings(words, folder, environment),
        contextlib.redirect_stdout(streams[0]),
        contextlib.redirect_stderr(streams[1]),
    ):
        code = _exit_code()
    return Printed(code=code, out=out.getvalue(), err=err.getvalue())


def start_on_terminal(
    words: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    answers: Mapping[str, str] | None = None,
    size: tuple[int, int] = (40, 120),
) -> tuple[int, str]:
    """Run the command to its end on a pseudo-terminal; return its exit code and all that was shown, raw.

    `answers`: what a person types (right) when a text (left) has appeared. `size`: lines and columns.
    """
    import pty  # noqa: PLC0415 - Windows has none
    import termios  # noqa: PLC0415 - likewise

    person, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, size)
    shown: list[str] = []
    reader = threading.Thread(target=lambda: shown.append(read_terminal(person, answers or {})))
    reader.start()
    with (
        _surroundings(words, folder, environment),
        open(terminal, encoding="utf-8", closefd=False) as typed,
        open(terminal, "w", encoding="utf-8", closefd=False) as out,
        open(terminal, "w", encoding="utf-8", closefd=False) as err,
        patch.object(sys, "stdin", typed),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = _exit_code()
    os.close(terminal)
    reader.join()
    return code, shown[0]


def read_terminal(person: int, answers: Mapping[str, str]) -> str:
    """Read what is shown until the other end is closed, and type each answer when its text has appeared."""
    shown, left = "", dict(answers)
    while True:
        try:
            piece = os.read(person, 4096).decode(errors="replace")
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        shown += piece
        for text in [text for text in left if text in shown]:
            os.write(person, (left.pop(text) + "\n").encode())
    os.close(person)
    return shown


@contextlib.contextmanager
def _surroundings(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Give the program's words, folder and environment for a block; signals are handled afterwards as before."""
    before = [(number, signal.getsignal(number)) for number in _SIGNALS]
    with (
        patch.dict(os.environ, environment, clear=True),
        patch.object(sys, "argv", ["wegly-batch", *words]),
        contextlib.chdir(folder),
    ):
        try:
            yield
        finally:
            for number, handler in before:
                signal.signal(number, handler)


def _exit_code() -> int:
    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    assert isinstance(code, int)
    return code
