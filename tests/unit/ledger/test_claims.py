"""The suppression list at the plan and at the claim: nobody on it is messaged. And a write of it that fails midway."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from refusals import refusing
from sqlalchemy import select

from batch.errors import LedgerFailed
from batch.ledger import Ledger, Owner, RetryOptions, StagedRow, SuppressionEntry
from batch.ledger.storage.schema import messages
from batch.model.messages import message_key
from batch.model.outcomes import Outcome
from batch.model.phrases import Phrase
from batch.model.reasons import ROW_OF_SHEET, Finding, Reason
from batch.model.runs import Result, Run, Traits
from batch.model.verdicts import ChatSigns, ClaimRefusal, Verdict

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
ENDPOINT, ELSEWHERE, HERE = "https://api.wegly.com.br", "https://api.example", "http://127.0.0.1:9"
TRAITS = Traits(unique_by=(), region="BR", phone_rule=1, template="saudacao (pt_BR)")
ANA, BIA = "+5511988887001", "+5511988887002"
CHAT = ChatSigns(chat_id="chat-1", chat_status="OPEN")
ACCEPTED = Verdict(outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), http_status=200, signs=CHAT)
LOST = Verdict(outcome=Outcome.UNKNOWN, finding=Finding(Reason.ANSWER_LOST))
FAILED = Verdict(outcome=Outcome.ERROR, finding=Finding(Reason.API_REFUSED), http_status=400)
STOPPED = Verdict(outcome=Outcome.ERROR, finding=Finding(Reason.OPTED_OUT, {"code": "131050"}), http_status=400)


def listed(person: str, source: str = "by hand") -> SuppressionEntry:
    return SuppressionEntry(person=person, reason="asked for it", source=source, added=NOW)


def out_of_column(row: int) -> Finding:
    """The sheet's own opt-out column leaves the person out."""
    return Finding(Reason.SUPPRESSED, {"where": Phrase(ROW_OF_SHEET, {"row": str(row)})})


def good(
    row: int, person: str, *, campaign: str = "teste", endpoint: str = ENDPOINT, opted_out: bool = False
) -> StagedRow:
    """A row that may be sent."""
    key = message_key(endpoint=endpoint, campaign=campaign, person=person)
    left_out = out_of_column(row) if opted_out else None
    return StagedRow(row=row, key=key, person=person, payload="{}", request_hash=person, sender="s1", left_out=left_out)


def wrong(row: int, person: str, outcome: Outcome, reason: Reason) -> StagedRow:
    """A row that is left out by itself, and says that its person wants nothing."""
    key = message_key(endpoint=ENDPOINT, campaign="teste", person=person)
    findings = (Finding(reason, {"field": "Nome", "column": "Nome"}),)
    return StagedRow(row=row, key=key, person=person, outcome=outcome, findings=findings, left_out=out_of_column(row))


def plan(
    ledger: Ledger,
    name: str,
    rows: Iterable[StagedRow],
    *,
    retries: RetryOptions | None = None,
    campaign: str = "teste",
    endpoint: str = ENDPOINT,
) -> None:
    run = Run(
        run=name,
        campaign=campaign,
        endpoint=endpoint,
        sheet_path="/sheets/contatos.csv",
        sheet_sha256="0" * 64,
        version="0",
        started=NOW,
    )
    with ledger.stage(retries or RetryOptions()) as staging:
        staging.add(rows)
        staging.judge(endpoint=endpoint)
        staging.plan(run, Owner.here(name), TRAITS)


def send(ledger: Ledger, name: str, verdict: Verdict = ACCEPTED) -> list[ClaimRefusal | int]:
    """What each waiting message came to: the row that was posted, or the refusal of its claim."""

    async def work() -> list[ClaimRefusal | int]:
        done: list[ClaimRefusal | int] = []
        with ledger.open_queue(Owner.here(name), endpoint=ENDPOINT) as sending:
            for job in sending.jobs():
                held = await sending.claim(job, NOW)
                assert held is not None
                if isinstance(held, ClaimRefusal):
                    done.append(held)
                    continue
                await sending.record(held, verdict, duration_ms=5)
                done.append(job.row)
        return done

    return asyncio.run(work())


def results(ledger: Ledger, name: str) -> dict[int, Result]:
    return {result.row: result for result in ledger.results(name)}


def shown(ledger: Ledger, name: str) -> dict[int, tuple[str, str]]:
    """Outcome and reason of each row, as the report has them."""
    return {row: (result.outcome.value, result.reason) for row, result in results(ledger, name).items()}


SKIPPED = ("skipped", "suppressed")


def test_the_plan_leaves_out_who_is_on_the_list(ledger: Ledger) -> None:
    """And says who put the person there."""
    ledger.suppression.add([listed(ANA, source="bloqueio.csv")])
    plan(ledger, "r1", [good(2, ANA), good(3, BIA)])
    assert send(ledger, "r1") == [3]
    assert shown(ledger, "r1") == {2: SKIPPED, 3: ("success", "created")}
    assert results(ledger, "r1")[2].findings[0].values == {"where": "bloqueio.csv"}


def test_who_is_added_after_the_plan_is_left_out_at_the_claim(ledger: Ledger) -> None:
    """Consent was withdrawn in between: nothing is posted, and the row is skipped in the report, not pending."""
    plan(ledger, "r1", [good(2, ANA), good(3, BIA)])
    ledger.suppression.add([listed(ANA, source="ticket 7")])
    refused, sent = send(ledger, "r1")
    assert isinstance(refused, ClaimRefusal)
    assert (refused.outcome, refused.finding) == (Outcome.SKIPPED, Finding(Reason.SUPPRESSED, {"where": "ticket 7"}))
    assert sent == 3
    assert shown(ledger, "r1") == {2: SKIPPED, 3: ("success", "created")}
    assert results(ledger, "r1")[2].attempts == 0


def test_who_is_taken_off_again_is_sent_to(ledger: Ledger) -> None:
    """Skipped at the claim is not forever: a later run goes by the list as it is then."""
    plan(ledger, "r1", [good(2, ANA)])
    ledger.suppression.add([listed(ANA)])
    send(ledger, "r1")
    plan(ledger, "r2", [good(2, ANA)])
    assert (send(ledger, "r2"), shown(ledger, "r2")) == ([], {2: SKIPPED})
    ledger.suppression.remove([ANA], NOW)
    plan(ledger, "r3", [good(2, ANA)])
    assert send(ledger, "r3") == [2]


@pytest.mark.parametrize("added", ["before the plan", "after the plan"])
@pytest.mark.parametrize(
    ("verdict", "retries", "said"),
    [
        (LOST, RetryOptions(resend_unknown=True), ("unknown", "answer_lost")),
        (FAILED, RetryOptions(retry_errors=True), ("error", "api_refused")),
    ],
)
def test_what_was_chosen_to_be_tried_again_is_not_tried(
    ledger: Ledger, verdict: Verdict, retries: RetryOptions, said: tuple[str, str], added: str
) -> None:
    """Unknown stays unknown with --resend-unknown, before the plan and after it: it may have been sent all the same."""
    early = added == "before the plan"
    plan(ledger, "r1", [good(2, ANA)])
    send(ledger, "r1", verdict)
    if early:
        ledger.suppression.add([listed(ANA)])
    plan(ledger, "r2", [good(2, ANA)], retries=retries)
    if not early:
        ledger.suppression.add([listed(ANA)])
    done = send(ledger, "r2")
    assert not [each for each in done if not isinstance(each, ClaimRefusal)]
    with ledger._engine.connect() as connection:
        assert connection.execute(select(messages.c.state)).scalars().all() == [verdict.outcome.value]
    assert shown(ledger, "r2") == {2: SKIPPED if early and verdict is FAILED else said}
    assert results(ledger, "r1")[2].attempts == 1


@pytest.mark.parametrize("verdict", [ACCEPTED, LOST])
def test_what_was_sent_is_shown_although_the_person_is_listed(ledger: Ledger, verdict: Verdict) -> None:
    """The report tells the truth about the message; the list is about the next one."""
    plan(ledger, "r1", [good(2, ANA)])
    send(ledger, "r1", verdict)
    before = shown(ledger, "r1")
    ledger.suppression.add([listed(ANA)])
    plan(ledger, "r2", [good(2, ANA)])
    assert (send(ledger, "r2"), shown(ledger, "r2")) == ([], before)


def test_the_id_of_the_message_is_kept_as_the_answer_shows_it(ledger: Ledger) -> None:
    """With its first status; an answer that shows none leaves neither."""
    shown = replace(CHAT, message_id="m-1", message_status="processing")
    for name, signs in (("r1", shown), ("r2", CHAT)):
        plan(ledger, name, [good(2, ANA if name == "r1" else BIA)])
        send(ledger, name, replace(ACCEPTED, signs=signs))
    query = "SELECT message_id, message_status FROM messages ORDER BY person"
    with ledger._engine.connect() as connection:
        assert connection.exec_driver_sql(query).fetchall() == [("m-1", "processing"), (None, None)]


def test_whatsapps_131050_counts_for_every_campaign_and_endpoint(ledger: Ledger) -> None:
    """The answer adds the person by itself, with the run that heard it; its own row stays the error that it was."""
    plan(ledger, "r1", [good(2, ANA)])
    assert send(ledger, "r1", STOPPED) == [2]
    assert shown(ledger, "r1") == {2: ("error", "opted_out")}
    found = ledger.suppression.find(ANA)
    assert found == SuppressionEntry(
        person=ANA,
        reason=Phrase("stopped marketing messages ({code})", {"code": "131050"}),
        source=Phrase("WhatsApp, run {run}", {"run": "r1"}),
        added=NOW,
    )
    for name, campaign, endpoint in (("r2", "outra", ENDPOINT), ("r3", "teste", ELSEWHERE)):
        rows = [good(2, ANA, campaign=campaign, endpoint=endpoint), good(3, BIA, campaign=campaign, endpoint=endpoint)]
        plan(ledger, name, rows, campaign=campaign, endpoint=endpoint)
        assert send(ledger, name) == [3]
        assert shown(ledger, name)[2] == SKIPPED


def test_131050_of_a_rehearsal_counts_at_its_address_only(ledger: Ledger) -> None:
    """An address of this machine silences nobody for the real one, whose own answer counts everywhere then."""
    plan(ledger, "r1", [good(2, ANA, endpoint=HERE)], endpoint=HERE)
    assert send(ledger, "r1", STOPPED) == [2]
    plan(ledger, "r2", [good(2, ANA, endpoint=HERE, campaign="outra")], campaign="outra", endpoint=HERE)
    assert (send(ledger, "r2"), shown(ledger, "r2")) == ([], {2: SKIPPED})
    plan(ledger, "r3", [good(2, ANA)])
    assert send(ledger, "r3", STOPPED) == [2]
    assert {entry.endpoint for entry in ledger.suppression.entries()} == {"", HERE}
    assert ledger.suppression.count() == 1


def test_a_claim_asks_for_entries_of_its_own_address(ledger: Ledger) -> None:
    """Also when they come between the plan and the claim."""
    for name, endpoint in (("here", HERE), ("there", ENDPOINT)):
        plan(ledger, name, [good(2, ANA, endpoint=endpoint)], endpoint=endpoint)
    ledger.suppression.add([replace(listed(ANA), endpoint=HERE)])
    (refusal,) = send(ledger, "here")
    assert isinstance(refusal, ClaimRefusal)
    assert (refusal.finding.reason, send(ledger, "there")) == (Reason.SUPPRESSED, [2])


def test_131050_keeps_the_first_note(ledger: Ledger) -> None:
    """Who asked by mail while the message was on its way is noted as having asked by mail."""
    plan(ledger, "r1", [good(2, ANA)])

    async def work() -> None:
        with ledger.open_queue(Owner.here("r1"), endpoint=ENDPOINT) as sending:
            (job,) = sending.jobs()
            held = await sending.claim(job, NOW)
            assert held is not None
            assert not isinstance(held, ClaimRefusal)
            ledger.suppression.add([listed(ANA, source="mail")])
            await sending.record(held, STOPPED, duration_ms=5)

    asyncio.run(work())
    assert ledger.suppression.find(ANA) == listed(ANA, source="mail")


@pytest.mark.parametrize(
    "saying",
    [
        good(9, ANA, opted_out=True),
        wrong(9, ANA, Outcome.ERROR, Reason.VALUE_MISSING),
        wrong(9, ANA, Outcome.SKIPPED, Reason.HIDDEN_ROW),
    ],
    ids=["good", "wrong", "hidden"],
)
def test_a_yes_anywhere_in_the_sheet_counts_for_all_rows_of_the_person(ledger: Ledger, saying: StagedRow) -> None:
    """Also below them, in a row that is wrong, or in a hidden one; which keep the reasons they had."""
    plan(ledger, "r1", [good(2, ANA), good(3, BIA), good(4, ANA), saying])
    assert send(ledger, "r1") == [3]
    found = shown(ledger, "r1")
    assert (found[2], found[4]) == (SKIPPED, SKIPPED)
    own = (saying.outcome.value, saying.findings[0].reason.value) if saying.outcome else SKIPPED
    assert found[9] == own
    assert results(ledger, "r1")[2].findings[0].values == {"where": Phrase("row {row} of the sheet", {"row": "9"})}


def test_the_sheets_own_yes_is_of_that_sheet(ledger: Ledger) -> None:
    """It does not enter the ledger's list: the next sheet may say otherwise."""
    plan(ledger, "r1", [good(2, ANA, opted_out=True)])
    assert ledger.suppression.count() == 0
    plan(ledger, "r2", [good(2, ANA)])
    assert send(ledger, "r2") == [2]


def test_what_a_person_types_is_added_all_or_none(ledger: Ledger) -> None:
    """When the second of two cannot be written, the first is not on the list either."""
    with refusing(ledger, "INSERT", BIA), pytest.raises(LedgerFailed):
        ledger.suppression.add([listed(ANA), listed(BIA)])
    assert list(ledger.suppression.entries()) == []


def test_a_long_list_that_fails_midway_can_be_added_again(ledger: Ledger) -> None:
    """It goes in steps of a thousand: those before stay, and doing it again adds the rest, with nothing twice."""
    everyone = [listed(f"+55119{number:08d}") for number in range(2500)]
    with refusing(ledger, "INSERT", everyone[2400].person), pytest.raises(LedgerFailed, match="do it again"):
        ledger.suppression.add(everyone)
    assert ledger.suppression.count() == 2000
    assert ledger.suppression.add(everyone) == 500
    assert ledger.suppression.count() == 2500


def test_removing_is_all_or_none_however_many(ledger: Ledger) -> None:
    """Over several statements too."""
    everyone = [listed(f"+55119{number:08d}") for number in range(2500)]
    ledger.suppression.add(everyone)
    with (
        refusing(ledger, "DELETE", everyone[2400].person),
        pytest.raises(LedgerFailed, match="Nobody was taken off it"),
    ):
        ledger.suppression.remove((each.person for each in everyone), NOW)
    assert ledger.suppression.count() == 2500
