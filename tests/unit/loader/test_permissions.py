"""The opt-out column: closed lists of yes and no, and what a yes means for a row that is wrong otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.campaign import Campaign, load_campaign
from batch.errors import CampaignError
from batch.loader.header_names import is_consent_header, is_optout_header
from batch.loader.mapping.compile import wanted_columns
from batch.loader.mapping.contacts import RowEvaluator
from batch.loader.mapping.permissions import Consent, read_consent, read_optout
from batch.model.messages import Contact
from batch.model.reasons import Reason, sentence
from batch.model.sheets import SheetInfo, SheetRow

TEXT = """
[campaign]
name = "boas-vindas"
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
SUPPRESS = '[suppress]\ncolumn = "Opt-out"\n'

Load = Callable[[str], Campaign]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def write_and_load(more: str) -> Campaign:
        path = tmp_path / "campanha.toml"
        path.write_text(TEXT + more, encoding="utf-8")
        return load_campaign(path, now=datetime(2026, 11, 3, tzinfo=UTC))

    return write_and_load


def _maker(campaign: Campaign, *columns: str) -> RowEvaluator:
    info = SheetInfo(
        file="c.csv", format="csv", sheet=None, encoding="utf-8", delimiter=";", header_row=1, columns=columns
    )
    return RowEvaluator.for_sheet(campaign, info)


def _contact(load: Load, said: str | None, phone: str = "11 98888-7777", name: str | None = "Ana") -> Contact:
    maker = _maker(load(SUPPRESS), "Telefone", "Nome", "Opt-out")
    return maker.evaluate(SheetRow(number=2, cells=(phone, name, said)))


@pytest.mark.parametrize(
    "cell", ["sim", "SIM", " Sim ", "s", "yes", "Y", "true", "TRUE", "verdadeiro", "1", "x", "X", "S I M", "\u00a0x"]
)
def test_yes(cell: str) -> None:
    """Case and spaces do not matter."""
    assert read_optout(cell, "Opt-out") is True


@pytest.mark.parametrize(
    "cell",
    [
        *("PARAR", "Pare!", "sair", "descadastrado", "Descadastrar.", "remover", "cancelar", "bloqueado", "excluir"),
        *(
            "N\u00e3o enviar",
            "n\u00e3o quero receber",
            "sim!",
            "STOP",
            "stop.",
            "Unsubscribe",
            "un-subscribed",
            "opt out",
        ),
        *("Opt-Out", "OPTOUT", "opted_out", "do not contact", "don't contact", "cancelled", "BAJA", "dar de baja"),
        *("s\u00ed", "Desuscribirse", "no enviar", "cancelar suscripci\u00f3n", "no quiero recibir", "\u200bstop"),
    ],
)
def test_a_word_of_opt_out(cell: str) -> None:
    """In three languages; accents, case, spaces and punctuation do not matter."""
    assert read_optout(cell, "Opt-out") is True


@pytest.mark.parametrize(
    "cell", ["não", "NÃO", "nao", "na\u0303o", "N", "no", "False", "falso", "FALSO", "0", "", None, "  "]
)
def test_no(cell: str | None) -> None:
    """With and without its accent, composed or not; empty is no."""
    assert read_optout(cell, "Opt-out") is False


@pytest.mark.parametrize(
    "cell",
    ["talvez", "2", "x?", "ok", "-", "_", "n_o", "n\u00e3o!", "não sei", "simm", "\N{CHECK MARK}", "nunca", "-1"],
)
def test_anything_else_is_no_answer(cell: str) -> None:
    """The finding names the column, what was found, and what is allowed; nothing is guessed."""
    answer = read_optout(cell, "Opt-out")
    assert isinstance(answer, tuple)
    [found] = answer
    assert found.reason is Reason.VALUE_NOT_ALLOWED
    said = sentence(found)
    assert cell in said
    assert "column Opt-out" in said
    assert "sim or não" in said


def test_a_yes_is_no_error(load: Load) -> None:
    """The contact is good, and says that the person wants nothing."""
    contact = _contact(load, "Sim")
    assert (bool(contact.left_out), contact.problems) == (True, ())
    assert contact.values is not None
    assert not _contact(load, "não").left_out
    assert not _contact(load, None).left_out


def test_a_yes_counts_although_the_row_is_wrong(load: Load) -> None:
    """The errors stay errors; the person, who may stand in other rows too, is known to want nothing."""
    contact = _contact(load, "Sim", name=None)
    assert [problem.reason for problem in contact.problems] == [Reason.VALUE_MISSING]
    assert (bool(contact.left_out), contact.person) == (True, "+5511988887777")


def test_no_answer_is_an_error_of_the_row(load: Load) -> None:
    """Nobody is messaged of whom we do not know whether they want it, in another row either."""
    contact = _contact(load, "talvez")
    assert [problem.reason for problem in contact.problems] == [Reason.VALUE_NOT_ALLOWED]
    assert (bool(contact.left_out), contact.values) == (True, None)


def test_an_unreadable_cell_is_an_error_of_the_row(load: Load) -> None:
    """The column is one that the campaign uses; such a cell is neither empty nor a no."""
    maker = _maker(load(SUPPRESS), "Telefone", "Nome", "Opt-out")
    assert "Opt-out" in maker.columns_used
    row = SheetRow(number=2, cells=("11 98888-7777", "Ana", None), errors={"Opt-out": "error cell #N/A"})
    contact = maker.evaluate(row)
    assert [problem.reason for problem in contact.problems] == [Reason.CELL_UNREADABLE]
    assert contact.left_out


def test_a_hidden_row_says_it_too(load: Load) -> None:
    """Often the rows with a yes are filtered away, and the same person stands elsewhere."""
    maker = _maker(load(SUPPRESS), "Telefone", "Nome", "Opt-out")
    contact = maker.evaluate(SheetRow(number=2, cells=("11 98888-7777", "Ana", "x"), hidden=True))
    assert (contact.hidden, bool(contact.left_out)) == (True, True)


def test_without_the_key_the_column_means_nothing(load: Load) -> None:
    """Even when the sheet has one of that name."""
    maker = _maker(load(""), "Telefone", "Nome", "Opt-out")
    assert not maker.evaluate(SheetRow(number=2, cells=("11 98888-7777", "Ana", "talvez"))).left_out
    assert "Opt-out" not in maker.columns_used


def test_the_column_helps_to_find_the_header_and_must_be_there(load: Load) -> None:
    """A missing one refuses the run, naming the nearest: else everybody would seem to say no."""
    campaign = load(SUPPRESS)
    assert "Opt-out" in wanted_columns(campaign)
    with pytest.raises(CampaignError, match=r"(?s)\[suppress\] column.*Opt-out.*'Opt out\?'"):
        _maker(campaign, "Telefone", "Nome", "Opt out?")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[suppress]\nfiles = "bloqueio.csv"\n', 'allowed is a list of texts like ["bloqueio.csv"]'),
        ("[suppress]\nfiles = [1]\n", "allowed is a list of texts"),
        ('[suppress]\nfiles = [" "]\n', "allowed is a list of texts"),
        ('[suppress]\ncolumn = " "\n', "not empty"),
        ('[suppress]\nfile = ["bloqueio.csv"]\n', "did you mean 'files'?"),
    ],
)
def test_what_the_section_refuses(load: Load, text: str, said: str) -> None:
    """Each with the form that is allowed."""
    with pytest.raises(CampaignError) as caught:
        load(text)
    assert said in str(caught.value)


def test_files_are_those_beside_the_campaign(load: Load, tmp_path: Path) -> None:
    """Wherever the run is started; an absolute path stays."""
    elsewhere = tmp_path / "outra" / "lista.xlsx"
    campaign = load(f"[suppress]\nfiles = [\"bloqueio.csv\", '{elsewhere}']\n")
    assert campaign.suppress.files == (tmp_path / "bloqueio.csv", elsewhere)
    assert campaign.suppress.column is None


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "Sim",
            "SIM",
            "s",
            "x",
            "1",
            "TRUE",
            "Sim, aceito",
            "Aceito receber mensagens pelo WhatsApp",
            "Li e concordo",
        ),
        *("I agree", "Autorizo", "De acordo", "opt-in", "Sí, acepto", "Yes!", "  sim  ", "Y", "Checked", "Opted in"),
        *("Estou de acordo", "De acuerdo", "Consentiu", "Granted"),
    ],
)
def test_a_clear_yes_is_consent(cell: str) -> None:
    """Alone, or at the beginning of a text that takes nothing back."""
    assert read_consent(cell) == Consent(yes=True)


@pytest.mark.parametrize(
    "cell",
    [
        *("Não", "nao", "NÃO ACEITO", "No", "n", "0", "FALSE", "Não, obrigado", "recuso", "Não desejo receber", "stop"),
        *("NEVER_SUBSCRIBED", "Unsubscribed", "Opted out", "Consentimento - Não", "WhatsApp: no", "Aún no", "\u274c"),
        *("Cancelou inscrição", "Non-marketing contact", "sem consentimento", "Revogado em 2025", "Please remove me"),
    ],
)
def test_a_no_is_no_consent(cell: str) -> None:
    """Whatever follows it."""
    assert read_consent(cell) == Consent(no=True)


@pytest.mark.parametrize(
    "cell",
    [
        "Sim, mas não por WhatsApp",
        "sim, só email",
        "talvez",
        "-",
        "?",
        "2",
        "simples",
        "Sim e não",
        "aceito se for grátis",
    ],
)
def test_anything_else_is_unclear(cell: str) -> None:
    """In doubt nothing is sent."""
    assert read_consent(cell) == Consent()


def test_an_empty_cell_of_consent_is_told_apart() -> None:
    """It leaves out its own row only."""
    assert read_consent(None) == read_consent(" \u200b") == Consent(empty=True)


@pytest.mark.parametrize(
    "name",
    [
        *("Opt-out", "OPT OUT", "Descadastrado", "Unsubscribed from all email", "HasOptedOutOfEmail", "Do Not Contact"),
        *("Não contatar", "Não deseja receber mensagens?", "No contactar", "DNC", "Bloqueado", "Dado de baja"),
        *(
            "UNSUB_TIME",
            "Não aceita mensagens",
            "No acepta mensajes",
            "Do not agree to receive messages",
            "Fecha de baja",
        ),
        *("Anuló la suscripción de todos los correos", "Cancelou a assinatura de todos os e-mails", "SMS_BLACKLISTED"),
        *(
            "Consentimento revogado",
            "Consent withdrawn",
            "Autorização negada",
            "Sin consentimiento",
            "Optó por no recibir",
        ),
        *("Sair da lista", "Pediu remoção", "Bloqueio de mensagens", "Baja WhatsApp", "Não ligar", "Parar", "Removido"),
        *("Optou por não receber e-mails", "Does not want messages", "Não pode enviar"),
    ],
)
def test_names_of_opt_out(name: str) -> None:
    """A yes there means no messages."""
    assert is_optout_header(name)
    assert not is_consent_header(name)


@pytest.mark.parametrize(
    "name",
    [
        *("Consentimento", "Opt-in", "LGPD", "Aceita receber mensagens? (LGPD)", "Autoriza contato por WhatsApp?"),
        *("Marketing consent", "Acepta recibir promociones", "Gostaria de receber novidades?", "Accepts SMS Marketing"),
        *("Newsletter", "Recebe novidades", "Pode enviar WhatsApp?", "Permissão de contato", "Email subscriber status"),
        *("DOUBLE_OPT-IN", "Status para comunicação por email", "Contatar (S/N)", "Data processing consent", "Enviar?"),
    ],
)
def test_names_of_consent(name: str) -> None:
    """A no there means no messages."""
    assert is_consent_header(name)
    assert not is_optout_header(name)


@pytest.mark.parametrize(
    "name",
    [
        *("Nome", "Telefone", "Opção", "Status", "Saída", "Código de autorização", "Aceita cartão?", "Observação"),
        *("Data de recebimento", "Stopover", "Cidade", "Valor recebido", "Bloco", "Quer desconto?", "Contato"),
        *("Recebeu mensagem?", "Valor a receber", "Não recebido", "Recibo por WhatsApp", "Enviado", "Baja California"),
        *(
            "Assinatura cancelada em",
            "Inscrição estadual",
            "Autorizado para retirada",
            "Saiu para entrega",
            "Exclusivo",
        ),
        *("OPTIN_TIME", "OPTIN_IP", "CONFIRM_TIME", "Data do opt-in", "Fecha de consentimiento", "Opted in at"),
    ],
)
def test_names_of_other_columns(name: str) -> None:
    """Nobody is left out because of them."""
    assert not is_optout_header(name)
    assert not is_consent_header(name)


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "remover da lista",
            "Descadastrado em 02/03/2026",
            "não quero receber mensagens",
            "quero sair",
            "Please stop",
        ),
        *("no quiero más", "No enviar más mensajes", "me tire da lista", "02/03/2026", "2026-03-02T10:00:00Z"),
    ],
)
def test_a_sentence_or_a_day_of_opt_out(cell: str) -> None:
    """As people write it, and as columns like `Data do descadastro` hold it."""
    assert read_optout(cell, "Opt-out") is True


@pytest.mark.parametrize(
    "cell", ["12/2026", "11 98888-7777", "Notas", "normal", "Noemi", "opt in", "estopa", "10.50", "0000-00-00"]
)
def test_a_text_that_only_begins_alike(cell: str) -> None:
    """It is no known word: an error of the row in a column of opt-out, nothing in one that only looks so."""
    assert isinstance(read_optout(cell, "Opt-out"), tuple)


@pytest.mark.parametrize("cell", ["I do not agree", "Em desacordo", "Discordo", "Declined", "Rechazo"])
def test_a_no_of_consent_in_other_words(cell: str) -> None:
    """The person is left out, also where the campaign does not use the column."""
    assert read_consent(cell) == Consent(no=True)
