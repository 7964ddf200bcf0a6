"""The planning rules: allow list, history, chosen and planned rows, of new messages and of ones that went before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from scripted_api import BEGIN, LOST, REFUSED, TRAITS, Api, World, staged

from batch.ledger import History, Owner, RetryOptions, RowSelection
from batch.model.contact_limits import ContactLimits
from batch.model.outcomes import Outcome
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, Reason
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
