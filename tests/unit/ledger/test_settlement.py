"""Decisions about unknown rows: what may be decided, all or nothing, until it is sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from decisions import read_decisions
from sqlalchemy import select

from batch.errors import Busy
from batch.ledger import (
    Ledger,
    Owner,
    RetryOptions,
    RowStatus,
    Settlement,
    SettlementCheck,
    StagedRow,
    State,
    check_settlement,
)
from batch.ledger.send.claims import Claim
from batch.ledger.storage.schema import messages
from batch.model.messages import message_key
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result, Run, Traits
from batch.model.verdicts import ChatSigns, Verdict

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
ENDPOINT = "http://127.0.0.1:9"
TRAITS = Traits(unique_by=(), region="BR", phone_rule=1, template="saudacao (pt_BR)")
LOST = Verdict(outcome=Outcome.UNKNOWN, finding=Finding(Reason.ANSWER_LOST, {"words": "gone"}))
REFUSED = Verdict(outcome=Outcome.ERROR, finding=Finding(Reason.API_REFUSED), http_status=400)
ACCEPTED = Verdict(
    outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), http_status=200, signs=ChatSigns(chat_id="chat-1")
)


def person(row: int) -> str:
    return f"+55119000{row:05d}"


def good(row: int) -> StagedRow:
    """A row that may be sent, to a person of its own."""
    key = message_key(endpoint=ENDPOINT, campaign="teste", person=person(row))
    return StagedRow(row=row, key=key, person=person(row), sender="s1", request_hash="h", payload='{"a":1}')


def plan(ledger: Ledger, run: str, rows: Iterable[StagedRow], retries: RetryOptions | None = None) -> None:
    planned = Run(
        run=run,
        campaign="teste",
        endpoint=ENDPOINT,
        sheet_path="/sheets/s.csv",
        sheet_sha256="0" * 64,
        version="0",
        started=NOW,
    )
    with ledger.stage(retries or RetryOptions()) as staging:
        staging.add(rows)
        staging.judge()
        staging.plan(planned, Owner.here(run), TRAITS)


def send(ledger: Ledger, run: str, verdict: Verdict = LOST) -> list[int]:
    """Send what waits, with this verdict; gives the rows that were posted."""

    async def work() -> list[int]:
        posted = []
        with ledger.open_queue(Owner.here(run), endpoint=ENDPOINT) as sending:
            for job in sending.jobs():
                assert job.payload
                held = await sending.claim(job, NOW)
                assert held is not None
                await sending.record(held, verdict, duration_ms=5)
                posted.append(job.row)
        return posted

    return asyncio.run(work())


def claim(ledger: Ledger, run: str, now: datetime = NOW) -> Claim:
    """Claim the first waiting message, as a run does before it dies."""

    async def work() -> Claim:
        with ledger.open_queue(Owner.here(run), endpoint=ENDPOINT) as sending:
            held = await sending.claim(next(sending.jobs()), now)
            assert held is not None
            return held

    return asyncio.run(work())


def settlement(row_status: RowStatus, *, sent: bool) -> Settlement:
    reason = Reason.SETTLED_SENT if sent else Reason.SETTLED_NOT_SENT
    return Settlement(
        row_status=row_status,
        outcome=Outcome.SUCCESS if sent else Outcome.PENDING,
        finding=Finding(reason, {"who": "ana", "when": "03/11/2026 09:00"}),
        evidence=Evidence.SETTLED if sent else None,
    )


def settle(ledger: Ledger, run: str, row: int, *, sent: bool) -> None:
    """Settle one row as a person at the command line would; it must be open to it."""
    (row_status,) = ledger.settlements.row_statuses(run, [row])
    assert check_settlement(row_status, sent=sent) is SettlementCheck.OPEN
    ledger.settlements.settle([settlement(row_status, sent=sent)], now=NOW, who="ana", how="test")


def rulings(ledger: Ledger, run: str, row: int) -> tuple[SettlementCheck, SettlementCheck]:
    """For sent and for not sent."""
    (row_status,) = ledger.settlements.row_statuses(run, [row])
    return check_settlement(row_status, sent=True), check_settlement(row_status, sent=False)


def outcomes(ledger: Ledger, run: str) -> dict[int, Outcome]:
    return {result.row: result.outcome for result in ledger.results(run)}


@pytest.fixture
def unknown(ledger: Ledger) -> Ledger:
    """A ledger whose run r1 has the unknown rows 2 and 3."""
    plan(ledger, "r1", [good(2), good(3)])
    assert send(ledger, "r1") == [2, 3]
    return ledger


def test_settled_as_sent_is_success_by_that_evidence(unknown: Ledger) -> None:
    """And no later run sends it, or changes who said so."""
    settle(unknown, "r1", 2, sent=True)
    plan(unknown, "r2", [good(2), good(3)])
    assert send(unknown, "r2") == []
    result = next(result for result in unknown.results("r2") if result.row == 2)
    assert (result.outcome, result.evidence, result.reason) == (Outcome.SUCCESS, Evidence.SETTLED, "settled_sent")
    assert result.findings[0].values == {"who": "ana", "when": "03/11/2026 09:00"}
    assert (result.run, result.attempts, result.sent_at) == ("r1", 1, NOW)


def test_settled_as_not_sent_waits_and_the_next_run_sends_it_once(unknown: Ledger) -> None:
    """The plan gives it a payload again; one more attempt, and nothing is left to send."""
    settle(unknown, "r1", 2, sent=False)
    assert outcomes(unknown, "r1") == {2: Outcome.PENDING, 3: Outcome.UNKNOWN}
    plan(unknown, "r2", [good(2), good(3)])
    assert send(unknown, "r2", ACCEPTED) == [2]
    plan(unknown, "r3", [good(2), good(3)])
    assert send(unknown, "r3", ACCEPTED) == []
    assert outcomes(unknown, "r3") == {2: Outcome.SUCCESS, 3: Outcome.UNKNOWN}


def test_what_waits_without_a_payload_is_never_posted(unknown: Ledger) -> None:
    """The run that left the row unknown does not find it among its jobs: there is nothing to post."""
    settle(unknown, "r1", 2, sent=False)
    assert send(unknown, "r1") == []


def test_a_decision_can_be_turned_round_until_it_is_sent_again(unknown: Ledger) -> None:
    """Both ways, as often as wanted; the same decision again is no change."""
    assert rulings(unknown, "r1", 2) == (SettlementCheck.OPEN, SettlementCheck.OPEN)
    settle(unknown, "r1", 2, sent=True)
    assert rulings(unknown, "r1", 2) == (SettlementCheck.SAME, SettlementCheck.OPEN)
    settle(unknown, "r1", 2, sent=False)
    assert rulings(unknown, "r1", 2) == (SettlementCheck.OPEN, SettlementCheck.SAME)
    settle(unknown, "r1", 2, sent=True)
    plan(unknown, "r2", [good(2)])
    assert send(unknown, "r2") == []


def test_a_planned_row_can_still_be_settled_as_sent(unknown: Ledger) -> None:
    """A run that stopped before the row gave it a payload; the decision takes it away."""
    settle(unknown, "r1", 2, sent=False)
    plan(unknown, "r2", [good(2)])
    settle(unknown, "r2", 2, sent=True)
    assert send(unknown, "r2") == []


@pytest.mark.parametrize("verdict", [ACCEPTED, REFUSED])
def test_nothing_is_decided_about_what_was_sent_again(unknown: Ledger, verdict: Verdict) -> None:
    """The API's answer says more than any decision."""
    settle(unknown, "r1", 2, sent=False)
    plan(unknown, "r2", [good(2)])
    send(unknown, "r2", verdict)
    assert rulings(unknown, "r1", 2) == (SettlementCheck.REFUSED, SettlementCheck.REFUSED)


def test_what_is_unknown_again_can_be_decided_again(unknown: Ledger) -> None:
    """A second lost answer is a second question."""
    settle(unknown, "r1", 2, sent=False)
    plan(unknown, "r2", [good(2)])
    send(unknown, "r2")
    assert rulings(unknown, "r1", 2) == (SettlementCheck.OPEN, SettlementCheck.OPEN)


def test_an_attempt_that_certainly_sent_nothing_does_not_close_the_question(unknown: Ledger) -> None:
    """A 429 after `not sent`: who finds the first message after all must be able to say so, or it goes out twice."""
    settle(unknown, "r1", 2, sent=False)
    plan(unknown, "r2", [good(2)])

    async def throttled() -> None:
        with unknown.open_queue(Owner.here("r2"), endpoint=ENDPOINT) as sending:
            held = await sending.claim(next(sending.jobs()), NOW)
            assert held
            await sending.release(held, Finding(Reason.RATE_LIMITED), status=429)

    asyncio.run(throttled())
    settle(unknown, "r2", 2, sent=True)
    plan(unknown, "r3", [good(2)])
    assert send(unknown, "r3") == []


def test_all_are_settled_or_none(unknown: Ledger) -> None:
    """One that changed since it was looked at takes the whole transaction back, the log included."""
    first, second = unknown.settlements.row_statuses("r1")
    stale = replace(second, state=State.PENDING)
    with pytest.raises(Busy, match="Row 3 was changed"):
        unknown.settlements.settle(
            [settlement(first, sent=True), settlement(stale, sent=True)], now=NOW, who="", how=""
        )
    assert outcomes(unknown, "r1") == {2: Outcome.UNKNOWN, 3: Outcome.UNKNOWN}
    assert read_decisions(unknown) == []


def test_every_decision_is_noted(unknown: Ledger) -> None:
    """Who, when, what of what, and how; those of other runs apart."""
    settle(unknown, "r1", 2, sent=True)
    settle(unknown, "r1", 2, sent=False)
    first, second = read_decisions(unknown, "r1")
    assert (first.row, first.from_state, first.to_state, first.evidence) == (
        2,
        State.UNKNOWN,
        State.SUCCESS,
        Evidence.SETTLED,
    )
    assert (second.from_state, second.to_state, second.evidence) == (State.SUCCESS, State.PENDING, None)
    assert (second.who, second.how, second.decided_at, second.attempts) == ("ana", "test", NOW, 1)
    assert read_decisions(unknown, "r9") == []


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("verdict", [LOST, REFUSED, ACCEPTED], ids=["lost", "refused", "accepted"])
def test_a_run_that_was_taken_for_dead_cannot_overrule_a_decision(
    ledger: Ledger, verdict: Verdict, *, sent: bool
) -> None:
    """It may correct `unknown`; not what a person has said since."""
    plan(ledger, "r1", [good(2)])
    held = claim(ledger, "r1")
    ledger.settle_dead_claims(endpoint=ENDPOINT, campaign="teste")
    settle(ledger, "r1", 2, sent=sent)
    (before,) = ledger.results("r1")

    async def late() -> bool:
        with ledger.open_queue(Owner.here("r1"), endpoint=ENDPOINT) as sending:
            return await sending.record(held, verdict, duration_ms=9) is not None

    assert not asyncio.run(late())
    assert list(ledger.results("r1")) == [before]
    assert before.outcome is (Outcome.SUCCESS if sent else Outcome.PENDING)


def test_a_young_claim_is_left_alone(ledger: Ledger) -> None:
    """Only claims from before the given time become unknown; an open one cannot be decided."""
    plan(ledger, "r1", [good(2), good(3)])
    claim(ledger, "r1", NOW - timedelta(minutes=7))
    claim(ledger, "r1", NOW - timedelta(minutes=6))
    settled = ledger.settle_dead_claims(endpoint=ENDPOINT, campaign="teste", before=NOW - timedelta(minutes=6))
    assert settled == 1
    assert [row_status.state for row_status in ledger.settlements.row_statuses("r1")] == [State.UNKNOWN, State.CLAIMED]
    assert rulings(ledger, "r1", 3) == (SettlementCheck.REFUSED, SettlementCheck.REFUSED)


def test_a_dead_claim_keeps_no_values(unknown: Ledger) -> None:
    """It is unknown by the run that died; what it was before stays aside, for who gives the claim back late."""
    plan(unknown, "r2", [good(2)], RetryOptions(resend_unknown=True))
    claim(unknown, "r2")
    unknown.settle_dead_claims(endpoint=ENDPOINT, campaign="teste")
    unknown.settle_dead_claims(endpoint=ENDPOINT, campaign="teste")
    with unknown._engine.connect() as connection:
        query = select(messages.c.run, messages.c.state, messages.c.payload, messages.c.again_state)
        found = sorted(map(tuple, connection.execute(query)), key=str)
    assert found == [("r1", "unknown", None, None), ("r2", "unknown", None, "unknown")]


@pytest.mark.parametrize(
    ("verdict", "retries"), [(LOST, RetryOptions(resend_unknown=True)), (REFUSED, RetryOptions(retry_errors=True))]
)
def test_a_claim_given_back_late_has_its_earlier_outcome_again(
    ledger: Ledger, verdict: Verdict, retries: RetryOptions
) -> None:
    """Who made it was taken for dead: the choice to try again held for that run, and no later one sends it."""
    plan(ledger, "r1", [good(2)])
    send(ledger, "r1", verdict)
    plan(ledger, "r2", [good(2)], retries)
    held = claim(ledger, "r2")
    ledger.settle_dead_claims(endpoint=ENDPOINT, campaign="teste")

    async def give_back() -> None:
        with ledger.open_queue(Owner.here("r2"), endpoint=ENDPOINT) as sending:
            assert await sending.release(held, None)

    asyncio.run(give_back())
    ledger.finish_run("r2", finished=NOW, attempts=0, achieved_rate=None, pending=None)
    assert outcomes(ledger, "r2") == {2: verdict.outcome}
    plan(ledger, "r3", [good(2)])
    assert send(ledger, "r3") == []


def test_what_was_refused_for_now_has_the_run_of_its_earlier_outcome(unknown: Ledger) -> None:
    """It was tried again by choice and met a 429: nothing was sent, and what is shown is not of this run."""
    plan(unknown, "r2", [good(2), good(3)], RetryOptions(resend_unknown=True))
    held = claim(unknown, "r2")

    async def give_back() -> None:
        with unknown.open_queue(Owner.here("r2"), endpoint=ENDPOINT) as sending:
            assert await sending.release(held, Finding(Reason.RATE_LIMITED, {}), status=429)

    asyncio.run(give_back())
    unknown.finish_run("r2", finished=NOW, attempts=1, achieved_rate=None, pending=None)
    assert {(each.outcome, each.run) for each in unknown.results("r2")} == {(Outcome.UNKNOWN, "r1")}


def test_what_was_tried_again_and_is_settled_as_not_sent_waits(unknown: Ledger) -> None:
    """The decision is later than the outcome that was kept aside: the next run sends it, and begins with it."""
    plan(unknown, "r2", [good(2)], RetryOptions(resend_unknown=True))
    claim(unknown, "r2")
    unknown.settle_dead_claims(endpoint=ENDPOINT, campaign="teste")
    settle(unknown, "r2", 2, sent=False)
    unknown.settle_dead_claims(endpoint=ENDPOINT, campaign="teste")
    plan(unknown, "r3", [good(2), good(3)])
    assert send(unknown, "r3", ACCEPTED) == [2]


def states(ledger: Ledger) -> list[str]:
    """Of all messages, sorted."""
    with ledger._engine.connect() as connection:
        return sorted(connection.execute(select(messages.c.state)).scalars())


def test_what_was_to_be_tried_again_waits_for_its_own_run(unknown: Ledger) -> None:
    """The end of another campaign's or endpoint's run gives nothing back, and what is being sent stays claimed."""
    plan(unknown, "r2", [good(2), good(3)], RetryOptions(resend_unknown=True))
    held = claim(unknown, "r2")
    for endpoint, campaign in ((ENDPOINT, "outra"), ("http://127.0.0.1:10", "teste")):
        other = f"{endpoint} {campaign}"
        run = Run(
            run=other, campaign=campaign, endpoint=endpoint, sheet_path="s", sheet_sha256="0", version="0", started=NOW
        )
        with unknown.stage() as staging:
            staging.plan(run, Owner.here(other), TRAITS)
        unknown.finish_run(other, finished=NOW, attempts=0, achieved_rate=None, pending=None)
    assert states(unknown) == ["claimed", "pending"]
    unknown.finish_run("r2", finished=NOW, attempts=0, achieved_rate=None, pending=None)
    assert states(unknown) == ["claimed", "unknown"]
    assert held.attempt == 2


def test_a_row_of_its_own_outcome_has_no_message_to_decide(ledger: Ledger) -> None:
    """An error of the sheet, and the duplicate of an unknown row."""
    wrong = StagedRow(row=4, outcome=Outcome.ERROR, findings=(Finding(Reason.PHONE_MISSING),))
    plan(ledger, "r1", [good(2), good(2)._replace(row=3), wrong])
    send(ledger, "r1")
    assert [row_status.row for row_status in ledger.settlements.row_statuses("r1")] == [2]
    for row_status in ledger.settlements.row_statuses("r1", [3, 4]):
        assert row_status.state is None
        assert check_settlement(row_status, sent=True) is SettlementCheck.REFUSED


def test_many_rows_are_looked_up_at_once(ledger: Ledger) -> None:
    """More numbers than a database takes in one list; those that the sheet lacks are left out."""
    plan(ledger, "r1", [good(row) for row in range(2, 1300)])
    found = ledger.settlements.row_statuses("r1", range(1, 1400))
    assert [row_status.row for row_status in found] == list(range(2, 1300))


def test_the_same_person_is_found_in_other_campaigns(unknown: Ledger) -> None:
    """Attempted messages only, of this endpoint only."""
    plan(unknown, "r2", [good(2), good(5)])
    (found,) = unknown.settlements.find_related(ENDPOINT, [person(2), person(5)])
    assert (found.person, found.state, found.duration_ms) == (person(2), State.UNKNOWN, 5)
    assert unknown.settlements.find_related("http://127.0.0.1:10", [person(2)]) == []


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("evidence", [None, *Evidence])
@pytest.mark.parametrize("decided", [None, State.SUCCESS, State.PENDING])
def test_only_unknown_and_settled_rows_are_open(state: State, evidence: Evidence | None, decided: State | None) -> None:
    """Every state with every evidence and earlier decision."""
    outcome = Outcome.UNKNOWN if state is State.CLAIMED else Outcome(state.value)
    result = Result(row=2, outcome=outcome, findings=(Finding(Reason.WAITING),), evidence=evidence)
    row_status = RowStatus(run="r", result=result, state=state, decided=decided)
    settled_sent = state is State.SUCCESS and evidence in (Evidence.SETTLED, Evidence.TIMELINE)
    settled_not_sent = state is State.PENDING and decided is State.PENDING
    open_to_it = state is State.UNKNOWN or settled_sent or settled_not_sent
    for sent in (True, False):
        assert (check_settlement(row_status, sent=sent) is not SettlementCheck.REFUSED) == open_to_it
    assert (check_settlement(row_status, sent=True) is SettlementCheck.SAME) == settled_sent
    assert (check_settlement(row_status, sent=False) is SettlementCheck.SAME) == settled_not_sent
