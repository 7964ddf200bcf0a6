"""The writer's thread: an end before its time is told to all who wait for a write."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from batch.ledger import Ledger
from batch.ledger.storage.writer import Kind, Writer


class _Defect(Exception):
    """Something that nobody foresaw."""


def _echo(_connection: sa.Connection, values: Sequence[str]) -> list[str]:
    return list(values)


def _fail(_writer: Writer, _group: object) -> None:
    raise _Defect


def test_whoever_waits_when_the_thread_dies_gets_its_defect(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """As does who comes later; leaving the writer waits for nobody."""
    kind = Kind(0, _echo)

    async def write(writer: Writer, value: str) -> str:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        writer.submit(kind, value, future)
        return await asyncio.wait_for(future, 20)

    async def work() -> list[str | BaseException]:
        with Writer(ledger._engine) as writer:
            ended = [await write(writer, "before")]
            monkeypatch.setattr(Writer, "_commit", _fail)
            at_once = await asyncio.gather(*(write(writer, each) for each in "abc"), return_exceptions=True)
            later = await asyncio.gather(write(writer, "later"), return_exceptions=True)
        return [*ended, *at_once, *later]

    before, *after = asyncio.run(work())
    assert before == "before"
    assert [type(each) for each in after] == [_Defect] * 4
