"""Questions to a person at a terminal, answered in the person's language."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from batch.i18n import _
from batch.reporter import ReportFiles

_YES = ("y", "yes", "s", "sim")
_NO = ("", "n", "no", "nao", "não")


def asked(question: str) -> bool:
    """Whether the answer on stderr's terminal is yes; Enter alone is no. English answers count in every language.

    Raises click.Abort on Ctrl+C and at the end of the input.
    """
    answers = _("y/N")
    return click.prompt(f"{question} [{answers}]", default="", show_default=False, value_proc=_is_yes, err=True)


def _is_yes(answer: str) -> bool:
    word = answer.strip().casefold()
    if word not in (*_YES, *_NO):
        raise click.BadParameter(_("invalid input"))
    return word in _YES


def open_page(written: ReportFiles) -> None:
    """Open the page in the browser; where there is none, or no page, say so on stderr."""
    page = written.page
    if page is None:
        click.echo(_("There is no report.html to open."), err=True)
    elif not _opened(page):
        click.echo(_("No browser was found. The page is {page}").format(page=page), err=True)


def _opened(page: Path) -> bool:
    try:
        return webbrowser.open(page.absolute().as_uri())
    except (webbrowser.Error, OSError):
        return False
