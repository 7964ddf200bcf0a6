"""The plan's writes: a judged sheet enters the ledger in one transaction."""

import json
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from batch.errors import LedgerFailed
from batch.i18n import N_, _
from batch.ledger.plan.corrections import write_corrections
from batch.ledger.plan.rules import RetryOptions, sendable
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.pseudonyms import read_hashes
from batch.ledger.storage.schema import (
    ACCEPTED_STATES,
    AGAIN,
    SCHEMA_VERSION,
    State,
    campaigns,
    insert_new,
    is_one_of,
    messages,
    meta,
    rows,
    runs,
    suppressed,
)
from batch.ledger.storage.staged_tables import STAGED_WITH_KNOWN, known, listed, new_suppressions, staged, undelivered
from batch.model.messages import campaign_scope, is_loopback
from batch.model.outcomes import Outcome
from batch.model.phrases import Phrase
from batch.model.runs import Run, Traits

_OPTED_OUT_IN_SHEET = N_("opted out in a sheet")
_KEPT = ("row", "key", "person", "outcome", "findings", "notes", "duplicate_of")
"""The columns of a staged row that stay with its run."""


def write_plan(connection: sa.Connection, retries: RetryOptions, run: Run, owner: Owner, traits: Traits) -> int:
    """Write a run, its rows and its messages; return the ledger's counter. The caller commits."""
    _refuse_other_version(connection)
    connection.execute(sa.insert(runs).values(_run_values(run, owner)))
    _write_traits(connection, traits, run)
    _suppress_opted_out(connection, run)
    _drop_payloads_of_skipped(connection)
    if retries.retry_undelivered:  # first: what is written then finds no failed message under these rows' keys
        _write_retries(connection, retries, run)
    _write_messages(connection, retries, run)
    of_run = sa.select(*(staged.c[name] for name in _KEPT), sa.literal(run.run))
    connection.execute(sa.insert(rows).from_select([*_KEPT, "run"], of_run))
    write_corrections(connection, run.run)
    # One statement, the last one: two plans never count one, and wait for each other here alone.
    following = sa.cast(sa.cast(meta.c.value, sa.BigInteger) + 1, sa.Text)
    count = sa.update(meta).where(meta.c.name == "counter").values(value=following).returning(meta.c.value)
    return int(connection.execute(count).scalar_one())


def _refuse_other_version(connection: sa.Connection) -> None:
    """Raise LedgerFailed when a newer program changed the tables, or the form of keys, since the ledger was opened."""
    found = connection.execute(sa.select(meta.c.value).where(meta.c.name == "schema_version")).scalar()
    if found != str(SCHEMA_VERSION):
        raise LedgerFailed(
            _(
                "The ledger was brought up to version {found} by another program meanwhile; this one knows {ours}."
            ).format(found=found, ours=SCHEMA_VERSION),
            _("Run the same command again with the newest wegly-batch. Nothing was sent."),
        )


def _write_traits(connection: sa.Connection, traits: Traits, run: Run) -> None:
    """Write the traits of the run's campaign in place of the earlier ones."""
    here = {"endpoint": run.endpoint, "campaign": campaign_scope(run.campaign)}
    connection.execute(sa.delete(campaigns).where(*(campaigns.c[name] == value for name, value in here.items())))
    connection.execute(
        sa.insert(campaigns).values(
            **here, **asdict(traits) | {"unique_by": json.dumps(traits.unique_by, ensure_ascii=False)}
        )
    )


def _suppress_opted_out(connection: sa.Connection, run: Run) -> None:
    """Put people who opted out in the sheet on the suppression list; of a rehearsal, for its endpoint only."""
    entries = sa.select(
        listed.c.person,
        sa.literal(Phrase(_OPTED_OUT_IN_SHEET), suppressed.c.reason.type),
        listed.c.where,
        sa.literal(run.started, suppressed.c.added.type),
        sa.literal(run.endpoint if is_loopback(run.endpoint) else ""),
    ).where(*new_suppressions(sa.literal(run.endpoint)))
    names = ["person", "reason", "source", "added", "endpoint"]
    connection.execute(insert_new(suppressed).from_select(names, entries))


def _drop_payloads_of_skipped(connection: sa.Connection) -> None:
    """Drop the values of pending messages whose row a rule leaves out; a later plan has them anew."""
    skipped = (
        sa.select(staged.c.key)
        .join(known, known.c.row == staged.c.row)
        .where(
            known.c.state == State.PENDING.value,
            staged.c.outcome == Outcome.SKIPPED.value,
            staged.c.duplicate_of.is_(None),
        )
    )
    pending = (messages.c.state == State.PENDING.value, messages.c.again_state.is_(None))
    connection.execute(sa.update(messages).where(messages.c.key.in_(skipped), *pending).values(payload=None))


def _write_messages(connection: sa.Connection, retries: RetryOptions, run: Run) -> None:
    """Make the sendable rows' messages pending, each with the values to send; insert those that are new."""
    fresh = {
        "person": staged.c.person,  # once more in clear where it was purged: the rules at the claim go by it
        "sender": staged.c.sender,
        "request_hash": staged.c.request_hash,
        "payload": staged.c.payload,
    }
    same_key = messages.c.key == staged.c.key
    as_known = messages.c.state == known.c.state  # a look-up that was out of date makes nothing pending
    again = sa.update(messages).where(staged.c.row == known.c.row, sendable(retries), same_key, as_known)
    # What is tried again by choice keeps its outcome aside: the run may not reach it.
    unchanged_error = sa.and_(known.c.state == State.ERROR.value, known.c.request_hash == staged.c.request_hash)
    by_choice = sa.or_(known.c.state == State.UNKNOWN.value, unchanged_error)
    before = {again: messages.c[name] for name, again in AGAIN.items()}
    pending = {**fresh, "state": State.PENDING.value, "findings": None}
    # A sheet that is given again has mostly what waits already: nothing is written for that.
    differs = sa.or_(*(messages.c[name].is_distinct_from(value) for name, value in pending.items()))
    connection.execute(again.where(~by_choice, differs).values(pending))
    connection.execute(again.where(by_choice).values(before | pending))
    new = sa.select(
        staged.c.key,
        *fresh.values(),
        sa.literal(run.endpoint),
        sa.literal(campaign_scope(run.campaign)),
        sa.literal(State.PENDING.value),
        sa.literal(0),
        sa.literal(run.trial),
    )
    not_known = ~sa.exists().where(known.c.row == staged.c.row)  # evaluated before the messages are searched
    new = new.where(not_known, staged.c.outcome.is_(None), staged.c.payload.is_not(None), ~sa.exists().where(same_key))
    columns = ["key", *fresh, "endpoint", "campaign", "state", "attempts", "trial"]
    connection.execute(insert_new(messages).from_select(columns, new))


def _write_retries(connection: sa.Connection, retries: RetryOptions, run: Run) -> None:
    """Write the messages that are to replace failed ones, each of a key of its own, which the row has from now on.

    The failed message stays as it is.
    """
    failed = messages.alias("failed")
    query = (
        sa.select(
            staged.c.row, failed.c.key, *(staged.c[name] for name in ("person", "sender", "request_hash", "payload"))
        )
        .add_columns(failed.c.state.label("again_state"), failed.c.findings.label("again_findings"))
        .select_from(STAGED_WITH_KNOWN.join(undelivered, undelivered.c.row == staged.c.row))
        .join(failed, failed.c.key == staged.c.key)
        .where(sendable(retries), is_one_of(failed.c.state, ACCEPTED_STATES))
    )
    hashes = read_hashes(connection)
    of_run = {"endpoint": run.endpoint, "campaign": campaign_scope(run.campaign), "state": State.PENDING.value}
    for found in connection.execute(query).mappings().all():
        values, of_failed = dict(found), found["key"]
        row, key = values.pop("row"), hashes.replacement(of_failed)
        connection.execute(
            sa.insert(messages).values({**values, **of_run, "key": key, "retry_of": of_failed, "attempts": 0})
        )
        connection.execute(sa.update(staged).where(staged.c.row == row).values(key=key))


def _run_values(run: Run, owner: Owner) -> dict[str, Any]:
    named = ("run", "campaign", "endpoint", "sheet_path", "sheet_sha256", "version", "timezone", "language")
    values = {name: getattr(run, name) for name in (*named, "report_dir", "started", "wanted_rate", "trial")}
    options = json.dumps(dict(run.sheet_options), ensure_ascii=False)
    replies = json.dumps(run.reply_opt_outs, ensure_ascii=False) if run.reply_opt_outs else None
    return values | {"sheet_options": options, "reply_opt_outs": replies, "host": owner.host, "pid": owner.pid}
