"""The terminal: its printing and questions, the browser beside it, and a stdout that takes nothing more.

All that the command line prints goes through `echo`, `say` and `confirm`; ruff refuses those of click anywhere else.
"""

import os
import re
import shutil
import sys
import unicodedata
import webbrowser
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TextIO

import click

from batch.control_characters import show_controls
from batch.formatting import from_here, quote_path
from batch.i18n import _

_YES = ("y", "yes", "s", "sim")
_NO = ("", "n", "no", "nao", "não")


def is_interactive() -> bool:
    """True when a person can read questions (stderr) and answer them (stdin)."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def can_draw(environment: Mapping[str, str] = os.environ) -> bool:
    """True when the terminal can go back on a line; a dumb one can only print the next."""
    return environment.get("TERM", "").casefold() != "dumb"


def can_colour(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """True when colours are wanted and understood: not with NO_COLOR, nor on an old Windows console."""
    if environment.get("NO_COLOR") or not can_draw(environment):
        return False
    return platform != "win32" or "WT_SESSION" in environment


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a text and a line end (`nl`), control characters written out. `err`: on stderr, as messages are."""
    click.echo(show_controls(text), err=err, nl=nl)  # noqa: TID251 - the one place


def say(text: str, *, err: bool = True, nl: bool = True) -> None:
    """Print a text for people: as `echo` does, folded where the terminal ends, and bold where it is marked so."""
    click.echo(render_text(text, sys.stderr if err else sys.stdout), err=err, nl=nl)  # noqa: TID251 - likewise


def show(text: str, *, as_json: bool = False) -> None:
    """Print a result on stdout: JSON as it is, a text for people as `say` does."""
    if as_json:
        echo(text)
    else:
        say(text, err=False)


_BOLD, _PLAIN, _WHOLE, _APART = _MARKS = "\ufdd0\ufdd1\ufdd2\ufdd3"
"""Marks in a text; Unicode keeps these for such uses, so that no text has them."""


def bold(text: str) -> str:
    """Mark a text as bold; `say` makes it so where the terminal can show it, and takes the marks out elsewhere."""
    return f"{_BOLD}{text}{_PLAIN}"


def path_text(path: Path) -> str:
    """Return a path as the current folder shows it, marked so that no line of `say` ends in it: it is to be copied."""
    return f"{_WHOLE}{from_here(path)}{_APART}"


def terminal_width(stream: TextIO) -> int | None:
    """Return the width of the terminal at a stream; None for a file or a pipe, whose lines have any length."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


_USUAL_COLUMNS, _WIDEST = 80, 100
"""Columns of a table in a file, and those that a text takes at most."""


def text_width(columns: int | None = None) -> int:
    """Return how many columns a text may take on a terminal so wide; None: on that of stderr."""
    return min(columns or terminal_width(sys.stderr) or _USUAL_COLUMNS, _WIDEST) - 1


def render_text(text: str, stream: TextIO) -> str:
    """Return a text as a stream can show it: folded and bold on a terminal; a file gets its lines as they are."""
    shown, columns = name_program(show_controls(text)), terminal_width(stream)
    if columns is not None:
        shown = "\n".join(line for each in shown.split("\n") for line in fold(each, text_width(columns)))
    marks = ("\x1b[1m", "\x1b[0m") if stream.isatty() and can_colour() else ("", "")
    return shown.translate(dict(zip(map(ord, _MARKS), (*marks, "", ""), strict=True)))


_NAME = "wegly-batch"
_MODULE = ("batch", "__main__.py")
"""End of what `python -m batch` takes for the program's path."""
_TYPED = re.compile(rf"(?:(?<=: )|(?<=  )|(?<=[`'])|(?<=^)){_NAME}(?= )", re.MULTILINE)
"""The program where a command begins that is to be typed."""


def name_program(text: str) -> str:
    """Return a text in which each command to type begins with what finds this program."""
    return _TYPED.sub(lambda _name: _program(), text)


@cache
def _program() -> str:
    """Return the program's name; its path where it was started by that, and the shell finds none or another.

    Started as `python -m batch`, it is the one beside that Python; or as it was started, where there is none.
    """
    own, found = Path(sys.argv[0]), shutil.which(_NAME)
    if own.parts[-2:] == _MODULE:
        python = Path(sys.executable)
        own = python.with_name(_NAME + python.suffix)
        if not own.exists():
            return f"{quote_path(from_here(python))} -m {_MODULE[0]}"
    real = [Path(os.path.realpath(each)).with_suffix("") for each in (own, found) if each]
    if own.stem != _NAME or (found and real[0] == real[1]):
        return _NAME
    return quote_path(from_here(own.absolute()))


_UNIT = re.compile(
    rf"""\s*(?:
        (?:(?<=:\ )|(?<=\ \ )|(?<=^))(?:(?:\S*[/\\])?wegly-batch|\S+\ -m\ batch)(?:\ \S+)*  # a command
        | \S*`[^`]*`\S*
        | \S*{_WHOLE}[^{_APART}]*{_APART}\S*
        | \w+\ =\ (?:"[^"]*"|\[[^]]*\]|\S+)\S*  # a line of a campaign file
        | \S+)""",
    re.VERBOSE,
)
"""A word with the blanks before it; what is to be typed, stands in backticks or is a path is one as well."""
_COLUMN = re.compile(r"\S  +(?=\S)")


def fold(line: str, width: int, hang: str | None = None) -> list[str]:
    """Break a line at blanks, never in a word or in a command to type, whatever their length.

    `hang`: what stands before each further line; None: blanks, up to the text beside the line's label.
    """
    if display_width(line) <= width:
        return [line]
    indent = len(line) - len(line.lstrip(" "))
    labels = [found.end() for found in _COLUMN.finditer(line) if found.end() <= width // 2]
    deep = hang if hang is not None else " " * max([indent + 2, *labels])
    lines, now = [], ""
    for unit in _UNIT.findall(line):
        word = unit.lstrip()
        is_long = display_width(deep + word) > width
        if not now or display_width(now + unit) <= width or (is_long and len(now) <= len(deep)):
            now += unit
        else:
            lines.append(now)
            # A command that has no room beside its label stands below it: with fewer blanks before it to copy.
            now = (" " * (indent + 2) if is_long and hang is None else deep) + word
    return [*lines, now + line[len(line.rstrip()) :]]


def display_width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.category(char) in ("Mn", "Me", "Cf", "Cn") for char in text)


def wrap(sentences: Iterable[str], indent: str = "") -> list[str]:
    """Return the lines of sentences, folded on a terminal; `indent` stands before each."""
    has_terminal = terminal_width(sys.stderr) is not None
    return [
        line
        for each in sentences
        for line in (fold(indent + each, text_width(), indent) if has_terminal else [indent + each])
    ]


def warn(sentences: Iterable[str]) -> None:
    """Print sentences on stderr, a line each."""
    for sentence in sentences:
        say(sentence)


def confirm(question: str) -> bool:
    """Ask on stderr; Enter alone is no. English answers count in every language.

    Raises click.Abort on Ctrl+C and at the end of the input.
    """
    answers = _("y/N")
    text = render_text(f"{question} [{answers}]", sys.stderr)
    return click.prompt(text, default="", show_default=False, value_proc=parse_yes, err=True)  # noqa: TID251


def parse_yes(answer: str) -> bool:
    """Parse a yes or no; nothing is a no. Raises click.BadParameter."""
    word = answer.strip().casefold()
    if word not in (*_YES, *_NO):
        raise click.BadParameter(_("invalid input"))
    return word in _YES


def open_page(page: Path | None, *, is_named: bool = False) -> None:
    """Open a page in the browser; where there is none, or no page, say so on stderr. `is_named`: it stands above."""
    if page is None:
        say(_("There is no report.html to open."))
        return
    with suppress(webbrowser.Error, OSError):
        if webbrowser.open(page.absolute().as_uri()):
            return
    none = _("No browser was found: open it yourself.") if is_named else _("No browser was found. The page is {page}")
    say(none.format(page=page))


def discard_stdout() -> None:
    """Leave nothing that Python would try to print at its end: that would change the exit code."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
