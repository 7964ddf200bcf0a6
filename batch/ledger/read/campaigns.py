"""What the ledger knows of a campaign as a whole: its traits, and how many people it has messaged where."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, select

from batch.ledger.storage.pseudonyms import MARK, Hashes, read_hashes, was_purged
from batch.ledger.storage.schema import SENT_STATES, campaigns, is_one_of, messages
from batch.model.campaign_traits import Traits
from batch.model.messages import campaign_scope

__all__ = ["messaged_endpoints", "messaged_people", "note_traits", "read_traits"]


def read_traits(connection: Connection, *, endpoint: str, campaign: str) -> Traits | None:
    """The traits of the campaign's last run at this endpoint, or None when there was none."""
    here = (campaigns.c.endpoint == endpoint, campaigns.c.campaign == campaign_scope(campaign))
    found = connection.execute(select(campaigns).where(*here)).mappings().first()
    if found is None:
        return None
    return Traits(
        unique_by=tuple(json.loads(found["unique_by"])),
        region=found["region"],
        phone_rule=found["phone_rule"],
        template=found["template"],
    )


def note_traits(connection: Connection, traits: Traits, *, endpoint: str, campaign: str) -> None:
    """Write the traits of a run's campaign in place of those before."""
    scope = campaign_scope(campaign)
    connection.execute(delete(campaigns).where(campaigns.c.endpoint == endpoint, campaigns.c.campaign == scope))
    connection.execute(
        insert(campaigns).values(
            endpoint=endpoint,
            campaign=scope,
            unique_by=json.dumps(list(traits.unique_by), ensure_ascii=False),
            region=traits.region,
            phone_rule=traits.phone_rule,
            template=traits.template,
        )
    )


def messaged_endpoints(connection: Connection, campaign: str) -> list[str]:
    """The endpoints at which somebody has, or may have, a message of the campaign. Nobody is counted: it is quick."""
    sent = (messages.c.campaign == campaign_scope(campaign), is_one_of(messages.c.state, SENT_STATES))
    return [
        endpoint
        for endpoint in _endpoints(connection)
        if connection.execute(select(exists().where(messages.c.endpoint == endpoint, *sent))).scalar()
    ]


def _endpoints(connection: Connection) -> Iterator[str]:
    """Every endpoint, from one to the next by the index: to look through all messages for them takes a while."""
    first = select(func.min(messages.c.endpoint))
    endpoint = connection.execute(first).scalar()
    while endpoint is not None:
        yield endpoint
        endpoint = connection.execute(first.where(messages.c.endpoint > endpoint)).scalar()


def messaged_people(connection: Connection, campaign: str) -> dict[str, int]:
    """Endpoint to the number of people who have, or may have, a message of the campaign there."""
    people = func.count(messages.c.person.distinct())
    sent = (messages.c.campaign == campaign_scope(campaign), messages.c.state.in_(SENT_STATES))
    query = select(messages.c.endpoint, people).where(*sent).group_by(messages.c.endpoint)
    found = {endpoint: count for endpoint, count in connection.execute(query)}  # noqa: C416 - rows are no pairs for mypy
    if not was_purged(connection):
        return found
    hashes = read_hashes(connection)
    return {
        endpoint: count - _twice(connection, hashes, *sent, messages.c.endpoint == endpoint)
        for endpoint, count in found.items()
    }


def _twice(connection: Connection, hashes: Hashes, *sent: ColumnElement[bool]) -> int:
    """People who count twice: one message of theirs was purged, and another one (`unique_by`) was not."""
    is_purged = messages.c.person.startswith(MARK, autoescape=True)
    purged = set(connection.execute(select(messages.c.person).where(*sent, is_purged)).scalars())
    if not purged:
        return 0
    others = connection.execute(select(messages.c.person).where(*sent, ~is_purged).distinct()).scalars()
    return sum(hashes.person(person) in purged for person in others)
