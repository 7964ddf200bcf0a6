"""A run, and what became of each row in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from batch.model.origin import Origin, sheet_key
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding

__all__ = ["Result", "Run", "SenderRun", "Tally", "ThisRun", "ranked"]


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


def ranked(reasons: Mapping[tuple[Outcome, str], int]) -> list[tuple[Outcome, str, int]]:
    """(outcome, reason code, rows), most rows first, then in the order of the outcomes and by code."""
    order = list(Outcome)
    found = [(outcome, reason, rows) for (outcome, reason), rows in reasons.items() if rows]
    return sorted(found, key=lambda each: (-each[2], order.index(each[0]), each[1]))
