"""Looks of workers while they send: at messages that are to be replaced, and at some of a sender's others."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from delivering_api import DeliveringApi, Fate, delivering, failing
from office import HALVES, Office, phones
from postgres import Cluster, new_ledger
from workers import point_at, working

from batch.app.fleet import lane
from batch.app.runs import run_looks
from batch.ledger import Ledger
from batch.model.messages import Job

pytestmark = pytest.mark.usefixtures("fast_looks")

AGAIN = "--retry-undelivered"
FAILED = {"2002": failing(131049), "2003": failing(131026), "2004": failing(131000), "2005": Fate(steps=[])}


@pytest.fixture
def api() -> Iterator[DeliveringApi]:
    with delivering(DeliveringApi(deepcopy(FAILED))) as served:
        yield served


class Desk:
    """A person who submits a campaign of two senders."""

    def __init__(self, office: Office, api: DeliveringApi, ledger: str) -> None:
        self.office, self.api, self.ledger = office, api, ledger
        self.sender = HALVES

    def files(self, count: int, more: str) -> tuple[Path, Path]:
        return self.office.sheet(phones(count)), self.office.campaign(more, sender=self.sender)

    def submit(self, *options: str, count: int = 6, more: str = "") -> str:
        sheet, campaign = self.files(count, more)
        code, out, err = self.office.type("submit", sheet, "-c", campaign, "--json", *options)
        assert code == 0, err
        return str(json.loads(out)["run"])

    def watch(self, run: str) -> tuple[int, str]:
        """Exit code, and what was said besides."""
        code, _out, err = self.office.type("watch", run, "--json")
        return code, err

    def wait_a_day(self) -> None:
        self.api.pass_time(timedelta(hours=25), self.ledger)
        assert self.office.type("follow", "--rate", "90/s")[0] == 0
        self.api.log.clear()

    def messages(self) -> dict[str, tuple[Any, ...]]:
        """All that the ledger keeps of each message, by its key."""
        with Ledger.open(self.ledger) as ledger, ledger._engine.connect() as connection:
            return {each[0]: tuple(each) for each in connection.exec_driver_sql("SELECT * FROM messages")}


@pytest.fixture
def desk(bare_office: Office, api: DeliveringApi, postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> Desk:
    ledger = new_ledger(postgres)
    point_at(monkeypatch, ledger, api.url)
    return Desk(bare_office, api, ledger)


@pytest.fixture
def failed_desk(desk: Desk) -> Desk:
    """A day after a run whose messages have failed in part."""
    sheet, campaign = desk.files(6, "")
    assert desk.office.type("run", sheet, "-c", campaign, "--yes", "--quiet")[0] == 0
    desk.wait_a_day()
    return desk


def test_workers_replace_what_failed_and_may_be_repeated(failed_desk: Desk, api: DeliveringApi) -> None:
    """Each after a look of that moment, once; the failed ones stay as they were in the ledger."""
    kept = failed_desk.messages()
    run = failed_desk.submit(AGAIN)
    with working(failed_desk.ledger, api.url):
        assert failed_desk.watch(run)[0] == 0
    assert api.posts() == {"2002": 1, "2004": 1}
    for person in ("2002", "2004"):
        own = [(kind, what) for kind, who, what in api.log if who.endswith(person)]
        assert own == [("GET", "failed"), ("POST", "saudacao")]
    lines = failed_desk.office.lines(run)
    assert [line["wegly_status"] for line in lines] == ["success", "reused", "success", "reused", "success", "success"]
    assert {key: now for key, now in failed_desk.messages().items() if key in kept} == kept
    failed_desk.wait_a_day()
    sheet, campaign = failed_desk.files(6, "")
    code, out, _err = failed_desk.office.type("submit", sheet, "-c", campaign, AGAIN, "--json")
    assert (code, json.loads(out)["counts"]["success"], api.posts()) == (0, 4, {})


def test_what_was_delivered_after_all_is_not_replaced(failed_desk: Desk, api: DeliveringApi) -> None:
    """The look right before shows it: the run ends, and nothing is left behind."""
    kept = failed_desk.messages()
    run = failed_desk.submit(AGAIN)
    for message in api.sent:
        message.fate = Fate()
    with working(failed_desk.ledger, api.url):
        assert failed_desk.watch(run)[0] == 0
    assert not api.posts()
    assert [line["wegly_status"] for line in failed_desk.office.lines(run)] == ["success"] * 6
    assert failed_desk.messages() == kept


def test_where_looks_are_refused_only_new_rows_go(failed_desk: Desk, api: DeliveringApi) -> None:
    """And the end says that failed ones were left out where it was given up."""
    api.refuses = 403
    monkey = pytest.MonkeyPatch()
    monkey.setattr(run_looks, "_MOST_REFUSALS", 1)
    run = failed_desk.submit(AGAIN, count=7)
    with working(failed_desk.ledger, api.url):
        code, err = failed_desk.watch(run)
    monkey.undo()
    assert (code, api.posts()) == (0, {"2007": 1})
    assert err.count("Failed messages were not sent again") == 1


def test_a_worker_that_dies_or_drains_before_the_claim_leaves_it_to_the_next(
    failed_desk: Desk, api: DeliveringApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which looks for itself; each is replaced once."""
    run = failed_desk.submit(AGAIN)
    with monkeypatch.context() as patched:
        patched.setattr(run_looks.RunLooks, "look_again", lambda *_: os._exit(9))
        pid = os.fork()
        if pid == 0:
            with working(failed_desk.ledger, api.url):
                failed_desk.watch(run)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    look = run_looks.RunLooks.look_again
    begun: list[Job] = []

    async def look_in_vain(looks: Any, job: Job) -> bool:
        begun.append(job)
        return await looks._stop.sleep(60.0) and await look(looks, job)

    with monkeypatch.context() as patched:
        patched.setattr(run_looks.RunLooks, "look_again", look_in_vain)
        with working(failed_desk.ledger, api.url):
            while len(begun) < 2:
                failed_desk.office.type("status")
    assert not api.posts()
    with working(failed_desk.ledger, api.url):
        assert failed_desk.watch(run)[0] == 0
    assert api.posts() == {"2002": 1, "2004": 1}


@pytest.fixture
def quick_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of five, at once; the file says 5 minutes, 100 and 30."""
    for module in (lane, run_looks):
        monkeypatch.setattr(module, "SAMPLE_AFTER", timedelta(seconds=0.1))
    monkeypatch.setattr(run_looks, "SAMPLE_OF", 5)
    monkeypatch.setattr(run_looks, "SAMPLE_EVERY", 0.05)
    monkeypatch.setattr(run_looks, "FEWEST_SAMPLES", 3)


@pytest.mark.usefixtures("quick_samples")
def test_a_run_stops_by_what_a_look_at_one_sender_shows(desk: Desk, api: DeliveringApi) -> None:
    """For all its senders, with 5, and the states of what was looked at."""
    api.usual = failing(132015)
    run = desk.submit("--rate", "20/s", count=300)
    with working(desk.ledger, api.url):
        code, err = desk.watch(run)
    assert code == 5
    assert 15 <= sum(api.posts().values()) < 250
    assert "failed 132015" in err
    assert "went on" not in err
    (ended,) = json.loads(desk.office.type("status", run, "--json")[1])["runs"]
    assert ended["cause"] == "undelivered"
    assert {each["state"] for each in ended["lanes"]} == {"stopped"}


@pytest.mark.usefixtures("quick_samples")
def test_the_next_worker_knows_what_the_one_before_has_looked_at(
    desk: Desk, api: DeliveringApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The looks of a sender are counted on over a change of worker."""
    monkeypatch.setattr(run_looks, "FEWEST_SAMPLES", 8)
    api.usual = failing(132015)
    desk.sender = HALVES.partition("},")[0].replace("50%", "100%") + "}]"
    run = desk.submit("--rate", "20/s", count=200)
    with working(desk.ledger, api.url):
        while api.gets() < 5:
            desk.office.type("status")
    before = api.gets()
    assert before < 8
    with working(desk.ledger, api.url):
        assert desk.watch(run)[0] == 5
    assert api.gets() <= 9


@pytest.mark.usefixtures("quick_samples")
def test_samples_that_are_refused_prove_nothing(desk: Desk, api: DeliveringApi) -> None:
    """The run goes on, and its end says that there were no looks; once for all senders."""
    api.refuses = 403
    run = desk.submit("--rate", "20/s", count=60)
    with working(desk.ledger, api.url):
        code, err = desk.watch(run)
    assert (code, sum(api.posts().values())) == (0, 60)
    assert err.count("no further messages of this run were looked at: HTTP 403: Nao") == 1
