"""Looks into the chats of accepted messages: paced, and each recorded by itself.

A look reads, and sends nothing. 429 holds all of them up; 401, 403 and 404 end a pass before it has recorded anything.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import zip_longest
from math import ceil
from types import MappingProxyType

from batch.app.inputs.staging import utc_now
from batch.app.settings import Settings
from batch.chats import ChatsReader, Timeline, TimelineFailure, Token
from batch.ledger import FollowedMessage, Ledger, OtherAttempt
from batch.model.chat_history import Span, TimelineMessage
from batch.model.delivery import DeliveryState, Sighting, match_message, see

DEFAULT_RATE = 2.0
"""Looks a second."""
_MOST_READERS = 16
_READERS_PER_RATE = 2
"""An answer may take this many seconds without slowing the looks."""
_PATIENCE = 5
"""Failed looks in a row that end a pass."""
_REFUSALS = 10
"""Chats that the API may refuse (403, 404) before it has given any: then it refuses all of them."""
_USUAL_ANSWER = 60_000
"""Milliseconds that an attempt may have taken whose time is not known."""
_WIDEST_MARGIN = timedelta(minutes=15)

Clock = Callable[[], datetime]
OnLook = Callable[[int, int], None]
"""Called with the looks made and those to make: at the beginning, and after each."""


class LookPace:
    """Evenly spaced starts, and pauses that hold for every reader."""

    def __init__(self, rate: float) -> None:
        self._apart = 1 / rate
        self._next = 0.0
        self._until = 0.0
        """End of the last pause."""
        self.turn = asyncio.Semaphore(_MOST_READERS)
        """Held by looks that wait for a start, where many may be asked for at once."""

    async def slot(self) -> None:
        """Wait for the next free start."""
        at, now = -1.0, asyncio.get_running_loop().time
        while at < self._until:
            at = max(self._next, now())
            self._next = at + self._apart
            await asyncio.sleep(at - now())

    async def pause(self, seconds: float) -> None:
        """Wait, and let no other start meanwhile."""
        self._until = max(self._until, asyncio.get_running_loop().time() + seconds)
        self._next = max(self._next, self._until)
        await asyncio.sleep(seconds)


class LookPass:
    """The looks of one pass, and what they came to."""

    def __init__(
        self,
        ledger: Ledger,
        due: Sequence[FollowedMessage],
        *,
        rate: float = DEFAULT_RATE,
        pace: LookPace | None = None,
        texts: Mapping[str, str] = MappingProxyType({}),
        on_look: OnLook = lambda *_: None,
        now: Clock | None = None,
    ) -> None:
        """`due`: messages of one endpoint. `pace`: shared with other passes. `texts`: key to rendered text."""
        self._now = now or utc_now
        self._ledger = ledger.deliveries
        self._rate = rate
        self._pace = pace
        self._texts = texts
        self._on_look = on_look
        self._total = len(due)
        chats: dict[tuple[str, str], list[FollowedMessage]] = {}
        for message in due:
            chats.setdefault((message.endpoint, message.chat_id), []).append(message)
        # From both ends, the latest first: chats of long ago may be gone, and those of one run may fail at each pass.
        ordered = sorted(chats.values(), key=lambda chat: max(each.sent_at for each in chat), reverse=True)
        half = (len(ordered) + 1) // 2
        both = zip_longest(ordered[:half], reversed(ordered[half:]))
        self._chats = [chat for pair in both for chat in pair if chat]
        self._others: Mapping[str, Sequence[OtherAttempt]] = {}
        if due:
            self._others = self._ledger.find_others(due[0].endpoint, [message.person for message in due])
        self._has_answer = False
        self._refused_chats: list[list[FollowedMessage]] = []
        self._failures = 0
        self.looks = self.changed = 0
        self.opted_out: list[FollowedMessage] = []
        self.failed: set[str] = set()
        """Keys of the messages that these very looks have shown failed."""
        self.touched: dict[str, None] = {}
        """Runs whose messages have changed."""
        self._refusal = ""
        self._stopped = ""
        self._refused = False

    @property
    def refused(self) -> bool:
        """True when the API refuses to be asked: it gave none of the chats."""
        return self._refused or (bool(self._refused_chats) and not self._has_answer and not self._stopped)

    @property
    def stopped(self) -> str:
        """Reason for which the pass made no further looks, without a full stop; empty when it made all."""
        return self._stopped or (self._refusal if self.refused else "")

    async def work(self, settings: Settings, token: Token) -> None:
        """Make the looks, no faster than the rate, one for all messages of a chat."""
        pace, waiting = self._pace or LookPace(self._rate), iter(self._chats)
        self._on_look(0, self._total)

        async def read() -> None:
            reader = settings.make_client(ChatsReader, token, now=utc_now, sleep=pace.pause)
            try:
                for chat in waiting:
                    await pace.slot()
                    if self._stopped:
                        return
                    since = min(message.sent_at for message in chat) - _WIDEST_MARGIN
                    self._note(chat, await reader.timeline(chat[0].chat_id, since=since))
            finally:
                await reader.aclose()

        readers = min(_MOST_READERS, max(1, ceil(self._rate * _READERS_PER_RATE)), len(self._chats))
        reading = [asyncio.create_task(read()) for _ in range(readers)]
        try:
            await asyncio.gather(*reading)
        finally:  # one that fails leaves no other at work
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)

    def _note(self, chat: Sequence[FollowedMessage], read: Timeline | TimelineFailure) -> None:
        if isinstance(read, TimelineFailure):
            self._note_failure(list(chat), read)
            return
        self._has_answer, self._failures = True, 0
        for message in (each for refused in self._refused_chats for each in refused):
            self._record(message, self._no_sight())
        self._refused_chats.clear()
        for message in chat:
            self._record(message, self._look(message, read))

    def _note_failure(self, chat: list[FollowedMessage], failure: TimelineFailure) -> None:
        if failure.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            if self._has_answer:  # this chat is gone, and the look at it is made
                for message in chat:
                    self._record(message, self._no_sight())
                return
            self._refused_chats.append(chat)
            self._refusal = failure.words
            if len(self._refused_chats) >= _REFUSALS:
                self._refused, self._stopped = True, failure.words
            return
        self._failures += 1
        if failure.status == HTTPStatus.UNAUTHORIZED:
            self._refused = True
        if self._refused or failure.for_all or self._failures >= _PATIENCE:
            self._stopped = failure.words

    def _look(self, message: FollowedMessage, timeline: Timeline) -> Sighting:
        def span(began: datetime, milliseconds: int | None) -> Span:
            took = timedelta(milliseconds=_USUAL_ANSWER if milliseconds is None else milliseconds)
            return Span(start=began - timeline.margin, end=began + took + timeline.margin)

        own = span(message.sent_at, message.duration_ms)
        others = [
            (other.message_id, span(other.sent_at, other.duration_ms))
            for other in self._others.get(message.person, ())
            if other.key != message.key and other.sender.casefold() == message.sender.casefold()
        ]
        found = match_message(
            timeline.messages, message_id=message.message_id, span=own, text=self._texts.get(message.key), others=others
        )
        by_id = isinstance(found, TimelineMessage) and found.id is not None and found.id == message.message_id
        if timeline.is_cut and isinstance(found, TimelineMessage) and not by_id:
            found = DeliveryState.NOT_FOUND  # of what is not shown, some may be it as well
        return see(timeline.messages, found, at=self._now(), span=own, words=message.opt_outs)

    def _no_sight(self) -> Sighting:
        """A look at a chat that the API does not give."""
        return Sighting(at=self._now(), state=DeliveryState.NOT_FOUND)

    def _record(self, message: FollowedMessage, seen: Sighting) -> None:
        recorded = self._ledger.record(message, seen)
        self.looks += 1
        if seen.state is DeliveryState.FAILED:
            self.failed.add(message.key)
        if recorded is not None:
            known, suppressed = recorded
            before = message.delivery
            if before is None or (before.state, before.reply) != (known.state, known.reply):
                self.changed += 1
                self.touched.setdefault(message.run)
            if suppressed:
                self.opted_out.append(message)
        self._on_look(self.looks, self._total)
