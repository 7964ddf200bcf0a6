"""Names of people as a message should show them."""

from __future__ import annotations

import re

_TITLES = frozenset({"dr", "dra", "sr", "sra", "srta", "prof", "profa"})
_PARTICLES = frozenset({"da", "de", "do", "das", "dos", "e"})
_NUMERALS = frozenset({"ii", "iii", "iv"})
_LETTERS = re.compile(r"[^\W\d_]+")
_APOSTROPHES = "'\u2019"


def first_name(value: str) -> str:
    """The first word that is no title, as it is written; of a title alone, that."""
    words = [word.strip(",;.") for word in value.split()]
    names = [word for word in words if word and word.lower() not in _TITLES]
    return names[0] if names else value.strip()


def title(value: str) -> str:
    """Capitals as in a Brazilian name: `JOÃO D'ÁVILA DOS SANTOS` -> `João D'Ávila dos Santos`."""
    return " ".join(_word(word, first=place == 0) for place, word in enumerate(value.split(" ")))


def _word(word: str, *, first: bool) -> str:
    lower = word.lower()
    if lower in _PARTICLES and not first:
        return lower
    if lower in _NUMERALS:
        return word.upper()
    mixed = word != lower and word != word.upper() and word[1:] != word[1:].lower()
    return word if mixed else _LETTERS.sub(_capitalized, lower)


def _capitalized(match: re.Match[str]) -> str:
    letters, start = match[0], match.start()
    after_apostrophe = start > 0 and match.string[start - 1] in _APOSTROPHES
    return letters if after_apostrophe and len(letters) == 1 else letters[0].upper() + letters[1:]
