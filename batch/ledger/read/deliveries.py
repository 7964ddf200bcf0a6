"""Counts of accepted messages by what looks have shown of them, with rates, costs, and replies to decide."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

import sqlalchemy as sa

from batch.ledger.storage.engine import pages
from batch.ledger.storage.pseudonyms import MARK
from batch.ledger.storage.results import OF_MESSAGE
from batch.ledger.storage.schema import (
    ACCEPTED_STATES,
    deliveries,
    is_one_of,
    is_suppressed,
    messages,
    microseconds_of,
    runs,
)
from batch.model.delivery import RATED_AFTER, STOPPED_MARKETING, DeliveryCounts, DeliveryState, Spent
from batch.model.replies import OPT_OUT, UndecidedReply
from batch.model.runs import CURRENCY, PRICE, TEMPLATE

ACCEPTED = is_one_of(messages.c.state, ACCEPTED_STATES)


def count_deliveries(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> DeliveryCounts | None:
    """Count the accepted messages for which all of `which` holds by what looks have shown; None when there was none."""
    age = microseconds_of(deliveries.c.looked_at) - microseconds_of(messages.c.sent_at)
    is_rated = (age >= RATED_AFTER // timedelta(microseconds=1)).label("is_rated")
    alike = (deliveries.c.state, deliveries.c.code, deliveries.c.words, deliveries.c.reply, messages.c.sender)
    query = sa.select(*alike, messages.c.run, is_rated, sa.func.count().label("number"))
    query = query.add_columns(sa.func.max(deliveries.c.looked_at).label("latest"))
    query = query.select_from(messages.outerjoin(deliveries, OF_MESSAGE)).where(ACCEPTED, *which)
    groups = connection.execute(query.group_by(*alike, messages.c.run, is_rated)).all()
    latest: datetime | None = max((each.latest for each in groups if each.latest is not None), default=None)
    if latest is None:
        return None
    options = _read_options(connection, {each.run for each in groups})
    states, codes, counts = Counter[DeliveryState](), Counter[tuple[int | None, str]](), Counter[str]()
    rated, spent = dict[tuple[str, str], Counter[DeliveryState]](), dict[str, Spent]()
    for each in groups:
        of_run, state = options.get(each.run, {}), DeliveryState(each.state) if each.state else None
        counts["messaged"] += each.number
        if price := _price(of_run):
            arrived = each.number if state and state.arrived else 0
            before = spent.get(of_run.get(CURRENCY, ""), Spent())
            spent[of_run.get(CURRENCY, "")] = before.add(each.number * price, arrived * price)
        if state is None:
            continue
        states[state] += each.number
        if state is DeliveryState.FAILED:
            codes[each.code, each.words] += each.number
        counts["replied"] += each.number if each.reply else 0
        opted_out = each.reply == OPT_OUT or (each.code == STOPPED_MARKETING and not state.arrived)
        counts["opted_out"] += each.number if opted_out else 0
        for of in (("template", of_run.get(TEMPLATE, "")), ("sender", each.sender)) if each.is_rated else ():
            rated.setdefault(of, Counter())[state] += each.number
    undecided = tuple(_read_undecided(connection, *which))
    return DeliveryCounts(
        states=states, codes=codes, looked_at=latest, rated=rated, spent=spent, undecided=undecided, **counts
    )


def _read_options(connection: sa.Connection, names: Iterable[str]) -> dict[str, Mapping[str, str]]:
    """Return the options of runs (`Run.sheet_options`)."""
    found = dict[str, Mapping[str, str]]()
    for some in pages(sorted(filter(None, names))):
        query = sa.select(runs.c.run, runs.c.sheet_options).where(runs.c.run.in_(some))
        found |= {run: json.loads(options) for run, options in connection.execute(query)}
    return found


def _price(options: Mapping[str, str]) -> Decimal | None:
    try:
        return Decimal(options[PRICE])
    except (KeyError, InvalidOperation):
        return None


def _read_undecided(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> Iterable[UndecidedReply]:
    """Return the replies that a person has to read, of people who are not on the suppression list; the oldest first."""
    listed = sa.exists().where(is_suppressed(messages.c.person, messages.c.endpoint))
    query = (
        sa.select(messages.c.person, messages.c.run, runs.c.timezone, deliveries.c.replied_at.label("at"))
        .select_from(messages.join(deliveries, OF_MESSAGE).join(runs, runs.c.run == messages.c.run))
        .where(ACCEPTED, *which, deliveries.c.reply_undecided, ~listed)
        .where(~messages.c.person.startswith(MARK, autoescape=True))
        .order_by(deliveries.c.replied_at)
    )
    return [UndecidedReply(**found) for found in connection.execute(query).mappings()]
