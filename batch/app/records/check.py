"""The record of a check."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from batch.app.check import Check, Example, Forecast
from batch.model.outcomes import ExitCode, Outcome
from batch.model.phone.cells import format_phone
from batch.model.reasons import explain


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteCount:
    """Good rows with the same note."""

    reason: str
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RowError:
    """A row that a correction of the sheet would mend."""

    row: int
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageExample:
    """A message as it would go out."""

    row: int
    phone: str
    body: Mapping[str, object]
    """Of the request."""
    text: str | None
    """None when the campaign does not give the template's text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DayCount:
    """Messages of one day."""

    date: date
    messages: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """An amount of money."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleRecord:
    """Times at which the messages would go."""

    first: datetime | None
    last: datetime | None
    days: tuple[DayCount, ...]
    never: int
    """Messages without a moment within two years."""
    cost: Cost | None
    token_expires: datetime | None
    token_expires_before_end: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DuplicateRow:
    """A row whose person gets the message of another row, with other values."""

    row: int
    sent_as: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckRecord:
    """Everything that a run would do now."""

    campaign: str
    endpoint: str
    ledger: str
    sheet: str
    columns: Mapping[str, str]
    """How each field of the API is filled."""
    warnings: tuple[str, ...]
    notes: tuple[NoteCount, ...]
    counts: Mapping[Outcome, int]
    """All six outcomes, as they would stand if the run began now."""
    to_send: int
    rate: float
    """Starts a second of each sender."""
    seconds: float
    """That sending takes at this rate."""
    schedule: ScheduleRecord
    errors: tuple[RowError, ...]
    """The first 20."""
    examples: tuple[MessageExample, ...]
    differing_duplicates: tuple[DuplicateRow, ...]
    webhook: str | None
    prometheus: Path | None
    exit_code: ExitCode


def check_record(found: Check, expires: datetime | None = None) -> CheckRecord:
    """Return the record of a check. `expires`: the token; None: not known."""
    notify = found.campaign.notify
    return CheckRecord(
        campaign=found.campaign.name,
        endpoint=found.endpoint,
        ledger=found.ledger,
        sheet=found.info.file,
        columns=dict(found.mapping),
        warnings=(*found.info.warnings, *found.warnings),
        notes=tuple(NoteCount(reason=code, rows=count) for code, count in found.notes.items()),
        counts=found.counts,
        to_send=found.to_send,
        rate=found.rate,
        seconds=round(found.seconds, 1),
        schedule=schedule_record(found.forecast, expires),
        errors=tuple(RowError(row=each.row, reason=each.reason, message=explain(each.findings)) for each in found.bad),
        examples=tuple(map(_example, found.examples)),
        differing_duplicates=tuple(DuplicateRow(row=row, sent_as=sent) for row, sent in found.differing),
        webhook=notify.webhook.host if notify.webhook else None,
        prometheus=notify.prometheus,
        exit_code=found.exit_code,
    )


def _example(example: Example) -> MessageExample:
    body = json.loads(example.payload)
    return MessageExample(row=example.row, phone=format_phone(example.person), body=body, text=example.text)


def schedule_record(found: Forecast, expires: datetime | None) -> ScheduleRecord:
    """Return the times of a forecast. `expires`: the token; None: not known."""
    schedule, zone, prices = found.schedule, ZoneInfo(found.campaign.timezone), found.campaign.prices
    return ScheduleRecord(
        first=schedule.first and schedule.first.astimezone(zone),
        last=schedule.last and schedule.last.astimezone(zone),
        days=tuple(DayCount(date=day, messages=count) for day, count in schedule.days),
        never=schedule.never,
        cost=Cost(amount=found.cost, currency=prices.currency) if prices and found.cost is not None else None,
        token_expires=expires and expires.astimezone(zone),
        token_expires_before_end=found.outlasts(expires),
    )
