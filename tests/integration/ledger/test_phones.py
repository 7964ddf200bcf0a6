"""Phones through whole runs: numbers with two forms, countries and area codes from columns, numbers in parts."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from office import Office

from batch.ledger import Ledger
from batch.model.messages import message_key

pytestmark = pytest.mark.usefixtures("plain_reports")

CREATED = ("success", "created")


def table(office: Office, header: str, *rows: str, name: str = "contatos.csv") -> Path:
    return office.write(name, "\n".join([header, *rows]) + "\n")


def test_both_forms_of_an_argentinian_are_one_person(office: Office) -> None:
    """In a sheet, against the suppression list, and to what is posted: the form that was written."""
    office.type("suppress", "add", "+54 11 5555-6666")
    sheet = table(
        office,
        "Nome;Telefone",
        "Juan;+54 11 2345-6789",
        "Juan P;+54 9 11 2345-6789",
        "Eva;+54 9 11 5555-6666",
        "Luz;+54 9 11 4444-1111",
    )
    ran = office.run(sheet, office.campaign())
    assert ran.rows == [CREATED, ("skipped", "duplicate"), ("skipped", "suppressed"), CREATED]
    posted = [json.loads(each.body)["wa_contact_id"] for each in office.sandbox.log.received]
    assert sorted(posted) == ["+541123456789", "+5491144441111"]


def as_before(office: Office) -> None:
    """Make the ledger one of version 4, in which the form without 9 was another person."""
    with closing(sqlite3.connect(office.folder / "ledger.sqlite3")) as connection, connection:
        old = "'+54' || substr(person, 5)"
        for name in ("messages", "rows"):
            connection.execute(f"UPDATE {name} SET person = {old} WHERE person LIKE '+549%'")  # noqa: S608
        connection.executescript(
            "CREATE TABLE s (person VARCHAR(20) NOT NULL PRIMARY KEY, reason TEXT NOT NULL, source TEXT NOT NULL,"
            " added BIGINT NOT NULL);"
            "INSERT INTO s SELECT '+54' || substr(person, 5), reason, source, added FROM suppressed;"
            "DROP TABLE suppressed; ALTER TABLE s RENAME TO suppressed;"
            "ALTER TABLE runs DROP COLUMN reply_opt_outs; DROP TABLE deliveries; DROP TABLE canaries;"
            "DROP TABLE removals; DROP INDEX messages_retries; ALTER TABLE messages DROP COLUMN retry_of;"
            "ALTER TABLE messages DROP COLUMN message_id;"
            "ALTER TABLE messages DROP COLUMN message_status;"
            "ALTER TABLE messages DROP COLUMN claim_epoch;"
            "UPDATE meta SET value = '4' WHERE name = 'schema_version'"
        )


@pytest.mark.parametrize("form", ["+54 11 2345-6789", "+54 9 11 2345-6789"])
def test_an_older_ledger_goes_on_protecting_people_of_either_form(office: Office, form: str) -> None:
    """Its key and its person are those of the form without 9; nothing has to be accepted, and nobody is new."""
    sheet = table(office, "Nome;Telefone", "Juan;+54 11 2345-6789", name="antes.csv")
    campaign = office.campaign()
    office.type("suppress", "add", "+54 11 5555-6666")
    office.run(sheet, campaign)
    with Ledger.open(f"sqlite:///{office.folder / 'ledger.sqlite3'}") as ledger, ledger.stage() as staging:
        scope = {"endpoint": office.sandbox.url, "campaign": "teste"}
        keys = [staging.hashes.key(message_key(each, **scope)) for each in ("+541123456789", "+5491123456789")]
    with closing(sqlite3.connect(office.folder / "ledger.sqlite3")) as connection, connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        for name in ("messages", "rows"):
            connection.execute(f"UPDATE {name} SET key = ? WHERE key = ?", keys)  # noqa: S608
    as_before(office)
    again = table(office, "Nome;Telefone", f"Juan;{form}", "Eva;+54 9 11 5555-6666", "Nova;+54 9 11 4444-1111")
    ran = office.run(again, campaign)
    assert ran.rows == [CREATED, ("skipped", "suppressed"), CREATED]
    assert len(office.sandbox.log.applied) == 2
    other = office.campaign("[history]\nnot_within = '7d'", name="outra")
    assert office.run(again, other).rows[0] == ("skipped", "recently_messaged")


def test_a_column_of_countries_decides(office: Office) -> None:
    """By name, letters or code; an empty cell is the campaign's country, an unknown one an error of its row."""
    sheet = table(
        office,
        "Nome;Telefone;País",
        "Ana;11 97001-2001;Brasil",
        "Rui;912 345 678;Portugal",
        "Inca;51 987 654 321;Peru",
        "Bia;11 97001-2002;",
        "Caio;11 97001-2003;Atlântida",
        "Sam;(919) 555-1234;+1",
    )
    ran = office.run(sheet, office.campaign("[phone]\ncountry_column = 'País'"))
    assert ran.rows == [CREATED, CREATED, CREATED, CREATED, ("error", "country_unknown"), CREATED]
    assert set(office.sent()) == {
        *("+5511970012001", "+351912345678", "+51987654321", "+5511970012002", "+19195551234")
    }


def test_area_codes_from_the_campaign_or_a_column(office: Office) -> None:
    """They fill in what is missing; a number with its own keeps it, a wrong code is an error."""
    sheet = table(office, "Nome;Telefone;DDD", "Ana;97001-2001;021", "Bia;31 97001-2002;21", "Caio;97001-2003;20")
    ran = office.run(sheet, office.campaign("[phone]\narea_code = { column = 'DDD' }"))
    assert ran.rows == [CREATED, CREATED, ("error", "phone_bad_area_code")]
    assert set(office.sent()) == {"+5521970012001", "+5531970012002"}
    fixed = office.campaign("[phone]\narea_code = '48'", name="outra")
    assert office.run(sheet, fixed).rows == [CREATED, ("reused", "reused"), CREATED]
    assert "allowed is an area code" in office.refused(
        "check", sheet, "-c", office.campaign("[phone]\narea_code = '20'", name="errada")
    )


def test_a_number_in_two_columns_is_joined_and_init_proposes_it(office: Office) -> None:
    """As ERP systems export it, with zeros before the area code."""
    sheet = table(
        office, "A1_COD;A1_NOME;A1_DDD;A1_TEL", "000001;ANA;011;970012001", "000002;BIA;11;97001-2002", "3;CAIO;;97"
    )
    campaign = office.campaign()
    text = campaign.read_text("utf-8").replace('"Telefone"', '"{A1_DDD}{A1_TEL}"').replace("{Nome}", "{A1_NOME}")
    campaign.write_text(text, encoding="utf-8")
    ran = office.run(sheet, campaign)
    assert ran.rows == [CREATED, CREATED, ("error", "phone_too_short")]
    assert set(office.sent()) == {"+5511970012001", "+5511970012002"}
    assert "A1_DDD" in office.refused(*office.command(table(office, "Nome;X", "a;b", name="x.csv"), campaign))
    office.type("init", table(office, "COD;NOME;DDD;TEL", "1;ANA;011;970012001"), "--out", office.folder / "novo.toml")
    assert 'wa_contact_id = "{DDD}{TEL}"' in (office.folder / "novo.toml").read_text("utf-8")
    lines = "Nome;DDD;Telefone", "ANA;11;970012001", "BIA;11;970012002", "CAIO;;5511970012003"
    office.type("init", table(office, *lines), "--out", office.folder / "uma-inteira.toml")
    assert 'wa_contact_id = "{DDD}{Telefone}"' in (office.folder / "uma-inteira.toml").read_text("utf-8")


def test_init_takes_the_column_of_mobiles_and_names_the_others(office: Office) -> None:
    """As a CRM exports them."""
    sheet = table(
        office,
        "First Name,Phone Number,Mobile Phone Number,WhatsApp Phone Number",
        "Ana,(11) 3333-4444,+55 11 97001-2001,+55 11 97001-2001",
        "Bia,(11) 3333-5555,+55 11 97001-2002,",
    )
    _, _, err = office.type("init", sheet, "--out", office.folder / "novo.toml")
    assert 'wa_contact_id = "Mobile Phone Number"' in (office.folder / "novo.toml").read_text("utf-8")
    assert "'WhatsApp Phone Number' could be the phone too" in err
    assert "'Phone Number' could be the phone too" in err
