"""The shape of the campaign file: its sections, their keys, their defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StrictInt

from batch.campaign.fields import FIELDS, checked
from batch.campaign.limits import SheetLimits
from batch.campaign.name import name_problem
from batch.campaign.notify import Webhook, read_metrics_path, read_webhook
from batch.campaign.shares import Shares, read_shares
from batch.campaign.sources import Constant, Plain, Source, read_source
from batch.campaign.template import body_problem
from batch.campaign.units import parse_duration, parse_rate, parse_share
from batch.errors import nearest
from batch.i18n import _
from batch.model.contact_limits import OutreachRules
from batch.model.phone.cells import Form, is_region
from batch.model.reasons import Finding
from batch.model.sending_hours import Hours, check_holidays, parse_day, parse_hours

__all__ = [
    "Campaign",
    "CampaignFile",
    "FieldSpec",
    "History",
    "Notified",
    "Phone",
    "Sender",
    "Sheet",
    "Stop",
    "Template",
    "Throttle",
]

T = TypeVar("T")
RECIPIENT = "recipient"
"""A window's time zone: that of each person."""


def _sentence(problem_of: Callable[[str], str | None]) -> PlainValidator:
    """A text that `problem_of` finds nothing wrong with."""

    def validate(raw: object) -> str:
        problem = problem_of(raw) if isinstance(raw, str) else _("allowed is a text in quotes")
        if problem:
            raise ValueError(problem)
        return str(raw)

    return PlainValidator(validate)


def _measure(parse: Callable[[str], T], example: str) -> PlainValidator:
    def validate(raw: object) -> T:
        if not isinstance(raw, str):
            raise ValueError(_("allowed is a text in quotes like {example}").format(example=example))  # noqa: TRY004 - pydantic takes ValueError
        return parse(raw)

    return PlainValidator(validate)


def _source(plain: Plain, field: str | None = None) -> PlainValidator:
    """A source whose constant and default the field may hold."""

    def validate(raw: object) -> Source:
        source = read_source(raw, plain=plain)
        if field:
            _check_given(field, source)
        elif source == Constant(value=""):
            raise ValueError(_("allowed is a text that is not empty"))
        return source

    return PlainValidator(validate)


def _number(least: int) -> PlainValidator:
    """A whole number from `least` up, by whatever source."""

    def validate(raw: object) -> Source:
        source = read_source(raw, plain="number")
        given = _given(source)
        if given and int(given) < least:
            raise ValueError(_("allowed is a whole number from {least} up").format(least=least))
        return source

    return PlainValidator(validate)


def _given(source: Source) -> str | None:
    return source.value if isinstance(source, Constant) else source.default


def _check_given(field: str, source: Source) -> None:
    given = _given(source)
    rule = FIELDS[field]
    if given and isinstance(checked(field, given), Finding):
        raise ValueError(_("allowed is {allowed}").format(allowed=rule.allowed))
    if rule.required and isinstance(source, Constant) and not given:
        raise ValueError(_("allowed is {allowed}").format(allowed=rule.allowed))


def _names(raw: object) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(name, str) and name.strip() for name in raw):
        raise ValueError(_('allowed is a list of column names like ["Fatura"]'))
    names = tuple(str(name).strip() for name in raw)
    if len(set(names)) < len(names):
        raise ValueError(_("a column stands in it twice"))
    return names


def _zone_problem(name: str) -> str | None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return _("no such time zone{nearest}").format(nearest=nearest(name, available_timezones()))
    return None


def _region_problem(name: str) -> str | None:
    return None if is_region(name) else _('allowed is a country\'s two letters, like "BR" or "PT"')


def _not_blank(text: str) -> str | None:
    return None if text.strip() else _("allowed is a text that is not empty")


_CURRENCY = re.compile("[A-Z]{3}")


def _currency_problem(name: str) -> str | None:
    return None if _CURRENCY.fullmatch(name) else _('allowed are three capital letters like "BRL" or "USD"')


def _money() -> PlainValidator:
    def validate(raw: object) -> Decimal:
        text = str(raw).replace(",", ".") if isinstance(raw, str | int | float) and not isinstance(raw, bool) else ""
        try:
            amount = Decimal(text)
        except InvalidOperation:
            amount = Decimal(-1)
        if not (amount.is_finite() and amount >= 0):
            raise ValueError(_('allowed is an amount like "0.35"'))
        return amount

    return PlainValidator(validate)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class About(_Section):
    """[campaign]"""

    name: Annotated[str, _sentence(name_problem)]
    unique_by: Annotated[tuple[str, ...], PlainValidator(_names)] = ()
    language: Literal["pt_BR", "en"] | None = None
    """Of reports; None: as the person who runs it."""
    timezone: Annotated[str, _sentence(_zone_problem)] = "America/Sao_Paulo"


def _sender(raw: object) -> Source | Shares:
    if isinstance(raw, list):
        return read_shares(raw)
    source = read_source(raw, plain="constant")
    _check_given("whatsapp_phone_id", source)
    return source


class Sender(_Section):
    """[sender]"""

    whatsapp_phone_id: Annotated[Source | Shares, PlainValidator(_sender)]
    """One sender, a column with each row's, or several that share the people."""


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
    """Attempts in flight at most, per sender."""
    per_24h: Annotated[StrictInt | None, Field(ge=1)] = None
    """Unique people in a moving 24 hours, per sender; None: no cap."""
    shared_cap: Literal["sender", "account"] = "sender"
    """Whose people `per_24h` counts: each sender's, or those of all senders together."""
    per_run: Annotated[StrictInt | None, Field(ge=1)] = None
    """Messages of one run at most; None: no limit."""


def _days(raw: object) -> frozenset[int]:
    if not isinstance(raw, list) or not raw or not all(isinstance(day, str) for day in raw):
        raise ValueError(_('allowed is a list of days like ["mon", "tue", "wed", "thu", "fri"]'))
    return frozenset(parse_day(str(day)) for day in raw)


def _window_zone(raw: object) -> str:
    problem = _zone_problem(raw) if isinstance(raw, str) else _('allowed is "recipient" or a zone in quotes')
    if raw != RECIPIENT and problem:
        raise ValueError(
            _('{problem}; allowed is "recipient" or a zone like "America/Sao_Paulo"').format(problem=problem)
        )
    return str(raw)


def _holidays(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError(_('allowed is a country in quotes like "BR", or a state of it like "BR-SP"'))  # noqa: TRY004
    return check_holidays(raw)


class Window(_Section):
    """[[window]]: hours of some days in which messages may go out."""

    days: Annotated[frozenset[int], PlainValidator(_days)] = frozenset(range(7))
    """Monday is 0."""
    hours: Annotated[tuple[int, int], _measure(parse_hours, '"09:00-20:00"')]
    """Minutes from midnight; the end is exclusive."""
    timezone: Annotated[str | None, PlainValidator(_window_zone)] = None
    """`recipient`, or a zone; None: the campaign's."""
    holidays: Annotated[str | None, PlainValidator(_holidays)] = None
    """On whose public holidays the window stays closed."""


class History(_Section):
    """[history]"""

    not_within: Annotated[float | None, _measure(parse_duration, '"7d"')] = None
    """Seconds: who got a message of another campaign since is left out; None: nobody is."""


def _files(raw: object) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(name, str) and name.strip() for name in raw):
        raise ValueError(_('allowed is a list of files like ["bloqueio.csv"]'))
    return tuple(str(name).strip() for name in raw)


class Suppress(_Section):
    """[suppress]"""

    files: Annotated[tuple[str, ...], PlainValidator(_files)] = ()
    """Sheets of people who must not be messaged; a relative path is one from the campaign file's folder."""
    column: Annotated[str | None, _sentence(_not_blank)] = None
    """The column of the sheet in which a yes means that the person wants no messages."""


class Prices(_Section):
    """[prices]"""

    per_message: Annotated[Decimal, _money()]
    currency: Annotated[str, _sentence(_currency_problem)] = "BRL"


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


class Notify(_Section):
    """[notify]"""

    webhook: Annotated[Webhook | None, PlainValidator(read_webhook)] = None
    """Gets summary.json by POST when a run has ended; None: nobody does."""
    prometheus: Annotated[str | None, PlainValidator(read_metrics_path)] = None
    """A textfile for node_exporter; a relative path is one from the campaign file's folder. None: none is written."""


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
    window: tuple[Window, ...] = ()
    history: History = History()
    suppress: Suppress = Suppress()
    prices: Prices | None = None
    stop: Stop = Stop()
    canary: Canary = Canary()
    notify: Notify = Notify()
    sheet: Sheet = Sheet()


@dataclass(frozen=True, kw_only=True, slots=True)
class SuppressLists:
    """Who must not be messaged besides the ledger's list."""

    files: tuple[Path, ...] = ()
    """Absolute, or as the working folder finds them."""
    column: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Notified:
    """Who is told when a run has ended."""

    webhook: Webhook | None = None
    prometheus: Path | None = None
    """Absolute, or as the working folder finds it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Campaign:
    """A campaign as the rest of the program knows it."""

    path: Path
    name: str
    """With the date filled in: the scope in which a person is messaged once."""
    slug: str
    """The name as part of a folder's name."""
    unique_by: tuple[str, ...]
    language: str | None
    """Of reports; None: as the person who runs it."""
    timezone: str
    sender: Sender
    template: Template
    columns: Mapping[str, Source] | None
    """Field of the request to its source; None: the sheet's headers are matched."""
    template_fields: tuple[FieldSpec, ...] | None
    """None: columns like `body_1` become template fields."""
    phone: Phone
    throttle: Throttle
    hours: Hours
    """When messages may go out."""
    history: History
    suppress: SuppressLists
    prices: Prices | None
    stop: Stop
    canary: Canary
    notify: Notified
    sheet: Sheet

    @property
    def outreach(self) -> OutreachRules:
        """The rules that hold across runs and campaigns."""
        within = self.history.not_within
        return OutreachRules(
            not_within=None if within is None else timedelta(seconds=within),
            per_24h=self.throttle.per_24h,
            shared_cap=self.throttle.shared_cap == "account",
            timezone=self.timezone,
        )
