"""`wegly-batch init`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from batch.cli.help_i18n import SpokenCommand
from batch.cli.options import SHEET, trusted_option
from batch.errors import InputError
from batch.i18n import _

if TYPE_CHECKING:
    from batch.app.init.analyse import Looked
    from batch.app.init.draft import Known
    from batch.campaign import Source


T = TypeVar("T")


@click.command("init", cls=SpokenCommand)
@click.argument("sheet", type=SHEET)
@click.option(
    "--out",
    type=SHEET,
    metavar="FILE",
    help="The file to write. [default: the sheet's name with .toml, in this folder]",
)
@click.option("--sheet", "name", metavar="NAME", help="The worksheet to read, when a workbook has several.")
@click.option("--header-row", type=click.IntRange(min=1), help="The row that holds the column names, as Excel counts.")
@trusted_option
@click.option("--phone", metavar="COLUMN", help="The column of the phones, when it is not found.")
@click.option("--sender", metavar="UUID", help="The id of the WhatsApp number that sends.")
@click.option("--template", metavar="NAME", help="The name of the approved template.")
@click.option("--language", metavar="CODE", help="The template's language. [default: pt_BR]")
@click.option("--body", metavar="TEXT", help="The template's text, with its {{1}}, {{2}} ...")
def command(
    *,
    sheet: Path,
    out: Path | None,
    name: str | None,
    header_row: int | None,
    trusted: bool,
    phone: str | None,
    sender: str | None,
    template: str | None,
    language: str | None,
    body: str | None,
) -> None:
    """Write a campaign file from the header of SHEET, with every section explained.

    The phone's column is found by its name and by what share of its cells are phones, the others by their names. What
    the sheet cannot tell is asked on a terminal, or marked FILL IN: `check` refuses it until it is filled in. A file
    that is there is never overwritten. Prints the file's name on stdout.
    """
    from batch.app.init.analyse import look_at
    from batch.app.init.draft import Known
    from batch.app.init.write import refuse_existing, start_campaign
    from batch.cli.output.init import looked_text, started_text

    target = out or Path(f"{sheet.stem}.toml")
    refuse_existing(target)
    known = Known(sender=sender, template=template, language=language, body=body)
    looked = look_at(sheet, name=name, header_row=header_row, phone=phone, trusted=trusted)
    click.echo(looked_text(looked), err=True)
    if sys.stdin.isatty() and sys.stderr.isatty():
        looked, known = _asked(looked, known, ask_phone=phone is None)
    started = start_campaign(looked, known, target)
    click.echo(started_text(started), err=True)
    click.echo(str(started.file))


def _asked(looked: Looked, known: Known, *, ask_phone: bool) -> tuple[Looked, Known]:
    """What a person at a terminal adds."""
    from batch.app.init.analyse import with_phone
    from batch.app.init.draft import open_values

    click.echo(_("What you do not know now, leave for later with Enter."), err=True)
    if ask_phone and len(looked.phones) > 1:
        names = click.Choice([each.name for each in looked.phones])
        best = looked.phones[0].name
        looked = with_phone(looked, click.prompt(_("Column of the phones"), type=names, default=best, err=True))
    columns = looked.guessed.columns
    if known.sender is None and "whatsapp_phone_id" not in columns:
        text = _("Id of the WhatsApp number that sends (Wegly shows it with your number)")
        known = _answered(text, lambda answer: replace(known, sender=answer)) or known
    if known.template is None and "template.name" not in columns:
        known = _answered(_("Name of the approved template"), lambda answer: replace(known, template=answer)) or known
    if known.language is None and known.template is not None and "template.language" not in columns:
        known = _answered(_("Its language"), lambda answer: replace(known, language=answer), default="pt_BR") or known
    if known.body is None:
        text = _("Its text, with {{1}}, {{2}} ... as WhatsApp has it, in one line")
        known = _answered(text, lambda answer: replace(known, body=answer)) or known
    unknown = open_values(looked.guessed, looked.facts, known.body)
    answers = {index: _value(index, guessed, looked) for index, guessed in unknown.items()}
    return looked, replace(known, values={index: value for index, value in answers.items() if value is not None})


def _answered(text: str, take: Callable[[str], T], default: str = "") -> T | None:
    """Asks until `take` makes something of the answer; None when it is left for later."""
    while answer := click.prompt(text, default=default, show_default=bool(default), err=True).strip():
        try:
            return take(answer)
        except (ValueError, InputError) as error:
            click.echo(str(error), err=True)
    return None


def _value(index: int, guessed: Source | None, looked: Looked) -> Source | None:
    """What stands for {{index}}: a column's name or text."""
    from batch.app.init.analyse import value_given
    from batch.cli.output.init import answer_text

    text = _("What stands for {place}? A column's name, or text like {example}")
    text = text.format(place=f"{{{{{index}}}}}", example="{Nome|first_name}")
    return _answered(text, lambda answer: value_given(answer, looked), default=answer_text(guessed))
