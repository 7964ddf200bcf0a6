"""Schema of the campaign file: sections, keys and defaults.

Validators raise ValueError with a text that says what is allowed; `problems` adds the key and the value found.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, StrictBool, StrictInt, ValidationInfo

from batch.campaign.sources import BareValue, Column, Constant, Shares, Source, read_shares, read_source
from batch.campaign.template import FIELDS, body_problem, check_value
from batch.campaign.units import name_problem, parse_duration, parse_rate, parse_share
from batch.errors import nearest
from batch.i18n import N_, _
from batch.model.messages import is_loopback
from batch.model.phone.brazil import AREAS
from batch.model.phone.cells import Form, is_region
from batch.model.reasons import Finding
from batch.model.sending_hours import check_holidays, parse_day, parse_hours
from batch.model.sheets import parse_encoding

T = TypeVar("T")
RECIPIENT = "recipient"
"""Time zone of a window: that of each recipient."""


def _sentence(problem_of: Callable[[str], str | None]) -> PlainValidator:
    """Validate a text for which `problem_of` returns None."""

    def validate(raw: object) -> str:
        problem = problem_of(raw) if isinstance(raw, str) else _("allowed is a text in quotes")
        if problem:
            raise ValueError(problem)
        return str(raw)

    return PlainValidator(validate)


def _measure(
    parse: Callable[[str], T], example: str = "", *, shape: str = N_("allowed is a text in quotes like {example}")
) -> PlainValidator:
    """Validate a text that `parse` takes. `shape`: marked, what is allowed, like the `example`."""

    def validate(raw: object) -> T:
        if not isinstance(raw, str):
            raise ValueError(_(shape).format(example=example))  # noqa: TRY004 - pydantic takes ValueError
        return parse(raw)

    return PlainValidator(validate)


def _source(plain: BareValue, field: str | None = None) -> PlainValidator:
    """Validate a source whose constant and default are valid values of the field."""

    def validate(raw: object) -> Source:
        source = read_source(raw, plain=plain)
        if field:
            _check_fixed_value(field, source)
        elif source == Constant(value=""):
            raise ValueError(_("allowed is a text that is not empty"))
        return source

    return PlainValidator(validate)


def _number(least: int) -> PlainValidator:
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


def _texts(
    shape: str, make: Callable[[list[str]], object] = tuple, *, example: str = "", least: int = 0
) -> PlainValidator:
    """Validate a list of texts that are not empty. `shape`: marked, what is allowed, like the `example`."""

    def validate(raw: object) -> object:
        given = raw if isinstance(raw, list) else [raw]
        texts = [text.strip() for text in given if isinstance(text, str)]
        if given is not raw or not all(texts) or len(texts) < max(least, len(given)):
            raise ValueError(_(shape).format(example=example))
        return make(texts)

    return PlainValidator(validate)


_TEXTS = N_("allowed is a list of texts like {example}")


def _distinct(names: list[str]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError(_("a column stands in it twice"))
    return tuple(names)


def _resolve_all(names: Sequence[str], info: ValidationInfo) -> tuple[Path, ...]:
    """Return paths that start at the campaign file's folder, unless they are absolute."""
    return tuple(Path(info.context or "") / name for name in names)


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


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CampaignSection(_Section):
    """Section [campaign]."""

    name: Annotated[str, _sentence(name_problem)]
    unique_by: Annotated[
        tuple[str, ...], _texts(N_('allowed is a list of column names like ["Fatura"]'), _distinct)
    ] = ()
    language: Literal["pt_BR", "en"] | None = None
    """Language of reports; None: that of the user who runs it."""
    timezone: Annotated[str, _sentence(_zone_problem)] = "America/Sao_Paulo"


def _sender(raw: object) -> Source | Shares:
    if isinstance(raw, list):
        return read_shares(raw)
    source = read_source(raw, plain="constant")
    _check_fixed_value("whatsapp_phone_id", source)
    return source


class SenderSection(_Section):
    """Section [sender]."""

    whatsapp_phone_id: Annotated[Source | Shares, PlainValidator(_sender)]
    """One sender, a column with each row's, or several that share the recipients."""


class TemplateSection(_Section):
    """Section [template]."""

    name: Annotated[Source, _source("constant", "template.name")]
    language: Annotated[Source, _source("constant", "template.language")]
    body: Annotated[str | None, _sentence(body_problem)] = None
    """Text of the template with its `{{n}}`; None: not given."""


class ColumnsSection(_Section):
    """Section [columns]."""

    wa_contact_id: Annotated[Source, _source("column", "wa_contact_id")]
    remote_profile_name: Annotated[Source | None, _source("column", "remote_profile_name")] = None
    person_contact_id: Annotated[Source | None, _source("column", "person_contact_id")] = None
    crm_person_id: Annotated[Source | None, _source("column", "crm_person_id")] = None
    assigned_agent_id: Annotated[Source | None, _source("column", "assigned_agent_id")] = None
    status: Annotated[Source | None, _source("column", "status")] = None


class FieldSpec(_Section):
    """Section [[template_fields]]: one value of the template, with the sources of its parts."""

    component: Annotated[Source, _source("constant")]
    type: Annotated[Source, _source("constant")] = Constant(value="TEXT")
    index: Annotated[Source, _number(1)]
    """Counts from 1."""
    button_index: Annotated[Source | None, _number(0)] = None
    """Counts from 0."""
    card_index: Annotated[Source | None, _number(0)] = None
    """Counts from 0."""
    value: Annotated[Source, _source("constant")]
    """A `Constant` is a text with `{Column|filter}` in it."""


def _area(raw: object) -> Source:
    source = read_source(raw, plain="constant")
    if (isinstance(source, Constant) and source.value not in AREAS) or (isinstance(source, Column) and source.default):
        raise ValueError(_('allowed is an area code like "11", or { column = "DDD" }'))
    return source


class PhoneSection(_Section):
    """Section [phone]."""

    region: Annotated[str, _sentence(_region_problem)] = "BR"
    format: Form = "national"
    country_column: Annotated[str | None, _sentence(_not_blank)] = None
    """Column of the sheet with each row's country: its name, letters or code."""
    area_code: Annotated[Source | None, PlainValidator(_area)] = None
    """Area code (DDD) of numbers without one, or the column of it."""


class ThrottleSection(_Section):
    """Section [throttle]."""

    rate: Annotated[float, _measure(parse_rate, '"10/s"')] = 10.0
    """Starts per second."""
    concurrency: Annotated[StrictInt, Field(ge=1, le=512)] = 16
    """Most attempts in flight, per sender."""
    per_24h: Annotated[StrictInt | None, Field(ge=1)] = None
    """Unique recipients in any moving 24 hours, per sender; None: no cap."""
    shared_cap: Literal["sender", "account"] = "sender"
    """Scope of `per_24h`: the recipients of each sender, or those of all senders together."""
    per_run: Annotated[StrictInt | None, Field(ge=1)] = None
    """Most messages of one run; None: no limit."""


def _window_zone(raw: object) -> str:
    problem = _zone_problem(raw) if isinstance(raw, str) else _('allowed is "recipient" or a zone in quotes')
    if raw != RECIPIENT and problem:
        raise ValueError(
            _('{problem}; allowed is "recipient" or a zone like "America/Sao_Paulo"').format(problem=problem)
        )
    return str(raw)


class WindowSection(_Section):
    """Section [[window]]: sending hours on some days."""

    days: Annotated[
        frozenset[int],
        _texts(
            N_('allowed is a list of days like ["mon", "tue", "wed", "thu", "fri"]'),
            lambda days: frozenset(map(parse_day, days)),
            least=1,
        ),
    ] = frozenset(range(7))
    """Monday is 0."""
    hours: Annotated[tuple[int, int], _measure(parse_hours, '"09:00-20:00"')]
    """Minutes from midnight; the end is exclusive."""
    timezone: Annotated[str | None, PlainValidator(_window_zone)] = None
    """`recipient` or a zone; None: the campaign's zone."""
    holidays: Annotated[
        str | None,
        _measure(check_holidays, shape=N_('allowed is a country in quotes like "BR", or a state of it like "BR-SP"')),
    ] = None
    """Country or state on whose public holidays the window stays closed; None: no holidays."""


class HistorySection(_Section):
    """Section [history]."""

    not_within: Annotated[float | None, _measure(parse_duration, '"7d"')] = None
    """Least seconds since a message of another campaign; None: no such rule."""
    warn: Annotated[float, _measure(parse_duration, '"24h"')] = 86400.0
    """Seconds in which a message of another campaign to most people of a new campaign is worth a warning."""


class SuppressSection(_Section):
    """Section [suppress]."""

    files: Annotated[tuple[Path, ...], _texts(_TEXTS, example='["bloqueio.csv"]'), AfterValidator(_resolve_all)] = ()
    """Sheets of people who must not be messaged; relative paths start at the campaign file's folder."""
    column: Annotated[str | None, _sentence(_not_blank)] = None
    """Column of the sheet in which a yes means that the person wants no messages."""
    ignore: Annotated[tuple[str, ...], _texts(_TEXTS, example='["Opt-out SMS"]')] = ()
    """Columns whose names say opt-out or consent, and which mean something else."""


class ConsentSection(_Section):
    """Section [consent]."""

    column: Annotated[str, _sentence(_not_blank)]
    """Column of the sheet in which only a clear yes lets a person get the message."""
    yes: Annotated[tuple[str, ...], _texts(_TEXTS, example='["sim, aceito"]')] = ()
    """Texts that mean yes, besides the usual words."""


def _select(raw: object) -> Mapping[str, tuple[str, ...]]:
    table: dict[str, Any] = raw if isinstance(raw, dict) else {"": None}
    given = {column: [values] if isinstance(values, str) else values for column, values in table.items()}
    for values in given.values():
        if not (isinstance(values, list) and values and all(isinstance(value, str) for value in values)):
            raise ValueError(_('allowed are columns with lists of texts, like Status = ["ativo"]'))
    return {column: tuple(values) for column, values in given.items()}


_CURRENCY = re.compile("[A-Z]{3}")


def _currency_problem(name: str) -> str | None:
    return None if _CURRENCY.fullmatch(name) else _('allowed are three capital letters like "BRL" or "USD"')


_MOST_MONEY = 1_000_000


def _money(raw: object) -> Decimal:
    text = str(raw).replace(",", ".") if isinstance(raw, str | int | float) and not isinstance(raw, bool) else ""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and 0 <= amount <= _MOST_MONEY):
        raise ValueError(_('allowed is an amount like "0.35", of at most 1,000,000'))
    return amount


class ValuesSection(_Section):
    """Section [values]."""

    allow: Annotated[
        frozenset[str],
        _texts(N_('allowed is a list of words like ["-", "N/A"]'), lambda words: frozenset(map(str.lower, words))),
    ] = frozenset()
    """Words and texts, in small letters, that are no fault of a cell."""


class PricesSection(_Section):
    """Section [prices]."""

    per_message: Annotated[Decimal, PlainValidator(_money)]
    currency: Annotated[str, _sentence(_currency_problem)] = "BRL"


class StopSection(_Section):
    """Section [stop]."""

    errors: Annotated[float, _measure(parse_share, '"20%"')] = 0.2
    """Share of errors at which the run stops, after at least 50 attempts."""
    unknowns: Annotated[StrictInt, Field(ge=1)] = 5
    """Consecutive unknown outcomes at which the run stops."""
    retries: Annotated[StrictInt, Field(ge=0, le=1000)] = 8
    """Safe retries of one row before the run stops."""
    retry_for: Annotated[float, _measure(parse_duration, '"15m"')] = 900.0
    """Seconds that the safe retries of one row may take."""


class CanarySection(_Section):
    """Section [canary]."""

    rows: Annotated[StrictInt | None, Field(ge=1)] = None
    """Rows that are sent alone first; None: no canary."""


_ODD = re.compile(r"[\x00-\x20\x7f\\]")
_METRICS = ".prom"


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """Address that gets the summary of a run."""

    url: str = field(repr=False)
    """The whole address, which may hold a secret: only for the request."""
    host: str
    """Host, with its port if one is given; may be shown."""


def read_webhook(raw: object) -> Webhook:
    """Validate the address of `[notify] webhook`. Raises ValueError, which does not repeat the address."""
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError(_('allowed is an address in quotes like "https://example.org/hook"'))
    url = raw.strip()
    parts = _split(url)
    if parts is None or parts.scheme not in ("https", "http"):
        raise ValueError(_('this is no address; allowed is one like "https://example.org/hook"'))
    if "@" in parts.netloc:
        raise ValueError(_("a user name or password stands before the @; put a secret into the path instead"))
    if parts.scheme == "http" and not is_loopback(url):
        raise ValueError(_("it is not encrypted; write https:// (http:// is allowed to this machine alone)"))
    return Webhook(url=url, host=parts.netloc.lower())


def _split(url: str) -> SplitResult | None:
    """Split an address; None if it has no host, a wrong port or characters that no address has."""
    if _ODD.search(url):
        return None
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError:
        return None
    return parts if named else None


def read_metrics_path(raw: object, info: ValidationInfo) -> Path:
    """Validate the path of `[notify] prometheus`. Raises ValueError."""
    if not isinstance(raw, str) or not raw.strip() or "\0" in raw or not raw.strip().endswith(_METRICS):
        raise ValueError(_('allowed is a path in quotes that ends in .prom, like "/var/lib/metrics/wegly.prom"'))
    return _resolve_all([raw.strip()], info)[0]


class NotifySection(_Section):
    """Section [notify]."""

    webhook: Annotated[Webhook | None, PlainValidator(read_webhook)] = None
    """Address that gets summary.json by POST at the end of a run; None: no webhook."""
    prometheus: Annotated[Path | None, PlainValidator(read_metrics_path)] = None
    """Textfile for node_exporter; a relative path starts at the campaign file's folder. None: no file."""


class SheetSection(_Section):
    """Section [sheet]."""

    name: Annotated[str | None, _sentence(_not_blank)] = None
    header_row: Annotated[StrictInt | None, Field(ge=1)] = None
    """Row number that Excel shows; None: the header is found."""
    hidden_rows: Literal["skip", "send"] = "skip"
    encoding: Annotated[str | None, _measure(parse_encoding, '"cp850"')] = None
    """Of a text file; None: it is found."""
    dates: Literal["dmy", "mdy"] | None = None
    """Order of day and month in texts; None: judged by the column, day first where nothing speaks against it."""
    row_ends: Literal["exact", "loose"] = "exact"
    """loose: empty cells at the right edge of a text file's rows may be missing or too many."""
    trusted: StrictBool = False
    """Read the file whatever its size."""


class CampaignFile(_Section):
    """Schema of the whole file."""

    campaign: CampaignSection
    sender: SenderSection
    template: TemplateSection
    columns: ColumnsSection | None = None
    template_fields: tuple[FieldSpec, ...] | None = None
    phone: PhoneSection = PhoneSection()
    throttle: ThrottleSection = ThrottleSection()
    window: tuple[WindowSection, ...] = ()
    history: HistorySection = HistorySection()
    suppress: SuppressSection = SuppressSection()
    consent: ConsentSection | None = None
    select: Annotated[Mapping[str, tuple[str, ...]], PlainValidator(_select), Field(default_factory=dict)]
    values: ValuesSection = ValuesSection()
    prices: PricesSection | None = None
    stop: StopSection = StopSection()
    canary: CanarySection = CanarySection()
    notify: NotifySection = NotifySection()
    sheet: SheetSection = SheetSection()
