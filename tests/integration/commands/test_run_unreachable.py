"""`[history] skip_unreachable`: people whom WhatsApp could not reach are left out, and go on no list."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from delivering_api import DeliveringApi, Fate, delivering, failing
from office import Office, phones

from batch.app.runs import run_looks
from batch.ledger import Ledger

RULE = '[history]\nskip_unreachable = "180d"'


@pytest.fixture
def api() -> Iterator[DeliveringApi]:
    with delivering(DeliveringApi({"2002": failing(131026), "2003": failing(131049)})) as served:
        yield served


@pytest.fixture
def desk(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr(run_looks, "DEFAULT_RATE", 500.0)
    return office


def test_who_could_not_be_reached_is_left_out_for_that_time(desk: Office, api: DeliveringApi) -> None:
    """As the looks before sending show; not suppressed, not in a campaign without the rule, and not for ever."""
    sheet, url = desk.sheet(phones(3)), ("--base-url", api.url)
    desk.run(sheet, desk.campaign(name="a"), *url)
    api.pass_time(timedelta(days=20), os.environ["WEGLY_BATCH_LEDGER"])
    ran = desk.run(sheet, desk.campaign(RULE, name="b"), *url)
    assert [row[1] for row in ran.rows] == ["reused", "unreachable", "reused"]
    assert "(131026), less than 180 days ago" in ran.message(3)
    assert api.posts() == {"2001": 2, "2002": 1, "2003": 2}
    with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger:
        assert ledger.suppression.count() == 0
    assert desk.run(sheet, desk.campaign(name="c"), *url).rows[1] == ("reused", "reused")
    api.pass_time(timedelta(days=200), os.environ["WEGLY_BATCH_LEDGER"])
    assert desk.run(sheet, desk.campaign(RULE, name="d"), *url).rows[1] == ("reused", "reused")


def test_a_person_whom_a_later_message_reached_is_reachable(desk: Office, api: DeliveringApi) -> None:
    """Whatever an earlier one came to; without that look the person stays left out."""
    sheet, url = desk.sheet(phones(2)), ("--base-url", api.url)
    for name in "ab":
        desk.run(sheet, desk.campaign(name=name), *url)
        api.fates["2002"] = Fate()
        api.pass_time(timedelta(hours=2), os.environ["WEGLY_BATCH_LEDGER"])
    assert desk.run(sheet, desk.campaign(RULE, name="c"), *url).rows[1] == ("skipped", "unreachable")
    assert desk.type("follow", *url, "--rate", "90/s")[0] == 0
    assert desk.run(sheet, desk.campaign(RULE, name="c"), *url).rows[1] == ("reused", "reused")


def test_a_refusal_in_the_answer_counts_as_well(desk: Office) -> None:
    """The sandbox refuses a contact with 131026 at once; a second row of the person is left out at its claim."""
    refused = "11 98765-0131"
    sheet = desk.write("c.csv", f"Nome;Telefone;Fatura\nAna;{refused};1\nAna;{refused};2\n")
    ran = desk.run(sheet, desk.campaign(RULE, about='unique_by = ["Fatura"]'), "--concurrency", "1")
    assert [row[1] for row in ran.rows] == ["not_on_whatsapp", "unreachable"]
    assert len(desk.sandbox.log.received) == 1
    again = desk.run(desk.sheet([refused]), desk.campaign(RULE, name="b"))
    assert again.rows == [("skipped", "unreachable")]
    assert desk.run(desk.sheet([refused]), desk.campaign(name="c")).rows == [("error", "not_on_whatsapp")]
