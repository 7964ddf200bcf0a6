"""What becomes of a command whose words cannot be printed (disk full, nobody reads): its work is done all the same."""

from __future__ import annotations

import contextlib
import os
import sys

import click

__all__ = ["from_printing", "give_up_stdout"]


def from_printing(error: BaseException) -> bool:
    """Whether an error came up while something was printed, and not while a command did its work."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return isinstance(error, OSError) and trace is not None and trace.tb_frame.f_code is click.echo.__code__


def give_up_stdout() -> None:
    """Leave nothing that Python would try to print at its end: that would change the exit code."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
