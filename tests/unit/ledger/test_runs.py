"""What is counted by the ledger is what its rows say one by one."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from scripted_api import BEGIN, World, staged
from sqlalchemy import text

from batch.ledger import Ledger, RetryOptions, RowSelection, StagedRow
from batch.ledger.storage.schema import State
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, findings_to_json
from batch.model.runs import SenderRun

NOTE = Finding(Reason.NOTE_LANDLINE, {"found": "1133334444"})
CAPPED = Finding(Reason.CAP, {"people": "5", "when": "now"})
WRONG = Finding(Reason.VALUE_MISSING, {"field": "Nome"})
BEFORE = [*product([state.value for state in State], [None]), ("pending", "error"), ("pending", "unknown")]


def a_sheet() -> list[StagedRow]:
    """Rows of people of every earlier state: good ones, with notes, twice, wrong ones and those who want nothing."""
    people = [f"+5511900{number:06d}" for number in range(len(BEFORE) + 1)]
    plain = [staged(row) for row in range(1, 11)]
    notes = [staged(row, person=person) for row, person in enumerate(people, start=11)]
    wrong = [
        StagedRow(row=100 + each.row, key=each.key, person=each.person, outcome=Outcome.ERROR, findings=(WRONG,))
        for each in plain
    ]
    noted = [StagedRow(row=200 + each.row, key=each.key, person=each.person, notes=(NOTE,), payload="x",
                       request_hash="new", sender="s1") for each in [*plain, *notes]]  # fmt: skip
    nobody = StagedRow(row=300, outcome=Outcome.ERROR, findings=(WRONG,))
    out = StagedRow(row=301, key="0" * 64, person="+5511900999999", payload="x", request_hash="y", sender="s1",
                    left_out=Finding(Reason.SUPPRESSED, {"where": "a column"}))  # fmt: skip
    return [*wrong, *noted, *plain, nobody, out]


def set_states(ledger: Ledger) -> None:
    """The messages of the first rows come to be what `BEFORE` says."""
    said = findings_to_json([Finding(Reason.CREATED)])
    with ledger._engine.begin() as connection:
        for number, (state, again) in enumerate(BEFORE):
            findings = said if state in ("success", "reused", "error", "unknown") else None
            connection.execute(
                text(
                    "UPDATE messages SET state = :state, again_state = :again, again_findings = :old, findings = :said,"
                    " again_sender = sender, attempts = :n, sent_at = :at WHERE key = :key"
                ),
                {"state": state, "again": again, "old": said if again else None, "said": findings, "n": number,
                 "at": 1_773_230_400_000_000 + number * 1_000_000, "key": staged(number + 1).key},
            )  # fmt: skip


@pytest.mark.parametrize(
    "retries", [RetryOptions(), RetryOptions(retry_errors=True), RetryOptions(resend_unknown=True)]
)
@pytest.mark.parametrize("chosen", [None, RowSelection(ranges=((1, 5), (203, 204)))])
def test_the_tally_is_what_the_rows_say(
    world: World, ledger: Ledger, retries: RetryOptions, chosen: RowSelection | None
) -> None:
    """Of rows in every state: outcomes and reasons add up alike, and what is remarkable is among the rows."""
    world.plan(range(1, 11))
    set_states(ledger)
    with ledger.stage(retries) as staging:
        staging.add(a_sheet())
        staging.judge()
        if chosen:
            staging.choose(chosen)
        rows = list(staging.results())
        assert staging.tally() == Counter((row.outcome, row.reason) for row in rows)
        remarkable, few = ({row.row for row in staging.results(remarkable=most)} for most in (20, 1))
    errors = {row.row for row in rows if row.outcome is Outcome.ERROR}
    assert errors | {row.row for row in rows if row.notes} <= remarkable
    assert {row.row for row in rows if row.notes} | set(sorted(errors)[:1]) <= few
    assert len({row.outcome for row in rows}) >= 4


@pytest.mark.parametrize("pending", [None, Finding(Reason.STOPPED)])
def test_the_tally_of_a_run_is_what_its_rows_say(world: World, ledger: Ledger, pending: Finding | None) -> None:
    """While it sends and after its end, of two senders, one of which stopped for a reason of its own."""
    world.plan(range(1, 11))
    set_states(ledger)
    world.name = "r2"
    world.plan([*a_sheet(), *(staged(row, sender="s2") for row in (401, 402))])
    if pending is not None:
        capped = SenderRun(sender="s2", attempts=0, achieved_rate=None, slowed=0, cause=None, pending=CAPPED)
        ledger.finish_run("r2", finished=BEGIN, attempts=0, achieved_rate=None, pending=pending, senders=[capped])
    rows, tally = list(ledger.results("r2")), ledger.tally("r2")
    assert tally.reasons == Counter((row.outcome, row.reason) for row in rows)
    assert tally.rows == len(rows)
    assert tally.last_sent == max(row.sent_at for row in rows if row.outcome.is_accepted and row.sent_at)
    if pending is not None:
        assert tally.reasons[Outcome.PENDING, Reason.CAP.value] == 2
