"""Writes of a group by one statement for each kind, for a database where each statement is a round trip.

What a group cannot have in one statement is left to the single ones: a second message to a person, a second record of a
chat, whatever was not claimed, answers that suppress a person, and claims of others.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.sql.visitors import cloned_traverse, replacement_traverse

from batch.ledger.send.claims import (
    ACCEPTED_FINDINGS,
    CLAIM_RULES,
    OF_CHAT,
    Claim,
    Ended,
    Unsent,
    Wanted,
    note_record,
    owner_values,
    record_values,
)
from batch.ledger.send.contact_limits import EARLIER, ContactLimiter, claim_parameters
from batch.ledger.storage.engine import PreparedStatement
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.postgres_locks import number_array
from batch.ledger.storage.schema import AGAIN, NO_CLAIM, State, is_one_of, messages, microseconds
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason, findings_to_json
from batch.model.verdicts import ChatSigns, weigh

_NOTHING: Any = sa.literal_column("''")


def _array(name: str, kind: type[sa.types.TypeEngine[Any]]) -> sa.ColumnElement[Any]:
    return sa.cast(sa.bindparam(name, type_=sa.Text()), ARRAY(kind))


def text_array(texts: Iterable[str | None]) -> str:
    """Return texts as PostgreSQL writes an array of them."""
    joined = ",".join(["NULL" if text is None else f'"{_escape(text)}"' for text in texts])
    return f"{{{joined}}}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"') if "\\" in text or '"' in text else text


def _arrays(table: Any, rows: Iterable[Sequence[Any]]) -> dict[str, str]:
    """Return the values of the parameters of `_rows`, from a sequence for each row, in the order of the columns."""
    written = zip(table.columns, zip(*rows, strict=True), strict=True)
    return {
        f"{table.name}_{column.name}": (text_array if isinstance(column.type, sa.Text) else number_array)(values)
        for column, values in written
    }


def _rows(name: str, **columns: type[sa.types.TypeEngine[Any]]) -> Any:
    """Return a table of one row for each element of the arrays that are bound to `<name>_<column>`."""
    arrays = [_array(f"{name}_{column}", kind) for column, kind in columns.items()]
    typed = [sa.column(column, kind()) for column, kind in columns.items()]
    return sa.func.unnest(*arrays).table_valued(*typed).render_derived(name=name)


_wanted = _rows("wanted", key=sa.Text, moment=sa.BigInteger, pseudonym=sa.Text)


def _of_group(element: Any, **_more: Any) -> Any:
    """Replace what differs from message to message; and the endpoint of others, by which nothing is to be searched.

    By it the planner would read a whole campaign instead of the index by person, as long as its statistics are old.
    """
    if isinstance(element, sa.BindParameter) and element.key == "hashed":
        return _wanted.c.pseudonym
    return EARLIER.c.endpoint.concat(_NOTHING) if element is EARLIER.c.endpoint else None


def _look_up(rule: sa.ColumnElement[bool]) -> Any:
    """Let a rule's queries be asked for each message, and not be joined: that would read all that was sent."""

    def fence(query: sa.Select[Any]) -> None:
        query._offset_clause = sa.literal_column("0")

    return cloned_traverse(replacement_traverse(rule, {}, _of_group), {}, {"select": fence})


def _make_claim(*rules: sa.ColumnElement[bool]) -> PreparedStatement:
    return PreparedStatement(
        sa.update(messages)
        .where(messages.c.key == _wanted.c.key, messages.c.state == State.PENDING.value, *map(_look_up, rules))
        .values(state=State.CLAIMED.value, attempts=messages.c.attempts + 1, duration_ms=None, http_status=None)
        .values(sent_at=sa.type_coerce(_wanted.c.moment, messages.c.sent_at.type))
        .returning(messages.c.key, messages.c.attempts),
        *NO_CLAIM,
    )


_CLAIMS = {which: _make_claim(*rules) for which, rules in CLAIM_RULES.items()}
_RECORDED = {
    **dict.fromkeys(("state", "findings", "evidence", *OF_CHAT), sa.Text),
    **dict.fromkeys(("http_status", "duration_ms"), sa.Integer),
}
_values_of = itemgetter(*_RECORDED)
_OUTCOMES: dict[str | None, Outcome | None] = {None: None, **{each.value: each for each in Outcome}}
_held_run: sa.BindParameter[str] = sa.bindparam("held_run")
_BY_OWNER = (
    messages.c.claim_run == _held_run,
    sa.func.coalesce(messages.c.claim_epoch, 0) == sa.bindparam("held_epoch"),
)


def _are_held(held: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions of claims that still are their owner's, as of the single statements."""
    is_open = is_one_of(messages.c.state, (State.CLAIMED.value, State.UNKNOWN.value))
    return messages.c.key == held.c.held_key, messages.c.attempts == held.c.held_attempt, *_BY_OWNER, is_open


_ended = _rows("ended", held_key=sa.Text, held_attempt=sa.Integer, began=sa.BigInteger, pseudonym=sa.Text, **_RECORDED)
_other = messages.alias("other")
_is_known_chat = sa.exists().where(
    # Not by "or", for which the planner would read the whole index while it believes that empty.
    _other.c.chat_id == sa.any_(array([_ended.c.chat_id, _ended.c.pseudonym])),
    _other.c.key != _ended.c.held_key,
    _other.c.endpoint.concat(_NOTHING) == sa.bindparam("endpoint"),
)
_is_reused = sa.and_(_ended.c.pseudonym.is_not(None), _is_known_chat).label("is_reused")
_judged = sa.select(_ended, _is_reused).offset(sa.literal_column("0")).subquery("judged")
"""The fence lets each chat be looked up once, and not for each of the columns that follow from it."""
_reused, _evidence = weigh(ChatSigns(chat_id=""), known_chat=True)
_OF_REUSED = {"state": _reused.value, "findings": ACCEPTED_FINDINGS[_reused], "evidence": _evidence.value}
_RECORD = PreparedStatement(
    sa.update(messages)
    .where(*_are_held(_judged))
    .values(payload=None, **dict.fromkeys(AGAIN.values()), **{name: _judged.c[name] for name in _RECORDED})
    .values({name: sa.case((_judged.c.is_reused, of), else_=_judged.c[name]) for name, of in _OF_REUSED.items()})
    .values(sent_at=sa.func.coalesce(sa.type_coerce(_judged.c.began, messages.c.sent_at.type), messages.c.sent_at))
    .returning(messages.c.key, messages.c.state),
    "run",
)


_unsent = _rows("unsent", held_key=sa.Text, held_attempt=sa.Integer, findings=sa.Text, status=sa.Integer)
_made_no_request = _unsent.c.status.is_(None)
_was_settled = messages.c.state == State.UNKNOWN.value
_RELEASE = PreparedStatement(
    sa.update(messages)
    .where(*_are_held(_unsent))
    .values(
        state=State.PENDING.value,
        http_status=_unsent.c.status,
        findings=sa.func.coalesce(_unsent.c.findings, sa.case((~_was_settled, messages.c.findings))),
        attempts=messages.c.attempts - sa.cast(_made_no_request, sa.Integer),
        run=sa.case((_made_no_request | messages.c.again_state.is_not(None), messages.c.run), else_=_held_run),
        **NO_CLAIM,
    )
    .returning(messages.c.key)
)
_DOUBTFUL = messages.c.key == sa.any_(_array("keys", sa.Text))
_LOCK = PreparedStatement(sa.select(messages.c.key).where(_DOUBTFUL).order_by(messages.c.key).with_for_update())
"""Waits for the commit of claims, should it go on still: an update alone would judge by what was before it."""
_was_taken_for_dead = sa.and_(_was_settled, messages.c.findings.contains(Reason.RUN_DIED.value))
_WITHDRAW = PreparedStatement(
    sa.update(messages)
    .where(_DOUBTFUL, *_BY_OWNER, sa.or_(messages.c.state == State.CLAIMED.value, _was_taken_for_dead))
    .values(state=State.PENDING.value, attempts=messages.c.attempts - 1, **NO_CLAIM)
    .values(findings=sa.case((~_was_settled, messages.c.findings)))
    .returning(messages.c.key)
)


def claim_set(
    connection: sa.Connection, wanted: Sequence[Wanted], owner: Owner, rules: ContactLimiter
) -> dict[str, Claim]:
    """Claim messages of a group, one of a person; return key to claim of those that were."""
    some: dict[str, Wanted] = {}
    for each in wanted:
        if each.job.person not in some and rules.cap_refuses(connection, *each) is None:
            some[each.job.person] = each
            rules.note_claim(*each)  # so that those behind it find its place taken
    if not some:
        return {}
    # By the earliest moment of all, some milliseconds ago, a rule refuses no less.
    first = min(some.values(), key=lambda each: each.now)
    judged = dict(claim_parameters(rules, first.job, owner, first.now))
    is_hashed = judged.pop("hashed") is not None
    arrays = _arrays(
        _wanted,
        [
            (job.key, microseconds(now), rules.hashes.person(job.person) if is_hashed else None)
            for job, now in some.values()
        ],
    )
    taken = dict(_CLAIMS[rules.needs].run(connection, {**arrays, **owner_values(owner), **judged}).fetchall())
    for each in some.values():
        if each.job.key not in taken:
            rules.note_end(each.job.key, None)
    return {key: Claim(key=key, attempt=attempt, owner=owner) for key, attempt in taken.items()}


def record_set(connection: sa.Connection, ended: Sequence[Ended], rules: ContactLimiter) -> dict[str, Outcome | None]:
    """Write outcomes of a group, one of a chat; return key to outcome, None where the claim was not ours any more."""
    some: dict[str, Ended] = {}
    for each in ended:
        signs = each.verdict.signs
        if each.verdict.finding.reason is not Reason.OPTED_OUT and each.held.owner == ended[0].held.owner:
            some.setdefault(signs.chat_id if signs else each.held.key, each)
    if not some:
        return {}
    owner = ended[0].held.owner
    of_group = {"run": owner.run, "endpoint": rules.endpoint, **_owner_ids(owner)}
    rows = [_ended_row(each, rules) for each in some.values()]
    states = dict(_RECORD.run(connection, {**_arrays(_ended, rows), **of_group}).fetchall())
    return {each.held.key: _OUTCOMES.get(states.get(each.held.key)) for each in some.values()}


def _ended_row(ended: Ended, rules: ContactLimiter) -> tuple[Any, ...]:
    """Return the row of `_ended`, and count the person. The pseudonym is that of a chat that may be known."""
    held, signs = ended.held, ended.verdict.signs
    outcome, values = record_values(ended, known_chat=False)
    note_record(ended, outcome, rules)
    pseudonym = None if signs is None or signs.created else rules.hashes.chat(signs.chat_id)
    return held.key, held.attempt, ended.began and microseconds(ended.began), pseudonym, *_values_of(values)


def release_set(connection: sa.Connection, unsent: Sequence[Unsent], rules: ContactLimiter) -> dict[str, bool]:
    """Give back claims of a group; return key to whether the claim was ours still."""
    owner = unsent[0].held.owner
    some = {each.held.key: each for each in unsent if each.held.owner == owner}
    rows = [
        (held.key, held.attempt, finding and findings_to_json([finding]), status)
        for held, finding, status in some.values()
    ]
    released = _RELEASE.run(connection, {**_arrays(_unsent, rows), **_owner_ids(owner)})
    ours = {key for (key,) in released.fetchall()}
    for key in some:
        rules.note_end(key, None)
    return {key: key in ours for key in some}


def withdraw_set(connection: sa.Connection, keys: Sequence[str], owner: Owner, rules: ContactLimiter) -> list[bool]:
    """Make messages of a group pending again that this run claimed without learning of it."""
    wanted = {"keys": text_array(keys)}
    _LOCK.run(connection, wanted)
    withdrawn = {key for (key,) in _WITHDRAW.run(connection, {**wanted, **_owner_ids(owner)}).fetchall()}
    for key in keys:
        rules.note_end(key, None)
    return [key in withdrawn for key in keys]


def _owner_ids(owner: Owner) -> dict[str, Any]:
    return {"held_run": owner.run, "held_epoch": owner.epoch}
