"""Parser of template values: `Ola {Nome|first_name}, {{literal braces}}`."""

import re
from dataclasses import dataclass

from batch.i18n import _
from batch.loader.filters.registry import Filter, compile_filter, is_default

_PIECES = re.compile(r"(?P<open>\{\{)|(?P<close>\}\})|\{(?P<inside>[^{}]*)\}|(?P<stray>[{}])|(?P<text>[^{}]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Placeholder:
    """`{Column|filter|filter:argument}`."""

    column: str
    filters: tuple[Filter, ...] = ()
    names: tuple[str, ...] = ()
    """Names of the filters but `default`, which changes no cell that is filled."""
    may_be_empty: bool = False
    """A `default` fills an empty cell, even if with nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedText:
    """Literal text and placeholders in order, and problems of syntax, each for people."""

    parts: tuple[str | Placeholder, ...]
    problems: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the placeholders, each once, in order."""
        return tuple(dict.fromkeys(part.column for part in self.parts if isinstance(part, Placeholder)))


def parse_text(text: str) -> ParsedText:
    """Split a template value. Never raises: errors are in `problems`, and the rest is parsed all the same."""
    parts: list[str | Placeholder] = []
    problems: list[str] = []
    for match in _PIECES.finditer(text):
        if match.lastgroup == "inside":
            parts += _placeholder(match["inside"], problems)
        elif match.lastgroup == "stray":
            problems.append(
                _("a single {brace!r} stands in it; a brace as text is written {twice!r}").format(
                    brace=match[0], twice=match[0] * 2
                )
            )
        else:
            parts.append({"open": "{", "close": "}"}.get(str(match.lastgroup), match[0]))
    return ParsedText(parts=tuple(parts), problems=tuple(problems))


def _placeholder(inside: str, problems: list[str]) -> list[Placeholder]:
    column, *filters = (part.strip() for part in inside.split("|"))
    if not column:
        problems.append(_("{{{inside}}} names no column").format(inside=inside))
        return []
    compiled: list[Filter] = []
    for text in filters:
        try:
            compiled.append(compile_filter(text))
        except ValueError as failure:
            problems.append(str(failure))
    names = tuple(text.partition(":")[0].strip() for text in filters if not is_default(text))
    may_be_empty = len(names) < len(filters)
    return [Placeholder(column=column, filters=tuple(compiled), names=names, may_be_empty=may_be_empty)]
