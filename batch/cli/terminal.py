"""The terminal: who can answer there, yes/no questions, the browser beside it, and a stdout that takes nothing more."""

from __future__ import annotations

import os
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path

import click

from batch.i18n import _

_YES = ("y", "yes", "s", "sim")
_NO = ("", "n", "no", "nao", "não")


def is_interactive() -> bool:
    """True when a person can read questions (stderr) and answer them (stdin)."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> bool:
    """Ask on stderr; Enter alone is no. English answers count in every language.

    Raises click.Abort on Ctrl+C and at the end of the input.
    """
    answers = _("y/N")
    return click.prompt(f"{question} [{answers}]", default="", show_default=False, value_proc=_parse_answer, err=True)


def _parse_answer(answer: str) -> bool:
    word = answer.strip().casefold()
    if word not in (*_YES, *_NO):
        raise click.BadParameter(_("invalid input"))
    return word in _YES


def open_page(page: Path | None) -> None:
    """Open a page in the browser; where there is none, or no page, say so on stderr."""
    if page is None:
        click.echo(_("There is no report.html to open."), err=True)
    elif not _open_browser(page):
        click.echo(_("No browser was found. The page is {page}").format(page=page), err=True)


def _open_browser(page: Path) -> bool:
    try:
        return webbrowser.open(page.absolute().as_uri())
    except (webbrowser.Error, OSError):
        return False


def discard_stdout() -> None:
    """Leave nothing that Python would try to print at its end: that would change the exit code."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
