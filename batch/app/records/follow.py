"""The record of a pass of `follow`."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from batch.app.follow import FollowReport
from batch.app.reconcile import MatchedRow, UnmatchedRow
from batch.app.records.people import RowPerson, shown_phone
from batch.model.outcomes import ExitCode
from batch.reporter import DeliverySummary


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowedPerson:
    """A message of a run, by its person."""

    phone: str | None
    run: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class UndecidedMessage(FollowedPerson):
    """A message whose reply has a word of opt-out in a sentence: a person has to read it."""

    replied_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundRow(RowPerson):
    """An unknown row whose message was found in a chat: it counts as sent now."""

    chat_id: str
    sent_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class UnknownRow(RowPerson):
    """A row that is still unknown."""

    reason: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowRecord:
    """A pass of looks at accepted messages."""

    endpoint: str
    ledger: str
    runs: tuple[str, ...]
    """Those that were named."""
    since: datetime | None
    looks: int
    changed: int
    """Looks that showed another state, or a reply."""
    due: int
    """Messages that are still due for a look."""
    delivery: DeliverySummary | None
    """Of all messages that are followed; None when none was looked at."""
    opted_out: tuple[FollowedPerson, ...]
    """People whom this pass has put on the suppression list."""
    to_decide: tuple[UndecidedMessage, ...]
    settled: tuple[FoundRow, ...]
    unknown: tuple[UnknownRow, ...]
    reports: tuple[Path, ...]
    """Folders of the reports that were written again."""
    problems: tuple[str, ...]
    stopped: str | None
    """Why the pass ended early; None when it did not."""
    exit_code: ExitCode


def follow_record(ended: FollowReport) -> FollowRecord:
    """Return the record of a pass."""
    found: tuple[MatchedRow, ...] = ended.settled.found if ended.settled else ()
    unmatched: tuple[UnmatchedRow, ...] = ended.settled.unmatched if ended.settled else ()
    return FollowRecord(
        endpoint=ended.endpoint,
        ledger=ended.ledger,
        runs=tuple(run.run for run in ended.runs),
        since=ended.since,
        looks=ended.looks,
        changed=ended.changed,
        due=ended.due,
        delivery=ended.delivery,
        opted_out=tuple(FollowedPerson(phone=shown_phone(each.person), run=each.run) for each in ended.opted_out),
        to_decide=tuple(
            UndecidedMessage(phone=shown_phone(each.person), run=each.run, replied_at=each.at)
            for each in ended.undecided
        ),
        settled=tuple(
            FoundRow(row=each.row.row, phone=shown_phone(each.row.result.person), chat_id=each.chat_id, sent_at=each.at)
            for each in found
        ),
        unknown=tuple(
            UnknownRow(
                row=each.row.row, phone=shown_phone(each.row.result.person), reason=each.why, message=each.explanation
            )
            for each in unmatched
        ),
        reports=tuple(report.folder for report in ended.reports),
        problems=ended.problems,
        stopped=ended.stopped or None,
        exit_code=ended.exit_code,
    )
