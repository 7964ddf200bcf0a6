"""The failure table: complete over every status and fault, and exactly what the notes say."""

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from batch.chats.failure_table import Exchange, judge
from batch.chats.response import DEFAULT_PAUSE
from batch.chats.transport.exceptions import FAULT_WORDS, Fault
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason, sentence
from batch.model.verdicts import Verdict

NOW = datetime(2026, 3, 11, 12, 0, 0, tzinfo=UTC)
ACCEPTED = {"id": "3c90c3cc-0d44-4b50-8888-8dd25736052a", "status": "OPEN"}

PENDING_STOP = (Outcome.PENDING, False, True)
PENDING_REPEAT = (Outcome.PENDING, True, False)
UNKNOWN = (Outcome.UNKNOWN, False, False)
UNKNOWN_STOP = (Outcome.UNKNOWN, False, True)
ERROR = (Outcome.ERROR, False, False)


def answered(status: int, body: object = None, headers: dict[str, str] | None = None, **more: Any) -> Exchange:
    """An exchange with a whole answer."""
    text = body if isinstance(body, str) else json.dumps(body)
    return Exchange(
        written=more.pop("written", True),
        sent_at=NOW,
        received_at=NOW,
        status=status,
        headers=headers or {},
        body=text.encode(),
        **more,
    )


def failed(fault: Fault, *, written: bool = True, **more: Any) -> Exchange:
    """An exchange without a whole answer."""
    return Exchange(written=written, sent_at=NOW, received_at=NOW, fault=fault, **more)


def shape(verdict: Verdict) -> tuple[Outcome, bool, bool]:
    """Outcome, repeat, stop."""
    return verdict.outcome, verdict.repeat, verdict.stop


TABLE = (
    (range(100, 300), UNKNOWN_STOP, UNKNOWN),
    ((301, 307, 308, 401, 405), PENDING_STOP, PENDING_STOP),
    (range(300, 400), UNKNOWN_STOP, UNKNOWN_STOP),
    ((403, 404), PENDING_STOP, ERROR),
    ((425, 429), PENDING_REPEAT, PENDING_REPEAT),
    ((408, *range(500, 600)), UNKNOWN, UNKNOWN),
    (range(400, 500), ERROR, ERROR),
)
"""The notes' table for a body that says nothing: before and after the first readable 2xx. The first match wins."""


def expected(status: int, *, had_answer: bool, retry_after: bool) -> tuple[Outcome, bool, bool]:
    """What the notes say about a status."""
    if status == 503 and retry_after:
        return PENDING_REPEAT
    return next(after if had_answer else before for statuses, before, after in TABLE if status in statuses)


@pytest.mark.parametrize("had_answer", [False, True])
@pytest.mark.parametrize("retry_after", [False, True])
def test_every_status(*, had_answer: bool, retry_after: bool) -> None:
    """Each status from 100 to 599 has the verdict of the notes, with a sentence that lacks no value."""
    headers = {"retry-after": "3"} if retry_after else {}
    for status in range(100, 600):
        verdict = judge(answered(status, {}, headers), had_answer=had_answer)
        assert shape(verdict) == expected(status, had_answer=had_answer, retry_after=retry_after), status
        assert verdict.http_status == status
        assert verdict.signs is None
        text = sentence(verdict.finding)
        assert "?" not in text
        assert ".." not in text


@pytest.mark.parametrize(
    ("status", "before", "after"),
    [
        (301, Reason.WRONG_ADDRESS, Reason.WRONG_ADDRESS),
        (302, Reason.REDIRECTED, Reason.REDIRECTED),
        (400, Reason.API_REFUSED, Reason.API_REFUSED),
        (401, Reason.NOT_AUTHORIZED, Reason.NOT_AUTHORIZED),
        (403, Reason.FORBIDDEN, Reason.API_REFUSED),
        (404, Reason.WRONG_ADDRESS, Reason.API_REFUSED),
        (405, Reason.WRONG_ADDRESS, Reason.WRONG_ADDRESS),
        (408, Reason.REQUEST_TIMEOUT, Reason.REQUEST_TIMEOUT),
        (425, Reason.TRY_LATER, Reason.TRY_LATER),
        (429, Reason.RATE_LIMITED, Reason.RATE_LIMITED),
        (500, Reason.SERVER_ERROR, Reason.SERVER_ERROR),
        (503, Reason.SERVER_ERROR, Reason.SERVER_ERROR),
    ],
)
def test_a_status_has_its_own_reason(status: int, before: Reason, after: Reason) -> None:
    """What a person is to mend differs: the token, a right, the address, the row."""
    for had_answer, reason in ((False, before), (True, after)):
        assert judge(answered(status, {}), had_answer=had_answer).finding.reason is reason


@pytest.mark.parametrize("status", [200, 201, 202, 206, 299])
@pytest.mark.parametrize("had_answer", [False, True])
def test_a_readable_2xx_is_accepted(status: int, *, had_answer: bool) -> None:
    """Any 2xx with an id: success, with the signs for the ledger to weigh again."""
    verdict = judge(answered(status, ACCEPTED), had_answer=had_answer)
    assert shape(verdict) == (Outcome.SUCCESS, False, False)
    assert verdict.finding.reason is Reason.CREATED
    assert verdict.signs is not None
    assert verdict.signs.chat_id == ACCEPTED["id"]
    assert verdict.signs.chat_status == "OPEN"
    assert verdict.signs.created is (status == 201)


def test_a_reused_chat_is_told() -> None:
    """An earlier life in the answer gives `reused`."""
    verdict = judge(answered(200, {**ACCEPTED, "unread_count": 2}), had_answer=True)
    assert (verdict.outcome, verdict.finding.reason) == (Outcome.REUSED, Reason.REUSED)


def test_the_status_asked_for_is_weighed() -> None:
    """The chat's status counts against the one in the request."""
    resolved = {**ACCEPTED, "status": "RESOLVED"}
    assert judge(answered(200, resolved), had_answer=True).outcome is Outcome.REUSED
    assert judge(answered(200, resolved, requested_status="RESOLVED"), had_answer=True).outcome is Outcome.SUCCESS


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "it is empty"),
        ("<html><title>Login</title><h1>Welcome</h1></html>", "no JSON, but Login Welcome"),
        ('{"id": "3c90', "its JSON is cut or damaged"),
        ({"message": "queued"}, "no id in it; queued"),
        ({}, "no id in it"),
        ([ACCEPTED], "no id in it"),
    ],
)
def test_a_2xx_without_a_chat_is_unknown(body: object, words: str) -> None:
    """What only looks accepted is unknown, says why, and stops the run that never saw a real answer."""
    verdict = judge(answered(200, body), had_answer=False)
    assert shape(verdict) == UNKNOWN_STOP
    assert verdict.finding.reason is Reason.UNREADABLE_ANSWER
    assert f"is unreadable: {words}. The" in sentence(verdict.finding)


def test_no_other_status_is_an_acceptance() -> None:
    """A chat in the body of an answer that is no 2xx is none."""
    for status in range(100, 600):
        verdict = judge(answered(status, ACCEPTED), had_answer=True)
        assert (verdict.outcome is Outcome.SUCCESS) is (200 <= status <= 299), status


def test_an_answer_beyond_the_limit_is_unreadable_even_with_an_id() -> None:
    """Half an answer is no answer, even if its beginning looks whole."""
    verdict = judge(answered(200, ACCEPTED, oversized=True), had_answer=True)
    assert (verdict.finding.reason, shape(verdict)) == (Reason.UNREADABLE_ANSWER, UNKNOWN)
    assert "far too long" in sentence(verdict.finding)
    assert judge(answered(400, {"message": "no"}, oversized=True), had_answer=True).outcome is Outcome.ERROR


@pytest.mark.parametrize("fault", Fault)
def test_nothing_written_is_not_sent(fault: Fault) -> None:
    """Whatever went wrong: no byte, no message. Faults that hit every row stop the run."""
    verdict = judge(failed(fault, written=False), had_answer=False)
    every_row = fault in {Fault.NO_NAME, Fault.TLS, Fault.PROTOCOL}
    assert shape(verdict) == (PENDING_STOP if every_row else PENDING_REPEAT)
    assert verdict.finding.reason is Reason.NOT_CONNECTED
    assert "?" not in sentence(verdict.finding)


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("status", [None, 200, 429])
def test_anything_written_and_no_whole_answer_is_unknown(fault: Fault, status: int | None) -> None:
    """Whatever went wrong, and whatever the head of the answer said: nobody can know."""
    verdict = judge(failed(fault, status=status), had_answer=True)
    assert shape(verdict) == UNKNOWN
    wanted = Reason.ANSWER_TIMEOUT if fault is Fault.TIMEOUT else Reason.ANSWER_LOST
    assert verdict.finding.reason is wanted
    assert "?" not in sentence(verdict.finding)


@pytest.mark.parametrize("fault", [*Fault, None])
def test_what_went_wrong_is_named_with_its_detail(fault: Fault | None) -> None:
    """Of a time-out after the request its seconds; without a fault of its own the connection was lost."""
    words = FAULT_WORDS[fault or Fault.LOST]
    for written in {False, fault is not Fault.TIMEOUT}:
        exchange = Exchange(written=written, sent_at=NOW, received_at=NOW, fault=fault)
        assert words in sentence(judge(exchange, had_answer=True).finding)
        exchange = dataclasses.replace(exchange, detail="errno 104")
        assert f"{words} (errno 104)" in sentence(judge(exchange, had_answer=True).finding)


def test_the_time_that_was_waited_is_named() -> None:
    """A time-out names its seconds as a person writes them."""
    verdict = judge(failed(Fault.TIMEOUT, read_timeout=60.0), had_answer=True)
    assert "within 60 seconds" in sentence(verdict.finding)


def test_408_leaves_it_open() -> None:
    """A server that gave up waiting may have the request all the same."""
    assert shape(judge(answered(408, {}), had_answer=True)) == UNKNOWN


@pytest.mark.parametrize("status", [200, 301, 400, 401, 404, 408, 422, 425, 429, 500, 503])
def test_a_premature_answer_proves_nothing(status: int) -> None:
    """Before the request was whole a proxy's answer may be that to another: no refusal, no acceptance, no stop."""
    headers = {"retry-after": "1"}
    for had_answer in (True, False):
        verdict = judge(answered(status, ACCEPTED, headers, premature=True), had_answer=had_answer)
        assert shape(verdict) == UNKNOWN
        assert verdict.finding.reason is Reason.ANSWER_LOST
        assert verdict.http_status == status
        assert "before the whole request" in sentence(verdict.finding)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 422, 425, 429, 503])
def test_a_refusal_that_another_answer_follows_proves_nothing(status: int) -> None:
    """The other may be the acceptance."""
    verdict = judge(answered(status, {}, {"retry-after": "1"}, followed=True), had_answer=True)
    assert shape(verdict) == UNKNOWN
    assert verdict.finding.reason is Reason.ANSWER_LOST


def test_an_answer_outweighs_a_silent_trace() -> None:
    """An answer proves that something was written, whatever the trace says."""
    assert judge(answered(200, ACCEPTED, written=False), had_answer=True).outcome is Outcome.SUCCESS
    assert judge(answered(500, {}, written=False), had_answer=True).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [
        (429, {"retry-after": "7"}, 7.0),
        (429, {"retry-after": "soon", "ratelimit-reset": "9"}, 9.0),
        (429, {}, DEFAULT_PAUSE),
        (503, {"retry-after": "7"}, 7.0),
        (503, {"retry-after": "Wed, 11 Mar 2026 12:00:20 GMT"}, 20.0),
    ],
)
def test_being_told_to_slow_down(status: int, headers: dict[str, str], pause: float) -> None:
    """429 and 503 with Retry-After: everyone waits as told, and slower."""
    verdict = judge(answered(status, {}, headers), had_answer=False)
    assert (verdict.pause, verdict.slow_down) == (pause, True)
    assert verdict.finding.reason is Reason.RATE_LIMITED


@pytest.mark.parametrize("header", [{"retry-after": "soon"}, {"ratelimit-reset": "5"}, {"retry-after": "-1"}])
def test_a_503_that_names_no_time_is_unknown(header: dict[str, str]) -> None:
    """Only a Retry-After that can be read makes a 503 a 'not sent'."""
    assert shape(judge(answered(503, {}, header), had_answer=True)) == UNKNOWN


def whatsapp(code: int, **more: Any) -> dict[str, Any]:
    """An error as WhatsApp words it."""
    return {"error": {"message": f"(#{code}) words", "code": code, "fbtrace_id": "A", **more}}


@pytest.mark.parametrize(
    ("code", "reason", "wanted"),
    [
        (131026, Reason.NOT_ON_WHATSAPP, ERROR),
        (131050, Reason.OPTED_OUT, ERROR),
        (131049, Reason.NOT_DELIVERED_BY_CHOICE, ERROR),
        (132018, Reason.WHATSAPP_REFUSED, ERROR),
        (132000, Reason.TEMPLATE_VALUES, ERROR),
        (100, Reason.WHATSAPP_REFUSED, ERROR),
        (139999, Reason.WHATSAPP_REFUSED, ERROR),
        (130429, Reason.RATE_LIMITED, PENDING_REPEAT),
        (131056, Reason.TRY_LATER, PENDING_REPEAT),
        (131016, Reason.TRY_LATER, PENDING_REPEAT),
        (190, Reason.ACCOUNT_STOPPED, PENDING_STOP),
        (0, Reason.ACCOUNT_STOPPED, PENDING_STOP),
        (250, Reason.ACCOUNT_STOPPED, PENDING_STOP),
        (132001, Reason.TEMPLATE_STOPPED, PENDING_STOP),
    ],
)
@pytest.mark.parametrize("status", [400, 422])
def test_whatsapps_code_refines_a_refusal(code: int, reason: Reason, wanted: object, status: int) -> None:
    """A 4xx with WhatsApp's code gets the code's treatment and names it."""
    verdict = judge(answered(status, whatsapp(code)), had_answer=False)
    assert shape(verdict) == wanted
    assert verdict.finding.reason is reason
    assert verdict.finding.values["code"] == str(code)
    assert verdict.slow_down is (code == 130429)
    assert "?" not in sentence(verdict.finding)


def test_an_unknown_code_names_the_refusal_of_a_row_only() -> None:
    """Of a status that is about more than the row its own reason is the better one."""
    verdicts = {status: judge(answered(status, whatsapp(139999)), had_answer=True) for status in range(400, 500)}
    refused = {status for status, each in verdicts.items() if each.finding.reason is Reason.WHATSAPP_REFUSED}
    assert refused == {400, 409, 413, 415, 422}


@pytest.mark.parametrize("code", [131026, 130429, 131056, 190, 132001, 139999])
def test_whatsapps_code_refines_nothing_but_a_4xx(code: int) -> None:
    """No code makes a 5xx, a 408 or an unreadable 2xx anything else than it is."""
    for status in (*range(100, 400), 408, *range(500, 600)):
        plain = judge(answered(status, {}), had_answer=True)
        coded = judge(answered(status, whatsapp(code)), had_answer=True)
        assert shape(coded) == shape(plain), status
        assert coded.finding.reason is plain.finding.reason, status


@pytest.mark.parametrize("status", [401, 405])
@pytest.mark.parametrize("code", [131026, 130429, 131056, 190, 139999])
def test_no_code_makes_token_or_address_a_matter_of_one_row(status: int, code: int) -> None:
    """401 and 405 stop the run with any code."""
    assert shape(judge(answered(status, whatsapp(code)), had_answer=True)) == PENDING_STOP


def test_a_code_outweighs_the_first_403() -> None:
    """WhatsApp's code proves that token and address are right, so an early 403 with one is the row's own."""
    assert judge(answered(403, whatsapp(131026)), had_answer=False).outcome is Outcome.ERROR
    assert shape(judge(answered(403, whatsapp(139999)), had_answer=False)) == PENDING_STOP
    assert shape(judge(answered(404, whatsapp(132001)), had_answer=True)) == PENDING_STOP


def test_a_429_keeps_its_pause_with_a_code() -> None:
    """What the header asks for is obeyed whatever the code."""
    for code in (130429, 131056):
        verdict = judge(answered(429, whatsapp(code), {"retry-after": "4"}), had_answer=True)
        assert (verdict.outcome, verdict.repeat, verdict.pause) == (Outcome.PENDING, True, 4.0)


def test_the_api_s_words_reach_the_row() -> None:
    """A refusal says what the API said; without words, what WhatsApp's code means."""
    said = judge(answered(422, {"errors": [{"field": "wa_contact_id", "message": "curto"}]}), had_answer=True)
    assert sentence(said.finding) == "The API refused the row (HTTP 422): wa_contact_id: curto."
    silent = judge(answered(400, {"error": {"code": 131047}}), had_answer=True)
    assert "24 hours" in sentence(silent.finding)
    nothing = judge(answered(400, ""), had_answer=True)
    assert sentence(nothing.finding) == "The API refused the row (HTTP 400): it gave no reason."


def test_secrets_are_taken_out_of_everything() -> None:
    """Words of an answer and of a fault, the chat's id and status, also in JSON's escaped spelling."""
    secret = "t0p-s3cret"
    escaped = "".join(f"\\u{ord(sign):04x}" for sign in secret)

    def hide(text: str) -> str:
        return text.replace(secret, "[token]")

    own_message = {"id": secret, "from_me": True, "created_at": "2026-03-11T12:00:01Z"}
    for exchange in (
        answered(400, {"message": f"bad {secret}"}),
        answered(400, f'{{"message": "bad {escaped}"}}'),
        answered(200, f'{{"id": "{escaped}", "status": "{escaped}"}}'),
        answered(201, {"id": "1", "last_message": own_message}, {"date": "Wed, 11 Mar 2026 12:00:00 GMT"}),
        answered(500, f"<html>{secret}"),
        failed(Fault.LOST, detail=f"lost {secret}"),
        failed(Fault.TLS, written=False, detail=f"tls {secret}"),
    ):
        assert secret not in repr(judge(exchange, had_answer=True, redact=hide))


def test_the_clocks_difference_is_in_every_verdict() -> None:
    """Any answer with a Date tells it, refusals too."""
    date = {"date": "Wed, 11 Mar 2026 12:10:00 GMT"}
    for status, body in ((200, ACCEPTED), (400, {}), (500, {})):
        assert judge(answered(status, body, date), had_answer=True).clock_skew == 600
    assert judge(failed(Fault.LOST), had_answer=True).clock_skew is None


def test_every_reason_used_has_words() -> None:
    """A verdict's reason is one that people get a sentence for."""
    reasons = {judge(answered(status, {}), had_answer=False).finding.reason for status in range(100, 600)}
    assert all(reason.sentence for reason in reasons)


def test_an_attempt_is_a_value() -> None:
    """Frozen: nobody changes what happened."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        answered(200, {}).status = 500  # type: ignore[misc]  # that is the point
