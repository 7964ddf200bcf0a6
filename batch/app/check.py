"""`check`: all that a run would find out, without sending."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path

from batch.app.inputs.change_guard import refuse_changes
from batch.app.inputs.recipient_lists import run_lists
from batch.app.inputs.staging import ALL_ROWS, ChosenRows, Prepared, choose, limit_of, prepare, utc_now
from batch.app.settings import Settings
from batch.campaign import Campaign, load_campaign
from batch.ledger import Ledger, RetryOptions, Staging
from batch.model.contact_limits import DAY
from batch.model.forecast import Cap, Load, Schedule, plan_schedule
from batch.model.messages import Contact
from batch.model.outcomes import ExitCode, Outcome, exit_code_of
from batch.model.phone.timezones import zones_of
from batch.model.reasons import Finding
from batch.model.runs import Result
from batch.model.sheets import SheetInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What is to be expected of sending what waits."""

    schedule: Schedule
    now: datetime
    timezone: str
    """In which days and times are told."""
    per_24h: int | None
    shared_cap: bool
    per_run: int | None
    has_windows: bool
    cost: Decimal | None
    """None when the campaign gives no price."""
    currency: str | None


def forecast(
    campaign: Campaign,
    staging: Staging,
    waiting: Mapping[str, int],
    *,
    endpoint: str,
    rate: float,
    limit: int | None,
    now: datetime,
) -> Forecast:
    """The forecast of a judged sheet, of at most `limit` messages.

    `waiting`: how many messages each sender has. `rate`: starts a second of each sender.
    """
    rules, prices = campaign.outreach, campaign.prices
    loads = _loads(campaign, staging, waiting, limit)
    cap = Cap(people=rules.per_24h, shared=rules.shared_cap) if rules.per_24h else None
    used: dict[str, list[datetime]] = {}
    if cap is not None:
        scopes = {""} if cap.shared else {load.sender for load in loads}
        used = {
            scope: staging.contact_times(endpoint=endpoint, sender=scope or None, since=now - DAY)
            for scope in sorted(scopes)
        }
    schedule = plan_schedule(
        loads, rate=rate, cap=cap, used=used, hours=campaign.hours, now=now, timezone=campaign.timezone
    )
    return Forecast(
        schedule=schedule,
        now=now,
        timezone=campaign.timezone,
        per_24h=rules.per_24h,
        shared_cap=rules.shared_cap,
        per_run=campaign.throttle.per_run,
        has_windows=bool(campaign.hours.windows),
        cost=sum(load.messages for load in loads) * prices.per_message if prices else None,
        currency=prices.currency if prices else None,
    )


def _loads(campaign: Campaign, staging: Staging, by_sender: Mapping[str, int], limit: int | None) -> list[Load]:
    """What waits, by sender and, where it matters, by time zones."""
    several, zoned = bool(campaign.unique_by), bool(campaign.hours.windows)
    if not several and not zoned and limit is None:
        return [
            Load(sender=sender, zones=(campaign.timezone,), messages=count, people=count)
            for sender, count in by_sender.items()
        ]
    messages: Counter[tuple[str, tuple[str, ...]]] = Counter()
    people: dict[tuple[str, tuple[str, ...]], Counter[str]] = {}
    with closing(staging.recipients()) as waiting:
        for sender, person in islice(waiting, limit):
            group = (sender, zones_of(person, campaign.timezone) if zoned else (campaign.timezone,))
            messages[group] += 1
            if several:
                people.setdefault(group, Counter())[person] += 1
    return [
        Load(
            sender=sender,
            zones=zones,
            messages=count,
            people=len(people[sender, zones]) if several else count,
            most_to_one=max(people[sender, zones].values()) if several else 1,
        )
        for (sender, zones), count in messages.items()
    ]


BAD_ROWS_SHOWN = 20
EXAMPLES_SHOWN = 3
NOTED_ROWS_SHOWN = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A message as it would go out."""

    row: int
    person: str
    payload: str
    text: str | None
    """The rendered body; None when the campaign does not give the template's text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What a run would do now."""

    campaign: str
    endpoint: str
    ledger: str
    info: SheetInfo
    mapping: tuple[tuple[str, str], ...]
    """API field, how it is filled."""
    senders: tuple[str, ...]
    counts: Mapping[Outcome, int]
    """All six, as they would stand if the run began now."""
    reasons: Mapping[tuple[Outcome, str], int]
    warnings: tuple[str, ...]
    """What a person should know of the campaign as a whole, each a sentence."""
    list_warnings: tuple[str, ...]
    """Those of them that speak of the lists of people."""
    notes: Mapping[str, int]
    """Reason codes of notes on rows that would be sent, with how many rows have them."""
    noted: Mapping[str, tuple[tuple[int, Finding], ...]]
    """Of each of those codes the first few rows, each with the first note of that code."""
    to_send: int
    bad: tuple[Result, ...]
    """The first rows in error that a correction of the sheet would mend."""
    examples: tuple[Example, ...]
    seconds: float
    """How long sending takes at the campaign's rate."""
    rate: float
    forecast: Forecast
    """When it would go, by all rules together."""

    @property
    def exit_code(self) -> ExitCode:
        """0 when every row is good: what waits to be sent is good."""
        return exit_code_of({**self.counts, Outcome.PENDING: 0})


def check(
    sheet: Path,
    campaign: Path,
    settings: Settings,
    *,
    retries: RetryOptions | None = None,
    accept_change: bool = False,
    chosen: ChosenRows = ALL_ROWS,
) -> Check:
    """Check a sheet against its campaign and the ledger. Writes nothing, needs no token.

    Raises InputError for what is wrong with the whole of either, and for a change that would make everybody new.
    """
    now = utc_now()
    loaded = load_campaign(campaign, now=now)
    prepared = prepare(sheet, loaded, endpoint=settings.endpoint)
    lists = run_lists(loaded, settings.only_allowed)
    with Ledger.for_reading(settings.ledger) as ledger:
        if not accept_change:
            refuse_changes(loaded, ledger, prepared.endpoint)
        with ledger.stage(retries or RetryOptions()) as staging:
            warnings = prepared.stage(staging, ledger.run, now=now, lists=lists)
            choose(staging, chosen)
            return look(prepared, staging, settings, ledger, now=now, asked=chosen.limit, warnings=warnings)


def look(
    prepared: Prepared,
    staging: Staging,
    settings: Settings,
    ledger: Ledger,
    *,
    now: datetime,
    asked: int | None = None,
    warnings: Sequence[str] = (),
) -> Check:
    """What the staged sheet comes to. `asked`: at most so many messages were asked for. `warnings`: of its people."""
    limit = limit_of(prepared.campaign, asked)
    reasons = staging.tally()
    counts: Counter[Outcome] = Counter()
    for (outcome, _reason), rows in reasons.items():
        counts[outcome] += rows
    notes: Counter[str] = Counter()
    noted: dict[str, tuple[tuple[int, Finding], ...]] = {}
    bad: list[Result] = []
    for result in staging.results(remarkable=True):
        for code, note in _first_notes(result).items():
            notes[code] += 1
            if notes[code] <= NOTED_ROWS_SHOWN:
                noted[code] = (*noted.get(code, ()), (result.row, note))
        if result.outcome is Outcome.ERROR and len(bad) < BAD_ROWS_SHOWN:
            bad.append(result)
    senders = staging.count_by_sender()
    to_send = sum(senders.values())
    if limit is not None:
        to_send = min(to_send, limit)
    rate = settings.rate or prepared.campaign.throttle.rate
    return Check(
        campaign=prepared.campaign.name,
        endpoint=prepared.endpoint,
        ledger=ledger.location,
        info=prepared.sheet.info,
        mapping=tuple(prepared.maker.mapping()),
        senders=tuple(sorted(senders)),
        counts={outcome: counts[outcome] for outcome in Outcome},
        reasons=reasons,
        warnings=(*prepared.maker.warnings, *warnings),
        list_warnings=tuple(warnings),
        notes=notes,
        noted=noted,
        to_send=to_send,
        bad=tuple(bad),
        examples=tuple(_examples(prepared, staging)),
        seconds=max(0, to_send - 1) / rate,
        rate=rate,
        forecast=forecast(
            prepared.campaign, staging, senders, endpoint=prepared.endpoint, rate=rate, limit=asked, now=now
        ),
    )


def _first_notes(result: Result) -> dict[str, Finding]:
    """The first note of each code, of a row that would be sent."""
    told = result.notes if result.outcome is Outcome.PENDING else ()
    return {note.reason.value: note for note in reversed(told)}


def _examples(prepared: Prepared, staging: Staging) -> list[Example]:
    first = dict(staging.to_send(EXAMPLES_SHOWN))
    found: list[Contact] = []
    for row in prepared.sheet.rows() if first else ():
        if row.number in first:
            found.append(prepared.maker.contact(row))
        if len(found) == len(first):
            break
    return [
        Example(
            row=contact.row,
            person=contact.person or "",
            payload=first[contact.row],
            text=prepared.maker.preview(contact),
        )
        for contact in found
    ]
