"""The words that click itself says (`Usage:`, `No such option ...`), in the language that is spoken.

click asks Python's gettext, which knows only one language for the process, that of its environment, and one folder of
catalogues. So each of its modules is given our functions in place of the two it took from there. Where a later click
looks its words up in another way they are English again, and a test says so.
"""

from __future__ import annotations

import sys

from batch.i18n import N_, _, ngettext

__all__ = ["CLICK_PLURALS", "CLICK_WORDS", "speak_as_click"]

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
