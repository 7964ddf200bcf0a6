"""`run` looks before it sends: who opted out since, or cannot be looked at, against the log of a server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from delivering_api import DeliveringApi, Fate, delivering, failing
from office import Office, Ran, phones

from batch.app import looks
from batch.app.runs import due_looks, run_looks
from batch.ledger import Ledger, Owner, follow_lock

pytestmark = pytest.mark.usefixtures("fast_looks")


@pytest.fixture
def api() -> Iterator[DeliveringApi]:
    with delivering(DeliveringApi({"2002": Fate(reply="SAIR"), "2003": failing(131050)})) as served:
        yield served


@pytest.fixture
def desk(api: DeliveringApi, bare_office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office whose campaigns go to that server."""
    monkeypatch.setenv("WEGLY_BASE_URL", api.url)

    async def at_once(pace: Any, seconds: float) -> None:
        """A pause that takes no time."""

    monkeypatch.setattr(looks.LookPace, "pause", at_once)
    return bare_office


def send_first(desk: Office, api: DeliveringApi, people: int = 4) -> Ran:
    """A campaign of yesterday."""
    first = desk.run(desk.sheet(phones(people)), desk.campaign(name="ontem"), "--base-url", api.url)
    api.pass_time(timedelta(days=1), os.environ["WEGLY_BATCH_LEDGER"])
    return first


def test_who_opted_out_since_gets_nothing(desk: Office, api: DeliveringApi) -> None:
    """By reply, and by 131050; `check` says that `run` looks, and looks not itself."""
    first = send_first(desk, api)
    sheet, campaign = desk.sheet(phones(5)), desk.campaign(name="hoje")
    code, out, _ = desk.type("check", sheet, "-c", campaign)
    assert code == 0
    assert "4 people have earlier messages that are due for a look" in out
    code, out, _ = desk.type(*desk.command(sheet, campaign, "--dry-run", "--base-url", api.url))
    assert "4 people have earlier messages that are due for a look" in out
    assert api.gets() == 0
    ran = desk.run(sheet, campaign, "--base-url", api.url)
    assert [row[1] for row in ran.rows] == ["reused", "suppressed", "suppressed", "reused", "created"]
    assert api.posts() == {"2001": 2, "2002": 1, "2003": 1, "2004": 2, "2005": 1}
    assert api.opted_out_then_posted() == []
    assert "Looks before sending showed that 2 people opted out, who are left out now." in ran.said
    assert "could not be looked at" not in ran.said
    assert "after our message: opt-out" in " ".join(desk.type("person", phones(5)[1])[1].split())
    assert (
        f"of 1 earlier run shows. To write it again:\n  wegly-batch report {first.summary['run']} --ledger " in ran.said
    )


def test_who_comes_in_below_a_limit_is_looked_at_first(desk: Office, api: DeliveringApi) -> None:
    """A look takes the first person out of the run's one message; who is next then may have opted out as well."""
    send_first(desk, api)
    sheet = desk.sheet([phones(5)[at] for at in (1, 2, 0)])
    ran = desk.run(sheet, desk.campaign(name="hoje"), "--limit", "1", "--base-url", api.url)
    assert [row[1] for row in ran.rows] == ["suppressed", "suppressed", "reused"]
    assert api.opted_out_then_posted() == []
    assert "Looks before sending showed that 2 people opted out, who are left out now." in ran.said
    assert "could not be looked at" not in ran.said


def test_a_message_that_was_planned_already_is_kept_back(desk: Office, api: DeliveringApi) -> None:
    """Rows that an earlier run left pending are people about to be messaged, too."""
    send_first(desk, api)
    sheet, campaign = desk.sheet(reversed(phones(4))), desk.campaign(name="hoje")
    first = desk.run(sheet, campaign, "--base-url", api.url, "--limit", "1")
    assert [row[1] for row in first.rows] == ["reused", "limit", "limit", "limit"]
    assert api.gets() > 0
    second = desk.run(sheet, campaign, "--base-url", api.url)
    assert sorted(row[1] for row in second.rows) == ["reused", "reused", "suppressed", "suppressed"]
    assert api.opted_out_then_posted() == []


def test_only_people_who_would_be_messaged_are_looked_at(desk: Office, api: DeliveringApi) -> None:
    """Of a sheet that grows by one row a night that is one person, and nobody once all have their message."""
    send_first(desk, api)
    sheet, campaign = desk.sheet(phones(1)), desk.campaign(name="hoje")
    desk.run(sheet, campaign, "--base-url", api.url)
    assert {each[1][-4:] for each in api.log if each[0] == "GET"} == {"2001"}
    asked = api.gets()
    desk.run(sheet, campaign, "--base-url", api.url)
    assert api.gets() == asked
    desk.run(desk.sheet(phones(4)), campaign, "--base-url", api.url, "--rows", "5")
    assert {each[1][-4:] for each in api.log if each[0] == "GET"} == {"2001", "2004"}


@pytest.mark.parametrize("status", [401, 404, 429])
def test_what_cannot_be_looked_at_is_counted(desk: Office, api: DeliveringApi, status: int) -> None:
    """With the command to type; nothing is recorded, and people are messaged as without looks."""
    send_first(desk, api)
    api.refuses = status
    ran = desk.run(desk.sheet(phones(2)), desk.campaign(name="hoje"), "--base-url", api.url)
    assert f"2 of these people could not be looked at before (HTTP {status}: Nao)" in ran.said
    assert "wegly-batch follow" in ran.said
    assert api.posts()["2001"] == 2
    with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger:
        assert ledger.tally(ran.summary["run"]).delivery is None


def test_no_more_than_ten_minutes_are_spent_on_looking(
    desk: Office, api: DeliveringApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is counted."""
    send_first(desk, api)
    monkeypatch.setattr(due_looks, "LOOKING", 1.0)
    for rate in ("DEFAULT_RATE", "_REHEARSAL_RATE"):
        monkeypatch.setattr(run_looks, rate, 0.1)
    ran = desk.run(desk.sheet(phones(4)), desk.campaign(name="hoje"), "--base-url", api.url)
    assert api.gets() == 1
    assert "3 of these people could not be looked at before (the 10 minutes for it were over)" in ran.said


def test_another_pass_of_follow_is_left_alone(desk: Office, api: DeliveringApi) -> None:
    """The run says whose it is, and goes on."""
    send_first(desk, api)
    with (
        Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger,
        ledger.hold([follow_lock(api.url)], Owner.here("another")),
    ):
        ran = desk.run(desk.sheet(phones(2)), desk.campaign(name="hoje"), "--base-url", api.url)
    assert "another" in ran.said
    assert "2 of these people could not be looked at before" in ran.said
    assert api.gets() == 0
