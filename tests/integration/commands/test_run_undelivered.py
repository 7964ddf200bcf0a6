"""`run --retry-undelivered`: a failed message is replaced once, where a look right before shows the failure still."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from delivering_api import DeliveringApi, Fate, delivering, failing
from edited_workbooks import replace_text
from office import Office, Ran, phones

from batch.app.runs import run_looks
from batch.ledger import Ledger
from batch.model.messages import Job

pytestmark = pytest.mark.usefixtures("fast_looks")

AGAIN = "--retry-undelivered"
FAILED = {
    "2002": failing(131049),
    "2003": failing(131026),
    "2004": failing(131000),
    "2005": Fate(steps=[]),
    "2006": Fate(steps=[(0, "sent")]),
    "2007": failing(None),
    "2008": failing(131050),
}


@pytest.fixture
def api() -> Iterator[DeliveringApi]:
    with delivering(DeliveringApi(deepcopy(FAILED))) as served:
        yield served


class Desk:
    """A campaign of yesterday, followed since, and a person who sends again what failed."""

    def __init__(self, office: Office, api: DeliveringApi) -> None:
        self.office, self.api = office, api

    def run(self, *options: str, more: str = "", count: int = 8, **about: Any) -> Ran:
        sheet, campaign = self.office.sheet(phones(count)), self.office.campaign(more, **about)
        return self.office.run(sheet, campaign, "--base-url", self.api.url, *options)

    def pass_time(self, passed: timedelta) -> None:
        self.api.pass_time(passed, os.environ["WEGLY_BATCH_LEDGER"])

    def follow(self) -> None:
        assert self.office.type("follow", "--base-url", self.api.url, "--rate", "90/s")[0] == 0

    def messages(self) -> dict[str, tuple[Any, ...]]:
        """All that the ledger keeps of each message, by its key."""
        with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger, ledger._engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT * FROM messages").all()
        return {each[0]: tuple(each) for each in found}


@pytest.fixture
def desk(bare_office: Office, api: DeliveringApi) -> Desk:
    made = Desk(bare_office, api)
    made.run()
    made.pass_time(timedelta(hours=25))
    made.follow()
    return made


def test_what_failed_and_may_be_repeated_goes_once_more(desk: Desk, api: DeliveringApi) -> None:
    """After a look of that moment; never by itself, never another code or state, and never a second time."""
    kept = desk.messages()
    desk.run()
    assert sum(api.posts().values()) == 8
    desk.pass_time(timedelta(hours=48))
    api.log.clear()
    ran = desk.run(AGAIN, "--rows", "2")
    assert "3 messages of this sheet are due for a look: those that failed are not sent again yet." in ran.said
    desk.follow()
    kept = desk.messages()
    api.log.clear()
    ran = desk.run(AGAIN)
    assert ran.code == 0
    assert api.posts() == {"2002": 1, "2004": 1}
    for person in ("2002", "2004"):
        own = [(kind, what) for kind, who, what in api.log if who.endswith(person)]
        assert own == [("GET", "failed"), ("POST", "saudacao")]
    assert [row[0] for row in ran.rows] == ["success", "reused", "success", "reused"] + ["success"] * 4
    assert "2 messages failed after they were accepted" in ran.said
    assert {line["wegly_run"] for row, line in ran.lines.items() if row in (3, 5)} == {ran.summary["run"]}
    now = desk.messages()
    assert {key: now[key] for key in kept} == kept  # what is kept of the first ones stays, to the last byte
    assert len(now) == 10
    desk.pass_time(timedelta(hours=30))
    desk.follow()
    assert desk.run(AGAIN).lines[3]["wegly_run"] == ran.summary["run"]
    assert sum(api.posts().values()) == 2


@pytest.mark.long
def test_not_within_a_day_of_the_failed_message(desk: Desk, api: DeliveringApi) -> None:
    """Meta punishes earlier ones."""
    api.log.clear()
    desk.run(name="b")
    desk.pass_time(timedelta(hours=23))
    desk.follow()
    desk.run(AGAIN, name="b")
    assert api.posts()["2002"] == 1
    desk.pass_time(timedelta(hours=2))
    desk.run(AGAIN, name="b")
    assert api.posts()["2002"] == 2


def test_what_was_delivered_after_all_is_not_sent_again(desk: Desk, api: DeliveringApi) -> None:
    """The look right before shows it; the row is what it was, and nothing is left behind."""
    kept = desk.messages()
    api.fates.clear()
    api.usual = Fate()
    for message in api.sent:
        message.fate = Fate()
    api.log.clear()
    ran = desk.run(AGAIN)
    assert ran.code == 0
    assert not api.posts()
    assert [row[0] for row in ran.rows] == ["success"] * 8
    assert desk.messages() == kept


def test_a_state_that_changes_between_look_and_claim_is_not_sent(
    desk: Desk, api: DeliveringApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass of `follow` has seen it delivered; or the look is three minutes old."""
    look = run_looks.RunLooks.look_again
    change = "state = 'delivered'"

    async def look_and_change(self: Any, job: Job) -> bool:
        shown = await look(self, job)
        with self._ledger._engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE deliveries SET {change} WHERE state = 'failed'")  # noqa: S608 - ours
        return shown

    monkeypatch.setattr(run_looks.RunLooks, "look_again", look_and_change)
    api.log.clear()
    change = "looked_at = looked_at - 180000000"
    desk.run(AGAIN)
    assert not api.posts()
    change = "state = 'delivered'"
    desk.run(AGAIN)
    assert not api.posts()


def test_a_canary_of_messages_that_arrived_after_all_stops_nothing(desk: Desk, api: DeliveringApi) -> None:
    """Nothing of it was sent; the rows after it go alone in its place, and what they come to counts."""
    api.fates.clear()
    for message in api.sent:
        message.fate = Fate()
    api.log.clear()
    more = '[canary]\nrows = 2\nlook = "3s"'
    ran = desk.run(AGAIN, more=more, count=12)
    assert (ran.code, len(api.posts())) == (0, 4)
    posted = [number for number, (kind, _who, _what) in enumerate(api.log) if kind == "POST"]
    looked = [who for kind, who, _what in api.log[posted[1] + 1 : posted[2]] if kind == "GET"]
    assert sorted(each[-4:] for each in looked) == ["2009", "2010"]


@pytest.mark.parametrize("shown", ["sent", "queued", None])
def test_a_failure_that_the_last_look_does_not_show_is_not_sent_again(
    desk: Desk, api: DeliveringApi, shown: str | None
) -> None:
    """Its status has gone back, or it is not in the chat any more: what an earlier look has shown is not enough."""
    kept = desk.messages()
    for message in api.sent:
        message.fate = Fate(steps=[(0, shown or "failed")], code=131049)
    if shown is None:
        api.sent.clear()
    api.log.clear()
    ran = desk.run(AGAIN)
    assert (ran.code, api.posts()) == (0, {})
    assert [row[0] for row in ran.rows] == ["success"] * 8
    assert desk.messages() == kept
    assert {line["wegly_delivery"] for row, line in ran.lines.items() if row in (3, 5)} == {"failed"}


@pytest.mark.parametrize("code", [131026, 131050])
def test_a_failure_that_the_last_look_shows_with_another_code_is_not_sent_again(
    desk: Desk, api: DeliveringApi, code: int
) -> None:
    """It may have become one that must not be repeated; who stopped marketing is on the list then."""
    for message in api.sent:
        message.fate = failing(code)
    api.log.clear()
    ran = desk.run(AGAIN)
    assert (ran.code, api.posts()) == (0, {})
    assert ran.lines[3]["wegly_delivery_reason"].startswith(str(code))
    with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger:
        listed = {each.person[-4:] for each in ledger.suppression.entries()}
    assert {"2002", "2004"} <= listed or code != 131050


def test_nothing_is_sent_again_where_looks_are_refused(desk: Desk, api: DeliveringApi) -> None:
    """What new rows there are, are sent."""
    api.refuses = 403
    api.log.clear()
    ran = desk.run(AGAIN, count=9)
    assert (ran.code, api.posts()) == (0, {"2009": 1})


def test_the_rules_of_outreach_hold(desk: Desk, api: DeliveringApi) -> None:
    """List, history, rows and an opt-out that the look itself shows."""
    api.log.clear()
    desk.office.type("suppress", "add", "11 97001-2002")
    for message in api.sent:
        if message.person.endswith("2004"):
            message.fate.reply = "SAIR"
    ran = desk.run(AGAIN)
    assert not api.posts()
    assert [row[0] for row in ran.rows] == ["success"] * 8


@pytest.mark.long
def test_only_chosen_rows_and_people_without_a_recent_message(desk: Desk, api: DeliveringApi) -> None:
    """`--rows`, and `[history] not_within`."""
    api.log.clear()
    desk.run(AGAIN, "--rows", "5")
    assert api.posts() == {"2004": 1}
    desk.run(name="b")
    before = api.posts()
    ran = desk.run(AGAIN, more='[history]\nnot_within = "7d"')
    assert api.posts() == before
    assert ran.rows[1][0] == "success"


def test_a_person_gets_one_at_most(bare_office: Office, api: DeliveringApi) -> None:
    """However many of the person's messages failed."""
    office = bare_office
    desk = Desk(office, api)
    sheet = office.write("c.csv", "Nome;Telefone;Fatura\nAna;11 97001-2002;1\nAna;11 97001-2002;2\n")
    campaign = office.campaign(about='unique_by = ["Fatura"]')
    office.run(sheet, campaign, "--base-url", api.url)
    for _ in range(2):
        desk.pass_time(timedelta(hours=25))
        desk.follow()
        office.run(sheet, campaign, "--base-url", api.url, AGAIN)
    assert api.posts() == {"2002": 3}


def test_a_replacement_that_was_refused_counts_for_nothing(bare_office: Office, api: DeliveringApi) -> None:
    """It sent nothing: its run gives it up, a later one may replace another message of the person, and that is all."""
    office = bare_office
    desk = Desk(office, api)
    campaign = office.campaign("[stop]\nretries = 0", about='unique_by = ["Fatura"]')
    first, second = "Ana;11 97001-2002;1\n", "Ana;11 97001-2002;2\n"

    def run(*lines: str) -> Ran:
        sheet = office.write("c.csv", "".join(["Nome;Telefone;Fatura\n", *lines]))
        return office.run(sheet, campaign, "--base-url", api.url, AGAIN)

    run(first, second)
    desk.pass_time(timedelta(hours=25))
    desk.follow()
    kept = desk.messages()
    api.refuses_posts = 429
    assert (run(first, second).code, desk.messages()) == (5, kept)
    api.refuses_posts = None
    desk.follow()
    ran = run(second, first)
    assert [line["wegly_run"] == ran.summary["run"] for line in ran.lines.values()] == [True, False]
    assert api.posts() == {"2002": 3}
    desk.pass_time(timedelta(hours=25))
    desk.follow()
    run(first, second)
    assert api.posts() == {"2002": 3}


def test_the_original_sheet_shows_the_replacement_of_a_corrected_row(
    bare_office: Office, api: DeliveringApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer was lost: also the sheet in which the row was wrong says that nobody knows."""
    office = bare_office
    desk = Desk(office, api)
    campaign = office.campaign()
    url = ("--base-url", api.url)
    first = office.run(office.sheet(["11 97001-2001", "errado"]), campaign, *url)
    fixed = office.folder / "reports" / first.summary["run"] / "retry.xlsx"
    replace_text(fixed, "errado", "11 97001-2002")
    assert office.type(*office.command(fixed, campaign, *url))[0] == 0
    desk.pass_time(timedelta(hours=25))
    desk.follow()
    with monkeypatch.context() as patched:
        patched.setattr(api, "post", lambda body: DeliveringApi.post(api, body) and None)
        assert office.type(*office.command(fixed, campaign, *url, AGAIN))[0] == 5
    ran = office.run(office.folder / "contatos.csv", campaign, *url)
    assert (ran.code, ran.rows[1][0]) == (4, "unknown")


def test_of_two_rows_of_a_person_one_message_is_counted(bare_office: Office, api: DeliveringApi) -> None:
    """The second row has the key of the failed message still, which the first one shows no more."""
    desk = Desk(bare_office, api)
    sheet, campaign = bare_office.sheet(["11 97001-2002", "11 97001-2002"]), bare_office.campaign()
    bare_office.run(sheet, campaign, "--base-url", api.url)
    desk.pass_time(timedelta(hours=25))
    desk.follow()
    api.fates.clear()
    ran = bare_office.run(sheet, campaign, "--base-url", api.url, AGAIN)
    assert api.posts() == {"2002": 2}
    desk.pass_time(timedelta(hours=1))
    desk.follow()
    _, out, _ = bare_office.type("report", ran.summary["run"], "--json")
    delivery = json.loads(out)["delivery"]
    assert (delivery["messaged"], delivery["delivered"], delivery["failed"]) == (1, 1, 0)


def test_a_replacement_whose_answer_was_lost_is_found_in_the_chat(
    desk: Desk, api: DeliveringApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`follow` with the campaign knows its text, which is that of the failed message."""
    shown = DeliveringApi._shown
    monkeypatch.setattr(
        DeliveringApi, "_shown", lambda api, *words: {**shown(api, *words), "body_text": "Ola Pessoa 2002"}
    )
    with monkeypatch.context() as patched:
        patched.setattr(api, "post", lambda body: DeliveringApi.post(api, body) and None)
        ran = desk.run(AGAIN, "--rows", "3")
    assert ran.rows[1][0] == "unknown"
    api.sent[-1].fate = Fate()
    desk.pass_time(timedelta(minutes=30))
    more = ("-c", desk.office.folder / "teste.toml", "--base-url", api.url, "--rate", "90/s")
    assert "settled as sent: it is in the chat" in desk.office.type("follow", ran.summary["run"], *more)[1]


def test_a_replacement_that_is_settled_as_not_sent_goes_as_said(
    desk: Desk, api: DeliveringApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the command that `settle` names, once; and none by choice besides."""
    api.log.clear()
    with monkeypatch.context() as patched:
        patched.setattr(api, "post", lambda _body: None)
        ran = desk.run(AGAIN, "--rows", "3")
    assert ran.rows[1][0] == "unknown"
    code, out, _ = desk.office.type("settle", ran.summary["run"], "--not-sent", "3", "--yes")
    assert (code, "Send what is settled as not sent" in out) == (0, True)
    assert desk.run("--rows", "3").rows[1][0] == "reused"
    desk.run(AGAIN)
    assert api.posts() == {"2002": 1, "2004": 1}


@pytest.mark.long
def test_a_paused_template_is_tried_again_once_it_is_back(desk: Desk, api: DeliveringApi) -> None:
    """When a later message of the same template and sender was sent on."""
    api.usual = failing(132015)
    desk.run(count=9)
    desk.pass_time(timedelta(hours=25))
    desk.follow()
    api.log.clear()
    desk.run(AGAIN, "--rows", "10", count=9)
    assert not api.posts()
    api.usual = Fate()
    desk.run(count=10)
    desk.pass_time(timedelta(hours=1))
    desk.follow()
    desk.run(AGAIN, "--rows", "10", count=9)
    assert api.posts() == {"2009": 1, "2010": 1}


def test_a_paused_template_is_not_back_because_another_one_is_sent_on(bare_office: Office, api: DeliveringApi) -> None:
    """Where the rows name their templates the ledger does not know which one a message had."""
    office = bare_office
    desk = Desk(office, api)
    api.fates["2002"] = failing(132015)
    lines = ["Nome;Telefone;Modelo", "Ana;11 97001-2002;pausado", "Bia;11 97001-2001;outro"]
    campaign = office.campaign()
    text = campaign.read_text(encoding="utf-8").replace('name = "saudacao"', 'name = { column = "Modelo" }')
    campaign.write_text(text, encoding="utf-8")

    def run(count: int, *options: str) -> None:
        sheet = office.write("c.csv", "\n".join(lines[: count + 1]))
        assert office.run(sheet, campaign, "--base-url", api.url, *options).code == 0
        desk.pass_time(timedelta(hours=25))
        desk.follow()

    run(1)
    run(2)
    run(2, AGAIN)
    assert api.posts() == {"2002": 1, "2001": 1}


def test_a_run_that_died_leaves_nothing_to_send(
    desk: Desk, api: DeliveringApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between look and claim: the next plain run sends nothing, and shows the first outcomes; one that asks for
    it again does it then."""
    kept = desk.messages()
    api.log.clear()
    with monkeypatch.context() as patched:
        patched.setattr(run_looks.RunLooks, "look_again", lambda *_: os._exit(9))
        pid = os.fork() if hasattr(os, "fork") else pytest.skip("needs fork")
        if pid == 0:
            desk.run(AGAIN)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    assert len(desk.messages()) == len(kept) + 2
    ran = desk.run()
    assert [row[0] for row in ran.rows] == ["success"] * 8
    assert desk.messages() == kept
    assert not api.posts()
    desk.run(AGAIN)
    assert api.posts() == {"2002": 1, "2004": 1}


def test_an_answer_that_is_lost_is_unknown_and_never_repeated(
    desk: Desk, api: DeliveringApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message may have been sent once more: its row says so in every later report."""
    api.log.clear()
    with monkeypatch.context() as patched:
        patched.setattr(api, "post", lambda body: DeliveringApi.post(api, body) and None)
        ran = desk.run(AGAIN, "--rows", "3")
    assert (ran.code, ran.rows[1][0], api.posts()) == (5, "unknown", {"2002": 1})
    desk.pass_time(timedelta(hours=30))
    ran = desk.run(AGAIN, "--rows", "3")
    assert (ran.code, ran.rows[1][0], api.posts()) == (4, "unknown", {"2002": 1})
