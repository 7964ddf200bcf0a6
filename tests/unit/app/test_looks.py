"""One pass of looks: its readers work beside each other, and end with it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from batch.app.looks import LookPass
from batch.chats import Timeline
from batch.errors import LedgerFailed
from batch.ledger import FollowedMessage, Ledger
from batch.model.replies import OptOutWords

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def message(chat_id: str) -> FollowedMessage:
    """A message that was accepted at noon."""
    return FollowedMessage(
        key=f"key of {chat_id}",
        endpoint="http://127.0.0.1:9",
        person="+5511900001001",
        sender="s1",
        run="r1",
        timezone="America/Sao_Paulo",
        chat_id=chat_id,
        message_id=None,
        sent_at=NOON,
        duration_ms=1000,
        attempts=1,
        delivery=None,
        opt_outs=OptOutWords(),
    )


class Reader:
    """A reader in place of `ChatsReader`: the first chat is never answered, and the ledger fails at the second."""

    def __init__(self, waiting: list[str]) -> None:
        self._waiting = waiting
        self.is_closed = False

    async def timeline(self, chat_id: str, **_since: Any) -> Timeline:
        self._waiting.append(chat_id)
        if len(self._waiting) < 2:
            await asyncio.Event().wait()
        raise LedgerFailed("The ledger is damaged.", "Restore a copy.")

    async def aclose(self) -> None:
        self.is_closed = True


def test_a_look_that_fails_leaves_no_other_at_work(tmp_path: Path) -> None:
    """The others are cancelled and closed before the pass ends: none asks or records anything after it."""
    waiting: list[str] = []
    readers: list[Reader] = []

    def make_client(*_: Any, **__: Any) -> Reader:
        readers.append(Reader(waiting))
        return readers[-1]

    async def look() -> set[asyncio.Task[Any]]:
        with Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as ledger:
            passing = LookPass(ledger, [message("c1"), message("c2")], rate=1000.0)
            settings: Any = SimpleNamespace(make_client=make_client)
            token: Any = None
            with pytest.raises(LedgerFailed):
                await passing.work(settings, token)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(look()) == set()
    assert sorted(waiting) == ["c1", "c2"]
    assert [reader.is_closed for reader in readers] == [True, True]
