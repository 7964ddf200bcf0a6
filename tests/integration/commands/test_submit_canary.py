"""First rows that workers send alone: nothing else of the run before they have passed, against the log of a server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from delivering_api import DeliveringApi, Fate, delivering, failing
from office import Office
from postgres import Cluster, new_ledger
from workers import point_at, working

from batch.fleet import LaneJob, enqueue
from batch.ledger import Ledger

pytestmark = pytest.mark.usefixtures("fast_looks")

SENDERS = tuple(f"0b28ee57-7a57-4407-a9c5-5cd4e5a5000{number}" for number in range(1, 4))
CANARY = '[canary]\nrows = 3\nlook = "40s"'
ROWS = 12
FIRST = ["2001", "2002", "2003"]
NO_STATUS = Fate(steps=[])
"""In processing for ever."""


@pytest.fixture
def api() -> Iterator[DeliveringApi]:
    with delivering(DeliveringApi()) as served:
        yield served


class Desk:
    """A person who submits a sheet whose first rows are of two senders, and looks what becomes of it."""

    def __init__(self, office: Office, api: DeliveringApi, ledger: str) -> None:
        self.office, self.api, self.ledger = office, api, ledger
        senders = [SENDERS[0], SENDERS[0], SENDERS[1], *SENDERS * 3]
        rows = [f"11 97001-{2001 + row};{sender}" for row, sender in enumerate(senders)]
        self.sheet = office.write("s.csv", "\n".join(["Telefone;Quem", *rows, ""]))

    def submit(self, canary: str = CANARY, *options: str, name: str = "teste") -> str:
        campaign = self.office.write(
            f"{name}.toml",
            f'[campaign]\nname = "{name}"\n[sender]\nwhatsapp_phone_id = {{ column = "Quem" }}\n'
            '[template]\nname = "saudacao"\nlanguage = "pt_BR"\n[columns]\nwa_contact_id = "Telefone"\n'
            f'[throttle]\nrate = "50/s"\n{canary}\n',
        )
        code, out, err = self.office.type("submit", self.sheet, "-c", campaign, "--json", *options)
        assert code == 0, err
        return str(json.loads(out)["run"])

    def watch(self, run: str) -> tuple[int, dict[str, int], str]:
        """Exit code, counts, and what was said besides."""
        code, out, err = self.office.type("watch", run, "--json")
        return code, json.loads(out)["counts"], err

    def status(self) -> dict[str, Any]:
        """The one open run."""
        (found,) = json.loads(self.office.type("status", "--json")[1])["runs"]
        return dict(found)

    def wait_for_looks(self) -> None:
        """Until a lane looks what became of the first rows."""
        while not self.api.gets():
            self.office.type("status")

    def posted(self) -> list[str]:
        """The last four digits of those who were messaged, in order."""
        return [person[-4:] for kind, person, _what in self.api.log if kind == "POST"]

    def reasons(self, run: str) -> list[str]:
        return [line["wegly_reason"] for line in self.office.lines(run)]


@pytest.fixture
def desk(bare_office: Office, api: DeliveringApi, postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> Desk:
    ledger = new_ledger(postgres)
    point_at(monkeypatch, ledger, api.url)
    return Desk(bare_office, api, ledger)


@contextmanager
def worker_process() -> Iterator[subprocess.Popen[str]]:
    """A worker as a process of its own, ended by force."""
    command = [sys.executable, "-m", "batch", "worker", "--lanes", "4"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline()
        try:
            yield process
        finally:
            process.kill()


def test_the_rest_goes_once_the_first_rows_were_sent_on(desk: Desk, api: DeliveringApi) -> None:
    """Those of all senders among them, and nothing else before the looks; each person once."""
    api.usual = Fate(steps=[(0.5, "sent")])
    run = desk.submit()
    kept = {lane["sender"]: lane["kept_back"] for lane in desk.status()["lanes"]}
    assert kept == {SENDERS[0]: False, SENDERS[1]: False, SENDERS[2]: True}
    assert "waits until the first rows have passed" in desk.office.type("status")[1]
    with working(desk.ledger, api.url), working(desk.ledger, api.url):
        code, counts, _err = desk.watch(run)
    assert (code, counts["success"], sorted(desk.posted())) == (0, ROWS, sorted(set(desk.posted())))
    assert sorted(desk.posted()[:3]) == FIRST
    fourth = [at for at, (kind, _person, _what) in enumerate(api.log) if kind == "POST"][3]
    assert {person[-4:] for kind, person, what in api.log[:fourth] if (kind, what) == ("GET", "sent")} == set(FIRST)


def test_first_rows_that_fail_stop_the_run_for_all(desk: Desk, api: DeliveringApi) -> None:
    """Exit 5 and the words of `run`; the other senders never began, and their rows say why."""
    api.usual = failing(132001)
    run = desk.submit()
    with working(desk.ledger, api.url):
        code, counts, err = desk.watch(run)
    assert (code, counts["success"], counts["pending"]) == (5, 3, ROWS - 3)
    assert sorted(desk.posted()) == FIRST
    assert desk.reasons(run) == ["created"] * 3 + ["stopped"] * (ROWS - 3)
    assert "Looked at 3 of the messages: 3 failed, 0 were sent on." in err
    assert "row 2, +55 11 97001-2001: failed 132001 Nao entregue" in err
    assert "Look in Wegly at the template" in err
    assert "went on" not in err
    assert desk.office.type("status", run)[0] == 0
    api.usual = Fate()
    again = desk.submit()
    with working(desk.ledger, api.url):
        assert desk.watch(again)[0] == 0
    assert sorted(desk.posted()) == sorted(set(desk.posted()))


@pytest.mark.parametrize("answer", [None, ConnectionError])
def test_a_first_row_that_is_not_accepted_stops_the_run(
    desk: Desk, api: DeliveringApi, monkeypatch: pytest.MonkeyPatch, answer: type[Exception] | None
) -> None:
    """Also where it ended its own sender alone."""

    def post(body: dict[str, Any]) -> dict[str, Any] | None:
        accepted = DeliveringApi.post(api, body)
        if not api.log[-1][1].endswith("2001"):
            return accepted
        if answer is not None:
            raise answer
        return None

    monkeypatch.setattr(api, "post", post)
    run = desk.submit()
    with working(desk.ledger, api.url):
        code, counts, err = desk.watch(run)
    assert (code, counts["unknown"], api.gets()) == (5, 1, 0)
    assert ("not all of the first rows" in err) is (answer is not None)
    assert set(desk.posted()) <= set(FIRST)
    assert counts["pending"] == ROWS - len(desk.posted())


def test_looks_that_are_refused_stop_the_run(desk: Desk, api: DeliveringApi) -> None:
    """With the line to add; with it the rest goes once they were accepted."""
    api.refuses = 403
    run = desk.submit()
    with working(desk.ledger, api.url):
        code, _counts, err = desk.watch(run)
        assert (code, sorted(desk.posted())) == (5, FIRST)
        assert "(HTTP 403: Nao)" in err
        assert 'write look = "0s" under [canary]' in err
        assert desk.watch(desk.submit('[canary]\nrows = 3\nlook = "0s"'))[0] == 0
    assert len(desk.posted()) == ROWS


def test_no_row_of_the_queue_lets_a_lane_begin_early(desk: Desk, api: DeliveringApi, postgres: Cluster) -> None:
    """Jobs that a person adds for every lane, or removes, change nothing."""
    api.usual = NO_STATUS
    run = desk.submit()
    options = f"-c search_path={desk.ledger.rpartition('=')[2]}"
    with psycopg.connect(postgres.url, autocommit=True, options=options) as connection, Ledger.open(desk.ledger) as own:
        queue = own.lanes.queue(api.url, "Bearer anything")
        jobs = [LaneJob(run=run, sender=sender) for sender in SENDERS]
        with working(desk.ledger, api.url), working(desk.ledger, api.url):
            desk.wait_for_looks()
            for _round in range(3):
                enqueue(connection, queue, jobs)
                seen = api.gets()
                while api.gets() < seen + 3:
                    desk.office.type("status")
                assert sorted(desk.posted()) == FIRST
                connection.execute("DELETE FROM procrastinate_jobs WHERE status = 'todo'")
            for message in api.sent:
                message.fate = Fate()
            api.usual = Fate()
            assert desk.watch(run)[0] == 0
    assert sorted(desk.posted()) == sorted(set(desk.posted()))
    assert len(desk.posted()) == ROWS


def test_a_worker_that_is_killed_while_it_waits_is_replaced(desk: Desk, api: DeliveringApi) -> None:
    """Nothing begins meanwhile; another looks, and the rest goes."""
    api.usual = NO_STATUS
    run = desk.submit()
    with worker_process() as first:
        desk.wait_for_looks()
        first.kill()
        first.wait()
    seen = api.gets()
    with worker_process() as second:
        while api.gets() < seen + 3:
            assert second.poll() is None
            desk.office.type("status")
        assert sorted(desk.posted()) == FIRST
        assert sum(lane["taken_over"] for lane in desk.status()["lanes"]) == 1
        for message in api.sent:
            message.fate = Fate()
        api.usual = Fate()
        code, counts, _err = desk.watch(run)
    assert (code, counts["success"], len(desk.posted())) == (0, ROWS, ROWS)


def test_a_worker_that_drains_while_it_waits_leaves_the_looks_to_the_next(desk: Desk, api: DeliveringApi) -> None:
    """As a rolling restart does: no worker was lost."""
    api.usual = NO_STATUS
    run = desk.submit()
    with working(desk.ledger, api.url):
        desk.wait_for_looks()
    assert sorted(desk.posted()) == FIRST
    for message in api.sent:
        message.fate = Fate()
    api.usual = Fate()
    assert sum(lane["taken_over"] for lane in desk.status()["lanes"]) == 0
    with working(desk.ledger, api.url):
        assert desk.watch(run)[0] == 0
    assert len(desk.posted()) == ROWS


def test_a_run_that_is_cancelled_while_it_waits_ends(desk: Desk, api: DeliveringApi) -> None:
    """With a worker that looks, and without any; what was kept back is interrupted like the rest."""
    api.usual = NO_STATUS
    run = desk.submit()
    with working(desk.ledger, api.url):
        desk.wait_for_looks()
        assert desk.office.type("cancel", run)[0] == 0
        code, counts, _err = desk.watch(run)
        assert (code, counts["success"], counts["pending"]) == (130, 3, ROWS - 3)
    assert desk.reasons(run)[3:] == ["interrupted"] * (ROWS - 3)
    second = desk.submit()
    assert desk.office.type("cancel", second)[0] == 0
    assert sorted(desk.posted()) == FIRST


def test_first_rows_wait_for_the_hours(desk: Desk, api: DeliveringApi) -> None:
    """Nothing is sent or looked at before; the lanes rest, and the others wait for them."""
    begins = datetime.now(ZoneInfo("America/Sao_Paulo")) + timedelta(hours=2)
    hours = f'[[window]]\nhours = "{begins:%H}:00-{begins:%H}:59"\n'
    run = desk.submit(f"{hours}{CANARY}")
    with working(desk.ledger, api.url):
        lanes = desk.status()["lanes"]
        while [lane["state"] for lane in lanes] != ["resting", "resting", "waiting"]:
            lanes = desk.status()["lanes"]
        assert [lane["kept_back"] for lane in lanes] == [False, False, True]
        assert lanes[0]["next_at"] > datetime.now(UTC).isoformat()
    assert api.log == []
    assert desk.office.type("cancel", run)[0] == 0


@pytest.mark.parametrize(("canary", "code"), [("", 6), ('[canary]\nrows = 1\nlook = "0s"\n', 5)])
def test_rows_that_no_hour_suits_end_their_lane(desk: Desk, api: DeliveringApi, canary: str, code: int) -> None:
    """Nobody takes it again and again; a first row of that kind stops the run, for it will never be accepted."""
    everywhere = "+7 916 123-45-67"
    desk.sheet.write_text(f"Telefone;Quem\n{everywhere};{SENDERS[0]}\n{everywhere[:-1]}8;{SENDERS[1]}\n")
    hours = '[[window]]\nhours = "09:00-09:05"\ntimezone = "recipient"\n'
    run = desk.submit(f"{hours}{canary}")
    with working(desk.ledger, api.url):
        ended = desk.watch(run)
    assert (ended[0], ended[1]["pending"], api.log) == (code, 2, [])
    assert ("no hour of the campaign suits" in ended[2]) is (not canary), ended[2]


def test_first_rows_that_passed_count_for_a_day(desk: Desk, api: DeliveringApi) -> None:
    """For their template and senders; and fewer rows than the canary has wait for nothing."""
    with working(desk.ledger, api.url):
        assert desk.watch(desk.submit('[canary]\nrows = 6\nlook = "40s"'))[0] == 0
        asked = api.gets()
        assert asked == 6
        assert desk.watch(desk.submit(name="b"))[0] == 0
        assert desk.watch(desk.submit("[canary]\nrows = 12", name="c"))[0] == 0
        assert desk.watch(desk.submit(CANARY, "--limit", "3", name="d"))[0] == 6
    assert api.gets() == asked
    assert len(desk.posted()) == 3 * ROWS + 3


def test_a_worker_that_knows_no_canary_leaves_it_alone(desk: Desk, api: DeliveringApi) -> None:
    """The form of what is kept says so: a worker of the version before knew form 1 alone."""
    desk.submit()
    with Ledger.open(desk.ledger) as own:
        submission = own.lanes.submission(desk.status()["run"])
    assert submission is not None
    assert (submission.format, submission.canary) == (2, 4)
