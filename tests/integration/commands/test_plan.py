"""`plan` and `run --plan`: what was looked at is what goes out, or nothing."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from office import CREATED, Office, person, phones
from rights import is_private
from systems import split_command

from batch.app.check import check
from batch.app.inputs.campaign_sheet import Choices
from batch.app.inputs.plan_file import FORMAT, read_plan, write_plan
from batch.app.settings import Settings
from batch.campaign import load_campaign
from batch.chats.client import ChatsClient
from batch.cli.output.check import send_question
from batch.errors import PlanChanged
from batch.model.messages import hash_request

pytestmark = pytest.mark.usefixtures("plain_reports")


@pytest.fixture
def sheet(office: Office) -> Path:
    return office.sheet(phones(3))


@pytest.fixture
def campaign(office: Office) -> Path:
    return office.campaign()


def make(office: Office, sheet: Path, campaign: Path, *more: object, url: str | None = None) -> Path:
    out = office.folder / "plan.json"
    code, _, err = office.type(
        "plan", sheet, "-c", campaign, "--out", out, "--base-url", url or office.sandbox.url, *more
    )
    assert code in (0, 3), err
    return out


def content(plan: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plan.read_text(encoding="utf-8"))
    return found


def test_a_plan_is_made_for_its_owner_alone_and_sends_nothing(
    office: Office, sheet: Path, campaign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds people; it needs no token, and nothing else is left beside it or in the ledger."""
    monkeypatch.delenv("WEGLY_TOKEN")
    before = set(office.folder.iterdir())
    plan = make(office, sheet, campaign)
    assert is_private(plan)
    assert set(office.folder.iterdir()) - before == {plan}
    assert not office.sandbox.log.received
    assert [each["row"] for each in content(plan)["messages"]] == [2, 3, 4]
    assert [each["person"] for each in content(plan)["messages"]] == list(map(person, phones(3)))


def test_a_plan_takes_the_place_of_an_older_one(office: Office, sheet: Path, campaign: Path) -> None:
    """Also of one that everybody could read."""
    plan = make(office, sheet, campaign)
    plan.chmod(0o644)
    make(office, sheet, campaign)
    assert is_private(plan)
    assert len(content(plan)["messages"]) == 3


@pytest.mark.parametrize("taken", ["contatos.csv", "teste.toml", "ledger.sqlite3", "notes.txt"])
def test_a_plan_takes_the_place_of_nothing_else(office: Office, sheet: Path, campaign: Path, taken: str) -> None:
    """A slip of the keyboard must not cost the sheet, the campaign, or the ledger that alone knows who was messaged."""
    office.run(sheet, campaign, "--limit", "1")
    place = office.folder / taken
    place.write_bytes(before := place.read_bytes() if place.exists() else b"my notes")
    words = ("plan", sheet, "-c", campaign, "--out", place, "--base-url", office.sandbox.url)
    assert "it is no plan" in office.refused(*words)
    assert place.read_bytes() == before


def test_the_hash_is_printed_and_is_that_of_the_file(office: Office, sheet: Path, campaign: Path) -> None:
    """For people and for programs alike; the same plan has the same hash."""
    out = office.folder / "plan.json"
    words = ["plan", sheet, "-c", campaign, "--out", out, "--base-url", office.sandbox.url]
    code, said, err = office.type(*words)
    assert (code, err) == (0, "")
    assert content(out)["hash"] in said
    assert "3 messages" in said
    code, said, _ = office.type(*words, "--json")
    expected = {"plan": str(out), "messages": 3, "hash": content(out)["hash"], "exit_code": 0}
    assert (code, json.loads(said)) == (0, expected)


def test_the_command_sends_what_the_plan_has(office: Office, campaign: Path) -> None:
    """A row that the API refused is in a plan of `--retry-errors`, and the run that is named tries it too."""
    sheet, out = office.sheet(["11 97001-0422", *phones(1)]), office.folder / "plan.json"
    office.run(sheet, campaign, "--limit", "1")
    words = ("plan", sheet, "-c", campaign, "--out", out, "--base-url", office.sandbox.url, "--encoding", "utf-8")
    _, said, _ = office.type(*words, "--retry-errors")
    before = len(office.sandbox.log.received)
    (line,) = [line for line in said.splitlines() if "wegly-batch run" in line]
    code, _, err = office.type(*split_command(line[line.index("wegly-batch") :])[1:])
    assert (code, len(office.sandbox.log.received) - before) == (3, 2), err
    assert " --encoding utf-8 --retry-errors --base-url " in line


def test_a_plan_that_cannot_be_written_is_told(office: Office, sheet: Path, campaign: Path) -> None:
    """Exit 2, with the name."""
    out = office.folder / "nowhere" / "plan.json"
    assert str(out) in office.refused("plan", sheet, "-c", campaign, "--out", out)


def test_a_plan_s_bodies_are_what_is_posted(office: Office, sheet: Path, campaign: Path) -> None:
    """Exactly these, byte for byte once written the same way; nobody is left."""
    plan = make(office, sheet, campaign)
    ran = office.run(sheet, campaign, "--plan", plan)
    assert (ran.code, ran.rows) == (0, [CREATED] * 3)
    posted = sorted((json.loads(each.body) for each in office.sandbox.log.received), key=str)
    assert posted == sorted((each["body"] for each in content(plan)["messages"]), key=str)


def test_what_was_sent_since_the_plan_is_not_sent_again(office: Office, sheet: Path, campaign: Path) -> None:
    """Nor anything when the plan is run a second time."""
    plan = make(office, sheet, campaign)
    office.run(sheet, campaign, "--limit", "1")
    for _ in range(2):
        ran = office.run(sheet, campaign, "--plan", plan)
        assert (ran.code, ran.rows) == (0, [CREATED] * 3)
    assert office.sent() == dict.fromkeys(map(person, phones(3)), 1)


def test_what_is_not_in_the_plan_waits(office: Office, sheet: Path, campaign: Path) -> None:
    """Somebody was on the suppression list when the plan was made, and no longer is."""
    bia = phones(3)[1]
    assert office.type("suppress", "add", bia)[0] == 0
    plan = make(office, sheet, campaign)
    assert office.type("suppress", "remove", bia)[0] == 0
    ran = office.run(sheet, campaign, "--plan", plan)
    assert (ran.code, ran.rows) == (6, [CREATED, ("pending", "not_planned"), CREATED])
    assert person(bia) not in office.sent()


def test_who_opted_out_since_the_plan_gets_nothing(office: Office, sheet: Path, campaign: Path) -> None:
    """A plan freezes the messages, not people's wishes."""
    plan = make(office, sheet, campaign)
    assert office.type("suppress", "add", phones(3)[1])[0] == 0
    ran = office.run(sheet, campaign, "--plan", plan)
    assert (ran.code, ran.rows) == (0, [CREATED, ("skipped", "suppressed"), CREATED])


def test_a_changed_sheet_is_refused(office: Office, sheet: Path, campaign: Path) -> None:
    """A name corrected, a row added."""
    plan = make(office, sheet, campaign)
    text = sheet.read_text(encoding="utf-8")
    for changed in (text.replace("Pessoa 2002", "Bia"), text + "Novo;11 97001-2009\n"):
        sheet.write_text(changed, encoding="utf-8")
        said = office.refused(*office.command(sheet, campaign, "--plan", plan))
        assert "plan.json" in said
        assert "sheet" in said
    sheet.write_text(text, encoding="utf-8")
    assert office.run(sheet, campaign, "--plan", plan).rows == [CREATED] * 3


def test_a_changed_campaign_is_refused(office: Office, sheet: Path, campaign: Path) -> None:
    """Whatever was changed in it."""
    plan = make(office, sheet, campaign)
    text = campaign.read_text(encoding="utf-8")
    campaign.write_text(text.replace("Ola {{1}}", "Oi {{1}}"), encoding="utf-8")
    assert "campaign" in office.refused(*office.command(sheet, campaign, "--plan", plan))
    other = office.campaign(name="outra")
    assert "campaign" in office.refused(*office.command(sheet, other, "--plan", plan))


def test_the_campaign_that_was_read_is_the_one_that_is_compared(office: Office, sheet: Path, campaign: Path) -> None:
    """Not the file that lies there by then: the approved one may be put back once another was read."""
    plan = make(office, sheet, campaign)
    approved = campaign.read_bytes()
    campaign.write_bytes(approved + b"[throttle]\nper_24h = 9\n")
    other = load_campaign(campaign, now=datetime.now(UTC))
    campaign.write_bytes(approved)
    about, sha256 = read_plan(plan), content(plan)["sheet_sha256"]
    with pytest.raises(PlanChanged, match="campaign file has changed"):
        about.refuse_changes(campaign=other, endpoint=office.sandbox.url, sheet_sha256=sha256)
    again = load_campaign(campaign, now=datetime.now(UTC))
    about.refuse_changes(campaign=again, endpoint=office.sandbox.url, sheet_sha256=sha256)


def test_files_that_are_exchanged_while_it_sends_change_nothing(
    office: Office, sheet: Path, campaign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sheet, campaign and plan were read before the first message: the run goes on with what was approved."""
    plan = make(office, sheet, campaign)
    bodies = [each["body"] for each in content(plan)["messages"]]
    post, posted = ChatsClient.post, []

    def exchange_files() -> None:
        office.sheet(phones(3, first=5))
        office.write(campaign.name, campaign.read_text(encoding="utf-8").replace("saudacao", "outra"))
        plan.write_text("{}", encoding="utf-8")

    async def exchange(client: ChatsClient, payload: str, **more: Any) -> Any:
        exchange_files()
        posted.append(json.loads(payload))
        return await post(client, payload, **more)

    monkeypatch.setattr(ChatsClient, "post", exchange)
    ran = office.run(sheet, campaign, "--plan", plan)
    assert Counter(each.person for each in office.sandbox.log.applied) == Counter(map(person, phones(3)))
    assert sorted(posted, key=str) == sorted(bodies, key=str)
    assert [ran.summary["counts"]["success"], ran.summary["counts"]["pending"]] == [3, 0]


def test_another_endpoint_is_refused(office: Office, sheet: Path, campaign: Path) -> None:
    """A plan for the rehearsal is none for the real thing."""
    plan = make(office, sheet, campaign, url="http://127.0.0.1:9")
    said = office.refused(*office.command(sheet, campaign, "--plan", plan))
    assert "http://127.0.0.1:9" in said
    assert office.sandbox.url in said


@pytest.mark.parametrize("edit", ["value", "person", "row gone", "row twice", "hash", "request"])
def test_an_edited_plan_is_refused(office: Office, sheet: Path, campaign: Path, edit: str) -> None:
    """It is no longer what was looked at."""
    plan = make(office, sheet, campaign)
    data = content(plan)
    second = data["messages"][1]
    match edit:
        case "value":
            second["body"]["template_fields"][0]["value"] = "Outra"
        case "person":
            second["person"] = person(phones(9)[8])
        case "row gone":
            del data["messages"][1]
        case "row twice":
            data["messages"].append(second)
        case "hash":
            data["hash"] = "0" * 64
        case "request":
            second["request_sha256"] = "0" * 64
    plan.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    assert "plan.json" in office.refused(*office.command(sheet, campaign, "--plan", plan))


def test_the_hash_binds_what_is_compared_and_sent(office: Office, sheet: Path, campaign: Path) -> None:
    """An approved plan that is turned to another sheet: texts, people and hash stay, checksums are exchanged."""
    plan = make(office, sheet, campaign)
    approved = content(plan)
    other = office.sheet(phones(3, first=5), name="b.csv")
    turned = content(make(office, other, campaign))
    forged = approved | {"sheet_sha256": turned["sheet_sha256"]}
    forged["messages"] = [
        mine | {"request_sha256": theirs["request_sha256"]}
        for mine, theirs in zip(approved["messages"], turned["messages"], strict=True)
    ]
    plan.write_text(json.dumps(forged, ensure_ascii=False), encoding="utf-8")
    assert "changed after it was made" in office.refused(*office.command(other, campaign, "--plan", plan))


@pytest.mark.parametrize("name", ["campaign", "endpoint", "sheet", "sheet_sha256", "campaign_sha256"])
def test_the_head_is_hashed(office: Office, sheet: Path, campaign: Path, name: str) -> None:
    """Also the sheet's name, which a person reads."""
    plan = make(office, sheet, campaign)
    plan.write_text(json.dumps(content(plan) | {name: "another"}, ensure_ascii=False), encoding="utf-8")
    assert "changed after it was made" in office.refused(*office.command(sheet, campaign, "--plan", plan))


@pytest.mark.parametrize("lies", ["body", "person"])
def test_a_plan_made_anew_by_hand_does_not_send_another_message(
    office: Office, sheet: Path, campaign: Path, lies: str
) -> None:
    """Every hash in it is right, but a run would send another body, or to another person, than it shows."""
    plan = make(office, sheet, campaign)
    data = content(plan)
    second = data["messages"][1]
    if lies == "body":
        second["body"]["template_fields"][0]["value"] = "Outra"
    else:
        second["person"] = person(phones(9)[8])
    head = {name: value for name, value in data.items() if name not in {"messages", "hash"}}
    bodies = [json.dumps(each["body"], ensure_ascii=False, separators=(",", ":")) for each in data["messages"]]
    lines = zip(data["messages"], bodies, strict=True)
    write_plan(plan, head, ((each["row"], each["person"], hash_request(body), body) for each, body in lines))
    assert "Row 3 would get another message" in office.refused(*office.command(sheet, campaign, "--plan", plan))


def test_a_key_that_stands_twice_is_refused(office: Office, sheet: Path, campaign: Path) -> None:
    """A person may read the first body, and the last one would be sent."""
    plan = make(office, sheet, campaign)
    text = plan.read_text(encoding="utf-8")
    plan.write_text(text.replace('"body": {', '"body": {"shown": "first"}, "body": {', 1), encoding="utf-8")
    assert "is no plan" in office.refused(*office.command(sheet, campaign, "--plan", plan))


def test_an_older_plan_is_to_be_made_anew(office: Office, sheet: Path, campaign: Path) -> None:
    """Its hash followed another rule."""
    plan = make(office, sheet, campaign)
    plan.write_text(json.dumps(content(plan) | {"format": FORMAT - 1}, ensure_ascii=False), encoding="utf-8")
    said = office.refused(*office.command(sheet, campaign, "--plan", plan))
    assert "another version" in said
    assert "wegly-batch plan" in said


def test_the_hash_that_was_noted_elsewhere_is_asked_for(office: Office, sheet: Path, campaign: Path) -> None:
    """A plan made anew has a right hash too, but another one."""
    plan = make(office, sheet, campaign)
    noted = content(plan)["hash"]
    assert "looked at" in office.refused(*office.command(sheet, campaign, "--plan", plan, "--plan-hash", "0" * 64))
    assert "--plan" in office.refused(*office.command(sheet, campaign, "--plan-hash", noted))
    assert office.run(sheet, campaign, "--plan", plan, "--plan-hash", noted.upper()).rows == [CREATED] * 3


def test_the_question_shows_the_hash(office: Office, sheet: Path, campaign: Path) -> None:
    """Where a plan is followed, and only there."""
    plan = read_plan(make(office, sheet, campaign))
    settings = Settings(base_url=office.sandbox.url, ledger=f"sqlite:///{office.folder / 'asked.sqlite3'}")
    assert plan.hash in send_question(check(sheet, campaign, settings, Choices(plan=plan)))
    assert "Hash" not in send_question(check(sheet, campaign, settings))


def test_no_foreseeable_name_is_written(office: Office, sheet: Path, campaign: Path) -> None:
    """Links that another user laid where plan and stamp were once prepared are not followed."""
    victim = office.write("victim.txt", "mine")
    for name in (f".plan.json.{os.getpid()}", f"{campaign.name}.stamp.{os.getpid()}"):
        (office.folder / name).symlink_to(victim)
    plan = make(office, sheet, campaign)
    assert not plan.is_symlink()
    assert office.run(sheet, campaign, "--plan", plan).rows == [CREATED] * 3
    stamp = office.folder / f"{campaign.name}.stamp"
    assert stamp.is_file()
    assert not stamp.is_symlink()
    assert victim.read_text(encoding="utf-8") == "mine"


_DEEP = "[" * 100_000


@pytest.mark.parametrize("text", [_DEEP, "", "[]", "{}", '{"messages": []}', '{"messages": [1]}', "no json", "\udcff"])
def test_what_is_no_plan_is_refused(office: Office, sheet: Path, campaign: Path, text: str) -> None:
    """And named."""
    plan = office.folder / "plan.json"
    plan.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert "plan.json" in office.refused(*office.command(sheet, campaign, "--plan", plan))


def test_a_plan_that_is_not_there_and_one_for_two_sheets_are_refused(
    office: Office, sheet: Path, campaign: Path
) -> None:
    """A plan is of one sheet."""
    assert "nada.json" in office.refused(*office.command(sheet, campaign, "--plan", "nada.json"))
    plan = make(office, sheet, campaign)
    other = office.sheet(phones(1, first=9), name="outra.csv")
    assert "--plan" in office.refused("run", *office.command(sheet, campaign, other, "--plan", plan)[1:])
