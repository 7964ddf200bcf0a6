"""A purge, over random histories: a ledger that is purged now and then decides as one that never was."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch.ledger import History, Ledger, Owner, RetryOptions, StagedRow, SuppressionEntry
from batch.ledger.send.claims import Claim
from batch.model.contact_limits import ContactLimits
from batch.model.messages import message_key
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result, Run, Traits
from batch.model.verdicts import ChatSigns, Verdict

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
ENDPOINT = "http://127.0.0.1:9"
TRAITS = Traits(unique_by=("Fatura",), region="BR", phone_rule=1, template="t")
CAMPAIGNS = ("um", "dois")
PEOPLE = [f"+551198888700{n}" for n in range(6)]
ENDS = ("success", "error", "unknown", "released", "killed", "not reached")


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One run: who is in its sheet with which invoice, and how each attempt ends."""

    campaign: str
    rows: Sequence[tuple[int, int]]
    ends: Sequence[str]
    edition: int = 0
    """The words of its messages."""
    retries: RetryOptions = field(default_factory=RetryOptions)
    not_within: int | None = None
    """Days."""


@dataclass(frozen=True, kw_only=True)
class Purge:
    older_than: int
    """Days."""
    campaign: str | None


@dataclass(frozen=True, kw_only=True)
class OptOut:
    person: int


Step = tuple[int, Sheet | Purge | OptOut]
"""Days after the step before, and what is done then."""

sheets = st.builds(
    Sheet,
    campaign=st.sampled_from(CAMPAIGNS),
    rows=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=1, max_size=6),
    ends=st.lists(st.sampled_from(ENDS), min_size=6, max_size=6),
    edition=st.integers(0, 1),
    retries=st.builds(RetryOptions, retry_errors=st.booleans(), resend_unknown=st.booleans()),
    not_within=st.none() | st.sampled_from([5, 40]),
)
purges = st.builds(Purge, older_than=st.sampled_from([2, 10]), campaign=st.none() | st.sampled_from(CAMPAIGNS))
steps = st.tuples(st.sampled_from([1, 6, 15]), sheets | purges | st.builds(OptOut, person=st.integers(0, 5)))


class Life:
    """A ledger, and what happens to it."""

    def __init__(self, folder: Path, name: str, *, purged: bool) -> None:
        self.path = folder / f"{name}.sqlite3"
        self.ledger = Ledger.open(f"sqlite:///{self.path}")
        self._purged = purged
        self.runs: dict[str, tuple[datetime, str, set[str]]] = {}

    def take(self, what: Sheet | Purge | OptOut, now: datetime) -> list[tuple[object, ...]]:
        """Do it; what this ledger then tells of everything."""
        match what:
            case Sheet():
                self._run(what, now)
            case Purge():
                self._purge(what, now)
            case OptOut():
                entry = SuppressionEntry(person=PEOPLE[what.person], reason="asked", source="ana", added=now)
                self.ledger.suppression.add([entry])
        told: list[tuple[object, ...]] = [(run.run, *_told(self.ledger, run)) for run in self.ledger.runs()]
        return [*told, *((name, self.ledger.count_recipients(name)) for name in CAMPAIGNS)]

    def _run(self, sheet: Sheet, now: datetime) -> None:
        name = f"20260101T120000Z-teste-{len(self.runs):04x}"
        rules = ContactLimits(not_within=None if sheet.not_within is None else timedelta(days=sheet.not_within))
        self.ledger.settle_dead_claims(endpoint=ENDPOINT, campaign=sheet.campaign)
        run = Run(
            run=name,
            campaign=sheet.campaign,
            endpoint=ENDPOINT,
            sheet_path="s",
            sheet_sha256="0",
            version="0",
            started=now,
        )
        with self.ledger.stage(sheet.retries) as staging:
            staging.add(row._replace(key=staging.hashes.key(row.key or "")) for row in _rows(sheet))
            staging.judge(History(rules=rules, endpoint=ENDPOINT, campaign=sheet.campaign, now=now))
            staging.plan(run, Owner.here(name), TRAITS)
        self.runs[name] = now, sheet.campaign, {PEOPLE[person] for person, _ in sheet.rows}
        if asyncio.run(_sent(self.ledger, name, sheet, rules, now)):
            self.ledger.finish_run(name, finished=now, attempts=0, achieved_rate=None, pending=None)

    def _purge(self, purge: Purge, now: datetime) -> None:
        before = now - timedelta(days=purge.older_than)
        for scope in self.ledger.retention.scopes(purge.campaign):
            self.ledger.settle_dead_claims(endpoint=scope.endpoint, campaign=scope.campaign, before=before)
            if self._purged:
                looked = self.ledger.retention.preview(scope, before)
                assert self.ledger.retention.purge(scope, before, now=now) == looked
                assert self.ledger.retention.preview(scope, before).empty
        if self._purged:
            assert self.ledger.retention.wipe() is None
            gone = set(PEOPLE) - self._people_since(before, purge.campaign) - set(self._listed())
            data = b"".join(file.read_bytes() for file in self.path.parent.glob(f"{self.path.name}*"))
            for person in gone:
                for secret in (person, f"chat of {person[1:]}", f"words for {person[1:]}"):
                    assert secret.encode() not in data

    def _people_since(self, before: datetime, campaign: str | None) -> set[str]:
        """People of runs that the purge leaves as they are."""
        left = (people for at, of, people in self.runs.values() if at >= before or campaign not in (None, of))
        return set().union(*left)

    def _listed(self) -> Iterator[str]:
        return (entry.person for entry in self.ledger.suppression.entries())


def _rows(sheet: Sheet) -> Iterator[StagedRow]:
    for row, (number, invoice) in enumerate(sheet.rows, start=2):
        person = PEOPLE[number]
        key = message_key(endpoint=ENDPOINT, campaign=sheet.campaign, person=person, unique=(str(invoice),))
        payload = f"words for {person[1:]}, edition {sheet.edition}"
        note = Finding(Reason.NOTE_LANDLINE, {"found": person})
        yield StagedRow(
            row=row, key=key, person=person, sender="s", payload=payload, request_hash=payload[-1], notes=(note,)
        )


async def _sent(ledger: Ledger, run: str, sheet: Sheet, rules: ContactLimits, now: datetime) -> bool:
    """Send what is planned; False when the run was killed."""
    with ledger.open_queue(Owner.here(run), rules, endpoint=ENDPOINT) as sending:
        for step, job in enumerate(sending.jobs()):
            end = sheet.ends[job.row - 2]
            at = now + timedelta(minutes=step)
            held = None if end == "not reached" else await sending.claim(job, at)
            if not isinstance(held, Claim):
                continue
            if end == "killed":
                return False
            if end == "released":
                await sending.release(held, Finding(Reason.RATE_LIMITED), status=429)
            else:
                await sending.record(held, _verdict(end, job.person), duration_ms=5, began=at)
    return True


def _verdict(end: str, person: str) -> Verdict:
    reasons: Mapping[str, Reason] = {
        "success": Reason.CREATED,
        "error": Reason.API_REFUSED,
        "unknown": Reason.SERVER_ERROR,
    }
    finding = Finding(reasons[end], {"status": "500", "words": f"words for {person[1:]}"})
    signs = ChatSigns(chat_id=f"chat of {person[1:]}") if end == "success" else None
    return Verdict(outcome=Outcome(end), finding=finding, signs=signs)


def _told(ledger: Ledger, run: Run) -> tuple[object, ...]:
    tally = ledger.tally(run.run)
    return tally.counts, tally.reasons, tally.this_run, [_bare(result) for result in ledger.results(run.run)]


def _bare(result: Result) -> Result:
    """Without what a purge may remove."""
    findings = tuple(
        Finding(each.reason, {**each.values, "words": "", "found": "", "where": ""}) for each in result.findings
    )
    return replace(result, person=None, chat_id=None, notes=(), findings=findings, request=None)


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, min_size=2, max_size=9))
def test_a_purged_ledger_decides_as_one_that_never_was(history: Sequence[Step]) -> None:
    """Whom a run messages, every outcome, reason, time and count, today and in later runs of the same sheets; and no
    byte of the files tells who was purged."""
    with tempfile.TemporaryDirectory() as folder:
        now = BEGIN
        lives = [Life(Path(folder), name, purged=name == "purged") for name in ("purged", "whole")]
        try:
            for days, what in history:
                now += timedelta(days=days)
                purged, whole = (life.take(what, now) for life in lives)
                assert purged == whole
        finally:
            for life in lives:
                life.ledger.close()
