"""The result columns: names, places, values."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from batch.model.delivery import Delivery, DeliveryState
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding, Reason
from batch.model.redaction import mask_result
from batch.model.replies import Reply
from batch.model.runs import Result
from batch.reporter.columns import ALL_COLUMNS, COLUMNS, DELIVERY_COLUMNS, Value, columns_for, place_columns, value_text
from batch.reporter.rows import make_row_renderer

SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def values(result: Result) -> tuple[Value, ...]:
    return make_row_renderer(SAO_PAULO)(result).values


def test_the_names_and_their_order_are_those_of_the_design() -> None:
    """Other programs read the columns by name, so a change here is a breaking one."""
    assert COLUMNS == (
        "wegly_status",
        "wegly_reason",
        "wegly_message",
        "wegly_action",
        "wegly_phone",
        "wegly_chat_id",
        "wegly_chat_status",
        "wegly_evidence",
        "wegly_http_status",
        "wegly_attempts",
        "wegly_sent_at",
        "wegly_duration_ms",
        "wegly_run",
    )
    assert ALL_COLUMNS[len(COLUMNS) :] == (
        "wegly_delivery",
        "wegly_delivery_seen_at",
        "wegly_delivery_reason",
        "wegly_reply",
        "wegly_replied_at",
    )


def test_a_sent_row_fills_every_column() -> None:
    """The values of a success, the time in the campaign's zone and without parts of a second."""
    result = Result(
        row=7,
        outcome=Outcome.SUCCESS,
        findings=(Finding(Reason.CREATED),),
        notes=(Finding(Reason.NOTE_NINTH_DIGIT, {"found": "1188887777"}),),
        person="+5511988887777",
        chat_id="chat-1",
        chat_status="OPEN",
        evidence=Evidence.HTTP_201,
        http_status=201,
        attempts=2,
        sent_at=datetime(2026, 11, 3, 13, 0, 5, 987654, tzinfo=UTC),
        duration_ms=312,
        run="the-run",
    )
    assert dict(zip(ALL_COLUMNS, map(value_text, values(result)), strict=True)) == {
        "wegly_status": "success",
        "wegly_reason": "created",
        "wegly_message": "Accepted: a new chat was opened. The phone 1188887777 lacked its ninth digit; it was added.",
        "wegly_action": "",
        "wegly_phone": "+55 11 98888-7777",
        "wegly_chat_id": "chat-1",
        "wegly_chat_status": "OPEN",
        "wegly_evidence": "http_201",
        "wegly_http_status": "201",
        "wegly_attempts": "2",
        "wegly_sent_at": "2026-11-03T10:00:05-03:00",
        "wegly_duration_ms": "312",
        "wegly_run": "the-run",
        **dict.fromkeys(DELIVERY_COLUMNS, ""),
    }


def looked_at(state: DeliveryState, *, reply: Reply | None = None, **more: object) -> tuple[Value, ...]:
    """The columns of delivery of a row, and of the same row in a redacted report."""
    at = datetime(2026, 11, 3, 14, 5, 9, 1, tzinfo=UTC)
    known = Delivery(state=state, seen_at=at, looked_at=at, reply=reply, **more)  # type: ignore[arg-type]
    result = Result(row=2, outcome=Outcome.SUCCESS, findings=(Finding(Reason.CREATED),), delivery=known)
    return (*values(result)[len(COLUMNS) :], *values(mask_result(result))[len(COLUMNS) :])


def test_delivery_is_shown_as_looks_have_shown_it() -> None:
    """The look's time, never a time of delivery; reasons as far as the API gave any; in a redacted report no words."""
    seen = "2026-11-03T11:05:09-03:00"
    assert looked_at(DeliveryState.SENT) == ("sent", seen, None, None, None) * 2
    failed = looked_at(DeliveryState.FAILED, code=131049, words="Not delivered to Ana")
    assert failed == ("failed", seen, "131049 Not delivered to Ana", None, None, "failed", seen, "131049", None, None)
    assert looked_at(DeliveryState.FAILED)[2] is None
    assert looked_at(DeliveryState.FAILED, words="Gone")[2] == "Gone"
    assert looked_at(DeliveryState.OTHER, word="queued_up") == (
        *("other", seen, "queued_up", None, None),
        *("other", seen, None, None, None),
    )
    reply = Reply(at=datetime(2026, 11, 3, 14, 20, tzinfo=UTC), kind="button:Oi, Ana")
    assert looked_at(DeliveryState.READ, reply=reply) == (
        *("read", seen, None, "button:Oi, Ana", "2026-11-03T11:20:00-03:00"),
        *("read", seen, None, "button", "2026-11-03T11:20:00-03:00"),
    )


def test_delivery_has_columns_once_a_message_was_looked_at() -> None:
    """Or where the sheet is a report that has them, so that none of them goes on saying what was true before."""
    assert columns_for(["Nome"], followed=False) == COLUMNS
    assert columns_for(["Nome"], followed=True) == ALL_COLUMNS
    assert columns_for(["Nome", None, " Wegly_Reply"], followed=False) == ALL_COLUMNS


def test_what_to_do_is_said_once() -> None:
    """Two findings with the same advice give it once, and every sentence is in the message."""
    same = (Finding(Reason.PHONE_MISSING), Finding(Reason.PHONE_TOO_SHORT, {"found": "1"}))
    result = Result(row=2, outcome=Outcome.ERROR, findings=(*same, Finding(Reason.PHONE_TOO_LONG, {"found": "2"})))
    by_name = dict(zip(ALL_COLUMNS, values(result), strict=True))
    assert by_name["wegly_reason"] == "phone_missing"
    assert by_name["wegly_message"] == (
        "There is no phone number. The phone 1 has too few digits. The phone 2 has too many digits."
    )
    assert by_name["wegly_action"] == "Fill in the phone and run again. Correct the phone and run again."


def test_a_row_without_attempts_has_empty_cells_and_no_dates() -> None:
    """None is an empty cell; the number of attempts is a number, even 0."""
    result = Result(row=2, outcome=Outcome.PENDING, findings=(Finding(Reason.WAITING),))
    assert values(result)[4:] == (None, None, None, None, None, 0, *[None] * 8)


def test_new_columns_go_to_the_right_and_old_ones_keep_their_place() -> None:
    """Columns of an earlier report are used again wherever they are, each copy of them; the others follow."""
    assert place_columns(["Nome", None, "Telefone"]) == tuple((index,) for index in range(3, 16))
    places = place_columns(["wegly_run", "Nome", " Wegly_Status ", "wegly_status"])
    assert places[COLUMNS.index("wegly_status")] == (2, 3)
    assert places[COLUMNS.index("wegly_run")] == (0,)
    assert [indexes for indexes in places if indexes[0] > 3] == [(index,) for index in range(4, 15)]
