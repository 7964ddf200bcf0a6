"""The rules of outreach, checked against what the API really got."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Protocol

from batch.model.reasons import Reason
from batch.model.runs import Result
from simulated.outreach import OTHER_CAMPAIGN, Earlier, Outreach

__all__ = ["LEFT_OUT", "OutreachPromise"]

LEFT_OUT = (Reason.SUPPRESSED, Reason.RECENTLY_MESSAGED, Reason.UNREACHABLE)
"""Reasons of rows that a rule of outreach leaves out."""
_DAY = timedelta(hours=24)
_APART = timedelta(seconds=6)
_LATE = timedelta(seconds=5)
"""How much later than its claim a post may begin, on a machine that stalls: who was reached is judged at the claim."""
_OFFSETS = {"11": timedelta(hours=-3), "92": timedelta(hours=-4)}
"""By area code, the offset of the local time: reckoned here anew, not by the product's tables."""


class Posted(Protocol):
    """What is looked at of an exchange."""

    @property
    def key(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def sender(self) -> str: ...
    @property
    def applied(self) -> bool: ...


@dataclass(frozen=True)
class _Other:
    at: datetime
    number: int
    sender: str


class OutreachPromise:
    """Who got what when, who was on the list since when, and what others sent."""

    def __init__(self, rules: Outreach, broken: Callable[[str, str], None]) -> None:
        self._rules = rules
        self._broken = broken
        self._numbers = count()
        self._listed: dict[str, int] = {}
        """By person, the number of the event that put them on the list."""
        self._claimed: dict[str, int] = {}
        """By key, the number of its latest claim."""
        self._others: dict[str, list[_Other]] = defaultdict(list)
        self._posts: list[tuple[datetime, Posted]] = []
        self.clock_was_wrong = False
        """Times in the ledger are not true: what is reckoned from them cannot be."""
        self.unlocked = False
        """Two runs used the same sender at once, which the locks forbid."""

    # What happens

    def listed(self, person: str) -> None:
        self._listed.setdefault(person, next(self._numbers))

    def is_listed(self, person: str) -> bool:
        """Whether somebody put the person on the list."""
        return person in self._listed

    def other(self, message: Earlier) -> None:
        self._others[message.person].append(_Other(message.at, next(self._numbers), message.sender))

    def claimed(self, key: str) -> None:
        """A claim became durable."""
        self._claimed[key] = next(self._numbers)

    def starts(self, post: Posted, at: datetime) -> None:
        """A POST begins."""
        self._posts.append((at, post))
        claimed = self._claimed.get(post.key, -1)
        if self._listed.get(post.person, claimed) < claimed:
            self._broken("suppressed", f"{post.key[:8]} is posted to {post.person}, who was on the list at its claim")
        if self.clock_was_wrong:
            return
        if not self._is_open(post.person, at):
            self._broken("window", f"{post.key[:8]} is posted to {post.person} at {at:%a %H:%M:%S.%f} UTC")
        within = self._rules.rules.not_within
        for other in self._others[post.person]:
            if other.number > claimed:
                continue
            if within is not None and other.at > at - within + _LATE:
                self._broken("history", f"{post.key[:8]} is posted {at - other.at} after {OTHER_CAMPAIGN}'s message")
            if other.at > at - _APART:
                self._broken("spacing", f"{post.key[:8]} is posted {at - other.at} after {OTHER_CAMPAIGN}'s message")

    def _is_open(self, person: str, at: datetime) -> bool:
        """By hand: the local minute, on the day that the window began."""
        windows = self._rules.windows
        for window in windows:
            local = at + (_OFFSETS[person[3:5]] if window.zone is None else _OFFSETS["11"])
            minute = local.hour * 60 + local.minute
            for day, passed in ((local, minute), (local - _DAY, minute + 24 * 60)):
                if day.weekday() in window.days and window.begin <= passed < window.end:
                    return True
        return not windows

    # What must be true

    def check(self) -> None:
        """After each life, of all posts so far. Locks and a right clock are taken for granted here."""
        if not (self.clock_was_wrong or self.unlocked):
            self._check_spacing()
            self._check_cap()

    def _check_spacing(self) -> None:
        latest: dict[str, list[tuple[datetime, Posted]]] = defaultdict(list)
        for at, post in self._posts:
            for before, other in latest[post.person]:
                if other.key != post.key and at - before < _APART:
                    self._broken("spacing", f"{post.key[:8]} is posted {at - before} after {other.key[:8]}")
            if post.applied:
                latest[post.person].append((at, post))

    def _check_cap(self) -> None:
        cap = self._rules.rules.per_24h
        if cap is None:
            return
        shared = self._rules.rules.shared_cap
        ours = [(at, post.sender, post.person, True) for at, post in self._posts if post.applied]
        others = [(other.at, other.sender, person, False) for person, them in self._others.items() for other in them]
        lately: dict[str, dict[str, datetime]] = defaultdict(dict)
        for at, sender, person, is_ours in sorted(ours + others):
            reached = lately["all" if shared else sender]
            people = {them for them, last in reached.items() if last > at - _DAY}
            known = person in reached and reached[person] > at - _DAY - _LATE
            if is_ours and not known and len(people) >= cap:
                self._broken("cap", f"{person} at {at} is one too many of {sender}: {len(people)} in 24 hours before")
            reached[person] = at

    def check_left_out(self, person: str | None, result: Result, *, by_look: bool, unreached: bool) -> None:
        """A row that a rule leaves out: the rule must really apply. `by_look`: a look has shown an opt-out.

        `unreached`: a look, or an answer, has shown 131026.
        """
        if result.reason == Reason.UNREACHABLE and not unreached:
            self._broken("untrue", f"row {result.row} is left out, but {person} was reached by every message")
        if result.reason == Reason.SUPPRESSED and not self.is_listed(person or "") and not by_look:
            self._broken("untrue", f"row {result.row} is left out, but {person} is on no list")
        if result.reason == Reason.RECENTLY_MESSAGED and not self._others.get(person or ""):
            self._broken("untrue", f"row {result.row} is left out, but nobody else messaged {person}")
