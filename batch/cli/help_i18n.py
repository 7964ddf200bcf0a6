"""Commands whose help is said in the language that is spoken when it is asked for.

The texts stay English where they are written, as docstrings and `help=`; each paragraph is looked up by itself, however
its lines are broken. `python tests/catalogues.py` finds them by walking over the commands.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from copy import copy

import click

from batch.i18n import _

__all__ = ["SpokenCommand", "SpokenGroup", "help_texts", "in_language", "paragraphs"]

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
