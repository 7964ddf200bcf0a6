"""Questions to a person at a terminal, answered in the person's language."""

from __future__ import annotations

import click

from batch.i18n import _

__all__ = ["asked"]

_YES = ("y", "yes", "s", "sim")
_NO = ("", "n", "no", "nao", "não")


def asked(question: str) -> bool:
    """Whether the answer on stderr's terminal is yes; Enter alone is no. English answers count in every language.

    Raises click.Abort on Ctrl+C and at the end of the input.
    """
    answers = _("y/N")
    return click.prompt(f"{question} [{answers}]", default="", show_default=False, value_proc=_is_yes, err=True)


def _is_yes(answer: str) -> bool:
    word = answer.strip().casefold()
    if word not in (*_YES, *_NO):
        raise click.BadParameter(_("invalid input"))
    return word in _YES
