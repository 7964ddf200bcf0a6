"""The terminal: its printing and questions, the browser beside it, and a stdout that takes nothing more.

All that the command line prints goes through `echo` and `prompt`; ruff refuses those of click anywhere else.
"""

import os
import sys
import webbrowser
from collections.abc import Iterable, Sequence
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


def echo(text: str, *, err: bool = False) -> None:
    """Print a text and a line end, control characters written out. `err`: on stderr, as messages are."""
    click.echo(show_controls(text), err=err)  # noqa: TID251 - the one place


def columns_of(stream: TextIO) -> int | None:
    """Return the width of the terminal at a stream; None for a file or a pipe, whose lines have any length."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def warn(sentences: Iterable[str]) -> None:
    """Print sentences on stderr, a line each."""
    for sentence in sentences:
        echo(sentence, err=True)


def prompt(question: str, *, default: str = "", choices: Sequence[str] = ()) -> str:
    """Ask on stderr and return the answer; Enter alone is the default. With `choices` it is one of them.

    Raises click.Abort on Ctrl+C and at the end of the input.
    """
    shown = {show_controls(choice): choice for choice in choices}
    answer: str = click.prompt(  # noqa: TID251 - the one place
        show_controls(question),
        default=show_controls(default),
        show_default=bool(default),
        type=click.Choice(list(shown)) if shown else None,
        err=True,
    )
    return shown.get(answer, answer)


def confirm(question: str) -> bool:
    """Ask on stderr; Enter alone is no. English answers count in every language.

    Raises click.Abort on Ctrl+C and at the end of the input.
    """
    answers = _("y/N")
    text = show_controls(f"{question} [{answers}]")
    return click.prompt(text, default="", show_default=False, value_proc=_parse_answer, err=True)  # noqa: TID251


def _parse_answer(answer: str) -> bool:
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
