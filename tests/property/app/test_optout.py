"""Opt-out columns over random sheets: nobody who asks for no messages in any row is among the rows that are sent."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch.app.inputs.campaign_sheet import Choices, open_campaign_sheet
from batch.app.inputs.recipient_lists import RecipientLists
from batch.app.inputs.staging import stage_sheet
from batch.campaign import load_campaign
from batch.ledger import Ledger

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
CAMPAIGN = """
[campaign]
name = "boas-vindas"
unique_by = ["Fatura"]
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao_inicial"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
[[template_fields]]
component = "BODY"
index = 1
value = "{Nome}"
"""
WORDS = (
    *("sim", "parar", "pare", "sair", "descadastrado", "descadastrar", "remover", "cancelar", "não enviar", "excluir"),
    *("stop", "unsubscribe", "unsubscribed", "opt-out", "optout", "cancelled", "do not contact", "remove me", "yes"),
    *("baja", "dar de baja", "sí", "desuscribirse", "no enviar", "no quiero recibir", "cancelar suscripción", "salir"),
)
PLAIN_NO = ("", " ", "não", "NAO", "n", "no", "0", "false")
SPELLINGS = ("(11) 98888-70{n:02}", "119888870{n:02}", "+55 11 98888-70{n:02}", "5511888870{n:02}")

dressings = st.sampled_from([str, str.upper, str.capitalize, lambda word: f" {word}! ", " ".join])
known_words = st.builds(lambda word, dress: dress(word), st.sampled_from(WORDS), dressings)
unknown_words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=9).filter(
    lambda text: text.strip().casefold() not in PLAIN_NO
)
unhurried = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])


def rows(words: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[int, str, str, str, str]]]:
    """Person, spelling of the phone, name (empty: an error of the row), invoice, cell of the column."""
    cells = st.sampled_from(PLAIN_NO) | words
    invoices = st.sampled_from(["1", "2"])
    row = st.tuples(st.integers(0, 6), st.sampled_from(SPELLINGS), st.sampled_from(["Ana", "Bia", ""]), invoices, cells)
    return st.lists(row, min_size=1, max_size=20)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """The ledger of all examples: staging writes nothing that stays."""
    with Ledger.open(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'ledger.sqlite3'}") as ledger:
        yield ledger


def stage(
    ledger: Ledger, sheet: list[tuple[int, str, str, str, str]], column: str, section: str
) -> dict[str, set[int]]:
    """Return the people who would be messaged, and the people of rows by their reason."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "contatos.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL)
            table.writerow(["Telefone", "Nome", "Fatura", column])
            table.writerows([spelling.format(n=n), name, bill, cell] for n, spelling, name, bill, cell in sheet)
        (Path(folder) / "c.toml").write_text(CAMPAIGN + section, encoding="utf-8")
        campaign = load_campaign(Path(folder) / "c.toml", now=NOW)
        source = open_campaign_sheet(path, campaign, endpoint="https://api.example")
        staged = stage_sheet(source, ledger, lists=RecipientLists(), choices=Choices(), now=NOW)
        with staged as found:
            people: dict[str, set[int]] = {"sent": {int(person[-2:]) for _, person in found.staging.recipients()}}
            for result in found.staging.results():
                people.setdefault(result.reason, set()).add(sheet[result.row - 2][0])
            return people


def good(sheet: list[tuple[int, str, str, str, str]]) -> set[int]:
    """The people with a row that is no error."""
    return {person for person, _, name, _, _ in sheet if name}


@unhurried
@given(sheet=rows(known_words | unknown_words))
def test_nobody_with_a_word_in_the_column_is_sent_to(
    empty: Ledger, sheet: list[tuple[int, str, str, str, str]]
) -> None:
    """In whichever row it stands, known or not; and everybody else is."""
    out = {
        person
        for person, *_, cell in sheet
        if cell.strip().casefold() not in {no.strip().casefold() for no in PLAIN_NO}
    }
    sent = stage(empty, sheet, "Opt-out", '[suppress]\ncolumn = "Opt-out"\n')["sent"]
    assert not sent & out
    assert sent == good(sheet) - out
