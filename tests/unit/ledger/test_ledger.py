"""The ledger's rules: plan, claim, release, record, and what a later run sees."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rights import is_private
from sqlalchemy import inspect, select

from batch.errors import Busy, LedgerFailed, LedgerUnusable
from batch.ledger import Ledger, Owner, RetryOptions, StagedRow, State
from batch.ledger.send.claims import Claim
from batch.ledger.storage.engine import READ
from batch.ledger.storage.schema import messages, metadata
from batch.ledger.storage.sqlite import open_file
from batch.model.contact_limits import DAY, ContactLimits
from batch.model.messages import message_key
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result, Run, Traits, count_outcomes
from batch.model.verdicts import ChatSigns, ClaimRefusal, Verdict

NOW = datetime(2026, 11, 3, 12, 0, 0, 123456, tzinfo=UTC)
ENDPOINT = "http://127.0.0.1:9"
TRAITS = Traits(unique_by=(), region="BR", phone_rule=1, template="saudacao (pt_BR)")
ACCEPTED = Verdict(
    outcome=Outcome.SUCCESS,
    finding=Finding(Reason.CREATED),
    http_status=200,
    signs=ChatSigns(chat_id="chat-1", chat_status="OPEN"),
)


def good(row: int, person: str = "", **more: object) -> StagedRow:
    """A row that may be sent, to a person of its own unless one is named."""
    person = person or f"+55119000{row:05d}"
    key = message_key(endpoint=ENDPOINT, campaign="teste", person=person)
    values: dict[str, object] = {"payload": f'{{"row":{row}}}', "request_hash": f"hash-{row}", "sender": "s1"}
    return StagedRow(row=row, key=key, person=person, **(values | more))  # type: ignore[arg-type]


def bad(row: int, person: str | None = None) -> StagedRow:
    """A row in error; its person is known when named."""
    key = message_key(endpoint=ENDPOINT, campaign="teste", person=person) if person else None
    finding = Finding(Reason.VALUE_MISSING, {"field": "Nome"})
    return StagedRow(row=row, key=key, person=person, outcome=Outcome.ERROR, findings=(finding,))


def run_named(name: str) -> Run:
    return Run(
        run=name,
        campaign="Teste",
        endpoint=ENDPOINT,
        sheet_path="/sheets/contatos.xlsx",
        sheet_sha256="0" * 64,
        version="0",
        started=NOW,
    )


def plan(ledger: Ledger, run: str, rows: Iterable[StagedRow], *, retry_errors: bool = False) -> int:
    with ledger.stage(RetryOptions(retry_errors=retry_errors)) as staging:
        staging.add(rows)
        staging.judge()
        return staging.plan(run_named(run), Owner.here(run), TRAITS)


def send(ledger: Ledger, run: str, verdict: Callable[[int], Verdict] = lambda _: ACCEPTED) -> list[int]:
    """Claim and record every waiting message of a run; returns the rows it claimed."""

    async def work() -> list[int]:
        sent = []
        with ledger.open_queue(Owner.here(run), endpoint=ENDPOINT) as sending:
            for job in sending.jobs():
                held = await sending.claim(job, NOW)
                assert held is not None
                await sending.record(held, verdict(job.row), duration_ms=5)
                sent.append(job.row)
        return sent

    return asyncio.run(work())


def outcomes(ledger: Ledger, run: str) -> dict[int, Outcome]:
    return {result.row: result.outcome for result in ledger.results(run)}


def by_row(ledger: Ledger, run: str) -> dict[int, Result]:
    return {result.row: result for result in ledger.results(run)}


def test_every_row_of_a_plan_has_one_outcome(ledger: Ledger) -> None:
    """Good rows wait, bad rows are errors, the second row of a person is its duplicate."""
    plan(ledger, "r1", [good(2), bad(3), good(4, "+5511900000002")])
    assert outcomes(ledger, "r1") == {2: Outcome.PENDING, 3: Outcome.ERROR, 4: Outcome.SKIPPED}
    duplicate = by_row(ledger, "r1")[4].findings[0]
    assert duplicate == Finding(Reason.DUPLICATE, {"row": "2"})
    assert ledger.tally("r1").rows == 3


def test_the_first_row_without_an_error_stands_for_the_person(ledger: Ledger) -> None:
    """A row in error never takes the place of a good one below it."""
    plan(ledger, "r1", [bad(2, "+5511900000009"), good(3, "+5511900000009"), good(4, "+5511900000009")])
    assert outcomes(ledger, "r1") == {2: Outcome.ERROR, 3: Outcome.PENDING, 4: Outcome.SKIPPED}


def test_what_was_sent_is_shown_and_never_sent_again(ledger: Ledger) -> None:
    """A second run of the same sheet has nothing to do and reports the first one's outcomes, times and run."""
    plan(ledger, "r1", [good(2), good(3)])
    assert send(ledger, "r1") == [2, 3]
    plan(ledger, "r2", [good(5, "+5511900000003"), good(6, "+5511900000002")])
    assert send(ledger, "r2") == []
    result = by_row(ledger, "r2")[6]
    assert (result.outcome, result.run, result.sent_at, result.attempts) == (Outcome.SUCCESS, "r1", NOW, 1)
    assert ledger.tally("r2").this_run.attempts == 0


def test_a_sent_row_that_became_wrong_still_shows_that_it_was_sent(ledger: Ledger) -> None:
    """Truth about the person comes before what is wrong with the cell today."""
    plan(ledger, "r1", [good(2, "+5511900000009")])
    send(ledger, "r1")
    plan(ledger, "r2", [bad(2, "+5511900000009"), bad(3, "+5511900000009")])
    assert outcomes(ledger, "r2") == {2: Outcome.SUCCESS, 3: Outcome.ERROR}


def test_an_error_is_tried_again_only_when_its_request_changed_or_on_demand(ledger: Ledger) -> None:
    """The API's refusal stands until the row changes or --retry-errors asks."""
    refused = Verdict(outcome=Outcome.ERROR, finding=Finding(Reason.API_REFUSED), http_status=400)
    plan(ledger, "r1", [good(2)])
    send(ledger, "r1", lambda _: refused)
    plan(ledger, "r2", [good(2)])
    assert send(ledger, "r2") == []
    assert outcomes(ledger, "r2") == {2: Outcome.ERROR}
    plan(ledger, "r3", [good(2)], retry_errors=True)
    assert ledger.tally("r3").this_run.attempts == 0
    assert send(ledger, "r3", lambda _: refused) == [2]
    assert ledger.tally("r3").this_run.attempts == 1  # not those of r1, though r3 has noted no end
    plan(ledger, "r4", [good(2, request_hash="other")])
    assert send(ledger, "r4") == [2]
    assert by_row(ledger, "r4")[2].attempts == 3


def test_what_was_sent_or_is_unknown_is_never_sent_again(ledger: Ledger) -> None:
    """Not by a changed request, and not by --retry-errors."""
    lost = Verdict(outcome=Outcome.UNKNOWN, finding=Finding(Reason.ANSWER_LOST))
    plan(ledger, "r1", [good(2), good(3)])
    send(ledger, "r1", lambda row: lost if row == 2 else ACCEPTED)
    for run, retry_errors in (("r2", False), ("r3", True)):
        plan(ledger, run, [good(2, request_hash="a"), good(3, request_hash="b")], retry_errors=retry_errors)
        assert send(ledger, run) == []
        assert outcomes(ledger, run) == {2: Outcome.UNKNOWN, 3: Outcome.SUCCESS}


def test_only_one_of_many_claims_wins(ledger: Ledger, ledger_url: str) -> None:
    """Eight processes' worth of writers that know nothing of each other: one claim of a key."""
    plan(ledger, "r1", [good(2)])
    with ledger.open_queue(Owner.here("r1"), endpoint=ENDPOINT) as sending:
        (job,) = sending.jobs()

    def attempt(number: int) -> Claim | ClaimRefusal | None:
        with Ledger.open(ledger_url) as mine:

            async def claim() -> Claim | ClaimRefusal | None:
                with mine.open_queue(Owner(run=f"run-{number}", host="h", pid=number), endpoint=ENDPOINT) as sending:
                    return await sending.claim(job, NOW)

            return asyncio.run(claim())

    with ThreadPoolExecutor(8) as pool:
        won = [held for held in pool.map(attempt, range(8)) if held]
    assert len(won) == 1


def test_a_released_claim_waits_again_and_counts_only_when_the_api_answered(ledger: Ledger) -> None:
    """429 is an attempt; a connection that never came about is none."""
    plan(ledger, "r1", [good(2)])

    async def work() -> None:
        with ledger.open_queue(Owner.here("r1"), endpoint=ENDPOINT) as sending:
            (job,) = sending.jobs()
            held = await sending.claim(job, NOW)
            assert held
            assert await sending.claim(job, NOW) is None
            assert await sending.release(held, Finding(Reason.NOT_CONNECTED))
            held = await sending.claim(job, NOW)
            assert held
            assert held.attempt == 1
            assert await sending.release(held, Finding(Reason.RATE_LIMITED, {"status": "429"}), status=429)
            assert not await sending.release(held, None, status=429)

    asyncio.run(work())
    result = by_row(ledger, "r1")[2]
    assert (result.outcome, result.reason, result.attempts, result.http_status) == (
        Outcome.PENDING,
        "rate_limited",
        1,
        429,
    )


def test_a_chat_that_the_ledger_knows_is_reused(ledger: Ledger) -> None:
    """Evidence (b): the second message into the same chat did not create it."""
    plan(ledger, "r1", [good(2), good(3)])
    send(ledger, "r1")
    assert outcomes(ledger, "r1") == {2: Outcome.SUCCESS, 3: Outcome.REUSED}
    second = by_row(ledger, "r1")[3]
    assert (second.evidence, second.reason) == (Evidence.KNOWN_CHAT, "reused")


def test_open_claims_of_a_dead_run_become_unknown(ledger: Ledger) -> None:
    """Who died in flight may have sent: nobody can know, and nobody sends again."""
    plan(ledger, "r1", [good(2), good(3)])
    _claim_first(ledger, "r1")
    assert outcomes(ledger, "r1") == {2: Outcome.UNKNOWN, 3: Outcome.PENDING}
    assert ledger.settle_dead_claims(endpoint=ENDPOINT, campaign=" TESTE") == 1
    assert by_row(ledger, "r1")[2].findings == (Finding(Reason.RUN_DIED, {"run": "r1"}),)
    plan(ledger, "r2", [good(2), good(3)])
    assert send(ledger, "r2") == [3]


def test_the_owner_who_was_taken_for_dead_may_still_record_the_truth(ledger: Ledger) -> None:
    """`unknown` is corrected by who knows better, not lost."""
    plan(ledger, "r1", [good(2)])
    held = _claim_first(ledger, "r1")
    ledger.settle_dead_claims(endpoint=ENDPOINT, campaign="teste")

    async def late() -> None:
        with ledger.open_queue(Owner.here("r1"), endpoint=ENDPOINT) as sending:
            assert await sending.record(held, ACCEPTED, duration_ms=9)

    asyncio.run(late())
    assert outcomes(ledger, "r1") == {2: Outcome.SUCCESS}


def test_payloads_are_kept_no_longer_than_needed(ledger: Ledger) -> None:
    """After the outcome the values that were sent are no more in the ledger."""
    plan(ledger, "r1", [good(2, payload='{"secret":"Maria da Silva"}')])
    send(ledger, "r1")
    with ledger._engine.connect() as connection:
        assert connection.execute(select(messages.c.payload)).scalars().all() == [None]


def test_a_check_sees_what_a_run_would_do_and_writes_nothing(ledger: Ledger) -> None:
    """RetryOptions without planning leaves the ledger as it was."""
    plan(ledger, "r1", [good(2)])
    send(ledger, "r1")
    with ledger.stage() as staging:
        staging.add([good(2), good(3), bad(4), good(5, "+5511900000003")])
        staging.judge()
        assert len(staging.to_send()) == 1
        assert staging.to_send() == [(3, '{"row":3}')]
        assert staging.count_by_sender() == {"s1": 1}
        assert count_outcomes(staging.tally()) == {
            Outcome.SUCCESS: 1,
            Outcome.REUSED: 0,
            Outcome.ERROR: 1,
            Outcome.UNKNOWN: 0,
            Outcome.SKIPPED: 1,
            Outcome.PENDING: 1,
        }
    assert len(ledger.runs()) == 1


def test_staging_keeps_no_sender_waiting(ledger: Ledger) -> None:
    """A sheet being checked holds no lock that a claim would wait for."""
    plan(ledger, "r1", [good(2)])
    with ledger.stage() as staging:
        staging.add([good(9)])
        staging.judge()
        assert _claim_first(ledger, "r1")


def test_pending_rows_say_why_they_were_not_attempted(ledger: Ledger) -> None:
    """The run's own reason for stopping is the reason of the rows it did not reach."""
    plan(ledger, "r1", [good(2)])
    ledger.finish_run("r1", finished=NOW, attempts=0, achieved_rate=None, pending=Finding(Reason.INTERRUPTED))
    assert by_row(ledger, "r1")[2].reason == "interrupted"


def test_two_runs_cannot_hold_the_same_lock(ledger: Ledger) -> None:
    """The second one is told who has it, and leaves nothing locked behind."""
    first, second = Owner.here("r1"), Owner.here("r2")
    with ledger.hold(["campaign teste", "sender s1"], first):
        with pytest.raises(Busy, match="run r1, process"), ledger.hold(["sender s0", "sender s1"], second):
            pytest.fail("both hold the sender")
        with ledger.hold(["sender s0"], second):
            pass
    with ledger.hold(["campaign teste"], second):
        pass


def test_the_ledger_and_its_folder_are_private(tmp_path: Path) -> None:
    """0700 and 0600, the write-ahead log included."""
    path = tmp_path / "new" / "ledger.sqlite3"
    with Ledger.open(f"sqlite:///{path}") as opened:
        plan(opened, "r1", [good(2)])
        assert is_private(path.parent)
        private = {file.name: is_private(file) for file in path.parent.iterdir() if file.is_file()}
    assert private["ledger.sqlite3-wal"]
    assert all(private.values())


def test_commits_are_fully_durable(tmp_path: Path) -> None:
    """WAL with synchronous=FULL (2), on every connection."""
    engine = open_file(tmp_path / "l.sqlite3")
    with engine.connect() as one, engine.connect() as other:
        for connection in (one.execution_options(**READ), other.execution_options(**READ)):
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    engine.dispose()


def test_a_place_that_cannot_be_a_ledger_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """Another kind of file, a folder, an address that is none, a database of another kind."""
    other = tmp_path / "notes.txt"
    other.write_text("this is no database, whatever its name says " * 40)
    (tmp_path / "folder").mkdir()
    wrong = (f"sqlite:///{other}", f"sqlite:///{tmp_path / 'folder'}", "somewhere", "postgresql://u:p@h/db")
    for url in wrong:
        with pytest.raises(LedgerUnusable) as caught:
            Ledger.open(url)
        assert caught.value.remedy
        assert "p@h" not in str(caught.value)


def test_a_failed_plan_leaves_nothing_behind(ledger: Ledger) -> None:
    """The same run cannot be planned twice; the second try changes no row."""
    plan(ledger, "r1", [good(2)])
    with pytest.raises(LedgerFailed):
        plan(ledger, "r1", [good(3)])
    assert outcomes(ledger, "r1") == {2: Outcome.PENDING}


def test_each_plan_counts_the_ledger_up(ledger: Ledger) -> None:
    """The counter tells an older copy of a ledger from the newest."""
    assert [plan(ledger, f"r{n}", [good(2)]) for n in (1, 2, 3)] == [1, 2, 3]


def test_no_table_is_unknown_to_the_upgrade_path() -> None:
    """A new table needs a new schema version: this list and `SCHEMA_VERSION` change together."""
    assert sorted(metadata.tables) == [
        "campaigns",
        "canaries",
        "corrections",
        "decisions",
        "deliveries",
        "messages",
        "meta",
        "removals",
        "rows",
        "run_senders",
        "runs",
        "suppressed",
    ]


def _jobs(ledger: Ledger, run: str) -> list[str]:
    with ledger.open_queue(Owner.here(run), endpoint=ENDPOINT) as sending:
        return [job.key for job in sending.jobs()]


def _claim_first(ledger: Ledger, run: str) -> Claim:
    async def work() -> Claim:
        with ledger.open_queue(Owner.here(run), endpoint=ENDPOINT) as sending:
            job = next(sending.jobs())
            held = await sending.claim(job, NOW)
            assert held
            return held

    return asyncio.run(work())


def test_the_indexes_by_time_hold_attempted_messages_alone(ledger: Ledger) -> None:
    """Planning a sheet does not pay for them, on whichever database."""
    found = [each for each in inspect(ledger._engine).get_indexes("messages") if each["column_names"][-1] == "sent_at"]
    conditions = [str(value) for each in found for value in each["dialect_options"].values() if "sent_at" in str(value)]
    assert len(found) == 2
    assert [each.strip("()") for each in conditions] == ["sent_at IS NOT NULL"] * 2


def test_only_the_claims_of_one_endpoint_are_settled(ledger: Ledger) -> None:
    """The same campaign may be sending at another: its claim stays open, and is recorded by its owner."""
    plan(ledger, "r1", [good(2)])
    held = _claim_first(ledger, "r1")
    assert ledger.settle_dead_claims(endpoint="http://127.0.0.1:10", campaign="teste") == 0
    assert ledger.settle_dead_claims(endpoint=ENDPOINT, campaign="outra") == 0
    (status,) = ledger.settlements.row_statuses("r1")
    assert status.state is State.CLAIMED

    async def finish() -> None:
        with ledger.open_queue(Owner.here("r1"), endpoint=ENDPOINT) as sending:
            assert await sending.record(held, ACCEPTED, duration_ms=9)

    asyncio.run(finish())
    assert outcomes(ledger, "r1") == {2: Outcome.SUCCESS}


def test_a_claim_that_is_taken_back_is_no_attempt(ledger: Ledger) -> None:
    """Its commit was doubtful: when it had taken effect, the row waits with as many attempts as before."""
    plan(ledger, "r1", [good(2), good(3)])
    held = _claim_first(ledger, "r1")

    async def take_back() -> list[bool]:
        with ledger.open_queue(Owner.here("r2"), endpoint=ENDPOINT) as other:
            found = [await other.withdraw(held.key)]
        with ledger.open_queue(Owner.here("r1"), endpoint=ENDPOINT) as sending:
            return found + [await sending.withdraw(held.key) for _ in range(2)]

    assert asyncio.run(take_back()) == [False, True, False]
    assert by_row(ledger, "r1")[2].attempts == 0
    assert send(ledger, "r1") == [2, 3]
    assert {each.attempts for each in by_row(ledger, "r1").values()} == {1}


def test_a_claim_that_is_given_back_frees_its_place_and_leaves_nothing(ledger: Ledger) -> None:
    """Released or withdrawn: its person no longer counts for the cap, and the row is free."""
    plan(ledger, "r1", [good(2), good(3)])

    async def give_back() -> None:
        with ledger.open_queue(Owner.here("r1"), ContactLimits(per_24h=1), endpoint=ENDPOINT) as sending:
            first, second = sending.jobs()
            held = await sending.claim(first, NOW)
            assert isinstance(held, Claim)
            assert isinstance(await sending.claim(second, NOW), ClaimRefusal)
            assert await sending.release(held, None)
            assert isinstance(await sending.claim(second, NOW), Claim)
            assert await sending.withdraw(second.key)
            assert isinstance(await sending.claim(first, NOW), Claim)
            assert await sending.withdraw(first.key)

    asyncio.run(give_back())
    with ledger._engine.connect() as connection:
        columns = (messages.c.state, messages.c.claim_run, messages.c.claim_host, messages.c.claim_pid)
        assert set(map(tuple, connection.execute(select(*columns)))) == {("pending", None, None, None)}


def test_a_running_process_counts_a_person_from_the_end_of_the_attempt(ledger: Ledger) -> None:
    """A post that took twenty seconds may have gone out at its end."""
    plan(ledger, "r1", [good(2), good(3)])

    async def send_two() -> list[object]:
        with ledger.open_queue(Owner.here("r1"), ContactLimits(per_24h=1), endpoint=ENDPOINT) as sending:
            first, second = sending.jobs()
            held = await sending.claim(first, NOW)
            assert isinstance(held, Claim)
            await sending.record(held, ACCEPTED, duration_ms=20_000, began=NOW)
            return [await sending.claim(second, NOW + DAY + timedelta(seconds=seconds)) for seconds in (20, 21)]

    refused, claimed = asyncio.run(send_two())
    assert isinstance(refused, ClaimRefusal)
    assert isinstance(claimed, Claim)


def test_only_an_open_claim_of_the_message_is_taken_back(ledger: Ledger) -> None:
    """Neither another one of the same run, nor an outcome."""
    plan(ledger, "r1", [good(2), good(3)])

    async def take_back() -> None:
        with ledger.open_queue(Owner.here("r1"), endpoint=ENDPOINT) as sending:
            (first, second) = [await sending.claim(job, NOW) for job in list(sending.jobs())]
            assert isinstance(first, Claim)
            assert isinstance(second, Claim)
            assert await sending.withdraw(first.key)
            assert await sending.record(second, ACCEPTED, duration_ms=9)
            assert not await sending.withdraw(second.key)

    asyncio.run(take_back())
    assert outcomes(ledger, "r1") == {2: Outcome.PENDING, 3: Outcome.SUCCESS}


def test_an_outcome_is_written_once(ledger: Ledger) -> None:
    """A write that took effect although it failed is repeated: it meets itself, and changes nothing."""
    plan(ledger, "r1", [good(2)])
    held = _claim_first(ledger, "r1")
    lost = Verdict(outcome=Outcome.UNKNOWN, finding=Finding(Reason.ANSWER_LOST))

    async def record_and_repeat() -> list[bool]:
        with ledger.open_queue(Owner.here("r1"), endpoint=ENDPOINT) as sending:
            return [await sending.record(held, each, duration_ms=9) is not None for each in (ACCEPTED, ACCEPTED, lost)]

    assert asyncio.run(record_and_repeat()) == [True, False, False]
    assert outcomes(ledger, "r1") == {2: Outcome.SUCCESS}
