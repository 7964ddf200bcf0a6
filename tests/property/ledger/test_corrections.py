"""Whatever is corrected in whatever order: outcomes add up, what was messaged stays so, nobody is messaged twice."""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from batch.ledger import Ledger, Owner, RetryOptions, StagedRow
from batch.ledger.storage.schema import messages
from batch.model.messages import Origin, message_key
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, findings_to_json
from batch.model.runs import Run, Traits

TRAITS = Traits(unique_by=(), region="BR", phone_rule=1, template="saudacao (pt_BR)")
BEGIN = datetime(2026, 11, 3, 12, tzinfo=UTC)
ENDPOINT, CAMPAIGN = "e", "c"
ANSWERS = (Outcome.SUCCESS, Outcome.REUSED, Outcome.ERROR, Outcome.UNKNOWN, Outcome.PENDING)
REASONS = {
    Outcome.SUCCESS: Reason.CREATED,
    Outcome.REUSED: Reason.REUSED,
    Outcome.ERROR: Reason.API_REFUSED,
    Outcome.UNKNOWN: Reason.ANSWER_LOST,
}
ONE, TWO, THREE, FOUR, SEVEN, EIGHT = (f"+551197001000{number}" for number in (1, 2, 3, 4, 7, 8))
PEOPLE = st.sampled_from([None, ONE, TWO, THREE, FOUR])
"""Whom a cell names; None: nobody who can be read."""
CELLS = st.lists(st.tuples(PEOPLE, st.booleans()), min_size=1, max_size=4)
"""Person of each row, and whether the rest of the row is right."""
RIGHT = st.booleans().filter(bool)
FIRST = st.lists(
    st.tuples(st.sampled_from([ONE, TWO]), RIGHT) | st.tuples(st.sampled_from([None, SEVEN, EIGHT]), st.booleans()),
    min_size=1,
    max_size=4,
)
"""The original's rows: those that are wrong name nobody whom a correction names as well."""
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["original", "correction", "correction", "correction of a correction", "stale correction"]),
        CELLS,
        st.booleans(),
        st.lists(st.sampled_from(ANSWERS), min_size=4, max_size=4),
    ),
    max_size=5,
)


class Office:
    """A ledger, the sheets that were run, and what a server would have applied."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.runs: list[tuple[Run, int]] = []
        self.maybe_sent: set[str] = set()
        self.messaged_rows: set[tuple[str, int]] = set()
        self.sent_as: dict[tuple[str, int], bool] = {}
        """Whether a row of a sheet was sent as corrected, or as it stood; if it was, or may have been."""
        self._clock = itertools.count()

    def run(self, sheet: str, rows: list[StagedRow], answers: list[Outcome], *, retry_errors: bool) -> Run:
        now = BEGIN + timedelta(minutes=next(self._clock))
        name = f"{now:%Y%m%dT%H%M%SZ}-c"
        run = Run(
            run=name,
            campaign=CAMPAIGN,
            endpoint=ENDPOINT,
            sheet_path=f"/{sheet}.xlsx",
            sheet_sha256=sheet,
            version="0",
            started=now,
        )
        held = {row for key, row in self.messaged_rows if key == run.sheet_key}
        self.ledger.settle_dead_claims(endpoint=ENDPOINT, campaign=CAMPAIGN)  # as every run begins
        with self.ledger.stage(RetryOptions(retry_errors=retry_errors)) as staging:
            staging.add(rows)
            staging.judge(sheet=run.sheet_key)
            forecast = {each.row: each.outcome for each in staging.results()}
            staging.plan(run, Owner.here(name), TRAITS)
        if not retry_errors:  # what is chosen to be tried again shows as it was until it is sent
            assert forecast == {each.row: each.outcome for each in self.ledger.results(name)}
        with self.ledger.open_queue(Owner.here(name), endpoint=ENDPOINT) as sending:
            for job, answer in zip(list(sending.jobs()), itertools.cycle(answers)):
                assert job.key not in self.maybe_sent
                assert job.row not in held
                origin = next((each.origin for each in rows if each.row == job.row), None)
                sheets = {each.origin_sheet for each in rows if each.origin} or {run.sheet_key}
                place = (str(sheets.pop()), origin.row) if origin else (run.sheet_key, job.row)
                assert self.sent_as.get(place, bool(origin)) == bool(origin), "a row has one message"
                if answer not in (Outcome.PENDING, Outcome.ERROR):
                    self.sent_as[place] = bool(origin)
                self._apply(job.key, answer, now, name)
        self.runs.append((run, len(rows)))
        return run

    def _apply(self, key: str, answer: Outcome, now: datetime, run: str) -> None:
        if answer is Outcome.PENDING:
            return
        if answer is not Outcome.ERROR:
            self.maybe_sent.add(key)
        values = {
            "state": answer.value,
            "sent_at": now,
            "attempts": 1,
            "run": run,
            "payload": None,
            "findings": findings_to_json([Finding(REASONS[answer])]),
        }
        with self.ledger._engine.begin() as connection:
            connection.execute(update(messages).where(messages.c.key == key).values(values))

    def check(self) -> None:
        unknown: set[str | None] = set()
        for run, count in self.runs:
            results = list(self.ledger.results(run.run))
            tally = self.ledger.tally(run.run)
            assert len(results) == count == tally.rows
            assert tally.reasons == Counter((each.outcome, each.reason) for each in results)
            shown = [each.person for each in results if each.outcome.is_accepted]
            assert len(set(shown)) == len(shown), "a message is shown by two rows"
            for each in results:
                place = (run.sheet_key, each.row)
                messaged = each.outcome.is_accepted
                once = each.outcome is Outcome.SKIPPED and each.reason == Reason.DUPLICATE.value
                assert messaged or once or place not in self.messaged_rows
                if messaged:
                    self.messaged_rows.add(place)
            of_row = {each.row: each for each in results}
            for each in results:
                first = of_row[int(each.findings[0].values["row"])] if each.reason == Reason.DUPLICATE.value else each
                corrected = first.reason == Reason.CORRECTION_WAITS.value or any(
                    note.reason is Reason.NOTE_CORRECTED for note in first.notes
                )
                original = run.sheet_key == self.runs[0][0].sheet_key
                assert corrected or not original or first.person == each.person, "a duplicate is of the same message"
            unknown |= {each.person for each in results if each.outcome is Outcome.UNKNOWN}
            row_statuses = {each.row: each for each in self.ledger.settlements.row_statuses(run.run)}
            assert set(row_statuses) == {each.row for each in results if each.outcome is Outcome.UNKNOWN}
        with self.ledger._engine.connect() as connection:
            kept = select(messages.c.person).where(messages.c.state == Outcome.UNKNOWN.value)
            assert set(connection.execute(kept).scalars()) == unknown, "what nobody knows is in some report"


def staged(
    cells: list[tuple[str | None, bool]], origins: list[Origin | None], sheet: str | None
) -> Iterator[StagedRow]:
    for row, ((person, good), origin) in enumerate(zip(cells, origins, strict=True), 2):
        key = message_key(endpoint=ENDPOINT, campaign=CAMPAIGN, person=person) if person else None
        base = {"row": row, "key": key, "person": person, "origin": origin, "origin_sheet": sheet if origin else None}
        if person and good:
            yield StagedRow(**base, sender="s", payload="{}", request_hash="h")  # type: ignore[arg-type] # a table
        else:
            wrong = (Finding(Reason.PHONE_MISSING),)
            yield StagedRow(**base, outcome=Outcome.ERROR, findings=wrong)  # type: ignore[arg-type] # likewise


S, R, E, U, W = Outcome.SUCCESS, Outcome.REUSED, Outcome.ERROR, Outcome.UNKNOWN, Outcome.PENDING


@settings(deadline=None, max_examples=10)
@given(FIRST, STEPS)
# Corrected and sent, then sent as it stood from an old retry.xlsx, whose answer is lost: the row stays messaged.
@example(
    first=[(TWO, True), (ONE, True), (TWO, True), (EIGHT, True)],
    steps=[
        ("stale correction", [(FOUR, True), (FOUR, True)], False, [R, S, S, S]),
        ("stale correction", [(ONE, False)], True, [W, U, U, S]),
        ("stale correction", [(ONE, True)], True, [U, R, R, W]),
        ("original", [(TWO, True)], False, [U, E, W, S]),
    ],
)
def test_a_corrected_row_has_one_outcome_in_every_report(
    first: list[tuple[str | None, bool]], steps: list[tuple[str, list[tuple[str | None, bool]], bool, list[Outcome]]]
) -> None:
    """Sums, forecasts, row_statuses and reports agree after every run, and no row that was messaged is ever less."""
    with tempfile.TemporaryDirectory() as folder, Ledger.open(f"sqlite:///{folder}/ledger.sqlite3") as ledger:
        office = Office(ledger)
        original = list(staged(first, [None] * len(first), None))
        begun = office.run("0" * 64, original, [Outcome.SUCCESS, Outcome.ERROR], retry_errors=False)
        office.check()
        wrong_first = [each for each in office.ledger.results(begun.run) if each.outcome is Outcome.ERROR]
        for number, (kind, cells, retry_errors, answers) in enumerate(steps, 1):
            if kind == "original":
                office.run("0" * 64, original, answers, retry_errors=retry_errors)
            else:
                latest = office.runs[-1][0].run if kind.endswith("of a correction") else begun.run
                wrong = [each for each in office.ledger.results(latest) if each.outcome is Outcome.ERROR]
                wrong = (wrong_first if kind == "stale correction" else wrong)[: len(cells)]
                origins = [each.origin or Origin(run=latest, row=each.row) for each in wrong]
                of_first = [origin if origin.run == begun.run else None for origin in origins]
                rows = list(staged(cells[: len(wrong)], list(of_first), begun.sheet_key))
                if rows:
                    office.run(f"{number:064}", rows, answers, retry_errors=retry_errors)
            office.check()
