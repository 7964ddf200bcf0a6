"""Writes of a group by one statement for each kind, for a database where each statement is a round trip.

What a group cannot have in one statement is left to the single ones: a second message to a person, a second record of a
chat, whatever was not claimed, answers that suppress a person, and claims of others.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.visitors import cloned_traverse, replacement_traverse

from batch.ledger.send.claims import CLAIM_RULES, Claim, Ended, Unsent, Wanted, note_record, owner_values, record_values
from batch.ledger.send.contact_limits import EARLIER, ContactLimiter, claim_parameters
from batch.ledger.storage.engine import PreparedStatement
from batch.ledger.storage.locks import Owner
from batch.ledger.storage.schema import AGAIN, NO_CLAIM, State, is_one_of, messages, microseconds
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason, findings_to_json

_NOTHING: Any = sa.literal_column("''")


class _ArrayText(sa.TypeDecorator[Any]):
    """An array in the server's own text form: the driver takes three times as long to write one."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[Any] | None, dialect: sa.Dialect) -> str:  # noqa: ARG002 - SQLAlchemy's hook
        return array_literal(value or ())


def _array(name: str, kind: type[sa.types.TypeEngine[Any]]) -> sa.ColumnElement[Any]:
    return sa.cast(sa.bindparam(name, type_=_ArrayText()), ARRAY(kind))


def array_literal(values: Iterable[str | int | None]) -> str:
    """Return texts or whole numbers as PostgreSQL writes an array of them."""
    return f"{{{','.join(map(_element, values))}}}"


def _element(value: str | int | None) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "NULL" if value is None else str(value)


def _rows(name: str, **columns: type[sa.types.TypeEngine[Any]]) -> Any:
    """Return a table of one row for each element of the arrays that are bound to `<name>_<column>`."""
    arrays = [_array(f"{name}_{column}", kind) for column, kind in columns.items()]
    typed = [sa.column(column, kind()) for column, kind in columns.items()]
    return sa.func.unnest(*arrays).table_valued(*typed, name=name).render_derived()


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
_chats = _rows("chats", key=sa.Text, chat=sa.Text, pseudonym=sa.Text)
_own, _other = messages.alias("own"), messages.alias("other")
_KNOWN_CHATS = PreparedStatement(
    sa.select(_chats.c.key)
    .join(_own, _own.c.key == _chats.c.key)
    .where(
        sa.exists().where(
            is_one_of(_other.c.chat_id, (_chats.c.chat, _chats.c.pseudonym)),
            _other.c.key != _chats.c.key,
            _other.c.endpoint.concat(_NOTHING) == _own.c.endpoint,
        )
    )
)
_RECORDED = {
    **dict.fromkeys(("state", "findings", "chat_id", "chat_status", "message_id", "message_status"), sa.Text),
    **dict.fromkeys(("http_status", "duration_ms"), sa.Integer),
    "evidence": sa.Text,
}
_BY_OWNER = (
    messages.c.claim_run == sa.bindparam("held_run"),
    sa.func.coalesce(messages.c.claim_epoch, 0) == sa.bindparam("held_epoch"),
)


def _are_held(held: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions of claims that still are their owner's, as of the single statements."""
    is_open = is_one_of(messages.c.state, (State.CLAIMED.value, State.UNKNOWN.value))
    return messages.c.key == held.c.held_key, messages.c.attempts == held.c.held_attempt, *_BY_OWNER, is_open


_ended = _rows("ended", held_key=sa.Text, held_attempt=sa.Integer, began=sa.BigInteger, **_RECORDED)
_RECORD = PreparedStatement(
    sa.update(messages)
    .where(*_are_held(_ended))
    .values(payload=None, **dict.fromkeys(AGAIN.values()), **{name: _ended.c[name] for name in _RECORDED})
    .values(sent_at=sa.func.coalesce(sa.type_coerce(_ended.c.began, messages.c.sent_at.type), messages.c.sent_at))
    .returning(messages.c.key),
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
        run=sa.case((_made_no_request, messages.c.run), else_=sa.bindparam("held_run")),
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
    arrays = {
        "wanted_key": [each.job.key for each in some.values()],
        "wanted_moment": [microseconds(each.now) for each in some.values()],
        "wanted_pseudonym": [rules.hashes.person(person) if is_hashed else None for person in some],
    }
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
    chats = [
        (each.held.key, signs.chat_id)
        for each in some.values()
        if (signs := each.verdict.signs) is not None and not signs.created
    ]
    columns = {
        "chats_key": [key for key, _chat in chats],
        "chats_chat": [chat for _key, chat in chats],
        "chats_pseudonym": [rules.hashes.chat(chat) for _key, chat in chats],
    }
    known = {key for (key,) in _KNOWN_CHATS.run(connection, columns)} if chats else set()
    judged = [record_values(each, known_chat=each.held.key in known) for each in some.values()]
    owner = ended[0].held.owner
    written = _RECORD.run(
        connection,
        {
            "ended_held_key": [each.held.key for each in some.values()],
            "ended_held_attempt": [each.held.attempt for each in some.values()],
            "ended_began": [each.began and microseconds(each.began) for each in some.values()],
            **{f"ended_{name}": [values[name] for _outcome, values in judged] for name in _RECORDED},
            "run": owner.run,
            **_owner_ids(owner),
        },
    )
    ours = {key for (key,) in written.fetchall()}
    for each, (outcome, _values) in zip(some.values(), judged, strict=True):
        note_record(each, outcome, rules)
    outcomes = zip(some.values(), (outcome for outcome, _values in judged), strict=True)
    return {each.held.key: outcome if each.held.key in ours else None for each, outcome in outcomes}


def release_set(connection: sa.Connection, unsent: Sequence[Unsent], rules: ContactLimiter) -> dict[str, bool]:
    """Give back claims of a group; return key to whether the claim was ours still."""
    owner = unsent[0].held.owner
    some = {each.held.key: each for each in unsent if each.held.owner == owner}
    values = {
        "unsent_held_key": [*some],
        "unsent_held_attempt": [each.held.attempt for each in some.values()],
        "unsent_findings": [each.finding and findings_to_json([each.finding]) for each in some.values()],
        "unsent_status": [each.status for each in some.values()],
        **_owner_ids(owner),
    }
    ours = {key for (key,) in _RELEASE.run(connection, values).fetchall()}
    for key in some:
        rules.note_end(key, None)
    return {key: key in ours for key in some}


def withdraw_set(connection: sa.Connection, keys: Sequence[str], owner: Owner, rules: ContactLimiter) -> list[bool]:
    """Make messages of a group pending again that this run claimed without learning of it."""
    wanted = {"keys": list(keys)}
    _LOCK.run(connection, wanted)
    withdrawn = {key for (key,) in _WITHDRAW.run(connection, {**wanted, **_owner_ids(owner)}).fetchall()}
    for key in keys:
        rules.note_end(key, None)
    return [key in withdrawn for key in keys]


def _owner_ids(owner: Owner) -> dict[str, Any]:
    return {"held_run": owner.run, "held_epoch": owner.epoch}
