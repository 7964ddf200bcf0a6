"""Sends what a run planned: the pool with its ledger, its connections and its signals."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

from batch.app.inputs.staging import utc_now
from batch.app.runs.metered import Metered, SendingWatcher, tell_as_time_passes
from batch.app.runs.progress import Meter
from batch.app.settings import Settings
from batch.campaign import Campaign
from batch.chats import ChatsClient, Token, make_ssl_context, warm_up
from batch.ledger import Ledger, Owner
from batch.model.contact_limits import OutreachRules
from batch.pool import Pool, PoolSettings, RepeatRules, Sent, Stop, StopCause, StopRules, stopping_on_signals

__all__ = ["send"]


def send(
    ledger: Ledger,
    owner: Owner,
    *,
    campaign: Campaign,
    endpoint: str,
    token: Token,
    settings: Settings,
    limit: int | None,
    watcher: SendingWatcher,
    canary: int | None,
    meter: Meter | None = None,
    rules: OutreachRules | None = None,
) -> Sent:
    """Send the pending messages of the owner's run, at most `limit`. Every outcome is durable when it returns.

    With a canary so many rows are sent alone, and the rest only when all of them were accepted. `meter` is told how it
    goes. `rules`: those of outreach; None: the campaign's.
    """
    warm_up()
    client = _client_maker(endpoint, token, settings)
    meter = meter or Meter(total=0)
    metered = Metered(meter, watcher)

    async def work() -> Sent:
        stop = Stop()
        sending_by = ledger.sending(owner, rules or campaign.outreach, endpoint=endpoint)
        with sending_by as sending, stopping_on_signals(stop, lambda again: metered.signalled(again=again)):
            pool = Pool(
                ledger=sending,
                client=client,
                settings=_pool_settings(campaign, settings),
                now=utc_now,
                progress=metered,
                stop=stop,
            )
            telling = asyncio.create_task(tell_as_time_passes(meter, watcher))
            try:
                return await _with_canary(pool, stop, canary, limit, metered)
            finally:
                telling.cancel()

    # What is loaded stays: to look it through again and again for garbage would halt everybody for a tenth of a second.
    gc.collect()
    gc.freeze()
    try:
        return asyncio.run(work())
    finally:
        gc.unfreeze()


async def _with_canary(pool: Pool, stop: Stop, canary: int | None, limit: int | None, watcher: Metered) -> Sent:
    if canary is None or (limit is not None and limit <= canary):
        return await pool.run(limit)
    first = await pool.run(canary)
    if first.cause is not None or first.jobs < canary:
        return first
    if any(not outcome.messaged for outcome in first.outcomes):
        stop.request(StopCause.CANARY)
    elif not watcher.go_on(sum(first.outcomes.values())):
        stop.request(StopCause.INTERRUPTED)
    return await pool.run(None if limit is None else limit - canary)


def _pool_settings(campaign: Campaign, settings: Settings) -> PoolSettings:
    """The campaign's numbers; options and environment win."""
    return PoolSettings(
        rate=settings.rate or campaign.throttle.rate,
        concurrency=settings.concurrency or campaign.throttle.concurrency,
        repeats=RepeatRules(tries=campaign.stop.retries, seconds=campaign.stop.retry_for),
        stop=StopRules(errors=campaign.stop.errors, unknowns=campaign.stop.unknowns),
        hours=campaign.hours,
        home=campaign.timezone,
        wait=settings.wait,
    )


def _client_maker(endpoint: str, token: Token, settings: Settings) -> Callable[[], ChatsClient]:
    context = make_ssl_context(trust_env=settings.trust_env) if endpoint.startswith("https:") else None

    def make() -> ChatsClient:
        return ChatsClient(
            endpoint=endpoint,
            token=token,
            origin=settings.origin,
            read_timeout=settings.read_timeout,
            ssl_context=context,
            trust_env=settings.trust_env,
        )

    return make
