"""`wegly-batch inspect`."""

from pathlib import Path
from typing import Any

import click

from batch.app.inspect import describe, inspect, row_lines
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import SHEET, shared_options
from batch.cli.terminal import echo
from batch.formatting import to_json
from batch.i18n import N_, _


@click.command("inspect", cls=TranslatedCommand)
@click.argument("sheet", type=SHEET)
@shared_options("sheet", "header-row")
@click.option("--rows", "as_rows", is_flag=True, help="Print every row as a line of JSON.")
@shared_options("trusted", "encoding", "json")
def command(*, sheet: Path, as_rows: bool, as_json: bool, **options: Any) -> None:
    """Show how SHEET is read: format, encoding, delimiter, sheet, header row, columns, and with --rows every cell."""
    opened = inspect(sheet, **options)
    if as_rows:
        for line in row_lines(opened):
            echo(to_json(line, indent=None))
        return
    found = describe(opened)
    echo(to_json(found) if as_json else _text(found))


def _text(found: dict[str, Any]) -> str:
    pairs = [(_(label), str(found[key])) for key, label in _LABELS.items() if found[key] is not None]
    pairs.append((_(_COLUMNS), ", ".join(found["columns"])))
    pairs += [(_(_NOTE), warning) for warning in found["warnings"]]
    width = max(len(_(label)) for label in (*_LABELS.values(), _COLUMNS, _NOTE)) + 1
    return "\n".join(f"{label:<{width}}{text}" for label, text in pairs)


_LABELS = {
    "file": N_("file"),
    "format": N_("format"),
    "sheet": N_("sheet"),
    "encoding": N_("encoding"),
    "delimiter": N_("delimiter"),
    "header_row": N_("header row"),
    "rows": N_("rows"),
}
_COLUMNS = N_("columns")
_NOTE = N_("note")
