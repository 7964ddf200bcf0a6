"""The promise over simulated worlds, and proof that the simulation would see it break."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from simulated import Played, play
from simulated.chats import CODES
from simulated.client import SimulatedClient
from simulated.endings import ENDINGS
from simulated.fate import Knobs, draw_knobs, stream
from sqlalchemy import Connection, exists, false, true, update
from sqlalchemy.exc import SQLAlchemyError

from batch.app import looks
from batch.app.runs.run_looks import RunLooks
from batch.chats import failure_table as failures
from batch.errors import LedgerFailed
from batch.ledger import Ledger, Owner, RetryOptions
from batch.ledger.deliveries import looks as kept_looks
from batch.ledger.plan import staging
from batch.ledger.plan import undelivered as plan_rules
from batch.ledger.plan.row_stager import Encode
from batch.ledger.send import claims
from batch.ledger.send import contact_limits as outreach
from batch.ledger.send.claims import Claim, Ended, Wanted
from batch.ledger.send.contact_limits import ContactLimiter
from batch.ledger.send.rolling_quota import Quota
from batch.ledger.storage.schema import State, messages
from batch.ledger.storage.writer import Writer, write_group
from batch.model import delivery
from batch.model.delivery import Delivery, DeliveryCounts, DeliveryState, Sighting
from batch.model.messages import Job
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason
from batch.model.verdicts import Verdict
from batch.pool import attempt, pacing
from batch.pool.deferred import DeferredQueue, RecipientHours
from batch.pool.start_slots import StartSlot, StartSlots

QUICK = 40
"""Worlds of the suite; the long proofs have all `SEEDS`."""
SEEDS = 100
ENOUGH = 1500
"""Seeds within which a broken product must be seen."""
Breaking = Callable[[pytest.MonkeyPatch], None]


def _broken(worlds: Iterable[Played]) -> dict[int, object]:
    """Seed to breaches; see each with: python tests/proofs/simulation/simulate.py --seed N."""
    return {played.seed: played.breaches for played in worlds if played.breaches}


def test_the_promise_holds_in_every_world() -> None:
    """Faults of the network, the API and the disk, kills, restarts, two runs at once: nobody twice, nobody lost."""
    assert _broken(map(play, range(QUICK))) == {}


@pytest.mark.long
def test_the_worlds_are_not_all_alike() -> None:
    """The promise holds in more of them. Most ways an exchange may end are met, and every way a life may."""
    worlds = [play(seed) for seed in range(SEEDS)]
    assert _broken(worlds) == {}
    figures: Counter[str] = sum((played.figures for played in worlds), Counter())
    met = [ending for ending in ENDINGS if figures[f"ending {ending.name}"]]
    assert len(met) > 0.7 * len(ENDINGS)
    assert min(figures["kills"], figures["stop None"], figures["stop ledger_failed"]) > SEEDS // 20
    assert len({played.digest for played in worlds}) == SEEDS
    assert any(played.knobs.file for played in worlds)
    assert any(played.knobs.two for played in worlds)
    outreach = [played.knobs.outreach for played in worlds]
    for drawn in (
        [rules.rules.per_24h and rules.rules.shared_cap for rules in outreach],
        [rules.rules.per_24h and not rules.rules.shared_cap for rules in outreach],
        [rules.rules.not_within and rules.others for rules in outreach],
        [rules.windows and rules.wait for rules in outreach],
        [rules.windows and not rules.wait for rules in outreach],
    ):
        assert sum(map(bool, drawn)) > SEEDS // 40
    for reason in (Reason.SUPPRESSED, Reason.RECENTLY_MESSAGED):
        assert figures[f"left out {reason.value}"] > SEEDS // 20
    assert figures["waited for hours or a cap"] > SEEDS // 20


def _first(like: Callable[[Knobs], bool]) -> int:
    return next(seed for seed in count() if like(draw_knobs(stream(seed, "knobs"))))


@pytest.mark.parametrize("seed", [1, _first(lambda knobs: knobs.two), _first(lambda knobs: knobs.file)])
def test_a_seed_is_a_world(seed: int) -> None:
    """The same seed gives the same events in the same order, also in another process with another hash seed."""
    first = play(seed)
    assert play(seed).trace == first.trace
    command = [sys.executable, Path(__file__).with_name("simulate.py"), "--seed", str(seed), "--digest"]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    other = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert other.stdout.split() == [first.digest]


# What follows breaks the product on purpose.


def claim_always_wins(patch: pytest.MonkeyPatch) -> None:
    """A claim that does not look whether the message is pending."""

    def claim(connection: Connection, wanted: Sequence[Wanted], *, owner: Owner, rules: ContactLimiter) -> list[Claim]:
        return [_take(connection, job, owner, now) for job, now in wanted]

    patch.setattr(claims, "claim", claim)


def _take(connection: Connection, job: Job, owner: Owner, now: datetime) -> Claim:
    taken = {"state": "claimed", "claim_run": owner.run, "attempts": messages.c.attempts + 1, "sent_at": now}
    mine = update(messages).where(messages.c.key == job.key).values(taken).returning(messages.c.attempts)
    return Claim(key=job.key, attempt=connection.execute(mine).scalar_one(), owner=owner)


def _misjudge(patch: pytest.MonkeyPatch, wrong: Callable[[Verdict], bool], **values: Any) -> None:
    judge = failures.judge

    def misjudged(*arguments: Any, **more: Any) -> Verdict:
        verdict = judge(*arguments, **more)
        return replace(verdict, **values) if wrong(verdict) else verdict

    patch.setattr(failures, "judge", misjudged)


def lost_answers_are_repeated(patch: pytest.MonkeyPatch) -> None:
    """A failure table that takes a lost answer for "not sent"."""
    lost = {Reason.ANSWER_LOST, Reason.ANSWER_TIMEOUT}
    _misjudge(patch, lambda verdict: verdict.finding.reason in lost, outcome=Outcome.PENDING, repeat=True)


def server_errors_are_refusals(patch: pytest.MonkeyPatch) -> None:
    """A failure table that takes a 5xx for a refusal."""
    _misjudge(patch, lambda verdict: verdict.finding.reason is Reason.SERVER_ERROR, outcome=Outcome.ERROR)


def refusals_are_unknown(patch: pytest.MonkeyPatch) -> None:
    """A failure table that is needlessly unsure."""
    _misjudge(patch, lambda verdict: verdict.finding.reason is Reason.API_REFUSED, outcome=Outcome.UNKNOWN)


def releases_are_skipped(patch: pytest.MonkeyPatch) -> None:
    """A ledger that does not give a claim back."""
    patch.setattr(claims, "release", lambda _connection, unsent, **_: [True] * len(unsent))


def dead_claims_wait_again(patch: pytest.MonkeyPatch) -> None:
    """A restart that takes what was in flight for not sent."""
    _settle_as(patch, State.PENDING)


def dead_claims_count_as_sent(patch: pytest.MonkeyPatch) -> None:
    """A ledger whose claim is as good as a success: what a record before the post would come to after a kill."""
    _settle_as(patch, State.SUCCESS)


def _settle_as(patch: pytest.MonkeyPatch, state: State) -> None:
    def settle(connection: Connection, **_: Any) -> int:
        values = {"state": state.value, "findings": '[["created", {}]]'}
        if state is not State.PENDING:
            values["payload"] = None  # type: ignore[assignment]
        return connection.execute(update(messages).where(messages.c.state == "claimed").values(values)).rowcount

    patch.setattr(claims, "settle_dead_claims", settle)


def dead_claims_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A restart that leaves dead claims open."""
    patch.setattr(claims, "settle_dead_claims", lambda *_, **__: 0)


def unknown_is_sent_again(patch: pytest.MonkeyPatch) -> None:
    """A plan that takes up unknown rows by itself."""

    def stage(ledger: Ledger, _: RetryOptions, encode: Encode) -> staging.Staging:
        return staging.Staging(ledger._engine, RetryOptions(resend_unknown=True), encode=encode)

    patch.setattr(Ledger, "stage", stage)


def payloads_are_kept(patch: pytest.MonkeyPatch) -> None:
    """A ledger that keeps a person's values after the message is done."""
    record = claims.record

    def keeping(connection: Connection, ended: Sequence[Ended], **more: Any) -> Any:
        recorded = record(connection, ended, **more)
        keys = [each.held.key for each in ended]
        connection.execute(update(messages).where(messages.c.key.in_(keys)).values(payload="{}"))
        return recorded

    patch.setattr(claims, "record", keeping)


def told_before_it_is_durable(patch: pytest.MonkeyPatch) -> None:
    """A writer that says "written" though the commit failed."""

    def commit(writer: Writer, group: Any) -> Any:
        done: list[Any] = []
        try:
            with writer._engine.begin() as connection:
                done += write_group(connection, group)
        except SQLAlchemyError as error:
            return done or LedgerFailed(str(error))
        return done

    patch.setattr(Writer, "_commit", commit)


def writes_are_not_repeated(patch: pytest.MonkeyPatch) -> None:
    """A pool that does not try again to write an outcome or to give back a claim."""
    patch.setattr(attempt, "RECORD_WAITS", ())


def pauses_are_ignored(patch: pytest.MonkeyPatch) -> None:
    """A throttle that does not hear Retry-After."""
    patch.setattr(StartSlots, "pause", lambda *_: None)


def pauses_hold_one_worker_only(patch: pytest.MonkeyPatch) -> None:
    """A pause that moves the slots, but not those that others have taken already."""
    paused = pacing.pause
    patch.setattr(pacing, "pause", lambda old, *more: paused(old, *more)._replace(generation=old.generation))


def starts_are_not_kept_apart(patch: pytest.MonkeyPatch) -> None:
    """A throttle whose late starts come all at once."""
    patch.setattr(pacing, "earliest_start", lambda *_: float("-inf"))


def everything_cut_off_waits_again(patch: pytest.MonkeyPatch) -> None:
    """A client that says "nothing was written" when it is cancelled."""
    patch.setattr(SimulatedClient, "written", False)


def duplicates_stand_for_themselves(patch: pytest.MonkeyPatch) -> None:
    """A plan without the rule that a person's second row is skipped."""
    judge = staging.Staging.judge

    def blind(self: staging.Staging, history: staging.History | None = None) -> None:
        judge(self, history)
        twins = update(staging.staged).where(staging.staged.c.duplicate_of.is_not(None))
        self._connection.execute(twins.values(outcome=None, duplicate_of=None))
        self._connection.commit()

    patch.setattr(staging.Staging, "judge", blind)


def _claim_without(
    patch: pytest.MonkeyPatch, rule: str | None = None, answer: Callable[..., Any] = lambda *_: false()
) -> None:
    """A claim that judges all rules but one; the statements are made anew, for they are made once in earnest."""
    if rule is not None:
        patch.setattr(claims if hasattr(claims, rule) else outreach, rule, answer)
    made = {needs: claims._make_claim(*rules) for needs, rules in claims.claim_rules().items()}
    patch.setattr(claims, "_CLAIMS", made)


def suppression_is_ignored_at_the_claim(patch: pytest.MonkeyPatch) -> None:
    """A claim that trusts the plan: who came onto the list since is messaged."""
    _claim_without(patch, "_is_suppressed")


def history_is_ignored_at_the_claim(patch: pytest.MonkeyPatch) -> None:
    """A claim that trusts the plan: who got a message of another campaign since is messaged."""
    _claim_without(patch, "_recently_by_others")


def spacing_is_ignored(patch: pytest.MonkeyPatch) -> None:
    """Neither the workers nor the claim keep two messages to one person apart."""
    _claim_without(patch, "_is_too_close")
    patch.setattr(DeferredQueue, "defer_if_too_close", lambda *_: False)


def the_cap_never_refuses(patch: pytest.MonkeyPatch) -> None:
    """A count of people that nobody heeds."""
    patch.setattr(Quota, "_free_at", lambda *_: None)


def the_hours_are_not_asked_at_the_start(patch: pytest.MonkeyPatch) -> None:
    """A worker that asks for the hours before its claim, but not when the post begins, which may be much later."""
    start, closed_until = StartSlots.start, RecipientHours.closed_until
    starting: list[bool] = []

    async def noted(slots: StartSlots, slot: StartSlot, *more: Any) -> bool:
        starting[:] = [await start(slots, slot, *more)]
        return starting[0]

    def blind(hours: RecipientHours, job: Job, now: datetime) -> datetime | None:
        asked_at_start = any(starting)
        starting.clear()
        return None if asked_at_start else closed_until(hours, job, now)

    patch.setattr(StartSlots, "start", noted)
    patch.setattr(RecipientHours, "closed_until", blind)


def opt_outs_are_not_recorded(patch: pytest.MonkeyPatch) -> None:
    """A look that keeps a reply and lists nobody."""
    patch.setattr(kept_looks, "_suppress", lambda *_: False)


def opt_outs_are_recorded_after_the_look(patch: pytest.MonkeyPatch) -> None:
    """A look and the opt-out that it shows in two transactions: a kill between them loses the person."""
    record, suppress = kept_looks.Deliveries.record, kept_looks._suppress

    def in_two(deliveries: kept_looks.Deliveries, *look: Any) -> Any:
        with patch.context() as apart:
            late: list[Any] = []
            apart.setattr(kept_looks, "_suppress", lambda _, *values: late.append(values))
            recorded = record(deliveries, *look)
        with deliveries._engine.begin() as connection:
            for values in late:
                suppress(connection, *values)
        return recorded

    patch.setattr(kept_looks.Deliveries, "record", in_two)


def nobody_looks_before_the_plan(patch: pytest.MonkeyPatch) -> None:
    """A run that plans and sends before it looks."""
    patch.setattr(staging.Staging, "due_looks", lambda *_, **__: staging.DueLooks(people=0))


def states_climb_down(patch: pytest.MonkeyPatch) -> None:
    """A ledger that believes the latest look alone."""
    patch.setattr(kept_looks, "add_sighting", lambda _, seen: delivery.add_sighting(None, seen))


def the_first_look_stands(patch: pytest.MonkeyPatch) -> None:
    """A ledger that notes each later look, and not what it has shown."""

    def add(known: Delivery | None, seen: Sighting) -> Delivery:
        return delivery.add_sighting(None, seen) if known is None else replace(known, looked_at=seen.at)

    patch.setattr(kept_looks, "add_sighting", add)


def sent_is_taken_for_delivered(patch: pytest.MonkeyPatch) -> None:
    """A look that says more than the API."""
    words = {**delivery._WORDS, "sent": DeliveryState.DELIVERED}
    patch.setattr(delivery, "_WORDS", words)


def what_is_sent_counts_as_delivered(patch: pytest.MonkeyPatch) -> None:
    """A report that counts more than the ledger has."""
    patch.setattr(DeliveryCounts, "delivered", property(lambda counts: counts.on_the_way + counts.failed + counts.read))


def any_message_of_ours_is_taken_for_it(patch: pytest.MonkeyPatch) -> None:
    """A look that takes the newest message in the chat, also that of an agent."""

    def newest(timeline: Any, **_: Any) -> Any:
        ours = [each for each in timeline if each.from_me]
        return max(ours, key=lambda each: each.at, default=DeliveryState.NOT_FOUND)

    patch.setattr(looks, "match_message", newest)


def the_last_of_several_speaks_for_all(patch: pytest.MonkeyPatch) -> None:
    """A look that takes what the furthest of several messages shows for what is known of each."""
    patch.setattr(delivery, "_join_alike", lambda near, _span: replace(near[-1], id=None, several=True))


def failures_are_not_looked_at_again(patch: pytest.MonkeyPatch) -> None:
    """A run that replaces what an earlier look has shown failed."""
    _claim_without(patch, "may_retry", lambda _: true())
    patch.setattr(RunLooks, "look_again", _go_on)


async def _nothing(*_: object) -> None: ...


async def _go_on(*_: object) -> bool:
    return True


def what_failed_once_is_replaced(patch: pytest.MonkeyPatch) -> None:
    """A run that looks again, and goes by the furthest state that any look has shown."""
    look = RunLooks.look_again

    async def look_in_vain(looks: RunLooks, job: Job) -> bool:
        await look(looks, job)
        return True

    patch.setattr(RunLooks, "look_again", look_in_vain)


def any_failure_is_replaced(patch: pytest.MonkeyPatch) -> None:
    """A plan, and a claim, for which every code may be repeated."""
    codes = tuple(filter(None, CODES))
    patch.setattr(plan_rules, "REPEATABLE", codes)
    patch.setattr(outreach, "REPEATABLE", codes)
    _claim_without(patch)


def replacements_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A ledger that does not keep of a message that was sent which failed one it replaces."""
    record = claims.record

    def forgetting(connection: Connection, ended: Sequence[Ended], **more: Any) -> Any:
        recorded = record(connection, ended, **more)
        keys = [each.held.key for each in ended]
        connection.execute(update(messages).where(messages.c.key.in_(keys)).values(retry_of=None))
        return recorded

    patch.setattr(claims, "record", forgetting)


def every_failure_of_a_person_is_replaced(patch: pytest.MonkeyPatch) -> None:
    """A plan that asks of each message alone whether it was replaced."""
    patch.setattr(plan_rules, "_was_replaced", lambda again: exists().where(again.c.retry_of == messages.c.key))


def failures_are_replaced_at_once(patch: pytest.MonkeyPatch) -> None:
    """A plan that does not wait for a day."""
    patch.setattr(plan_rules, "RETRY_AFTER", timedelta(0))


def who_is_not_on_whatsapp_is_messaged(patch: pytest.MonkeyPatch) -> None:
    """A plan, and a claim, that do not know the code."""
    patch.setattr(outreach, "UNREACHABLE", -1)
    _claim_without(patch)


def who_proves_unreachable_meanwhile_is_messaged(patch: pytest.MonkeyPatch) -> None:
    """A claim that trusts the plan: what a look has shown since is not asked."""
    _claim_without(patch, "is_reachable", lambda *_: true())


def the_canary_is_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    """A run that goes on once its first messages are accepted."""
    patch.setattr(RunLooks, "_pass_canary", _go_on)


def a_canary_counts_for_every_sender(patch: pytest.MonkeyPatch) -> None:
    """A ledger that takes a sender's canary for the others' as well."""
    patch.setattr(kept_looks.Deliveries, "canary_senders", lambda *_: {f"sender-{number}" for number in range(9)})


def failed_messages_do_not_stop_the_run(patch: pytest.MonkeyPatch) -> None:
    """A run that looks at none of its messages while it sends."""
    patch.setattr(RunLooks, "sample", _nothing)


BREAKINGS: dict[Breaking, set[str]] = {
    claim_always_wins: {"again"},
    lost_answers_are_repeated: {"again", "twice"},
    server_errors_are_refusals: {"untrue"},
    refusals_are_unknown: {"needless unknown"},
    releases_are_skipped: {"left open"},
    dead_claims_wait_again: {"again", "twice", "untrue"},
    dead_claims_count_as_sent: {"untrue"},
    dead_claims_are_forgotten: {"settled"},
    unknown_is_sent_again: {"again", "twice"},
    payloads_are_kept: {"payload"},
    told_before_it_is_durable: {"claim", "untrue", "left open"},
    writes_are_not_repeated: {"left open"},
    pauses_are_ignored: {"pause"},
    pauses_hold_one_worker_only: {"pause"},
    starts_are_not_kept_apart: {"rate"},
    everything_cut_off_waits_again: {"again", "twice", "untrue"},
    duplicates_stand_for_themselves: {"rows"},
    suppression_is_ignored_at_the_claim: {"suppressed"},
    history_is_ignored_at_the_claim: {"history"},
    spacing_is_ignored: {"spacing"},
    the_cap_never_refuses: {"cap"},
    the_hours_are_not_asked_at_the_start: {"window"},
    opt_outs_are_not_recorded: {"opted out", "opt-out lost"},
    opt_outs_are_recorded_after_the_look: {"opt-out lost"},
    nobody_looks_before_the_plan: {"unlooked"},
    states_climb_down: {"climbs down"},
    the_first_look_stands: {"look lost"},
    sent_is_taken_for_delivered: {"untrue delivery"},
    what_is_sent_counts_as_delivered: {"untrue delivery"},
    any_message_of_ours_is_taken_for_it: {"untrue delivery"},
    the_last_of_several_speaks_for_all: {"untrue delivery"},
    failures_are_not_looked_at_again: {"replaced"},
    what_failed_once_is_replaced: {"replaced"},
    any_failure_is_replaced: {"replaced"},
    replacements_are_forgotten: {
        "replaced",
        "lost",
    },  # lost: the same one again has a key that is there, so no plan ends
    every_failure_of_a_person_is_replaced: {"replaced"},
    failures_are_replaced_at_once: {"replaced"},
    who_is_not_on_whatsapp_is_messaged: {"unreachable"},
    who_proves_unreachable_meanwhile_is_messaged: {"unreachable"},
    the_canary_is_not_waited_for: {"canary"},
    a_canary_counts_for_every_sender: {"canary"},
    failed_messages_do_not_stop_the_run: {"undelivered"},
}


ONLY_IN: dict[Breaking, Callable[[Knobs], object]] = {
    starts_are_not_kept_apart: lambda knobs: knobs.stalls,
    suppression_is_ignored_at_the_claim: lambda knobs: knobs.outreach.listed,
    history_is_ignored_at_the_claim: lambda knobs: knobs.outreach.rules.not_within and knobs.outreach.others,
    the_cap_never_refuses: lambda knobs: knobs.outreach.rules.per_24h,
    the_hours_are_not_asked_at_the_start: lambda knobs: knobs.outreach.windows,
    opt_outs_are_not_recorded: lambda knobs: knobs.moves.replies,
    opt_outs_are_recorded_after_the_look: lambda knobs: knobs.moves.replies,
    nobody_looks_before_the_plan: lambda knobs: knobs.moves.replies and knobs.invoices > 1,
    states_climb_down: lambda knobs: knobs.moves.follows,
    the_first_look_stands: lambda knobs: knobs.moves.follows,
    sent_is_taken_for_delivered: lambda knobs: knobs.moves.follows,
    what_is_sent_counts_as_delivered: lambda knobs: knobs.moves.follows,
    any_message_of_ours_is_taken_for_it: lambda knobs: knobs.moves.strangers,
    the_last_of_several_speaks_for_all: lambda knobs: knobs.moves.strangers or knobs.invoices > 1,
    failures_are_not_looked_at_again: lambda knobs: knobs.moves.replaces,
    what_failed_once_is_replaced: lambda knobs: knobs.moves.replaces,
    any_failure_is_replaced: lambda knobs: knobs.moves.replaces,
    replacements_are_forgotten: lambda knobs: knobs.moves.replaces and knobs.invoices > 1,
    every_failure_of_a_person_is_replaced: lambda knobs: knobs.moves.replaces and knobs.invoices > 1,
    failures_are_replaced_at_once: lambda knobs: knobs.moves.replaces,
    who_is_not_on_whatsapp_is_messaged: lambda knobs: knobs.moves.skip_unreachable and knobs.invoices > 1,
    who_proves_unreachable_meanwhile_is_messaged: lambda knobs: knobs.moves.skip_unreachable and knobs.invoices > 1,
    the_canary_is_not_waited_for: lambda knobs: knobs.moves.canaries,
    a_canary_counts_for_every_sender: lambda knobs: knobs.moves.canaries,
    failed_messages_do_not_stop_the_run: lambda knobs: knobs.moves.broken,
}
"""Worlds in which it can be seen at all: the others are left out, to save time."""


@pytest.mark.parametrize("breaking", BREAKINGS, ids=lambda breaking: breaking.__name__)
@pytest.mark.long
def test_a_broken_product_is_seen(breaking: Breaking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these breaks the promise in its own way, and some world of the first seeds shows it."""
    breaking(monkeypatch)
    like = ONLY_IN.get(breaking, lambda _: True)
    seeds = (seed for seed in range(ENOUGH) if like(draw_knobs(stream(seed, "knobs"))))
    seen = (breach.rule for seed in seeds for breach in play(seed).breaches)
    assert any(rule in BREAKINGS[breaking] for rule in seen)
