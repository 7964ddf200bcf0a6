"""A run, and what became of each row in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from batch.i18n import _
from batch.model.messages import Origin, sheet_key
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding


@dataclass(kw_only=True, slots=True, unsafe_hash=True)
class Result:
    """What became of one row: the source of the report's `wegly_` columns. Nobody changes one.

    Not frozen like other records: one is made for each row of a report, and a frozen one takes three times as long.
    """

    row: int
    outcome: Outcome
    findings: tuple[Finding, ...]
    """Never empty; the first gives `wegly_reason`, all give `wegly_message` and `wegly_action`."""
    notes: tuple[Finding, ...] = ()
    """What a person should know of the row besides (a repaired phone); they follow the findings in `wegly_message`."""
    person: str | None = None
    """E.164; shown spaced (`+55 11 98888-7777`)."""
    chat_id: str | None = None
    chat_status: str | None = None
    evidence: Evidence | None = None
    http_status: int | None = None
    attempts: int = 0
    """POSTs made for this row's message, in all runs."""
    sent_at: datetime | None = None
    """When the last attempt began, in UTC (aware); None when there was none."""
    duration_ms: int | None = None
    run: str | None = None
    """The run that gave the outcome; None when no attempt was made."""
    origin: Origin | None = None
    """Where the row was wrong before it came into this sheet to be corrected; None for a row of the sheet's own."""

    @property
    def reason(self) -> str:
        return self.findings[0].reason.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One execution of `run` over one sheet, as the ledger knows it."""

    run: str
    """`YYYYMMDDTHHMMSSZ-<campaign slug>-<4 hex digits>`, also its folder's name."""
    campaign: str
    endpoint: str
    sheet_path: str
    """Absolute, as it was given."""
    sheet_sha256: str
    version: str
    """Of wegly-batch."""
    started: datetime
    """UTC, aware."""
    finished: datetime | None = None
    exit_code: int | None = None
    timezone: str = "America/Sao_Paulo"
    language: str = "en"
    """Of its reports."""
    wanted_rate: float | None = None
    """Starts a second, per sender."""
    report_dir: str | None = None
    ledger: str = ""
    """Where the ledger is, as a person may read it (no password)."""
    sheet_options: Mapping[str, str] = field(default_factory=dict)
    """How the sheet was read (`name`, `header_row`), for writing the report again."""
    trial: bool = False
    """Sent with `--to`: its rows are no sheet's."""
    purged: datetime | None = None
    """When the people were removed from its rows; None while they are there."""

    @property
    def sheet_key(self) -> str:
        """What makes its sheet the same one in another run."""
        tab = self.sheet_options.get("name")
        return sheet_key(endpoint=self.endpoint, campaign=self.campaign, sha256=self.sheet_sha256, tab=tab)


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderRun:
    """What one sender did in a run."""

    sender: str
    attempts: int
    achieved_rate: float | None
    """Starts a second between the first and the last start; None for fewer than two."""
    slowed: int = 0
    """How often the rate was cut because the API asked for it."""
    cause: str | None = None
    """Why it stopped before its rows were done; None when it did not."""
    pending: Finding | None = None
    """Why its pending rows were not attempted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ThisRun:
    """What this run itself did, as against what the campaign has."""

    attempts: int = 0
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    wanted_rate: float | None = None
    achieved_rate: float | None = None
    """Starts a second between the first and the last start; None for fewer than two."""
    senders: tuple[SenderRun, ...] = ()
    """Each sender that had anything to send, by id; empty for a run that died."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """The counts of a run's rows. `counts` has all six outcomes, always, and adds up to the rows of the sheet."""

    counts: Mapping[Outcome, int]
    reasons: Mapping[tuple[Outcome, str], int]
    """(outcome, reason code) to rows, every row counted once by its first finding."""
    this_run: ThisRun = field(default_factory=ThisRun)
    last_sent: datetime | None = None
    """When the last accepted message of the sheet was sent, by whichever run; None when there is none."""

    @property
    def rows(self) -> int:
        return sum(self.counts.values())


def rank_reasons(reasons: Mapping[tuple[Outcome, str], int]) -> list[tuple[Outcome, str, int]]:
    """(outcome, reason code, rows), most rows first, then in the order of the outcomes and by code."""
    order = list(Outcome)
    found = [(outcome, reason, rows) for (outcome, reason), rows in reasons.items() if rows]
    return sorted(found, key=lambda each: (-each[2], order.index(each[0]), each[1]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """What the messages of one campaign at one endpoint have in common."""

    unique_by: tuple[str, ...]
    region: str
    """Of phones that name no country."""
    phone_rule: int
    """Version of the rule that turns a cell into a person."""
    template: str
    """Name and language, as the campaign gives them."""


def list_changes(before: Traits, now: Traits, people: str) -> list[str]:
    """Sentences about what differs and what it would do; empty when nothing does. `people`: `9,812 people`."""
    found = []
    if before.unique_by != now.unique_by:
        found.append(
            _(
                "unique_by was {before} and is now {now}: {people} who already have a message would count as "
                "new and get another one."
            ).format(before=_listed(before.unique_by), now=_listed(now.unique_by), people=people)
        )
    if before.region != now.region:
        found.append(
            _(
                "[phone] region was {before} and is now {now}: numbers without a country become other "
                "people, and {people} who already have a message may get another one."
            ).format(before=before.region, now=now.region, people=people)
        )
    if before.phone_rule != now.phone_rule:
        found.append(
            _(
                "This version reads phones by rule {now}, the campaign was sent with rule {before}: some of "
                "{people} who already have a message may count as new."
            ).format(now=now.phone_rule, before=before.phone_rule, people=people)
        )
    if before.template != now.template:
        found.append(
            _(
                "The template was {before} and is now {now}: choose a new name for the campaign, since in "
                "this one {people} already have a message and would get nothing."
            ).format(before=before.template, now=now.template, people=people)
        )
    return found


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) if names else _("empty")
