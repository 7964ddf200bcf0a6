"""The result columns: names, places, values."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result
from batch.reporter.columns import COLUMNS, Value, place_columns, value_text
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
    assert dict(zip(COLUMNS, map(value_text, values(result)), strict=True)) == {
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
    }


def test_what_to_do_is_said_once() -> None:
    """Two findings with the same advice give it once, and every sentence is in the message."""
    same = (Finding(Reason.PHONE_MISSING), Finding(Reason.PHONE_TOO_SHORT, {"found": "1"}))
    result = Result(row=2, outcome=Outcome.ERROR, findings=(*same, Finding(Reason.PHONE_TOO_LONG, {"found": "2"})))
    by_name = dict(zip(COLUMNS, values(result), strict=True))
    assert by_name["wegly_reason"] == "phone_missing"
    assert by_name["wegly_message"] == (
        "There is no phone number. The phone 1 has too few digits. The phone 2 has too many digits."
    )
    assert by_name["wegly_action"] == "Fill in the phone and run again. Correct the phone and run again."


def test_a_row_without_attempts_has_empty_cells_and_no_dates() -> None:
    """None is an empty cell; the number of attempts is a number, even 0."""
    result = Result(row=2, outcome=Outcome.PENDING, findings=(Finding(Reason.WAITING),))
    assert values(result)[4:] == (None, None, None, None, None, 0, None, None, None)


def test_new_columns_go_to_the_right_and_old_ones_keep_their_place() -> None:
    """Columns of an earlier report are used again wherever they are, each copy of them; the others follow."""
    assert place_columns(["Nome", None, "Telefone"]) == tuple((index,) for index in range(3, 16))
    places = place_columns(["wegly_run", "Nome", " Wegly_Status ", "wegly_status"])
    assert places[COLUMNS.index("wegly_status")] == (2, 3)
    assert places[COLUMNS.index("wegly_run")] == (0,)
    assert [indexes for indexes in places if indexes[0] > 3] == [(index,) for index in range(4, 15)]
