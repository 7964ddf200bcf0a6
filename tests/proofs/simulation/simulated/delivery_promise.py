"""What may be claimed, and done, by what looks have been shown: checked against the API's log of it, by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Protocol

from batch.ledger import FollowScope, Ledger
from batch.model.runs import Result
from simulated.chats import Chats, Entry, Shown
from simulated.disk import Disk
from simulated.process import Process
from simulated.sheet import ENDPOINT

__all__ = ["SAMPLING", "DeliveryPromise", "Sampling"]

STOPPED_MARKETING = 131050
UNREACHABLE = 131026
ORDER = ("not_found", "not_told_apart", "other", "processing", "sent", "failed", "delivered", "read")
GOING = {"sent", "delivered", "read"}
REPEATABLE = {131049, 131000, 131016, 130429, 131057, 132015}
_DAY = timedelta(hours=24)
_FRESH = timedelta(minutes=2, seconds=5)
"""How old a look may be at a post that replaces what it has shown failed, on a machine that stalls."""
_LATE = timedelta(minutes=1)
_MARGIN = timedelta(minutes=15)
"""How much further back a timeline is asked for than the first message that is looked at."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """When a run looks at its own messages; far less than in earnest, so that small sheets see it too."""

    after: timedelta = timedelta(seconds=10)
    of: int = 2
    every: float = 5.0
    fewest: int = 3

    def most(self, messages: int) -> timedelta:
        """How old messages may be whose failure has not stopped the run, where reads go well."""
        return self.after + timedelta(seconds=self.every + 8 + messages / (2 * self.of))


SAMPLING = Sampling()


class Posting(Protocol):
    """What is looked at of a POST."""

    @property
    def process(self) -> Process: ...
    @property
    def key(self) -> str: ...
    @property
    def of(self) -> str | None: ...
    @property
    def person(self) -> str: ...
    @property
    def sender(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class _Look:
    """One timeline that was read whole."""

    process: Process
    at: datetime
    """By the clock of the process."""
    true_at: datetime
    shown: Sequence[Shown]
    opts_out: bool


@dataclass(eq=False, kw_only=True)
class _Sending:
    """What a life has posted."""

    keys: dict[str, str] = field(default_factory=dict)
    """Key to sender, in the order of their first posts."""
    accepted: list[datetime] = field(default_factory=list)
    canary: tuple[str, ...] | None = None
    """The first keys, once it looks at them."""
    passed: bool = False
    """Looks had shown them sent on when the first of the rest was posted: what they show later is not the canary's."""


class DeliveryPromise:
    """What was shown to whom, and what may follow from it."""

    def __init__(self, broken: Callable[[str, str], None]) -> None:
        self._broken = broken
        self.chats: Chats
        self.disk: Disk
        self.clock_was_wrong = False
        self._numbers = count()
        self._claimed: dict[str, int] = {}
        self._entries: dict[str, Entry] = {}
        """By key."""
        self._looks: dict[str, list[_Look]] = defaultdict(list)
        """By chat."""
        self._by_id: dict[str, list[tuple[_Look, str]]] = defaultdict(list)
        """By id of a message, the looks that have shown it, and its status there."""
        self._opted_out: dict[str, int] = {}
        """People whom everybody must know to have opted out, with the number of the event since which."""
        self._seen: dict[Process, dict[str, int]] = defaultdict(dict)
        """People whose opt-out a process has seen, likewise."""
        self._ever: set[str] = set()
        self._not_reached: set[str] = set()
        """People of whom a look, or an answer, has shown that WhatsApp could not reach them."""
        self._expected: dict[Process, set[str]] = {}
        """People who opted out where a look was due when the process planned."""
        self._failed_reads: set[Process] = set()
        self._replaced: dict[str, Counter[str]] = defaultdict(Counter)
        """By person, the keys that were replaced, with how many posts each that the API has not certainly refused."""
        self._replacing: dict[str, str] = {}
        """Key of a message that was posted in place of a failed one, and the failed one's."""
        self._replacements: Counter[str] = Counter()
        """By person, the messages in place of failed ones that were applied."""
        self._ranks: dict[str, int] = {}
        self._sending: dict[Process, _Sending] = defaultdict(_Sending)
        self.opted_out_by_look = 0

    # What happens

    def claimed(self, key: str) -> None:
        """A claim became durable."""
        self._claimed[key] = next(self._numbers)

    def applied(self, entry: Entry) -> None:
        self._entries[entry.key or ""] = entry
        person = self.chats.people[entry.chat]
        if entry.key in self._replacing:
            self._replacements[person] += 1
            if self._replacements[person] > 1:
                self._broken("replaced", f"{person} has got {self._replacements[person]} replacements")

    def accepted(self, process: Process, at: datetime, *, answer_after: float) -> None:
        """A message of the process was accepted; its answer can be read so many seconds after.

        One that is answered later than messages are looked at is not among those from which looks are drawn. In earnest
        answers are given up long before.
        """
        if timedelta(seconds=answer_after + 1) < SAMPLING.after:
            self._sending[process].accepted.append(at)

    def read_failed(self, process: Process) -> None:
        self._failed_reads.add(process)

    def saw(
        self, process: Process, shown: Sequence[Shown], *, at: datetime, true_at: datetime, since: datetime
    ) -> None:
        """A process has read a timeline to its end, back to `since`."""
        if not shown:
            return
        chat = shown[0].entry.chat
        person = self.chats.people[chat]
        first = since + _MARGIN + timedelta(seconds=1)
        opts_out = any(each.entry.opts_out and each.entry.at > first for each in shown)
        ours = [each for each in shown if each.entry.from_me]
        opts_out |= len(ours) == 1 and ours[0].stopped_marketing
        if any(each.entry.opts_out or each.stopped_marketing for each in shown):
            self._ever.add(person)
        if any(each.status == "failed" and each.entry.code == UNREACHABLE for each in ours):
            self._not_reached.add(person)
        look = _Look(
            process=process, at=at, true_at=true_at, shown=shown, opts_out=opts_out and not self.clock_was_wrong
        )
        self._looks[chat].append(look)
        for each in shown:
            self._by_id[each.entry.id].append((look, each.status))
        if look.opts_out:
            self.opted_out_by_look += 1
            self._seen[process].setdefault(person, next(self._numbers))

    def looked(self, process: Process) -> None:
        """A process goes on after its looks: what it has seen is durable."""
        for person in self._seen.pop(process, {}):
            self._opted_out.setdefault(person, next(self._numbers))

    def expect(self, process: Process, disk: Disk, now: datetime) -> None:
        """Note whose opt-out the looks that are due now will show."""
        query = (
            "select m.person, m.key from messages m left join deliveries d on d.key = m.key "
            "where m.state in ('success', 'reused') and m.chat_id is not null and d.key is null and m.sent_at < ?"
        )
        due = disk.look(query, _microseconds(now - timedelta(minutes=11)))
        entries = [(person, self._entries[key]) for person, key in due if key in self._entries]
        self._expected[process] = {
            person
            for person, ours in entries
            for each in self.chats.entries[ours.chat]
            if each.opts_out and ours.at < each.at < now - _LATE
        }

    def looks_at_canary(self, process: Process) -> None:
        sending = self._sending[process]
        sending.canary = tuple(sending.keys)

    def has_opted_out(self, person: str) -> bool:
        """Whether a look has shown anything that opts the person out."""
        return person in self._ever

    def refused_as_unreachable(self, person: str) -> None:
        self._not_reached.add(person)

    def was_not_reached(self, person: str) -> bool:
        """Whether a look, or an answer, has ever shown so."""
        return person in self._not_reached

    def replaces(self, key: str) -> bool:
        """Whether the message was posted in place of a failed one."""
        return key in self._replacing

    def replacement_of(self, key: str) -> bool:
        """Whether another message was posted in place of this one."""
        return key in self._replacing.values()

    @property
    def replacements(self) -> int:
        return sum(count > 0 for replaced in self._replaced.values() for count in replaced.values())

    # What must be true at a post

    def starts(self, post: Posting, at: datetime) -> None:
        """A POST begins."""
        process, key, person, sender, of = post.process, post.key, post.person, post.sender, post.of
        claimed = self._claimed.get(key, -1)
        for known in (self._opted_out, self._seen.get(process, {})):
            if known.get(person, claimed) < claimed:
                self._broken("opted out", f"{key[:8]} is posted to {person}, whose opt-out a look has shown")
        if not self.clock_was_wrong and process.alone:
            if person in self._expected.get(process, ()) and process not in self._failed_reads:
                self._broken(
                    "unlooked", f"{key[:8]} is posted to {person}, at whom a look was due that shows an opt-out"
                )
            self._check_canary(process, key, sender, at)
            self._check_stop(process, key, at)
            self._check_reachable(key, person)
        self._sending[process].keys.setdefault(key, sender)
        if of is not None:
            self._replacing[key] = of
            self._check_replacement(process, key, of, person, at)

    def leaves(self, of: str | None, person: str) -> None:
        """The first byte of a POST leaves."""
        if of is not None:
            self._replaced[person][of] += 1

    def refused(self, of: str | None, person: str) -> None:
        """The process has read that a POST was certainly not applied: it may give it up, and replace another one."""
        if of is not None:
            self._replaced[person][of] -= 1

    def _check_replacement(self, process: Process, key: str, of: str, person: str, at: datetime) -> None:
        if any(posts and replaced != of for replaced, posts in self._replaced[person].items()):
            self._broken("replaced", f"{key[:8]} replaces a second message to {person}")
        failed = self._entries.get(of)
        looks = self._by_id[failed.id] if failed else []
        if failed is None or not looks or looks[-1][1] != "failed" or failed.code not in REPEATABLE:
            self._broken("replaced", f"{key[:8]} replaces {of[:8]}, which no look has shown failed with such a code")
            return
        look, _status = looks[-1]
        if GOING & {status for _, status in looks} - {"sent"}:
            self._broken("replaced", f"{key[:8]} replaces {of[:8]}, which a look has shown delivered")
        if self.clock_was_wrong:
            return
        if look.process is not process or at - look.true_at > _FRESH:
            self._broken(
                "replaced", f"{key[:8]} replaces {of[:8]}, at which {look.process.name} looked at {look.true_at}"
            )
        if at - failed.at < _DAY - _LATE:
            self._broken("replaced", f"{key[:8]} replaces {of[:8]} after {at - failed.at}")

    def _check_canary(self, process: Process, key: str, sender: str, at: datetime) -> None:
        """After the first messages were accepted none goes out until looks have shown that they are sent on."""
        sending = self._sending[process]
        if process.canary is None or key in sending.keys or len(sending.keys) < process.canary or sending.passed:
            return
        first = sending.canary or tuple(sending.keys)[: process.canary]
        states = [self._best(each) for each in first]
        goes = any(state in GOING for state in states)
        sending.passed = goes and states.count("failed") <= process.undelivered * len(first)
        if not sending.passed and not {*sending.keys.values(), sender} <= self._going_senders(at):
            self._broken("canary", f"{key[:8]} is posted, but of the first ones looks have shown {states}")

    def _going_senders(self, at: datetime) -> set[str]:
        """The senders of which a look of the last day has shown a message that was sent on."""
        return {
            self._sender_of(entry)
            for entry in self._entries.values()
            for look, status in self._by_id[entry.id]
            if status in GOING and look.true_at > at - _DAY - _LATE
        }

    def _sender_of(self, entry: Entry) -> str:
        return next(each.keys[entry.key] for each in self._sending.values() if entry.key in each.keys)

    def _check_stop(self, process: Process, key: str, at: datetime) -> None:
        """Where all messages fail, a run ends soon after so many could have been looked at."""
        if not process.fails or process in self._failed_reads:
            return
        accepted = self._sending[process].accepted
        old = sum(at - each > SAMPLING.most(len(accepted)) for each in accepted)
        if old > SAMPLING.of * SAMPLING.fewest:
            self._broken("undelivered", f"{key[:8]} is posted, though {old} messages failed before")

    def _check_reachable(self, key: str, person: str) -> None:
        """By what the ledger had at the claim: no message that could not be delivered, and none since that was."""
        within = self.chats.moves.skip_unreachable
        if within is None:
            return
        [(claimed,)] = self.disk.look("select sent_at from messages where key = ?", key)
        query = (
            "select m.key from messages m left join deliveries d on d.key = m.key and d.attempts = m.attempts "
            "where m.person = ? and m.key <> ? and m.sent_at > ? and m.sent_at < ? "
            "and ((d.state = 'failed' and d.code = ? and d.looked_at < ?) or "
            "(m.state = 'error' and m.findings like '%not_on_whatsapp%')) "
            "and not exists (select 1 from messages l join deliveries o on o.key = l.key and o.attempts = l.attempts "
            "where l.person = m.person and l.sent_at > m.sent_at and o.state in ('delivered', 'read'))"
        )
        since = claimed - within // timedelta(microseconds=1)
        for (other,) in self.disk.look(query, person, key, since, claimed, UNREACHABLE, claimed):
            self._broken("unreachable", f"{key[:8]} is posted to {person}, whom {other[:8]} did not reach")

    def _best(self, key: str) -> str:
        """The furthest status that looks have shown of a message."""
        entry = self._entries.get(key)
        found = [_state(status) for _look, status in self._by_id[entry.id]] if entry else []
        return max(found, key=ORDER.index, default="")

    # What must be true of the ledger

    def check(self, disk: Disk, *, allowed: Callable[[str], bool]) -> None:
        """After each life. `allowed`: somebody put the person on the suppression list."""
        listed = {person for (person,) in disk.look("select person from suppressed")}
        for person in sorted(listed):
            if person not in self._ever and not allowed(person):
                self._broken("untrue delivery", f"{person} is on the list for nothing")
        query = (
            "select m.key, m.person, m.message_id, d.state, d.looked_at, d.code, d.reply, d.replied_at "
            "from messages m left join deliveries d on d.key = m.key and d.attempts = m.attempts "
            "where m.message_id is not null or d.key is not null"
        )
        for found in disk.look(query):
            self._check_message(found, listed)

    def _check_message(self, found: Sequence[Any], listed: set[str]) -> None:
        key, person, message_id, state, _looked_at, code, reply, replied_at = found
        entry = self._entries.get(key)
        short = f"{key[:8]} of {person}"
        if entry is None:
            self._broken("untrue delivery", f"{short} is {state}, and was never applied")
            return
        if message_id not in (None, entry.id):
            self._broken("untrue delivery", f"{short} has the id {message_id}, which is another message's")
        if state is None:
            return
        looks = self._by_id[entry.id]
        if state in ORDER[2:] and state not in {_state(status) for _, status in looks}:
            self._broken("untrue delivery", f"{short} is {state}, but looks have shown {[each for _, each in looks]}")
        # One not told apart from others opts its person out as well, where any message to the person shows the code.
        stopped = code == STOPPED_MARKETING and state in ORDER[:2] and person in self._ever
        if code is not None and not stopped and (state != "failed" or code != entry.code):
            self._broken("untrue delivery", f"{short} is {state} with {code}")
        if ORDER.index(state) < self._ranks.get(key, 0):
            self._broken("climbs down", f"{short} is {state}, and was {ORDER[self._ranks[key]]}")
        self._ranks[key] = ORDER.index(state)
        # Where the message was not told apart, an opt-out from the beginning of its time on is obeyed.
        doubtful = state in ORDER[:2] or message_id is None
        since = entry.at - _MARGIN if doubtful and reply == "opt_out" else entry.at
        if reply is not None and not self.clock_was_wrong and not self._has_reply(entry, replied_at, reply, since):
            self._broken("untrue delivery", f"{short} has the reply {reply}")
        self._check_latest(found, entry, is_listed=person in listed)

    def _check_latest(self, found: Sequence[Any], entry: Entry, *, is_listed: bool) -> None:
        """What the latest look has shown is in the ledger, all of it."""
        key, person, message_id, state, looked_at, *_reply = found
        short = f"{key[:8]} of {person}"
        # Another process may look at the same moment, see less, and be the one that lives to record it.
        durable = [look for look in self._looks[entry.chat] if (key, look.at) in look.process.recorded]
        for look in (each for each in durable if _microseconds(each.at) == looked_at):
            status = next((_state(each.status) for each in look.shown if each.entry is entry), "not_found")
            if message_id is not None and ORDER.index(status) > ORDER.index(state):
                self._broken("look lost", f"{short} is {state}, and the latest look has shown {status}")
            if look.opts_out and not is_listed:
                self._broken("opt-out lost", f"{person} is on no list, and the look at {look.at} has shown an opt-out")

    def _has_reply(self, entry: Entry, at: int, kind: str, since: datetime) -> bool:
        shown = {each.entry for look in self._looks[entry.chat] for each in look.shown}
        return any(
            not each.from_me and abs(_microseconds(each.at) - at) < 2_000_000 and each.at > since
            and (kind != "opt_out" or each.opts_out)
            for each in shown
        )  # fmt: skip

    def check_report(self, ledger: Ledger, run: str, results: Iterable[Result]) -> None:
        """What a report says of a run may not be more than the looks have shown."""
        keys = [key for (key,) in self._keys(ledger, run)]
        best = [self._best(key) for key in keys]
        counts = ledger.deliveries.count(FollowScope(endpoint=ENDPOINT, runs=(run,)))
        if counts is not None:
            most = {"delivered": {"delivered", "read"}, "read": {"read"}, "failed": {"failed", "delivered", "read"}}
            for name, states in most.items():
                if getattr(counts, name) > sum(each in states for each in best):
                    self._broken("untrue delivery", f"{run} counts {counts}, and looks have shown {best}")
            if counts.messaged > len(keys) or counts.opted_out > counts.messaged or counts.not_known < 0:
                self._broken("untrue delivery", f"{run} counts {counts} of {len(keys)} messages")
        for result in results:
            if result.delivery is not None and not result.outcome.is_accepted:
                self._broken("untrue delivery", f"row {result.row} is {result.outcome}, and shows {result.delivery}")

    @staticmethod
    def _keys(ledger: Ledger, run: str) -> list[Any]:
        query = "select distinct key from rows where run = ? and key is not null and duplicate_of is null"
        with ledger._engine.connect() as connection:
            return list(connection.exec_driver_sql(query, (run,)))


def _state(status: str) -> str:
    return status if status in ORDER else "other"


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
