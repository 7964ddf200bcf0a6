"""`wegly-batch inspect`."""

from itertools import islice
from pathlib import Path
from typing import Any

import click

from batch.app.inspect import describe, find_phones, inspect, row_lines
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import SHEET, shared_options
from batch.cli.output.init import column_lines
from batch.cli.output.layout import labelled_lines
from batch.cli.terminal import echo, show
from batch.formatting import to_json
from batch.i18n import N_, _, number
from batch.model.sheets import SheetRow

_ROWS_SHOWN = 3


@click.command("inspect", cls=TranslatedCommand)
@click.argument("sheet", type=SHEET)
@shared_options("sheet", "header-row")
@click.option("--cells", "as_cells", is_flag=True, help="Print every row with its cells, as a line of JSON.")
@click.option("--rows", "as_cells", is_flag=True, hidden=True)  # its earlier name
@shared_options("trusted", "encoding", "json")
def command(*, sheet: Path, as_cells: bool, as_json: bool, **options: Any) -> None:
    """Show how SHEET is read: format, encoding, delimiter, sheet, header row, which column has the phones, the first
    rows, and with --cells every cell."""
    opened = inspect(sheet, **options)
    if as_cells:
        for line in row_lines(opened):
            echo(to_json(line, indent=None))
        return
    found = describe(opened)
    if as_json:
        echo(to_json(found))
    else:
        show(_text(found, find_phones(opened), list(islice(opened.rows(), _ROWS_SHOWN))))


def _text(found: dict[str, Any], phones: tuple[str, ...], rows: list[SheetRow]) -> str:
    pairs = [(_(label), f"{found[key]}") for key, label in _LABELS.items() if found[key] is not None]
    pairs.append((_("rows"), number(found["rows"])))
    pairs.append((_("phones"), ", ".join(phones) or _("no column is plainly of phones")))
    pairs += [(_("note"), warning) for warning in found["warnings"]]
    return "\n".join([*labelled_lines(pairs), "", *column_lines(found["columns"], rows)])


_LABELS = {
    "file": N_("file"),
    "format": N_("format"),
    "sheet": N_("sheet"),
    "encoding": N_("encoding"),
    "delimiter": N_("delimiter"),
    "header_row": N_("header row"),
}
