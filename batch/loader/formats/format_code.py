"""Codes of number formats: their sections, and the tokens of each. Pure.

A code is understood whole or not at all: fractions, exponents and other calendars make none of its sections.
"""

import re
from decimal import Decimal
from typing import NamedTuple

_LONGEST = 255
_MOST_DECIMALS = 12
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_(?P<blank>.)|\*(?P<fill>.)|\[(?P<bracket>[^\[\]]*)\]|(?P<general>general)'
    r"|(?P<digit>[0#?])|(?P<point>\.)|(?P<comma>,)|(?P<percent>%)|(?P<slash>/)|(?P<odd>[eE][+-]|[@\"\\_*\[\]])|(?P<text>.)",
    re.IGNORECASE | re.DOTALL,
)
SECTION = re.compile(r'((?:"[^"]*"|\\.|[_*].|\[[^\[\]]*\]|[^;"\\_*\[])*)(?:;|\Z)', re.DOTALL)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?[0-9]+(?:\.[0-9]+)?)")
_IGNORED = re.compile(
    r"(?:black|blue|cyan|green|magenta|red|white|yellow|color ?[0-9]{1,2}|\$?-[0-9a-f]{1,4})", re.IGNORECASE
)
_UNIT = re.compile(r"[ymdhsbgeaYMDHSBGEA]")
"""A letter that may stand for a part of a date: not literal text."""


class FormatSection(NamedTuple):
    """One section of a code (`#,##0.00` of `#,##0.00;-#,##0.00`)."""

    whole: tuple[tuple[str, str], ...]
    """Tokens before the decimal point, each with its kind: digit, general or text."""
    decimals: tuple[tuple[str, str], ...]
    grouped: bool
    shift: int
    """Power of ten by which the number is multiplied first: percent, or thousands that are left out."""
    condition: tuple[str, Decimal] | None

    @property
    def places(self) -> int:
        """Digits behind the decimal sign."""
        return sum(kind == "digit" for kind, _token in self.decimals)


def parse_sections(code: str) -> tuple[FormatSection, ...]:
    """Return the sections for numbers; none where the code is not understood."""
    parts = [match[1] for match in SECTION.finditer(code)] if len(code) <= _LONGEST else []
    parts = parts[:-1] if parts and not parts[-1] and not code.endswith(";") else parts
    sections = [_section(part) for part in parts[:3] if not ("@" in part and len(parts) > 1 and part is parts[-1])]
    known = [each for each in sections if each is not None]
    return tuple(known) if len(known) == len(sections) and ";".join(parts) == code else ()


def _section(code: str) -> FormatSection | None:
    """Parse a section; None for one that is not understood."""
    tokens: list[tuple[str, str]] = []
    condition: tuple[str, Decimal] | None = None
    for match in _TOKEN.finditer(code):
        kind, piece = str(match.lastgroup), str(match[str(match.lastgroup)])
        if kind == "bracket":
            text, test = _read_bracket(piece.strip())
            if text is None and test is None:
                return None
            tokens += [("text", text)] if text else []
            condition = test or condition
        elif kind == "odd" and piece == "@" and code.strip() == "@":
            tokens.append(("general", piece))
        elif kind == "odd" or (kind == "text" and _UNIT.fullmatch(piece)):
            return None
        elif kind == "blank":
            tokens.append(("text", " "))
        elif kind == "fill":
            if piece == " " and not (tokens and tokens[-1][1].endswith(" ")):
                tokens.append(("text", " "))
        else:
            tokens.append(("text" if kind in {"quoted", "escaped"} else kind, piece))
    return _arrange(tokens, condition)


def _read_bracket(inside: str) -> tuple[str | None, tuple[str, Decimal] | None]:
    """Return the literal text (a currency, or nothing) or the condition of brackets; neither if not understood."""
    if found := _CONDITION.fullmatch(inside):
        return None, (found[1], Decimal(found[2]))
    if inside.startswith("$") and inside[1:].partition("-")[0]:
        return inside[1:].rpartition("-")[0] if "-" in inside else inside[1:], None
    return "" if _IGNORED.fullmatch(inside) else None, None


def _arrange(tokens: list[tuple[str, str]], condition: tuple[str, Decimal] | None) -> FormatSection | None:
    kinds = [kind for kind, _token in tokens]
    places = [at for at, kind in enumerate(kinds) if kind == "digit"]
    general = kinds.count("general")
    if kinds.count("point") > 1 or general > 1 or (general and places) or ("point" in kinds and not places):
        return None
    if places and "slash" in kinds[places[0] : places[-1]]:
        return None
    point = kinds.index("point") if "point" in kinds else len(kinds)
    whole = [at for at in places if at < point]
    scaled = 0  # commas right behind the last digit leave out thousands, those between digits group them
    for last in {places[-1], max(whole, default=places[-1])} if places else ():
        behind = kinds[last + 1 :]
        scaled += next((at for at, kind in enumerate(behind) if kind != "comma"), len(behind))
    grouped = bool(whole) and "comma" in kinds[whole[0] : whole[-1]]
    parts = [
        (kind if kind in {"digit", "general"} else "text", piece, at)
        for at, (kind, piece) in enumerate(tokens)
        if kind not in {"comma", "point"}
    ]
    zeros = [at for at in places if tokens[at][1] == "0"]  # between a zero and the point all places are zeros
    parts = [
        (kind, "0" if kind == "digit" and zeros and min(zeros[0], point) < at < max(zeros[-1], point) else piece, at)
        for kind, piece, at in parts
    ]
    section = FormatSection(
        tuple((kind, piece) for kind, piece, at in parts if at < point),
        tuple((kind, piece) for kind, piece, at in parts if at > point),
        grouped,
        2 * kinds.count("percent") - 3 * scaled,
        condition,
    )
    return section if section.places <= _MOST_DECIMALS else None
