"""The filters `first_name` and `title`: names of people for a greeting."""

from __future__ import annotations

import re

_TITLES = frozenset({"dr", "dra", "sr", "sra", "srta", "prof", "profa"})
_PARTICLES = frozenset({"da", "de", "do", "das", "dos", "e"})
_NUMERALS = frozenset({"ii", "iii", "iv"})
_LETTERS = re.compile(r"[^\W\d_]+")
_APOSTROPHES = "'\u2019"


def first_name(value: str) -> str:
    """Return the first word that is no title (Dr., Sra.), as it is written; the title where there is nothing else."""
    words = [word.strip(",;.") for word in value.split()]
    names = [word for word in words if word and word.lower() not in _TITLES]
    return names[0] if names else value.strip()


def title(value: str) -> str:
    """Capitalize a Brazilian name: `JOÃO D'ÁVILA DOS SANTOS` -> `João D'Ávila dos Santos`."""
    return " ".join(_capitalize_word(word, first=place == 0) for place, word in enumerate(value.split(" ")))


def _capitalize_word(word: str, *, first: bool) -> str:
    lower = word.lower()
    if lower in _PARTICLES and not first:
        return lower
    if lower in _NUMERALS:
        return word.upper()
    mixed = word != lower and word != word.upper() and word[1:] != word[1:].lower()
    return word if mixed else _LETTERS.sub(_capitalize, lower)


def _capitalize(match: re.Match[str]) -> str:
    letters, start = match[0], match.start()
    after_apostrophe = start > 0 and match.string[start - 1] in _APOSTROPHES
    return letters if after_apostrophe and len(letters) == 1 else letters[0].upper() + letters[1:]
