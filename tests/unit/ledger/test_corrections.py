"""Rows that are corrected in a sheet of their own: each row has one message, and every message shows in its place."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from batch.ledger import FollowScope, Ledger, Owner, RetryOptions, StagedRow
from batch.ledger.storage.schema import messages
from batch.ledger.storage.staged_tables import staged
from batch.model.delivery import DeliveryState, Sighting
from batch.model.messages import Origin, message_key
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run, Traits
from batch.model.verdicts import Verdict

TRAITS = Traits(unique_by=(), region="BR", phone_rule=1, template="saudacao (pt_BR)")
BEGIN = datetime(2026, 11, 3, 12, tzinfo=UTC)
P, Q, R, W = (f"+551197001000{number}" for number in range(1, 5))
SENT = Verdict(outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), http_status=201)
NO = Verdict(outcome=Outcome.ERROR, finding=Finding(Reason.API_REFUSED), http_status=400)
LOST = Verdict(outcome=Outcome.UNKNOWN, finding=Finding(Reason.ANSWER_LOST))
RETRY, RESEND = RetryOptions(retry_errors=True), RetryOptions(resend_unknown=True)

Shown = list[tuple[int, str | None, str]]


class Desk:
    """A ledger, and the sheets that are run in it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.posts: list[tuple[str, int]] = []
        self._clock = itertools.count()

    def run(
        self,
        sheet: str,
        rows: Sequence[tuple[int, str | None]],
        verdicts: Mapping[str, Verdict],
        retries: RetryOptions | None = None,
        *,
        of: tuple[Run, Sequence[int]] | None = None,
    ) -> Run:
        """`of`: the run whose rows these correct, and each one's number there. Posts to nobody without a verdict."""
        at = BEGIN + timedelta(hours=next(self._clock))
        run = Run(run=f"{at:%d%H}", campaign="c", endpoint="e", sheet_path=f"/{sheet}.xlsx", sheet_sha256=sheet,
                  version="0", started=at)  # fmt: skip
        origins = [Origin(run=of[0].run, row=row) for row in of[1]] if of else itertools.repeat(None)
        with self.ledger.stage(retries) as staging:
            staging.add(
                StagedRow(row=row, outcome=Outcome.ERROR, findings=(Finding(Reason.PHONE_MISSING),))
                if person is None
                else StagedRow(
                    row=row,
                    key=staging.hashes.key(message_key(endpoint="e", campaign="c", person=person, unique=())),
                    person=person,
                    sender="s",
                    payload="{}",
                    request_hash=person,
                    origin=origin,
                    origin_sheet=of[0].sheet_key if of else None,
                )
                for (row, person), origin in zip(rows, origins, strict=False)
            )
            staging.judge(sheet=run.sheet_key)
            forecast = [(each.row, each.person) for each in staging.results()]
            staging.plan(run, Owner.here(run.run), TRAITS)
        asyncio.run(self._send(run.run, verdicts, at))
        self.ledger.finish_run(run.run, finished=at, attempts=0, achieved_rate=None, pending=None)
        assert forecast == [(row, person) for row, person, _ in self.shown(run)]
        return run

    async def _send(self, run: str, verdicts: Mapping[str, Verdict], at: datetime) -> None:
        with self.ledger.open_queue(Owner.here(run), endpoint="e") as sending:
            for job in sending.jobs():
                self.posts.append((job.person, job.row))
                held = await sending.claim(job, at)
                await sending.record(held, verdicts[job.person], duration_ms=1, began=at)  # type: ignore[arg-type] # ours

    def shown(self, run: Run) -> Shown:
        """(row, person, reason) of a run's report; what is a duplicate says of which row."""
        results = list(self.ledger.results(run.run))
        assert self.ledger.tally(run.run).rows == len(results)
        row_statuses = {each.row for each in self.ledger.settlements.row_statuses(run.run)}
        assert row_statuses == {each.row for each in results if each.outcome is Outcome.UNKNOWN}
        return [(each.row, each.person, " ".join([each.reason, *_same_as(each.findings[0])])) for each in results]


def _same_as(finding: Finding) -> list[str]:
    return [finding.values["row"]] if finding.reason is Reason.DUPLICATE else []


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return Desk(ledger)


def test_what_arrived_is_counted_of_the_messages_that_rows_show(desk: Desk) -> None:
    """As many as the rows that are accepted; that of a corrected row is among them, in the sheet's report too."""
    first = desk.run("a", [(5, P), (9, W), (12, R)], {P: NO, W: SENT, R: LOST})
    second = desk.run("b", [(2, Q)], {Q: SENT}, of=(first, [5]))
    desk.run("c", [(2, Q)], {}, of=(first, [12]))  # another's message: that row is its duplicate
    with desk.ledger._engine.begin() as connection:
        connection.execute(update(messages).values(chat_id=messages.c.person))
    for message in desk.ledger.deliveries.due(FollowScope(endpoint="e"), BEGIN + timedelta(days=2)):
        desk.ledger.deliveries.record(message, Sighting(at=BEGIN + timedelta(days=2), state=DeliveryState.READ))
    for run, accepted in ((first, 2), (second, 1)):
        tally = desk.ledger.tally(run.run)
        assert tally.delivery is not None
        assert (tally.counts[Outcome.SUCCESS], tally.delivery.messaged, tally.delivery.read) == (accepted,) * 3


def test_duplicates_of_a_corrected_row_stay_its_duplicates(desk: Desk) -> None:
    """In every report of the sheet; and they are not sent, also where errors are tried again."""
    sheet = [(5, P), (9, P), (12, P)]
    first = desk.run("a", sheet, {P: NO})
    assert desk.shown(first) == [(5, P, "api_refused"), (9, P, "duplicate 5"), (12, P, "duplicate 5")]
    desk.run("b", [(2, Q)], {Q: SENT}, of=(first, [5]))
    after = [(5, Q, "created"), (9, P, "duplicate 5"), (12, P, "duplicate 5")]
    for run in (first, desk.run("a", sheet, {}), desk.run("a", sheet, {}, RETRY), desk.run("a", sheet, {}, RESEND)):
        assert desk.shown(run) == after
    assert desk.posts == [(P, 5), (Q, 2)]


def test_a_duplicate_that_is_corrected_shows_its_correction(desk: Desk) -> None:
    """Three rows of one phone, two of them corrected: each shows whom it was sent to."""
    sheet = [(5, P), (9, P), (12, P)]
    first = desk.run("a", sheet, {P: NO})
    desk.run("b", [(2, Q)], {Q: SENT}, of=(first, [5]))
    desk.run("c", [(2, R)], {R: SENT}, of=(first, [9]))
    after = [(5, Q, "created"), (9, R, "created"), (12, P, "duplicate 5")]
    assert desk.shown(first) == after
    assert desk.shown(desk.run("a", sheet, {})) == after


def test_a_row_that_was_corrected_into_another_rows_message_is_its_duplicate(desk: Desk) -> None:
    """One message is shown by one row: by the one whose key it has."""
    sheet = [(5, P), (7, None), (9, P)]
    first = desk.run("a", sheet, {P: NO})
    desk.run("b", [(2, Q)], {Q: SENT}, of=(first, [5]))
    desk.run("c", [(2, P)], {P: SENT}, RETRY, of=(first, [7]))
    after = [(5, P, "created"), (7, P, "duplicate 5"), (9, P, "duplicate 5")]
    assert desk.shown(first) == after
    assert desk.shown(desk.run("a", sheet, {})) == after


def test_a_message_by_itself_is_no_place_for_another_rows_correction(desk: Desk) -> None:
    """Two rows waited to be sent to one person as corrected; one was sent as it stood. The other shows that person."""
    first = desk.run("a", [(5, P), (6, R)], {P: NO, R: NO})
    desk.run("b", [(2, Q), (3, Q)], {Q: NO}, of=(first, [5, 6]))
    desk.run("a", [(5, P), (6, R)], {P: SENT, R: NO}, RETRY)
    desk.run("b", [(2, Q), (3, Q)], {Q: SENT}, RETRY, of=(first, [5, 6]))
    assert desk.shown(first) == [(5, P, "created"), (6, Q, "created")]


@pytest.mark.parametrize("verdict", [SENT, LOST], ids=["sent", "unknown"])
def test_what_was_sent_as_it_stood_is_not_sent_as_corrected(desk: Desk, verdict: Verdict) -> None:
    """The original was tried again, then a retry.xlsx of before is run: one row, one message, and it shows."""
    first = desk.run("a", [(5, P), (6, R)], {P: NO, R: NO})
    desk.run("a", [(5, P), (6, R)], {P: verdict, R: NO}, RETRY)
    stale = desk.run("b", [(2, Q), (3, W)], {W: SENT}, RETRY, of=(first, [5, 6]))
    assert desk.shown(stale) == [(2, Q, "sent_in_original"), (3, W, "created")]
    said = verdict.finding.reason.value
    assert desk.shown(first) == [(5, P, said), (6, W, "created")]


def test_a_plan_says_that_a_row_was_sent_as_corrected(desk: Desk) -> None:
    """Before anything is sent, where its error would be tried again."""
    first = desk.run("a", [(5, P)], {P: NO})
    desk.run("b", [(2, Q)], {Q: SENT}, of=(first, [5]))
    with desk.ledger.stage(RETRY) as staging:
        key = staging.hashes.key(message_key(endpoint="e", campaign="c", person=P, unique=()))
        staging.add([StagedRow(row=5, key=key, person=P, sender="s", payload="{}", request_hash=P)])
        staging.judge(sheet=first.sheet_key)
        (kept,) = staging._connection.execute(select(staged.c.outcome, staged.c.payload)).all()
        assert tuple(kept) == ("skipped", None)


def test_of_two_copies_of_a_correction_the_first_corrects(desk: Desk) -> None:
    """The other is a row of its own sheet, and so is one of a sheet that the ledger does not have."""
    first = desk.run("a", [(5, P)], {P: NO})
    desk.run("a", [(5, P)], {P: SENT}, RETRY)
    copied = desk.run("b", [(2, Q), (3, W), (4, R)], {W: SENT, R: SENT}, of=(first, [5, 5, 99]))
    assert desk.shown(copied) == [(2, Q, "sent_in_original"), (3, W, "created"), (4, R, "created")]


def test_the_original_counts_as_any_run_of_its_sheet_sent_it(desk: Desk) -> None:
    """Its phone could not be read in the first run, and then the campaign said how."""
    first = desk.run("a", [(5, None)], {})
    desk.run("a", [(5, P)], {P: SENT})
    assert desk.shown(desk.run("b", [(2, Q)], {}, of=(first, [5]))) == [(2, Q, "sent_in_original")]


def test_a_row_with_the_same_phone_as_one_that_is_held_is_sent(desk: Desk) -> None:
    """It is the correction of another row, which nobody has sent."""
    first = desk.run("a", [(5, P), (6, R)], {P: NO, R: NO})
    desk.run("a", [(5, P), (6, R)], {P: SENT, R: NO}, RETRY)
    stale = desk.run("b", [(2, Q), (3, Q)], {Q: SENT}, of=(first, [5, 6]))
    assert desk.shown(stale) == [(2, Q, "sent_in_original"), (3, Q, "created")]
    assert desk.shown(first) == [(5, P, "created"), (6, Q, "created")]


def test_an_unknown_correction_stays_so_and_may_be_sent_again_by_choice(desk: Desk) -> None:
    """Though the original has a message as well, by another sheet: nothing that may have been sent is forgotten."""
    first = desk.run("a", [(5, P)], {P: NO})
    correction = [(2, Q)]
    desk.run("b", correction, {Q: LOST}, of=(first, [5]))
    desk.run("z", [(2, P)], {P: SENT}, RETRY)
    assert desk.shown(desk.run("b", correction, {}, of=(first, [5]))) == [(2, Q, "answer_lost")]
    assert desk.shown(desk.run("b", correction, {Q: SENT}, RESEND, of=(first, [5]))) == [(2, Q, "created")]


def test_a_corrected_row_shows_its_correction_whatever_another_sheet_did(desk: Desk) -> None:
    """Its own message was tried again from there: what nobody knows shows there, and is not sent again here."""
    first = desk.run("a", [(5, P)], {P: NO})
    desk.run("b", [(2, Q)], {Q: SENT}, of=(first, [5]))
    other = desk.run("z", [(2, P)], {P: LOST}, RETRY)
    for run in (first, desk.run("a", [(5, P)], {}, RESEND)):
        assert desk.shown(run) == [(5, Q, "created")]
    assert desk.shown(other) == [(2, P, "answer_lost")]


def test_an_unknown_original_shows_beside_an_unknown_correction(desk: Desk) -> None:
    """Neither is known to have arrived: the row shows its own, and the correction shows in its own sheet."""
    first = desk.run("a", [(5, P)], {P: NO})
    correction = desk.run("b", [(2, Q)], {Q: LOST}, of=(first, [5]))
    desk.run("z", [(2, P)], {P: LOST}, RETRY)
    assert desk.shown(first) == [(5, P, "answer_lost")]
    assert desk.shown(correction) == [(2, Q, "answer_lost")]


def test_an_unknown_correction_is_not_left_out_because_its_original_was_sent(desk: Desk) -> None:
    """The row was sent as it stood by the sheet it came from. That it may have been sent as corrected as well stays."""
    first = desk.run("a", [(5, P)], {P: NO})
    correction = [(2, Q)]
    desk.run("b", correction, {Q: LOST}, of=(first, [5]))
    desk.run("z", [(2, P)], {P: SENT}, RETRY)
    desk.run("a", [(5, P)], {})
    for retries in (None, RETRY):
        assert desk.shown(desk.run("b", correction, {}, retries, of=(first, [5]))) == [(2, Q, "answer_lost")]
    again = desk.run("b", correction, {Q: SENT}, RESEND, of=(first, [5]))
    assert desk.shown(again) == [(2, Q, "created")]
