"""The simulated connection: it makes attempts as the wire would, and the real failure table judges them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from batch.chats import failure_table as failures
from batch.chats.failure_table import Exchange as WireExchange
from batch.model.verdicts import Verdict
from simulated.api import Api, Exchange
from simulated.endings import Written
from simulated.process import Process

__all__ = ["SimulatedClient"]

CONNECTING = 0.01
"""Seconds until a connection is there."""
KEPT = 1.0
"""Seconds for which it is there after it was used."""
WRITING = 0.005
"""Seconds from the first byte to the last."""


class SimulatedClient:
    """What the pool needs of the API: one connection."""

    def __init__(self, api: Api, process: Process, *, now: Callable[[], datetime], read_timeout: float) -> None:
        self._api = api
        self._process = process
        self._now = now
        self._read_timeout = read_timeout
        self._written = Written.NOTHING
        self._kept_until = float("-inf")

    @property
    def written(self) -> bool:
        return self._written is not Written.NOTHING

    async def connect(self) -> Verdict | None:
        self._process.tick("connect")
        began, loop = self._now(), asyncio.get_running_loop()
        if loop.time() < self._kept_until:
            return None
        await asyncio.sleep(CONNECTING)
        fault = self._api.way()
        self._process.tick("connected")
        if fault is None:
            self._kept_until = loop.time() + KEPT
            return None
        attempt = WireExchange(written=False, sent_at=began, received_at=self._now(), fault=fault)
        return failures.judge(attempt, had_answer=False)

    async def post(self, payload: str, *, had_answer: bool, is_void: Callable[[], bool]) -> Verdict | None:
        self._written = Written.NOTHING
        self._process.tick("post")
        exchange = self._api.begin(self._process, payload)
        try:
            attempt = await self._attempt(exchange, is_void)
        except asyncio.CancelledError:
            if self.written:
                self._api.cut_off(exchange)
            raise
        finally:
            self._api.ended(exchange)
        if attempt is None:
            return None
        verdict = failures.judge(attempt, had_answer=had_answer)
        self._process.tick("answered")
        self._api.heard(exchange)
        return verdict

    async def aclose(self) -> None:
        self._process.tick("close")

    async def _attempt(self, exchange: Exchange, is_void: Callable[[], bool]) -> WireExchange | None:
        sent_at, ending = self._now(), exchange.ending
        loop = asyncio.get_running_loop()
        if loop.time() >= self._kept_until or ending.written is Written.NOTHING:
            await asyncio.sleep(CONNECTING)
        self._kept_until = loop.time() + KEPT
        if ending.written is not Written.NOTHING:
            if is_void():
                return None
            self._process.tick("first byte")
            self._written = Written.HEAD
            self._api.head_leaves(exchange)
            await asyncio.sleep(WRITING)
        if ending.written is Written.WHOLE:
            self._process.tick("last byte")
            self._written = Written.WHOLE
            self._api.arrived(exchange)
            self._process.tick("arrived")
        if ending.written is not Written.NOTHING:
            await asyncio.sleep(self._read_timeout if ending.patience else exchange.latency)
        return WireExchange(
            written=self.written,
            premature=ending.premature,
            sent_at=sent_at,
            received_at=self._now(),
            fault=ending.fault,
            status=exchange.status or ending.status,
            headers={"date": self._api.date(), **ending.headers} if ending.status else {},
            body=exchange.body if ending.body is None else ending.body,
            read_timeout=self._read_timeout,
        )
