"""Help in the language of the person: commands translate their own texts, and click's, when the help is asked for.

The texts stay English where they are written, as docstrings and `help=`; each paragraph is looked up by itself, however
its lines are broken. `python tests/catalogues.py` finds them by walking over the commands. `--lang` is an option of
every command; nothing here imports a library but click, since `wegly-batch --help` has to answer at once.
"""

import inspect
import os
import re
import sys
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from batch.cli.terminal import name_program
from batch.i18n import LANGUAGES, N_, _, ngettext, parse_language, set_language

_CHOSEN = "batch.i18n"
"""Key of click's context under which the chosen language is kept."""
_VARIABLE = "WEGLY_BATCH_LANG"
_SHOW_HELP = "Show this message and exit."
_VALUES = (
    N_("SHEET"), N_("FILE"), N_("RUN"), N_("REPORT"), N_("ROWS"), N_("PHONE"), N_("COLUMN"), N_("NAME"), N_("TEXT"),
    N_("CAMPAIGN"), N_("SECONDS"), N_("RATE"), N_("SHARE"), N_("TIME"), N_("PLAN"), N_("DIR"),
    N_("LANGUAGE"), N_("CODE"), N_("DOMAIN"), N_("OPTIONS"), N_("COMMAND"), N_("SHELL"), N_("CC"),
)  # fmt: skip
"""Words for values in the help; the others (URL, N, UUID ...) are the same everywhere."""
_ANY_NUMBER = 1_000_000
"""A bound from which it is none that a person would meet."""
_CLICK_MODULES = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types")


def translate_click() -> None:
    """Have click look its own words up in our catalogue, each time that it prints them."""
    for name in _CLICK_MODULES:
        module = sys.modules[f"click.{name}"]
        for theirs, ours in (("_", _), ("ngettext", ngettext)):
            if hasattr(module, theirs):
                setattr(module, theirs, ours)


class TranslatedCommand(click.Command):
    """A command whose help is in the person's language."""

    def get_help(self, ctx: click.Context) -> str:
        return name_program(super().get_help(ctx))

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = _SHOW_HELP  # click keeps the option, with the words of when it was made
        return option

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [_translate_values(piece) for piece in super().collect_usage_pieces(ctx)]

    def get_short_help_str(self, limit: int = 45) -> str:
        return click.Command.get_short_help_str(_translate(self), limit)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        click.Command.format_help_text(_translate(self), ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        records = [_translate(option).get_help_record(ctx) for option in options]
        if shown := [record for record in records if record is not None]:
            with formatter.section(_("Options")):
                formatter.write_dl(shown)


class TranslatedGroup(TranslatedCommand, click.Group):
    """A group of such commands."""

    command_class = TranslatedCommand

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


Helped = TypeVar("Helped", click.Command, click.Option)


def _translate(describe_source: Helped) -> Helped:
    """Return a copy whose help is in the person's language."""
    translated = copy(describe_source)
    if describe_source.help:
        translated.help = "\n\n".join(map(_, paragraphs(describe_source.help)))
    if isinstance(translated, click.Option):
        if translated.metavar:
            translated.metavar = _translate_values(translated.metavar)
        if isinstance(translated.type, click.IntRange) and (translated.type.max or 0) >= _ANY_NUMBER:
            translated.type = click.INT
    return translated


def _translate_values(text: str) -> str:
    return re.sub("[A-Z]+", lambda word: _(word[0]) if word[0] in _VALUES else word[0], text)


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a help text, each as one line."""
    return [" ".join(each.split()) for each in inspect.cleandoc(text).split("\n\n")]


class _Language(click.ParamType[str]):
    """One of `LANGUAGES`, by any of its usual names."""

    name = "language"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        found = parse_language(value)
        if found is None:
            known = _(" and ").join(LANGUAGES)
            self.fail(
                _("{value!r} is not spoken here; {languages} are.").format(value=value, languages=known), param, ctx
            )
        return found


def add_language_option(command: click.Command) -> None:
    """Give a command, and every command below it, the option `--lang`."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            add_language_option(each)
    if not any(param.name == "lang" for param in command.params):
        option = click.Option(
            ["--lang"],
            type=_Language(),
            metavar="LANGUAGE",
            envvar=_VARIABLE,
            show_envvar=True,
            is_eager=True,
            expose_value=False,
            callback=_choose_language,
            help=(
                "The language of what people read, pt_BR or en. Default: the campaign's for reports, else the system's."
            ),
        )
        command.params.append(option)


def _choose_language(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Speak the language of the `--lang` nearest to the command; any wins over the environment."""
    from_environment = ctx.get_parameter_source(param.name or "") is ParameterSource.ENVIRONMENT
    if value is not None and not (from_environment and _CHOSEN in ctx.meta):
        set_language(value)
        ctx.meta[_CHOSEN] = value


def language_option() -> str | None:
    """The language that `--lang` or WEGLY_BATCH_LANG names; None when neither is given."""
    found: str | None = click.get_current_context().meta.get(_CHOSEN)
    return found


def find_language(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> str | None:
    """Look for `--lang` or WEGLY_BATCH_LANG before anything else is parsed: mistakes in the rest are in it too.

    None when neither names one of `LANGUAGES`; click complains of that later.
    """
    named = [environment.get(_VARIABLE) or ""]
    for place, word in enumerate(arguments):
        if word == "--":
            break
        if word == "--lang":
            named += arguments[place + 1 : place + 2]
        elif word.startswith("--lang="):
            named.append(word.removeprefix("--lang="))
    return next(filter(None, map(parse_language, reversed(named))), None)
