"""Senders side by side, hours, caps and spacing: the pool against a scripted API, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from scripted_api import BEGIN, OFFLINE, REFUSED, UNAUTHORIZED, Api, Client, World, staged, throttled

from batch.ledger import SuppressionEntry
from batch.model.contact_limits import ContactLimits
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import StopCause
from batch.model.sending_hours import Hours, Window
from batch.model.verdicts import Verdict
from batch.pool import NEVER, RetryRules

EVERY_DAY = frozenset(range(7))
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ANA = "+5511970010001"
FORBIDDEN = Verdict(outcome=Outcome.PENDING, finding=Finding(Reason.FORBIDDEN), stop=True, http_status=403)


def between(begin: float, end: float) -> Hours:
    """Hours of every day, as minutes after BEGIN (noon, UTC)."""
    first, last = 720 + round(begin), 720 + round(end)
    return Hours((Window(days=EVERY_DAY, begin=first % 1440, end=first % 1440 + last - first, zone="UTC"),))


def times(api: Api) -> list[float]:
    """Seconds since the run began, of each post."""
    return [time - 1000.0 for time, _ in api.posts]


def of(api: Api, *rows: int) -> list[float]:
    return [time - 1000.0 for time, row in api.posts if row in rows]


def test_outside_the_hours_nothing_is_claimed(world: World) -> None:
    """The rows stay as they were, and the run ends at once with when to come back."""
    world.plan(range(2, 2002))
    sent = world.send(api := Api(), hours=between(60, 120))
    assert (api.posts, sent.attempts, sent.cause, sent.next_at) == ([], 0, None, BEGIN + HOUR)
    (sender,) = sent.senders
    assert sender.pending is not None
    assert sender.pending.reason is Reason.WINDOW
    assert {each.attempts for each in world.results().values()} == {0}


def test_with_wait_the_run_begins_with_the_hours(world: World) -> None:
    """At the second, and whoever watches hears once how long it takes."""
    world.plan(range(2, 12))
    sent = world.send(api := Api(), hours=between(60, 120), wait=True, rate=10.0)
    assert world.outcomes() == {Outcome.SUCCESS: 10}
    assert 3600.0 <= times(api)[0] < 3601.0
    assert (sent.next_at, sent.cause) == (None, None)
    assert world.progress.pauses == [3600.0]


def test_a_run_that_crosses_the_end_of_its_hours_stops_cleanly(world: World) -> None:
    """Nothing begins after the end; what was in flight is recorded; the rest is left with the time of tomorrow."""
    world.plan(range(2, 202))
    sent = world.send(api := Api(latency=5.0), hours=between(-60, 1), rate=2.0)
    assert 110 <= len(api.posts) <= 121
    assert max(times(api)) < 60.0
    assert world.outcomes() == {Outcome.SUCCESS: len(api.posts), Outcome.PENDING: 200 - len(api.posts)}
    assert sent.next_at == BEGIN + DAY - HOUR


def test_with_wait_a_run_goes_on_the_next_day(world: World) -> None:
    """Every row once, none of them outside the hours."""
    world.plan(range(2, 202))
    world.send(api := Api(), hours=between(-60, 1), wait=True, rate=2.0)
    assert world.outcomes() == {Outcome.SUCCESS: 200}
    assert set(api.rows().values()) == {1}
    day = (DAY - HOUR).total_seconds()
    assert all(time < 60.0 or time >= day for time in times(api))


def test_a_wait_for_an_answer_that_outlasts_the_hours_is_no_excuse(world: World) -> None:
    """The API asks for two minutes of patience half a minute before the end: the row stays pending."""
    world.plan([2, 3])
    sent = world.send(api := Api(script={2: [throttled(120.0)]}), hours=between(-60, 0.9), rate=10.0, concurrency=1)
    assert [row for _, row in api.posts] == [2]
    assert (world.outcomes(), sent.cause) == ({Outcome.PENDING: 2}, None)
    assert sent.next_at is not None


def test_hours_that_never_come_are_not_waited_for(world: World) -> None:
    """Also with `wait`."""
    world.plan([2])
    never = Hours((Window(days=frozenset(), begin=600, end=660, zone="UTC"),))
    sent = world.send(api := Api(), hours=never, wait=True)
    assert (api.posts, sent.next_at, world.progress.pauses) == ([], NEVER, [])


def test_people_of_another_zone_do_not_hold_up_the_others(world: World) -> None:
    """09:00 of Manaus is 10:00 of Sao Paulo: the first row waits for its hour, the second does not."""
    world.plan([staged(2, person="+5592970010001"), staged(3, person="+5511970010001")])
    hours = Hours((Window(days=EVERY_DAY, begin=9 * 60, end=18 * 60),))
    sent = world.send(api := Api(), hours=hours, home="America/Sao_Paulo")
    assert [row for _, row in api.posts] == [3]
    assert sent.next_at == BEGIN + HOUR


def test_a_machine_that_slept_wakes_up_to_the_hours(world: World) -> None:
    """The wall clock jumps five hours ahead while the run waits for its hours in four: it goes on within a minute."""
    world.plan([2, 3])
    jump = 5 * 3600.0
    api = Api()
    world.send(api, hours=between(240, 480), wait=True, wall=lambda passed: passed + (jump if passed > 100 else 0))
    assert len(api.posts) == 2
    assert 100.0 < times(api)[0] <= 160.0


def test_a_machine_that_slept_past_the_end_sends_nothing_more(world: World) -> None:
    """The lid was closed for three hours in the middle of a run."""
    world.plan(range(2, 102))
    api = Api()
    sent = world.send(
        api, hours=between(-60, 60), rate=1.0, wall=lambda passed: passed + (3 * 3600.0 if passed > 10 else 0)
    )
    assert max(times(api)) <= 10.5
    assert world.outcomes()[Outcome.PENDING] == 100 - len(api.posts)
    assert sent.next_at == BEGIN + DAY - HOUR


def test_messages_to_one_person_are_six_seconds_apart_and_hold_up_nobody(world: World) -> None:
    """Three bills of one person among others: no sooner, and not much later."""
    world.plan([*(staged(row, person=ANA) for row in (2, 3, 4)), *range(5, 25)])
    world.send(api := Api(latency=0.3), rate=5.0)
    assert world.outcomes() == {Outcome.SUCCESS: 23}
    gaps = [later - earlier for earlier, later in pairwise(of(api, 2, 3, 4))]
    assert all(6.0 <= gap < 7.5 for gap in gaps), gaps
    assert max(of(api, *range(5, 25))) < 6.0


def test_a_second_message_waits_for_the_answer_of_the_first(world: World) -> None:
    """Nobody knows when in these twenty seconds the first was sent: the six begin with the answer."""
    world.plan([staged(2, person=ANA), staged(3, person=ANA)])
    world.send(api := Api(slow={2: 20.0}), rate=5.0)
    first, second = times(api)
    assert 26.0 <= round(second - first, 6) < 28.0


def test_spacing_does_not_outlive_a_message_that_was_refused(world: World) -> None:
    """What was not sent is no neighbour: the next may follow, and does so within the usual time."""
    world.plan([staged(2, person=ANA), staged(3, person=ANA)])
    world.send(api := Api(script={2: [REFUSED]}), rate=5.0)
    assert world.outcomes() == {Outcome.ERROR: 1, Outcome.SUCCESS: 1}
    assert times(api)[1] < 7.5


def test_spacing_holds_between_runs(world: World) -> None:
    """The ledger knows when the last message went, whichever run sent it."""
    world.plan([staged(2, person=ANA)])
    world.send(Api())
    later = replace(world, name="r2")
    later.plan([staged(3, person=ANA), staged(4)])
    later.send(api := Api(), begin=BEGIN + timedelta(seconds=2))
    assert of(api, 4)[0] < 1.0
    assert 4.0 <= of(api, 3)[0] < 6.0


def sent_before(world: World, ago: timedelta, rows: range, sender: str = "s1") -> None:
    """An earlier run sent to these people, a tenth of a second apart."""
    earlier = replace(world, name="r0")
    earlier.plan([staged(row, sender=sender) for row in rows])
    earlier.send(Api(), begin=BEGIN - ago, rate=10.0)


def test_places_that_come_back_within_two_minutes_are_waited_for(world: World) -> None:
    """The run of every day at the same hour follows yesterday's messages, each a day and a second after its own."""
    sent_before(world, DAY - timedelta(seconds=90), range(100, 105))
    world.plan(range(2, 7))
    sent = world.send(api := Api(), rules=ContactLimits(per_24h=5), rate=10.0)
    assert (world.outcomes(), sent.next_at) == ({Outcome.SUCCESS: 5}, None)
    assert 91.0 <= times(api)[0] < 92.5
    assert max(times(api)) < 94.0


def test_places_that_come_back_later_are_left(world: World) -> None:
    """Two are free; the rest is told when the first of yesterday's has its day."""
    sent_before(world, DAY - HOUR, range(100, 103))
    world.plan(range(2, 502))
    sent = world.send(api := Api(), rules=ContactLimits(per_24h=5), rate=10.0)
    assert len(api.posts) == 2
    assert sent.next_at is not None
    assert timedelta(0) <= sent.next_at - (BEGIN + HOUR) < timedelta(seconds=3)
    assert max(times(api)) < 2.0
    (sender,) = sent.senders
    assert sender.pending is not None
    assert sender.pending.reason is Reason.CAP


def test_a_person_of_the_last_day_needs_no_place(world: World) -> None:
    """The cap is of people: who was reached already may get another message while it is full."""
    sent_before(world, HOUR, range(100, 105))
    world.plan([staged(2), staged(3, person=staged(102).person)])
    world.send(api := Api(), rules=ContactLimits(per_24h=5))
    assert [row for _, row in api.posts] == [3]


@pytest.mark.parametrize("concurrency", [1, 4, 16])
def test_refused_messages_give_their_places_back(world: World, concurrency: int) -> None:
    """However many are refused: five people are reached, not fewer and not more."""
    world.plan(range(2, 42))
    script = {row: [REFUSED] for row in range(2, 12)}
    api = Api(script=script, latency=0.4)
    world.send(api, rules=ContactLimits(per_24h=5), rate=10.0, concurrency=concurrency)
    assert world.outcomes() == {Outcome.ERROR: 10, Outcome.SUCCESS: 5, Outcome.PENDING: 25}


def test_two_senders_share_a_cap_or_have_one_each(world: World) -> None:
    """Seven people in all, or seven each."""
    rows = [staged(row, sender=f"s{row % 2}") for row in range(2, 42)]
    world.plan(rows)
    world.send(api := Api(), rules=ContactLimits(per_24h=7, shared_cap=True), rate=10.0)
    assert len(api.posts) == 7
    again = replace(world, name="r2")
    again.plan(rows)
    sent = again.send(api := Api(), rules=ContactLimits(per_24h=7), rate=10.0)
    assert len(api.posts) == 7
    assert again.outcomes() == {Outcome.SUCCESS: 14, Outcome.PENDING: 26}
    assert [sender.pending.reason for sender in sent.senders if sender.pending] == [Reason.CAP] * 2


def test_who_opts_out_after_the_plan_gets_nothing(world: World) -> None:
    """Also in the middle of the run; the rows are skipped, not lost."""
    world.plan(range(2, 12))

    def opt_out(row: int) -> None:
        world.ledger.suppression.add(
            [SuppressionEntry(person=staged(row).person, reason="asked", source="ana", added=BEGIN)]
        )

    opt_out(3)
    api = Api(latency=0.01)
    api.on_post = lambda row: opt_out(8) if row == 2 else None
    sent = world.send(api, rate=5.0, concurrency=1)
    assert {3, 8} & set(api.rows()) == set()
    assert world.outcomes() == {Outcome.SUCCESS: 8, Outcome.SKIPPED: 2}
    assert world.results()[8].reason == "suppressed"
    assert (sent.jobs, world.progress.seen[Outcome.SKIPPED]) == (10, 2)


def two_senders(count: int) -> tuple[list[int], list[int]]:
    """Rows of s0 and of s1."""
    return list(range(2, count + 2, 2)), list(range(3, count + 2, 2))


def plan_two(world: World, count: int = 100) -> tuple[list[int], list[int]]:
    world.plan([staged(row, sender=f"s{row % 2}") for row in range(2, count + 2)])
    return two_senders(count)


def test_a_slow_sender_does_not_hold_up_a_fast_one(world: World) -> None:
    """One gets its answers after seconds, the other at once and at its own full rate."""
    slow, fast = plan_two(world)
    api = Api(slow=dict.fromkeys(slow, 3.0))
    sent = world.send(api, rate=10.0, concurrency=2)
    assert world.outcomes() == {Outcome.SUCCESS: 100}
    assert max(of(api, *fast)) < 5.5
    assert max(of(api, *slow)) > 60.0
    rates = {sender.sender: sender.achieved_rate for sender in sent.senders}
    assert rates["s1"] == pytest.approx(10.0, rel=0.05)
    assert rates["s0"] is not None
    assert rates["s0"] < 1.0


def test_a_429_slows_only_the_sender_that_got_it(world: World) -> None:
    """The other goes on at its rate, and only the first is said to have been slowed down."""
    first, second = plan_two(world)
    api = Api(script={12: [throttled(30.0)]}, latency=0.01)
    sent = world.send(api, rate=10.0)
    assert world.outcomes() == {Outcome.SUCCESS: 100}
    assert max(of(api, *second)) < 5.5
    refused_at = of(api, 12)[0]
    assert not [time for time in of(api, *first) if refused_at + 0.1 < time < refused_at + 29.9]
    assert {sender.sender: sender.slowed for sender in sent.senders} == {"s0": 1, "s1": 0}


def test_a_sender_that_is_forbidden_leaves_the_other_alone(world: World) -> None:
    """Its rows stay pending; the run knows who stopped and that not all did."""
    _, second = plan_two(world)
    sent = world.send(api := Api(script={6: [FORBIDDEN]}), rate=10.0, concurrency=1)
    assert sorted(api.rows()) == sorted([2, 4, 6, *second])
    assert (sent.cause, sent.stopped_all) == (StopCause.FATAL_ANSWER, False)
    assert {sender.sender: sender.cause for sender in sent.senders} == {"s0": "fatal_answer", "s1": None}
    assert world.outcomes() == {Outcome.SUCCESS: 52, Outcome.PENDING: 48}


def test_only_a_sender_that_was_answered_may_send(world: World) -> None:
    """Whether 403 or 404 is about the row or about everybody is asked for each sender: answers to another prove
    nothing of it. Where another was answered, the address is right."""
    first, second = plan_two(world)
    api = Api()
    asked: list[tuple[int, bool]] = []
    make = api.client

    def client() -> Client:
        made = make()
        post = made.post

        async def noted(payload: str, *, had_answer: bool, **more: Any) -> Verdict | None:
            asked.append((int(payload), had_answer))
            return await post(payload, had_answer=had_answer, **more)

        made.post = noted  # type: ignore[method-assign]
        return made

    api.client = client  # type: ignore[method-assign]
    api.script[second[2]] = [replace(FORBIDDEN, finding=Finding(Reason.WRONG_ADDRESS), http_status=404)]
    sent = world.send(api, rate=10.0, concurrency=1)
    assert {had for row, had in asked if row in (first[0], second[0])} == {False}
    assert all(had for row, had in asked if row not in (first[0], second[0]))
    assert {sender.sender: sender.cause for sender in sent.senders} == {"s0": None, "s1": "fatal_answer"}


def test_a_token_that_is_refused_stops_all_senders(world: World) -> None:
    """Every one of them would get the same answer."""
    plan_two(world)
    sent = world.send(api := Api(script={6: [UNAUTHORIZED]}), rate=10.0, concurrency=1)
    assert len(api.posts) <= 6
    assert (sent.cause, sent.stopped_all) == (StopCause.FATAL_ANSWER, True)


def test_retries_used_up_stop_their_sender_alone(world: World) -> None:
    """A row that cannot be sent is no fault of the other sender."""
    _, second = plan_two(world)
    api = Api(script={2: [OFFLINE] * 9})
    sent = world.send(api, rate=10.0, concurrency=1, retries=RetryRules(tries=2, seconds=60.0))
    assert {row for row in api.rows() if row % 2} == set(second)
    assert {sender.sender: sender.cause for sender in sent.senders} == {"s0": "retries_used_up", "s1": None}


def test_a_limit_is_of_all_senders_together(world: World) -> None:
    """The first rows of the sheet, whoever sends them."""
    plan_two(world)
    world.send(api := Api(), limit=5, rate=10.0)
    assert sorted(api.rows()) == [2, 3, 4, 5, 6]


def test_each_sender_has_the_whole_rate(world: World) -> None:
    """Two senders are twice as fast, and each is spaced by itself."""
    first, second = plan_two(world)
    sent = world.send(api := Api(), rate=10.0)
    for rows in (first, second):
        assert min(later - earlier for earlier, later in pairwise(sorted(of(api, *rows)))) >= 0.09
    assert sent.achieved_rate == pytest.approx(20.0, rel=0.05)


def test_a_claim_that_is_held_may_turn_out_not_to_count(world: World) -> None:
    """Under a cap of two the first is refused by the API: another goes in its place, however fast all were claimed."""
    world.plan(range(2, 7))
    api = Api(script={2: [REFUSED]}, connecting=lambda: 0.5)
    world.send(api, rate=500.0, rules=ContactLimits(per_24h=2))
    assert world.outcomes() == {Outcome.ERROR: 1, Outcome.SUCCESS: 2, Outcome.PENDING: 2}


@pytest.mark.parametrize("slow", [{"connecting": lambda: 3.0}, {"reconnecting": 3.0}], ids=["first", "anew"])
def test_a_connection_that_takes_too_long_sends_nothing_after_the_hours(world: World, slow: dict[str, Any]) -> None:
    """Made for the first time or anew: what was not written when the hours end is not written any more."""
    world.plan([2, 3])
    api = Api(**slow)
    no_patience = RetryRules(tries=0, seconds=1.0)
    hours, begin = between(0, 1), BEGIN + timedelta(seconds=59)
    sent = world.send(api, begin=begin, hours=hours, rate=50.0, retries=no_patience)
    assert api.posts == []
    assert (sent.outcomes, sent.cause) == ({}, None)
    assert world.outcomes() == {Outcome.PENDING: 2}


def test_a_second_interrupt_near_the_end_of_the_hours_gives_the_claim_back(world: World) -> None:
    """The post waits for its connection, the hours would end in a minute: nothing was written, so nothing is unknown,
    and the row waits because of the interrupt."""
    world.plan([2, 3])
    api = Api(reconnecting=30.0)

    def client() -> Client:
        made = Client(api)
        post = made.post

        async def interrupted(payload: str, **more: Any) -> Verdict | None:
            asyncio.get_running_loop().call_later(1.0, stop_twice)
            return await post(payload, **more)

        made.post = interrupted  # type: ignore[method-assign]
        return made

    def stop_twice() -> None:
        assert world.stop
        world.stop.request(StopCause.INTERRUPTED)
        world.stop.abort()

    api.client = client  # type: ignore[method-assign]
    sent = world.send(api, hours=between(-60, 1), rate=10.0, concurrency=1)
    assert (api.posts, sent.cause) == ([], StopCause.INTERRUPTED)
    assert {(each.outcome, each.reason, each.attempts) for each in world.results().values()} == {
        (Outcome.PENDING, "waiting", 0)
    }
