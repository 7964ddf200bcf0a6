"""What counts as a message that a person has, or may have: at the claim, across runs, campaigns and second tries."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from batch.ledger import FollowScope, History, Ledger, Owner, RetryOptions, StagedRow, SuppressionEntry
from batch.ledger.send.claims import Claim
from batch.ledger.send.rolling_quota import Quota
from batch.ledger.storage.schema import LATEST_ATTEMPT, deliveries, messages, sent_between
from batch.model.contact_limits import DAY, ContactLimits
from batch.model.delivery import TEMPLATE_PAUSED, UNREACHABLE, DeliveryState, Sighting
from batch.model.messages import message_key
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, sentence
from batch.model.runs import Run, Traits
from batch.model.verdicts import ChatSigns, ClaimRefusal, Verdict

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ENDPOINT, ELSEWHERE = "http://127.0.0.1:9", "http://127.0.0.1:10"
TRAITS = Traits(unique_by=(), region="BR", phone_rule=1, template="saudacao (pt_BR)")
ANA, BIA, CLARA = "+5511988887001", "+5511988887002", "+5511988887003"
SENT = Verdict(outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), http_status=200)
LOST = Verdict(outcome=Outcome.UNKNOWN, finding=Finding(Reason.ANSWER_LOST))
CAP_1 = ContactLimits(per_24h=1)


def planned(
    ledger: Ledger,
    run: str,
    person: str,
    *,
    campaign: str = "c",
    endpoint: str = ENDPOINT,
    sender: str = "s1",
    retries: RetryOptions | None = None,
    started: datetime = NOON,
) -> None:
    """A run with one row."""
    key = message_key(endpoint=endpoint, campaign=campaign, person=person)
    row = StagedRow(row=2, key=key, person=person, sender=sender, payload="{}", request_hash=f"{sender}{person}")
    of = Run(
        run=run, campaign=campaign, endpoint=endpoint, sheet_path="s", sheet_sha256="0", version="0", started=started
    )
    with ledger.stage(retries) as staging:
        staging.add([row])
        staging.judge()
        staging.plan(of, Owner.here(run), TRAITS)


def tried(
    ledger: Ledger,
    run: str,
    at: datetime,
    *,
    rules: ContactLimits = CAP_1,
    verdict: Verdict | None = None,
    took: int = 100,
    endpoint: str = ENDPOINT,
) -> Claim | ClaimRefusal | None:
    """Claim the run's row at a time; with a verdict, record it."""

    async def work() -> Claim | ClaimRefusal | None:
        with ledger.open_queue(Owner.here(run), rules, endpoint=endpoint) as sending:
            (job,) = sending.jobs()
            held = await sending.claim(job, at)
            if verdict is not None:
                assert isinstance(held, Claim)
                await sending.record(held, verdict, duration_ms=took, began=at)
            return held

    return asyncio.run(work())


def test_an_unknown_chosen_to_be_sent_again_still_counts(ledger: Ledger) -> None:
    """For the cap, for other campaigns' history and for spacing: it may have been sent, whatever is planned for it."""
    planned(ledger, "r1", ANA)
    tried(ledger, "r1", NOON, verdict=LOST)
    planned(ledger, "r2", ANA, retries=RetryOptions(resend_unknown=True), sender="s2")
    planned(ledger, "r3", BIA, campaign="other")
    full = tried(ledger, "r3", NOON + HOUR)
    assert isinstance(full, ClaimRefusal)
    assert (full.outcome, full.finding.reason) == (Outcome.PENDING, Reason.CAP)
    assert full.finding.values == {"people": 1, "when": "04/11/2026 12:00"}
    planned(ledger, "r4", ANA, campaign="third")
    week = ContactLimits(not_within=timedelta(days=7))
    recent = tried(ledger, "r4", NOON + HOUR, rules=week)
    assert isinstance(recent, ClaimRefusal)
    assert recent.finding.reason is Reason.RECENTLY_MESSAGED


def test_what_a_second_try_did_not_send_is_as_it_was(ledger: Ledger) -> None:
    """Sender, time and the rest of the attempt that nobody knows the end of; a release in between changes nothing."""
    planned(ledger, "r1", ANA)
    tried(ledger, "r1", NOON, verdict=LOST, took=7)
    planned(ledger, "r2", ANA, retries=RetryOptions(resend_unknown=True), sender="s2")

    async def claim_and_release() -> None:
        with ledger.open_queue(Owner.here("r2"), ContactLimits(), endpoint=ENDPOINT) as sending:
            (job,) = sending.jobs()
            held = await sending.claim(job, NOON + HOUR)
            assert isinstance(held, Claim)
            await sending.release(held, None)

    asyncio.run(claim_and_release())
    ledger.finish_run("r2", finished=NOON + HOUR, attempts=0, achieved_rate=None, pending=None)
    with ledger._engine.connect() as connection:
        found = connection.execute(
            select(messages.c.state, messages.c.sender, messages.c.sent_at, messages.c.duration_ms, messages.c.payload)
        ).one()
    assert tuple(found) == ("unknown", "s1", NOON, 7, None)


@pytest.mark.parametrize("shared", [False, True])
def test_a_day_is_counted_from_the_end_of_the_attempt(ledger: Ledger, shared: bool) -> None:  # noqa: FBT001 - drawn
    """A post that took twenty seconds may have gone out at its end: nobody else a moment less than a day after it."""
    rules = ContactLimits(per_24h=1, shared_cap=shared)
    planned(ledger, "r1", ANA)
    tried(ledger, "r1", NOON, verdict=SENT, took=20_000, rules=rules)
    planned(ledger, "r2", BIA, campaign="other")
    assert isinstance(tried(ledger, "r2", NOON + DAY + timedelta(seconds=15), rules=rules), ClaimRefusal)
    assert isinstance(tried(ledger, "r2", NOON + DAY + timedelta(seconds=22), rules=rules), Claim)


def test_a_message_that_was_refused_keeps_no_distance(ledger: Ledger) -> None:
    """Only what the person has, or may have, is a reason to wait before the next one."""
    planned(ledger, "r1", ANA)
    tried(ledger, "r1", NOON, verdict=WRONG, rules=ContactLimits())
    planned(ledger, "r2", ANA, campaign="other")
    assert isinstance(tried(ledger, "r2", NOON + timedelta(seconds=1), rules=ContactLimits()), Claim)


def test_a_person_whose_other_message_is_being_posted_is_tried_again_in_a_second(ledger: Ledger) -> None:
    """Not at once, for ever: how long the other one takes is not known."""
    people = {"a": ANA, "b": ANA}
    rows = [
        row._replace(row=number, key=f"{name} {row.key}")
        for number, name in enumerate(people, 2)
        for row in new_rows("c", [people[name]])
    ]
    with ledger.stage() as staging:
        staging.add(rows)
        staging.judge()
        staging.plan(run_of("r1"), Owner.here("r1"), TRAITS)

    async def claim_both() -> list[Claim | ClaimRefusal | None]:
        with ledger.open_queue(Owner.here("r1"), ContactLimits(), endpoint=ENDPOINT) as sending:
            first, second = sending.jobs()
            return [await sending.claim(first, NOON), await sending.claim(second, NOON + HOUR)]

    first, second = asyncio.run(claim_both())
    assert isinstance(first, Claim)
    assert isinstance(second, ClaimRefusal)
    assert (second.finding.reason, second.until) == (Reason.SPACING, NOON + HOUR + timedelta(seconds=1))


def test_a_trial_is_no_message_of_another_campaign(ledger: Ledger) -> None:
    """It went to one's own phone, as a test."""
    planned(ledger, "r1", ANA, campaign="other")
    tried(ledger, "r1", NOON, verdict=SENT)
    planned(ledger, "r2", ANA)
    week = ContactLimits(not_within=timedelta(days=7))
    with ledger._engine.begin() as connection:
        connection.execute(update(messages).where(messages.c.campaign == "other").values(trial=True))
    assert isinstance(tried(ledger, "r2", NOON + HOUR, rules=week), Claim)


def test_the_same_process_counts_from_the_end_too(ledger: Ledger) -> None:
    """A run that waits for more than a day has its counts in memory."""
    quota = Quota(1, endpoint=ENDPOINT, sender="s1")
    with ledger._engine.connect() as connection:
        assert quota.refuses(connection, ANA, NOON) is None
        quota.note(ANA, NOON)
        quota.note(ANA, NOON + timedelta(seconds=20))
        assert quota.refuses(connection, BIA, NOON + DAY + timedelta(seconds=15)) is not None
        assert quota.refuses(connection, BIA, NOON + DAY + timedelta(seconds=22)) is None


def test_the_values_of_somebody_who_opted_out_are_not_kept(ledger: Ledger) -> None:
    """Neither when the claim finds out, nor when the next plan does; who is taken off the list is planned anew."""
    planned(ledger, "r1", ANA)
    entry = SuppressionEntry(person=ANA, reason="asked", source="by hand", added=NOON)
    ledger.suppression.add([entry])
    refused = tried(ledger, "r1", NOON)
    assert isinstance(refused, ClaimRefusal)
    assert refused.outcome is Outcome.SKIPPED
    assert _payloads(ledger) == [None]
    ledger.suppression.remove([ANA], NOON)
    planned(ledger, "r2", ANA)
    assert _payloads(ledger) == ["{}"]
    ledger.suppression.add([entry])
    planned(ledger, "r3", ANA)
    assert _payloads(ledger) == [None]


def _payloads(ledger: Ledger) -> list[str | None]:
    with ledger._engine.connect() as connection:
        return list(connection.execute(select(messages.c.payload)).scalars())


_NO_SCAN_OF_MANY = ("SCAN meta", "SCAN senders", "SCAN CONSTANT ROW", "SCAN (subquery")
"""Steps of SQLite over what has a few rows: `senders` has those of the ledger."""


@pytest.mark.usefixtures("sqlite_file")  # whose plans are in its own words; PostgreSQL's follow its statistics
def test_finding_a_person_or_a_chat_reads_no_more_than_an_index(ledger: Ledger) -> None:
    """What is asked for every message must not slow down as the ledger grows."""
    statements: list[str] = []
    planned(ledger, "r1", ANA)
    with ledger._engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.set_trace_callback(statements.append)  # type: ignore[attr-defined]
    answered = replace(SENT, signs=ChatSigns(chat_id="chat-1"))
    tried(ledger, "r1", NOON, verdict=answered, rules=ContactLimits(per_24h=5, shared_cap=True, not_within=DAY))
    with ledger._engine.connect() as connection:
        for statement in {text for text in statements if text.startswith(("SELECT", "UPDATE", "WITH"))}:
            steps = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
            scans = [step for step in steps if step.startswith("SCAN") and not step.startswith(_NO_SCAN_OF_MANY)]
            assert not scans, (statement, steps)
            assert not [step for step in steps if "messages_by_campaign" in step], (statement, steps)
    assert any("chat-1" in text for text in statements if text.startswith("SELECT"))


def test_attempts_of_a_span_of_time_are_of_all_senders_or_one(ledger: Ledger) -> None:
    """The senders are found by the index; the end of a span is not in it."""
    with ledger._engine.connect() as connection:
        assert connection.scalar(LATEST_ATTEMPT) is None
        assert not connection.execute(select(messages.c.key).where(*sent_between(connection, NOON))).all()
    for number, (person, sender) in enumerate([(ANA, "s1"), (BIA, "s3"), (CLARA, "s2"), (ANA, "s4")]):
        planned(ledger, f"r{number}", person, sender=sender, campaign=f"c{number}")
        if sender != "s4":  # which has attempted nothing
            tried(ledger, f"r{number}", NOON + number * HOUR, verdict=SENT)
    with ledger._engine.connect() as connection:

        def found(*span: datetime, sender: str | None = None) -> set[str]:
            which = sent_between(connection, *span, sender=sender)
            return set(connection.execute(select(messages.c.sender).where(*which)).scalars())

        assert connection.scalar(LATEST_ATTEMPT) == NOON + 2 * HOUR
        assert found(NOON) == {"s1", "s2", "s3"}
        assert found(NOON + HOUR) == {"s2", "s3"}
        assert found(NOON, NOON + 2 * HOUR) == {"s1", "s3"}
        assert found(NOON, sender="s2") == {"s2"}


def test_who_was_reached_more_than_a_day_ago_needs_a_place_again(ledger: Ledger) -> None:
    """Also in the memory of the process that reached the person: two others of this day fill the cap."""
    quota = Quota(2, endpoint=ENDPOINT, sender="s1")
    with ledger._engine.connect() as connection:
        assert quota.refuses(connection, ANA, NOON) is None
        for person, hours in ((ANA, 0), (BIA, 24.5), (CLARA, 24.6)):
            quota.note(person, NOON + hours * HOUR)
        assert quota.refuses(connection, ANA, NOON + 25 * HOUR) == NOON + 48.5 * HOUR + timedelta(seconds=1)
        assert quota.refuses(connection, BIA, NOON + 25 * HOUR) is None


def test_a_place_is_free_a_day_and_a_second_after_the_oldest_contact(ledger: Ledger) -> None:
    """To the microsecond, in memory; while a count is in doubt it keeps no one waiting without the ledger."""
    quota, free = Quota(1, endpoint=ENDPOINT, sender="s1"), NOON + DAY + timedelta(seconds=1)
    with ledger._engine.connect() as connection:
        assert quota.refuses(connection, ANA, NOON) is None
        quota.note(ANA, NOON)
        assert quota.full_until(CLARA, free - timedelta(microseconds=1)) == free
        assert quota.full_until(CLARA, free) is None
        assert quota.full_until(ANA, NOON + HOUR) is None
        quota.note(BIA, NOON + HOUR)
        assert quota.refuses(connection, ANA, free) == free + HOUR
        quota.doubt()
        assert quota.full_until(CLARA, free) is None
        assert quota.refuses(connection, CLARA, free) is None


def test_a_person_needs_a_place_again_shortly_before_her_day_ends(ledger: Ledger) -> None:
    """WhatsApp counts from the post, which lies before the attempt's end, and the next is posted after its claim."""
    quota, ends = Quota(1, endpoint=ENDPOINT, sender="s1"), NOON + DAY - timedelta(minutes=2)
    with ledger._engine.connect() as connection:
        assert quota.refuses(connection, ANA, NOON) is None
        quota.note(ANA, NOON)
        assert quota.refuses(connection, ANA, ends) is None
        quota.note(BIA, NOON + HOUR)
        assert quota.refuses(connection, ANA, ends - timedelta(microseconds=1)) is None
        assert quota.refuses(connection, ANA, ends) == NOON + HOUR + DAY + timedelta(seconds=1)


def test_beyond_the_cap_a_person_in_doubt_is_one_more(ledger: Ledger) -> None:
    """As another campaign may have left it: whom no message reached for certain waits until a place is free."""
    quota, later = Quota(1, endpoint=ENDPOINT, sender="s1"), NOON + 2 * HOUR
    with ledger._engine.connect() as connection:
        assert quota.refuses(connection, ANA, NOON) is None
        quota.note(ANA, NOON, is_certain=False)
        assert quota.refuses(connection, ANA, later) is None
        quota.note(BIA, NOON + HOUR)
        assert quota.refuses(connection, ANA, later) == NOON + HOUR + DAY + timedelta(seconds=1)
        assert quota.refuses(connection, BIA, later) is None
        quota.note(ANA, NOON + HOUR)
        assert quota.refuses(connection, ANA, later) is None


def test_a_person_who_is_reached_again_keeps_her_place_for_longer(ledger: Ledger) -> None:
    """The next one is free a day after the other's message."""
    quota = Quota(2, endpoint=ENDPOINT, sender="s1")
    with ledger._engine.connect() as connection:
        assert quota.refuses(connection, ANA, NOON) is None
        for hours, person in enumerate((ANA, BIA, ANA)):
            quota.note(person, NOON + hours * HOUR)
        assert quota.refuses(connection, CLARA, NOON + 3 * HOUR) == NOON + HOUR + DAY + timedelta(seconds=1)


def test_a_shared_cap_is_read_anew_when_others_have_written(ledger: Ledger) -> None:
    """And only then: between that the count in memory stands."""
    quota, free = Quota(2, endpoint=ENDPOINT, sender=None), NOON + DAY + timedelta(seconds=1, milliseconds=100)
    with ledger._engine.connect() as connection:
        for _ in range(2):
            assert quota.refuses(connection, CLARA, NOON) is None
        quota.note(BIA, NOON)
        quota.note(CLARA, NOON)
        assert quota.refuses(connection, ANA, NOON) is not None
        connection.rollback()
        planned(ledger, "r1", ANA)
        tried(ledger, "r1", NOON, verdict=SENT)
        assert quota.refuses(connection, CLARA, NOON) is None
        connection.rollback()
        planned(ledger, "r2", BIA)
        tried(ledger, "r2", NOON, verdict=SENT, rules=ContactLimits())
        assert quota.refuses(connection, CLARA, NOON) == free


@pytest.mark.parametrize("settled", [False, True])
def test_an_attempt_without_an_end_may_have_been_posted_for_half_a_minute(ledger: Ledger, *, settled: bool) -> None:
    """Of a run that died, for the cap and for spacing, whether its claim is settled or open."""
    planned(ledger, "r1", ANA)
    tried(ledger, "r1", NOON)
    if settled:
        assert ledger.settle_dead_claims(endpoint=ENDPOINT, campaign="c") == 1
    planned(ledger, "r2", BIA, campaign="other")
    full = tried(ledger, "r2", NOON + HOUR)
    assert isinstance(full, ClaimRefusal)
    assert full.until == NOON + DAY + timedelta(seconds=31)
    planned(ledger, "r3", ANA, campaign="third")
    close = tried(ledger, "r3", NOON + timedelta(seconds=20))
    assert isinstance(close, ClaimRefusal)
    assert close.until == NOON + timedelta(seconds=36)


def test_the_ledger_tells_who_was_reached_here_within_a_day(ledger: Ledger) -> None:
    """The oldest first, whoever it is; an unknown one that waits to be sent again counts, none of elsewhere does."""
    rules = ContactLimits(per_24h=2)
    for run, person, endpoint, hours in (
        ("r1", BIA, ENDPOINT, 0),
        ("r2", ANA, ENDPOINT, 1),
        ("r3", CLARA, ELSEWHERE, 2),
    ):
        planned(ledger, run, person, campaign=run, endpoint=endpoint)
        tried(ledger, run, NOON + hours * HOUR, verdict=LOST, took=0, rules=rules, endpoint=endpoint)
    planned(ledger, "r4", BIA, campaign="r1", retries=RetryOptions(resend_unknown=True))
    planned(ledger, "r5", CLARA, campaign="r5")
    full = tried(ledger, "r5", NOON + 3 * HOUR, rules=rules)
    assert isinstance(full, ClaimRefusal)
    assert full.until == NOON + DAY + timedelta(seconds=1)
    assert isinstance(tried(ledger, "r5", full.until - timedelta(microseconds=1), rules=rules), ClaimRefusal)
    assert isinstance(tried(ledger, "r5", full.until, rules=rules), Claim)


def test_only_this_endpoints_messages_space_this_persons(ledger: Ledger) -> None:
    """Neither a later message elsewhere nor another person's counts; the refusal ends six seconds after her own."""
    for run, person, endpoint, seconds in (
        ("r1", ANA, ENDPOINT, 0),
        ("r2", ANA, ELSEWHERE, 3),
        ("r3", BIA, ENDPOINT, -6),
        ("r5", BIA, ENDPOINT, 2),
    ):
        planned(ledger, run, person, campaign=run, endpoint=endpoint)
        tried(ledger, run, NOON + timedelta(seconds=seconds), verdict=SENT, rules=ContactLimits(), endpoint=endpoint)
    planned(ledger, "r4", ANA, campaign="r4")
    close = tried(ledger, "r4", NOON + timedelta(seconds=4), rules=ContactLimits())
    assert isinstance(close, ClaimRefusal)
    assert (close.outcome, close.finding.reason) == (Outcome.PENDING, Reason.SPACING)
    assert close.until == NOON + timedelta(seconds=6, milliseconds=100)
    assert isinstance(tried(ledger, "r4", close.until, rules=ContactLimits()), Claim)


def test_the_sentence_of_who_has_another_campaigns_message(ledger: Ledger) -> None:
    """Whole: whose message it was, when, and within how long; of several the latest."""
    for run, endpoint, hours in (("primeira", ENDPOINT, 0), ("segunda", ENDPOINT, 2), ("alhures", ELSEWHERE, 2.5)):
        planned(ledger, run, ANA, campaign=run, endpoint=endpoint)
        tried(ledger, run, NOON + hours * HOUR, verdict=SENT, rules=ContactLimits(), endpoint=endpoint)
    planned(ledger, "r3", ANA, campaign="terceira")
    rules = ContactLimits(not_within=timedelta(days=7), timezone="America/Sao_Paulo")
    recent = tried(ledger, "r3", NOON + 3 * HOUR, rules=rules)
    assert isinstance(recent, ClaimRefusal)
    told = "The person got a message of the campaign segunda on 03/11/2026 11:00, less than 7 days ago."
    assert sentence(recent.finding) == told


def test_a_chat_that_is_known_elsewhere_is_new_here(ledger: Ledger) -> None:
    """Two endpoints may give the same id to two chats."""
    answered = replace(SENT, signs=ChatSigns(chat_id="chat-1"))
    for run, endpoint in (("r1", ELSEWHERE), ("r2", ENDPOINT)):
        planned(ledger, run, ANA, endpoint=endpoint)
        tried(ledger, run, NOON, verdict=answered, rules=ContactLimits(), endpoint=endpoint)
    assert [result.outcome for result in ledger.results("r2")] == [Outcome.SUCCESS]


def test_what_was_sent_elsewhere_is_no_history_here(ledger: Ledger) -> None:
    """Neither another endpoint's campaign nor an earlier message of the same campaign keeps a person out."""
    planned(ledger, "r1", ANA, campaign="other", endpoint=ELSEWHERE)
    tried(ledger, "r1", NOON, verdict=SENT, rules=ContactLimits(), endpoint=ELSEWHERE)
    planned(ledger, "r2", ANA)
    assert isinstance(tried(ledger, "r2", NOON + HOUR, rules=ContactLimits(not_within=timedelta(days=7))), Claim)


FAILED, READ = (DeliveryState.FAILED, 131026), (DeliveryState.READ, None)
NOT_THERE = Verdict(outcome=Outcome.ERROR, finding=Finding(Reason.NOT_ON_WHATSAPP), http_status=400)
WRONG = Verdict(outcome=Outcome.ERROR, finding=Finding(Reason.API_REFUSED), http_status=400)
CODE = Reason.NOT_ON_WHATSAPP.value
Past = Verdict | tuple[DeliveryState, int | None]
"""An answer that was no success, or what a look has shown of a message."""

PEOPLE: dict[str, tuple[dict[float, Past], bool]] = {
    "failed": ({0: FAILED}, False),
    "refused": ({0: NOT_THERE}, False),
    "arrived before": ({-1: READ, 0: FAILED}, False),
    "refused twice": ({-1: NOT_THERE, 0: NOT_THERE}, False),
    "not arrived later": ({0: FAILED, 2: (DeliveryState.SENT, None)}, False),
    "arrived later": ({0: FAILED, 2: (DeliveryState.DELIVERED, None)}, True),
    "read later": ({0: NOT_THERE, 2: READ}, True),
    "refused for another reason": ({0: WRONG}, True),
    "unknown, in an API's word": ({0: replace(LOST, finding=Finding(Reason.ANSWER_LOST, {"word": CODE}))}, True),
    "failed for another reason": ({0: (DeliveryState.FAILED, 131049)}, True),
    "not failed": ({0: (DeliveryState.SENT, 131026)}, True),
    "long ago": ({-21: FAILED}, True),
    "elsewhere": ({0.5: FAILED}, True),
    "sent again since": ({0: FAILED}, True),
    "nothing": ({}, True),
}
"""What became of people's messages, by the hours after noon, and if they are reachable."""
PHONES = {name: f"+55119888870{number:02d}" for number, name in enumerate(PEOPLE, 10)}


def messaged(ledger: Ledger, hours: float) -> None:
    """The messages that people had at that time, each person one, and a look at those that were accepted."""
    run, at = f"r{hours}", NOON + hours * HOUR
    endpoint = ELSEWHERE if hours == 0.5 else ENDPOINT
    had = {PHONES[name]: past[hours] for name, (past, _) in PEOPLE.items() if hours in past}
    with ledger.stage() as staging:
        staging.add(new_rows(run, had, endpoint=endpoint))
        staging.judge()
        staging.plan(run_of(run, endpoint), Owner.here(run), TRAITS)

    async def work() -> None:
        with ledger.open_queue(Owner.here(run), ContactLimits(), endpoint=endpoint) as sending:
            for job in sending.jobs():
                held, past = await sending.claim(job, at), had[job.person]
                assert isinstance(held, Claim)
                answer = past if isinstance(past, Verdict) else replace(SENT, signs=ChatSigns(chat_id=job.key))
                await sending.record(held, answer, duration_ms=100, began=at)

    asyncio.run(work())
    for message in ledger.deliveries.due(FollowScope(endpoint=endpoint, runs=(run,)), at + HOUR):
        state, code = had[message.person]  # type: ignore[misc] - an accepted one
        assert ledger.deliveries.record(message, Sighting(at=at + HOUR, state=state, code=code)) is not None


def new_rows(campaign: str, people: Iterable[str], *, endpoint: str = ENDPOINT) -> list[StagedRow]:
    return [
        StagedRow(
            row=row,
            key=message_key(endpoint=endpoint, campaign=campaign, person=person),
            person=person,
            sender="s1",
            payload="{}",
            request_hash=person,
        )
        for row, person in enumerate(people, 2)
    ]


def run_of(name: str, endpoint: str = ENDPOINT) -> Run:
    return Run(run=name, campaign=name, endpoint=endpoint, sheet_path="s", sheet_sha256="0", version="0", started=NOON)


def test_who_could_not_be_reached_is_left_out_at_the_plan_and_at_the_claim(ledger: Ledger) -> None:
    """By 131026 alone, here, of this person, of the latest attempt, and only until a later message arrived."""
    for hours in sorted({each for past, _ in PEOPLE.values() for each in past}):
        messaged(ledger, hours)
    with ledger._engine.begin() as connection:
        again = update(messages).where(messages.c.person == PHONES["sent again since"])
        connection.execute(again.values(attempts=2))
    rules, now = ContactLimits(skip_unreachable=DAY, timezone="America/Sao_Paulo"), NOON + 4 * HOUR
    rows = new_rows("new", PHONES.values())
    with ledger.stage() as staging:
        staging.add(rows)
        staging.judge(History(rules=rules, endpoint=ENDPOINT, campaign="new", now=now), endpoint=ENDPOINT)
        at_plan = {each.row: each.findings for each in staging.results() if each.outcome is Outcome.SKIPPED}
    with ledger.stage() as staging:
        staging.add(rows)
        staging.judge()
        staging.plan(run_of("new"), Owner.here("new"), TRAITS)

    async def claim() -> dict[int, tuple[Finding, ...]]:
        with ledger.open_queue(Owner.here("new"), rules, endpoint=ENDPOINT) as sending:
            tries = {job.row: await sending.claim(job, now) for job in sending.jobs()}
        assert all(isinstance(each, (Claim, ClaimRefusal)) for each in tries.values())
        return {row: (each.finding,) for row, each in tries.items() if isinstance(each, ClaimRefusal)}

    at_claim = asyncio.run(claim())
    unreachable = {name for name, (_, reachable) in PEOPLE.items() if not reachable}
    assert {name for row, name in enumerate(PHONES, 2) if row in at_claim} == unreachable
    assert {row: tuple(found) for row, found in at_plan.items()} == at_claim
    told = "WhatsApp could not reach the person's number on 03/11/2026 09:00 (131026), less than 1 day ago."
    assert {sentence(finding) for (finding,) in at_claim.values()} == {told}


@pytest.mark.parametrize(
    ("rules", "verdict"), [(ContactLimits(skip_unreachable=DAY), NOT_THERE), (ContactLimits(not_within=DAY), SENT)]
)
def test_the_time_of_a_rule_ends_to_the_moment(ledger: Ledger, rules: ContactLimits, verdict: Verdict) -> None:
    """A message of exactly that long ago is no history."""
    planned(ledger, "r1", ANA, campaign="other")
    tried(ledger, "r1", NOON, verdict=verdict, rules=ContactLimits())
    for run, moments, refused in (("r2", 1, True), ("r3", 0, False)):
        planned(ledger, run, ANA, campaign=run)
        held = tried(ledger, run, NOON + DAY - moments * timedelta(microseconds=1), rules=rules)
        assert isinstance(held, ClaimRefusal) is refused


AT_CLAIM: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "as it was": ({}, {}),
    "a paused template": ({}, {"code": TEMPLATE_PAUSED}),
    "looked at a while ago": ({}, {"looked_at": NOON - timedelta(minutes=2) + timedelta(microseconds=1)}),
    "looked at too long ago": ({}, {"looked_at": NOON - timedelta(minutes=2)}),
    "delivered meanwhile": ({}, {"state": "delivered"}),
    "failed for another reason": ({}, {"code": UNREACHABLE}),
    "sent again meanwhile": ({"attempts": 2}, {}),
    "unknown meanwhile": ({"state": "unknown"}, {}),
    "without a look": ({}, {"key": "of another message"}),
}
"""What has changed of failed messages, and of the looks at them, when those that are to replace them are claimed."""


@pytest.mark.parametrize(
    ("started", "goes"),
    [
        (NOON - HOUR, ["as it was", "a paused template", "looked at a while ago"]),
        (NOON - timedelta(seconds=1), []),
        (NOON - timedelta(seconds=2), ["as it was", "a paused template"]),
    ],
)
def test_a_failed_message_is_replaced_if_a_look_of_this_run_shows_it_still(
    ledger: Ledger, started: datetime, goes: list[str]
) -> None:
    """Two minutes old at the most, and of its latest attempt."""
    people = {f"+55119888870{number:02d}": name for number, name in enumerate(AT_CLAIM, 10)}
    rows, looked_at = new_rows("c", people), NOON - timedelta(seconds=1)
    history = History(rules=ContactLimits(), endpoint=ENDPOINT, campaign="c", now=NOON)
    for run in ("r1", "r2"):
        with ledger.stage(RetryOptions(retry_undelivered=run == "r2")) as staging:
            staging.add(rows)
            staging.judge(history, endpoint=ENDPOINT)
            staging.plan(replace(run_of(run), campaign="c", started=started), Owner.here(run), TRAITS)
        with ledger._engine.begin() as connection:
            if run == "r1":
                connection.execute(update(messages).values(state="success", attempts=1, sent_at=NOON - 2 * DAY))
                shown = {
                    "attempts": 1,
                    "state": "failed",
                    "code": 131049,
                    "seen_at": NOON - DAY,
                    "looked_at": looked_at,
                }
                more = {"looks": 1, "words": "", "reply_tied": False, "reply_undecided": False}
                connection.execute(insert(deliveries), [{"key": row.key, **shown, **more} for row in rows])
                continue
            for row, (of_message, of_look) in zip(rows, AT_CLAIM.values(), strict=True):
                if of_message:
                    connection.execute(update(messages).where(messages.c.key == row.key).values(of_message))
                if of_look:
                    connection.execute(update(deliveries).where(deliveries.c.key == row.key).values(of_look))

    async def claim() -> dict[str, Claim | ClaimRefusal | None]:
        with ledger.open_queue(Owner.here("r2"), ContactLimits(), endpoint=ENDPOINT) as sending:
            jobs = list(sending.jobs())
            assert len(jobs) == len(rows)
            return {people[job.person]: await sending.claim(job, NOON) for job in jobs}

    async def give_up(count: int) -> list[bool]:
        with ledger.open_queue(Owner.here("r2"), ContactLimits(), endpoint=ENDPOINT) as sending:
            keys = [job.key for job in sending.jobs()][:count]
            return [await sending.give_up(key) for key in (*keys, *keys, rows[0].key)]

    if not goes:  # what is given up is no job any more, and no other message is
        assert asyncio.run(give_up(2)) == [True, True, False, False, False]
        del rows[:2]
    found = asyncio.run(claim())
    assert [name for name, held in found.items() if isinstance(held, Claim)] == goes
    refused = [held for held in found.values() if isinstance(held, ClaimRefusal)]
    assert len(refused) == len(rows) - len(goes)
    assert {(each.outcome, each.finding.reason) for each in refused} == {(Outcome.SKIPPED, Reason.NOT_FAILED)}
