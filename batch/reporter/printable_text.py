"""Text as a cell of a workbook can hold it. Pure."""

from __future__ import annotations

import re

from batch.i18n import ngettext, number

LONGEST = 32_767
"""Characters that a cell of Excel can hold, counted as Excel does: an emoji counts twice."""

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_LIKE_AN_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4})")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_LINE_END = re.compile(r"\r\n?")


def printable(text: str) -> str:
    """The text with what neither XML nor UTF-8 can hold replaced by U+FFFD, and its line ends as Excel has them."""
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", _LINE_END.sub("\n", text))


def cut_sentence(cells: int) -> tuple[str, ...]:
    """The sentence about cells that were cut, or nothing when none was."""
    if not cells:
        return ()
    words = ngettext(
        "Text longer than Excel allows is cut in the workbook ({cells} cell); results.csv has it whole.",
        "Text longer than Excel allows is cut in the workbook ({cells} cells); results.csv has it whole.",
        cells,
    )
    return (words.format(cells=number(cells)),)


def escaped(text: str) -> str:
    """The text as a workbook's XML has it: Excel reads `_x0041_` there as `A`, so such a text is written otherwise."""
    return _LOOKS_ESCAPED.sub("_x005F_", text)


def exact(text: str) -> str:
    """The text as a workbook's XML has it, so that it reads back the same: what XML cannot hold becomes `_x000B_`."""
    return _NOT_IN_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", _LIKE_AN_ESCAPE.sub("_x005F_", text))


def fitted(text: str) -> str:
    """The text cut to `LONGEST`; the same text when it fits. No character is cut in half."""
    if len(text) * 2 <= LONGEST:
        return text
    units = text.encode("utf-16-le")
    return text if len(units) <= LONGEST * 2 else units[: LONGEST * 2].decode("utf-16-le", errors="ignore")
