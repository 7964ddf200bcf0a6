"""Claim, release, record: the three writes around a POST, and what becomes of the claims of a run that died.

A claim is one conditional UPDATE per key; only who got the row back may post. Each of them takes all writes of its kind
in one transaction, which its caller commits, and returns their results in order: several workers share one commit, and
nothing is durable on return. The statements are made once: building one costs more than running it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any, NamedTuple

import sqlalchemy as sa

from batch.ledger.send.contact_limits import (
    ContactLimiter,
    claim_parameters,
    drop_retries,
    explain_refusal,
    is_not_recent,
    is_reachable,
    may_claim,
    may_retry,
    replaces_none,
)
from batch.ledger.storage.engine import PreparedStatement, database_of
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.schema import ACCEPTED_STATES, AGAIN, NO_CLAIM, State, is_one_of, messages, restored_values
from batch.ledger.storage.suppression import suppress_by_code
from batch.model.messages import Job, campaign_scope, is_loopback
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, findings_to_json
from batch.model.verdicts import ClaimRefusal, Verdict, weigh


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The right to post a key once. `attempt` counts the POSTs of this message, this one included, from 1."""

    key: str
    attempt: int
    owner: Owner


class Wanted(NamedTuple):
    """A message to be claimed, at that time by the wall clock."""

    job: Job
    now: datetime


class Unsent(NamedTuple):
    """A claim with which certainly nothing was sent."""

    held: Claim
    finding: Finding | None
    """Why; None leaves the earlier one."""
    status: int | None
    """Of the API's answer, a refusal; None: no request was made, and the attempt does not count."""


class Ended(NamedTuple):
    """An attempt with an outcome."""

    held: Claim
    verdict: Verdict
    duration_ms: int
    began: datetime | None
    """By the wall clock; None leaves the claim's time."""


_HELD = (
    messages.c.key == sa.bindparam("held_key"),
    messages.c.claim_run == sa.bindparam("held_run"),
    sa.func.coalesce(messages.c.claim_epoch, 0) == sa.bindparam("held_epoch"),
    messages.c.attempts == sa.bindparam("held_attempt"),
    is_one_of(messages.c.state, (State.CLAIMED.value, State.UNKNOWN.value)),
)
"""A claim is still its owner's: also one that was taken for dead and made `unknown`."""


def _make_claim(*rules: sa.ColumnElement[bool]) -> PreparedStatement:
    return PreparedStatement(
        sa.update(messages)
        .where(messages.c.key == sa.bindparam("wanted"), messages.c.state == State.PENDING.value, *rules)
        .values(state=State.CLAIMED.value, attempts=messages.c.attempts + 1, duration_ms=None, http_status=None)
        .returning(messages.c.attempts),
        *(*NO_CLAIM, "sent_at"),
    )


def claim_rules() -> Mapping[tuple[bool, bool, bool], tuple[sa.ColumnElement[bool], ...]]:
    """Return the rules of a claim by `ContactLimiter.needs`: a rule that a campaign has not costs nothing."""
    return {
        (replaces, reachable, history): (
            may_claim(messages),
            (may_retry if replaces else replaces_none)(messages),
            *([is_reachable(messages)] if reachable else []),
            *([is_not_recent(messages)] if history else []),
        )
        for replaces, reachable, history in product((False, True), repeat=3)
    }


CLAIM_RULES = claim_rules()
_CLAIMS = {which: _make_claim(*rules) for which, rules in CLAIM_RULES.items()}

ACCEPTED_FINDINGS = {
    outcome: findings_to_json([Finding(reason)])
    for outcome, reason in ((Outcome.SUCCESS, Reason.CREATED), (Outcome.REUSED, Reason.REUSED))
}
"""Findings of accepted messages as they are kept."""
OF_CHAT = ("chat_id", "chat_status", "message_id", "message_status")
_BEGAN = sa.bindparam("began", type_=messages.c.sent_at.type)
_RECORD = PreparedStatement(
    sa.update(messages)
    .where(*_HELD)
    .values(payload=None, **dict.fromkeys(AGAIN.values()), sent_at=sa.func.coalesce(_BEGAN, messages.c.sent_at)),
    *("state", "findings", "run", *OF_CHAT, "evidence", "http_status", "duration_ms"),
)

_ENDPOINTS_OF_CHAT = PreparedStatement(
    sa.select(messages.c.endpoint).where(
        is_one_of(messages.c.chat_id, (sa.bindparam("chat"), sa.bindparam("hashed"))),
        messages.c.key != sa.bindparam("held_key"),
    )
)
"""Without a condition on the endpoint, for which SQLite would read a whole campaign instead of the index by chat."""


def claim(
    connection: sa.Connection, wanted: Sequence[Wanted], *, owner: Owner, rules: ContactLimiter
) -> list[Claim | ClaimRefusal | None]:
    """Take pending messages. ClaimRefusal when a contact limit keeps one back, None when it is not pending (any more).

    Suppression, history, spacing and caps are judged here again, whatever the plan found: the person may have opted
    out, or been messaged by another run.
    """
    database = database_of(connection)
    database.guard_claims(connection, rules.guarded(job.person for job, _now in wanted))
    taken: dict[str, Claim] = {}
    if database.takes_sets:
        from batch.ledger.send.set_statements import claim_set  # noqa: PLC0415 - a file has no use for it

        taken = claim_set(connection, wanted, owner, rules)
    return [taken.get(job.key) or _claim(connection, job, owner, now, rules) for job, now in wanted]


def _claim(
    connection: sa.Connection, job: Job, owner: Owner, now: datetime, rules: ContactLimiter
) -> Claim | ClaimRefusal | None:
    if (full := rules.cap_refuses(connection, job, now)) is not None:
        return full
    values = {"wanted": job.key, "sent_at": now, **owner_values(owner), **claim_parameters(rules, job, owner, now)}
    taken = _CLAIMS[rules.needs].run(connection, values).fetchone()
    if taken is None:
        return explain_refusal(connection, job, owner, now, rules)
    rules.note_claim(job, now)
    return Claim(key=job.key, attempt=taken[0], owner=owner)


def owner_values(owner: Owner) -> dict[str, Any]:
    """Return the values of a claim that name who made it."""
    return {"claim_run": owner.run, "claim_host": owner.host, "claim_pid": owner.pid, "claim_epoch": owner.epoch}


def release(connection: sa.Connection, unsent: Sequence[Unsent], *, rules: ContactLimiter) -> list[bool]:
    """Give back claims: the messages are pending again. False for one that was not ours any more."""
    given: dict[str, bool] = {}
    if database_of(connection).takes_sets:
        from batch.ledger.send.set_statements import release_set  # noqa: PLC0415 - as of `claim`

        given = release_set(connection, unsent, rules)
    return [given[each.held.key] if each.held.key in given else _release(connection, each, rules) for each in unsent]


def _release(connection: sa.Connection, unsent: Unsent, rules: ContactLimiter) -> bool:
    held, finding, status = unsent
    values: dict[str, Any] = {"state": State.PENDING.value, **NO_CLAIM, "http_status": status}
    # One that was taken for dead says so; what was before it is not known any more.
    was_settled = messages.c.state == State.UNKNOWN.value
    values["findings"] = (
        findings_to_json([finding]) if finding else sa.case((was_settled, sa.null()), else_=messages.c.findings)
    )
    # One that was tried again by choice has its earlier outcome still, of another run.
    run = sa.case((messages.c.again_state.is_(None), held.owner.run), else_=messages.c.run)
    values |= {"run": run} if status is not None else {"attempts": messages.c.attempts - 1}
    released = connection.execute(sa.update(messages).where(*_HELD).values(values), _ids(held)).rowcount == 1
    rules.note_end(held.key, None)
    return released


def withdraw(connection: sa.Connection, keys: Sequence[str], *, owner: Owner, rules: ContactLimiter) -> list[bool]:
    """Make messages pending again that this run claimed without learning of it, and so did not post.

    For claims whose commit failed in a way that leaves open whether they took effect; also where another has the lane
    by now, and took them for dead. False for one that did not.
    """
    if database_of(connection).takes_sets:
        from batch.ledger.send.set_statements import withdraw_set  # noqa: PLC0415 - as of `claim`

        return withdraw_set(connection, keys, owner, rules)
    return [_withdraw(connection, key, owner, rules) for key in keys]


def _withdraw(connection: sa.Connection, key: str, owner: Owner, rules: ContactLimiter) -> bool:
    by = (messages.c.claim_run == owner.run, sa.func.coalesce(messages.c.claim_epoch, 0) == owner.epoch)
    open_claim = (messages.c.key == key, *by, messages.c.state == State.CLAIMED.value)
    values = {"state": State.PENDING.value, "attempts": messages.c.attempts - 1, **NO_CLAIM}
    withdrawn = connection.execute(sa.update(messages).where(*open_claim).values(values)).rowcount == 1
    rules.note_end(key, None)
    return withdrawn


def give_up(connection: sa.Connection, keys: Sequence[str]) -> list[bool]:
    """Give up pending messages that were to replace failed ones: their rows show those again. False for others."""
    return [drop_retries(connection, messages.c.key == key) > 0 for key in keys]


def record(connection: sa.Connection, ended: Sequence[Ended], *, rules: ContactLimiter) -> list[Outcome | None]:
    """Write the outcomes of attempts; return them as the ledger has them now, None where a claim was not ours any more.

    By the ledger's knowledge of the chat, `success` may have become `reused`. A claim of ours that was taken for dead
    and made `unknown` is still ours to correct: we know better. A person who has stopped marketing (131050) is
    suppressed by the same write.
    """
    written: dict[str, Outcome | None] = {}
    if database_of(connection).takes_sets:
        from batch.ledger.send.set_statements import record_set  # noqa: PLC0415 - likewise

        written = record_set(connection, ended, rules)
    return [written[each.held.key] if each.held.key in written else _record(connection, each, rules) for each in ended]


def _record(connection: sa.Connection, ended: Ended, rules: ContactLimiter) -> Outcome | None:
    held, signs = ended.held, ended.verdict.signs
    known = signs is not None and not signs.created and _is_known_chat(connection, held, signs.chat_id, rules)
    outcome, values = record_values(ended, known_chat=known)
    recorded = _RECORD.run(connection, {**_ids(held), **values, "run": held.owner.run}).rowcount == 1
    note_record(ended, outcome, rules)
    if recorded and ended.verdict.finding.reason is Reason.OPTED_OUT:
        _suppress_person(connection, held, ended.verdict.finding)
    return outcome if recorded else None


def record_values(ended: Ended, *, known_chat: bool) -> tuple[Outcome, dict[str, Any]]:
    """Return the outcome of an attempt, and the values by which it is kept.

    `known_chat`: the ledger has its chat; not asked for one that the API has just created.
    """
    verdict, signs = ended.verdict, ended.verdict.signs
    outcome, evidence = (verdict.outcome, None) if signs is None else weigh(signs, known_chat=known_chat)
    return outcome, {
        "state": outcome.value,
        "findings": findings_to_json([verdict.finding]) if signs is None else ACCEPTED_FINDINGS[outcome],
        "chat_id": signs and signs.chat_id,
        "chat_status": signs and signs.chat_status,
        "message_id": signs and signs.message_id,
        "message_status": signs and signs.message_status,
        "evidence": evidence.value if evidence else None,
        "http_status": verdict.http_status,
        "duration_ms": ended.duration_ms,
        "began": ended.began,
    }


def note_record(ended: Ended, outcome: Outcome, rules: ContactLimiter) -> None:
    """Count the person from the end of the attempt."""
    if not rules.counts_people:
        return
    until = ended.began + timedelta(milliseconds=ended.duration_ms) if ended.began is not None else None
    is_accepted = outcome.value in ACCEPTED_STATES
    rules.note_end(ended.held.key, None if outcome is Outcome.ERROR else until, is_certain=is_accepted)


def _is_known_chat(connection: sa.Connection, held: Claim, chat_id: str, rules: ContactLimiter) -> bool:
    """Return whether another message at the same endpoint went to that chat, a purged one too."""
    values = {"chat": chat_id, "hashed": rules.hashes.chat(chat_id), "held_key": held.key}
    return (rules.endpoint,) in _ENDPOINTS_OF_CHAT.run(connection, values).fetchall()


def _suppress_person(connection: sa.Connection, held: Claim, finding: Finding) -> None:
    person, at, endpoint = connection.execute(
        sa.select(messages.c.person, messages.c.sent_at, messages.c.endpoint).where(messages.c.key == held.key)
    ).one()
    code, where = str(finding.values.get("code", "131050")), endpoint if is_loopback(endpoint) else ""
    suppress_by_code(connection, person, code, run=held.owner.run, added=at, endpoint=where)


def settle_dead_claims(connection: sa.Connection, *, endpoint: str, campaign: str, before: datetime | None) -> int:
    """Turn the campaign's open claims into `unknown`; return how many. `before`: only those that are older.

    Only the holder of the campaign's lock may call this: no other process can then be sending for it.
    """
    scope = [messages.c.endpoint == endpoint, messages.c.campaign == campaign_scope(campaign)]
    if before is not None:
        scope.append(messages.c.sent_at < before)
    return settle_claims(connection, *scope)


def settle_claims(connection: sa.Connection, *which: sa.ColumnElement[bool], values_kept: bool = False) -> int:
    """Turn open claims into `unknown`; return how many. Of those that fulfil `which` no process may be sending any.

    `values_kept`: who made them may live, and give one back, so that it is to be sent still. One that was tried again
    by choice keeps its earlier outcome in any case: given back late, it gets that again.
    """
    is_open = messages.c.state == State.CLAIMED.value
    dead = connection.execute(sa.select(messages.c.key, messages.c.claim_run).where(*which, is_open)).all()
    for key, run in dead:
        values = {
            "state": State.UNKNOWN.value,
            "findings": findings_to_json([Finding(Reason.RUN_DIED, {"run": run})]),
            "run": run,
            **({} if values_kept else {"payload": None}),
        }
        # One that was lost, and lives still, may have recorded its outcome meanwhile.
        connection.execute(sa.update(messages).where(messages.c.key == key, is_open).values(values))
    return len(dead)


def restore_retries(connection: sa.Connection, *, endpoint: str, campaign: str) -> int:
    """Give messages that were to be tried again by choice, and were not sent since, their outcome back.

    `--resend-unknown`, `--retry-errors` and `--retry-undelivered` hold for one run: what it does not reach stays as
    it was.
    """
    scope = (messages.c.endpoint == endpoint, messages.c.campaign == campaign_scope(campaign))
    pending = (messages.c.state == State.PENDING.value, messages.c.again_state.is_not(None))
    drop_retries(connection, *scope)
    return connection.execute(sa.update(messages).where(*scope, *pending).values(restored_values())).rowcount


def _ids(held: Claim) -> dict[str, Any]:
    owner = held.owner
    return {"held_key": held.key, "held_run": owner.run, "held_attempt": held.attempt, "held_epoch": owner.epoch}
