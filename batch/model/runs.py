"""Runs, the results of their rows, and the traits of a campaign that a run must not change unnoticed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from batch.i18n import N_, _
from batch.model.delivery import Delivery, DeliveryCounts
from batch.model.messages import Origin, sheet_key
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding

RUN_NAME = re.compile(r"\d{8}T\d{6}Z-[a-z0-9-]*-[0-9a-f]{4}")
"""Names of runs, of their folders too; the middle is the campaign's slug."""
USUAL_REPORTS = "reports"
"""Folder of reports where none is named, in the current one."""
KEYED_ORIGINS, CLEAN_REPORT, SUBMITTED = "keyed_origins", "clean_report", "submitted"
TEMPLATE, PRICE, CURRENCY, CAMPAIGN_FILE, BODY = "template", "price", "currency", "campaign_file", "body"
ONLY_ALLOWED, CHOSEN_ENCODING = "only_allowed", "chosen_encoding"
"""Entries of `Run.sheet_options`; those of the campaign are there for reports that are written without it, the last for
commands that a report tells: without them these would send to others, or read another text."""


class StopCause(StrEnum):
    """Cause of a run's early end."""

    INTERRUPTED = "interrupted"
    """SIGINT."""
    TERMINATED = "terminated"
    """SIGTERM."""
    FATAL_ANSWER = "fatal_answer"
    """Every row would fail alike."""
    TOO_MANY_ERRORS = "too_many_errors"
    UNKNOWNS_IN_A_ROW = "unknowns_in_a_row"
    TEMPLATE_REFUSED = "template_refused"
    RETRIES_USED_UP = "retries_used_up"
    LEDGER_FAILED = "ledger_failed"
    CLOCK_WRONG = "clock_wrong"
    CANARY = "canary"
    """Not all of the first rows were accepted."""
    UNDELIVERED = "undelivered"
    """Of the messages that were looked at too many failed, or none was sent on."""
    LOOKS_REFUSED = "looks_refused"
    """The API refused to be asked what became of the first rows."""
    DEFECT = "defect"
    CLAIMS_LOST = "claims_lost"
    """Another server took the place of the ledger's, and lacks claims."""
    WORKERS_LOST = "workers_lost"
    """Workers were lost in its lane one after the other, and no row came to an end in between."""


DEMO_FOLDER = "wegly-batch-demo-"
"""Beginning of the name of a demo's folder, in which its ledger is, or of its user on a server."""


@dataclass(kw_only=True, slots=True, unsafe_hash=True)
class Result:
    """Result of one row, from which the report's `wegly_` columns are made. Treat as immutable."""

    # Not frozen like other records: a report makes one for each row, and a frozen one takes three times as long.

    row: int
    outcome: Outcome
    findings: tuple[Finding, ...]
    """Never empty; the first gives `wegly_reason`, all give `wegly_message` and `wegly_action`."""
    notes: tuple[Finding, ...] = ()
    """Further information about the row (a repaired phone), shown after the findings in `wegly_message`."""
    person: str | None = None
    """E.164; None when the phone could not be read."""
    chat_id: str | None = None
    chat_status: str | None = None
    evidence: Evidence | None = None
    http_status: int | None = None
    attempts: int = 0
    """POSTs made for this row's message, in all runs."""
    sent_at: datetime | None = None
    """Begin of the last attempt (UTC, aware); None when there was none."""
    duration_ms: int | None = None
    run: str | None = None
    """Run that gave the outcome; None when no attempt was made."""
    origin: Origin | None = None
    """Row that this one corrects; None for a row of the sheet's own."""
    delivery: Delivery | None = None
    """What looks have shown of an accepted message; None when there was none."""
    request: str | None = None
    """Hash of the request (`hash_request`) that was, or may have been, sent; None when none was."""
    message_id: str | None = None
    """Id of the message at the API; None where neither its answer nor a look has shown it for certain."""
    message_status: str | None = None
    """The API's first word for how far that message was; None likewise."""

    @property
    def reason(self) -> str:
        return self.findings[0].reason.value

    @property
    def message(self) -> str | None:
        """Id and first status of the message at the API; None where the id is not known."""
        return self.message_id and " · ".join(filter(None, (self.message_id, self.message_status)))


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
    """Version of wegly-batch."""
    started: datetime
    """UTC, aware."""
    finished: datetime | None = None
    exit_code: int | None = None
    timezone: str = "America/Sao_Paulo"
    language: str = "en"
    """Language of its reports."""
    wanted_rate: float | None = None
    """Starts a second, per sender."""
    report_dir: str | None = None
    host: str = ""
    """Machine on which it was begun, where its sheet and its folder are."""
    ledger: str = ""
    """Place of the ledger, for people."""
    ledger_option: str = ""
    """Value of `--ledger` by which a command finds it; empty for the user's own."""
    sheet_options: Mapping[str, str] = field(default_factory=dict)
    """Options the sheet was read with (`name`, `header_row`, `trusted`), and its report was asked for with."""
    reply_opt_outs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Whole replies (`words`) and labels of buttons (`buttons`) that opt out, besides the usual ones."""
    trial: bool = False
    """Sent with `--to`: its messages belong to no row of a sheet."""
    purged: datetime | None = None
    """Time at which the recipients were removed from its rows; None while they are there."""

    @property
    def is_demo(self) -> bool:
        """True for a run of `demo`, whose ledger and API are gone when its report is read."""
        return DEMO_FOLDER in self.ledger

    @property
    def command(self) -> str:
        """The command that sends a sheet as this run was sent: by itself, or by workers."""
        return "submit" if SUBMITTED in self.sheet_options else "run"

    @property
    def has_keyed_origins(self) -> bool:
        """True when its retry.xlsx was written with `ORIGIN_MAC`; earlier versions wrote none."""
        return KEYED_ORIGINS in self.sheet_options

    @property
    def has_clean_report(self) -> bool:
        """True when report.xlsx has values alone, whatever the sheet's workbook holds."""
        return CLEAN_REPORT in self.sheet_options

    @property
    def sheet_key(self) -> str:
        """Identity of its sheet across runs."""
        tab = self.sheet_options.get("name")
        return sheet_key(endpoint=self.endpoint, campaign=self.campaign, sha256=self.sheet_sha256, tab=tab)


@dataclass(frozen=True, kw_only=True, slots=True)
class NextStep:
    """One thing to do."""

    outcome: Outcome
    """Whose rows it is about, and whose colours it has."""
    title: str
    words: str
    file: str | None = None
    """Name of the file to open, beside the page."""
    is_reply: bool = False
    """About replies, which are in no outcome."""
    is_slim: bool = False
    """One line, for what needs no thought."""
    commands: tuple[tuple[str, str], ...] = ()
    """Each command with when to type it; empty where it is the only one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderRun:
    """Activity of one sender in a run."""

    sender: str
    attempts: int
    achieved_rate: float | None
    """Starts per second between the first and the last start; None for fewer than two."""
    slowed: int = 0
    """Number of rate cuts that the API asked for."""
    cause: str | None = None
    """Cause of an early stop; None when all rows were done."""
    pending: Finding | None = None
    """Finding of the rows that were not attempted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ThisRun:
    """Activity of this run itself; a `Tally` counts what all runs of the campaign have done."""

    attempts: int = 0
    """POSTs that it made; at least so many while it has no end."""
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    wanted_rate: float | None = None
    """Starts per second of each sender."""
    achieved_rate: float | None = None
    """Starts per second of all senders together, each between its first and its last; None for fewer than two."""
    senders: tuple[SenderRun, ...] = ()
    """Senders that had anything to send, by id; empty for a run that died."""

    @property
    def wanted_together(self) -> float | None:
        """Starts per second that were wanted of those senders together whose starts `achieved_rate` adds up."""
        measured = sum(each.achieved_rate is not None for each in self.senders)
        return None if self.wanted_rate is None else self.wanted_rate * max(1, measured)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Counts of a run's rows. `counts` always has all six outcomes and adds up to the rows of the sheet."""

    counts: Mapping[Outcome, int]
    reasons: Mapping[tuple[Outcome, str], int]
    """(outcome, reason code) to number of rows; each row counts once, by its first finding."""
    this_run: ThisRun = field(default_factory=ThisRun)
    since: int = 0
    """Rows that were accepted after this run: by later ones, or settled as sent by hand or by their chat's history."""
    settled: int = 0
    """Of these, rows of messages that this run itself sent, without learning that they were accepted."""
    last_sent: datetime | None = None
    """Time of the sheet's last accepted message, of any run; None when there is none."""
    delivery: DeliveryCounts | None = None
    """Of the messages that its rows show; None when none was looked at."""

    @property
    def rows(self) -> int:
        return sum(self.counts.values())


def count_outcomes(reasons: Mapping[tuple[Outcome, str], int]) -> dict[Outcome, int]:
    """Return the rows of each of the six outcomes, from (outcome, reason code) to rows."""
    return {each: sum(rows for (outcome, _reason), rows in reasons.items() if outcome is each) for each in Outcome}


def rank_reasons(reasons: Mapping[tuple[Outcome, str], int]) -> list[tuple[Outcome, str, int]]:
    """Sort into (outcome, reason code, rows): most rows first, then in the order of the outcomes and by code."""
    order = list(Outcome)
    found = [(outcome, reason, rows) for (outcome, reason), rows in reasons.items() if rows]
    return sorted(found, key=lambda each: (-each[2], order.index(each[0]), each[1]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """Traits that all messages of one campaign at one endpoint share. A change may re-message its recipients."""

    unique_by: tuple[str, ...]
    region: str
    """Country of phones without a country code."""
    phone_rule: int
    """`PHONE_RULE_VERSION` of the program that sent."""
    template: str
    """Name and language, as the campaign gives them."""


_CHANGES = {
    "unique_by": N_(
        "unique_by was {before} and is now {now}: {people} who already have a message would count as "
        "new and get another one."
    ),
    "region": N_(
        "[phone] region was {before} and is now {now}: numbers without a country become other "
        "people, and {people} who already have a message may get another one."
    ),
    "phone_rule": N_(
        "This version reads phones by rule {now}, the campaign was sent with rule {before}: some of "
        "{people} who already have a message may count as new."
    ),
    "template": N_(
        "The template was {before} and is now {now}: choose a new name for the campaign, since in "
        "this one {people} already have a message and would get nothing."
    ),
}
"""Trait to the effect of its change."""


def list_changes(before: Traits, now: Traits, people: str) -> list[str]:
    """Describe each trait that differs and its effect; empty when none does. `people`: text like `9,812 people`."""
    pairs = [(text, getattr(before, trait), getattr(now, trait)) for trait, text in _CHANGES.items()]
    return [
        _(text).format(before=_shown(old), now=_shown(new), people=people) for text, old, new in pairs if old != new
    ]


def _shown(trait: object) -> object:
    return (", ".join(trait) or _("empty")) if isinstance(trait, tuple) else trait
