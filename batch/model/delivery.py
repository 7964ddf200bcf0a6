"""Delivery: what became of a message after the API accepted it, as far as looks into its chat have shown.

A look shows one moment. So nothing is claimed beyond what some look has shown, a state only climbs, and whatever order
looks come in, the same is known after them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from batch.i18n import N_
from batch.model.chat_history import Span, TimelineMessage, is_same_text
from batch.model.replies import OptOutWords, Reply, UndecidedReply, find_opt_out, find_reply, join_replies

LOOKS = tuple(timedelta(minutes=minutes) for minutes in (10, 120, 1440, 3 * 1440, 7 * 1440, 30 * 1440))
"""Times of the looks after a message was sent. WhatsApp gives up after 30 days."""
SAMPLE_AFTER = timedelta(minutes=5)
"""When a run looks at some of its messages, after each was sent."""
FOLLOWED = LOOKS[-1] + timedelta(days=1)
"""How old a message may be that is looked at without being named."""
STOPPED_MARKETING = 131050
"""WhatsApp's code for a person who wants no more marketing messages from the sender."""
UNREACHABLE = 131026
"""WhatsApp's code for a number that cannot get the message, in practice mostly one that is not on WhatsApp."""
TEMPLATE_PAUSED = 132015
REPEATABLE = (131049, 131000, 131016, 130429, 131057)
"""WhatsApp's codes of failures after which a message may be sent once more; so may one of `TEMPLATE_PAUSED`, once
another of its template and sender was sent on."""
_SEVERITY = {None: 0, TEMPLATE_PAUSED: 2, UNREACHABLE: 4, STOPPED_MARKETING: 5} | dict.fromkeys(REPEATABLE, 1)
"""How much a failure's code forbids: that of others is 3."""
RETRY_AFTER = timedelta(hours=24)
"""Least time between a failed message and the one that replaces it: Meta punishes earlier ones."""
RATED_AFTER = timedelta(hours=24)
"""Age from which on a message counts for rates: before, it may well be on its way."""
LEAST_RATED = 50
"""Messages of which a rate is given: that of fewer is chance."""
_FAILURE_STANDS = timedelta(hours=24)
"""How long a failure is doubted: `delivered` may follow it."""


class DeliveryState(StrEnum):
    """The furthest state that a look has shown. Each stands above the ones before it, and is never left for them."""

    NOT_FOUND = "not_found"
    """Not in the chat, which proves nothing."""
    NOT_TOLD_APART = "not_told_apart"
    """Several messages of ours may be it."""
    OTHER = "other"
    """In the chat, with a word that is not known here, or none."""
    PROCESSING = "processing"
    SENT = "sent"
    FAILED = "failed"
    """It stands while no look has shown `delivered` or `read`."""
    DELIVERED = "delivered"
    READ = "read"

    @property
    def is_on_its_way(self) -> bool:
        """True when WhatsApp has taken the message over."""
        return self is DeliveryState.SENT or self.arrived

    @property
    def arrived(self) -> bool:
        return self in (DeliveryState.DELIVERED, DeliveryState.READ)


STATE_WORDS: Mapping[DeliveryState, str] = {
    DeliveryState.NOT_FOUND: N_("not found in the chat, which proves nothing"),
    DeliveryState.NOT_TOLD_APART: N_("several messages of ours may be it"),
    DeliveryState.OTHER: N_("in the chat, with a state that is not known here"),
    DeliveryState.PROCESSING: N_("being processed"),
    DeliveryState.SENT: N_("sent, not delivered yet"),
    DeliveryState.FAILED: N_("failed"),
    DeliveryState.DELIVERED: N_("delivered"),
    DeliveryState.READ: N_("read"),
}
_RANK = {state: rank for rank, state in enumerate(DeliveryState)}
_WORDS: Mapping[str, DeliveryState] = {
    **{state.value: state for state in DeliveryState if _RANK[state] > _RANK[DeliveryState.OTHER]},
    "played": DeliveryState.READ,
    "error": DeliveryState.FAILED,
    "undelivered": DeliveryState.FAILED,
}


def failure_words(code: int | None, words: str) -> str:
    """Return the API's words of a failure without the code that they begin with."""
    return words.removeprefix(f"(#{code})").strip()


def failure_text(code: int | None, words: str) -> str:
    """Return WhatsApp's code and the API's words of a failure as one text; empty for neither."""
    return " ".join(filter(None, ("" if code is None else str(code), failure_words(code, words))))


def state_of(word: str | None) -> DeliveryState:
    """Return the state that an API's word stands for."""
    return _WORDS.get((word or "").strip().casefold(), DeliveryState.OTHER)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """A message as one look has shown it."""

    at: datetime
    """Time of the look."""
    state: DeliveryState
    message_id: str | None = None
    word: str | None = None
    """The API's own word for the state."""
    code: int | None = None
    words: str = ""
    """Of a failure: WhatsApp's code, and the API's words, without a full stop; as far as it gives them."""
    reply: Reply | None = None
    opted_out_at: datetime | None = None
    """When the person last opted out by a reply that this look shows; `reply` has the first time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A message as all looks together have shown it."""

    state: DeliveryState
    seen_at: datetime
    """The first look that showed this state. When it began is not known."""
    looked_at: datetime
    """The latest look."""
    looks: int = 1
    word: str | None = None
    code: int | None = None
    words: str = ""
    reply: Reply | None = None


def add_sighting(known: Delivery | None, seen: Sighting) -> Delivery:
    """Return what is known after one more look."""
    shown = {name: getattr(seen, name) for name in ("state", "word", "code", "words", "reply")}
    new = Delivery(seen_at=seen.at, looked_at=seen.at, **shown)
    if known is None:
        return new
    first, second = sorted((known, new), key=lambda each: (-_RANK[each.state], each.seen_at, each.word or ""))
    # Of two failures the one after which less may be sent counts, then the larger code: in whatever order they come.
    alike = (first, second) if first.state is second.state else (first,)
    failure = max(alike, key=lambda each: (_SEVERITY.get(each.code, 3), each.code or 0))
    return Delivery(
        state=first.state,
        seen_at=first.seen_at,
        looked_at=max(known.looked_at, seen.at),
        looks=known.looks + 1,
        word=first.word,
        code=failure.code,
        words=next((each.words for each in (failure, *alike) if each.words and each.code in (failure.code, None)), ""),
        reply=join_replies(known.reply, seen.reply),
    )


def next_look(sent_at: datetime, known: Delivery | None) -> datetime | None:
    """Return when a message is due for a look; None when it is settled.

    A message that was read is looked at until the 7 days of its replies are over; a failure until it has stood for a
    day.
    """
    if known is None:
        return sent_at + LOOKS[0]
    planned = [at for at in (sent_at + each for each in LOOKS) if at > known.looked_at]
    if known.state is DeliveryState.READ:
        planned = [at for at in planned if at <= sent_at + LOOKS[4]]
    elif known.state is DeliveryState.FAILED:
        stands = known.seen_at + _FAILURE_STANDS
        planned = [at for at in planned if at < stands] or ([stands] if known.looked_at < stands else [])
    return next(iter(planned), None)


def match_message(
    timeline: Sequence[TimelineMessage],
    *,
    message_id: str | None,
    span: Span,
    text: str | None = None,
    others: Collection[tuple[str | None, Span]] = (),
) -> TimelineMessage | DeliveryState:
    """Return the message of an attempt that was accepted, or NOT_FOUND or NOT_TOLD_APART.

    By its id; else as the only message of ours in its time; else by its text. Where several may be it that are alike in
    state and code, these are known whichever it is: returned as one message without an id, with `several`. A message
    that an agent wrote, or that was taken over from another history, is found by its id alone.

    Args:
        timeline: messages of the chat, in any order.
        message_id: as the answer to the attempt, or an earlier look, has shown it.
        span: time in which it can have been sent.
        text: its rendered text; None when it is not known.
        others: id, if known, and span of other attempts at the person in this chat.
    """
    # A page may show a message again that has got further since the page before: the furthest is kept.
    rising = sorted((each for each in timeline if each.from_me), key=lambda each: _RANK[state_of(each.status)])
    ours = [*{each.id or number: each for number, each in enumerate(rising)}.values()]
    by_id = next((each for each in ours if message_id is not None and each.id == message_id), None)
    if by_id is not None:
        return by_id
    taken = {other for other, _span in others if other is not None}
    rivals = [each for other, each in others if other is None and each.overlaps(span)]
    near = [
        each
        for each in ours
        if not each.is_history and not each.by_agent and span.contains(each.at) and each.id not in taken
    ]
    if not near:
        return DeliveryState.NOT_FOUND
    if len(near) <= len(rivals):
        return DeliveryState.NOT_TOLD_APART
    if len(near) > 1:
        near = [each for each in near if text is not None and is_same_text(each.text, text)] or near
    return near[0] if len(near) == 1 else _join_alike(near, span)


def _join_alike(near: Sequence[TimelineMessage], span: Span) -> TimelineMessage | DeliveryState:
    first, states = near[0], {(state_of(each.status), each.code) for each in near}
    if len(states) > 1 or state_of(first.status) is DeliveryState.OTHER:
        return DeliveryState.NOT_TOLD_APART
    words = first.words if all(each.words == first.words for each in near) else ""
    return TimelineMessage(at=span.start, status=first.status, code=first.code, words=words, several=True)


def see(
    timeline: Sequence[TimelineMessage],
    found: TimelineMessage | DeliveryState,
    *,
    at: datetime,
    span: Span,
    words: OptOutWords | None = None,
) -> Sighting:
    """Return what a look at `at` shows. `found`: what `match_message` has found in the timeline.

    Where the message is not found, or is one of several, only an opt-out counts, by a reply from the beginning of its
    time on or by WhatsApp's code at any message of ours in it: it is obeyed whatever it answers.
    """
    state = found if isinstance(found, DeliveryState) else state_of(found.status)
    if isinstance(found, DeliveryState):
        codes = {each.code for each in timeline if each.from_me and not each.is_history and span.contains(each.at)}
        found = TimelineMessage(at=span.start, code=next(iter(codes & {STOPPED_MARKETING}), None), several=True)
    reply = find_reply(timeline, found, words)
    return Sighting(
        at=at,
        state=state,
        message_id=found.id,
        word=found.status,
        code=found.code,
        words=found.words,
        reply=reply if reply is not None and (reply.opts_out or not found.several) else None,
        opted_out_at=find_opt_out(timeline, found, words),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryRates:
    """Messages of a template or a sender that were looked at a day or more after they were sent.

    The shares are of `messages`; None for fewer than 50.
    """

    by: str
    """`template` or `sender`."""
    name: str
    """Empty for a template that was not recorded."""
    messages: int
    delivered: float | None
    """At least, as `read`."""
    read: float | None
    failed: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """Prices of accepted messages in one currency, of runs whose campaigns gave one."""

    expected: Decimal = Decimal(0)
    """If each of them arrives."""
    delivered: Decimal = Decimal(0)
    """Of those that arrived, at least."""

    def add(self, expected: Decimal, delivered: Decimal) -> "Spent":
        return Spent(expected=self.expected + expected, delivered=self.delivered + delivered)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryCounts:
    """Messages that the API accepted, by what looks have shown of them."""

    messaged: int = 0
    states: Mapping[DeliveryState, int] = field(default_factory=dict)
    """Of those that were looked at."""
    codes: Mapping[tuple[int | None, str], int] = field(default_factory=dict)
    """Failed messages by WhatsApp's code and the API's words, as far as it gave any."""
    replied: int = 0
    opted_out: int = 0
    looked_at: datetime | None = None
    """The latest look; None when there was none."""
    rated: Mapping[tuple[str, str], Mapping[DeliveryState, int]] = field(default_factory=dict)
    """(`template` or `sender`, its name) to the messages that a look has shown `RATED_AFTER` they were sent, or later.
    The name of a template is empty for runs that did not record it."""
    spent: Mapping[str, Spent] = field(default_factory=dict)
    """By currency."""
    undecided: tuple[UndecidedReply, ...] = ()
    """Replies that a person has to read, the oldest first."""

    @property
    def delivered(self) -> int:
        """At least so many arrived: a message that was read was delivered."""
        return self.states.get(DeliveryState.DELIVERED, 0) + self.read

    @property
    def read(self) -> int:
        return self.states.get(DeliveryState.READ, 0)

    @property
    def failed(self) -> int:
        return self.states.get(DeliveryState.FAILED, 0)

    @property
    def on_the_way(self) -> int:
        return sum(self.states.get(each, 0) for each in (DeliveryState.PROCESSING, DeliveryState.SENT))

    @property
    def not_known(self) -> int:
        """Not looked at, not found, ambiguous, or with another word."""
        return self.messaged - self.delivered - self.failed - self.on_the_way

    @property
    def rates(self) -> tuple[DeliveryRates, ...]:
        """Rates by template, then by sender; of most messages first."""
        return tuple(_rates(by, name, self.rated[by, name]) for by, name in sorted(self.rated, key=self._order))

    def _order(self, of: tuple[str, str]) -> tuple[bool, int, str]:
        by, name = of
        return by != "template", -sum(self.rated[of].values()), name


def _rates(by: str, name: str, states: Mapping[DeliveryState, int]) -> DeliveryRates:
    found, messages = DeliveryCounts(states=states), sum(states.values())
    delivered, read, failed = (
        count / messages if messages >= LEAST_RATED else None for count in (found.delivered, found.read, found.failed)
    )
    return DeliveryRates(by=by, name=name, messages=messages, delivered=delivered, read=read, failed=failed)
