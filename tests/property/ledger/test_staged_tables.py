"""What a plan notes of the ledger once is what it would find by asking for every row, and holds at its own moment."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from batch.ledger import Ledger, Owner, RetryOptions, StagedRow, Staging
from batch.ledger.storage.schema import SENT_STATES, State, messages, rows
from batch.ledger.storage.sqlite import SqliteFile
from batch.ledger.storage.staged_tables import staged
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run, Traits

TRAITS = Traits(unique_by=(), region="BR", phone_rule=1, template="saudacao (pt_BR)")
BEGIN = datetime(2026, 11, 3, 12, tzinfo=UTC)
KEYS = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
WRONG = (Finding(Reason.VALUE_MISSING, {"field": "Nome"}),)
ELSEWHERE = (Finding(Reason.NOTE_LANDLINE, {"found": "1"}),)
unhurried = settings(deadline=None, max_examples=30)


@dataclass(frozen=True)
class Row:
    """What a staged row is before it is judged."""

    key: str | None
    kind: str
    """good, wrong, or stands."""


a_row = st.builds(Row, st.sampled_from((*KEYS, None)), st.sampled_from(("good", "good", "wrong", "stands")))
a_state = st.sampled_from((None, *State))
a_known_state = st.sampled_from(list(State))
judgings = st.builds(RetryOptions, retry_errors=st.booleans(), resend_unknown=st.booleans())


def _staged(row: int, each: Row) -> StagedRow:
    base: dict[str, Any] = {
        "row": row,
        "key": each.key,
        "person": f"+55119{ord(each.key[0]):08d}" if each.key else None,
    }
    if each.kind == "stands" and each.key:
        return StagedRow(**base, outcome=Outcome.SKIPPED, findings=ELSEWHERE, stands=True)
    if each.kind == "good" and each.key:
        return StagedRow(**base, sender="s", payload="{}", request_hash="new")
    return StagedRow(**base, outcome=Outcome.ERROR, findings=WRONG)


def _run(name: str) -> Run:
    return Run(run=name, campaign="c", endpoint="e", sheet_path="s", sheet_sha256="0", version="0", started=BEGIN)


def _plan(staging: Staging, name: str) -> None:
    staging.plan(_run(name), Owner.here(name), TRAITS)


def _sent_before(ledger: Ledger, states: dict[str, State | None]) -> None:
    """The ledger has messages in these states; None: it has none of that key."""
    with ledger.stage() as staging:
        good = {key: state for key, state in states.items() if state is not None}
        staging.add(_staged(row, Row(key, "good")) for row, key in enumerate(good, start=1))
        staging.judge()
        _plan(staging, "r0")
    for key, state in good.items():
        _set(ledger, key, state)


def _set(ledger: Ledger, key: str, state: State) -> None:
    payload = "{}" if state in (State.PENDING, State.CLAIMED) else None
    values = {"state": state.value, "payload": payload, "request_hash": "old"}
    with ledger._engine.begin() as connection:
        connection.execute(update(messages).where(messages.c.key == key).values(values))


def _expected(sheet: list[Row], states: dict[str, State | None]) -> dict[int, tuple[str | None, int | None]]:
    """Outcome and `duplicate_of` of each row, one row after the other."""
    found: dict[int, tuple[str | None, int | None]] = {}
    placed = [(number, each, _staged(number, each)) for number, each in enumerate(sheet, start=1)]
    for number, each, row in placed:
        outcome = row.outcome.value if row.outcome else None
        found[number] = outcome, None
        if each.key is None:
            continue
        same = [(other, of) for other, given, of in placed if given.key == each.key]
        sent = states[each.key] is not None and str(states[each.key]) in SENT_STATES
        stands = [other for other, of in same if of.stands] or [other for other, of in same if of.outcome is None]
        stands = stands or ([other for other, _ in same] if sent else [])
        if not stands:
            continue
        if stands[0] == number:
            found[number] = None if sent else outcome, None
        elif outcome is None:
            found[number] = Outcome.SKIPPED.value, stands[0]
    return found


@contextmanager
def _on_disk() -> Iterator[Ledger]:
    with tempfile.TemporaryDirectory() as folder, Ledger.open(f"sqlite:///{Path(folder) / 'ledger.sqlite3'}") as ledger:
        yield ledger


@unhurried
@given(st.lists(a_row, min_size=1, max_size=8), st.fixed_dictionaries(dict.fromkeys(KEYS, a_state)))
def test_the_first_row_that_may_stand_for_its_key_does(sheet: list[Row], states: dict[str, State | None]) -> None:
    """By search for keys of several rows, without one for all others: what one row after the other comes to."""
    with _on_disk() as ledger:
        _sent_before(ledger, states)
        with ledger.stage() as staging:
            staging.add(_staged(number, each) for number, each in enumerate(sheet, start=1))
            staging.judge()
            judged = staging._connection.execute(select(staged.c.row, staged.c.outcome, staged.c.duplicate_of)).all()
    assert {row: (outcome, twin) for row, outcome, twin in judged} == _expected(sheet, states)


def _planned(
    retries: RetryOptions, at_judging: dict[str, State | None], at_plan: dict[str, State | None]
) -> tuple[list[tuple[str, str, str | None]], list[str]]:
    """The messages as they are after a plan of good rows, and the keys to be sent."""
    with _on_disk() as ledger:
        _sent_before(ledger, at_judging)
        with ledger.stage(retries) as staging:
            staging.add(_staged(row, Row(key, "good")) for row, key in enumerate(KEYS, start=1))
            staging.judge()
            for key, state in at_plan.items():
                if state is not None and at_judging[key] is not state:
                    _set(ledger, key, state)
            _plan(staging, "r1")
        columns = (messages.c.key, messages.c.state, messages.c.payload)
        with ledger._engine.begin() as connection:
            kept = [tuple(each) for each in connection.execute(select(*columns).order_by(messages.c.key))]
            assert len(connection.execute(select(rows.c.row).where(rows.c.run == "r1")).all()) == len(KEYS)
        with (
            ledger.open_queue(Owner.here("r1"), endpoint="e") as sending,
            Ledger.open(f"sqlite:///{ledger.location}") as another,
        ):
            jobs = list(sending.jobs())
            with another.open_queue(Owner.here("r1"), endpoint="e") as found:
                assert jobs == list(found.jobs()), "what was planned is what is found to be sent"
            return kept, [job.key for job in jobs]


@settings(deadline=None, max_examples=15)
@given(
    judgings, st.lists(st.tuples(st.sampled_from(list(State)), st.sampled_from(list(State))), min_size=4, max_size=4)
)
def test_a_plan_goes_by_the_ledger_as_it_is_then(retries: RetryOptions, changes: list[tuple[State, State]]) -> None:
    """Whatever becomes of messages after the sheet was judged: the plan is that of a sheet judged after it."""
    before: dict[str, State | None] = {key: first for key, (first, _) in zip(KEYS, changes, strict=True)}
    then: dict[str, State | None] = {key: last for key, (_, last) in zip(KEYS, changes, strict=True)}
    assert _planned(retries, before, then) == _planned(retries, then, then)


@settings(deadline=None, max_examples=15)
@given(judgings, st.lists(st.tuples(a_state, st.sampled_from(SENT_STATES)), min_size=4, max_size=4))
def test_notes_that_are_wrong_send_nobody(retries: RetryOptions, changes: list[tuple[State | None, str]]) -> None:
    """Were it not noticed that a message was sent meanwhile, the plan would still not make it pending."""
    with pytest.MonkeyPatch.context() as patch, _on_disk() as ledger:
        patch.setattr(SqliteFile, "read_data_version", lambda _self, _connection: (1, 1))
        sent = {key: State(state) for key, (_, state) in zip(KEYS, changes, strict=True)}
        _sent_before(ledger, {key: first for key, (first, _) in zip(KEYS, changes, strict=True)})
        with ledger.stage(retries) as staging:
            staging.add(_staged(row, Row(key, "good")) for row, key in enumerate(KEYS, start=1))
            staging.judge()
            new = [key for key, (first, _) in zip(KEYS, changes, strict=True) if first is None]
            with ledger.stage() as other:
                other.add(_staged(row, Row(key, "good")) for row, key in enumerate(new, start=1))
                other.judge()
                _plan(other, "r2")
            changed = {key for key, (first, state) in zip(KEYS, changes, strict=True) if first != state}
            for key in changed:
                _set(ledger, key, sent[key])
            _plan(staging, "r1")
        with ledger._engine.begin() as connection:
            states = dict(connection.execute(select(messages.c.key, messages.c.state)).all())
        assert {key: states[key] for key in changed} == {key: sent[key].value for key in changed}
