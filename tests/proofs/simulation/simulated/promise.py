"""The promise, checked against what the API really did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from batch.ledger import Ledger
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason
from batch.model.runs import Result
from batch.pool.attempt import RECORD_WAITS
from simulated.delivery_promise import DeliveryPromise
from simulated.disk import Disk
from simulated.outreach import OTHER_CAMPAIGN, Outreach
from simulated.outreach_promise import LEFT_OUT, OutreachPromise
from simulated.process import Process
from simulated.sheet import SheetRow

__all__ = ["Broken", "Promise"]

_MOST_SENDERS = 3
_MESSAGES = "select key, state, payload, attempts from messages where campaign <> ? order by key"


@dataclass(frozen=True)
class Broken:
    """A part of the promise that was not kept."""

    rule: str
    detail: str


class Promise:
    """What the API did, and what may follow from it."""

    def __init__(self, note: Callable[..., None], rules: Outreach) -> None:
        self._note = note
        self.outreach = OutreachPromise(rules, self.broken)
        self.delivery = DeliveryPromise(self.broken)
        self.breaches: list[Broken] = []
        self.left_open: Counter[str] = Counter()
        """By the write that failed, claims that the disk did not let go of though their run ended properly."""
        self._applied: Counter[str] = Counter()
        self._wire: Counter[str] = Counter()
        """By key, attempts of which a byte left."""
        self._ambiguous: set[str] = set()
        """Keys with an exchange that nobody can judge."""
        self._cut: set[str] = set()
        """Keys whose sender died or let go while a byte was out."""
        self._left: set[str] = set()
        """Keys that were claimed when their process died, or whose claim the disk would not let go of."""
        self._created: set[str] = set()
        self._chat: dict[str, str] = {}
        """By key, the chat of its readable answer."""
        self._was_there: set[str] = set()

    def broken(self, rule: str, detail: str) -> None:
        self._note("BROKEN", rule, detail)
        self.breaches.append(Broken(rule, detail))

    # What happens

    def leaves(self, key: str, *, ambiguous: bool) -> None:
        """The first byte of a POST leaves."""
        self._wire[key] += 1
        if key in self._ambiguous or key in self._cut or self._applied[key]:
            self.broken("again", f"{key[:8]} is posted though it may have been sent before")
        if ambiguous:
            self._ambiguous.add(key)

    def claimed(self, key: str) -> None:
        """A claim became durable."""
        self.outreach.claimed(key)
        self.delivery.claimed(key)

    def applied(self, key: str) -> None:
        """The person gets the message."""
        self._applied[key] += 1
        if self._applied[key] > 1:
            self.broken("twice", f"{key[:8]} was applied {self._applied[key]} times")

    def answered(self, key: str, chat: str, *, created: bool, was_there: bool) -> None:
        """The API answers with a chat, says whether it made it (201), and knows whether it was there."""
        self._chat[key] = chat
        if created:
            self._created.add(key)
        if was_there:
            self._was_there.add(key)

    def cut_off(self, key: str) -> None:
        self._cut.add(key)

    # What must be true of the ledger

    def check_dead(self, process: Process, disk: Disk) -> None:
        """Right after a kill: no more claims are open than attempts could be in flight."""
        query = "select sender, key from messages where state = 'claimed' and claim_run = ?"
        claimed = disk.look(query, process.name)
        # Of two at once, the other's plan may have given a claimed message another sender since.
        most = process.concurrency * (1 if process.alone else _MOST_SENDERS)
        for sender, number in Counter(sender if process.alone else "all" for sender, _ in claimed).items():
            if number > most:
                self.broken("open claims", f"{number} of {process.name} with {sender} at {process.concurrency}")
        self._left.update(key for _, key in claimed)

    def check_ended(self, process: Process, disk: Disk, *, hurried: bool) -> None:
        """After a proper end: only what the disk refused may be left open.

        `hurried`: the run was ended at once or soon, and had not the time to write anything again and again.
        """
        tries = 1 if hurried else 1 + len(RECORD_WAITS)
        claimed = disk.look("select key from messages where state = 'claimed' and claim_run = ?", process.name)
        for (key,) in claimed:
            failed = process.failed
            if not failed["claim", key] and max(failed["release", key], failed["record", key]) < tries:
                self.broken("left open", f"{key[:8]} is still claimed by {process.name}")
            kinds = [kind for kind in ("claim", "release", "record") if failed[kind, key]]
            self.left_open.update(kinds[:1])
        self._left.update(key for (key,) in claimed)

    def check_settled(self, disk: Disk) -> None:
        """After the holder of the lock settled dead claims there is none."""
        claimed = disk.look("select key from messages where state = 'claimed'")
        if claimed:
            self.broken("settled", f"{len(claimed)} dead claims are still open")

    def check_messages(self, disk: Disk) -> None:
        """Every message of the ledger against the truth."""
        for key, state, payload, attempts in disk.look(_MESSAGES, OTHER_CAMPAIGN):
            self._check_state(key, state)
            # What a rule left out waits without its values, and a later plan has them anew.
            if payload is not None and state not in {"pending", "claimed"}:
                self.broken("payload", f"{key[:8]} is {state}, its payload is {payload!r}")
            extra = attempts - self._wire[key]
            # A replacement that was refused, and given up at the end of its run, is counted anew by the next one.
            if (extra < 0 and not self.delivery.replaces(key)) or extra > (key in self._left):
                self.broken("attempts", f"{key[:8]} says {attempts}, of {self._wire[key]} a byte left")

    def _check_state(self, key: str, state: str) -> None:
        applied, short = self._applied[key], key[:8]
        if state in {"success", "reused"} and applied != 1:
            self.broken("untrue", f"{short} is {state}, but was applied {applied} times")
        if state in {"error", "pending"} and (applied or key in self._ambiguous or key in self._cut):
            self.broken("untrue", f"{short} is {state}, but was applied {applied} times, or may have been")
        if state == "claimed" and key not in self._left:
            self.broken("left open", f"{short} is claimed by nobody who lives")
        if state == "unknown" and key not in self._left | self._ambiguous | self._cut:
            self.broken("needless unknown", f"{short} is unknown without a cause")
        # Of two messages to a person at the same moment, either may be taken for the one that found the chat there.
        shared = list(self._chat.values()).count(self._chat.get(key, "")) > 1
        if state == "reused" and key not in self._was_there and not shared:
            self.broken("untrue", f"{short} is reused, but the chat was made for it")
        if state != "success" and key in self._created and state not in {"claimed", "unknown"}:
            self.broken("untrue", f"{short} is {state}, but the API said 201")

    def check_report(
        self, ledger: Ledger, run: str, sheet: Sequence[SheetRow], *, alone: bool, thorough: bool
    ) -> list[Result]:
        """What a report of the run would show: every row once, the counts adding up, and the truth.

        `alone`: nobody else was sending since the run was planned. `thorough`: look at the counts too.
        """
        results = list(ledger.results(run))
        if [result.row for result in results] != [row.row for row in sheet]:
            self.broken("rows", f"{run} shows {[result.row for result in results]}")
            return results
        tally = ledger.tally(run) if thorough else None
        counts = Counter(result.outcome for result in results)
        if tally is not None and (
            tally.counts != {outcome: counts[outcome] for outcome in Outcome} or tally.rows != len(sheet)
        ):
            self.broken("counts", f"{run}: {tally.counts} of {len(sheet)} rows")
        by_key = defaultdict(list)
        for row, result in zip(sheet, results, strict=True):
            if row.key is None and result.outcome is not _own_outcome(row):
                self.broken("rows", f"row {row.row} of nobody is {result.outcome}")
            if row.key is not None:
                by_key[row.key].append((row, result))
        for key, shown in by_key.items():
            self._check_key(key, shown, alone=alone)
        return results

    def _check_key(self, key: str, shown: Sequence[tuple[SheetRow, Result]], *, alone: bool) -> None:
        """Of the rows of one key exactly one stands for the message; if none of them could be sent, at most one."""
        stands = [result for _, result in shown if result.reason not in _SAYS_ITSELF]
        could = any(row.sendable for row, _ in shown)
        left_out = [result for _, result in shown if result.reason in LEFT_OUT]
        for result in left_out:
            person = shown[0][0].person
            unreached = self.delivery.was_not_reached(person or "")
            by_look = self.delivery.has_opted_out(person or "")
            self.outreach.check_left_out(person, result, by_look=by_look, unreached=unreached)
        # A row that cannot be sent stands for what was sent before it was planned, not for what others sent since.
        if len(stands) > 1 or (not stands and ((could and not left_out) or (alone and self._applied[key]))):
            self.broken("rows", f"{key[:8]} has {[(result.row, result.outcome.value) for _, result in shown]}")
        refused = self.delivery.replacement_of(key)  # the row shows what became of the later message
        if self._applied[key] and stands and stands[0].outcome not in _MAYBE and not refused:
            self.broken("untrue", f"row {stands[0].row} is {stands[0].outcome}, but was applied")

    def check_all_done(self, results: Sequence[Result], *, later: bool) -> None:
        """After a life in fair weather nothing waits: no row was lost. `later`: the run told when the rest may go."""
        waiting = [result.row for result in results if result.outcome is Outcome.PENDING]
        if waiting and not later:
            self.broken("lost", f"rows {waiting} wait for ever")


_MAYBE = {Outcome.SUCCESS, Outcome.REUSED, Outcome.UNKNOWN}
_SAYS_ITSELF = {Reason.DUPLICATE, Reason.HIDDEN_ROW, Reason.VALUE_MISSING, *LEFT_OUT}
"""Reasons of rows whose outcome is not their message's."""


def _own_outcome(row: SheetRow) -> Outcome:
    return Outcome.SKIPPED if row.hidden else Outcome.ERROR
