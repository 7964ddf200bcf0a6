"""Several senders in one campaign: who sends to whom, and what the end of one means for the others."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from office import CREATED, FIRST, HALVES, SECOND, Office, person, phones

from batch.campaign.sources import read_shares

pytestmark = pytest.mark.usefixtures("plain_reports")

STOPPED = ("pending", "stopped")


def planned(office: Office, sheet: Path, campaign: Path) -> dict[str, str]:
    """Person to the sender that a run would use."""
    out = office.folder / "plan.json"
    assert office.type("plan", sheet, "-c", campaign, "--out", out)[0] == 0
    messages = json.loads(out.read_text(encoding="utf-8"))["messages"]
    return {each["person"]: each["body"]["whatsapp_phone_id"] for each in messages}


def test_each_person_has_the_same_sender_in_every_sheet_and_campaign(office: Office) -> None:
    """Whatever the row, the spelling and the campaign's name; and the split is near the shares."""
    shares = f'[{{ id = "{FIRST}", share = "70%" }}, {{ id = "{SECOND}", share = "30%" }}]'
    people = phones(400)
    first = planned(office, office.sheet(people), office.campaign(sender=shares))
    other = [f"+55 ({each[:2]}) {each[3:]}" for each in reversed(people)]
    assert planned(office, office.sheet(other), office.campaign(sender=shares, name="outra")) == first
    assert 0.6 < Counter(first.values())[FIRST] / 400 < 0.8


def test_what_goes_out_goes_out_by_these_senders(office: Office) -> None:
    """The sandbox's log against the plan."""
    sheet, campaign = office.sheet(phones(20)), office.campaign(sender=HALVES)
    expected = planned(office, sheet, campaign)
    ran = office.run(sheet, campaign)
    assert (ran.code, ran.rows) == (0, [CREATED] * 20)
    assert {each.person: each.sender for each in office.sandbox.log.applied} == expected
    assert set(expected.values()) == {FIRST, SECOND}


def forbidden_of(sender: str) -> str:
    """A phone that the API forbids (HTTP 403) to this sender, by the list of halves."""
    shares = read_shares(tomllib.loads(f"list = {HALVES}")["list"])
    numbers = (f"11 97{number:03d}-0403" for number in range(1000))
    return next(phone for phone in numbers if shares.sender_of(person(phone)) == sender)


def test_a_sender_that_is_stopped_does_not_stop_the_other(office: Office) -> None:
    """Its rows wait, the other's are sent; the run ends as stopped and says whose sender it was."""
    sheet = office.sheet([forbidden_of(SECOND), *phones(20)])
    campaign = office.campaign(sender=HALVES)
    whose = planned(office, sheet, campaign)
    ran = office.run(sheet, campaign, "--concurrency", "1")
    assert ran.code == 5
    assert ran.rows[0] == ("pending", "forbidden")
    expected = [CREATED if whose[person(phone)] == FIRST else STOPPED for phone in phones(20)]
    assert ran.rows[1:] == expected
    assert STOPPED in expected
    assert set(office.senders()) == {FIRST}
    assert SECOND in ran.said


def test_the_summary_names_the_sender_that_stopped(office: Office) -> None:
    """Also for people, and also when its first message was its last."""
    sheet = office.sheet([forbidden_of(SECOND), *phones(20)])
    code, _, err = office.type(*office.command(sheet, office.campaign(sender=HALVES), "--concurrency", "1"))
    assert code == 5
    assert SECOND in err


def test_a_token_that_is_refused_stops_every_sender(office: Office) -> None:
    """Each would get the same answer: one attempt, or one of each at most."""
    shares = read_shares(tomllib.loads(f"list = {HALVES}")["list"])
    unauthorized = next(
        phone
        for phone in (f"11 97{number:03d}-0401" for number in range(1000))
        if shares.sender_of(person(phone)) == SECOND
    )
    sheet = office.sheet([unauthorized, *phones(40)])
    code, _, _ = office.type(
        *office.command(sheet, office.campaign(sender=HALVES), "--rate", "5/s", "--concurrency", "1")
    )
    assert code == 5
    assert len(office.sandbox.log.received) <= 4


def test_senders_by_column_have_their_own_caps(office: Office) -> None:
    """Two people each, where shared_cap says that they are of different accounts."""
    cap = '[throttle]\nper_24h = 2\nshared_cap = "sender"'
    lines = [f"P {n};{phone};{(FIRST, SECOND)[n % 2]}" for n, phone in enumerate(phones(6))]
    sheet = office.write("contatos.csv", "\n".join(["Nome;Telefone;Remetente", *lines]) + "\n")
    ran = office.run(sheet, office.campaign(cap, sender='{ column = "Remetente" }'))
    assert (ran.code, ran.rows) == (6, [CREATED] * 4 + [("pending", "cap")] * 2)
    assert office.senders() == {FIRST: 2, SECOND: 2}
