"""Claim, release, record: the three writes around a POST, and what becomes of the claims of a run that died.

A claim is one conditional UPDATE per key; who got the row back may post, nobody else. Each function takes the
connection of a transaction that somebody else commits, so that several workers share one commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, select, update

from batch.ledger.owner import Owner
from batch.ledger.schema import State, messages
from batch.model.attempt import Verdict, weigh
from batch.model.message import campaign_scope
from batch.model.outcome import Evidence, Outcome
from batch.model.reason import Finding, Reason, findings_to_json

__all__ = ["Claim", "Recorded", "claim", "record", "release", "settle_dead_claims", "take_back_choices", "withdraw"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The right to post a key once. `attempt` counts the POSTs of this message, this one included, from 1."""

    key: str
    attempt: int
    owner: Owner


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """The outcome as the ledger has it now: with what it knows of the chat, `success` may have become `reused`."""

    outcome: Outcome
    evidence: Evidence | None


def claim(connection: Connection, key: str, owner: Owner, now: datetime) -> Claim | None:
    """Take a pending message, or return None when it is not pending (any more)."""
    taken = connection.execute(
        update(messages)
        .where(messages.c.key == key, messages.c.state == State.PENDING.value)
        .values(
            state=State.CLAIMED.value,
            attempts=messages.c.attempts + 1,
            claim_run=owner.run,
            claim_host=owner.host,
            claim_pid=owner.pid,
            sent_at=now,
            duration_ms=None,
            http_status=None,
        )
        .returning(messages.c.attempts)
    ).scalar()
    return None if taken is None else Claim(key=key, attempt=taken, owner=owner)


def release(connection: Connection, held: Claim, finding: Finding | None, *, posted: bool, status: int | None) -> bool:
    """Give back a claim that certainly sent nothing: the message is pending again. False when it was not ours any more.

    `finding` says why; None leaves what was said before. `posted`: the API answered (it said no); else no request was
    made, and the attempt does not count.
    """
    given_back: dict[str, Any] = {
        "state": State.PENDING.value,
        "claim_run": None,
        "claim_host": None,
        "claim_pid": None,
        "http_status": status,
    }
    if finding:
        given_back["findings"] = findings_to_json([finding])
    given_back |= {"run": held.owner.run} if posted else {"attempts": messages.c.attempts - 1}
    return connection.execute(update(messages).where(_held(held)).values(given_back)).rowcount == 1


def withdraw(connection: Connection, key: str, owner: Owner) -> bool:
    """Make a message pending again that this run claimed without learning of it, and so did not post.

    For a claim whose commit failed in a way that leaves open whether it took effect. False when it did not.
    """
    open_claim = (messages.c.key == key, messages.c.claim_run == owner.run, messages.c.state == State.CLAIMED.value)
    given_back = {
        "state": State.PENDING.value,
        "attempts": messages.c.attempts - 1,
        "claim_run": None,
        "claim_host": None,
        "claim_pid": None,
    }
    return connection.execute(update(messages).where(*open_claim).values(given_back)).rowcount == 1


def record(connection: Connection, held: Claim, verdict: Verdict, *, duration_ms: int) -> Recorded | None:
    """Write what the attempt came to. None when the claim was not ours any more.

    A claim of ours that somebody took for dead and made `unknown` is still ours to correct: we know better.
    """
    outcome, evidence, finding = verdict.outcome, None, verdict.finding
    if verdict.signs is not None:
        known = _chat_is_known(connection, held, verdict.signs.chat_id)
        outcome, evidence = weigh(verdict.signs, known_chat=known)
        finding = Finding(Reason.REUSED if outcome is Outcome.REUSED else Reason.CREATED)
    written = connection.execute(
        update(messages)
        .where(_held(held))
        .values(
            state=outcome.value,
            findings=findings_to_json([finding]),
            payload=None,
            again_state=None,
            again_findings=None,
            run=held.owner.run,
            chat_id=verdict.signs.chat_id if verdict.signs else None,
            chat_status=verdict.signs.chat_status if verdict.signs else None,
            evidence=evidence.value if evidence else None,
            http_status=verdict.http_status,
            duration_ms=duration_ms,
        )
    )
    return Recorded(outcome=outcome, evidence=evidence) if written.rowcount == 1 else None


def settle_dead_claims(
    connection: Connection,
    *,
    endpoint: str,
    campaign: str,
    before: datetime | None = None,
    reason: Reason = Reason.RUN_DIED,
) -> int:
    """Turn the campaign's open claims into `unknown`; return how many. `before`: only those that are older.

    Only the holder of the campaign's lock may call this: nobody else can then be sending for it.
    """
    scope = [messages.c.endpoint == endpoint, messages.c.campaign == campaign_scope(campaign)]
    if before is not None:
        scope.append(messages.c.sent_at < before)
    open_claims = select(messages.c.key, messages.c.claim_run).where(*scope, messages.c.state == State.CLAIMED.value)
    dead = connection.execute(open_claims).all()
    for key, run in dead:
        finding = Finding(reason, {"run": run})
        values = {
            "state": State.UNKNOWN.value,
            "findings": findings_to_json([finding]),
            "payload": None,
            "run": run,
            "again_state": None,
            "again_findings": None,
        }
        connection.execute(update(messages).where(messages.c.key == key).values(values))
    return len(dead)


def take_back_choices(connection: Connection, *, endpoint: str, campaign: str) -> int:
    """Give messages that a person chose to try again, and that were not sent since, their outcome back.

    `--resend-unknown` and `--retry-errors` are choices for one run: what it does not reach stays what it was.
    """
    scope = (messages.c.endpoint == endpoint, messages.c.campaign == campaign_scope(campaign))
    waiting = (messages.c.state == State.PENDING.value, messages.c.again_state.is_not(None))
    before = {
        "state": messages.c.again_state,
        "findings": messages.c.again_findings,
        "payload": None,
        "again_state": None,
        "again_findings": None,
    }
    return connection.execute(update(messages).where(*scope, *waiting).values(before)).rowcount


def _held(held: Claim) -> Any:
    return (
        (messages.c.key == held.key)
        & (messages.c.claim_run == held.owner.run)
        & (messages.c.attempts == held.attempt)
        & messages.c.state.in_([State.CLAIMED.value, State.UNKNOWN.value])
    )


def _chat_is_known(connection: Connection, held: Claim, chat_id: str) -> bool:
    endpoint = select(messages.c.endpoint).where(messages.c.key == held.key).scalar_subquery()
    other = exists().where(messages.c.chat_id == chat_id, messages.c.key != held.key, messages.c.endpoint == endpoint)
    return bool(connection.execute(select(other)).scalar())
