"""Schema of the campaign file: sections, keys and defaults."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, StrictBool, StrictInt

from batch.campaign import validators
from batch.campaign.sources import (
    Constant,
    Shares,
    Source,
    number_validator,
    read_area_code,
    read_sender,
    source_validator,
)
from batch.campaign.template import body_problem
from batch.i18n import N_
from batch.model.phone.cells import Form
from batch.model.sending_hours import check_holidays, parse_day, parse_hours
from batch.model.sheets import parse_encoding


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CampaignSection(_Section):
    """Section [campaign]."""

    name: Annotated[str, validators.check_with(validators.name_problem)]
    unique_by: Annotated[
        tuple[str, ...],
        validators.parse_list(N_('allowed is a list of column names like ["Fatura"]'), validators.refuse_twins),
    ] = ()
    language: Literal["pt_BR", "en"] | None = None
    """Language of reports; None: that of the user who runs it."""
    timezone: Annotated[str, validators.check_with(validators.zone_problem)] = "America/Sao_Paulo"


class SenderSection(_Section):
    """Section [sender]."""

    whatsapp_phone_id: Annotated[Source | Shares, PlainValidator(read_sender)]
    """One sender, a column with each row's, or several that share the recipients."""


class TemplateSection(_Section):
    """Section [template]."""

    name: Annotated[Source, source_validator("constant", "template.name")]
    language: Annotated[Source, source_validator("constant", "template.language")]
    body: Annotated[str | None, validators.check_with(body_problem)] = None
    """Text of the template with its `{{n}}`; None: not given."""


class ColumnsSection(_Section):
    """Section [columns]."""

    wa_contact_id: Annotated[Source, source_validator("column", "wa_contact_id")]
    remote_profile_name: Annotated[Source | None, source_validator("column", "remote_profile_name")] = None
    person_contact_id: Annotated[Source | None, source_validator("column", "person_contact_id")] = None
    crm_person_id: Annotated[Source | None, source_validator("column", "crm_person_id")] = None
    assigned_agent_id: Annotated[Source | None, source_validator("column", "assigned_agent_id")] = None
    status: Annotated[Source | None, source_validator("column", "status")] = None


class FieldSpec(_Section):
    """Section [[template_fields]]: one value of the template, with the sources of its parts."""

    component: Annotated[Source, source_validator("constant")]
    type: Annotated[Source, source_validator("constant")] = Constant(value="TEXT")
    index: Annotated[Source, number_validator(1)]
    """Counts from 1."""
    button_index: Annotated[Source | None, number_validator(0)] = None
    """Counts from 0."""
    card_index: Annotated[Source | None, number_validator(0)] = None
    """Counts from 0."""
    value: Annotated[Source, source_validator("constant")]
    """A `Constant` is a text with `{Column|filter}` in it."""


class PhoneSection(_Section):
    """Section [phone]."""

    region: Annotated[str, validators.check_with(validators.region_problem)] = "BR"
    format: Form = "national"
    country_column: Annotated[str | None, validators.check_with(validators.blank_problem)] = None
    """Column of the sheet with each row's country: its name, letters or code."""
    area_code: Annotated[Source | None, PlainValidator(read_area_code)] = None
    """Area code (DDD) of numbers without one, or the column of it."""


class ThrottleSection(_Section):
    """Section [throttle]."""

    rate: Annotated[float, validators.parse_with(validators.parse_rate, '"10/s"')] = 10.0
    """Starts per second."""
    concurrency: Annotated[StrictInt, Field(ge=1, le=512)] = 16
    """Most attempts in flight, per sender."""
    per_24h: Annotated[StrictInt | None, Field(ge=1)] = None
    """Unique recipients in any moving 24 hours (`shared_cap`); None: no cap."""
    shared_cap: Literal["sender", "account"] = "account"
    """Scope of `per_24h`: the recipients of all senders together, as WhatsApp counts them, or those of each sender."""
    per_run: Annotated[StrictInt | None, Field(ge=1)] = None
    """Most messages of one run; None: no limit."""


class WindowSection(_Section):
    """Section [[window]]: sending hours on some days."""

    days: Annotated[
        frozenset[int],
        validators.parse_list(
            N_('allowed is a list of days like ["mon", "tue", "wed", "thu", "fri"]'),
            lambda days: frozenset(map(parse_day, days)),
            least=1,
        ),
    ] = frozenset(range(7))
    """Monday is 0."""
    hours: Annotated[tuple[int, int], validators.parse_with(parse_hours, '"09:00-20:00"')]
    """Minutes from midnight; the end is exclusive."""
    timezone: Annotated[str | None, PlainValidator(validators.read_window_zone)] = None
    """`recipient` or a zone; None: the campaign's zone."""
    holidays: Annotated[
        str | None,
        validators.parse_with(
            check_holidays, shape=N_('allowed is a country in quotes like "BR", or a state of it like "BR-SP"')
        ),
    ] = None
    """Country or state on whose public holidays the window stays closed; None: no holidays."""


class HistorySection(_Section):
    """Section [history]."""

    not_within: Annotated[float | None, validators.parse_with(validators.parse_duration, '"7d"')] = None
    """Least seconds since a message of another campaign; None: no such rule."""
    warn: Annotated[float, validators.parse_with(validators.parse_duration, '"24h"')] = 86400.0
    """Seconds in which a message of another campaign to most people of a new campaign is worth a warning."""
    skip_unreachable: Annotated[float | None, validators.parse_with(validators.parse_duration, '"180d"')] = None
    """Seconds for which a person is left out whom WhatsApp could not reach (131026); None: no such rule."""


class SuppressSection(_Section):
    """Section [suppress]."""

    files: Annotated[
        tuple[Path, ...],
        validators.parse_list(validators.TEXTS, example='["bloqueio.csv"]'),
        AfterValidator(validators.resolve_paths),
    ] = ()
    """Sheets of people who must not be messaged; relative paths start at the campaign file's folder."""
    column: Annotated[str | None, validators.check_with(validators.blank_problem)] = None
    """Column of the sheet in which a yes means that the person wants no messages."""
    ignore: Annotated[tuple[str, ...], validators.parse_list(validators.TEXTS, example='["Opt-out SMS"]')] = ()
    """Columns whose names say opt-out or consent, and which mean something else."""
    reply_words: Annotated[tuple[str, ...], validators.parse_list(validators.TEXTS, example='["chega"]')] = ()
    """Whole replies that opt a person out, besides the usual ones."""
    buttons: Annotated[tuple[str, ...], validators.parse_list(validators.TEXTS, example='["Não quero receber"]')] = ()
    """Labels of buttons that opt a person out."""


class ConsentSection(_Section):
    """Section [consent]."""

    column: Annotated[str, validators.check_with(validators.blank_problem)]
    """Column of the sheet in which only a clear yes lets a person get the message."""
    yes: Annotated[tuple[str, ...], validators.parse_list(validators.TEXTS, example='["sim, aceito"]')] = ()
    """Texts that mean yes, besides the usual words."""


class ValuesSection(_Section):
    """Section [values]."""

    allow: Annotated[
        frozenset[str],
        validators.parse_list(
            N_('allowed is a list of words like ["-", "N/A"]'), lambda words: frozenset(map(str.lower, words))
        ),
    ] = frozenset()
    """Words and texts, in small letters, that are no fault of a cell."""


class PricesSection(_Section):
    """Section [prices]."""

    per_message: Annotated[Decimal, PlainValidator(validators.read_amount)]
    currency: Annotated[str, validators.check_with(validators.currency_problem)] = "BRL"


class StopSection(_Section):
    """Section [stop]."""

    errors: Annotated[float, validators.parse_with(validators.parse_share, '"20%"')] = 0.2
    """Share of errors at which the run stops, after at least 50 attempts."""
    unknowns: Annotated[StrictInt, Field(ge=1)] = 5
    """Consecutive unknown outcomes at which the run stops."""
    undelivered: Annotated[float, validators.parse_with(validators.parse_share, '"20%"')] = 0.2
    """Share of failed messages, among those looked at, above which the run stops."""
    retries: Annotated[StrictInt, Field(ge=0, le=1000)] = 8
    """Safe retries of one row before the run stops."""
    retry_for: Annotated[float, validators.parse_with(validators.parse_duration, '"15m"')] = 900.0
    """Seconds that the safe retries of one row may take."""


class CanarySection(_Section):
    """Section [canary]."""

    rows: Annotated[StrictInt | None, Field(ge=1)] = None
    """Rows that are sent alone first; None: no canary."""
    look: Annotated[float, validators.parse_with(validators.parse_wait, '"3m"')] = 180.0
    """Seconds that may pass until all of them are sent on; 0: it is enough that they were accepted."""


class NotifySection(_Section):
    """Section [notify]."""

    webhook: Annotated[validators.Webhook | None, PlainValidator(validators.read_webhook)] = None
    """Address that gets summary.json by POST at the end of a run; None: no webhook."""
    prometheus: Annotated[Path | None, PlainValidator(validators.read_metrics_path)] = None
    """Textfile for node_exporter; a relative path starts at the campaign file's folder. None: no file."""


class SheetSection(_Section):
    """Section [sheet]."""

    name: Annotated[str | None, validators.check_with(validators.blank_problem)] = None
    header_row: Annotated[StrictInt | None, Field(ge=1)] = None
    """Row number that Excel shows; None: the header is found."""
    hidden_rows: Literal["skip", "send"] = "skip"
    encoding: Annotated[str | None, validators.parse_with(parse_encoding, '"cp850"')] = None
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
    select: Annotated[
        Mapping[str, tuple[str, ...]], PlainValidator(validators.read_selection), Field(default_factory=dict)
    ]
    values: ValuesSection = ValuesSection()
    prices: PricesSection | None = None
    stop: StopSection = StopSection()
    canary: CanarySection = CanarySection()
    notify: NotifySection = NotifySection()
    sheet: SheetSection = SheetSection()
