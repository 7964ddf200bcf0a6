"""Claims and records of one group: each is judged as if those before it had been written alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from batch.ledger import Ledger, Owner, StagedRow, SuppressionEntry
from batch.ledger.send.claims import Claim, Ended, Unsent, Wanted, claim, record, release, withdraw
from batch.ledger.send.contact_limits import ContactLimiter
from batch.ledger.storage.schema import messages
from batch.model.contact_limits import ContactLimits
from batch.model.messages import message_key
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, findings_to_json
from batch.model.runs import Run, Traits
from batch.model.verdicts import ChatSigns, ClaimRefusal, Verdict

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
API = "http://127.0.0.1:9"
OWNER = Owner.here("r1")
PEOPLE = [f"+551198888700{number}" for number in range(5)]
SENT = Verdict(outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), http_status=200)


def plan(ledger: Ledger, people: list[str], *, run: str = "r1") -> None:
    """Plan a row for each, of a message of its own."""
    rows = [
        StagedRow(
            row=row,
            key=message_key(endpoint=API, campaign=f"{run} {row}", person=person),
            person=person,
            sender="s1",
            payload="{}",
            request_hash=str(row),
        )
        for row, person in enumerate(people, 2)
    ]
    about = Run(run=run, campaign=run, endpoint=API, sheet_path="s", sheet_sha256="0", version="0", started=NOON)
    with ledger.stage() as staging:
        staging.add(rows)
        staging.judge()
        staging.plan(about, Owner.here(run), Traits(unique_by=(), region="BR", phone_rule=1, template="t"))


def claimed(ledger: Ledger, limits: ContactLimits = ContactLimits()) -> list[Claim | Reason | None]:  # noqa: B008 - frozen
    """Claim all jobs of the run in one group, some milliseconds after one another."""
    with ledger.open_queue(OWNER, endpoint=API) as sending:
        wanted = [Wanted(job, NOON + timedelta(milliseconds=each)) for each, job in enumerate(sending.jobs())]
    rules = ContactLimiter(limits, endpoint=API, hashes=ledger.hashes)
    with ledger._engine.begin() as connection:
        found = claim(connection, wanted, owner=OWNER, rules=rules)
    return [each.finding.reason if isinstance(each, ClaimRefusal) else each for each in found]


def limiter(ledger: Ledger) -> ContactLimiter:
    return ContactLimiter(ContactLimits(), endpoint=API, hashes=ledger.hashes)


def recorded(ledger: Ledger, ended: list[Ended]) -> list[Outcome | None]:
    with ledger._engine.begin() as connection:
        return record(connection, ended, rules=limiter(ledger))


def test_of_two_messages_to_one_person_the_first_is_claimed(ledger: Ledger) -> None:
    """The second waits until the first has ended; others have nothing to do with it."""
    plan(ledger, [PEOPLE[0], PEOPLE[0], PEOPLE[1]])
    first, second, other = claimed(ledger)
    assert isinstance(first, Claim)
    assert second is Reason.SPACING
    assert isinstance(other, Claim)


def test_who_is_refused_takes_no_place_under_a_cap(ledger: Ledger) -> None:
    """The next in the group has it; and no more go than the cap allows."""
    plan(ledger, PEOPLE)
    ledger.suppression.add([SuppressionEntry(person=PEOPLE[0], reason="r", source="s", added=NOON)])
    first, *more = claimed(ledger, ContactLimits(per_24h=2))
    assert first is Reason.SUPPRESSED
    assert [isinstance(each, Claim) for each in more] == [True, True, False, False]
    assert more[2:] == [Reason.CAP, Reason.CAP]


def test_each_claim_begins_at_its_own_moment(ledger: Ledger) -> None:
    """What is known of an attempt whose end nobody saw."""
    plan(ledger, PEOPLE[:3])
    claimed(ledger, ContactLimits(not_within=timedelta(days=7)))
    results = {result.person: result.sent_at for result in ledger.results("r1")}
    assert [results[person] for person in PEOPLE[:3]] == [NOON + timedelta(milliseconds=each) for each in range(3)]


def test_a_group_of_claims_skips_recent_contacts(ledger: Ledger) -> None:
    """Of another campaign, within the time that the campaign names."""
    plan(ledger, PEOPLE[:2], run="r0")
    with ledger._engine.begin() as connection:
        connection.execute(update(messages).values(state="success", sent_at=NOON - timedelta(days=2), duration_ms=5))
    plan(ledger, PEOPLE[1:4])
    recent, *others = claimed(ledger, ContactLimits(not_within=timedelta(days=7)))
    assert recent is Reason.RECENTLY_MESSAGED
    assert [isinstance(each, Claim) for each in others] == [True, True]


def test_outcomes_of_a_group(ledger: Ledger) -> None:
    """A second message in a chat reuses it, an opt-out goes on the list, and the claim of another is left alone."""
    plan(ledger, PEOPLE)
    held = [each for each in claimed(ledger) if isinstance(each, Claim)]
    chat = replace(SENT, signs=ChatSigns(chat_id="chat-1", chat_status="OPEN"))
    lost = Verdict(outcome=Outcome.UNKNOWN, finding=Finding(Reason.ANSWER_LOST))
    stopped = Verdict(outcome=Outcome.ERROR, finding=Finding(Reason.OPTED_OUT, {"code": "131050"}), http_status=400)
    strange = replace(held[4], owner=Owner.here("another"))
    ends = zip((*held[:4], strange), (chat, chat, lost, stopped, SENT), strict=True)
    ended = [Ended(each, verdict, 5, None if verdict is lost else NOON) for each, verdict in ends]
    assert recorded(ledger, ended) == [Outcome.SUCCESS, Outcome.REUSED, Outcome.UNKNOWN, Outcome.ERROR, None]
    assert [entry.person for entry in ledger.suppression.entries()] == [PEOPLE[3]]
    found = {result.person: (result.outcome, result.http_status) for result in ledger.results("r1")}
    assert [found[person] for person in PEOPLE] == [
        (Outcome.SUCCESS, 200),
        (Outcome.REUSED, 200),
        (Outcome.UNKNOWN, None),
        (Outcome.ERROR, 400),
        (Outcome.UNKNOWN, None),
    ]


def test_claims_of_a_group_are_given_back(ledger: Ledger) -> None:
    """Of one that made no request the attempt does not count; one that was taken for dead has no words of that."""
    plan(ledger, PEOPLE)
    first, refused, dead, other, left = (each for each in claimed(ledger) if isinstance(each, Claim))
    busy = Finding(Reason.RATE_LIMITED, {"status": 429, "words": "slow down"})
    with ledger._engine.begin() as connection:
        settled = (messages.c.key == dead.key, messages.c.state == "claimed")
        unknown = {"state": "unknown", "findings": findings_to_json([Finding(Reason.RUN_DIED, {"run": "r1"})])}
        assert connection.execute(update(messages).where(*settled).values(unknown)).rowcount == 1
        given = [
            Unsent(first, None, None),
            Unsent(refused, busy, 429),
            Unsent(dead, None, None),
            Unsent(replace(other, owner=Owner.here("another")), None, None),
            Unsent(replace(left, attempt=7), None, None),
        ]
        assert release(connection, given, rules=limiter(ledger)) == [True, True, True, False, False]
    found = select(*(messages.c[name] for name in ("state", "attempts", "http_status", "run", "claim_run", "findings")))
    with ledger._engine.connect() as connection:
        rows = {row.key: tuple(row)[:6] for row in connection.execute(found.add_columns(messages.c.key))}
    assert rows[first.key] == ("pending", 0, None, None, None, None)
    assert rows[refused.key] == ("pending", 1, 429, "r1", None, findings_to_json([busy]))
    assert rows[dead.key] == ("pending", 0, None, None, None, None)
    assert [rows[each.key][:2] for each in (other, left)] == [("claimed", 1), ("claimed", 1)]


def test_claims_of_a_group_are_withdrawn(ledger: Ledger) -> None:
    """Those that took effect, and of these the run's own alone."""
    plan(ledger, PEOPLE[:3])
    held = [each for each in claimed(ledger) if isinstance(each, Claim)]
    with ledger._engine.begin() as connection:
        connection.execute(update(messages).where(messages.c.key == held[1].key).values(claim_run="another"))
        keys = [held[0].key, held[1].key, "no message", held[2].key]
        assert withdraw(connection, keys, owner=OWNER, rules=limiter(ledger)) == [True, False, False, True]
    with ledger._engine.connect() as connection:
        states = dict(map(tuple, connection.execute(select(messages.c.key, messages.c.state))))
        attempts = connection.execute(select(messages.c.attempts).where(messages.c.key == held[0].key)).scalar()
    assert [states[each.key] for each in held] == ["pending", "claimed", "pending"]
    assert attempts == 0


def test_a_purged_person_and_chat_are_known_in_a_group(ledger: Ledger) -> None:
    """By their hashes, which the ledger alone can make."""
    plan(ledger, PEOPLE[:1], run="r0")
    hashes = ledger.hashes
    with ledger._engine.begin() as connection:
        values = {"person": hashes.person(PEOPLE[0]), "chat_id": hashes.chat("chat-1"), "duration_ms": 5}
        connection.execute(update(messages).values(state="success", sent_at=NOON - timedelta(days=2), **values))
    plan(ledger, PEOPLE[:2])
    recent, other = claimed(ledger, ContactLimits(not_within=timedelta(days=7)))
    assert recent is Reason.RECENTLY_MESSAGED
    assert isinstance(other, Claim)
    chat = replace(SENT, signs=ChatSigns(chat_id="chat-1", chat_status="OPEN"))
    assert recorded(ledger, [Ended(other, chat, 5, NOON)]) == [Outcome.REUSED]


def test_a_chat_is_known_where_the_ledger_has_it_at_that_address(ledger: Ledger) -> None:
    """By whatever the API calls it; the answer's own word that it has just been created says more."""
    plan(ledger, PEOPLE)
    held = [each for each in claimed(ledger) if isinstance(each, Claim)]
    here, elsewhere = 'a "b", \\c', "{NULL}"
    chats = [ChatSigns(chat_id=name, chat_status=name) for name in (here, elsewhere)]
    met = [Ended(each, replace(SENT, signs=chat), 5, NOON) for each, chat in zip(held, chats, strict=False)]
    assert recorded(ledger, met) == [Outcome.SUCCESS, Outcome.SUCCESS]
    with ledger._engine.begin() as connection:
        connection.execute(update(messages).where(messages.c.chat_id == elsewhere).values(endpoint="https://other"))
    again = [Ended(each, replace(SENT, signs=chat), 5, NOON) for each, chat in zip(held[2:], chats, strict=False)]
    assert recorded(ledger, again) == [Outcome.REUSED, Outcome.SUCCESS]
    created = replace(SENT, signs=replace(chats[0], created=True))
    assert recorded(ledger, [Ended(held[4], created, 5, NOON)]) == [Outcome.SUCCESS]
    kept = select(messages.c.chat_id, messages.c.chat_status, messages.c.evidence).order_by(messages.c.person)
    with ledger._engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(kept)]
    assert found == [
        (here, here, "none"),
        (elsewhere, elsewhere, "none"),
        (here, here, "known_chat"),
        (elsewhere, elsewhere, "none"),
        (here, here, "http_201"),
    ]
