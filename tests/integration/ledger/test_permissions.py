"""Opt-out, consent and selection through whole runs: who is left out, and what people are told of it."""

import json
import random
import re
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from office import Office, person, phones

from batch.sandbox import running_sandbox

SAIR = ("sim", "SAIR", "descadastrado", "Unsubscribed", "No contactar", "opt-out", "x", "parou", "baja", "STOP")
"""Words of opt-out in three languages."""


def table(office: Office, header: str, *rows: str, name: str = "contatos.csv") -> object:
    return office.write(name, "\n".join([header, *rows]) + "\n")


def listed(office: Office) -> dict[str, str]:
    return {each["person"]: each["source"] for each in json.loads(office.type("suppress", "list", "--json")[1])}


def test_a_word_in_one_row_leaves_out_the_person_and_goes_on_the_list(office: Office) -> None:
    """Known words go on the list when the run is planned, with their place; unknown ones are an error of their row."""
    one, two, three, four = phones(4)
    sheet = table(
        office,
        "Nome;Telefone;Opt-out",
        f"Ana;{one};descadastrado",
        f"Ana Souza;{one};",
        f"Bia;{two};talvez",
        f"Bia L;{two};",
        f"Caio;{three};não",
        f"Davi;{four};STOP",
    )
    campaign = office.campaign('[suppress]\ncolumn = "Opt-out"')
    named = ("-c", campaign, "--base-url", office.sandbox.url)
    _, out, _ = office.type("check", sheet, *named)
    assert "2 people go on the suppression list: the column Opt-out says so." in out
    assert listed(office) == {}
    ran = office.run(sheet, campaign)
    suppressed, error, sent = ("skipped", "suppressed"), ("error", "value_not_allowed"), ("success", "created")
    assert ran.rows == [suppressed, suppressed, error, suppressed, sent, suppressed]
    assert office.sent() == {person(three): 1}
    assert listed(office) == {
        person(one): "contatos.csv, column Opt-out, row 2",
        person(four): "contatos.csv, column Opt-out, row 7",
    }
    assert "[suppress] column" in ran.lines[2]["wegly_action"]
    with running_sandbox() as elsewhere:  # a rehearsal counts at its own address only
        clean = table(office, "Nome;Telefone", f"Ana;{one}", name="outra.csv")
        other = office.campaign(name="outra")
        assert office.run(clean, other).rows == [suppressed]
        assert office.run(clean, other, "--base-url", elsewhere.url).rows == [sent]


def test_consent_lets_only_clear_yes_through(office: Office) -> None:
    """A no leaves out the person, an empty cell its row; a text that may mean anything is an error."""
    one, two, three, four, five = phones(5)
    sheet = table(
        office,
        "Nome;Telefone;Aceita receber mensagens? (LGPD)",
        f"Ana;{one};Sim, aceito",
        f"Bia;{two};Sim",
        f"Bia L;{two};Não aceito",
        f"Caio;{three};",
        f"Caio;{three};sim",
        f"Davi;{four};Sim, mas só por email",
        f"Eva;{five};talvez",
    )
    campaign = office.campaign('[consent]\ncolumn = "Aceita receber mensagens? (LGPD)"')
    ran = office.run(sheet, campaign)
    no, unclear, sent = ("skipped", "no_consent"), ("error", "consent_unclear"), ("success", "created")
    assert ran.rows == [sent, no, no, no, sent, unclear, unclear]
    assert office.sent() == {person(one): 1, person(three): 1}
    assert "Sim, mas só por email" in ran.message(7)
    more = office.campaign(
        '[consent]\ncolumn = "Aceita receber mensagens? (LGPD)"\nyes = ["sim, mas só por email"]', name="outra"
    )
    assert office.run(sheet, more).rows[5] == sent


@pytest.mark.parametrize(
    ("column", "refusal", "line"),
    [
        ("Opt-out", "sim", '[suppress] column = "Opt-out"'),
        ("Unsubscribed from all email", "true", '[suppress] column = "Unsubscribed from all email"'),
        ("No contactar", "Sí", '[suppress] column = "No contactar"'),
        ("Aceita receber mensagens? (LGPD)", "Não aceito", "[consent] column"),
        ("Opt-in", "No", "[consent] column"),
    ],
)
def test_an_unused_column_leaves_people_out_and_says_so(office: Office, column: str, refusal: str, line: str) -> None:
    """All rows of who refuses there are skipped, nothing stops, and everything gives the line to add."""
    one, two = phones(2)
    sheet = table(office, f"Nome;Telefone;{column}", f"Ana;{one};{refusal}", f"Ana S;{one};", f"Bia;{two};")
    campaign = office.campaign()
    named = ("-c", campaign, "--base-url", office.sandbox.url)
    _, out, _ = office.type("check", sheet, *named)
    assert line in out
    assert "1 person is left out because of such a column." in out
    assert line in office.type("inspect", sheet)[1]
    ran = office.run(sheet, campaign)
    unused = ("skipped", "optout_unused_column")
    assert ran.rows == [unused, unused, ("success", "created")]
    assert listed(office) == {}
    ignoring = office.campaign(f'[suppress]\nignore = ["{column}"]', name="outra")
    assert [status for status, _ in office.run(sheet, ignoring).rows] == ["success", "skipped", "reused"]
    _, _, err = office.type("init", sheet, "--out", office.folder / "novo.toml")
    assert re.search(rf"^  \[\w+\] +column {re.escape(repr(column))}$", err, re.MULTILINE)
    written = (office.folder / "novo.toml").read_text("utf-8")
    section = "suppress" if "suppress" in line else "consent"
    assert re.search(rf'^\[{section}\]\n(?:#.*\n)*column = "{re.escape(column)}"$', written, re.MULTILINE)


def test_select_sends_to_some_rows_and_opt_out_still_counts_in_all(office: Office) -> None:
    """A row that is not selected stands for nobody: the person's other row gets the message."""
    one, two, three = phones(3)
    sheet = table(
        office,
        "Nome;Telefone;Status;Opt-out",
        f"Ana;{one};Inativo;",
        f"Ana;{one};ATIVO ;",
        f"Bia;{two};novo;",
        f"Bia;{two};inativo;sair",
        f"Caio;{three};;",
        "Davi;11 9;inativo;",
    )
    campaign = office.campaign('[suppress]\ncolumn = "Opt-out"\n[select]\nStatus = ["ativo", "Novo"]')
    ran = office.run(sheet, campaign)
    away = ("skipped", "not_selected")
    assert ran.rows == [away, ("success", "created"), ("skipped", "suppressed"), away, away, away]
    assert office.sent() == {person(one): 1}


def test_duplicates_that_differ_are_named(office: Office) -> None:
    """By `check`, with the row that is sent for them; equal ones are not worth a word. `init` proposes the column."""
    one, two, three = phones(3)
    sheet = table(
        office,
        "Nome;Telefone;Fatura",
        f"Ana;{one};1042",
        f"Ana;{one};1043",
        f"Bia;{two};1044",
        f"Bia Lima;{two};1045",
        f"Caio;{three};1046",
    )
    campaign = office.campaign()
    named = ("-c", campaign, "--base-url", office.sandbox.url)
    assert (
        "1 row is of a person whose other row says something else, and is not sent: 5 (as 4)."
        in office.type("check", sheet, *named)[1]
    )
    found = json.loads(office.type("check", sheet, *named, "--json")[1])
    assert found["differing_duplicates"] == [{"row": 5, "sent_as": 4}]
    said = office.type("init", sheet, "--out", office.folder / "novo.toml")[2]
    assert "Rows of one person differ in 'Fatura'" in said
    assert '# unique_by = ["Fatura"]' in (office.folder / "novo.toml").read_text("utf-8")


def test_a_new_name_whose_people_just_had_a_message_is_asked_about(office: Office) -> None:
    """Most of them, within a day: it may be the same campaign. Not of one that has sent before, or long ago."""
    sheet, first = office.sheet(phones(3)), office.campaign(name="novembro")
    office.run(sheet, first)
    second = office.campaign(name="novembro-2")
    named = ("check", sheet, "-c", second, "--base-url", office.sandbox.url)
    warning = "3 of 3 people got a message of the campaign novembro a short while ago"
    assert warning in office.type(*named)[1]
    few = office.sheet([*phones(1), *phones(3, first=20)], name="poucos.csv")
    assert "a short while ago" not in office.type("check", few, *named[2:])[1]
    assert "a short while ago" not in office.type("check", sheet, "-c", first, "--base-url", office.sandbox.url)[1]
    with closing(sqlite3.connect(office.folder / "ledger.sqlite3")) as connection, connection:
        two_days = timedelta(days=2) // timedelta(microseconds=1)
        connection.execute("UPDATE messages SET sent_at = sent_at - ?", (two_days,))
    assert warning not in office.type(*named)[1]


def test_nobody_with_a_word_anywhere_is_in_the_servers_log(office: Office) -> None:
    """Random rows, spellings of the phone, languages and columns: one word in any row of a person is enough."""
    chance = random.Random(13)  # noqa: S311 - the same people each time
    people = phones(60)
    spellings = (str, person, lambda phone: phone.replace(" ", ""), lambda phone: f"({phone[:2]}) {phone[3:]}")
    out: set[str] = set()
    lines = []
    for each in people * 3:
        used, unused = "", ""
        if chance.random() < 0.15:
            word = chance.choice(SAIR)
            used, unused = (word, "") if chance.random() < 0.5 else ("", word)
            out.add(person(each))
        lines.append(f"P{len(lines)};{chance.choice(spellings)(each)};{used};{unused}")
    chance.shuffle(lines)
    sheet = table(office, "Nome;Telefone;Sair?;Não perturbe", *lines)
    office.run(sheet, office.campaign('[suppress]\ncolumn = "Sair?"'))
    assert 10 < len(out) < 50
    assert set(office.sent()) == {person(each) for each in people} - out
    assert set(office.sent().values()) == {1}
