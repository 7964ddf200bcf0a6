"""The planning rules: allow list, history, chosen and planned rows, of new messages and of ones that went before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from scripted_api import BEGIN, LOST, REFUSED, TRAITS, Api, World, staged
from sqlalchemy import insert, update

from batch.ledger import History, Owner, RetryOptions, RowSelection, SuppressionEntry
from batch.ledger.storage.schema import deliveries, messages
from batch.model.contact_limits import ContactLimits
from batch.model.outcomes import Outcome
from batch.model.phrases import Phrase
from batch.model.reasons import ROW_OF_SHEET, Finding, Reason
from batch.model.runs import Result, Run
from batch.model.verdicts import Verdict

DAY = timedelta(days=1)
AGAIN = RetryOptions(resend_unknown=True, retry_errors=True)


@dataclass
class Plan:
    """A plan of rows as `World` has them, with what keeps some of them out."""

    world: World
    retries: RetryOptions | None = None
    allowed: Iterable[int] | None = None
    history: History | None = None
    chosen: RowSelection | None = None

    def judge(self, rows: Iterable[int]) -> dict[int, Result]:
        """The rows' results as a run would begin with them; nothing is written."""
        with self.world.ledger.stage(self.retries) as staging:
            staging.add(map(staged, rows))
            if self.allowed is not None:
                staging.allow_only(((staged(row).person or "", "equipe.csv") for row in self.allowed), "equipe.csv")
            staging.judge(self.history, endpoint="e")
            if self.chosen is not None:
                staging.choose(self.chosen)
            self.would_go = [row for row, _ in staging.to_send()]
            return {each.row: each for each in staging.results()}


def sent(world: World, name: str, campaign: str, verdicts: dict[int, Verdict], ago: timedelta) -> None:
    """A run of an hour or so ago: these rows with these verdicts."""
    of = replace(world, name=name)
    run = Run(run=name, campaign=campaign, endpoint="e", sheet_path="s", sheet_sha256="0", version="0", started=BEGIN)
    with world.ledger.stage() as staging:
        staging.add(
            staged(row) if campaign == "c" else staged(row)._replace(key=f"{campaign}{row}") for row in verdicts
        )
        staging.judge(endpoint="e")
        staging.plan(run, Owner.here(name), TRAITS)
    of.send(Api(script={row: [verdict] for row, verdict in verdicts.items()}), begin=BEGIN - ago, rate=100.0)


def accepted() -> Verdict:
    return Verdict(outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), http_status=200)


def test_only_who_is_allowed_would_be_sent_to(world: World) -> None:
    """The others are skipped, with the list's name."""
    plan = Plan(world, allowed=[2])
    found = plan.judge([2, 3])
    assert plan.would_go == [2]
    assert (found[3].outcome, found[3].reason) == (Outcome.SKIPPED, "not_allowed")
    assert found[3].findings[0].values == {"where": "equipe.csv"}
    assert found[2].outcome is Outcome.PENDING


@pytest.mark.parametrize("allowed", [None, [3]])
def test_who_is_not_allowed_is_not_sent_again(world: World, allowed: list[int] | None) -> None:
    """An unknown message to the person stays unknown; without a list it would be sent again."""
    sent(world, "r0", "c", {2: LOST, 3: LOST}, DAY)
    plan = Plan(world, retries=AGAIN, allowed=allowed)
    found = plan.judge([2, 3])
    assert plan.would_go == ([2, 3] if allowed is None else [3])
    assert found[2].outcome is (Outcome.PENDING if allowed is None else Outcome.UNKNOWN)


def test_a_person_of_another_campaign_is_left_out_for_a_while(world: World) -> None:
    """The latest such message is named; the campaign's own, refused ones and older ones keep nobody out."""
    sent(world, "r0", "outra", {2: accepted(), 3: REFUSED}, 2 * DAY)
    sent(world, "r1", "terceira", {2: accepted()}, DAY)
    sent(world, "r2", "c", {4: REFUSED}, DAY)
    sent(world, "r3", "antiga", {5: accepted()}, 8 * DAY)
    history = History(rules=ContactLimits(not_within=7 * DAY), endpoint="e", campaign="c", now=BEGIN)
    plan = Plan(world, retries=AGAIN, history=history)
    found = plan.judge([2, 3, 4, 5])
    assert plan.would_go == [3, 4, 5]
    assert (found[2].outcome, found[2].reason) == (Outcome.SKIPPED, "recently_messaged")
    assert found[2].findings[0].values == {
        "campaign": "terceira",
        "when": "02/11/2026 12:00",
        "within": Phrase("{days:,} days", {"days": 7}),
    }
    for other in (replace(history, endpoint="f"), replace(history, rules=ContactLimits())):
        plan = Plan(world, retries=AGAIN, history=other)
        plan.judge([2, 3, 4, 5])
        assert plan.would_go == [2, 3, 4, 5]


def test_a_row_that_is_wrong_today_shows_what_its_person_got(world: World) -> None:
    """Also where no row is double; one that was never sent stays wrong."""
    sent(world, "r0", "c", {2: accepted(), 3: LOST, 4: REFUSED}, DAY)
    wrong = {"outcome": Outcome.ERROR, "findings": (Finding(Reason.VALUE_MISSING),), "payload": None}
    with world.ledger.stage() as staging:
        staging.add(staged(row)._replace(**wrong) for row in (2, 3, 4, 5))
        staging.judge(endpoint="e")
        found = {each.row: each.outcome for each in staging.results()}
    assert (found[2], found[3], found[5]) == (Outcome.SUCCESS, Outcome.UNKNOWN, Outcome.ERROR)


def test_who_opted_out_in_the_sheet_is_not_sent_an_unknown_message_again(world: World) -> None:
    """Its own column leaves the person out, whatever was chosen to be sent again."""
    sent(world, "r0", "c", {2: LOST, 3: LOST}, DAY)
    left_out = Finding(Reason.SUPPRESSED, {"where": Phrase(ROW_OF_SHEET, {"row": "2"})})
    with world.ledger.stage(AGAIN) as staging:
        staging.add([staged(2)._replace(left_out=left_out), staged(3)])
        staging.judge(endpoint="e")
        assert [row for row, _ in staging.to_send()] == [3]
        assert [each.outcome for each in staging.results()] == [Outcome.UNKNOWN, Outcome.PENDING]


def test_the_campaign_that_most_people_know_is_counted(world: World) -> None:
    """By people of rows that would go, since a moment, here; none where this campaign has messages itself."""
    sent(world, "r0", "antiga", {row: accepted() for row in (2, 3, 4)}, 8 * DAY)
    sent(world, "r1", "outra", {2: accepted()}, DAY)
    sent(world, "r2", "terceira", {2: accepted(), 3: LOST, 4: REFUSED}, DAY)
    history = History(rules=ContactLimits(), endpoint="e", campaign="nova", now=BEGIN)

    def counted(history: History, rows: Iterable[int] = (2, 3, 4), days: int = 2) -> tuple[str, int] | None:
        with world.ledger.stage() as staging:
            staging.add(staged(row)._replace(key=f"nova{row}") for row in rows)
            wrong = {"outcome": Outcome.ERROR, "findings": (Finding(Reason.VALUE_MISSING),), "payload": None}
            staging.add(staged(row)._replace(row=row + 90, key=f"wrong{row}", **wrong) for row in (2, 3, 4))
            staging.judge(endpoint="e")
            return staging.count_recent_contacts(history, BEGIN - days * DAY)

    assert counted(history) == ("terceira", 2)
    assert counted(history, rows=[2, 9]) in {("outra", 1), ("terceira", 1)}
    assert counted(history, days=9) == ("antiga", 3)
    assert counted(history, rows=[8, 9]) is None
    assert counted(replace(history, endpoint="f")) is None
    assert counted(replace(history, campaign="Antiga")) is None
    with world.ledger._engine.begin() as connection:  # its own messages at another address make nobody known here
        connection.execute(update(messages).where(messages.c.campaign == "antiga").values(endpoint="f"))
    assert counted(replace(history, campaign="Antiga")) == ("terceira", 2)


def test_an_unknown_message_stays_so_beside_another_campaigns(world: World) -> None:
    """It is not sent again, and not said to be left out: it may have arrived."""
    sent(world, "r0", "c", {2: LOST, 3: LOST}, DAY)
    sent(world, "r1", "outra", {2: accepted()}, DAY - timedelta(hours=1))
    history = History(rules=ContactLimits(not_within=7 * DAY), endpoint="e", campaign="c", now=BEGIN)
    plan = Plan(world, retries=AGAIN, history=history)
    found = plan.judge([2, 3])
    assert plan.would_go == [3]
    assert found[2].outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("chosen", "go", "reason"),
    [
        (RowSelection(ranges=((3, 4), (6, 6))), [3, 4, 6], "not_chosen"),
        (RowSelection(planned={2: "2", 4: "changed", 8: "4", 9: "9"}), [2], "not_planned"),
        (RowSelection(ranges=((2, 3),), planned={3: "3", 4: "4"}), [3], None),
        (RowSelection(), [2, 3, 4, 5, 6], None),
    ],
)
def test_rows_that_were_not_chosen_wait(world: World, chosen: RowSelection, go: list[int], reason: str | None) -> None:
    """With their reason; a planned row whose request has changed since is none."""
    plan = Plan(world, chosen=chosen)
    found = plan.judge(range(2, 7))
    assert plan.would_go == go
    assert {each.outcome for each in found.values()} == {Outcome.PENDING}
    if reason is not None:
        assert {row for row, each in found.items() if each.reason == reason} == set(range(2, 7)) - set(go)


@pytest.mark.parametrize(
    ("retries", "go"),
    [
        (RetryOptions(), []),
        (RetryOptions(retry_errors=True), [3]),
        (RetryOptions(resend_unknown=True), [2]),
        (AGAIN, [2, 3]),
    ],
)
def test_what_went_before_goes_again_by_choice_alone(world: World, retries: RetryOptions, go: list[int]) -> None:
    """Unknown and error each by its own option; what was accepted by none."""
    sent(world, "r0", "c", {2: LOST, 3: REFUSED, 4: accepted()}, DAY)
    plan = Plan(world, retries=retries)
    plan.judge([2, 3, 4])
    assert plan.would_go == go


@dataclass(frozen=True, kw_only=True)
class Past:
    """A row's message, which the API accepted, and what a look has shown of it."""

    code: int | None = 131049
    state: str = "failed"
    goes: bool = False
    """If it is to be sent once more."""
    at: datetime = BEGIN - 2 * DAY
    sender: str = "s1"
    person: str | None = None
    message: Mapping[str, Any] = field(default_factory=dict)
    """What else stands in the message."""


PAUSED = 132015
PASTS = {
    2: Past(goes=True),
    3: Past(code=131000, goes=True),
    4: Past(code=131026),
    5: Past(code=None),
    6: Past(state="delivered"),
    7: Past(at=BEGIN - DAY, goes=True),
    8: Past(at=BEGIN - DAY + timedelta(microseconds=1)),
    9: Past(message={"attempts": 2}),
    10: Past(message={"trial": True}),
    11: Past(message={"state": "unknown"}),
    12: Past(message={"state": "reused"}, goes=True),
    # Of a person with two failed messages only the first is replaced.
    13: Past(person="+5511988880001", goes=True),
    14: Past(person="+5511988880001"),
    # A message was replaced before, or another of this person was.
    15: Past(),
    16: Past(message={"retry_of": "key of row 15"}, state="sent", person="+5511988880002"),
    17: Past(person="+5511988880003"),
    18: Past(message={"retry_of": "some key"}, state="sent", person="+5511988880003"),
    # The replacement of another campaign, or at another address, is none.
    19: Past(person="+5511988880004", goes=True),
    20: Past(message={"retry_of": "some key", "campaign": "d"}, state="sent", person="+5511988880004"),
    21: Past(person="+5511988880005", goes=True),
    22: Past(message={"retry_of": "some key", "endpoint": "f"}, state="sent", person="+5511988880005"),
    # A paused template is back once a later message of its sender was sent on.
    23: Past(code=PAUSED, sender="back", goes=True),
    24: Past(state="sent", sender="back", at=BEGIN - DAY),
    25: Past(code=PAUSED, sender="earlier"),
    26: Past(state="sent", sender="earlier", at=BEGIN - 3 * DAY),
    27: Past(code=PAUSED, sender="failing"),
    28: Past(code=PAUSED, sender="failing", at=BEGIN - 1.5 * DAY),
    29: Past(code=PAUSED, sender="alone"),
    30: Past(code=PAUSED, sender="of another"),
    31: Past(state="sent", sender="of another", at=BEGIN - DAY, message={"campaign": "d"}),
    32: Past(code=PAUSED, sender="elsewhere"),
    33: Past(state="read", sender="elsewhere", at=BEGIN - DAY, message={"endpoint": "f"}),
    34: Past(code=PAUSED, sender="looked at before"),
    35: Past(state="sent", sender="looked at before", at=BEGIN - DAY, message={"attempts": 2}),
    36: Past(code=PAUSED, sender="at once"),
    37: Past(state="sent", sender="at once"),
    38: Past(code=131026, sender="back"),
    # A replacement that came to nothing was one.
    39: Past(),
    40: Past(message={"retry_of": "key of row 39", "state": "error"}),
    # A row that is wrong now stands for nobody.
    41: Past(person="+5511988880006"),
    42: Past(person="+5511988880006", goes=True),
}
WRONG = 41


def test_which_failed_messages_are_sent_once_more(world: World) -> None:
    """By choice alone: those that time may mend, a day later, one for each person, and never after another was."""
    rows = {row: staged(row, person=past.person, sender=past.sender) for row, past in PASTS.items()}
    world.plan(rows.values())
    with world.ledger._engine.begin() as connection:
        for row, past in PASTS.items():
            values = {"state": "success", "attempts": 1, "sent_at": past.at, **past.message}
            if (of := str(values.get("retry_of", ""))).startswith("key of row"):
                values["retry_of"] = rows[int(of.rsplit(maxsplit=1)[-1])].key
            connection.execute(update(messages).where(messages.c.key == rows[row].key).values(values))
            look = {
                "key": rows[row].key,
                "attempts": 1,
                "state": past.state,
                "code": past.code,
                "looks": 1,
                "words": "",
            }
            shown = {"seen_at": past.at, "looked_at": past.at, "reply_tied": False, "reply_undecided": False}
            connection.execute(insert(deliveries).values(look | shown))
    wrong = {"outcome": Outcome.ERROR, "findings": (Finding(Reason.VALUE_MISSING),), "payload": None}
    rows[WRONG] = rows[WRONG]._replace(**wrong)
    history = History(rules=ContactLimits(), endpoint="e", campaign="c", now=BEGIN)
    for retries, go in (
        (RetryOptions(retry_undelivered=True), [row for row, past in PASTS.items() if past.goes]),
        (RetryOptions(), []),
    ):
        with world.ledger.stage(retries) as staging:
            staging.add(rows.values())
            staging.judge(history, endpoint="e")
            assert [row for row, _ in staging.to_send()] == go


def test_no_failed_message_is_sent_again_to_who_is_left_out(world: World) -> None:
    """Suppressed or not allowed; the row shows its message as it is, and so does one that is not chosen."""
    rows = [staged(row) for row in (2, 3, 4)]
    world.plan(rows)
    with world.ledger._engine.begin() as connection:
        connection.execute(update(messages).values(state="success", attempts=1, sent_at=BEGIN - 2 * DAY))
        shown = {"seen_at": BEGIN, "looked_at": BEGIN, "reply_tied": False, "reply_undecided": False}
        look = {"attempts": 1, "state": "failed", "code": 131049, "looks": 1, "words": "", **shown}
        connection.execute(insert(deliveries), [{"key": row.key, **look} for row in rows])
    world.ledger.suppression.add([SuppressionEntry(person=rows[0].person or "", reason="r", source="s", added=BEGIN)])
    plan = Plan(
        world,
        retries=RetryOptions(retry_undelivered=True),
        allowed=[2, 3],
        history=History(rules=ContactLimits(), endpoint="e", campaign="c", now=BEGIN),
    )
    found = plan.judge([2, 3, 4])
    assert plan.would_go == [3]
    assert (found[2].outcome, found[4].outcome) == (Outcome.SUCCESS, Outcome.SUCCESS)
