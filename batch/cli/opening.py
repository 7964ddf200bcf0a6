"""`--open`: a report's page, shown in the person's browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from batch.i18n import _
from batch.reporter import Written

__all__ = ["open_page"]


def open_page(written: Written) -> None:
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
