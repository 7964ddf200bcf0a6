"""A ledger that 3bbba84 wrote (`tests/data/ledger-4`): everybody in it stays protected.

Two campaigns of one sheet: `purgada` was purged, `antiga` allows several messages a person by columns of formatted
numbers, dates, times, amounts and texts with invisible characters, whose values are in its keys. Two people are on the
suppression list, one by the form of an Argentinian number that identifies nobody any more.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from office import Office

OLD = Path(__file__).parents[2] / "data" / "ledger-4"
ADDRESS = ("--base-url", "http://127.0.0.1:18999")


@pytest.fixture
def office(office: Office) -> Office:
    """An office whose ledger is the old one."""
    with closing(sqlite3.connect(office.folder / "ledger.sqlite3")) as connection:
        connection.executescript((OLD / "v4.sql").read_text("utf-8"))
    return office


@pytest.mark.parametrize("campaign", ["c.toml", "d.toml"])
def test_nobody_in_an_older_ledger_gets_another_message(office: Office, campaign: str) -> None:
    """The same sheet finds all its messages, purged or not; nothing has to be accepted for it."""
    sheet = office.folder / "contatos.xlsx"
    sheet.write_bytes((OLD / "contatos.xlsx").read_bytes())
    file = office.write(campaign, (OLD / campaign).read_text("utf-8"))
    code, out, err = office.type("check", sheet, "-c", file, *ADDRESS, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["to_send"] == 0
    assert found["counts"]["success"] + found["counts"]["reused"] == 6


def test_people_on_an_older_list_are_on_it_still(office: Office) -> None:
    """In whatever form their number is written now."""
    sheet = office.write("novos.csv", "Telefone;Fatura\n(11) 90000-7009;1\n+54 9 11 5555-6666;2\n11 90000-7010;3\n")
    file = office.write("d.toml", (OLD / "d.toml").read_text("utf-8").replace("purgada", "nova"))
    found = json.loads(office.type("check", sheet, "-c", file, *ADDRESS, "--json")[1])
    assert (found["to_send"], found["counts"]["skipped"]) == (1, 2)
