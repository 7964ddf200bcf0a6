"""Sends what a run planned: the pool with its ledger, its connections and its signals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from batch.app.prepared import utc_now
from batch.app.settings import Settings
from batch.campaign import Campaign
from batch.chats import ChatsClient, Token, make_ssl_context
from batch.ledger import Ledger, Owner
from batch.pool import Pool, PoolSettings, Progress, RepeatRules, Sent, Stop, StopRules, stopping_on_signals

__all__ = ["SendingWatcher", "pool_settings", "send"]


class SendingWatcher(Progress, Protocol):
    """Who watches the pool, and hears of signals."""

    def signalled(self, *, again: bool) -> None: ...


def pool_settings(campaign: Campaign, settings: Settings) -> PoolSettings:
    """The campaign's numbers; options and environment win."""
    return PoolSettings(
        rate=settings.rate or campaign.throttle.rate,
        concurrency=settings.concurrency or campaign.throttle.concurrency,
        repeats=RepeatRules(tries=campaign.stop.retries, seconds=campaign.stop.retry_for),
        stop=StopRules(errors=campaign.stop.errors, unknowns=campaign.stop.unknowns),
    )


def send(
    ledger: Ledger,
    owner: Owner,
    *,
    endpoint: str,
    token: Token,
    settings: Settings,
    pool: PoolSettings,
    limit: int | None,
    watcher: SendingWatcher,
) -> Sent:
    """Send the pending messages of the owner's run, at most `limit`. Every outcome is durable when it returns."""
    client = _client_maker(endpoint, token, settings)

    async def work() -> Sent:
        stop = Stop()
        with ledger.sending(owner) as sending, stopping_on_signals(stop, lambda again: watcher.signalled(again=again)):
            workers = Pool(ledger=sending, client=client, settings=pool, now=utc_now, progress=watcher, stop=stop)
            return await workers.run(limit)

    return asyncio.run(work())


def _client_maker(endpoint: str, token: Token, settings: Settings) -> Callable[[], ChatsClient]:
    context = make_ssl_context() if endpoint.startswith("https:") else None

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
