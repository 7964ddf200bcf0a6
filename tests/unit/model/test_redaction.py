"""What is left of a phone, of a sentence and of a result when a report is passed on, and of a line of the log."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from batch.model.outcomes import Evidence, Outcome
from batch.model.phone.cells import format_phone
from batch.model.reasons import Finding, Reason, advice, sentence
from batch.model.redaction import mask_finding, mask_numbers, mask_phone, mask_result
from batch.model.runs import Result


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("+5511988887777", "+55 11 9****-**77"),
        ("+551133334466", "+55 11 ****-**66"),
        ("+351912345678", "+351 *** *** *78"),
        ("+12015550123", "+1 ***-***-**23"),
        ("not a phone 12345", "not a phone ***45"),
    ],
)
def test_a_phone_keeps_its_country_and_two_digits(phone: str, masked: str) -> None:
    """And its area, where that is known to be one; masked again it is the same, and so it is shown."""
    assert mask_phone(phone) == masked
    assert mask_phone(masked) == masked
    assert format_phone(masked) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("o contato 11988887777 nao existe", "o contato *********77 nao existe"),
        ("+55 (11) 98888-7777 e 5511988887777", "+** (**) *****-**77 e ***********77"),
        ('{"wa_contact_id":"11.98888.7777"}', '{"wa_contact_id":"**.*****.**77"}'),
        ("tel11988887777x", "tel*********77x"),
        ("988887777", "*******77"),
        ("row 1048576 of 1234567", "row 1048576 of 1234567"),
        ("20261122T150411Z-boas-vindas-1b02", "20261122T150411Z-boas-vindas-1b02"),
        ("2026-11-22T15:04:11.123456Z", "2026-11-22T15:04:11.123456Z"),
        ("until 2026-11-22 15:04", "until 2026-11-22 15:04"),
        ("22/11/2026 15:04", "22/11/2026 15:04"),
        ("01234567-1234-1234-1234-123456789012", "01234567-1234-1234-1234-123456789012"),
        ("http://192.168.100.200:8080", "http://192.168.100.200:8080"),
        ("119.888.877.77", "***.***.***.77"),
        ("x" * 50_000 + "1 " * 50_000, None),
    ],
)
def test_what_may_be_a_phone_is_cut_and_what_is_none_stays(text: str, masked: str | None) -> None:
    """In whatever spelling; ids, times and machines' addresses are what a log is read for."""
    found = mask_numbers(text)
    if masked is not None:
        assert found == masked
    assert mask_numbers(found) == found


def test_no_sentence_keeps_a_value_that_is_not_our_own() -> None:
    """Whatever a sheet, the API or a person wrote is an ellipsis, in every reason there is."""
    secret = dict.fromkeys(("found", "words", "column", "where", "who", "run", "status"), "Maria 11988887777")
    for reason in Reason:
        masked = mask_finding(Finding(reason, secret))
        said = sentence(masked) + advice(masked)
        assert "Maria" not in said
        assert "98888" not in said


def test_what_this_program_found_out_stays() -> None:
    """So that the receiver can still work with the reason."""
    finding = Finding(Reason.API_REFUSED, {"status": "400", "words": "Maria nao existe"})
    assert sentence(mask_finding(finding)) == "The API refused the row (HTTP 400): \N{HORIZONTAL ELLIPSIS}"
    values = {"run": "20261122T150411Z-boas-vindas-1b02", "status": "success"}
    assert mask_finding(Finding(Reason.SENT_ELSEWHERE, values)).values == values


def test_a_result_keeps_what_happened_and_loses_who_it_was() -> None:
    """Outcome, times and numbers stay; the chat goes, for it leads to the person."""
    result = Result(
        row=7,
        outcome=Outcome.SUCCESS,
        findings=(Finding(Reason.CREATED),),
        notes=(Finding(Reason.NOTE_NINTH_DIGIT, {"found": "1188887777"}),),
        person="+5511988887777",
        chat_id="c-1",
        chat_status="OPEN",
        evidence=Evidence.NONE,
        http_status=200,
        attempts=2,
        sent_at=datetime(2026, 11, 3, 12, tzinfo=UTC),
        duration_ms=80,
        run="r1",
    )
    masked = mask_result(result)
    assert (masked.person, masked.chat_id, masked.chat_status) == ("+55 11 9****-**77", None, "OPEN")
    assert "1188887777" not in str(masked)
    same = ("row", "outcome", "evidence", "http_status", "attempts", "sent_at", "duration_ms", "run", "reason")
    assert [getattr(masked, name) for name in same] == [getattr(result, name) for name in same]
    assert mask_result(masked) == masked
