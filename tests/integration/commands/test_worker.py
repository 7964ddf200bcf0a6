"""Workers, as who runs them sees them: what they serve, what they say, how they end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import pytest
from office import HALVES, Office, phones
from postgres import Cluster, new_ledger
from workers import point_at, working

from batch.ledger.storage.writer import Group, Writer

ROWS = 12


class Desk:
    """A person who submits a sheet of two senders, and looks what becomes of it."""

    def __init__(self, office: Office, ledger: str) -> None:
        self.office, self.ledger, self.url = office, ledger, office.sandbox.url
        self.sheet = office.sheet(phones(ROWS))
        self.campaign = office.campaign('[throttle]\nrate = "50/s"\n', sender=HALVES)

    def status(self) -> str:
        return self.office.type("status")[1]

    def submit(self) -> str:
        code, out, err = self.office.type("submit", self.sheet, "-c", self.campaign, "--json")
        assert code == 0, err
        return str(json.loads(out)["run"])


@pytest.fixture
def desk(office: Office, postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> Desk:
    ledger = new_ledger(postgres)
    point_at(monkeypatch, ledger, office.sandbox.url)
    return Desk(office, ledger)


class _Defect(Exception):
    """Something that nobody foresaw."""


@pytest.mark.parametrize("last", [0, 3])
def test_a_worker_whose_writer_dies_ends_and_says_why(desk: Desk, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
    """The run ends with 5 and its report is true: what was in flight is to decide, the rest waits; nobody gets two."""
    desk.campaign = desk.office.campaign('[throttle]\nrate = "4/s"\n', sender=HALVES)  # three groups are not all rows
    commit, done = Writer._commit, list[Group]()

    def die(writer: Writer, group: Group) -> Sequence[object] | Exception:
        if len(done) >= last:
            raise _Defect
        done.append(group)
        return commit(writer, group)

    run = desk.submit()
    with monkeypatch.context() as patched:
        patched.setattr(Writer, "_commit", die)
        with working(desk.ledger, desk.url) as told:
            code, out, _err = desk.office.type("watch", run, "--json")
    counts = json.loads(out)["counts"]
    sent = len(desk.office.sandbox.log.applied)
    assert (code, sum(counts.values())) == (5, ROWS)
    assert counts["success"] <= sent <= counts["success"] + counts["unknown"]
    assert f"A defect in wegly-batch stopped the run {run}" in told[0]
    assert "_Defect" in told[0]
    assert "defect" in desk.office.type("status", run)[1]
    desk.submit()
    with working(desk.ledger, desk.url):
        desk.office.type("watch", json.loads(desk.office.type("status", "--json")[1])["runs"][0]["run"])
    assert max(Counter(each.person for each in desk.office.sandbox.log.applied).values()) == 1


@pytest.mark.parametrize("told", ["address", "token"])
def test_a_run_that_no_worker_serves_is_not_waited_for_in_silence(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    """`submit`, `status` and the worker itself say what is wrong and what to type; then it is sent."""
    monkeypatch.setattr("batch.app.fleet.worker._UNSERVED", 0.0)
    office, other = desk.office, "http://127.0.0.1:9" if told == "address" else desk.url
    words = {
        "address": f"No worker that is connected serves {desk.url}.",
        "token": f"No worker for {desk.url} has the token that `submit` had.",
    }[told]
    own = {"address": f"no worker serves {desk.url}", "token": "another token than this worker has"}[told]
    with working(desk.ledger, other, "strange") as said:
        code, _out, err = office.type("submit", desk.sheet, "-c", desk.campaign)
        assert code == 0
        assert words in err
        assert f"wegly-batch worker --base-url {desk.url}" in err
        assert words in desk.status()
        assert f"for {other}" in desk.status()
        (found,) = json.loads(office.type("status", "--json")[1])["workers"]
        assert found["endpoint"] == other
        (run,) = json.loads(office.type("status", "--json")[1])["runs"]
        while not said:
            office.type("status")
        assert len(said) == 1
        assert own in said[0]
        with working(desk.ledger, desk.url):
            assert words not in desk.status()
            assert office.type("watch", run["run"])[0] == 0
    assert set(office.sent().values()) == {1}


def test_a_worker_whose_sweeps_end_by_a_defect_ends_with_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would serve on, and no run would come to its end."""

    def fail(*_given: object) -> None:
        raise _Defect

    monkeypatch.setattr("batch.app.fleet.worker.sweep", fail)
    code, _out, err = desk.office.type("worker")
    assert code == 1
    assert "_Defect" in err
