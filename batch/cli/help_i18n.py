"""Commands whose help is said in the language that is spoken when it is asked for.

The texts stay English where they are written, as docstrings and `help=`; each paragraph is looked up by itself, however
its lines are broken. `python tests/catalogues.py` finds them by walking over the commands.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from copy import copy

import click

from batch.i18n import N_, _, ngettext

_SHOW_HELP = "Show this message and exit."


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a help text, each as one line."""
    return [" ".join(each.split()) for each in inspect.cleandoc(text).split("\n\n")]


def in_language(text: str | None) -> str | None:
    """A help text, paragraph by paragraph, in the language that is spoken."""
    return text and "\n\n".join(map(_, paragraphs(text)))


def help_texts(command: click.Command) -> Iterator[str]:
    """Every text of a command's own help that is to be translated."""
    if command.help:
        yield from paragraphs(command.help)
    for param in command.params:
        if isinstance(param, click.Option) and param.help:
            yield from paragraphs(param.help)


class SpokenCommand(click.Command):
    """A command that explains itself in the language that is spoken."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = _SHOW_HELP  # click keeps the option, with the words of when it was made
        return option

    def get_short_help_str(self, limit: int = 45) -> str:
        said = copy(self)
        said.help = in_language(self.help)
        return click.Command.get_short_help_str(said, limit)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        said = copy(self)
        said.help = in_language(self.help)
        click.Command.format_help_text(said, ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        records = [_said(option).get_help_record(ctx) for option in options]
        if shown := [record for record in records if record is not None]:
            with formatter.section(_("Options")):
                formatter.write_dl(shown)


class SpokenGroup(SpokenCommand, click.Group):
    """A group of such commands."""

    command_class = SpokenCommand

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


def _said(option: click.Option) -> click.Option:
    said = copy(option)
    said.help = in_language(option.help)
    return said


_MODULES = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types")

CLICK_WORDS = (
    N_("Aborted!"),
    N_("Argument {name!r} takes {nargs} values."),
    N_("Choose from:\n\t{choices}"),
    N_("Commands"),
    N_("Error: {message}"),
    N_("Error: {e.message}"),
    N_("Invalid value for {param_hint}: {message}"),
    N_("Invalid value: {message}"),
    N_("Missing argument"),
    N_("Missing command."),
    N_("Missing option"),
    N_("Missing parameter"),
    N_("No such command {name!r}."),
    N_("No such option {name!r}."),
    N_("Option {name!r} does not take a value."),
    N_("Options"),
    N_("Show the version and exit."),
    N_("Show this message and exit."),
    N_("Try '{command} {option}' for help."),
    N_("Usage:"),
    N_("default: {default}"),
    N_("env var: {var}"),
    N_("required"),
    N_("{value!r} is not a valid {number_type}."),
    N_("{value} is not in the range {range}."),
)
"""Those that a command of this program can say, word for word as click has them."""

CLICK_PLURALS = (
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    ("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
)
"""Likewise, for one and for several."""


def speak_as_click() -> None:
    """From here on click's words are looked up in our catalogue, each time that they are said."""
    for name in _MODULES:
        module = sys.modules[f"click.{name}"]
        for theirs, ours in (("_", _), ("ngettext", ngettext)):
            if hasattr(module, theirs):
                setattr(module, theirs, ours)
