"""Messages of a sheet's people that WhatsApp may not have delivered: what a plan sends once more, or looks at first."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from batch.ledger.deliveries.looks import FollowedMessage, read_due, select_due
from batch.ledger.read.deliveries import ACCEPTED
from batch.ledger.storage.schema import ACCEPTED_STATES, deliveries, messages
from batch.ledger.storage.staged_tables import staged, undelivered
from batch.model.delivery import REPEATABLE, RETRY_AFTER, TEMPLATE_PAUSED, DeliveryState

_MOST_LOOKS = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class DueLooks:
    """Looks that are due at people who would be messaged."""

    people: int
    messages: tuple[FollowedMessage, ...] = ()
    """Their messages that are due, the longest due first; the first 10,000."""


def find_undelivered(connection: sa.Connection, now: datetime, *, has_one_template: bool) -> None:
    """List the rows whose message failed and may be replaced, the first of each person, who was sent none so before.

    As far as looks have shown by now; each is looked at once more right before it is sent. After the failure of a
    paused template only where all of the campaign have one: a later message that was sent on shows that it is back.
    """
    other, others_look = messages.alias("other"), deliveries.alias("others_look")
    is_back = sa.exists().where(
        (other.c.endpoint == messages.c.endpoint) & (other.c.campaign == messages.c.campaign),
        (other.c.sender == messages.c.sender) & (other.c.sent_at > messages.c.sent_at),
        (others_look.c.key == other.c.key) & (others_look.c.attempts == other.c.attempts),
        others_look.c.state.in_([each.value for each in DeliveryState if each.is_on_its_way]),
    )
    failed = (
        *(staged.c.outcome.is_(None), staged.c.findings.is_(None), staged.c.payload.is_not(None)),
        *(messages.c.state.in_(ACCEPTED_STATES), messages.c.retry_of.is_(None), messages.c.trial == sa.false()),
        messages.c.sent_at <= now - RETRY_AFTER,
        *(deliveries.c.attempts == messages.c.attempts, deliveries.c.state == DeliveryState.FAILED.value),
        sa.or_(
            deliveries.c.code.in_(REPEATABLE),
            sa.and_(deliveries.c.code == TEMPLATE_PAUSED, is_back) if has_one_template else sa.false(),
        ),
        ~_was_replaced(messages.alias("again")),
    )
    found = staged.join(messages, messages.c.key == staged.c.key).join(deliveries, deliveries.c.key == messages.c.key)
    first = sa.select(sa.func.min(staged.c.row)).select_from(found).where(*failed).group_by(staged.c.person)
    connection.execute(sa.insert(undelivered).from_select(["row"], first))


def _was_replaced(again: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition: `again` replaces this message, or another one of the person in the campaign."""
    to_person = again.c.person.in_([staged.c.person, staged.c.hashed, staged.c.hashed_twin])
    return sa.exists().where(
        (again.c.endpoint == messages.c.endpoint) & (again.c.campaign == messages.c.campaign),
        again.c.retry_of.is_not(None),
        sa.or_(again.c.retry_of == messages.c.key, to_person),
    )


def count_due(connection: sa.Connection, now: datetime) -> int:
    """Count the accepted messages of the staged sheet that are due for a look, and not known to have failed."""
    not_failed = sa.func.coalesce(deliveries.c.state, "") != DeliveryState.FAILED.value
    query = select_due(now, ACCEPTED, messages.c.key.in_(sa.select(staged.c.key)), not_failed)
    return int(connection.execute(query.with_only_columns(sa.func.count())).scalar_one())


def read_due_looks(connection: sa.Connection, now: datetime, *which: sa.ColumnElement[bool]) -> DueLooks:
    """Return the due looks at messages for which all of `which` holds. Ends the connection's transaction."""
    query = select_due(now, *which).with_only_columns(sa.func.count(messages.c.person.distinct()))
    people = connection.execute(query).scalar_one()
    found = read_due(connection, now, *which, most=_MOST_LOOKS) if people else []
    connection.commit()
    return DueLooks(people=people, messages=tuple(found))
