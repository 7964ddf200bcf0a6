"""Contact limits at the moment of a claim: suppression, history, spacing, caps.

They are judged in the transaction of the claim, so that what was true at the plan is not taken for true now.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from batch.formatting import format_moment
from batch.ledger.send.rolling_quota import LATE_POST, Quota
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.pseudonyms import Hashes
from batch.ledger.storage.schema import (
    ACCEPTED_STATES,
    IS_RETRY,
    State,
    corrections,
    deliveries,
    is_one_of,
    is_suppressed,
    may_have,
    messages,
    microseconds,
    restored_values,
    rows,
    runs,
    suppressed,
)
from batch.model.contact_limits import SPACING, ContactLimits, duration_phrase
from batch.model.delivery import REPEATABLE, TEMPLATE_PAUSED, UNREACHABLE, DeliveryState
from batch.model.messages import Job
from batch.model.outcomes import Outcome
from batch.model.phrases import Value
from batch.model.reasons import Finding, Reason, findings_to_json
from batch.model.verdicts import ClaimRefusal

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_RECHECK = timedelta(seconds=1)
"""When a person is tried again whose other message is still on its way."""

EARLIER = messages.alias("earlier")
"""Other messages, in the conditions below."""

_ENDED = sa.type_coerce(EARLIER.c.sent_at, sa.BigInteger) + sa.literal(1000, sa.BigInteger) * sa.func.coalesce(
    EARLIER.c.duration_ms, LATE_POST // timedelta(milliseconds=1)
)
"""Microseconds since 1970 by which an attempt was posted at the latest: its start and its duration. To connect takes a
while, so the start alone is too early."""


class ContactLimiter:
    """The contact limits of one run, and its counts of people. Used by the ledger's writer alone, but `full_until`."""

    def __init__(self, rules: ContactLimits, *, endpoint: str, hashes: Hashes, replaces: bool = False) -> None:
        """`replaces`: messages of the run may be there to replace failed ones."""
        self.rules = rules
        self.replaces = replaces
        self.hashes = hashes
        """For finding the messages of purged people and chats."""
        self.endpoint = endpoint
        """Of the run's messages."""
        self._quotas: dict[str | None, Quota] = {}
        self._open: dict[str, Job] = {}

    @property
    def needs(self) -> tuple[bool, bool, bool]:
        """Which rules a claim is judged by: (may replace failed messages, skips unreachable people, has a history)."""
        return self.replaces, self.rules.skip_unreachable is not None, self.rules.not_within is not None

    @property
    def counts_people(self) -> bool:
        """True when there is a cap on people."""
        return self.rules.per_24h is not None

    def guarded(self, people: Iterable[str]) -> Iterator[str]:
        """Yield names of what claims of messages to people are judged by that others may change at the same moment."""
        for person in people:
            yield f"person {person} {self.endpoint}"
        if self.rules.shared_cap and self.counts_people:
            yield f"account {self.endpoint}"

    def cap_refuses(self, connection: sa.Connection, job: Job, now: datetime) -> ClaimRefusal | None:
        """Return the refusal of a message to a new person while the cap is reached; None when it may go."""
        quota = self._quota(job.sender)
        return self._refuse_until(quota.refuses(connection, job.person, now)) if quota else None

    def full_until(self, job: Job, now: datetime) -> ClaimRefusal | None:
        """Return the same by the count of the last claim: for passing over many messages without a write."""
        quota = self._quota(job.sender)
        return self._refuse_until(quota.full_until(job.person, now) if quota else None)

    def note_claim(self, job: Job, now: datetime) -> None:
        """Count the person of a message that was claimed."""
        if quota := self._quota(job.sender):
            self._open[job.key] = job
            quota.note(job.person, now, is_certain=False)

    def note_end(self, key: str, at: datetime | None, *, is_certain: bool = False) -> None:
        """Count a claimed message from the end of its attempt. `at` None: it certainly sent nothing.

        `is_certain`: the API accepted it.
        """
        job = self._open.pop(key, None)
        if at is None:
            for each in self._quotas.values():
                each.doubt()
        elif job is not None and (quota := self._quota(job.sender)):
            quota.note(job.person, at, is_certain=is_certain)

    def _quota(self, sender: str) -> Quota | None:
        if self.rules.per_24h is None:
            return None
        scope = None if self.rules.shared_cap else sender
        if scope not in self._quotas:
            self._quotas[scope] = Quota(self.rules.per_24h, endpoint=self.endpoint, sender=scope)
        return self._quotas[scope]

    def _refuse_until(self, until: datetime | None) -> ClaimRefusal | None:
        if until is None:
            return None
        when = format_moment(until, self.rules.timezone)
        finding = Finding(Reason.CAP, {"people": self.rules.per_24h or 0, "when": when})
        return ClaimRefusal(outcome=Outcome.PENDING, finding=finding, until=until)


def may_claim(message: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition: not suppressed, not within the spacing interval. Bind its values by `claim_parameters`."""
    return sa.and_(~_is_suppressed(message), ~_is_too_close(message))


def is_not_recent(message: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition of `[history] not_within`, for campaigns that have it. Values likewise."""
    return ~_recently_by_others(message)


FRESH = timedelta(minutes=2)
"""How old the look may be that shows the failure of a message that is to be replaced."""


def may_retry(message: Any) -> sa.ColumnElement[bool]:
    """Return the condition: it replaces no message, or one that a look of just now, of this run, has shown failed."""
    failed, begun = messages.alias("failed"), sa.select(runs.c.started).where(runs.c.run == sa.bindparam("sending_run"))
    is_failed = sa.exists().where(
        failed.c.key == message.c.retry_of,
        is_one_of(failed.c.state, ACCEPTED_STATES),
        deliveries.c.key == failed.c.key,
        deliveries.c.attempts == failed.c.attempts,
        deliveries.c.state == DeliveryState.FAILED.value,
        is_one_of(deliveries.c.code, (*REPEATABLE, TEMPLATE_PAUSED)),
        deliveries.c.looked_at > sa.bindparam("looked_since", type_=deliveries.c.looked_at.type),
        deliveries.c.looked_at > begun.scalar_subquery(),
    )
    return sa.or_(replaces_none(message), is_failed)


def replaces_none(message: Any) -> sa.ColumnElement[bool]:
    """Return the condition: it replaces no message; or was sent before, and is one like others since."""
    return sa.or_(message.c.again_state.is_(None), ~is_one_of(message.c.again_state, ACCEPTED_STATES))


def is_reachable(message: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition of `[history] skip_unreachable`, for campaigns that have it. Values likewise."""
    return ~sa.exists().where(*unreached(message))


def claim_parameters(limiter: ContactLimiter, job: Job, owner: Owner, now: datetime) -> Mapping[str, Any]:
    """Return the values of `may_claim`."""
    within, unreachable = limiter.rules.not_within, limiter.rules.skip_unreachable
    values: dict[str, Any] = {
        "close_since": microseconds(now - SPACING),
        "recent_since": _NEVER if within is None else now - within,
        "hashed": None if within is None and unreachable is None else limiter.hashes.person(job.person),
        "sending_run": owner.run,
    }
    if unreachable is not None:
        values["unreached_since"] = now - unreachable
    if limiter.replaces:
        values["looked_since"] = now - FRESH
    return values


def _is_suppressed(message: Any) -> sa.ColumnElement[bool]:
    return sa.exists().where(is_suppressed(message.c.person, message.c.endpoint))


_HASHED: sa.BindParameter[str] = sa.bindparam("hashed", type_=messages.c.person.type)


def recent_contact(message: Any, *hashed: sa.ColumnElement[str]) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions: `EARLIER` is a message to the same person since `recent_since`, and no trial.

    `hashed`: as of `_to_same_person`.
    """
    return (*_to_same_person(message, "recent_since", *hashed), may_have(EARLIER), EARLIER.c.trial == sa.false())


def _to_same_person(message: Any, since: str, *hashed: sa.ColumnElement[str]) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions: `EARLIER` went to the same person since the moment of that parameter.

    `hashed`: the person's pseudonyms, under which a purged message has it; null where none can be. By default that of
    the claim's values: what a purged message with the number's other form forbids, the plan has seen already.
    """
    pseudonyms = [EARLIER.c.person == each for each in hashed or (_HASHED,)]
    moment = sa.bindparam(since, type_=messages.c.sent_at.type)
    return sa.or_(EARLIER.c.person == message.c.person, *pseudonyms), EARLIER.c.sent_at > moment


def unreached(message: Any, *hashed: sa.ColumnElement[str]) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions: WhatsApp could not reach the person with `EARLIER`, and no later message arrived.

    It is a message since `unreached_since`, refused or failed with 131026. `hashed`: as of `_to_same_person`.
    """
    later, of_later = messages.alias("later"), deliveries.alias("of_later")
    failed = sa.exists().where(
        deliveries.c.key == EARLIER.c.key,
        deliveries.c.attempts == EARLIER.c.attempts,
        deliveries.c.state == DeliveryState.FAILED.value,
        deliveries.c.code == UNREACHABLE,
    )
    refused = sa.and_(EARLIER.c.state == State.ERROR.value, EARLIER.c.findings.contains(Reason.NOT_ON_WHATSAPP.value))
    arrived = sa.exists().where(
        later.c.person == EARLIER.c.person,
        later.c.sent_at > EARLIER.c.sent_at,
        of_later.c.key == later.c.key,
        of_later.c.attempts == later.c.attempts,
        is_one_of(of_later.c.state, [each.value for each in DeliveryState if each.arrived]),
    )
    here = EARLIER.c.endpoint == message.c.endpoint if "endpoint" in message.c else sa.true()
    return (*_to_same_person(message, "unreached_since", *hashed), here, sa.or_(failed, refused), ~arrived)


def _of_other_campaign(message: Any) -> sa.ColumnElement[bool]:
    return sa.and_(EARLIER.c.endpoint == message.c.endpoint, EARLIER.c.campaign != message.c.campaign)


def _recently_by_others(message: Any) -> sa.ColumnElement[bool]:
    return sa.exists().where(*recent_contact(message), _of_other_campaign(message))


def _of_same_person(message: Any) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        EARLIER.c.person == message.c.person,
        EARLIER.c.sent_at.is_not(None),
        EARLIER.c.endpoint == message.c.endpoint,
        EARLIER.c.key != message.c.key,
        may_have(EARLIER),
    )


_ON_ITS_WAY = sa.and_(EARLIER.c.state == State.CLAIMED.value, EARLIER.c.claim_run == sa.bindparam("sending_run"))
"""This very run is posting it at this moment."""


def _is_too_close(message: Any) -> sa.ColumnElement[bool]:
    just_now = sa.bindparam("close_since", type_=sa.BigInteger) < _ENDED
    return sa.exists().where(*_of_same_person(message), sa.or_(just_now, _ON_ITS_WAY))


def explain_refusal(
    connection: sa.Connection, job: Job, owner: Owner, now: datetime, limiter: ContactLimiter
) -> ClaimRefusal | None:
    """Return why a pending message could not be claimed, and write it where it is final; None: it is not pending.

    The caller commits.
    """
    key = messages.c.key == job.key
    state = connection.execute(sa.select(messages.c.state).where(key)).scalar()
    if state != State.PENDING.value:
        return None
    listed = is_suppressed(messages.c.person, messages.c.endpoint)
    source = connection.execute(sa.select(suppressed.c.source).join(messages, listed).where(key).limit(1)).scalar()
    if source is not None:
        return _skip(connection, job, owner, Finding(Reason.SUPPRESSED, {"where": source}))
    values = {**claim_parameters(limiter, job, owner, now), "wanted": job.key}
    newest = (
        sa.select(EARLIER.c.campaign, EARLIER.c.sent_at)
        .where(*recent_contact(messages), _of_other_campaign(messages), messages.c.key == sa.bindparam("wanted"))
        .order_by(EARLIER.c.sent_at.desc())
    )
    if (other := connection.execute(newest.limit(1), values).first()) is not None:
        return _skip(connection, job, owner, recent_message_finding(limiter.rules, other.campaign, other.sent_at))
    if limiter.rules.skip_unreachable is not None:
        failed = sa.select(EARLIER.c.sent_at).where(*unreached(messages), messages.c.key == sa.bindparam("wanted"))
        at = connection.execute(failed.order_by(EARLIER.c.sent_at.desc()).limit(1), values).scalar()
        if at is not None:
            return _skip(connection, job, owner, unreachable_finding(limiter.rules, at))
    may = sa.select((may_retry if limiter.replaces else replaces_none)(messages)).where(key)
    if not connection.execute(may, values).scalar():
        return _skip(connection, job, owner, Finding(Reason.NOT_FAILED))
    others = (*_of_same_person(messages), ~_ON_ITS_WAY, messages.c.key == sa.bindparam("wanted"))
    ended = connection.execute(sa.select(sa.func.max(_ENDED)).where(*others), values).scalar()
    close = timedelta() if ended is None else timedelta(microseconds=ended - microseconds(now)) + SPACING
    until = now + (close if close > timedelta() else _RECHECK)
    return ClaimRefusal(outcome=Outcome.PENDING, finding=Finding(Reason.SPACING), until=until)


def recent_message_finding(rules: ContactLimits, campaign: str, at: datetime) -> Finding:
    """Return the finding of a person who got a message of another campaign at that time."""
    within: Value = duration_phrase(rules.not_within) if rules.not_within else ""
    values: dict[str, Value] = {"campaign": campaign, "when": format_moment(at, rules.timezone), "within": within}
    return Finding(Reason.RECENTLY_MESSAGED, values)


def unreachable_finding(rules: ContactLimits, at: datetime) -> Finding:
    """Return the finding of a person whom WhatsApp could not reach with the message of that time."""
    within: Value = duration_phrase(rules.skip_unreachable) if rules.skip_unreachable else ""
    return Finding(Reason.UNREACHABLE, {"when": format_moment(at, rules.timezone), "within": within})


def drop_retries(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> int:
    """Give up messages that were to replace failed ones and were not claimed: their rows show the failed ones again.

    `which`: conditions of them. Return how many; the caller commits.
    """
    found = sa.select(messages.c.key).where(IS_RETRY, *which)
    if connection.execute(found.limit(1)).first() is None:
        return 0
    for table in (rows, corrections):
        of_failed = sa.select(messages.c.retry_of).where(messages.c.key == table.c.key).scalar_subquery()
        connection.execute(sa.update(table).where(table.c.key.in_(found)).values(key=of_failed))
    return connection.execute(sa.delete(messages).where(IS_RETRY, *which)).rowcount


def _skip(connection: sa.Connection, job: Job, owner: Owner, finding: Finding) -> ClaimRefusal:
    """Write that a rule leaves the row out; a message that was to be tried again gets its outcome back.

    The values to send are not kept: a plan that finds the person allowed again has them anew.
    """
    key = messages.c.key == job.key
    before = connection.execute(sa.select(messages.c.again_state).where(key)).scalar()
    if drop_retries(connection, key):
        return ClaimRefusal(outcome=Outcome.SKIPPED, finding=finding)
    if before is not None:
        connection.execute(sa.update(messages).where(key).values(restored_values()))
        return ClaimRefusal(outcome=Outcome(before), finding=finding)
    connection.execute(sa.update(messages).where(key).values(payload=None))
    own = (rows.c.run == owner.run, rows.c.row == job.row, rows.c.key == job.key, rows.c.outcome.is_(None))
    values = {"outcome": Outcome.SKIPPED.value, "findings": findings_to_json([finding])}
    connection.execute(sa.update(rows).where(*own).values(values))
    return ClaimRefusal(outcome=Outcome.SKIPPED, finding=finding)
