"""`wegly-batch init`."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from batch.app.check import check
from batch.app.init.analyse import (
    SheetAnalysis,
    TemplateValue,
    analyse_sheet,
    before_placeholder,
    choose_phone_column,
    find_column,
    parse_button,
    parse_header,
    parse_link,
    parse_value,
    read_body,
    value_text,
)
from batch.app.init.draft import (
    CampaignFacts,
    count_asked_columns,
    find_differing_column,
    suggest_header,
    suggest_link_end,
    values_to_fill,
)
from batch.app.init.write import WrittenCampaign, last_answers, refuse_existing, usual_file, write_campaign
from batch.app.inputs.campaign_sheet import NO_CHOICES
from batch.app.ledger_admin import repeat_places
from batch.app.settings import Settings, Token, read_token
from batch.app.token_store import forget_token, keep_token
from batch.app.trial import send_trial
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import SHEET, settings_from, shared_options
from batch.cli.output.init import campaign_text, clip_start, columns_text, first_message_text
from batch.cli.output.run import trial_text
from batch.cli.progress import make_watcher
from batch.cli.prompts import ask, ask_lines, ask_secret, conversation
from batch.cli.terminal import echo, is_interactive, parse_yes, say
from batch.errors import SettingsError, WeglyBatchError
from batch.formatting import format_moment
from batch.i18n import N_, _, ngettext, number
from batch.model.outcomes import ExitCode

_PLACEHOLDER = "{{{{{}}}}}"
_FACTS: Mapping[str, tuple[str, str, str]] = {
    "sender": ("whatsapp_phone_id", "", N_("Id of the WhatsApp number that sends (Wegly shows it with your number)")),
    "template": ("template.name", "", N_("Name of the approved template")),
    "language": ("template.language", "pt_BR", N_("Its language")),
}
"""Facts that are asked for: the column that may give it instead, what is usual, and the question."""


@click.command("init", cls=TranslatedCommand)
@click.argument("sheet", type=SHEET, required=False)
@click.option(
    "--out", type=SHEET, metavar="FILE", help="The file to write. [default: the sheet's name with .toml, beside it]"
)
@shared_options("sheet", "header-row", "trusted", "encoding")
@click.option("--phone", metavar="COLUMN", help="The column of the phones, when it is not found.")
@click.option("--sender", metavar="UUID", help="The id of the WhatsApp number that sends.")
@click.option("--template", metavar="NAME", help="The name of the approved template.")
@click.option("--language", metavar="CODE", help="The template's language. [default: pt_BR]")
@click.option("--body", metavar="TEXT", help="The template's text, with its {{1}}, {{2}} ...")
@click.option("--body-file", type=SHEET, metavar="FILE", help="A file with the template's text.")
@click.option("--forget-token", is_flag=True, help="Remove the token that was kept for the API's address, and end.")
@shared_options("token-file", "base-url", "origin", "ledger", "trust-env")
def command(
    *,
    sheet: Path | None,
    out: Path | None,
    phone: str | None,
    body: str | None,
    body_file: Path | None,
    forget_token: bool,
    token_file: Path | None,
    **options: Any,
) -> ExitCode | None:
    """Write a campaign file from SHEET, with every section explained; `run SHEET` then finds it by itself.

    The phone's column is found by its name and by what share of its cells are phones, the others by their names and
    cells. On a terminal what the sheet cannot tell is asked, the token too, which is kept for later commands; at the
    end stands the first message as its person reads it, and it may be sent to your own number. Without a terminal it
    is marked FILL IN: `check` refuses it until it is filled in. A file that is there is never overwritten. Prints the
    file's name on stdout.
    """
    given = {name: options.pop(name) for name in _FACTS}
    settings = settings_from(options)
    if forget_token:
        _forget(settings.endpoint)
        return None
    if sheet is None:
        raise click.UsageError(_("Name a sheet: wegly-batch init SHEET"))
    if body is not None and body_file is not None:
        raise click.UsageError(_("--body and --body-file do not go together."))
    target, more = out or usual_file(sheet), repeat_places(settings)
    refuse_existing(target, sheet, more)
    facts = CampaignFacts(**given, body=read_body(body_file) if body_file else body)
    reading = {name: options[name] for name in ("name", "header_row", "trusted", "encoding")}
    analysis = analyse_sheet(sheet, phone=phone, **reading)
    say(columns_text(analysis))
    if not is_interactive():
        written = write_campaign(analysis, facts, target)
        say("\n" + campaign_text(written, asked=False, more=more))
        echo(str(written.file))
        return None
    return _Conversation(analysis, facts, settings, token_file).hold(target, ask_phone=phone is None)


def _forget(endpoint: str) -> None:
    forgotten, none = _("The token for {endpoint} is forgotten."), _("No token is kept for {endpoint}.")
    say((forgotten if forget_token(endpoint) else none).format(endpoint=endpoint))


class _Conversation:
    """The questions of `init` to a person at a terminal."""

    def __init__(
        self, analysis: SheetAnalysis, facts: CampaignFacts, settings: Settings, token_file: Path | None
    ) -> None:
        self._analysis = analysis
        self._facts = facts
        self._settings = settings
        self._token_file = token_file
        self._token: Token | None = None
        self._is_new = False
        """The token was asked for, and is to be kept."""
        self._header: str | None = None
        self._link: str | None = None

    def hold(self, target: Path, *, ask_phone: bool) -> ExitCode | None:
        """Ask, write the file, show the first message. Nothing is written or kept when it is interrupted before."""
        written: WrittenCampaign | None = None
        try:
            with conversation():
                self._ask(ask_phone=ask_phone)
                written = write_campaign(self._analysis, self._facts, target)
                self._keep_token()
                code = self._try(written)
        except (click.Abort, KeyboardInterrupt):
            if written is None:
                say("\n" + _("Interrupted: no file was written."))
            else:
                say("\n" + _("Interrupted: {file} is written.").format(file=target))
            return ExitCode.INTERRUPTED
        say("\n" + campaign_text(written, asked=True, more=repeat_places(self._settings)))
        if self._token is None:
            self._say(_("No token is kept yet: `run` takes one from --token-file or WEGLY_TOKEN."))
        if not sys.stdout.isatty():
            echo(str(written.file))
        return code

    def _ask(self, *, ask_phone: bool) -> None:
        self._say(_("Enter takes what stands in [ ], or leaves it for later. Ctrl+C ends, and writes nothing."))
        if self._analysis.width_problem:
            self._say(self._analysis.width_problem)
            loose = self._confirm(_("Are only empty cells at the right edge missing or too many?"), yes=False)
            self._analysis = replace(self._analysis, has_loose_ends=loose)
        if ask_phone:
            phone = self._analysis.phones[0]
            question = _("Column of the phones ({share})").format(share=phone.share)
            self._analysis = ask(question, self._with_phone, default=phone.name) or self._analysis
        self._ask_facts()
        self._ask_text()
        self._ask_header()
        self._ask_values()
        self._ask_link()
        self._ask_people()
        self._ask_token()

    def _with_phone(self, answer: str) -> SheetAnalysis:
        if answer == self._analysis.phones[0].name:
            return self._analysis
        found = find_column(answer, self._analysis)
        return choose_phone_column(self._analysis, found.name if found else answer)

    def _ask_facts(self) -> None:
        last = last_answers()
        for name, (column, usual, question) in _FACTS.items():
            if getattr(self._facts, name) is None and column not in self._analysis.guess.columns:
                take = self._taker(name)
                self._facts = ask(_(question), take, default=last.get(name, usual)) or self._facts

    def _taker(self, name: str) -> Callable[[str], CampaignFacts]:
        def take(answer: str) -> CampaignFacts:
            given: dict[str, Any] = {name: answer}
            return replace(self._facts, **given)

        return take

    def _ask_text(self) -> None:
        if self._facts.body is None:
            question = _(
                "Its text as WhatsApp has it, with its {{1}}, {{2}} ... Paste it here; a line with only a . ends it "
                "(that line alone: later)"
            )
            taken = ask_lines(question, self._taker("body"))
            self._facts = taken or self._facts

    def _ask_header(self) -> None:
        question = _("Does a header above it have a {{1}}? Paste the header as WhatsApp has it (Enter: no)")
        has_column = any(value_text(each.component) == "HEADER" for each in self._analysis.guess.fields)
        if self._facts.body is None or has_column:
            return
        self._header = ask(question, parse_header)
        if self._header is not None and "{{1}}" in self._header:
            before = before_placeholder(self._header, 1)
            found = self._ask_source(
                f"  {clip_start(before)}{{{{1}}}}", suggest_header(self._header, self._analysis), before
            )
            self._facts = replace(self._facts, has_header=True, header=found)

    def _ask_values(self) -> None:
        open_values = values_to_fill(self._analysis, self._facts.body)
        if open_values:
            self._say(_("What stands for each placeholder: a column's number or name, or text like {Nome|first_name}"))
        found = {index: self._ask_value(index, guess) for index, guess in open_values.items()}
        self._facts = replace(self._facts, values=found)

    def _ask_value(self, index: int, guess: TemplateValue | None) -> TemplateValue | None:
        place = _PLACEHOLDER.format(index)
        before = before_placeholder(self._facts.body or "", index)
        return self._ask_source(f"  {clip_start(before)}{place}", guess, before)

    def _ask_source(
        self, question: str, guess: TemplateValue | None, before: str = "", *, in_link: bool = False
    ) -> TemplateValue | None:
        def take(answer: str) -> TemplateValue:
            if guess and answer == value_text(guess):
                return guess
            return parse_value(answer, self._analysis, before=before, in_link=in_link)

        found = ask(question, take, default=value_text(guess))
        if found is not None and found != guess:
            say(f"    = {value_text(found)}")
        return found

    def _ask_link(self) -> None:
        question = _(
            "Does a button of it open a link that ends in {{1}}? Paste the link as WhatsApp has it (Enter: no)"
        )
        if self._facts.body is None or any(each.button_index for each in self._analysis.guess.fields):
            return
        self._link = ask(question, parse_link)
        if self._link is None or "{{1}}" not in self._link:
            return
        button = ask(_("Which of its buttons is it, counted from the top"), parse_button, default="1") or 1
        guess = suggest_link_end(self._link, self._analysis)
        end = self._ask_source(f"  {clip_start(self._link, 40)}", guess, in_link=True)
        self._facts = replace(self._facts, button=button - 1, link_end=end)

    def _ask_people(self) -> None:
        refused = []
        column, people = find_differing_column(self._analysis, self._facts)
        if column is not None:
            several = ngettext(
                "{n} person stands in several rows that differ in {name!r}. Send a message for each of them?",
                "{n} people stand in several rows that differ in {name!r}. Send a message for each of them?",
                people,
            ).format(n=number(people), name=column)
            self._facts = replace(self._facts, unique_by=column if self._confirm(several, yes=False) else None)
        for name, is_optout, rows in count_asked_columns(self._analysis):
            question = ngettext(
                "{name!r} seems to say who wants no messages ({n} row). Leave these people out?",
                "{name!r} seems to say who wants no messages ({n} rows). Leave these people out?",
                rows,
            )
            if not is_optout:
                question = ngettext(
                    "{name!r} seems to say who agreed to messages ({n} row says no). Send only to a clear yes?",
                    "{name!r} seems to say who agreed to messages ({n} rows say no). Send only to a clear yes?",
                    rows,
                )
            if not self._confirm(question.format(name=name, n=number(rows)), yes=True):
                refused.append(name)
        self._facts = replace(self._facts, refused=refused)

    def _ask_token(self) -> None:
        try:
            self._token = read_token(os.environ.get("WEGLY_TOKEN"), self._token_file, self._settings.endpoint)
        except SettingsError:
            if self._token_file is not None or os.environ.get("WEGLY_TOKEN") is not None:
                raise
            question = _("Token of your Wegly integration (it is not shown; Enter: later)")
            self._token = ask_secret(question, lambda answer: Token.parse(answer, _("your answer")))
            self._is_new = self._token is not None

    def _keep_token(self) -> None:
        if self._token is None:
            return
        parts = []
        if self._is_new:
            place = keep_token(self._settings.endpoint, self._token)
            parts.append(_("The token is kept in {place}; `init --forget-token` removes it.").format(place=place))
        if expires := self._token.expires:
            parts.append(_("It expires on {when}.").format(when=format_moment(expires.astimezone())))
        say("\n".join(["", *parts]))

    def _try(self, written: WrittenCampaign) -> ExitCode | None:
        """Show the first message and offer to send it to the person's own number."""
        if written.unfilled or written.problem:
            return None
        sheet = self._analysis.path
        try:
            found = check(sheet, written.file, self._settings)
        except WeglyBatchError as error:
            self._say(str(error))
            return None
        say("\n" + first_message_text(found, self._link, self._header) + "\n")
        if not found.examples or self._token is None:
            return None
        token = self._token
        question = _("Send it to your own number now, to look at it? The number with area code (Enter: no)")

        def take(answer: str) -> ExitCode:
            watcher = make_watcher(yes=True, quiet=False)
            trial = send_trial(
                sheet, written.file, [answer], settings=self._settings, token=token, choices=NO_CHOICES, watcher=watcher
            )
            say("\n" + trial_text(trial))
            return trial.exit_code

        try:
            return ask(question, take)
        except WeglyBatchError as error:
            self._say(str(error))
            return ExitCode(error.exit_code)

    def _confirm(self, question: str, *, yes: bool) -> bool:
        default = _("Y/n") if yes else _("y/N")
        return bool(ask(question, lambda answer: yes if answer == default else parse_yes(answer), default=default))

    def _say(self, text: str) -> None:
        say("\n" + text)
