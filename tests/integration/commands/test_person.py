"""`wegly-batch person`: one person's record over all campaigns, and its removal."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from office import CREATED, Office, person, phones

from batch.app.person import PersonReport, find_person, forget_person
from batch.app.settings import Settings
from batch.cli.output.person import person_question, person_text
from batch.errors import Busy, Declined
from batch.i18n import use_language
from batch.ledger import Ledger, Owner, campaign_lock, sender_lock

ANA, BIA = phones(2)
SPELLINGS = ("+55 11 97001-2001", "11970012001", "(11) 7001-2001", "551170012001", "0055 11 97001-2001")
"""One number, with the ninth digit of mobiles and without it."""


def url(office: Office) -> str:
    return f"sqlite:///{office.folder / 'ledger.sqlite3'}"


def record(office: Office, *more: object) -> dict[str, Any]:
    code, out, err = office.type("person", "--json", *more)
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def in_ledger(office: Office) -> list[str]:
    """Of Ana, what can be read in the ledger's files."""
    wanted = [person(ANA).removeprefix("+"), "11970012001", "Pessoa 2001"]
    files = sorted(office.folder.glob("ledger.sqlite3*"))
    return [
        f"{file.name}: {each}"
        for file in filter(Path.is_file, files)
        for each in wanted
        if each.encode() in file.read_bytes()
    ]


def test_every_spelling_finds_the_same_person(office: Office) -> None:
    """Both campaigns, the rows of both sheets, and nothing of another person."""
    for name in ("um", "dois"):
        office.run(office.sheet([ANA, BIA], name=f"{name}.csv"), office.campaign(name=name))
    office.type("suppress", "add", ANA, "--reason", "asked by mail")
    found, *others = [record(office, spelling) for spelling in SPELLINGS]
    assert others == [found] * len(others)
    assert (found["phone"], found["person"]) == ("+55 11 97001-2001", person(ANA))
    assert [(each["campaign"], each["state"]) for each in found["messages"]] == [("um", "success"), ("dois", "reused")]
    assert [(each["sheet"], each["row"], each["status"]) for each in found["rows"]] == [
        ("um.csv", 2, "success"),
        ("dois.csv", 2, "reused"),
    ]
    assert [each["reason"] for each in found["suppressed"]] == ["asked by mail"]
    assert len(found["reports"]) == 2
    assert "2002" not in json.dumps(found)


@pytest.mark.parametrize("language", ["en", "pt_BR"])
def test_the_text_fits_a_narrow_terminal(office: Office, language: str) -> None:
    """At most 80 columns but for what cannot be folded (a path, an id), in both languages."""
    office.run(office.sheet([ANA, ANA]), office.campaign())
    with use_language(language):
        out = person_text(find_person(ANA, region="BR", settings=Settings(ledger=url(office))))
    long = [line for line in out.splitlines() if len(line) > 80 and " " in line.strip()]
    assert long == []
    assert "contatos.csv" in out
    assert "duplicate" in out


def test_a_person_reads_words_and_local_times(office: Office) -> None:
    """The outcome's word with its code beside it, and the clock of the runs, as `report` and `runs` show it."""
    office.run(office.sheet([ANA]), office.campaign(about='timezone = "America/Manaus"'))
    found = find_person(ANA, region="BR", settings=Settings(ledger=url(office)))
    with use_language("pt_BR"):
        out = person_text(found)
    assert "teste: Aceita (success)\n" in out
    (message,) = found.record.messages
    assert message.sent_at is not None
    assert f"{message.sent_at.astimezone(ZoneInfo('America/Manaus')):%d/%m/%Y %H:%M}  teste" in out
    assert "America/Manaus" in " ".join(out.partition("teste: Aceita")[0].split())


def test_nothing_is_known_of_a_stranger(office: Office) -> None:
    """No ledger is made by asking, and a text that is no phone is refused by its reason."""
    code, out, _err = office.type("person", ANA)
    assert code == 0
    assert "Nothing is known of this person." in out
    assert not (office.folder / "ledger.sqlite3").exists()
    assert "area code" in office.refused("person", "97001-2001")
    assert "no ledger" in office.refused("person", ANA, "--forget")


def test_forgetting_leaves_nothing_but_the_list_and_hashes(office: Office) -> None:
    """The phone is in no file of the ledger, others stay, and the same campaign does not send again."""
    sheet, campaign = office.sheet([ANA, BIA]), office.campaign()
    office.run(sheet, campaign)
    assert in_ledger(office)
    found = record(office, ANA, "--forget")
    assert (found["forgotten"], found["clean"]) == (1, True)
    assert in_ledger(office) == []
    left = record(office, ANA)
    assert [(each["state"], each["erased"], each["chat_id"]) for each in left["messages"]] == [("success", True, None)]
    assert record(office, BIA)["messages"][0]["chat_id"]
    assert record(office, ANA, "--forget")["forgotten"] is None
    again = office.run(sheet, campaign)
    assert again.rows == [CREATED] * 2
    assert office.sent() == {person(ANA): 1, person(BIA): 1}


def test_the_list_goes_on_protecting_whom_the_ledger_forgot(office: Office) -> None:
    """A suppressed person stays suppressed, and the end says so; another ledger and the reports are named."""
    ran = office.run(office.sheet([ANA]), office.campaign())
    office.type("suppress", "add", ANA)
    code, out, _err = office.type("person", ANA, "--forget", "--yes")
    assert code == 0
    text = " ".join(out.split())
    assert "Kept: the phone on the suppression list" in text
    assert str(office.folder / "reports" / ran.summary["run"]) in text
    assert 'wegly-batch person "+55 11 97001-2001" --forget --ledger' in text
    later = office.run(office.sheet([ANA], name="b.csv"), office.campaign(name="outra"))
    assert later.rows == [("skipped", "suppressed")]


def test_who_was_taken_off_the_list_is_shown_and_forgotten(office: Office) -> None:
    """The ledger keeps the moment, because of older replies: it is the person's as well."""
    office.type("suppress", "add", ANA)
    assert record(office, ANA)["removed_from_list"] is None
    assert office.type("suppress", "remove", ANA, "--yes")[0] == 0
    assert record(office, ANA)["removed_from_list"] is not None
    assert "Taken off the suppression list on" in office.type("person", ANA)[1]
    assert in_ledger(office)
    assert record(office, ANA, "--forget")["clean"] is True
    assert in_ledger(office) == []
    assert "Nothing is known of this person." in office.type("person", ANA)[1]


def test_a_person_who_is_not_on_the_list_gets_the_line_to_add(office: Office) -> None:
    """To be forgotten is not to be suppressed: the command for that is given."""
    office.run(office.sheet([ANA]), office.campaign())
    _code, out, _err = office.type("person", ANA, "--forget", "--yes")
    assert 'wegly-batch suppress add "+55 11 97001-2001"' in " ".join(out.split())


def test_values_that_wait_are_shown_and_forgotten(office: Office) -> None:
    """A row that was not sent yet: its values go too, and a later run of the sheet has them anew."""
    sheet, campaign = office.sheet([BIA, ANA]), office.campaign()
    office.run(sheet, campaign, "--limit", "1")
    assert "Pessoa 2001" in record(office, ANA)["messages"][0]["payload"]
    record(office, ANA, "--forget")
    assert in_ledger(office) == []
    office.run(sheet, campaign)
    assert office.sent()[person(ANA)] == 1


@pytest.mark.parametrize("lock", [campaign_lock, sender_lock])
def test_an_open_run_keeps_everything(office: Office, lock: Any) -> None:
    """All or nothing: while a run holds campaign or sender, nothing is removed, and the end says so (75)."""
    office.run(office.sheet([ANA]), office.campaign())
    message = record(office, ANA)["messages"][0]
    name = lock(message["campaign" if lock is campaign_lock else "sender"], message["endpoint"])
    with Ledger.open(url(office)) as ledger, ledger.hold([name], Owner.here("a run")):
        code, out, err = office.type("person", ANA, "--forget")
    assert (code, out) == (75, "")
    assert "Nothing was removed." in err
    assert record(office, ANA)["messages"] == [message]


def test_the_question_comes_before(office: Office) -> None:
    """A no changes nothing; the question says what follows for looks and the list."""
    office.run(office.sheet([ANA]), office.campaign())
    asked: list[PersonReport] = []

    def no(plan: PersonReport) -> bool:
        asked.append(plan)
        return False

    with pytest.raises(Declined):
        forget_person(ANA, region="BR", settings=Settings(ledger=url(office)), confirm=no)
    with use_language("en"):
        text = " ".join(person_question(asked[0]).split())
    assert "looks into these chats no more" in text
    assert text.endswith("Remove this for good?")
    assert not record(office, ANA)["messages"][0]["erased"]


def test_a_claim_that_may_be_alive_keeps_everything(office: Office) -> None:
    """A message whose POST may be on its way is left alone, and with it all of the person."""
    office.run(office.sheet([ANA]), office.campaign())
    file: Path = office.folder / "ledger.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE messages SET state = 'claimed', claim_run = run, claim_host = 'h', claim_pid = 1")
    settings = Settings(ledger=url(office))
    with pytest.raises(Busy, match="a moment ago"):
        forget_person(ANA, region="BR", settings=settings, confirm=lambda _plan: True)
    assert in_ledger(office)
