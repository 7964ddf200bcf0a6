"""One row's result follows from its own columns and its message's, whatever stands in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from batch.ledger.storage.results import WAITING, StoredRow, result_of
from batch.ledger.storage.schema import State, microseconds, time_of
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding, Reason, findings_from_json, findings_to_json

START = datetime(2026, 2, 28, 23, 59, 58, 999_999, tzinfo=UTC)
FINDINGS = st.lists(st.builds(Finding, st.sampled_from(Reason)), max_size=2).map(tuple)
JSON = st.none() | FINDINGS.map(findings_to_json)
ROWS = st.builds(
    StoredRow,
    row=st.integers(1, 9),
    person=st.sampled_from([None, "+5511988887777", "#abc"]),
    outcome=st.none() | st.sampled_from(["error", "skipped"]),
    findings=JSON,
    notes=JSON,
    duplicate_of=st.none() | st.integers(1, 9),
    state=st.sampled_from([each.value for each in State]),
    message_findings=JSON,
    again_state=st.sampled_from([None, "error", "unknown"]),
    again_findings=JSON,
    attempts=st.integers(0, 3),
    message_run=st.sampled_from([None, "r1"]),
    chat_id=st.sampled_from([None, "c1", "#c"]),
    chat_status=st.sampled_from([None, "OPEN"]),
    evidence=st.none() | st.sampled_from([each.value for each in Evidence]),
    http_status=st.sampled_from([None, 200]),
    sent_at=st.none() | st.integers(0, 10**7).map(lambda ms: microseconds(START + timedelta(milliseconds=ms))),
    duration_ms=st.sampled_from([None, 7]),
)


def expected(stored: StoredRow) -> tuple[Outcome, tuple[Finding, ...]]:
    """Outcome and findings by the rules of the ledger, one by one."""
    own, kept, again = (
        findings_from_json(each) if each else ()
        for each in (stored.findings, stored.message_findings, stored.again_findings)
    )
    if stored.duplicate_of is not None:
        return Outcome.SKIPPED, (Finding(Reason.DUPLICATE, {"row": str(stored.duplicate_of)}),)
    if stored.outcome is not None:
        return Outcome(stored.outcome), own
    if stored.state == State.CLAIMED:
        return Outcome.UNKNOWN, (Finding(Reason.IN_FLIGHT),)
    if stored.state != State.PENDING:
        return Outcome(stored.state or ""), kept or WAITING
    if stored.again_state:
        return Outcome(stored.again_state), again or WAITING
    return Outcome.PENDING, own or kept or WAITING


@given(ROWS)
def test_a_result_follows_from_row_and_message(stored: StoredRow) -> None:
    """The row decides where it has an outcome, else its message; nothing of a purged person or chat is shown."""
    result = result_of(stored)
    assert (result.outcome, result.findings) == expected(stored)
    assert result.notes == (findings_from_json(stored.notes) if stored.notes else ())
    assert result.person == (stored.person if stored.person != "#abc" else None)
    of_message = stored.duplicate_of is None and stored.outcome is None
    refused = stored.outcome == "skipped" and stored.attempts and stored.state in ("error", "pending")
    if of_message:
        assert result.chat_id == (stored.chat_id if stored.chat_id != "#c" else None)
        assert result.chat_status == stored.chat_status
        assert result.evidence == (Evidence(stored.evidence) if stored.evidence else None)
    else:
        assert (result.chat_id, result.chat_status, result.evidence) == (None, None, None)
    if of_message or (stored.duplicate_of is None and refused):
        assert (result.attempts, result.http_status) == (stored.attempts, stored.http_status)
        assert result.sent_at == (time_of(stored.sent_at) if stored.attempts and stored.sent_at is not None else None)
        assert (result.duration_ms, result.run) == (stored.duration_ms, stored.message_run)
    else:
        assert (result.attempts, result.sent_at, result.run) == (0, None, None)
