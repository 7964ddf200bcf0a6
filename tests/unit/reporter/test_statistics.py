"""The figures that are made of the results."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result
from batch.reporter.statistics import collect_statistics, step_for

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
START = datetime(2026, 11, 3, 13, 0, tzinfo=UTC)


def sent(row: int, seconds: float, outcome: Outcome = Outcome.SUCCESS) -> Result:
    reason = Reason.CREATED if outcome is Outcome.SUCCESS else Reason.REUSED
    return Result(row=row, outcome=outcome, findings=(Finding(reason),), sent_at=START + timedelta(seconds=seconds))


def test_rows_are_grouped_by_outcome_and_reason() -> None:
    """Counts, the first rows and the first row's own values."""

    def results() -> Iterator[Result]:
        for row in range(2, 12):
            found = Finding(Reason.PHONE_TOO_SHORT, {"found": str(row)})
            yield sent(row, row) if row % 2 else Result(row=row, outcome=Outcome.ERROR, findings=(found,))

    found = {each.reason: each for each in collect_statistics(results(), SAO_PAULO).reasons}
    assert {reason: (each.outcome, each.rows, each.first) for reason, each in found.items()} == {
        "phone_too_short": (Outcome.ERROR, 5, (2, 4, 6, 8, 10)),
        "created": (Outcome.SUCCESS, 5, (3, 5, 7, 9, 11)),
    }
    assert found["phone_too_short"].example.values == {"found": "2"}


def test_sending_is_shown_in_steps_without_gaps() -> None:
    """Time on the wall of the campaign's zone; new and existing apart; empty steps are there as 0."""
    found = collect_statistics(iter([sent(2, 0.2), sent(3, 0.9), sent(4, 3, Outcome.REUSED)]), SAO_PAULO)
    assert found.step == "second"
    assert [(each.start, each.new, each.existing) for each in found.sent] == [
        (datetime.fromisoformat(f"2026-11-03T10:00:0{second}"), new, existing)
        for second, new, existing in ((0, 2, 0), (1, 0, 0), (2, 0, 0), (3, 0, 1))
    ]
    assert found.last_sent == START + timedelta(seconds=3)


def test_a_message_that_was_not_accepted_is_not_counted_as_sent() -> None:
    """An error has the time of its attempt, but nothing was sent."""
    failed = Result(row=2, outcome=Outcome.ERROR, findings=(Finding(Reason.API_REFUSED),), sent_at=START)
    assert collect_statistics(iter([failed]), SAO_PAULO).sent == ()
    assert collect_statistics(iter([]), SAO_PAULO).reasons == ()


@pytest.mark.parametrize("span", [timedelta(0), timedelta(seconds=39), timedelta(hours=5), timedelta(days=800)])
def test_a_step_divides_the_span_into_few_parts(span: timedelta) -> None:
    """At most 40 steps, and the shortest step that does it."""
    name, length = step_for(span)
    assert name
    assert span / length < 40
    assert length == timedelta(seconds=1) or span / length > 5
