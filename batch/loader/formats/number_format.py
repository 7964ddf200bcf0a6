"""Number formats: the text that Excel shows a Brazilian for a number. Pure.

Understood are digits, padding, grouping, decimals, percent, literal text, sections with their conditions, `General`
with text around it, and months and years without a day (`mmm/yy`). Colours and blanks by the width of a character are
read over. Of a format that is not understood (fractions, exponents, other calendars) the plain number stays, with a
remark. Texts of cells come in and go out: `1234,5` and `R$ 1.234,50`.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple

from batch.loader.formats.dates_and_numbers import NumberKind, format_code, format_kind
from batch.loader.formats.format_code import SECTION, FormatSection, parse_sections

Shown = tuple[str, str, str]
"""The text that a number format shows for a cell, the format's code, and `rounded`, `unknown` (code) or nothing."""
ShowNumber = Callable[[str], Shown | None]
"""The text of a cell to the shown one; None where that is the same."""

_CACHED = 16_384
_WRITTEN = "[?]"
"""In place of a code that is not understood, before the shown text; no code begins so."""
_MONTHS = "janeiro,fevereiro,março,abril,maio,junho,julho,agosto,setembro,outubro,novembro,dezembro".split(",")  # noqa: SIM905
_MONTH_TOKEN = re.compile(r'"([^"]*)"|\\(.)|(\[\$-(?:pt-BR|0?416)\])|(m{1,4}|yyyy|yy)(?![my])|([ /.-])', re.IGNORECASE)
_DATE_TEXT = re.compile(r"[0-9]{2}/([0-9]{2})/([0-9]{4})(?: .*)?")
_MONTH_WRITTEN = re.compile(r"([A-Za-zç]{3,9}|[0-9]{2})( de |[/ .-])([0-9]{4}|[0-9]{2})")
_TO_BRAZILIAN = str.maketrans(",.", ".,")
_CORE = re.compile(r"([^0-9]*)([0-9](?:.*[0-9])?)([^0-9]*)", re.DOTALL)
_GROUPED = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+")
_BLOCK = re.compile(r"t*d+(?:t*|\.d+t*)")
"""Kinds of the tokens of a code: texts, digits, decimals."""
_POSITIVE = re.compile(r"([0-9]{1,20})(?:,([0-9]{1,20}))?")
_MANY_DECIMALS = re.compile(r"\.0{9}")
"""Decimals that no person asked for: `General`, with as many as there was room for."""
_TESTS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "<": Decimal.__lt__,
    "<=": Decimal.__le__,
    ">": Decimal.__gt__,
    ">=": Decimal.__ge__,
    "=": Decimal.__eq__,
    "<>": Decimal.__ne__,
}


def find_code(format_id: int, formats: Mapping[int, str]) -> str:
    """Return the code of a number format that may show another text than the cell's; empty for any other."""
    code = format_code(format_id, formats)
    return code if show_by(code) else ""


def show(text: str, code: str) -> Shown | None:
    """Return what the format code shows for the text of a cell; None where that is the same."""
    by_code = show_by(code)
    return by_code(text) if by_code else None


@lru_cache(maxsize=1024)
def show_by(code: str) -> ShowNumber | None:
    """Return what shows the cells of a format code, such as `0.0%`; None for one that shows the plain text."""
    if code.startswith(_WRITTEN):
        return partial(_show_unknown, written=code.removeprefix(_WRITTEN))
    kind = format_kind(code)
    if kind is NumberKind.DATE:
        tokens = _month_and_year(code)
        return partial(_show_month, tokens=tokens, code=code) if tokens else None
    if kind is NumberKind.ELAPSED or code.lower() in {"", "general", "@"}:
        return None
    sections = parse_sections(code)
    show = lru_cache(maxsize=_CACHED)(partial(_show_number, sections=sections, code=code))
    usual = _find_block(sections)
    return partial(_show_in_block, block=usual, code=code, other=show) if usual else show


@lru_cache(maxsize=_CACHED)
def code_as_written(text: str, written: str) -> str:
    """Return a code that shows a cell as the file has it (ODS), in Brazil's form or in English; empty for none needed.

    Where none would, the file shows what is not understood, and `show` says so.
    """
    written = written.strip()
    if not written or written == text or (_DATE_TEXT.fullmatch(text) and not _MONTH_WRITTEN.fullmatch(written)):
        return ""
    if month := _MONTH_WRITTEN.fullmatch(written):
        unit = "mm" if month[1].isdigit() else "mmm" if len(month[1]) <= len("mmm") else "mmmm"
        code = f'{unit}"{month[2]}"{"y" * len(month[3])}'
        return code if (shown := show(text, code)) and shown[0] == written.lower() else ""
    for form in (written, written.translate(_TO_BRAZILIAN)):
        code = _code_like(form, negative=text.startswith("-"))
        if _MANY_DECIMALS.search(code):
            return ""
        shown = show(text, code)
        if (shown[0] if shown else text) == form:
            return code if shown else ""
    return _WRITTEN + written


def _code_like(written: str, *, negative: bool) -> str:
    """Return a format code by which a number would be written so: `00000\\-000` for 01310-100."""
    before, core, behind = (_CORE.fullmatch(written) or _CORE.fullmatch("0")).groups()  # type: ignore[union-attr]
    whole, comma, cents = core.partition(",")
    if _GROUPED.fullmatch(whole):
        digits = "#,##0"
    else:
        digits = "".join("0" if each.isdigit() else f"\\{each}" for each in whole)
        digits = "0" if whole.isdigit() and not whole.startswith("0") else digits
    digits += "." + "0" * len(cents) if comma else ""
    code = _literal(before.removeprefix("-") if negative else before) + digits + _literal(behind)
    return f"{code};{code}" if negative and not before.startswith("-") else code


def _literal(text: str) -> str:
    return "".join(each if each == "%" else f"\\{each}" for each in text)


class ShownCells(Mapping[int, tuple[str, str]]):
    """Cells of a row that number formats show otherwise, by index: the shown text and the format's code.

    Each is found when it is asked for: of most rows none ever is.
    """

    __slots__ = ("_cells", "_codes")

    def __init__(self, cells: Sequence[str | None], codes: Mapping[int, str]) -> None:
        """`codes`: as `RawRow.codes`, by the index in `cells`."""
        self._cells, self._codes = cells, codes

    def __getitem__(self, index: int) -> tuple[str, str]:
        """Return text and code. Raises KeyError where the text is the cell's, or the code is not understood."""
        shown = show(self._cells[index] or "", self._codes[index])
        if not shown or shown[2] == "unknown":
            raise KeyError(index)
        return shown[:2]

    def get(self, index: int, default: Any = None) -> Any:
        # Most cells that are asked for have no code, and an exception takes ten times as long.
        return super().get(index, default) if index in self._codes else default

    def __iter__(self) -> Iterator[int]:
        return (index for index in self._codes if index in self)

    def __len__(self) -> int:
        return sum(1 for _index in self)


class _Block(NamedTuple):
    """A format that writes a positive number as one block of digits between texts: `"R$" #,##0.00`."""

    before: str
    zeros: int
    """Digits before the decimal sign that are always written."""
    grouped: bool
    places: int
    behind: str


@dataclass(frozen=True, slots=True)
class _Number:
    """A number as it is shown."""

    text: str
    is_exact: bool = True
    is_zero: bool = False


def _find_block(sections: tuple[FormatSection, ...]) -> _Block | None:
    """Return how positive numbers are written by the usual codes; None for all others."""
    if not sections or sections[0].shift or any(section.condition for section in sections):
        return None
    first = sections[0]
    whole, decimals = ("".join(kind[0] for kind, _token in tokens) for tokens in (first.whole, first.decimals))
    digits = [token for kind, token in first.whole if kind == "digit"]
    texts = [token for kind, token in (*first.whole, *first.decimals) if kind != "digit"]
    before = whole.index("d") if digits else 0
    behind = "".join(texts[before:])
    is_block = _BLOCK.fullmatch(whole + "." + decimals if decimals else whole)
    zeros, cents = digits.count("0"), [token for kind, token in first.decimals if kind == "digit"]
    if not is_block or "?" in digits or set(cents) - {"0"} or behind[:1].isdigit() or (first.grouped and zeros > 1):
        return None
    return _Block("".join(texts[:before]), zeros, first.grouped, len(cents), behind)


def _show_in_block(text: str, *, block: _Block, code: str, other: ShowNumber) -> Shown | None:
    """Show by a block what is positive and needs no rounding, in a sixth of the time; anything else by `other`.

    Else an eighth of a report would go into the amounts of a sheet that has a format of money.
    """
    match = _POSITIVE.fullmatch(text)
    whole, cents = match.groups("") if match else ("", "")
    if len(cents) > block.places or not (whole + cents).strip("0"):
        return other(text)
    digits = whole.lstrip("0").rjust(block.zeros, "0")
    if block.grouped and len(digits) > 3:  # noqa: PLR2004 - a group
        digits = f"{int(digits):,}".replace(",", ".")
    comma = "," if block.places else ""
    shown = f"{block.before}{digits}{comma}{cents.ljust(block.places, '0')}{block.behind}".strip()
    return None if shown == text else (shown, code, "")


def _show_unknown(text: str, *, written: str) -> Shown:
    return text, written, "unknown"


def _show_number(text: str, *, sections: tuple[FormatSection, ...], code: str) -> Shown | None:
    if not sections:
        return text, code, "unknown"
    try:
        value = Decimal(text.replace(",", "."))
    except ArithmeticError:
        return None
    section, signed = _choose(sections, value)
    shown = _write(section, abs(value)) if section else _Number("")
    whole = f"-{shown.text}" if signed and value < 0 and not shown.is_zero else shown.text
    whole = whole.strip()
    return None if whole == text else (whole, code, "" if shown.is_exact else "rounded")


def _choose(sections: tuple[FormatSection, ...], value: Decimal) -> tuple[FormatSection | None, bool]:
    """Return the section for a value, and True where a minus stands before its text."""
    conditions = [each.condition for each in sections]
    if not any(conditions):
        if value < 0 and len(sections) > 1:
            return sections[1], False
        return (sections[2] if value == 0 and len(sections) > 2 else sections[0]), True  # noqa: PLR2004
    first = conditions[0] or (">", Decimal(0))
    if _TESTS[first[0]](value, first[1]):
        return sections[0], not _only_negative(first)
    if len(sections) == 1:
        return None, True
    second = conditions[1] or (("<", Decimal(0)) if len(sections) > 2 or conditions[0] is None else None)  # noqa: PLR2004
    if second is None or _TESTS[second[0]](value, second[1]):
        return sections[1], second is None or not _only_negative(second)
    return (sections[2] if len(sections) > 2 else None), True  # noqa: PLR2004


def _only_negative(condition: tuple[str, Decimal]) -> bool:
    return condition[0] in {"<", "<="} and condition[1] <= 0


def _write(section: FormatSection, value: Decimal) -> _Number:
    if any(kind == "general" for kind, _token in section.whole):
        plain = format(value.normalize(), "f").replace(".", ",")
        return _Number("".join(plain if kind == "general" else piece for kind, piece in section.whole))
    has_digits = section.places or any(kind == "digit" for kind, _token in section.whole)
    scaled = value.scaleb(section.shift)
    kept = scaled.quantize(Decimal(1).scaleb(-section.places), ROUND_HALF_UP)
    whole, _point, cents = format(kept, "f").partition(".")
    text = _write_whole(section, whole.lstrip("0"))
    behind = _write_decimals(section, cents)
    comma = "," if behind[:1].isdigit() else ""
    return _Number(
        text + comma + behind, is_exact=not has_digits or kept == scaled, is_zero=bool(has_digits) and not kept
    )


def _write_whole(section: FormatSection, digits: str) -> str:
    """Fill the digits into their places, from the right; the first place takes those that are left."""
    pieces: list[str] = []
    count = 0
    left = sum(kind == "digit" for kind, _token in section.whole)
    for kind, piece in reversed(section.whole):
        if kind != "digit":
            pieces.append(piece)
            continue
        left -= 1
        for _each in range(len(digits) if left == 0 and digits else 1):
            digit = digits[-1:] or {"0": "0", "?": " "}.get(piece, "")
            digits = digits[:-1]
            if digit and section.grouped and count and count % 3 == 0:
                pieces.append(" " if digit == " " else ".")
            pieces.append(digit)
            count += bool(digit)
    return "".join(reversed(pieces))


def _write_decimals(section: FormatSection, cents: str) -> str:
    needed = max((at for at, digit in enumerate(cents, 1) if digit != "0"), default=0)
    pieces: list[str] = []
    at = 0
    for kind, piece in section.decimals:
        if kind != "digit":
            pieces.append(piece)
            continue
        at += 1
        pieces.append(cents[at - 1] if piece == "0" or at <= needed else " " * (piece == "?"))
    return "".join(pieces)


def _month_and_year(code: str) -> tuple[tuple[Literal["unit", "text"], str], ...]:
    """Return the tokens of a date format without a day or a time; none for any other."""
    first = next(SECTION.finditer(code))[1]
    tokens: list[tuple[Literal["unit", "text"], str]] = []
    at = 0
    while match := _MONTH_TOKEN.match(first, at):
        quoted, escaped, _locale, unit, plain = match.groups()
        tokens.append(("unit", unit.lower()) if unit else ("text", quoted or escaped or plain or ""))
        at = match.end()
    return tuple(tokens) if at == len(first) and any(kind == "unit" for kind, _token in tokens) else ()


def _show_month(text: str, *, tokens: tuple[tuple[str, str], ...], code: str) -> Shown | None:
    match = _DATE_TEXT.fullmatch(text)
    if match is None:
        return None
    name = _MONTHS[int(match[1]) - 1]
    units = {
        "m": str(int(match[1])),
        "mm": match[1],
        "mmm": name[:3],
        "mmmm": name,
        "yy": match[2][2:],
        "yyyy": match[2],
    }
    return "".join(units[piece] if kind == "unit" else piece for kind, piece in tokens).strip(), code, ""
