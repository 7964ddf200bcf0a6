"""Looks of a run that is sending: at its first messages, at some of the others, and at those that failed before.

`run` and each lane of a worker use them alike. Loaded only where there are looks: most of what it needs serves reading
alone.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property

from batch.app.inputs.staging import utc_now
from batch.app.looks import DEFAULT_RATE, Clock, LookPace, LookPass
from batch.app.runs.progress import Watcher
from batch.app.settings import Settings
from batch.chats import Token
from batch.errors import LedgerFailed
from batch.event_log import log
from batch.i18n import N_, _
from batch.ledger import FollowedMessage, Ledger, SendQueue
from batch.model.delivery import SAMPLE_AFTER, DeliveryState
from batch.model.messages import Job, is_loopback
from batch.model.outcomes import Outcome
from batch.model.phone.cells import format_phone
from batch.model.reasons import Finding, Reason, sentence
from batch.model.runs import StopCause
from batch.pool import Pool, PoolResult, StopSignal, ledger_failure

CANARY_COUNTS = timedelta(hours=24)
"""How long a canary that passed counts for its template and sender."""
ROUND = 1.0
"""Seconds before the first round of looks at the canary; each later one waits twice as long, up to `_LONGEST_ROUND`."""
_LONGEST_ROUND = 15.0
_REHEARSAL_RATE = 50.0
"""Looks a second at an API on this machine, which need not be spared."""
SAMPLE_OF = 100
"""One of so many messages is looked at while a run sends."""
SAMPLE_EVERY = 15.0
"""Seconds between two choices of them."""
FEWEST_SAMPLES = 30
"""Looks before a share of failures means anything."""
SAMPLES = 100
"""Latest looks by which a run is judged: a template may be paused in the middle of it."""
_ONE_LOOK = 20.0
"""Seconds that the look at a message may take which is to be replaced."""
_MOST_REFUSALS = 5
_FOREVER = 1e6
_UNTOLD = DeliveryState.NOT_TOLD_APART
"""The chat has several messages of ours that differ: nothing is known of this one, good or bad."""
_SHOWN = 30
"""Messages that a stop names."""
_STATES: Mapping[DeliveryState | None, str] = {
    None: N_("not looked at"),
    DeliveryState.NOT_FOUND: N_("not found in the chat"),
    DeliveryState.NOT_TOLD_APART: N_("one of several messages"),
    DeliveryState.OTHER: N_("not known"),
    DeliveryState.PROCESSING: N_("in processing still"),
    DeliveryState.SENT: N_("sent"),
    DeliveryState.FAILED: N_("failed"),
    DeliveryState.DELIVERED: N_("delivered"),
    DeliveryState.READ: N_("read"),
}


FirstRows = tuple[datetime, int | None]
"""A moment since which they were sent alone, and the last of them."""


class RunLooks:
    """Looks at the messages of a run that is sending, and the stop that they ask for."""

    def __init__(
        self,
        ledger: Ledger,
        run: str,
        settings: Settings,
        token: Token,
        *,
        stop: StopSignal,
        watcher: Watcher,
        undelivered: float,
        sender: str | None = None,
        pace: LookPace | None = None,
        now: Clock | None = None,
    ) -> None:
        """`undelivered`: the share of failed messages above which the run stops. `sender`: of its messages alone; None:
        of all. `pace`: shared with other looks."""
        self._ledger = ledger
        self._run = run
        self._settings = settings
        self._token = token
        self._stop = stop
        self._watcher = watcher
        self._undelivered = undelivered
        self._loop = asyncio.get_running_loop()
        self._pace = pace or LookPace(find_rate(settings.endpoint))
        self._now = now or utc_now
        self._sender = sender
        self._refusals = 0
        self.remarks: list[Finding] = []
        """Looks that were not made, and why."""

    @cached_property
    def failed(self) -> Mapping[str, FollowedMessage]:
        """Failed messages, by the keys of those that are to replace them, as they were at the beginning."""
        return self._ledger.deliveries.replaced_by(self._run, self._sender)

    async def send_canary(
        self, pool: Pool, queue: SendQueue, rows: int, look: float, limit: int | None, *, template: str
    ) -> PoolResult:
        """Send so many rows alone, and the rest only when all were accepted, and sent on within `look` seconds.

        A canary that passed lately for the template and all senders is enough. `look` 0: no looks. Where all of them
        were given up (each was to replace a message that arrived after all) the next ones go alone.
        """
        began, tried = self._now(), 0
        if look and self.counts(queue.senders(), template):
            return await pool.run(limit)
        while limit is None or limit - tried > rows:
            upto, tried = queue.row_of(rows), tried + rows
            first = await pool.run(rows)
            if first.cause is not None or first.jobs < tried or queue.row_of(1) is None:
                return first
            if first.outcomes:
                await self.judge_canary(first.outcomes, (began, upto), look, template)
                break
        return await pool.run(None if limit is None else limit - tried)

    def counts(self, senders: Iterable[str], template: str) -> bool:
        """Return whether a canary with the template has passed lately, for all of these senders."""
        passed = self._ledger.deliveries.canary_senders
        if not set(senders) <= passed(self._settings.endpoint, template, self._now() - CANARY_COUNTS):
            return False
        log.info("canary_counts", template=template)
        return True

    async def judge_canary(self, outcomes: Mapping[Outcome, int], first: FirstRows, look: float, template: str) -> bool:
        """Stop the run unless its first messages were accepted, and sent on within `look` seconds; True: the rest goes.

        `outcomes`: of the messages that it has sent; none of them: all were given up, and the rest goes. `look` 0: no
        looks.
        """
        if not outcomes:
            return True
        if any(not outcome.is_accepted for outcome in outcomes):
            self._stop.request(StopCause.CANARY)
            return False
        with self._watcher.meter.hold(), self._stop_on_failure():
            if (not look or await self._pass_canary(first, look, template)) and self._watcher.go_on(
                sum(outcomes.values())
            ):
                return True
        self._stop.request(StopCause.INTERRUPTED)
        return False

    async def _pass_canary(self, first: FirstRows, seconds: float, template: str) -> bool:
        """Look until each message is sent on or failed, or the time is over; True when the rest may go."""
        until, wait = self._loop.time() + seconds, ROUND
        sent = self._read(first)
        self._watcher.look_at_canary(len(sent), seconds)
        while waiting := [message for message in sent.values() if not _is_judged(message)]:
            left = until - self._loop.time()
            if left <= 0:
                break
            if not await self._stop.sleep(min(wait, left)):
                return False
            passing = await self._look(waiting, until - self._loop.time())
            sent, wait = self._read(first), min(2 * wait, _LONGEST_ROUND)
            if passing.refused:
                self._stop.request(StopCause.LOOKS_REFUSED, Finding(Reason.LOOKS_REFUSED, {"why": passing.stopped}))
                return False
        if self._stop.is_requested or self._stops(sent.values()):
            return False
        going = [message for message in sent.values() if message.delivery and message.delivery.state.is_on_its_way]
        senders = {message.sender for message in going}
        self._ledger.deliveries.note_canary(self._settings.endpoint, senders, template, self._now())
        log.info("canary_passed", messages=len(sent))
        return True

    def _read(self, first: FirstRows) -> dict[int, FollowedMessage]:
        began, upto = first
        return self._ledger.deliveries.sent_by(self._run, began, upto=upto)

    async def sample(self, began: datetime, known: Iterable[FollowedMessage] = ()) -> None:
        """Look at one of every 100 messages 5 minutes after it was sent; stop the run by what the latest 100 show.

        Those that were sent since it `began`. `known`: messages that were looked at before.
        """
        count, since, ledger = 0, began, self._ledger.deliveries
        seen = deque(known, maxlen=SAMPLES)
        with self._stop_on_failure():
            while not self._stop.is_requested:
                until, chosen = self._now() - SAMPLE_AFTER, []
                for key in ledger.keys_sent(self._run, since, until, self._sender):
                    count += 1
                    if count % SAMPLE_OF == 0:
                        chosen.append(key)
                if chosen:
                    passing = await self._look(ledger.read(chosen))
                    seen += ledger.read(chosen)
                    if passing.refused:
                        self._remark(Reason.LOOKS_ENDED, passing.stopped)
                        return
                    judged = [message for message in seen if _state_of(message) is not _UNTOLD]
                    if len(judged) >= FEWEST_SAMPLES and self._stops(judged):
                        return
                since = max(since, until)
                await self._stop.sleep(SAMPLE_EVERY)

    async def _look(self, messages: Iterable[FollowedMessage], seconds: float | None = None) -> LookPass:
        """Make a look at each message, for so many seconds at most, and until the run stops."""
        passing = LookPass(
            self._ledger, list(messages), rate=find_rate(self._settings.endpoint), pace=self._pace, now=self._now
        )
        looking = asyncio.ensure_future(passing.work(self._settings, self._token))
        patience = asyncio.ensure_future(self._stop.sleep(_FOREVER if seconds is None else seconds))
        try:
            await asyncio.wait({looking, patience}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()
            looking.cancel()
            await asyncio.gather(looking, patience, return_exceptions=True)
        if not looking.cancelled():
            looking.result()
        return passing

    @contextmanager
    def _stop_on_failure(self) -> Iterator[None]:
        """Stop the run when the ledger takes no look: what it has shown would be lost, an opt-out too."""
        try:
            yield
        except LedgerFailed as failed:
            self._stop.request(StopCause.LEDGER_FAILED, ledger_failure(failed))

    async def look_again(self, job: Job) -> bool:
        """Look at the message that this one is to replace; False when the look does not show that it failed.

        The claim asks for the code and for what others have seen since. Where the API refuses to be asked, no look is
        made any more, and nothing is replaced.
        """
        failed = self.failed.get(job.key)
        if failed is None or self._refusals >= _MOST_REFUSALS:
            return failed is None
        async with self._pace.turn:
            passing = await self._look([failed], _ONE_LOOK)
        self._refusals = self._refusals + 1 if passing.refused else 0
        if self._refusals == _MOST_REFUSALS:
            self._remark(Reason.NOT_REPLACED, passing.stopped)
        return failed.key in passing.failed

    def _remark(self, reason: Reason, why: str) -> None:
        self.remarks.append(Finding(reason, {"why": why}))
        self._watcher.problems.append(sentence(self.remarks[-1]))

    def _stops(self, sent: Collection[FollowedMessage]) -> bool:
        """Stop the run when too many of these messages failed, or none was sent on."""
        states = [_state_of(message) for message in sent]
        failed, going = (
            states.count(DeliveryState.FAILED),
            sum(each is not None and each.is_on_its_way for each in states),
        )
        if failed <= self._undelivered * len(states) and going:
            return False
        if self._sender is None:  # else who watches the run names them: a lane has no time to search for rows
            self._watcher.problems += looked_lines(self._ledger.deliveries.by_row(self._run, sent))
        log.warning("undelivered", messages=len(states), failed=failed, sent_on=going)
        counts = {"all": len(states), "failed": failed, "going": going}
        self._stop.request(StopCause.UNDELIVERED, Finding(Reason.NOT_SENT_ON, counts))
        return True


def looked_lines(sent: Mapping[int, FollowedMessage]) -> list[str]:
    """Return what is known of messages that stopped a run, by row, for people."""
    lines = [_message_line(row, message) for row, message in sorted(sent.items())[:_SHOWN]]
    if any(_state_of(message) is _UNTOLD for message in sent.values()):
        lines.append(
            _(
                "Of several messages in one chat a look cannot always tell which is which. If they arrive, write "
                'look = "0s" under [canary]: then the rest goes out once the first rows are accepted.'
            )
        )
    return ["\n".join(lines)] if lines else []


def _state_of(message: FollowedMessage) -> DeliveryState | None:
    return message.delivery.state if message.delivery else None


def _is_judged(message: FollowedMessage) -> bool:
    state = _state_of(message)
    return state is not None and (state.is_on_its_way or state is DeliveryState.FAILED)


def _message_line(row: int, message: FollowedMessage) -> str:
    known = message.delivery
    about = (known.code, known.words or (known.word if known.state is DeliveryState.OTHER else None)) if known else ()
    state = " ".join([_(_STATES[_state_of(message)]), *(str(each) for each in about if each)])
    return _("  row {row}, {phone}: {state}").format(row=row, phone=format_phone(message.person), state=state)


def find_rate(endpoint: str) -> float:
    """Return how many looks a second a run makes at an endpoint."""
    return max(DEFAULT_RATE, _REHEARSAL_RATE) if is_loopback(endpoint) else DEFAULT_RATE
