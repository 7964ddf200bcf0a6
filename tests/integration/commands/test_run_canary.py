"""A run stops by what became of its first messages, or of some while it sends, against the log of a server."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from delivering_api import DeliveringApi, Fate, delivering, failing
from office import FIRST, HALVES, SECOND, Office, Ran, phones
from sqlalchemy.exc import OperationalError

from batch.app import run as running
from batch.app.runs import run_looks
from batch.ledger.deliveries import looks

pytestmark = pytest.mark.usefixtures("fast_looks")

CANARY = '[canary]\nrows = 3\nlook = "1.5s"'


@pytest.fixture
def api() -> Iterator[DeliveringApi]:
    with delivering(DeliveringApi()) as served:
        yield served


def send(office: Office, api: DeliveringApi, count: int = 9, more: str = CANARY, *options: str, **about: str) -> Ran:
    return office.run(office.sheet(phones(count)), office.campaign(more, **about), "--base-url", api.url, *options)


def test_a_template_that_is_accepted_and_fails_stops_at_the_canary(bare_office: Office, api: DeliveringApi) -> None:
    """Exit 5 after its rows; each message's state, what to do; the rest is pending."""
    api.usual = failing(132001)
    ran = send(bare_office, api)
    assert (ran.code, sum(api.posts().values())) == (5, 3)
    assert [row[0] for row in ran.rows] == ["success"] * 3 + ["pending"] * 6
    assert {row[1] for row in ran.rows[3:]} == {"stopped"}
    assert "Looked at 3 of the messages: 3 failed, 0 were sent on." in ran.said
    assert "row 2, +55 11 97001-2001: failed 132001 Nao entregue" in ran.said
    assert "Look in Wegly at the template" in ran.said
    assert ran.summary["delivery"]["states"]["failed"] == 3
    assert ran.summary["exit_code"] == 5


def test_a_canary_that_stays_in_processing_stops(bare_office: Office, api: DeliveringApi) -> None:
    """Once `look` has passed."""
    api.usual = Fate(steps=[])
    ran = send(bare_office, api, 9, CANARY.replace("1.5s", "0.5s"))
    assert (ran.code, sum(api.posts().values())) == (5, 3)
    assert "Looked at 3 of the messages: 0 failed, 0 were sent on." in ran.said
    assert "row 3, +55 11 97001-2002: in processing still" in ran.said


def test_a_canary_that_is_sent_on_lets_the_rest_go(bare_office: Office, api: DeliveringApi) -> None:
    """It waits until each is sent or better; one failure of three is more than 20 %, and within 40 %."""
    api.usual = Fate(steps=[(0.4, "sent")])
    assert (send(bare_office, api).code, sum(api.posts().values())) == (0, 9)
    api.fates["2002"] = failing(131049)
    assert send(bare_office, api, name="b", sender=f'"{SECOND}"').code == 5
    assert send(bare_office, api, 9, CANARY + '\n[stop]\nundelivered = "40%"', name="c", sender=f'"{SECOND}"').code == 0


class CrowdedApi(DeliveringApi):
    """Gives no message in its answer to a POST, and shows in each chat a second one of the same moment."""

    are_alike = False

    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"id": super().post(body)["id"], "status": "open"}

    def timeline(self, chat: str) -> dict[str, Any]:
        records = super().timeline(chat)["records"]
        second = {"id": "b"} if self.are_alike else {"id": "b", "status": "processing"}
        records += [{**each, "id": "b", "message": each["message"] | second} for each in records]
        return {"total": len(records), "records": records}


def test_a_canary_whose_messages_cannot_be_told_apart_stops(bare_office: Office) -> None:
    """Nothing is known of them, good or bad: the stop names the line with which the rest goes out."""
    with delivering(CrowdedApi()) as crowded:
        ran = send(bare_office, crowded, 9, CANARY.replace("1.5s", "0.5s"))
    assert (ran.code, sum(crowded.posts().values())) == (5, 3)
    assert "row 2, +55 11 97001-2001: one of several messages" in ran.said
    assert 'write look = "0s" under [canary]' in " ".join(ran.said.split())


def test_a_canary_whose_messages_all_failed_stops_whichever_is_meant(bare_office: Office) -> None:
    """Both messages of each chat failed with the same code: so did ours."""
    with delivering(CrowdedApi()) as crowded:
        crowded.usual, crowded.are_alike = failing(132001), True
        ran = send(bare_office, crowded)
    assert (ran.code, sum(crowded.posts().values())) == (5, 3)
    assert "Looked at 3 of the messages: 3 failed, 0 were sent on." in ran.said
    assert "row 2, +55 11 97001-2001: failed 132001 Nao entregue" in ran.said


def test_a_canary_counts_a_day_for_its_template_and_senders(bare_office: Office, api: DeliveringApi) -> None:
    """A run of the next night does not wait; another sender, or a day later, does."""
    send(bare_office, api)
    asked = api.gets()
    assert asked == 3
    assert send(bare_office, api, 12).code == 0
    assert send(bare_office, api, name="b").code == 0
    assert api.gets() == asked
    assert send(bare_office, api, 9, CANARY, name="c", sender=HALVES).code == 0
    assert api.gets() > asked
    api.pass_time(timedelta(hours=25), os.environ["WEGLY_BATCH_LEDGER"])
    api.usual = failing(132015)
    ran = send(bare_office, api, name="d", sender=f'"{FIRST}"')
    assert (ran.code, "3 failed" in ran.said) == (5, True)


def test_a_canary_whose_looks_cannot_be_recorded_stops(
    bare_office: Office, api: DeliveringApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 5 and a report: an opt-out that a look has shown would be lost."""

    def fail(*_values: object) -> None:
        raise OperationalError("INSERT", None, sqlite3.OperationalError("database or disk is full"))

    monkeypatch.setattr(looks, "_values", fail)
    ran = send(bare_office, api)
    assert (ran.code, sum(api.posts().values())) == (5, 3)
    assert [row[0] for row in ran.rows] == ["success"] * 3 + ["pending"] * 6
    assert "database or disk is full" in ran.said


@pytest.mark.parametrize("status", [401, 404])
def test_a_canary_that_cannot_be_looked_at_stops(bare_office: Office, api: DeliveringApi, status: int) -> None:
    """With 5, the API's words, and the line to add; with that line it goes by acceptance."""
    api.refuses = status
    ran = send(bare_office, api)
    assert (ran.code, sum(api.posts().values())) == (5, 3)
    assert f"(HTTP {status}: Nao)" in ran.said
    assert 'write look = "0s" under [canary]' in ran.said
    asked = api.gets()
    assert send(bare_office, api, 9, CANARY.replace("1.5s", "0s")).code == 0
    assert api.gets() == asked <= 3


@pytest.mark.long
def test_fewer_rows_than_the_canary_wait_for_nothing(bare_office: Office, api: DeliveringApi) -> None:
    """Nothing is left that a look could keep back."""
    api.usual = failing(132001)
    assert send(bare_office, api, 3).code == 0
    assert send(bare_office, api, 9, CANARY, "--limit", "2", name="b").code == 6
    assert api.gets() == 0


def test_a_long_run_stops_by_the_messages_it_looks_at_while_it_sends(
    bare_office: Office, api: DeliveringApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of so many, some time later, from a number on; the file says 5 minutes, 100 and 30.

    Messages that cannot be told apart, and reads that are refused, prove nothing against a run.
    """
    assert (timedelta(minutes=5), 100, 30) == (run_looks.SAMPLE_AFTER, run_looks.SAMPLE_OF, run_looks.FEWEST_SAMPLES)
    for module in (running, run_looks):
        monkeypatch.setattr(module, "SAMPLE_AFTER", timedelta(seconds=0.1))
    monkeypatch.setattr(run_looks, "SAMPLE_OF", 5)
    monkeypatch.setattr(run_looks, "SAMPLE_EVERY", 0.05)
    monkeypatch.setattr(run_looks, "FEWEST_SAMPLES", 3)
    api.usual = failing(132015)
    ran = send(bare_office, api, 300, "", "--rate", "50/s")
    assert ran.code == 5
    assert 15 <= sum(api.posts().values()) < 200
    assert re.search(r"Looked at ([3-9]|\d\d) of the messages: \1 failed", ran.said), ran.said
    assert re.search(r"row \d+, \+55 11 97001-2\d{3}: failed 132015", ran.said), ran.said
    api.refuses = 403
    ran = send(bare_office, api, 40, "", "--rate", "50/s", name="b")
    assert ran.code == 0
    assert "no further messages of this run were looked at: HTTP 403: Nao" in ran.said
    with delivering(CrowdedApi()) as crowded:
        assert send(bare_office, crowded, 60, "", "--rate", "50/s", name="c").code == 0
        assert crowded.gets() > run_looks.FEWEST_SAMPLES
