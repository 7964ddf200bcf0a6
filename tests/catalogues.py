"""Make the catalogues of translations anew from the code; `tests/project/test_catalogues.py` fails when they are stale.

    python tests/catalogues.py            extract the texts, merge them into the .po, compile the .mo
    python tests/catalogues.py --missing  list what has no translation yet

Babel does the work; what it finds is marked in the code with `_`, `N_` and `ngettext` (`batch/i18n.py`). The help
of the commands is found by walking over them: their docstrings, a paragraph each, and the `help=` of their options.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from batch.cli.help_i18n import paragraphs
from batch.cli.main import cli
from batch.model.runs import StopCause

ROOT = Path(__file__).parents[1]
LOCALE = ROOT / "batch" / "locale"
DOMAIN = "wegly_batch"
_JINJA = "jinja2.ext:babel_extract"
_METHODS = [("**.py", "python"), ("**.toml.jinja", _JINJA), ("**.jinja", _JINJA)]
_NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
_OPTIONS = {
    "**.toml.jinja": {
        "newstyle_gettext": "true",
        "trim_blocks": "true",
        "block_start_string": "<%",
        "block_end_string": "%>",
        "variable_start_string": "<<",
        "variable_end_string": ">>",
        "comment_start_string": "<#",
        "comment_end_string": "#>",
    },
    "**.jinja": {"trimmed": "true", "newstyle_gettext": "true"},
}
"""The first pattern that fits a file counts."""

CLICK_WORDS = (
    "Aborted!",
    "Argument {name!r} takes {nargs} values.",
    "Choose from:\n\t{choices}",
    "Commands",
    "Error: {message}",
    "Error: {e.message}",
    "Invalid value for {param_hint}: {message}",
    "Invalid value: {message}",
    "Missing argument",
    "Missing command.",
    "Missing option",
    "Missing parameter",
    "No such command {name!r}.",
    "No such option {name!r}.",
    "Option {name!r} does not take a value.",
    "Options",
    "Show the version and exit.",
    "Show this message and exit.",
    "Try '{command} {option}' for help.",
    "Usage:",
    "default: {default}",
    "env var: {var}",
    "required",
    "{value!r} is not a valid {number_type}.",
    "{value} is not in the range {range}.",
)
"""Texts of click that a command of this program can say, word for word as click has them."""

CLICK_PLURALS = (
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    ("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
)
"""Likewise, for one and for several."""


def extracted() -> Catalog:
    """Every marked text of the code, sorted, without places: a moved line changes nothing."""
    found = Catalog(project="wegly-batch", charset="utf-8", header_comment="# Texts of wegly-batch.")
    for _file, _line, text, comments, context in extract_from_dir(ROOT / "batch", _METHODS, _OPTIONS):
        found.add(text, auto_comments=comments, context=context)
    for command in _commands(cli, click.Context(cli)):
        for text in help_texts(command):
            found.add(text)
    # A summary has the cause that stopped a sender in words.
    causes = (each.replace("_", " ") for each in (*StopCause, "defect"))
    for text in (*CLICK_WORDS, *CLICK_PLURALS, *causes):
        found.add(text)
    return found


def help_texts(command: click.Command) -> Iterator[str]:
    """Yield every text of a command's own help that is to be translated."""
    if command.help:
        yield from paragraphs(command.help)
    for param in command.params:
        if isinstance(param, click.Option) and param.help:
            yield from paragraphs(param.help)


def _commands(command: click.Command, ctx: click.Context) -> Iterator[click.Command]:
    """A command and all below it."""
    yield command
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            if below is not None:
                yield from _commands(below, ctx)


def translated() -> Catalog:
    """The Portuguese catalogue as it lies in the repository."""
    with _po("pt_BR").open("rb") as file:
        return read_po(file, locale="pt_BR", domain=DOMAIN)


def missing(catalogue: Catalog) -> list[Message]:
    """The messages of a catalogue that somebody still has to translate, or to look at again."""
    return [each for each in catalogue if each.id and (each.fuzzy or not all(_forms(each)))]


def merged() -> Catalog:
    """The Portuguese catalogue with the code's texts of today; what the code says no more is gone."""
    catalogue = translated()
    catalogue.update(extracted(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    return catalogue


def as_po(catalogue: Catalog) -> bytes:
    """A catalogue as it is kept: sorted, without places or dates, so that it changes only when a text does."""
    file = io.BytesIO()
    write_po(file, catalogue, width=120, no_location=True, omit_header=False, sort_output=True, ignore_obsolete=True)
    dated = ("POT-Creation-Date", "PO-Revision-Date", "Generated-By", "Last-Translator", "Language-Team")
    lines = file.getvalue().decode().splitlines(keepends=True)
    return "".join(line for line in lines if not any(line.startswith(f'"{name}:') for name in dated)).encode()


def as_mo(catalogue: Catalog) -> bytes:
    """A catalogue as the program reads it, without the time at which it was made."""
    catalogue.creation_date = catalogue.revision_date = _NO_DATE
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def _forms(message: Message) -> tuple[str, ...]:
    return message.string if isinstance(message.string, tuple) else (message.string,)


def _po(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--missing", action="store_true", help="only list what has no translation yet")
    if not parser.parse_args().missing:
        (LOCALE / f"{DOMAIN}.pot").write_bytes(as_po(extracted()))
        _po("pt_BR").write_bytes(as_po(merged()))
        with _po("pt_BR").open("rb") as file:
            kept = read_po(file, locale="pt_BR", domain=DOMAIN)
        _po("pt_BR").with_suffix(".mo").write_bytes(as_mo(kept))
    left = missing(translated())
    for each in left:
        sys.stdout.write(f"{each.id!r}\n")
    sys.stdout.write(f"{len(left)} texts to translate\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
