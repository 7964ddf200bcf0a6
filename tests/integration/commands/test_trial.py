"""`run --to`: the message of the first row that would go, sent to one's own phone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from office import CREATED, Office, around, person, phones

OWN, OTHER = "11 98888-7001", "(11) 98888-7002"
UUID = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def sheet(office: Office) -> Path:
    """A bad row, then two good ones that name who the person is."""
    ana, bia = phones(2)
    lines = ["Nome;Telefone;Quem;Id", f"Nada;123;Nada;{UUID}", f"Ana;{ana};Ana Lima;{UUID}", f"Bia;{bia};Bia;{UUID}"]
    return office.write("contatos.csv", "\n".join(lines) + "\n")


@pytest.fixture
def campaign(office: Office) -> Path:
    return office.campaign(columns='remote_profile_name = "Quem"\nperson_contact_id = "Id"\ncrm_person_id = "Id"')


def bodies(office: Office) -> list[dict[str, object]]:
    return [json.loads(each.body) for each in office.sandbox.log.received]


def test_the_first_message_goes_to_one_s_own_number(office: Office, sheet: Path, campaign: Path) -> None:
    """The row's values, but nothing that says who the row's person is; the row is still to be sent."""
    code, out, err = office.type(*office.command(sheet, campaign, "--to", OWN))
    assert (code, err) == (0, "")
    assert "row 3" in out
    assert "Ola Ana" in out
    (body,) = bodies(office)
    assert body["wa_contact_id"] == "11988887001"
    assert body["template_fields"] == [{"component": "BODY", "type": "TEXT", "index": 1, "value": "Ana"}]
    assert not {"person_contact_id", "remote_profile_name", "crm_person_id"} & body.keys()
    ran = office.run(sheet, campaign)
    assert (ran.code, ran.rows[1:]) == (3, [CREATED] * 2)
    assert office.sent() == {person(each): 1 for each in (OWN, *phones(2))}


def test_several_numbers_get_it_once_each(office: Office, sheet: Path, campaign: Path) -> None:
    """A number written twice is one person; a second trial sends again."""
    words = office.command(sheet, campaign, "--json", "--to", OWN, "--to", OTHER, "--to", "+55 11 98888-7001")
    code, out, _ = office.type(*words)
    said = json.loads(out)
    assert (code, said["exit_code"], said["row"], said["text"]) == (0, 0, 3, "Ola Ana")
    assert [each["phone"] for each in said["results"]] == ["+55 11 98888-7001", "+55 11 98888-7002"]
    assert [each["status"] for each in said["results"]] == ["success", "success"]
    assert office.sent() == {person(OWN): 1, person(OTHER): 1}


def test_a_trial_may_be_repeated(office: Office, sheet: Path, campaign: Path) -> None:
    """Each is a message of its own, to a number of the sheet as well: there the row still gets its own."""
    ana = phones(1)[0]
    for number in (ana, OWN):
        assert office.type(*office.command(sheet, campaign, "--to", number))[0] == 0
    code, out, _ = office.type("check", sheet, "-c", campaign, "--base-url", office.sandbox.url)
    assert code == 3
    assert "2 messages would be sent" in out


def test_a_suppressed_number_gets_no_trial(office: Office, sheet: Path, campaign: Path) -> None:
    """And none of the others does: nothing is sent."""
    assert office.type("suppress", "add", OTHER)[0] == 0
    said = office.refused(*office.command(sheet, campaign, "--to", OWN, "--to", OTHER))
    assert "+5511988887002" in said.replace(" ", "").replace("-", "")
    assert "suppression list" in said


def test_a_number_that_is_not_allowed_gets_no_trial(office: Office, sheet: Path, campaign: Path) -> None:
    """The list of the only people who may be messaged holds here too."""
    allowed = office.write("equipe.csv", f"Telefone\n{phones(1)[0]}\n")
    said = office.refused(*office.command(sheet, campaign, "--only-allowed", allowed, "--to", OWN))
    assert "equipe.csv" in said


@pytest.mark.parametrize("number", ["98888-7001", "abc", ""])
def test_what_is_no_phone_is_refused(office: Office, sheet: Path, campaign: Path, number: str) -> None:
    """The option is named, and what it should look like."""
    assert "--to" in office.refused(*office.command(sheet, campaign, "--to", number))


def test_a_trial_is_for_one_sheet(office: Office, sheet: Path, campaign: Path) -> None:
    """Of which sheet would it be?"""
    other = office.sheet(phones(1, first=9), name="outra.csv")
    assert "--to" in office.refused("run", *office.command(sheet, campaign, other, "--to", OWN)[1:])


def test_with_nothing_to_send_there_is_nothing_to_try(office: Office, sheet: Path, campaign: Path) -> None:
    """After everything was sent, or where no row was chosen."""
    said = office.refused(*office.command(sheet, campaign, "--rows", "2", "--to", OWN))
    assert "nothing to try" in said


def test_the_chosen_row_is_the_one_that_is_tried(office: Office, sheet: Path, campaign: Path) -> None:
    """--rows 4 tries row 4."""
    code, out, _ = office.type(*office.command(sheet, campaign, "--rows", "4", "--to", OWN))
    assert (code, "row 4" in out, "Ola Bia" in out) == (0, True, True)


def test_a_trial_counts_for_the_cap(office: Office, sheet: Path) -> None:
    """One place of two is taken by one's own number; and a full cap keeps a trial back, and says until when."""
    campaign = office.campaign("[throttle]\nper_24h = 2")
    assert office.type(*office.command(sheet, campaign, "--to", OWN))[0] == 0
    ran = office.run(sheet, campaign)
    assert ran.rows[1:] == [CREATED, ("pending", "cap")]
    code, out, _ = office.type(*office.command(sheet, campaign, "--to", OTHER))
    assert code == 6
    assert any(when in out for when in around(datetime.now(UTC) + timedelta(days=1)))
    assert person(OTHER) not in office.sent()


def test_a_trial_goes_at_any_hour(office: Office, sheet: Path) -> None:
    """Who asks for it is awake; the campaign's own messages wait for their hours."""
    begin = (datetime.now(UTC) - timedelta(hours=12)).replace(second=0, microsecond=0)
    hours = f"{begin:%H:%M}-{begin + timedelta(hours=1):%H:%M}"
    campaign = office.campaign(f'[[window]]\nhours = "{hours}"\ntimezone = "UTC"')
    code, _out, _err = office.type(*office.command(sheet, campaign, "--to", OWN))
    assert code == 0
    assert office.sent() == {person(OWN): 1}
    assert ("pending", "window") in office.run(sheet, campaign).rows


def test_a_trial_that_is_refused_ends_as_an_error(office: Office, sheet: Path, campaign: Path) -> None:
    """Exit 3, with the API's words; the row is still to be sent."""
    code, out, _ = office.type(*office.command(sheet, campaign, "--to", "11 98888-0400"))
    assert code == 3
    assert "O contato nao pode receber mensagens." in out


def test_report_means_the_newest_run_of_a_sheet_and_runs_shows_trials(
    office: Office, sheet: Path, campaign: Path
) -> None:
    """A trial after the run is listed, but the report is the run's."""
    ran = office.run(sheet, campaign, "--limit", "1")
    assert office.type(*office.command(sheet, campaign, "--to", OWN))[0] == 0
    code, out, _ = office.type("report", "--json")
    assert (code, json.loads(out)["run"]) == (0, ran.summary["run"])
    _, out, _ = office.type("runs", "--json")
    listed = [each["run"] for each in json.loads(out)]
    assert len(listed) == 2
    assert "-trial-" in listed[0]
    assert listed[1] == ran.summary["run"]
