"""`wegly-batch init`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from batch.app.init.analyse import (
    SheetAnalysis,
    TemplateValue,
    analyse_sheet,
    choose_phone_column,
    parse_value,
    value_text,
)
from batch.app.init.draft import CampaignFacts, values_to_fill
from batch.app.init.write import WrittenCampaign, refuse_existing, write_campaign
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import SHEET, shared_options
from batch.cli.output.layout import labelled_lines, section, sheet_line
from batch.cli.terminal import confirm, echo, is_interactive, prompt
from batch.errors import InputError
from batch.i18n import N_, _

_NO_FIELDS = N_(
    "No template value is filled: there are no columns body_1, header_1 and so on. If the template has a {{1}}, say in "
    "the file what stands there."
)


def campaign_text(written: WrittenCampaign) -> str:
    """The guesses with their reasons, what is left to fill in, and the next command."""
    guesses = ((name, f"{how}: {why.rstrip('.')}" if why else how) for name, how, why in written.mapping)
    parts = [section(_("Guessed from the columns' names and cells"), labelled_lines(guesses))]
    notes = [*written.asides, *([] if written.has_fields else [_(_NO_FIELDS)])]
    if notes:
        parts.append(section(_("Good to know"), notes))
    if written.problem:
        parts.append(section(_("Left to correct"), [written.problem]))
    parts.append(section(_("{file} is written. Next:").format(file=written.file), _next_steps(written)))
    return "\n\n".join(parts)


def _next_steps(written: WrittenCampaign) -> list[str]:
    if not written.unfilled:
        return [written.check]
    open_it = _("open it in any editor and fill in, where it says FILL IN: {keys}")
    then = _("then: {command}")
    return [open_it.format(keys=", ".join(written.unfilled)), then.format(command=written.check)]


T = TypeVar("T")


@click.command("init", cls=TranslatedCommand)
@click.argument("sheet", type=SHEET)
@click.option(
    "--out",
    type=SHEET,
    metavar="FILE",
    help="The file to write. [default: the sheet's name with .toml, in this folder]",
)
@shared_options("sheet", "header-row", "trusted", "encoding")
@click.option("--phone", metavar="COLUMN", help="The column of the phones, when it is not found.")
@click.option("--sender", metavar="UUID", help="The id of the WhatsApp number that sends.")
@click.option("--template", metavar="NAME", help="The name of the approved template.")
@click.option("--language", metavar="CODE", help="The template's language. [default: pt_BR]")
@click.option("--body", metavar="TEXT", help="The template's text, with its {{1}}, {{2}} ...")
def command(
    *,
    sheet: Path,
    out: Path | None,
    phone: str | None,
    sender: str | None,
    template: str | None,
    language: str | None,
    body: str | None,
    **options: Any,
) -> None:
    """Write a campaign file from the header of SHEET, with every section explained.

    The phone's column is found by its name and by what share of its cells are phones, the others by their names. What
    the sheet cannot tell is asked on a terminal, or marked FILL IN: `check` refuses it until it is filled in. A file
    that is there is never overwritten. Prints the file's name on stdout.
    """
    target = out or Path(f"{sheet.stem}.toml")
    refuse_existing(target)
    facts = CampaignFacts(sender=sender, template=template, language=language, body=body)
    analysis = analyse_sheet(sheet, phone=phone, **options)
    info = analysis.sheet.info
    echo(section(sheet_line(info, analysis.sheet.row_count), info.warnings), err=True)
    if is_interactive():
        analysis, facts = _ask(analysis, facts, ask_phone=phone is None)
    written = write_campaign(analysis, facts, target)
    echo(campaign_text(written), err=True)
    echo(str(written.file))


def _ask(analysis: SheetAnalysis, facts: CampaignFacts, *, ask_phone: bool) -> tuple[SheetAnalysis, CampaignFacts]:
    """Ask the person for what the sheet cannot tell."""
    if analysis.width_problem:
        echo(analysis.width_problem, err=True)
        question = _("Are only empty cells at the right edge missing or too many?")
        analysis = replace(analysis, has_loose_ends=confirm(question))
    echo(_("What you do not know now, leave for later with Enter."), err=True)
    if ask_phone and len(analysis.phones) > 1:
        names = [each.name for each in analysis.phones]
        chosen = prompt(_("Column of the phones"), default=names[0], choices=names)
        analysis = choose_phone_column(analysis, chosen)
    columns = analysis.guess.columns
    if facts.sender is None and "whatsapp_phone_id" not in columns:
        text = _("Id of the WhatsApp number that sends (Wegly shows it with your number)")
        facts = _prompt(text, lambda answer: replace(facts, sender=answer)) or facts
    if facts.template is None and "template.name" not in columns:
        facts = _prompt(_("Name of the approved template"), lambda answer: replace(facts, template=answer)) or facts
    if facts.language is None and facts.template is not None and "template.language" not in columns:
        facts = _prompt(_("Its language"), lambda answer: replace(facts, language=answer), default="pt_BR") or facts
    if facts.body is None:
        text = _("Its text, with {{1}}, {{2}} ... as WhatsApp has it, in one line")
        facts = _prompt(text, lambda answer: replace(facts, body=answer)) or facts
    open_values = values_to_fill(analysis, facts.body)
    answers = {index: _prompt_value(index, guess, analysis) for index, guess in open_values.items()}
    return analysis, replace(facts, values={index: value for index, value in answers.items() if value is not None})


def _prompt(text: str, take: Callable[[str], T], default: str = "") -> T | None:
    """Ask until `take` makes something of the answer; None when it is left for later."""
    while answer := prompt(text, default=default).strip():
        try:
            return take(answer)
        except (ValueError, InputError) as error:
            echo(str(error), err=True)
    return None


def _prompt_value(index: int, guess: TemplateValue | None, analysis: SheetAnalysis) -> TemplateValue | None:
    """Ask for the value of {{index}}: a column's name or text."""
    text = _("What stands for {place}? A column's name, or text like {example}")
    text = text.format(place=f"{{{{{index}}}}}", example="{Nome|first_name}")
    return _prompt(text, lambda answer: parse_value(answer, analysis), default=value_text(guess))
