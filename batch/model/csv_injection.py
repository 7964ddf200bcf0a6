"""Guard against CSV injection: text that a spreadsheet program would run as a formula.

A workbook marks a cell as text. A CSV file cannot: Excel and its kin run whatever begins with `=`, `+`, `-` or `@`.
`guard` puts one apostrophe before such a text, which is Excel's own mark for text, and `unguard` takes exactly that one
away: `unguard(guard(text)) == text` for every text.

Numbers and phones stay as they are: `-5,20` is to remain a number, and `+55 11 98888-7777` is no formula to Excel or
LibreOffice, but text, because of its spaces; nor is a masked one (`+55 11 9****-**77`), because of its `**`.

A program that splits at commas, tabs or bars makes several cells of one, whatever quotation marks are around it: inside
a text a guard stands before `=` behind such a character, and before `+`, `-` and `@` where a call or a reference
follows (`a, -b` and `foo, @ana` stay as they are).
"""

import re
from collections.abc import Callable

_BEGINS = re.compile(r"[\t\r]|\s*[=+\-@＝＋－＠]")  # noqa: RUF001 - the full-width signs begin a formula too
"""Blanks in front do not help: some programs drop them first."""
_HARMLESS = re.compile(
    r"[+-]|--+|[+-]?\d+(?:[.,]\d+)*|\+\d{1,3} [\d ()-]+|\+\d{1,3} [\d ()-]*+(?:\*[\d ()-]++)*\*\*[\d ()*-]*", re.ASCII
)
_INSIDE = re.compile(
    r"""([,\t|\r\n](?:[^\S\t\r\n]|["'])*)"""
    r"([=＝]|[+\-@＋－＠](?!\d{1,3}[ \d()*-]*(?:[,\t|\r\n]|\Z))"  # noqa: RUF001
    r"(?=[^,\t|\r\n]*?(?:[\w.]\(|[^\s|]\|[^\s|]|!\$?\w)))"
)
"""Each run of blanks, each text between two separators is read once: the time grows with the length."""
_GUARD = "'"


def looks_like_formula(text: str) -> bool:
    """Return True for a text that begins as a formula does; numbers and phones do too."""
    return _BEGINS.match(text) is not None


def guard(text: str) -> str:
    """Return the text as it may stand in a CSV file."""
    inside = _change_inside(text, lambda found: f"{found[1]}{_GUARD}{found[2]}")
    return _GUARD + inside if _guardable(inside) else inside


def unguard(text: str) -> str:
    """Return the text as it was before `guard`; any other text unchanged."""
    inside = text[1:] if text.startswith(_GUARD) and _guardable(text[1:]) else text
    return _change_inside(inside, lambda found: found[1].removesuffix(_GUARD) + found[2])


def _change_inside(text: str, change: Callable[[re.Match[str]], str]) -> str:
    """Change the places of `_INSIDE` but for those in leading blanks, which the guard at the beginning is for."""
    body = text.lstrip()
    return text[: len(text) - len(body)] + _INSIDE.sub(change, body)


def _guardable(text: str) -> bool:
    bare = text.lstrip(_GUARD)
    return looks_like_formula(bare) and not _HARMLESS.fullmatch(bare)
