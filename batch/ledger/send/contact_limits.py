"""The rules of outreach at the moment of a claim: suppression, history, spacing, caps.

They are judged in the transaction of the claim, so that what was true at the plan is not taken for true now.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    exists,
    false,
    func,
    or_,
    select,
    type_coerce,
    update,
)

from batch.formatting import format_moment
from batch.ledger.send.rolling_quota import Quota
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.pseudonyms import Hashes
from batch.ledger.storage.schema import State, given_back, may_have, messages, microseconds, rows, suppressed
from batch.model.contact_limits import SPACING, ContactLimits, duration_phrase
from batch.model.messages import Job
from batch.model.outcomes import Outcome
from batch.model.phrases import Value, value_from_text
from batch.model.reasons import Finding, Reason, findings_to_json
from batch.model.verdicts import ClaimRefusal

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_SOON = timedelta(seconds=1)
"""When a person is asked about again whose other message is still on its way."""

_others = messages.alias("earlier")

_LATE_MS = 30_000
"""How long after its claim an attempt may have been posted whose end nobody noted, because its run died."""
_ENDED = type_coerce(_others.c.sent_at, BigInteger) + func.coalesce(_others.c.duration_ms, _LATE_MS) * 1000
"""Microseconds since 1970 by which an attempt was posted at the latest: its start, and how long it took. To connect
takes a while, so the start alone says too little."""


class ContactLimiter:
    """The rules of one run, and its counts of people. Used by the ledger's writer alone, but for `full_until`."""

    def __init__(self, rules: ContactLimits, *, endpoint: str, hashes: Hashes | None = None) -> None:
        self.rules = rules
        self.hashes = hashes
        """How purged people and chats are known again; None: nobody is purged."""
        self._endpoint = endpoint
        self._quotas: dict[str | None, Quota] = {}
        self._open: dict[str, Job] = {}

    def cap_refuses(self, connection: Connection, job: Job, now: datetime) -> ClaimRefusal | None:
        """The refusal of a message to somebody new while the cap is reached."""
        quota = self._quota(job.sender)
        until = quota.refuses(connection, job.person, now) if quota else None
        return None if until is None else self._capped(until)

    def full_until(self, job: Job, now: datetime) -> ClaimRefusal | None:
        """As `cap_refuses`, by what was known at the last claim: for passing over many messages without a write."""
        quota = self._quota(job.sender)
        until = quota.certainly_full(job.person, now) if quota else None
        return None if until is None else self._capped(until)

    def note(self, job: Job, now: datetime) -> None:
        """The message was claimed."""
        if quota := self._quota(job.sender):
            self._open[job.key] = job
            quota.note(job.person, now)

    def ended(self, key: str, at: datetime | None) -> None:
        """The attempt of a claimed message came to its end then; None: it certainly sent nothing."""
        job = self._open.pop(key, None)
        if at is None:
            for each in self._quotas.values():
                each.doubt()
        elif job is not None and (quota := self._quota(job.sender)):
            quota.note(job.person, at)

    def _quota(self, sender: str) -> Quota | None:
        if self.rules.per_24h is None:
            return None
        scope = None if self.rules.shared_cap else sender
        if scope not in self._quotas:
            self._quotas[scope] = Quota(self.rules.per_24h, endpoint=self._endpoint, sender=scope)
        return self._quotas[scope]

    def _capped(self, until: datetime) -> ClaimRefusal:
        when = format_moment(until, self.rules.timezone)
        finding = Finding(Reason.CAP, {"people": self.rules.per_24h or 0, "when": when})
        return ClaimRefusal(outcome=Outcome.PENDING, finding=finding, until=until)


def may_go(message: Table) -> ColumnElement[bool]:
    """Nobody on the suppression list, nobody messaged too recently. Needs `parameters`."""
    return and_(~_is_suppressed(message), ~_recently_by_others(message), ~_too_close(message))


def parameters(outreach: ContactLimiter, job: Job, owner: Owner, now: datetime) -> Mapping[str, Any]:
    """The values that `may_go` names."""
    within, hashes = outreach.rules.not_within, outreach.hashes
    return {
        "close_since": microseconds(now - SPACING),
        "recent_since": _NEVER if within is None else now - within,
        "hashed": None if within is None or hashes is None else hashes.person(job.person),
        "sending_run": owner.run,
    }


def _is_suppressed(message: Any) -> ColumnElement[bool]:
    return exists().where(suppressed.c.person == message.c.person)


_HASHED: BindParameter[str] = bindparam("hashed", type_=messages.c.person.type)


def recent(message: Any, hashed: ColumnElement[str] = _HASHED) -> tuple[ColumnElement[bool], ...]:
    """What makes a row of `recently` a message of another campaign to the same person since `recent_since`.

    `hashed`: the person as a purged message has it; null where none can be.
    """
    return (
        or_(_others.c.person == message.c.person, _others.c.person == hashed),
        _others.c.sent_at > bindparam("recent_since", type_=messages.c.sent_at.type),
        may_have(_others),
        _others.c.trial == false(),
    )


recently = _others
"""The messages that `recent` speaks of."""


def _recently_by_others(message: Any) -> ColumnElement[bool]:
    same = and_(_others.c.endpoint == message.c.endpoint, _others.c.campaign != message.c.campaign)
    return exists().where(*recent(message), same)


def _of_the_same_person(message: Any) -> tuple[ColumnElement[bool], ...]:
    return (
        _others.c.person == message.c.person,
        _others.c.sent_at.is_not(None),
        _others.c.endpoint == message.c.endpoint,
        _others.c.key != message.c.key,
        may_have(_others),
    )


def _on_its_way() -> ColumnElement[bool]:
    return and_(_others.c.state == State.CLAIMED.value, _others.c.claim_run == bindparam("sending_run"))


def _too_close(message: Any) -> ColumnElement[bool]:
    """Another message went to the person just now, or is on its way in this very run."""
    just_now = bindparam("close_since", type_=BigInteger) < _ENDED
    return exists().where(*_of_the_same_person(message), or_(just_now, _on_its_way()))


def refusal(
    connection: Connection, job: Job, owner: Owner, now: datetime, outreach: ContactLimiter
) -> ClaimRefusal | None:
    """Why a pending message was not to be had, written down where it is final; None when it is not pending."""
    key = messages.c.key == job.key
    state = connection.execute(select(messages.c.state).where(key)).scalar()
    if state != State.PENDING.value:
        return None
    entry = connection.execute(select(suppressed).where(suppressed.c.person == job.person)).mappings().first()
    if entry is not None:
        return _skip(connection, job, owner, Finding(Reason.SUPPRESSED, {"where": value_from_text(entry["source"])}))
    values = {**parameters(outreach, job, owner, now), "wanted": job.key}
    same = and_(_others.c.endpoint == messages.c.endpoint, _others.c.campaign != messages.c.campaign)
    newest = (
        select(_others.c.campaign, _others.c.sent_at)
        .where(*recent(messages), same, messages.c.key == bindparam("wanted"))
        .order_by(_others.c.sent_at.desc())
    )
    if (other := connection.execute(newest.limit(1), values).first()) is not None:
        return _skip(connection, job, owner, recently_messaged(outreach.rules, other.campaign, other.sent_at))
    others = (*_of_the_same_person(messages), ~_on_its_way(), messages.c.key == bindparam("wanted"))
    last = select(func.max(_ENDED)).where(*others)
    ended = connection.execute(last, values).scalar()
    close = timedelta() if ended is None else timedelta(microseconds=ended - microseconds(now)) + SPACING
    until = now + (close if close > timedelta() else _SOON)
    return ClaimRefusal(outcome=Outcome.PENDING, finding=Finding(Reason.SPACING), until=until)


def recently_messaged(rules: ContactLimits, campaign: str, at: datetime) -> Finding:
    """The finding of a person who got a message of another campaign."""
    within: Value = duration_phrase(rules.not_within) if rules.not_within else ""
    values: dict[str, Value] = {"campaign": campaign, "when": format_moment(at, rules.timezone), "within": within}
    return Finding(Reason.RECENTLY_MESSAGED, values)


def _skip(connection: Connection, job: Job, owner: Owner, finding: Finding) -> ClaimRefusal:
    """Note that a rule leaves the row out; a message that was chosen to be tried again gets its outcome back.

    The values to send are not kept: a plan that finds the person allowed again has them anew.
    """
    key = messages.c.key == job.key
    before = connection.execute(select(messages.c.again_state).where(key)).scalar()
    if before is not None:
        connection.execute(update(messages).where(key).values(given_back()))
        return ClaimRefusal(outcome=Outcome(before), finding=finding)
    connection.execute(update(messages).where(key).values(payload=None))
    ours = (rows.c.run == owner.run, rows.c.row == job.row, rows.c.key == job.key, rows.c.outcome.is_(None))
    said = {"outcome": Outcome.SKIPPED.value, "findings": findings_to_json([finding])}
    connection.execute(update(rows).where(*ours).values(said))
    return ClaimRefusal(outcome=Outcome.SKIPPED, finding=finding)
