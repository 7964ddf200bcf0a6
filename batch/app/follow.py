"""`follow`: looks into the chats of accepted messages for what became of them, who answered, and who opted out.

It reads, and sends nothing. Every look is recorded by itself, so that a pass may be ended anywhere and given again.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil
from pathlib import Path
from zoneinfo import ZoneInfo

from batch.app.inputs.staging import utc_now
from batch.app.reconcile import ReconcileReport, read_campaign, read_texts, reconcile, refuse_elsewhere
from batch.app.report import find_run, rewrite_report
from batch.app.runs.finish import RunReport
from batch.app.settings import Settings
from batch.chats import ChatsReader, Timeline, TimelineFailure, Token
from batch.errors import SettingsError, WeglyBatchError
from batch.i18n import _
from batch.ledger import FollowedMessage, FollowScope, Ledger, OtherAttempt, Owner, UndecidedReply, follow_lock
from batch.model.chat_history import Span, TimelineMessage
from batch.model.delivery import DeliveryCounts, DeliveryState, Sighting, match_message, see
from batch.model.outcomes import ExitCode
from batch.model.runs import Run
from batch.reporter import DeliverySummary, delivery_headline, summarize_delivery

DEFAULT_RATE = 2.0
"""Looks a second."""
DEFAULT_SINCE = timedelta(days=31)
"""How old a message may be: the last look is after 30 days."""
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

OnLook = Callable[[int, int], None]
"""Called with the looks made and those to make."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowReport:
    """Result of a pass."""

    endpoint: str
    ledger: str
    runs: tuple[Run, ...]
    """Runs that were named; empty: all messages since `since`."""
    since: datetime | None
    timezone: str
    """By whose clock times are shown: of the named run, else of the latest one."""
    looks: int
    changed: int
    """Looks that showed another state, or a reply."""
    due: int
    """Messages that are still due for a look."""
    opted_out: tuple[FollowedMessage, ...]
    """Messages whose people this pass has put on the suppression list."""
    undecided: tuple[UndecidedReply, ...]
    counts: DeliveryCounts | None
    """Of all messages that are followed; None when none was looked at."""
    settled: ReconcileReport | None
    """Unknown rows of the run; None when no campaign was named."""
    unknown: int
    """Unknown rows of the named runs that were not looked for."""
    reports: tuple[RunReport, ...]
    """Those that were written again."""
    problems: tuple[str, ...]
    stopped: str
    """Why the pass ended early, without a full stop; empty when it did not."""
    refused: bool
    """The API refused to be asked."""

    @property
    def exit_code(self) -> ExitCode:
        if self.refused:
            return ExitCode.STOPPED
        return ExitCode.PENDING if self.due else ExitCode.DONE

    @property
    def delivery(self) -> DeliverySummary | None:
        """The part `delivery` of summary.json; None when nothing was looked at."""
        return summarize_delivery(self.counts, ZoneInfo(self.timezone)) if self.counts else None

    @property
    def headline(self) -> str:
        """The second headline; empty when nothing was looked at."""
        return delivery_headline(self.counts, self.timezone) if self.counts else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowChoices:
    """The messages to follow, and how."""

    runs: Sequence[str] = ()
    since: timedelta | None = None
    """None: of named runs all, else `DEFAULT_SINCE`."""
    limit: int | None = None
    """Looks at the most."""
    campaign: Path | None = None
    """The campaign file of the one run that is named: its unknown rows are looked for as well."""
    sheet: Path | None = None
    """That run's sheet, where it was moved."""


def follow(choices: FollowChoices, *, settings: Settings, token: Token, on_look: OnLook) -> FollowReport:
    """Make the looks that are due, and write the reports of the runs again whose messages have changed.

    Durable on return. Raises InputError for a run or campaign that does not fit, Busy when another pass, or (with a
    campaign) a run of it, is at work.
    """
    now, endpoint = utc_now(), settings.endpoint
    with Ledger.for_reading(settings.ledger) as ledger:
        runs = tuple(_find_runs(ledger, choices, settings))
        since = None if runs and choices.since is None else now - (choices.since or DEFAULT_SINCE)
        scope = FollowScope(endpoint=endpoint, runs=tuple(run.run for run in runs), since=since)
        with ledger.hold([follow_lock(endpoint)], Owner.here(_("a pass of `follow`"))):
            settled, texts = None, dict[str, str]()
            if choices.campaign is not None:
                settled = reconcile(runs[0].run, choices.campaign, choices.sheet, settings=settings, token=token)
            due = ledger.deliveries.due(scope, utc_now())
            if choices.campaign is not None:
                loaded = read_campaign(runs[0], choices.campaign, settings)
                texts = read_texts(runs[0], loaded, choices.sheet, {each.key for each in due}, ledger.hashes.key)
            passing = _Pass(ledger, due[: choices.limit], texts, on_look)
            if due:
                asyncio.run(passing.work(settings, token))
            touched = [*(run.run for run in runs if settled and settled.found), *passing.touched]
            reports, problems = _write_reports(ledger, touched, settings)
            return FollowReport(
                endpoint=endpoint,
                ledger=ledger.location,
                runs=runs,
                since=since,
                timezone=next((run.timezone for run in (*runs, *ledger.runs()) if run.endpoint == endpoint), "UTC"),
                looks=passing.looks,
                changed=passing.changed,
                due=len(ledger.deliveries.due(scope, utc_now())),
                opted_out=tuple(passing.opted_out),
                undecided=tuple(ledger.deliveries.undecided(scope)),
                counts=ledger.deliveries.count(scope),
                settled=settled,
                unknown=0 if settled else sum(len(ledger.settlements.row_statuses(run.run)) for run in runs),
                reports=reports,
                problems=problems,
                stopped=passing.stopped,
                refused=passing.refused,
            )


def _find_runs(ledger: Ledger, choices: FollowChoices, settings: Settings) -> Iterable[Run]:
    if choices.campaign is not None and len(choices.runs) != 1:
        raise SettingsError(
            _("A campaign file is of one run, and {count} are named.").format(count=len(choices.runs)),
            _("Name the run whose unknown rows are to be looked for, or leave -c out."),
        )
    for name in choices.runs:
        run = find_run(ledger, name)
        refuse_elsewhere(run, settings)
        yield run


def _write_reports(
    ledger: Ledger, names: Iterable[str], settings: Settings
) -> tuple[tuple[RunReport, ...], tuple[str, ...]]:
    """Write the reports of these runs again, as far as their folders are there."""
    reports, problems = [], []
    for name in dict.fromkeys(names):
        run = ledger.run(name)
        if run is None or run.trial or not Path(run.report_dir or "").is_dir():
            continue
        try:
            reports.append(rewrite_report(name, settings))
        except WeglyBatchError as error:
            problems.append(f"{error.problem} {error.remedy}".rstrip())
    return tuple(reports), tuple(problems)


class _Pace:
    """Evenly spaced starts, and pauses that hold for every reader."""

    def __init__(self, rate: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._apart = 1 / rate
        self._next = self._loop.time()
        self._until = 0.0
        """End of the last pause."""

    async def slot(self) -> None:
        """Wait for the next free start."""
        at = -1.0
        while at < self._until:
            at = max(self._next, self._loop.time())
            self._next = at + self._apart
            await asyncio.sleep(at - self._loop.time())

    async def pause(self, seconds: float) -> None:
        """Wait, and let no other start meanwhile."""
        self._until = max(self._until, self._loop.time() + seconds)
        self._next = max(self._next, self._until)
        await asyncio.sleep(seconds)


class _Pass:
    """The looks of one pass, and what they came to."""

    def __init__(
        self, ledger: Ledger, due: Sequence[FollowedMessage], texts: Mapping[str, str], on_look: OnLook
    ) -> None:
        self._ledger = ledger.deliveries
        self._texts = texts
        self._on_look = on_look
        self._total = len(due)
        chats: dict[tuple[str, str], list[FollowedMessage]] = {}
        for message in due:
            chats.setdefault((message.endpoint, message.chat_id), []).append(message)
        # The latest first: a chat of long ago may be gone, and not all of the first ones are to be.
        self._chats = sorted(chats.values(), key=lambda chat: max(each.sent_at for each in chat), reverse=True)
        self._others: Mapping[str, Sequence[OtherAttempt]] = {}
        if due:
            self._others = self._ledger.find_others(due[0].endpoint, [message.person for message in due])
        self._has_answer = False
        self._refused_chats: list[list[FollowedMessage]] = []
        self._failures = 0
        self.looks = self.changed = 0
        self.opted_out: list[FollowedMessage] = []
        self.touched: dict[str, None] = {}
        """Runs whose messages have changed."""
        self._refusal = ""
        self.stopped = ""
        self.refused = False

    async def work(self, settings: Settings, token: Token) -> None:
        """Make the looks, no faster than the rate, one for all messages of a chat."""
        rate = settings.rate or DEFAULT_RATE
        pace, waiting = _Pace(rate), iter(self._chats)

        async def read() -> None:
            reader = settings.make_client(ChatsReader, token, now=utc_now, sleep=pace.pause)
            try:
                for chat in waiting:
                    await pace.slot()
                    if self.stopped:
                        return
                    since = min(message.sent_at for message in chat) - _WIDEST_MARGIN
                    self._note(chat, await reader.timeline(chat[0].chat_id, since=since))
            finally:
                await reader.aclose()

        readers = min(_MOST_READERS, max(1, ceil(rate * _READERS_PER_RATE)), len(self._chats))
        await asyncio.gather(*(read() for _ in range(readers)))
        if self._refused_chats and not self._has_answer and not self.stopped:
            self.refused, self.stopped = True, self._refusal

    def _note(self, chat: Sequence[FollowedMessage], read: Timeline | TimelineFailure) -> None:
        if isinstance(read, TimelineFailure):
            self._note_failure(list(chat), read)
            return
        self._has_answer, self._failures = True, 0
        for message in (each for refused in self._refused_chats for each in refused):
            self._record(message, _no_sight())
        self._refused_chats.clear()
        for message in chat:
            self._record(message, self._look(message, read))

    def _note_failure(self, chat: list[FollowedMessage], failure: TimelineFailure) -> None:
        if failure.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            if self._has_answer:  # this chat is gone, and the look at it is made
                for message in chat:
                    self._record(message, _no_sight())
                return
            self._refused_chats.append(chat)
            self._refusal = failure.words
            if len(self._refused_chats) >= _REFUSALS:
                self.refused, self.stopped = True, failure.words
            return
        self._failures += 1
        if failure.status == HTTPStatus.UNAUTHORIZED:
            self.refused = True
        if self.refused or failure.for_all or self._failures >= _PATIENCE:
            self.stopped = failure.words

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
        if timeline.is_cut and isinstance(found, TimelineMessage) and found.id != message.message_id:
            found = DeliveryState.NOT_FOUND  # of what is not shown, some may be it as well
        return see(timeline.messages, found, at=utc_now(), span=own, words=message.opt_outs)

    def _record(self, message: FollowedMessage, seen: Sighting) -> None:
        recorded = self._ledger.record(message, seen)
        self.looks += 1
        if recorded is not None:
            known, suppressed = recorded
            before = message.delivery
            if before is None or (before.state, before.reply) != (known.state, known.reply):
                self.changed += 1
                self.touched.setdefault(message.run)
            if suppressed:
                self.opted_out.append(message)
        self._on_look(self.looks, self._total)


def _no_sight() -> Sighting:
    """A look at a chat that the API does not give."""
    return Sighting(at=utc_now(), state=DeliveryState.NOT_FOUND)
