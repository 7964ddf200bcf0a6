"""The plan's writes: a judged sheet enters the ledger in one transaction."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, and_, exists, insert, literal, or_, select, update

from batch.errors import LedgerFailed
from batch.i18n import _
from batch.ledger.plan.corrections import write_corrections
from batch.ledger.plan.rules import RetryOptions, sendable
from batch.ledger.read.runs import note_traits
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.schema import AGAIN, SCHEMA_VERSION, State, messages, meta, rows, runs
from batch.ledger.storage.staged_tables import known, staged
from batch.model.messages import campaign_scope
from batch.model.outcomes import Outcome
from batch.model.runs import Run, Traits

KEPT = ("row", "key", "person", "outcome", "findings", "notes", "duplicate_of")
"""The columns of a staged row that stay with its run."""


def write_plan(connection: Connection, judging: RetryOptions, run: Run, owner: Owner, traits: Traits) -> int:
    """Write a run, its rows and its messages; returns the ledger's counter. The caller commits."""
    _refuse_other_version(connection)
    connection.execute(insert(runs).values(_run_values(run, owner)))
    note_traits(connection, traits, endpoint=run.endpoint, campaign=run.campaign)
    _forget_left_out(connection)
    _write_messages(connection, judging, run)
    kept = select(staged.c.row, *(staged.c[name] for name in KEPT[1:]))
    with_run = kept.add_columns(literal(run.run))
    connection.execute(insert(rows).from_select([*KEPT, "run"], with_run))
    write_corrections(connection, run.run)
    return _count_up(connection)


def _refuse_other_version(connection: Connection) -> None:
    """A newer program may have changed the tables, or the form of the keys, since this one has opened the ledger."""
    found = connection.execute(select(meta.c.value).where(meta.c.name == "schema_version")).scalar()
    if found != str(SCHEMA_VERSION):
        raise LedgerFailed(
            _(
                "The ledger was brought up to version {found} by another program meanwhile; this one knows {ours}."
            ).format(found=found, ours=SCHEMA_VERSION),
            _("Run the same command again with the newest wegly-batch. Nothing was sent."),
        )


def _forget_left_out(connection: Connection) -> None:
    """The values of a pending message are not kept for a row that a rule leaves out; a later plan has them anew."""
    left_out = (
        select(staged.c.key)
        .join(known, known.c.row == staged.c.row)
        .where(
            known.c.state == State.PENDING.value,
            staged.c.outcome == Outcome.SKIPPED.value,
            staged.c.duplicate_of.is_(None),
        )
    )
    waits = (messages.c.state == State.PENDING.value, messages.c.again_state.is_(None))
    connection.execute(update(messages).where(messages.c.key.in_(left_out), *waits).values(payload=None))


def _write_messages(connection: Connection, judging: RetryOptions, run: Run) -> None:
    fresh = {
        "person": staged.c.person,  # once more in clear where it was purged: the rules at the claim go by it
        "sender": staged.c.sender,
        "request_hash": staged.c.request_hash,
        "payload": staged.c.payload,
    }
    same_key = messages.c.key == staged.c.key
    as_noted = messages.c.state == known.c.state  # a note that was wrong would make nothing pending
    again = update(messages).where(staged.c.row == known.c.row, sendable(judging), same_key, as_noted)
    unchanged = known.c.request_hash == staged.c.request_hash
    chosen = or_(known.c.state == State.UNKNOWN.value, and_(known.c.state == State.ERROR.value, unchanged))
    before = {again: messages.c[name] for name, again in AGAIN.items()}
    waiting = {**fresh, "state": State.PENDING.value, "findings": None}
    connection.execute(again.where(~chosen).values(waiting))
    connection.execute(again.where(chosen).values(before | waiting))
    new = select(
        staged.c.key,
        *fresh.values(),
        literal(run.endpoint),
        literal(campaign_scope(run.campaign)),
        literal(State.PENDING.value),
        literal(0),
        literal(run.trial),
    )
    not_noted = staged.c.row.not_in(select(known.c.row))  # before the messages are asked
    new = new.where(not_noted, staged.c.outcome.is_(None), staged.c.payload.is_not(None), ~exists().where(same_key))
    columns = ["key", *fresh, "endpoint", "campaign", "state", "attempts", "trial"]
    connection.execute(insert(messages).from_select(columns, new))


def _run_values(run: Run, owner: Owner) -> dict[str, Any]:
    return {
        "run": run.run,
        "campaign": run.campaign,
        "endpoint": run.endpoint,
        "sheet_path": run.sheet_path,
        "sheet_sha256": run.sheet_sha256,
        "sheet_options": json.dumps(dict(run.sheet_options), ensure_ascii=False),
        "version": run.version,
        "timezone": run.timezone,
        "language": run.language,
        "report_dir": run.report_dir,
        "host": owner.host,
        "pid": owner.pid,
        "started": run.started,
        "wanted_rate": run.wanted_rate,
        "trial": run.trial,
    }


def _count_up(connection: Connection) -> int:
    counter = int(connection.execute(select(meta.c.value).where(meta.c.name == "counter")).scalar_one()) + 1
    connection.execute(update(meta).where(meta.c.name == "counter").values(value=str(counter)))
    return counter
