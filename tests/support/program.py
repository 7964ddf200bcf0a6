"""The program in the test's own process, as the system starts it: words, environment, folder and streams of its own.

A start costs half a second, nearly all of it for imports. What only a process can show (signals, terminals, closed
streams, its death) is tested with one.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from batch.cli.main import main

__all__ = ["Printed", "start"]

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
    before = [(number, signal.getsignal(number)) for number in _SIGNALS]
    code: object = 0
    with (
        patch.dict(os.environ, environment, clear=True),
        patch.object(sys, "argv", ["wegly-batch", *words]),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(streams[0]),
        contextlib.redirect_stderr(streams[1]),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        finally:
            for number, handler in before:
                signal.signal(number, handler)
    assert isinstance(code, int)
    return Printed(code=code, out=out.getvalue(), err=err.getvalue())
