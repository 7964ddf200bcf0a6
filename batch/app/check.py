"""`check`: everything that a run would find out, without sending.

`check` stages the sheet as `run` does and summarises it in a `Check`; `run` asks its question with the same record.
The forecast says when the messages would go, by rate, hours and caps together.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path

from batch.app.inputs.campaign_sheet import NO_CHOICES, Choices, open_campaign_sheet
from batch.app.inputs.recipient_lists import open_lists
from batch.app.inputs.staging import OnRead, StagedSheet, stage_sheet, utc_now
from batch.app.settings import Settings
from batch.campaign import Campaign, load_campaign
from batch.i18n import ngettext, number
from batch.ledger import Ledger
from batch.model.contact_limits import DAY
from batch.model.forecast import Cap, Load, Schedule, plan_schedule
from batch.model.messages import TemplateField
from batch.model.outcomes import ExitCode, Outcome, exit_code_of
from batch.model.phone.brazil import zones_of
from batch.model.reasons import Finding
from batch.model.runs import NextStep, Result, count_outcomes
from batch.model.sheets import SheetInfo
from batch.reporter import rehearsal

_SOON = timedelta(minutes=1)
_BAD_ROWS_SHOWN = 20
_EXAMPLES_SHOWN = 3
_ROWS_PREVIEWED = 20
_NOTED_ROWS_SHOWN = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """Times and cost of the waiting messages."""

    campaign: Campaign
    """Its time zone is that of the days and times that are shown."""
    schedule: Schedule
    now: datetime
    cost: Decimal | None
    """In the currency of the campaign's prices; None when it gives none."""

    @property
    def is_bounded(self) -> bool:
        """True when hours or a cap, and not the rate alone, decide how long sending takes."""
        return bool(self.campaign.hours.windows) or self.campaign.throttle.per_24h is not None

    @property
    def closed_until(self) -> datetime | None:
        """When the first message goes, where the hours keep all of them back now; None: they do not."""
        first = self.schedule.first
        is_open = self.campaign.hours.state_at(self.now, (self.campaign.timezone,)).open
        return None if is_open or first is None or first - self.now < _SOON else first

    @property
    def seconds_closed(self) -> float:
        """Seconds until then; 0 when the hours keep no message back."""
        return (self.closed_until - self.now).total_seconds() if self.closed_until else 0.0

    def outlasts(self, expires: datetime | None) -> bool:
        """True when a token that expires then does not last until the last message; None: not known."""
        last = self.schedule.last
        return expires is not None and (expires <= self.now or (last is not None and expires <= last))


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A message as it would go out."""

    row: int
    person: str
    payload: str
    text: str | None
    """The rendered body; None when the campaign does not give the template's text."""

    @property
    def values(self) -> list[str]:
        """The template's name and language, then a line for each of its values."""
        body = json.loads(self.payload)
        fields = [TemplateField(**each) for each in body.get("template_fields", [])]
        head = f"{body['template']['name']} ({body['template']['language']})"
        return [head, *(f"{field.label}: {field.value}" for field in fields)]


@dataclass(frozen=True, kw_only=True, slots=True)
class PageWords:
    """Sentences of a check's page that the screen shows as well."""

    headline: str
    steps: Sequence[NextStep]
    schedule: Sequence[tuple[str, str]]
    """Label and value, as `facts`."""
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """Forecast of a run: everything that it would do now."""

    campaign: Campaign
    endpoint: str
    ledger: str
    ledger_option: str
    """Value of `--ledger` by which a command finds it; empty for the user's own."""
    info: SheetInfo
    mapping: tuple[tuple[str, str], ...]
    """API field, how it is filled."""
    senders: tuple[str, ...]
    counts: Mapping[Outcome, int]
    """All six, as they would stand if the run began now."""
    reasons: Mapping[tuple[Outcome, str], int]
    warnings: tuple[str, ...]
    """About the campaign as a whole, each a sentence."""
    list_warnings: tuple[str, ...]
    """Those of them that are about lists and people."""
    notes: Mapping[str, int]
    """Reason codes of notes on rows that would be sent, with how many rows have them."""
    noted: Mapping[str, tuple[tuple[int, Finding], ...]]
    """Of each of those codes the first few rows, each with the first note of that code."""
    to_send: int
    most_of_a_sender: int
    """Messages of the sender that has the most of them."""
    bad: tuple[Result, ...]
    """The first rows in error that a correction of the sheet would mend."""
    examples: tuple[Example, ...]
    chosen: tuple[tuple[int, int], ...] | None
    """First and last rows of the preview that is asked for; None: of all rows."""
    kept: tuple[Result, ...]
    """The first rows of the preview that would not be sent."""
    rate: float
    """Starts a second of each sender."""
    forecast: Forecast
    """When it would go, by all rules together."""
    differing: tuple[tuple[int, int], ...]
    """Of the first duplicates with another message the row, and the row that is sent for their person."""
    plan_hash: str | None
    """Of the plan that is followed, which binds every message; None: no plan."""

    @property
    def seconds(self) -> float:
        """Seconds that sending takes at the campaign's rate: senders work side by side, so those of the slowest."""
        return max(0, self.most_of_a_sender - 1) / self.rate

    @property
    def rehearsal(self) -> str:
        """The mark of a run at an address of this machine; empty for any other."""
        return rehearsal(self.endpoint, is_sent=False)

    @property
    def exit_code(self) -> ExitCode:
        """0 when every row is good: what waits to be sent is good."""
        return exit_code_of({**self.counts, Outcome.PENDING: 0})


def check(
    sheet: Path, campaign: Path, settings: Settings, choices: Choices = NO_CHOICES, on_read: OnRead | None = None
) -> Check:
    """Check a sheet against its campaign and the ledger. Writes nothing, needs no token.

    Raises InputError for what is wrong with the whole of either, and for a change that would re-message people.
    """
    with open_check(sheet, campaign, settings, choices, on_read) as (_staged, found):
        return found


@contextmanager
def open_check(
    sheet: Path, campaign: Path, settings: Settings, choices: Choices, on_read: OnRead | None = None
) -> Iterator[tuple[StagedSheet, Check]]:
    """Give the staged sheet with its check while the block runs. Raises as `check`."""
    with stage_for_reading(sheet, campaign, settings, choices, on_read) as staged:
        warnings = (*staged.warnings, *_look_warnings(staged.due_looks().people))
        yield staged, summarise(replace(staged, warnings=warnings), settings)


def _look_warnings(people: int) -> Iterator[str]:
    """Say at how many people a run would look first."""
    if people:
        text = ngettext(
            "{n} person has an earlier message that is due for a look: `run` looks first, for 10 minutes at most, and "
            "leaves out a person who opted out by reply.",
            "{n} people have earlier messages that are due for a look: `run` looks first, for 10 minutes at most, and "
            "leaves out people who opted out by reply.",
            people,
        )
        yield text.format(n=number(people))


@contextmanager
def stage_for_reading(
    sheet: Path, campaign: Path, settings: Settings, choices: Choices, on_read: OnRead | None = None
) -> Iterator[StagedSheet]:
    """Stage a sheet against the ledger as it is; where there is none, none is made. Raises as `stage_sheet`."""
    now = utc_now()
    loaded = load_campaign(campaign, now=now)
    source = open_campaign_sheet(sheet, loaded, endpoint=settings.endpoint, choices=choices)
    lists = open_lists(loaded, settings.only_allowed, choices.encoding)
    with (
        Ledger.for_reading(settings.ledger) as ledger,
        stage_sheet(source, ledger, lists=lists, choices=choices, now=now, on_read=on_read) as staged,
    ):
        yield staged


def summarise(staged: StagedSheet, settings: Settings) -> Check:
    """Return what a run would do with the staged sheet."""
    source, staging, campaign = staged.source, staged.staging, staged.campaign
    reasons = staging.tally()
    notes: Counter[str] = Counter()
    noted: dict[str, tuple[tuple[int, Finding], ...]] = {}
    bad: list[Result] = []
    kept: list[Result] = []
    chosen = staged.choices.rows
    for result in staging.results(remarkable=_BAD_ROWS_SHOWN if chosen is None else None):
        own = result.notes if result.outcome is Outcome.PENDING else ()
        for code, note in {each.reason.value: each for each in reversed(own)}.items():  # the first of each code
            notes[code] += 1
            if notes[code] <= _NOTED_ROWS_SHOWN:
                noted[code] = (*noted.get(code, ()), (result.row, note))
        if result.outcome is Outcome.ERROR and len(bad) < _BAD_ROWS_SHOWN:
            bad.append(result)
        if chosen and len(kept) < _ROWS_PREVIEWED and result.outcome is not Outcome.PENDING:
            kept += [result] if any(first <= result.row <= last for first, last in chosen) else []
    senders = staging.count_by_sender()
    limit = staged.choices.message_limit(campaign)
    waiting = sum(senders.values())
    to_send = waiting if limit is None else min(waiting, limit)
    rate = settings.rate or campaign.throttle.rate
    return Check(
        campaign=campaign,
        endpoint=source.endpoint,
        ledger=staged.ledger.location,
        ledger_option=staged.ledger.option,
        info=source.sheet.info,
        mapping=tuple(source.evaluator.describe_mapping()),
        senders=tuple(sorted(senders)),
        counts=count_outcomes(reasons),
        reasons=reasons,
        warnings=(*source.warnings, *staged.warnings),
        list_warnings=staged.warnings,
        notes=notes,
        noted=noted,
        to_send=to_send,
        most_of_a_sender=min(to_send, max(senders.values(), default=0)),
        bad=tuple(bad),
        examples=tuple(_examples(staged)),
        chosen=chosen,
        kept=tuple(kept),
        rate=rate,
        forecast=_forecast(staged, senders, rate),
        differing=staged.differing,
        plan_hash=staged.choices.plan.hash if staged.choices.plan else None,
    )


def _examples(staged: StagedSheet) -> Iterator[Example]:
    evaluator = staged.source.evaluator
    most = _EXAMPLES_SHOWN if staged.choices.rows is None else _ROWS_PREVIEWED
    payloads = dict(staged.staging.to_send(most))
    rows = (row for row in staged.source.sheet.rows() if row.number in payloads)
    for contact in map(evaluator.evaluate, islice(rows, len(payloads))):
        payload, text = payloads[contact.row], evaluator.render_body(contact)
        yield Example(row=contact.row, person=contact.person or "", payload=payload, text=text)


def _forecast(staged: StagedSheet, waiting: Mapping[str, int], rate: float) -> Forecast:
    """Forecast the sending. `waiting`: messages of each sender."""
    campaign, now = staged.campaign, staged.now
    rules, prices = campaign.contact_limits, campaign.prices
    loads = _loads(staged, waiting)
    cap = Cap(people=rules.per_24h, shared=rules.shared_cap) if rules.per_24h else None
    used: dict[str, list[datetime]] = {}
    if cap is not None:
        scopes = {""} if cap.shared else {load.sender for load in loads}
        endpoint, since = staged.source.endpoint, now - DAY
        used = {
            scope: staged.staging.contact_times(endpoint=endpoint, sender=scope or None, since=since)
            for scope in sorted(scopes)
        }
    schedule = plan_schedule(
        loads, rate=rate, cap=cap, used=used, hours=campaign.hours, now=now, timezone=campaign.timezone
    )
    cost = sum(load.messages for load in loads) * prices.per_message if prices else None
    return Forecast(campaign=campaign, schedule=schedule, now=now, cost=cost)


def _loads(staged: StagedSheet, by_sender: Mapping[str, int]) -> list[Load]:
    """The waiting messages by sender and, where it matters, by time zones."""
    campaign, limit = staged.campaign, staged.choices.limit
    several, zoned = bool(campaign.unique_by), bool(campaign.hours.windows)
    if not several and not zoned and limit is None:
        return [
            Load(sender=sender, zones=(campaign.timezone,), messages=count, people=count)
            for sender, count in by_sender.items()
        ]
    messages: Counter[tuple[str, tuple[str, ...]]] = Counter()
    people: dict[tuple[str, tuple[str, ...]], Counter[str]] = {}
    with closing(staged.staging.recipients()) as waiting:
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
