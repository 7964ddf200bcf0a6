"""The summary of a run for other programs: summary.json, and a Prometheus textfile for node_exporter."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path, PurePath
from zoneinfo import ZoneInfo

from batch.atomic_file import write_atomic
from batch.control_characters import show_controls
from batch.formatting import OMIT_NONE, to_json
from batch.model.delivery import DeliveryCounts, DeliveryRates, DeliveryState
from batch.model.outcomes import ExitCode, Outcome
from batch.model.reasons import Finding, Reason, advice, general_sentence
from batch.model.runs import Run, Tally, rank_reasons
from batch.reporter.printable_text import printable

_SUCCESSES = (ExitCode.DONE, ExitCode.PENDING)
"""Exit codes of a run that did all that its rules allow."""
_READABLE = 0o644
"""node_exporter runs as another user; the file has no personal data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InputSummary:
    """The sheet that was sent."""

    name: str
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReasonCount:
    """Rows with the same outcome and reason."""

    outcome: Outcome
    reason: str
    rows: int
    message: str
    action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderSummary:
    """One sender in the run."""

    sender: str
    attempts: int
    achieved_rate: float | None
    slowed: int
    """How often its rate was cut."""
    stopped: str | None
    """Why it ended before its rows were done; None: it did not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptsSummary:
    """The work of this run itself, without that of earlier runs of the sheet. Rates are starts per second."""

    attempts: int
    outcomes: Mapping[Outcome, int]
    wanted_rate: float | None
    achieved_rate: float | None
    senders: tuple[SenderSummary, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureCount:
    """Messages that failed alike, as far as the API gave a reason."""

    code: int | None
    words: str
    messages: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryCost:
    """Prices of the accepted messages whose campaigns give a price."""

    currency: str
    expected: Decimal
    """If each of them arrives."""
    delivered: Decimal
    """Of those that arrived, at least."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliverySummary:
    """Accepted messages by what looks have shown of them; all but `read` and the replies add up to `messaged`."""

    messaged: int
    delivered: int
    """At least so many: those that were read among them."""
    read: int
    failed: int
    on_the_way: int
    not_known: int
    """Not looked at, not found, ambiguous, or with a word that is not known here."""
    replied: int
    opted_out: int
    looked_at: datetime
    states: Mapping[str, int]
    failures: tuple[FailureCount, ...]
    rates: tuple[DeliveryRates, ...]
    costs: tuple[DeliveryCost, ...]
    to_decide: int
    """Replies with a word of opt-out in a sentence, which a person has to read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """The content of summary.json, and of `--json`. Other programs read these names, so none is ever changed.

    Moments are in the campaign's time zone. None is what the run does not have, or not yet.
    """

    schema: int = 1
    """Version of these names; a new one only adds."""
    run: str
    campaign: str
    endpoint: str
    input: InputSummary
    version: str
    started: datetime
    finished: datetime | None
    counts: Mapping[Outcome, int]
    """All six outcomes, as they stand after the run."""
    reasons: tuple[ReasonCount, ...]
    this_run: AttemptsSummary
    delivery: DeliverySummary | None = field(default=None, metadata=OMIT_NONE)
    """Once a message was looked at."""
    exit_code: int | None
    purged: datetime | None = field(default=None, metadata=OMIT_NONE)
    """When personal data were removed."""
    trial: bool | None = field(default=None, metadata=OMIT_NONE)
    """True for a trial message; in the list of runs only."""


def summarize_run(run: Run, tally: Tally) -> RunSummary:
    """Return the summary, with sentences in the current language."""
    zone = ZoneInfo(run.timezone)
    this = tally.this_run
    return RunSummary(
        run=run.run,
        campaign=run.campaign,
        endpoint=run.endpoint,
        input=InputSummary(name=printable(PurePath(run.sheet_path).name), sha256=run.sheet_sha256),
        version=run.version,
        started=run.started.astimezone(zone),
        finished=run.finished and run.finished.astimezone(zone),
        counts=_all_six(tally.counts),
        reasons=tuple(
            ReasonCount(
                outcome=outcome,
                reason=reason,
                rows=rows,
                message=general_sentence(Reason(reason)),
                action=advice(Finding(Reason(reason))),
            )
            for outcome, reason, rows in rank_reasons(tally.reasons)
        ),
        this_run=AttemptsSummary(
            attempts=this.attempts,
            outcomes=_all_six(this.outcomes),
            wanted_rate=this.wanted_rate,
            achieved_rate=this.achieved_rate,
            senders=tuple(
                SenderSummary(
                    sender=each.sender,
                    attempts=each.attempts,
                    achieved_rate=each.achieved_rate,
                    slowed=each.slowed,
                    stopped=each.cause,
                )
                for each in this.senders
            ),
        ),
        delivery=summarize_delivery(tally.delivery, zone) if tally.delivery else None,
        exit_code=run.exit_code,
        purged=run.purged and run.purged.astimezone(zone),
    )


def summarize_delivery(counts: DeliveryCounts, zone: ZoneInfo) -> DeliverySummary | None:
    """Return the summary of what arrived; None when nothing was looked at."""
    if counts.looked_at is None:
        return None
    failures = sorted(counts.codes.items(), key=lambda each: (-each[1], each[0][0] or 0, each[0][1]))
    return DeliverySummary(
        messaged=counts.messaged,
        delivered=counts.delivered,
        read=counts.read,
        failed=counts.failed,
        on_the_way=counts.on_the_way,
        not_known=counts.not_known,
        replied=counts.replied,
        opted_out=counts.opted_out,
        looked_at=counts.looked_at.astimezone(zone),
        states={state.value: counts.states.get(state, 0) for state in DeliveryState},
        failures=tuple(FailureCount(code=code, words=words, messages=n) for (code, words), n in failures),
        rates=counts.rates,
        costs=tuple(
            DeliveryCost(currency=currency, expected=spent.expected, delivered=spent.delivered)
            for currency, spent in sorted(counts.spent.items())
        ),
        to_decide=len(counts.undecided),
    )


def _all_six(counts: Mapping[Outcome, int]) -> Mapping[Outcome, int]:
    return {outcome: counts.get(outcome, 0) for outcome in Outcome}


def summary_bytes(run: Run, tally: Tally) -> bytes:
    """The whole content of summary.json."""
    return to_json(summarize_run(run, tally)).encode() + b"\n"


def write_metrics(target: Path, run: Run, tally: Tally, *, checked: datetime | None = None) -> None:
    """Write the Prometheus textfile, whole or not at all. Raises OSError.

    `checked`: when a later run found that nothing was left to do. The last success of the file before stays.
    """
    ended = checked or run.finished
    success = ended.timestamp() if ended and run.exit_code in _SUCCESSES else _last_success(target, run.campaign)
    text = metrics_text(run, tally, success).encode()
    write_atomic(target, lambda file: file.write(text), mode=_READABLE, elsewhere=False)


def _last_success(target: Path, campaign: str) -> float | None:
    """Read the last success of a campaign from the textfile that is there; None where it has none."""
    try:
        text = target.read_text("utf-8")
    except (OSError, ValueError):
        return None
    line = f'wegly_batch_last_success_timestamp_seconds{{campaign="{_escape_label(campaign)}"}} '
    found = next((each for each in text.splitlines() if each.startswith(line)), line)
    try:
        return float(found.removeprefix(line))
    except ValueError:
        return None


def metrics_text(run: Run, tally: Tally, last_success: float | None = None) -> str:
    """The whole textfile, one gauge after the other. A value that the run does not have has no gauge."""
    started, finished = run.started.timestamp(), run.finished.timestamp() if run.finished else None
    this = tally.this_run
    single: tuple[tuple[str, str, float | None], ...] = (
        ("run_attempts", "POSTs made by the last run.", this.attempts),
        ("wanted_rate", "Starts a second that were wanted, per sender.", this.wanted_rate),
        ("achieved_rate", "Starts a second that the last run achieved, all senders together.", this.achieved_rate),
        ("exit_code", "Exit code of the last run; 0 means that every row is done.", run.exit_code),
        ("last_success_timestamp_seconds", "When a run last did all that its rules allow.", last_success),
        ("started_timestamp_seconds", "When the last run started.", started),
        ("finished_timestamp_seconds", "When the last run finished.", finished),
        ("duration_seconds", "How long the last run took.", None if finished is None else max(0.0, finished - started)),
    )
    rows = {f',outcome="{outcome}"': tally.counts.get(outcome, 0) for outcome in Outcome}
    gauges: list[tuple[str, str, Mapping[str, float]]] = [
        ("rows", "Rows of the sheet by outcome, as they stand after the campaign's last run.", rows)
    ]
    gauges += [(name, text, {"": value}) for name, text, value in single if value is not None]
    return "".join(line for gauge in gauges for line in _gauge_lines(run.campaign, *gauge))


def _gauge_lines(campaign: str, name: str, text: str, values: Mapping[str, float]) -> Iterator[str]:
    """`values`: further labels, with a comma before each, to value."""
    full = f"wegly_batch_{name}"
    escaped = _escape_label(campaign)
    yield f"# HELP {full} {text}\n# TYPE {full} gauge\n"
    for labels, value in values.items():
        # An exit code is an enum whose text is not its number.
        number = repr(value) if isinstance(value, float) else int(value)
        yield f'{full}{{campaign="{escaped}"{labels}}} {number}\n'


def _escape_label(text: str) -> str:
    return show_controls(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
