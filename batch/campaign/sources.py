"""Where a field's value comes from: a column, a column with a default, or a constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from batch.errors import nearest
from batch.i18n import N_, _

__all__ = ["Column", "Constant", "Source", "described", "read_source"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Constant:
    """The same value in every row."""

    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """The row's cell in a column."""

    column: str
    default: str | None = None
    """What stands in for an empty cell; None when the campaign gives none. Empty: the field is left out."""


Source = Constant | Column

Plain = Literal["column", "constant", "number"]
"""What a bare value means: a column's name, a text, or a whole number."""

_KEYS = ("column", "default", "value")
_FORMS = {
    "column": N_('a column\'s name, { column = "...", default = "..." } or { value = "..." }'),
    "constant": N_('a text, or { column = "...", default = "..." }'),
    "number": N_('a whole number, or { column = "...", default = 1 }'),
}


def read_source(raw: object, *, plain: Plain) -> Source:
    """A source as the campaign file writes it. Raises ValueError, whose text says what is allowed."""
    if isinstance(raw, dict):
        return _from_table(raw, plain)
    return Column(column=_name(raw, plain)) if plain == "column" else Constant(value=_value(raw, plain))


def _from_table(table: dict[str, object], plain: Plain) -> Source:
    unknown = next((key for key in table if key not in _KEYS), None)
    if unknown is not None:
        raise ValueError(
            _("unknown key '{key}'{nearest}; allowed is {allowed}").format(
                key=unknown, nearest=nearest(unknown, _KEYS), allowed=_(_FORMS[plain])
            )
        )
    if set(table) == {"value"}:
        return Constant(value=_value(table["value"], plain))
    if "value" in table:
        raise ValueError(
            _("a constant and a column exclude each other; allowed is {allowed}").format(allowed=_(_FORMS[plain]))
        )
    default = _value(table["default"], plain) if "default" in table else None
    return Column(column=_name(table.get("column"), plain), default=default)


def _name(raw: object, plain: Plain) -> str:
    if isinstance(raw, str) and raw.strip():
        return raw.strip()
    raise ValueError(_("allowed is {allowed}").format(allowed=_(_FORMS[plain])))


def _value(raw: object, plain: Plain) -> str:
    if plain == "number" and isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    if plain != "number" and isinstance(raw, str):
        return raw.strip()
    raise ValueError(_("allowed is {allowed}").format(allowed=_(_FORMS[plain])))


def described(source: Source) -> str:
    """`column 'Agente', left out when empty`: for people."""
    if isinstance(source, Constant):
        return _("constant '{value}'").format(value=source.value)
    if source.default is None:
        return _("column '{column}'").format(column=source.column)
    if not source.default:
        return _("column '{column}', left out when empty").format(column=source.column)
    return _("column '{column}', '{default}' when empty").format(column=source.column, default=source.default)
