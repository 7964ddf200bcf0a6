"""Sources of a field's value: a column, a column with a default, a constant, or senders that share the recipients."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from pydantic import PlainValidator

from batch.campaign.template import FIELDS, check_value
from batch.errors import nearest
from batch.i18n import N_, _, number
from batch.model.phone.brazil import AREAS
from batch.model.reasons import Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Constant:
    """Source with the same value in every row."""

    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """Source that takes the row's cell of a column."""

    column: str
    default: str | None = None
    """Value for an empty cell; None: the campaign gives none; empty: the field is left out."""


Source = Constant | Column

BareValue = Literal["column", "constant", "number"]
"""Meaning of a bare value: a column's name, a text, or a whole number."""

_KEYS = ("column", "default", "value")
_FORMS = {
    "column": N_('a column\'s name, { column = "...", default = "..." } or { value = "..." }'),
    "constant": N_('a text, or { column = "...", default = "..." }'),
    "number": N_('a whole number, or { column = "...", default = 1 }'),
}


def read_source(raw: object, *, plain: BareValue) -> Source:
    """Return the source that the campaign file describes. Raises ValueError with what is allowed."""
    if isinstance(raw, dict):
        return _from_table(raw, plain)
    return Column(column=_name(raw, plain)) if plain == "column" else Constant(value=_value(raw, plain))


def _from_table(table: dict[str, object], plain: BareValue) -> Source:
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
            _("a fixed value and a column exclude each other; allowed is {allowed}").format(allowed=_(_FORMS[plain]))
        )
    default = _value(table["default"], plain) if "default" in table else None
    return Column(column=_name(table.get("column"), plain), default=default)


def _name(raw: object, plain: BareValue) -> str:
    if isinstance(raw, str) and raw.strip():
        return raw.strip()
    raise ValueError(_("allowed is {allowed}").format(allowed=_(_FORMS[plain])))


def _value(raw: object, plain: BareValue) -> str:
    if plain == "number" and isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    if plain != "number" and isinstance(raw, str):
        return raw.strip()
    raise ValueError(_("allowed is {allowed}").format(allowed=_(_FORMS[plain])))


def describe_source(source: Source) -> str:
    """Describe a source for people: `column 'Agente', left out when empty`."""
    if isinstance(source, Constant):
        return _("fixed value '{value}'").format(value=source.value)
    if source.default is None:
        return _("column '{column}'").format(column=source.column)
    if not source.default:
        return _("column '{column}', left out when empty").format(column=source.column)
    return _("column '{column}', '{default}' when empty").format(column=source.column, default=source.default)


_FIELD = "whatsapp_phone_id"
_WHOLE, _ROUNDING = 100, 0.1
"""Percent, and how far the sum may be off: people write 33.3% three times."""
_ALLOWED = N_('allowed is a list like [{ id = "0b28ee57-...", share = "60%" }, { id = "7c19...", share = "40%" }]')


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """Sender and its part of the recipients."""

    id: str
    part: float
    """Above 0; the parts of all senders add up to 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """Senders that share the recipients."""

    senders: tuple[Share, ...]

    def sender_of(self, person: str) -> str:
        """Return the sender of a person (E.164): the same in every run and sheet."""
        place = int.from_bytes(hashlib.sha256(person.encode()).digest()[:8]) / 2**64
        for share in self.senders:
            place -= share.part
            if place < 0:
                return share.id
        return self.senders[-1].id

    def __str__(self) -> str:
        listed = ", ".join(f"{share.id} {share.part:.0%}" for share in self.senders)
        return _("{senders}, by person").format(senders=listed)


def read_shares(raw: list[object]) -> Shares:
    """Return the senders that the campaign file lists. Raises ValueError with what is allowed."""
    entries = [_entry(each) for each in raw]
    if not entries:
        raise ValueError(_(_ALLOWED))
    ids = [sender for sender, _share in entries]
    if twice := next((sender for sender in ids if ids.count(sender) > 1), None):
        raise ValueError(_("the sender {twice} stands in it twice").format(twice=twice))
    if len({isinstance(share, str) for _sender, share in entries}) > 1:
        raise ValueError(_("shares are all percentages or all plain numbers; {allowed}").format(allowed=_(_ALLOWED)))
    weights = [_weight(share) for _sender, share in entries]
    total = sum(weights)
    if isinstance(entries[0][1], str) and round(abs(total - _WHOLE), 6) > _ROUNDING:
        raise ValueError(_("the shares add up to {total}%, not to 100%").format(total=number(total, "g")))
    return Shares(
        senders=tuple(Share(id=sender, part=weight / total) for sender, weight in zip(ids, weights, strict=True))
    )


def _entry(raw: object) -> tuple[str, object]:
    if not isinstance(raw, dict):
        raise ValueError(_(_ALLOWED))  # noqa: TRY004 - pydantic takes ValueError
    if unknown := next((key for key in raw if key not in ("id", "share")), None):
        raise ValueError(
            _("unknown key '{key}'{nearest}; {allowed}").format(
                key=unknown, nearest=nearest(unknown, ("id", "share")), allowed=_(_ALLOWED)
            )
        )
    given = raw.get("id")
    sender = check_value(_FIELD, given.strip()) if isinstance(given, str) and given.strip() else None
    if sender is None or isinstance(sender, Finding):
        raise ValueError(
            _("id is {given!r}; allowed is {allowed}").format(given=given, allowed=FIELDS[_FIELD].valid_values)
        )
    return sender, raw.get("share", 1)


def _weight(share: object) -> float:
    text = share.strip().removesuffix("%").strip().replace(",", ".") if isinstance(share, str) else share
    try:
        weight = float(text) if isinstance(text, str | int | float) and not isinstance(text, bool) else 0.0
    except ValueError:
        weight = 0.0
    if isinstance(share, str) and not share.strip().endswith("%"):
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise ValueError(
            _('share is {share!r}; allowed is a percentage like "60%", or a number above 0').format(share=share)
        )
    return weight


def source_validator(plain: BareValue, field: str | None = None) -> PlainValidator:
    """Validate a source whose constant and default are valid values of the field."""

    def validate(raw: object) -> Source:
        source = read_source(raw, plain=plain)
        if field:
            _check_fixed_value(field, source)
        elif source == Constant(value=""):
            raise ValueError(_("allowed is a text that is not empty"))
        return source

    return PlainValidator(validate)


def number_validator(least: int) -> PlainValidator:
    """Validate a source of whole numbers from `least` up."""

    def validate(raw: object) -> Source:
        source = read_source(raw, plain="number")
        given = _fixed_value(source)
        if given and int(given) < least:
            raise ValueError(_("allowed is a whole number from {least} up").format(least=least))
        return source

    return PlainValidator(validate)


def _fixed_value(source: Source) -> str | None:
    return source.value if isinstance(source, Constant) else source.default


def _check_fixed_value(field: str, source: Source) -> None:
    given = _fixed_value(source)
    rule = FIELDS[field]
    if given and isinstance(check_value(field, given), Finding):
        raise ValueError(_("allowed is {allowed}").format(allowed=rule.valid_values))
    if rule.required and isinstance(source, Constant) and not given:
        raise ValueError(_("allowed is {allowed}").format(allowed=rule.valid_values))


def read_area_code(raw: object) -> Source:
    """Return the source of an area code. Raises ValueError."""
    source = read_source(raw, plain="constant")
    if (isinstance(source, Constant) and source.value not in AREAS) or (isinstance(source, Column) and source.default):
        raise ValueError(_('allowed is an area code like "11", or { column = "DDD" }'))
    return source


def read_sender(raw: object) -> Source | Shares:
    """Return the sender, its column, or several senders. Raises ValueError."""
    if isinstance(raw, list):
        return read_shares(raw)
    source = read_source(raw, plain="constant")
    _check_fixed_value("whatsapp_phone_id", source)
    return source
