"""Text as a cell of a workbook can hold it. Pure."""

import re

from batch.i18n import N_
from batch.model.phrases import Phrase

LONGEST = 32_767
"""Characters that a cell of Excel can hold, counted as Excel does: an emoji counts twice."""

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_LIKE_AN_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4})")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_LINE_END = re.compile(r"\r\n?")


def printable(text: str) -> str:
    """Replace characters that XML or UTF-8 cannot hold by U+FFFD, and line ends by those of Excel."""
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", _LINE_END.sub("\n", text))


_CUT_ONE = N_("Text longer than Excel allows is cut in the workbook (1 cell); results.csv has it whole.")
_CUT = N_("Text longer than Excel allows is cut in the workbook ({cells:,} cells); results.csv has it whole.")


def cut_sentence(cells: int, one: str = _CUT_ONE, several: str = _CUT) -> tuple[Phrase, ...]:
    """Return the sentence about cells that were cut, one or several; empty when none was."""
    return (Phrase(one if cells == 1 else several, {"cells": cells}),) if cells else ()


def escape_text(text: str) -> str:
    """Escape what Excel would read as an escape: `_x0041_` means `A` in the XML of a workbook."""
    return _LOOKS_ESCAPED.sub("_x005F_", text)


def escape_exact(text: str) -> str:
    """Escape a text so that it reads back the same: a character that XML cannot hold becomes `_x000B_`."""
    return _NOT_IN_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", _LIKE_AN_ESCAPE.sub("_x005F_", text))


def cut_text(text: str) -> str:
    """Cut a text to `LONGEST`, never within a character; return the same text when it fits."""
    if len(text) * 2 <= LONGEST:
        return text
    units = text.encode("utf-16-le")
    return text if len(units) <= LONGEST * 2 else units[: LONGEST * 2].decode("utf-16-le", errors="ignore")
