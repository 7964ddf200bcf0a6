"""The terminal: its printing and questions, the browser beside it, and a stdout that takes nothing more.

All that the command line prints goes through `echo` and `confirm`; ruff refuses those of click anywhere else.
"""

import os
import sys
import textwrap
import webbrowser
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import click

from batch.control_characters import show_controls
from batch.i18n import _

_YES = ("y", "yes", "s", "sim")
_NO = ("", "n", "no", "nao", "não")


def is_interactive() -> bool:
    """True when a person can read questions (stderr) and answer them (stdin)."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a text and a line end (`nl`), control characters written out. `err`: on stderr, as messages are."""
    click.echo(show_controls(text), err=err, nl=nl)  # noqa: TID251 - the one place


def columns_of(stream: TextIO) -> int | None:
    """Return the width of the terminal at a stream; None for a file or a pipe, whose lines have any length."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


_USUAL_COLUMNS, _WIDEST = 80, 100
"""Columns of a table in a file, and those that a text takes at most."""


def text_width() -> int:
    """Return how many columns a table on stderr may take."""
    return min(columns_of(sys.stderr) or _USUAL_COLUMNS, _WIDEST) - 1


def wrap(sentences: Iterable[str], indent: str = "") -> list[str]:
    """Return the lines of sentences, each broken where the terminal ends, never in a word; unbroken in a file."""
    if columns_of(sys.stderr) is None:
        return [f"{indent}{each}" for each in sentences]
    lines = textwrap.TextWrapper(
        text_width(), initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return [line for each in sentences for line in lines.wrap(each)]


def warn(sentences: Iterable[str]) -> None:
    """Print sentences on stderr, a line each."""
    for sentence in sentences:
        echo(sentence, err=True)


def confirm(question: str) -> bool:
    """Ask on stderr; Enter alone is no. English answers count in every language.

    Raises click.Abort on Ctrl+C and at the end of the input.
    """
    answers = _("y/N")
    text = show_controls(f"{question} [{answers}]")
    return click.prompt(text, default="", show_default=False, value_proc=parse_yes, err=True)  # noqa: TID251


def parse_yes(answer: str) -> bool:
    """Parse a yes or no; nothing is a no. Raises click.BadParameter."""
    word = answer.strip().casefold()
    if word not in (*_YES, *_NO):
        raise click.BadParameter(_("invalid input"))
    return word in _YES


def open_page(page: Path | None) -> None:
    """Open a page in the browser; where there is none, or no page, say so on stderr."""
    if page is None:
        echo(_("There is no report.html to open."), err=True)
        return
    with suppress(webbrowser.Error, OSError):
        if webbrowser.open(page.absolute().as_uri()):
            return
    echo(_("No browser was found. The page is {page}").format(page=page), err=True)


def discard_stdout() -> None:
    """Leave nothing that Python would try to print at its end: that would change the exit code."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
