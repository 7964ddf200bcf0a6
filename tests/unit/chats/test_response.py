"""Created or reused: the signs in an answer."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from batch.chats.response import find_chat_signs, parse_chat, parse_instant
from batch.model.outcomes import Evidence, Outcome
from batch.model.verdicts import ChatSigns, weigh

SENT = datetime(2026, 3, 11, 12, 0, 0, tzinfo=UTC)


def seen(answer: dict[str, Any], *, status: int = 200, skew: float | None = 0.0, asked: str | None = None) -> ChatSigns:
    """The signs of an answer."""
    chat = parse_chat(json.dumps({"id": "c-1", **answer}))
    assert chat is not None
    return find_chat_signs(chat, http_status=status, sent_at=SENT, clock_skew=skew, requested_status=asked)


def test_the_message_of_the_attempt_is_known_where_its_answer_shows_it() -> None:
    """Ours, of a time that cannot be before the request: WhatsApp's whole seconds, or a date with its zone."""
    last = {"id": "m-1", "from_me": True, "status": "processing"}
    for at in ({"meta_timestamp": str(int(SENT.timestamp()))}, {"created_at": iso(seconds=-1)}):
        signs = seen({"last_message": {**last, **at}})
        assert (signs.message_id, signs.message_status) == ("m-1", "processing")


@pytest.mark.parametrize(
    ("change", "skew"),
    [
        ({"from_me": False}, 0.0),
        ({"from_me": None}, 0.0),
        ({"id": None}, 0.0),
        ({"id": " "}, 0.0),
        ({"id": 7.5}, 0.0),
        ({"agent": {"id": "a-1"}}, 0.0),
        ({"created_at": None}, 0.0),
        ({"created_at": (SENT - timedelta(seconds=3)).isoformat()}, 0.0),
        ({"created_at": SENT.replace(tzinfo=None).isoformat()}, 0.0),
        ({}, None),
        ({}, 30.0),
    ],
)
def test_a_message_that_may_be_another_is_not_taken(change: dict[str, Any], skew: float | None) -> None:
    """An agent's, an earlier one, one without a time, one of a clock that is not known: the timeline decides."""
    last = {"id": "m-1", "from_me": True, "status": "sent", "created_at": SENT.isoformat(), **change}
    signs = seen({"last_message": last}, skew=skew)
    assert (signs.message_id, signs.message_status) == (None, None)


def test_only_a_plain_word_is_a_status() -> None:
    """What an API writes there is not for the log, if it may name a person."""
    last = {"id": "m-1", "from_me": True, "created_at": SENT.isoformat()}
    found = [seen({"last_message": {**last, "status": word}}).message_status for word in ("sent", "5511999990001", 7)]
    assert found == ["sent", None, None]


def iso(**ago: float) -> str:
    """A date this long before the request."""
    return (SENT - timedelta(**ago)).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("answer", "evidence"),
    [
        ({}, Evidence.NONE),
        ({"last_message_at": iso(seconds=59)}, Evidence.NONE),
        ({"last_message_at": iso(seconds=61)}, Evidence.OLDER_DATE),
        ({"last_message_at": iso(seconds=-5)}, Evidence.NONE),
        ({"last_message": {"meta_timestamp": str(int((SENT - timedelta(days=1)).timestamp()))}}, Evidence.OLDER_DATE),
        ({"last_message": {"meta_timestamp": int((SENT - timedelta(days=1)).timestamp() * 1000)}}, Evidence.OLDER_DATE),
        ({"last_message": {"created_at": iso(days=1)}}, Evidence.OLDER_DATE),
        ({"last_message_at": iso(days=1).removesuffix("Z")}, Evidence.OLDER_DATE),
        ({"last_message_at": iso(hours=3).removesuffix("Z")}, Evidence.NONE),
        ({"last_message_at": "2026-03-10"}, Evidence.NONE),
        ({"last_message_at": "<string>", "last_message": {"meta_timestamp": "<string>"}}, Evidence.NONE),
        ({"unread_count": 1}, Evidence.EARLIER_LIFE),
        ({"unread_count": 0}, Evidence.NONE),
        ({"unread_count": "many"}, Evidence.NONE),
        ({"archived_at": iso(days=1)}, Evidence.EARLIER_LIFE),
        ({"last_message": {"from_me": False}}, Evidence.EARLIER_LIFE),
        ({"last_message": {"from_me": True, "origin": "INBOUND"}}, Evidence.NONE),
        ({"last_message": {"origin": "INBOUND"}}, Evidence.EARLIER_LIFE),
        ({"last_message": "text"}, Evidence.NONE),
        ({"last_message": None}, Evidence.NONE),
        ({"status": "OPEN"}, Evidence.NONE),
        ({"status": "RESOLVED"}, Evidence.EARLIER_LIFE),
        ({"status": 7}, Evidence.NONE),
    ],
)
def test_each_sign(answer: dict[str, Any], evidence: Evidence) -> None:
    """Each sign of an earlier life by itself, and what is not one."""
    outcome, found = weigh(seen(answer), known_chat=False)
    assert found is evidence
    assert outcome is (Outcome.SUCCESS if evidence is Evidence.NONE else Outcome.REUSED)


def test_the_status_asked_for_is_no_sign() -> None:
    """A chat that has the status the request asked for says nothing; another status speaks."""
    assert not seen({"status": "RESOLVED"}, asked="RESOLVED").earlier_life
    assert seen({"status": "OPEN"}, asked="RESOLVED").earlier_life
    assert not seen({}, asked="RESOLVED").earlier_life


def test_http_201_is_the_strongest() -> None:
    """Created is created, whatever else the answer says."""
    found = seen({"unread_count": 3, "last_message_at": iso(days=9)}, status=201)
    assert weigh(found, known_chat=True) == (Outcome.SUCCESS, Evidence.HTTP_201)


def test_a_wrong_clock_makes_nobody_older() -> None:
    """With the API's clock an hour behind ours, a message of just now is not an old one; one of before is."""
    now_there = iso(hours=1)
    assert not seen({"last_message_at": now_there}, skew=-3600.0).older_date
    assert seen({"last_message_at": iso(hours=1, seconds=61)}, skew=-3600.0).older_date
    assert seen({"last_message_at": iso(seconds=-3000)}, skew=3600.0).older_date


def test_without_a_date_header_the_margin_is_wide() -> None:
    """When the clocks' difference is not known, only a quarter of an hour is clearly older."""
    assert not seen({"last_message_at": iso(minutes=14)}, skew=None).older_date
    assert seen({"last_message_at": iso(minutes=16)}, skew=None).older_date


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"x"',
        "{}",
        *('{"id": %s}' % value for value in ("null", '""', '" "', "true", "{}", "1.5")),  # noqa: UP031 - braces
        '[{"id": "x"}]',
        '{"id": "x"',
        "<html></html>",
        '{"id": "' + "x" * 300 + '"}',
        "[" * 100_000,
    ],
)
def test_without_an_id_there_is_no_chat(text: str) -> None:
    """Anything but an object with an id is unreadable."""
    assert parse_chat(text) is None


def test_an_answer_where_everything_else_is_wrong_is_still_a_chat() -> None:
    """Only the id is required; wrong types become nothing."""
    keys = ("status", "unread_count", "last_message_at", "last_message", "phone_number")
    wrong = {key: [{"a": 1}] for key in keys}
    chat = parse_chat(json.dumps({"id": 5, **wrong, "new_field": {}}))
    assert chat is not None
    assert (chat.id, chat.status, chat.unread_count, chat.last_message_at, chat.last_message) == (
        "5",
        None,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    "value", [None, True, -1, 0, "", "12:00", "99999999999999999", float("nan"), 1e300, [], "2026-13-01T00:00"]
)
def test_what_is_no_instant(value: object) -> None:
    """Nonsense is no date, and no error."""
    assert parse_instant(value) is None
