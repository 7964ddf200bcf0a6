"""`[history] skip_unreachable`: people whom WhatsApp could not reach are left out, and go on no list."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from delivering_api import DeliveringApi, Fate, delivering, failing
from office import Office, phones

from batch.ledger import Ledger

pytestmark = pytest.mark.usefixtures("fast_looks")

RULE = '[history]\nskip_unreachable = "180d"'


@pytest.fixture
def api() -> Iterator[DeliveringApi]:
    with delivering(DeliveringApi({"2002": failing(131026), "2003": failing(131049)})) as served:
        yield served


def test_who_could_not_be_reached_is_left_out_for_that_time(bare_office: Office, api: DeliveringApi) -> None:
    """As the looks before sending show; not suppressed, not in a campaign without the rule, and not for ever."""
    sheet, url = bare_office.sheet(phones(3)), ("--base-url", api.url)
    bare_office.run(sheet, bare_office.campaign(name="a"), *url)
    api.pass_time(timedelta(days=20), os.environ["WEGLY_BATCH_LEDGER"])
    ran = bare_office.run(sheet, bare_office.campaign(RULE, name="b"), *url)
    assert [row[1] for row in ran.rows] == ["reused", "unreachable", "reused"]
    assert "(131026), less than 180 days ago" in ran.message(3)
    assert api.posts() == {"2001": 2, "2002": 1, "2003": 2}
    with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger:
        assert ledger.suppression.count() == 0
    assert bare_office.run(sheet, bare_office.campaign(name="c"), *url).rows[1] == ("reused", "reused")
    api.pass_time(timedelta(days=200), os.environ["WEGLY_BATCH_LEDGER"])
    assert bare_office.run(sheet, bare_office.campaign(RULE, name="d"), *url).rows[1] == ("reused", "reused")


def test_a_person_whom_a_later_message_reached_is_reachable(bare_office: Office, api: DeliveringApi) -> None:
    """Whatever an earlier one came to; without that look the person stays left out."""
    sheet, url = bare_office.sheet(phones(2)), ("--base-url", api.url)
    for name in "ab":
        bare_office.run(sheet, bare_office.campaign(name=name), *url)
        api.fates["2002"] = Fate()
        api.pass_time(timedelta(hours=2), os.environ["WEGLY_BATCH_LEDGER"])
    assert bare_office.run(sheet, bare_office.campaign(RULE, name="c"), *url).rows[1] == ("skipped", "unreachable")
    assert bare_office.type("follow", *url, "--rate", "90/s")[0] == 0
    assert bare_office.run(sheet, bare_office.campaign(RULE, name="c"), *url).rows[1] == ("reused", "reused")


def test_a_refusal_in_the_answer_counts_as_well(office: Office) -> None:
    """The sandbox refuses a contact with 131026 at once; a second row of the person is left out at its claim."""
    refused = "11 98765-0131"
    sheet = office.write("c.csv", f"Nome;Telefone;Fatura\nAna;{refused};1\nAna;{refused};2\n")
    ran = office.run(sheet, office.campaign(RULE, about='unique_by = ["Fatura"]'), "--concurrency", "1")
    assert [row[1] for row in ran.rows] == ["not_on_whatsapp", "unreachable"]
    assert len(office.sandbox.log.received) == 1
    again = office.run(office.sheet([refused]), office.campaign(RULE, name="b"))
    assert again.rows == [("skipped", "unreachable")]
    assert office.run(office.sheet([refused]), office.campaign(name="c")).rows == [("error", "not_on_whatsapp")]
