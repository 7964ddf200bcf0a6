"""Looks in the ledger: which messages are due, what a look leaves, and who is on the suppression list after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, literal, select, text, update

from batch.errors import LedgerFailed
from batch.ledger import FollowedMessage, FollowScope, Ledger, Owner, StagedRow, SuppressionEntry
from batch.ledger.admin.purge import Scope
from batch.ledger.storage.pseudonyms import MARK
from batch.ledger.storage.schema import deliveries, messages, removals, rows, runs
from batch.model.delivery import FOLLOWED, DeliveryState, Sighting
from batch.model.messages import message_key
from batch.model.replies import OptOutWords, Reply, UndecidedReply
from batch.model.runs import Run, Traits

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
API, HERE = "https://api.example", "http://127.0.0.1:9"
TRAITS = Traits(unique_by=(), region="BR", phone_rule=1, template="t")


def later(**more: float) -> datetime:
    return NOON + timedelta(**more)


def send(ledger: Ledger, run: str, rows: Iterable[int], *, endpoint: str = API, at: datetime = NOON) -> None:
    """A run whose messages, one for each row, were accepted; row 9 was not."""
    about = Run(run=run, campaign=run, endpoint=endpoint, sheet_path="s", sheet_sha256=run, version="0", started=at)
    people = {row: f"+55119700{row:05d}" for row in rows}
    with ledger.stage() as staging:
        staging.add(
            StagedRow(
                row=row,
                key=message_key(endpoint=endpoint, campaign=run, person=person),
                person=person,
                sender="s1",
                payload=str(row),
                request_hash=str(row),
            )
            for row, person in people.items()
        )
        staging.judge()
        staging.plan(about, Owner.here(run), TRAITS)
    with ledger._engine.begin() as connection:
        for row, person in people.items():
            state = "error" if row == 9 else "success"
            sent = {"state": state, "attempts": 1, "chat_id": f"chat-{row}", "sent_at": at, "duration_ms": 300}
            of_run = (messages.c.person == person, messages.c.campaign == run)
            connection.execute(update(messages).where(*of_run).values(**sent, run=run))


def due(ledger: Ledger, now: datetime, **scope: object) -> list[FollowedMessage]:
    return ledger.deliveries.due(FollowScope(endpoint=API, **scope), now)  # type: ignore[arg-type]


def look(ledger: Ledger, message: FollowedMessage, state: str, at: datetime, **more: object) -> bool | None:
    """Whether the look put the person on the list; None: it was not recorded."""
    seen = Sighting(at=at, state=DeliveryState(state), message_id="m-1", **more)  # type: ignore[arg-type]
    recorded = ledger.deliveries.record(message, seen)
    return None if recorded is None else recorded[1]


def test_what_is_due(ledger: Ledger) -> None:
    """Accepted messages at their times; what was looked at is due at the next; what is settled, never."""
    send(ledger, "r1", [2, 3, 9])
    assert due(ledger, later(minutes=9)) == []
    assert ledger.deliveries.next_due(FollowScope(endpoint=API)) == later(minutes=10)
    one, other = due(ledger, later(minutes=10))
    assert (one.chat_id, one.sent_at, one.duration_ms, one.delivery) == ("chat-2", NOON, 300, None)
    assert look(ledger, one, "sent", later(minutes=11)) is False
    assert [each.chat_id for each in due(ledger, later(minutes=30))] == ["chat-3"]
    assert [each.chat_id for each in due(ledger, later(hours=2))] == ["chat-3", "chat-2"]
    assert look(ledger, other, "read", later(days=8)) is False
    (left,) = due(ledger, later(days=60))
    assert (left.chat_id, left.message_id) == ("chat-2", "m-1")
    assert left.delivery is not None
    assert (left.delivery.state, left.delivery.looks) == ("sent", 1)


def test_what_is_not_named_is_followed_for_31_days(ledger: Ledger) -> None:
    """A day longer than to the last look, as the help has it."""
    send(ledger, "r1", [2])
    for hours, found in ((-1, 1), (1, 0)):
        now = later(days=31, hours=hours)
        assert len(due(ledger, now, since=now - FOLLOWED)) == found


def test_only_a_chat_with_an_id_can_be_looked_into(ledger: Ledger) -> None:
    """A message without a chat's id, or with the hash of a purged one, is never due."""
    send(ledger, "r1", [2, 3, 4])
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE messages SET chat_id = NULL WHERE chat_id = 'chat-2'")
        connection.execute(update(messages).where(messages.c.chat_id == "chat-3").values(chat_id=f"{MARK}ab12"))
    assert [each.chat_id for each in due(ledger, later(hours=1))] == ["chat-4"]


def test_replies_that_a_campaign_takes_for_opt_outs_go_with_its_messages(ledger: Ledger) -> None:
    """Besides the usual words; those of another run's campaign do not."""
    send(ledger, "r1", [2])
    send(ledger, "r2", [3])
    with ledger._engine.begin() as connection:
        given = '{"words": ["chega"], "buttons": ["Não quero"]}'
        connection.execute(update(runs).where(runs.c.run == "r1").values(reply_opt_outs=given))
    own, other = (each.opt_outs for each in due(ledger, later(hours=1)))
    assert own == OptOutWords().and_also(["chega"], ["Não quero"]) != OptOutWords()
    assert other == OptOutWords()


def test_what_is_followed(ledger: Ledger) -> None:
    """The messages of some runs' sheets, or those since a moment; of one address alone."""
    send(ledger, "r1", [2])
    send(ledger, "r2", [3], at=later(days=3))
    send(ledger, "r3", [4], endpoint=HERE)
    now = later(days=9)
    assert [each.run for each in due(ledger, now)] == ["r1", "r2"]
    assert [each.run for each in due(ledger, now, runs=("r2",))] == ["r2"]
    assert [each.run for each in due(ledger, now, since=later(days=1))] == ["r2"]
    assert [each.run for each in due(ledger, now, since=later(days=3))] == ["r2"]


def test_a_look_at_a_message_that_was_sent_again_says_nothing(ledger: Ledger) -> None:
    """Neither is what was seen of the first one known of the second."""
    send(ledger, "r1", [2])
    (before,) = due(ledger, later(hours=1))
    look(ledger, before, "failed", later(hours=1))
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE messages SET attempts = 2, message_id = NULL")
    assert look(ledger, before, "delivered", later(hours=2)) is None
    (again,) = due(ledger, later(hours=1))
    assert again.delivery is None
    look(ledger, again, "sent", later(hours=2))
    counts = ledger.tally("r1").delivery
    assert counts is not None
    assert dict(counts.states) == {DeliveryState.SENT: 1}


def to_decide(ledger: Ledger, scope: FollowScope) -> tuple[UndecidedReply, ...]:
    counts = ledger.deliveries.count(scope)
    assert counts is not None
    return counts.undecided


def test_who_opts_out_is_on_the_list_at_once(ledger: Ledger) -> None:
    """By the whole reply or WhatsApp's 131050; in the transaction of the look, for every campaign."""
    send(ledger, "r1", [2, 3, 4, 5])
    first, second, third, fourth = due(ledger, later(hours=1))
    now = later(hours=1)
    assert look(ledger, first, "read", now, reply=Reply(at=later(minutes=2), kind="opt_out")) is True
    assert look(ledger, second, "failed", now, code=131050) is True
    assert look(ledger, third, "read", now, reply=Reply(at=now, kind="text", undecided=True)) is False
    assert look(ledger, fourth, "failed", now, code=131026, words="Undeliverable") is False
    one, two = ledger.suppression.entries()
    assert (one.person, str(one.source), one.added, one.endpoint) == (
        first.person,
        "reply, run r1, 03/11/2026 09:02",
        now,
        "",
    )
    assert (two.person, str(two.source)) == (second.person, "WhatsApp, run r1")
    (undecided,) = to_decide(ledger, FollowScope(endpoint=API))
    assert (undecided.person, undecided.at) == (third.person, now)
    ledger.suppression.add([replace(one, person=third.person)])
    assert to_decide(ledger, FollowScope(endpoint=API)) == ()
    counts = ledger.tally("r1").delivery
    assert counts is not None
    assert (counts.messaged, counts.delivered, counts.read, counts.failed, counts.not_known) == (4, 2, 2, 2, 0)
    assert (counts.replied, counts.opted_out, counts.looked_at) == (2, 2, now)
    assert dict(counts.codes) == {(131050, ""): 1, (131026, "Undeliverable"): 1}


def test_an_opt_out_of_a_rehearsal_holds_at_its_address(ledger: Ledger) -> None:
    """It silences nobody of the real campaigns."""
    send(ledger, "r1", [2], endpoint=HERE)
    (message,) = ledger.deliveries.due(FollowScope(endpoint=HERE), later(hours=1))
    look(ledger, message, "read", later(hours=1), reply=Reply(at=NOON, kind="opt_out"))
    (entry,) = ledger.suppression.entries()
    assert entry.endpoint == HERE


def test_a_look_that_cannot_be_written_is_made_again(ledger: Ledger) -> None:
    """Neither state nor list have anything of it."""
    send(ledger, "r1", [2])
    (message,) = due(ledger, later(hours=1))
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE suppressed RENAME TO elsewhere")
    with pytest.raises(LedgerFailed):
        look(ledger, message, "read", later(hours=1), reply=Reply(at=NOON, kind="opt_out"))
    assert [each.delivery for each in due(ledger, later(hours=1))] == [None]


def test_a_look_that_ends_after_a_purge_leaves_nothing(ledger: Ledger) -> None:
    """A pass of looks and a purge may go on at the same time: what was read before says nothing any more."""
    send(ledger, "r1", [2])
    (message,) = due(ledger, later(hours=1))
    ledger.retention.purge(Scope(endpoint=API, campaign="r1"), later(days=300), now=later(days=301))
    assert look(ledger, message, "failed", later(days=301), code=131050, words="Not to +5511970000002") is None
    with ledger._engine.connect() as connection:
        assert connection.execute(select(deliveries)).all() == []
    assert list(ledger.suppression.entries()) == []


def test_a_purge_leaves_what_became_of_a_message_and_nobody(ledger: Ledger) -> None:
    """The state and the code stay for the counts; the API's words go, and nothing is looked at any more."""
    send(ledger, "r1", [2])
    (message,) = due(ledger, later(hours=1))
    look(ledger, message, "failed", later(hours=1), code=131026, words="Not to +5511970000002", word="failed")
    ledger.suppression.add([SuppressionEntry(person=message.person, reason="r", source="s", added=NOON)])
    ledger.suppression.remove([message.person], later(days=2))
    ledger.retention.purge(Scope(endpoint=API, campaign="r1"), later(days=300), now=later(days=301))
    assert due(ledger, later(days=302)) == []
    counts = ledger.tally("r1").delivery
    assert counts is not None
    assert dict(counts.codes) == {(131026, ""): 1}
    with ledger._engine.connect() as connection:
        dump = [connection.execute(select(each)).all() for each in (deliveries, removals)]
    assert "970000002" not in str(dump)


def test_others_are_all_that_a_person_may_have(ledger: Ledger) -> None:
    """Of every campaign at the address, with the ids that are known."""
    send(ledger, "r1", [2, 9])
    send(ledger, "r2", [2])
    (first, _second) = due(ledger, later(hours=1))
    look(ledger, first, "sent", later(hours=1))
    found = ledger.deliveries.find_others(API, [first.person, "+5511970000009"])
    assert {person: {each.message_id for each in others} for person, others in found.items()} == {
        first.person: {"m-1", None}
    }


def test_others_of_another_address_or_without_an_attempt_are_none(ledger: Ledger) -> None:
    """Nor another person's; an unknown message is one, since the person may have it."""
    send(ledger, "r1", [2, 3, 4])
    send(ledger, "r2", [2], endpoint=HERE)
    send(ledger, "r3", [2], at=later(hours=1))
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE messages SET state = 'unknown' WHERE campaign = 'r3'")
        connection.execute(text("UPDATE messages SET attempts = 0 WHERE person LIKE '%4'"))
    found = ledger.deliveries.find_others(API, ["+5511970000002", "+5511970000004"])
    assert {person: [each.sent_at for each in others] for person, others in found.items()} == {
        "+5511970000002": [NOON, later(hours=1)]
    }


def test_a_look_is_recorded_at_its_own_message_alone(ledger: Ledger) -> None:
    """A message that is unknown or in error by now has no delivery; an id that is known is kept."""
    send(ledger, "r1", [2, 3])
    first, second = due(ledger, later(hours=1))
    with ledger._engine.begin() as connection:
        connection.execute(text("UPDATE messages SET message_id = 'answered' WHERE person LIKE '%2'"))
        connection.execute(text("UPDATE messages SET state = 'unknown' WHERE person LIKE '%3'"))
    assert look(ledger, second, "sent", later(hours=1)) is None
    assert look(ledger, replace(first, key="gone"), "sent", later(hours=1)) is None
    assert look(ledger, first, "sent", later(hours=1)) is False
    (left,) = due(ledger, later(hours=3))
    assert (left.message_id, left.delivery and left.delivery.state) == ("answered", "sent")


def test_what_a_run_has_sent_since_a_moment(ledger: Ledger) -> None:
    """Its accepted messages by row, and their times: from the moment on, and before the end."""
    send(ledger, "r1", [2, 3, 4, 9])
    send(ledger, "r2", [5])
    with ledger._engine.begin() as connection:
        for row in (3, 4):
            moved = update(messages).where(messages.c.chat_id == f"chat-{row}")
            connection.execute(moved.values(sent_at=later(minutes=row)))
    three, four = later(minutes=3), later(minutes=4)
    sent = ledger.deliveries.sent_by("r1", NOON)
    assert {row: (each.chat_id, each.sent_at) for row, each in sent.items()} == {
        2: ("chat-2", NOON),
        3: ("chat-3", three),
        4: ("chat-4", four),
    }
    assert list(ledger.deliveries.sent_by("r1", three)) == [3, 4]
    assert list(ledger.deliveries.sent_by("r1", NOON, upto=3)) == [2, 3]
    keys = [sent[row].key for row in (2, 3)]
    assert ledger.deliveries.keys_sent("r1", NOON, four) == keys
    assert ledger.deliveries.keys_sent("r1", NOON, four, "s1") == keys
    assert ledger.deliveries.keys_sent("r1", NOON, four, "s2") == []
    assert [each.key for each in ledger.deliveries.read([keys[1], "none", keys[0]])] == [keys[1], keys[0]]


def test_what_was_looked_at_of_a_run(ledger: Ledger) -> None:
    """The latest ones, in the order in which they were sent; of a sender, of a time."""
    send(ledger, "r1", [2, 3, 4])
    with ledger._engine.begin() as connection:
        for row, minutes in ((2, 5), (3, 1)):
            moved = update(messages).where(messages.c.chat_id == f"chat-{row}")
            connection.execute(moved.values(sent_at=later(minutes=minutes)))
    for message in due(ledger, later(hours=1)):
        if message.chat_id != "chat-4":
            look(ledger, message, "sent", later(hours=1))

    def found(run: str, sender: str | None = None, **more: Any) -> list[int]:
        return list(ledger.deliveries.by_row(run, ledger.deliveries.looked_at(run, sender, **more)))

    assert sorted(found("r1")) == sorted(found("r1", "s1", since=NOON)) == [2, 3]
    assert [each.chat_id for each in ledger.deliveries.looked_at("r1")] == ["chat-3", "chat-2"]
    assert found("r1", "s1", since=NOON, most=1) == found("r1", since=later(minutes=2)) == [2]
    assert found("r1", "s2", since=NOON) == found("r2") == []


@pytest.mark.parametrize("outcome", ["skipped", "error"])
def test_a_row_that_was_not_sent_is_no_message_of_its_own(ledger: Ledger, outcome: str) -> None:
    """The row that was sent stands for its duplicates, and for rows of the same person that are wrong."""
    send(ledger, "r1", [2])
    with ledger._engine.begin() as connection:
        other = {"row": literal(1), "outcome": literal(outcome)}
        columns = [other.get(column.name, column) for column in rows.c]
        connection.execute(insert(rows).from_select(rows.c.keys(), select(*columns)))
    assert list(ledger.deliveries.sent_by("r1", NOON)) == [2]
    (key,) = ledger.deliveries.keys_sent("r1", NOON, later(hours=1))
    assert list(ledger.deliveries.by_row("r1", ledger.deliveries.read([key]))) == [2]


def test_the_first_messages_that_were_sent_on_are_of_a_sender_a_template_and_an_address(ledger: Ledger) -> None:
    """Since a moment, that one included; noted again they are of the later time."""
    for endpoint, senders, template, hours in (
        (API, ["s1", "s2"], "t", 0),
        (API, ["s3"], "other", 0),
        (HERE, ["s4"], "t", 0),
        (API, ["s2"], "t", 2),
    ):
        ledger.deliveries.note_canary(endpoint, senders, template, later(hours=hours))
    assert ledger.deliveries.canary_senders(API, "t", NOON) == {"s1", "s2"}
    assert ledger.deliveries.canary_senders(API, "t", later(hours=2)) == {"s2"}
    assert ledger.deliveries.canary_senders(API, "t", later(hours=3)) == set()
    assert ledger.deliveries.canary_senders(API, "other", NOON) == {"s3"}
    assert ledger.deliveries.canary_senders(HERE, "t", NOON) == {"s4"}


def test_counts_and_replies_are_of_the_messages_that_are_followed(ledger: Ledger) -> None:
    """None before any look; replies that a person has to read with their run and time, the oldest first."""
    send(ledger, "r1", [2, 3, 4])
    send(ledger, "r2", [5])
    scope = FollowScope(endpoint=API, runs=("r1",))
    assert ledger.deliveries.count(scope) is None
    messages = due(ledger, later(hours=1))
    for minutes, message in zip((9, 5, 7, 3), messages, strict=True):
        reply = Reply(at=later(minutes=minutes), kind="text", undecided=minutes != 7)
        look(ledger, message, "read", later(hours=1), reply=reply)
    undecided = to_decide(ledger, scope)
    assert [(each.person, each.run, each.at) for each in undecided] == [
        ("+5511970000003", "r1", later(minutes=5)),
        ("+5511970000002", "r1", later(minutes=9)),
    ]
    counts = ledger.deliveries.count(scope)
    assert counts is not None
    assert (counts.messaged, counts.read, counts.replied) == (3, 3, 3)


def test_rates_are_of_what_was_seen_a_day_after_it_was_sent(ledger: Ledger) -> None:
    """A look before that shows too few that arrived."""
    send(ledger, "r1", [2, 3])
    early, late = due(ledger, later(hours=1))
    look(ledger, early, "delivered", later(hours=24, microseconds=-1))
    look(ledger, late, "delivered", later(hours=24))
    counts = ledger.deliveries.count(FollowScope(endpoint=API))
    assert counts is not None
    assert dict(counts.rated["sender", "s1"]) == {DeliveryState.DELIVERED: 1}
