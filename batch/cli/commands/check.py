"""`wegly-batch check`."""

import os
from pathlib import Path
from typing import Any

import click

from batch.app.check import Check, PageWords
from batch.app.inputs.input_files import find_campaign
from batch.app.ledger_admin import exposure_warnings
from batch.app.records.check import check_record
from batch.app.runs.check_files import check_with_files
from batch.app.settings import token_expiry
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import SHEET, choices_from, repeat_typed, settings_from, shared_options
from batch.cli.output.check import check_steps, check_text, page_words, wrong_rows_text
from batch.cli.progress import open_sheet_bar
from batch.cli.terminal import open_page, path_text, say, show, warn
from batch.formatting import to_json
from batch.i18n import _
from batch.model.messages import command_options
from batch.model.outcomes import ExitCode

_FOR_WRONG_ROWS = ("only_allowed", "token_file", "encoding", "reports")
_FOR_SHEET = ("campaign", "limit", *_FOR_WRONG_ROWS, "retry_errors")
"""Options without which the next command would send to others, or would not find its way."""


@click.command("check", cls=TranslatedCommand)
@click.argument("sheet", type=SHEET)
@click.option(
    "--wrong-rows",
    type=SHEET,
    metavar="FILE.xlsx",
    help="Write all wrong rows into this workbook, to correct them and run it like a sheet.",
)
@shared_options("campaign", "limit", "rows", "only-allowed", "ledger", "token-file", "base-url", "rate", "encoding")
@shared_options("trusted", "retry-errors", "accept-change", "reports", "json")
@click.option("--open", "opens", is_flag=True, help="Write the check as a page into DIR/check, and open it.")
def command(
    *,
    sheet: Path,
    campaign: Path | None,
    wrong_rows: Path | None,
    token_file: Path | None,
    as_json: bool,
    opens: bool,
    **options: Any,
) -> ExitCode:
    """Check SHEET against its campaign: everything `run` would find out, with the first messages as they would be sent.

    Sends nothing and needs no token; of one that is there it tells when it expires. Ends with 0 when every row is good,
    with 3 when some are not, with 4 when some are to decide. With --rows it previews these rows: --rows 54 shows what
    its person would get, or why not.

    --open shows what to fix first, and each row with its message as in WhatsApp. The page holds phones and texts: only
    you can read it, and the next check of the sheet replaces it.
    """
    settings = settings_from(options)
    warn(exposure_warnings(settings, token_file))
    expires = token_expiry(os.environ.get("WEGLY_TOKEN"), token_file, settings.endpoint)
    file, choices = find_campaign([sheet], campaign, settings.ledger), choices_from(options)
    more = repeat_typed(*_FOR_SHEET)

    def page(found: Check) -> PageWords:
        return page_words(found, expires, sheet, more + _places(found))

    words = page if opens else None
    with open_sheet_bar([sheet], quiet=as_json) as bar:
        draw = bar.draw if bar else None
        checked = check_with_files(sheet, file, settings, choices, wrong_rows=wrong_rows, page=words, on_read=draw)
    found = checked.check
    steps = check_steps(found, sheet, more + _places(found), rows=wrong_rows is None, page=not opens)
    show(to_json(check_record(found, expires)) if as_json else check_text(found, expires, steps), as_json=as_json)
    if wrong_rows is not None:  # the file leads to its campaign
        text = wrong_rows_text(checked.wrong_rows, checked.problems, repeat_typed(*_FOR_WRONG_ROWS) + _places(found))
        say(text if as_json else f"\n{text}", err=as_json)
    if checked.page is not None:
        text = _("The check as a page: {page}").format(page=path_text(checked.page))
        say(text if as_json else f"\n{text}", err=as_json)
        open_page(checked.page, is_named=True)
    return found.exit_code


def _places(found: Check) -> str:
    return command_options(found.endpoint, found.ledger_option, "base-url", "ledger")
