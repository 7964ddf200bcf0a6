"""The shape of the campaign file: its sections, their keys, their defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StrictInt

from batch.campaign.fields import FIELDS, checked
from batch.campaign.limits import SheetLimits
from batch.campaign.name import name_problem
from batch.campaign.source import Constant, Plain, Source, read_source
from batch.campaign.template import body_problem
from batch.campaign.units import parse_duration, parse_rate, parse_share
from batch.errors import nearest
from batch.model.phone import Form, is_region
from batch.model.reason import Finding

__all__ = ["Campaign", "CampaignFile", "FieldSpec", "Phone", "Sender", "Sheet", "Stop", "Template", "Throttle"]


def _sentence(problem_of: Callable[[str], str | None]) -> PlainValidator:
    """A text that `problem_of` finds nothing wrong with."""

    def validate(raw: object) -> str:
        problem = problem_of(raw) if isinstance(raw, str) else "allowed is a text in quotes"
        if problem:
            raise ValueError(problem)
        return str(raw)

    return PlainValidator(validate)


def _measure(parse: Callable[[str], float], example: str) -> PlainValidator:
    def validate(raw: object) -> float:
        if not isinstance(raw, str):
            raise ValueError(f"allowed is a text in quotes like {example}")  # noqa: TRY004 - pydantic takes ValueError
        return parse(raw)

    return PlainValidator(validate)


def _source(plain: Plain, field: str | None = None) -> PlainValidator:
    """A source whose constant and default the field may hold."""

    def validate(raw: object) -> Source:
        source = read_source(raw, plain=plain)
        if field:
            _check_given(field, source)
        elif source == Constant(value=""):
            raise ValueError("allowed is a text that is not empty")
        return source

    return PlainValidator(validate)


def _number(least: int) -> PlainValidator:
    """A whole number from `least` up, by whatever source."""

    def validate(raw: object) -> Source:
        source = read_source(raw, plain="number")
        given = _given(source)
        if given and int(given) < least:
            raise ValueError(f"allowed is a whole number from {least} up")
        return source

    return PlainValidator(validate)


def _given(source: Source) -> str | None:
    return source.value if isinstance(source, Constant) else source.default


def _check_given(field: str, source: Source) -> None:
    given = _given(source)
    rule = FIELDS[field]
    if given and isinstance(checked(field, given), Finding):
        raise ValueError(f"allowed is {rule.allowed}")
    if rule.required and isinstance(source, Constant) and not given:
        raise ValueError(f"allowed is {rule.allowed}")


def _names(raw: object) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(name, str) and name.strip() for name in raw):
        raise ValueError('allowed is a list of column names like ["Fatura"]')
    names = tuple(str(name).strip() for name in raw)
    if len(set(names)) < len(names):
        raise ValueError("a column stands in it twice")
    return names


def _zone_problem(name: str) -> str | None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return f"no such time zone{nearest(name, available_timezones())}"
    return None


def _region_problem(name: str) -> str | None:
    return None if is_region(name) else 'allowed is a country\'s two letters, like "BR" or "PT"'


def _not_blank(text: str) -> str | None:
    return None if text.strip() else "allowed is a text that is not empty"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class About(_Section):
    """[campaign]"""

    name: Annotated[str, _sentence(name_problem)]
    unique_by: Annotated[tuple[str, ...], PlainValidator(_names)] = ()
    language: Literal["pt_BR", "en"] = "pt_BR"
    timezone: Annotated[str, _sentence(_zone_problem)] = "America/Sao_Paulo"


class Sender(_Section):
    """[sender]"""

    whatsapp_phone_id: Annotated[Source, _source("constant", "whatsapp_phone_id")]


class Template(_Section):
    """[template]"""

    name: Annotated[Source, _source("constant", "template.name")]
    language: Annotated[Source, _source("constant", "template.language")]
    body: Annotated[str | None, _sentence(body_problem)] = None
    """The template's text with its `{{n}}`; None when the campaign does not give it."""


class Columns(_Section):
    """[columns]"""

    wa_contact_id: Annotated[Source, _source("column", "wa_contact_id")]
    remote_profile_name: Annotated[Source | None, _source("column", "remote_profile_name")] = None
    person_contact_id: Annotated[Source | None, _source("column", "person_contact_id")] = None
    crm_person_id: Annotated[Source | None, _source("column", "crm_person_id")] = None
    assigned_agent_id: Annotated[Source | None, _source("column", "assigned_agent_id")] = None
    status: Annotated[Source | None, _source("column", "status")] = None


class FieldSpec(_Section):
    """[[template_fields]]: one value of the template, and where each of its parts comes from."""

    component: Annotated[Source, _source("constant")]
    type: Annotated[Source, _source("constant")] = Constant(value="TEXT")
    index: Annotated[Source, _number(1)]
    """Counts from 1."""
    button_index: Annotated[Source | None, _number(0)] = None
    """Counts from 0."""
    card_index: Annotated[Source | None, _number(0)] = None
    """Counts from 0."""
    value: Annotated[Source, _source("constant")]
    """A `Constant` here is a text with `{Column|filter}` in it."""


class Phone(_Section):
    """[phone]"""

    region: Annotated[str, _sentence(_region_problem)] = "BR"
    format: Form = "national"


class Throttle(_Section):
    """[throttle]"""

    rate: Annotated[float, _measure(parse_rate, '"10/s"')] = 10.0
    """Starts a second."""
    concurrency: Annotated[StrictInt, Field(ge=1, le=512)] = 16
    """Attempts in flight at most."""


class Stop(_Section):
    """[stop]"""

    errors: Annotated[float, _measure(parse_share, '"20%"')] = 0.2
    """Share of this run's attempts that may be errors (of at least 50)."""
    unknowns: Annotated[StrictInt, Field(ge=1)] = 5
    """Unknown outcomes in a row."""
    retries: Annotated[StrictInt, Field(ge=0, le=1000)] = 8
    """Safe repeats of one row before the run stops."""
    retry_for: Annotated[float, _measure(parse_duration, '"15m"')] = 900.0
    """Seconds that the safe repeats of one row may take."""


class Canary(_Section):
    """[canary]"""

    rows: Annotated[StrictInt | None, Field(ge=1)] = None
    """How many rows are sent alone first; None: no canary."""


class Sheet(_Section):
    """[sheet]"""

    name: Annotated[str | None, _sentence(_not_blank)] = None
    header_row: Annotated[StrictInt | None, Field(ge=1)] = None
    """The number Excel shows; None: found by itself."""
    hidden_rows: Literal["skip", "send"] = "skip"
    limits: SheetLimits = SheetLimits()


class CampaignFile(_Section):
    """The whole file."""

    campaign: About
    sender: Sender
    template: Template
    columns: Columns | None = None
    template_fields: tuple[FieldSpec, ...] | None = None
    phone: Phone = Phone()
    throttle: Throttle = Throttle()
    stop: Stop = Stop()
    canary: Canary = Canary()
    sheet: Sheet = Sheet()


@dataclass(frozen=True, kw_only=True, slots=True)
class Campaign:
    """A campaign as the rest of the program knows it."""

    path: Path
    name: str
    """With the date filled in: the scope in which a person is messaged once."""
    slug: str
    """The name as part of a folder's name."""
    unique_by: tuple[str, ...]
    language: str
    timezone: str
    sender: Sender
    template: Template
    columns: Mapping[str, Source] | None
    """Field of the request to its source; None: the sheet's headers are matched."""
    template_fields: tuple[FieldSpec, ...] | None
    """None: columns like `body_1` become template fields."""
    phone: Phone
    throttle: Throttle
    stop: Stop
    canary: Canary
    sheet: Sheet
