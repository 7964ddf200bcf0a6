"""What is said in Portuguese: reasons and their values, campaign files, summaries, errors of another thread."""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from report_factory import summary_of
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from batch.campaign import Draft, load_campaign, render_campaign
from batch.campaign.sources import Constant
from batch.chats.error_text import as_sentence
from batch.chats.transport.exceptions import FAULT_WORDS, Fault
from batch.errors import CampaignError, LedgerFailed
from batch.i18n import _, use_language
from batch.ledger.storage.sqlite import memory_engine
from batch.ledger.storage.writer import Kind, Writer
from batch.loader.filters.dates import date_filter
from batch.loader.filters.money import brl
from batch.loader.formats.dates_and_numbers import error_cell
from batch.loader.mapping.values import find_refused
from batch.loader.open import _HIDDEN
from batch.loader.sheet import _MORE_CELLS, _OTHER_CELLS
from batch.model.contact_limits import duration_phrase
from batch.model.messages import TemplateField
from batch.model.outcomes import Outcome
from batch.model.phone.international import ANY_COUNTRY
from batch.model.phrases import Phrase, Value
from batch.model.reasons import (
    Finding,
    Reason,
    advice,
    findings_from_json,
    findings_to_json,
    general_sentence,
    sentence,
)
from batch.model.runs import Run, Tally, ThisRun
from batch.model.sheets import SheetInfo
from batch.reporter.statistics import SENT_PER, ReasonRows, SentStep, Statistics, step_for
from batch.reporter.xlsx.summary_sheet import MARK

WHEN = datetime(2026, 11, 3, 13, 0, tzinfo=UTC)


@pytest.fixture
def portuguese() -> Iterator[None]:
    with use_language("pt_BR"):
        yield


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_of_its_own(reason: Reason) -> None:
    """Its sentence and what to do about it; the values stand in it, and what is missing is a question mark."""
    names = re.findall(r"\{(\w+)(?::,)?\}", reason.sentence)
    finding = Finding(reason, {name: f"<{name}>" for name in names})
    with use_language("pt_BR"):
        words, action, general, bare = (
            sentence(finding),
            advice(finding),
            general_sentence(reason),
            sentence(Finding(reason)),
        )
    assert words != sentence(finding)
    assert general != general_sentence(reason)
    assert bool(action) == bool(reason.action)
    assert not action or action != advice(finding)
    assert all(f"<{name}>" in words for name in names)
    assert bare.count("?") == len(names)


CARD = Phrase("card {card} {component}", {"card": 0, "component": "BUTTON 1"})
INDEX = Phrase("index of {component}", {"component": CARD})
OTHER_CELLS = Phrase(_OTHER_CELLS, {"have": 3, "named": 1200})
LATE = Phrase(FAULT_WORDS[Fault.CONNECT_TIMEOUT])
LOCKED = Phrase("the account is locked")
NO_JSON = Phrase("no JSON, but {words}", {"words": "Bad gateway"})
FIELD = TemplateField(component="HEADER", type="TEXT", index=1, value="", card_index=2)
CASES = [
    (Reason.CELL_UNREADABLE, "found", error_cell("#N/A"), "célula com erro #N/A"),
    (Reason.CELL_UNREADABLE, "found", error_cell(""), "célula com erro (desconhecido)"),
    (Reason.ROW_MALFORMED, "found", OTHER_CELLS, "ela tem 3 células, o cabeçalho tem 1.200."),
    (
        Reason.ROW_MALFORMED,
        "found",
        Phrase(_MORE_CELLS, {"have": 3, "named": 2, "shown": "'a', 'it has'"}),
        "está 'a', 'it has'",
    ),
    (Reason.VALUE_BAD_CHARACTERS, "found", find_refused("a\nb"), "contém uma quebra de linha, que"),
    (Reason.VALUE_NOT_ALLOWED, "allowed", Phrase("{least} and up", {"least": 1}), "os valores aceitos são 1 ou mais"),
    (
        Reason.VALUE_NOT_ALLOWED,
        "field",
        Phrase("index of {component}", {"component": CARD}),
        "índice de cartão 0 BUTTON 1 (coluna",
    ),
    (Reason.VALUE_TOO_LONG, "field", FIELD.label, "cartão 2 HEADER {{1}} (coluna"),
    (Reason.TEXT_TOO_LONG, "field", Phrase("body of card {card}", {"card": 2}), "O corpo do cartão 2 com os valores"),
    (Reason.TEXT_TOO_LONG, "length", 1200, "tem 1.200 caracteres"),
    (Reason.PHONE_INVALID, "region", ANY_COUNTRY, "(qualquer país)"),
    (Reason.PHONE_INVALID, "region", "PT (+351)", "(PT (+351))"),
    (Reason.CAP, "people", 2000, "2.000 pessoas em 24 horas"),
    (Reason.ANSWER_TIMEOUT, "seconds", 0.5, "em 0,5 segundos"),
    (Reason.RECENTLY_MESSAGED, "within", duration_phrase(timedelta(days=7)), "há menos de 7 dias"),
    (Reason.RECENTLY_MESSAGED, "within", duration_phrase(timedelta(hours=1)), "há menos de 1 hora"),
    (Reason.SUPPRESSED, "where", Phrase("row {row} of the sheet", {"row": "7"}), "(linha 7 da planilha)"),
    (Reason.SUPPRESSED, "where", "bloqueio.csv", "(bloqueio.csv)"),
    (
        Reason.NOT_CONNECTED,
        "words",
        Phrase(
            "{fault} ({detail})",
            {"fault": Phrase(FAULT_WORDS[Fault.CONNECT_TIMEOUT]), "detail": "[Errno 110] timed out"},
        ),
        "a tempo ([Errno 110] timed out).",
    ),
    (Reason.SERVER_ERROR, "words", as_sentence(""), "(HTTP ?): não disse o motivo. A mensagem"),
    (Reason.ACCOUNT_STOPPED, "words", as_sentence(LOCKED), "(?): a conta está travada."),
    (Reason.API_REFUSED, "words", "Campo inválido: 7 hours", "(HTTP ?): Campo inválido: 7 hours"),
    (Reason.UNREADABLE_ANSWER, "words", NO_JSON, "é ilegível: não é JSON, e sim Bad gateway."),
]


@pytest.mark.usefixtures("portuguese")
@pytest.mark.parametrize(("reason", "name", "value", "words"), CASES)
def test_a_phrase_in_a_finding_is_translated(reason: Reason, name: str, value: Value, words: str) -> None:
    """Also one that comes out of a ledger; what others wrote stays as it is."""
    (finding,) = findings_from_json(findings_to_json([Finding(reason, {name: value})]))
    assert words in sentence(finding)


@pytest.mark.usefixtures("portuguese")
@pytest.mark.parametrize("cell", ["Rows", "none", "body", "1 day", "Brazil (Rows)", "it is empty", "2,000", ""])
def test_what_stands_in_a_cell_is_never_translated(cell: str) -> None:
    """A person finds the cell again by it, even when it happens to be a word of ours."""
    for reason in (
        Reason.VALUE_NOT_A_DATE,
        Reason.VALUE_NOT_ALLOWED,
        Reason.PHONE_NOT_A_NUMBER,
        Reason.VALUE_NOT_MONEY,
    ):
        assert cell in sentence(Finding(reason, {"found": cell, "field": "status", "column": cell}))


@pytest.mark.usefixtures("portuguese")
def test_a_doubt_behind_a_cells_text_is_said() -> None:
    """The cell as it is, the doubt in Portuguese."""
    money, date = brl("12,345"), date_filter("dd/mm")("1/2/24")
    assert isinstance(money, Finding)
    assert isinstance(date, Finding)
    assert "12,345 (milhares em inglês ou decimais brasileiros?)" in sentence(money)
    assert "1/2/24 (escreva o ano com quatro dígitos)" in sentence(date)


@pytest.mark.usefixtures("portuguese")
def test_findings_of_an_older_ledger_are_shown_as_they_were_stored() -> None:
    """Its phrases are English text, and its figures are text as well; nothing is taken apart to translate it."""
    (finding,) = findings_from_json(
        '[["text_too_long", {"field": "body of card 2", "length": "1,200", "limit": "160"}]]'
    )
    assert sentence(finding) == "O body of card 2 com os valores tem 1,200 caracteres; o WhatsApp permite 160."


DRAFT = Draft(
    name="contatos",
    sheet="contatos.xlsx",
    file="contatos.toml",
    all_columns=["Nome", "Telefone"],
    columns={"wa_contact_id": "Telefone", "remote_profile_name": "Nome"},
    language=Constant(value="pt_BR"),
)


def test_a_campaign_file_in_portuguese_says_the_same(tmp_path: Path) -> None:
    """Its settings are those of the English file; its notes are Portuguese, and fit the width."""
    english = render_campaign(DRAFT)
    with use_language("pt_BR"):
        text = render_campaign(DRAFT)
    marked = text.replace('"PREENCHA: ', '"FILL IN: ')
    assert _settings(marked) == _settings(english)
    assert _examples(text) == _examples(english)
    notes = [line for line in text.splitlines() if line.startswith("# ")]
    same = set(notes) & set(english.splitlines()) - set(_examples(english))
    assert [line for line in same if re.search(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}", line)] == []
    assert max(map(len, text.splitlines())) <= 120
    path = tmp_path / "contatos.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(
        CampaignError, match=r"(?s)\[sender\] whatsapp_phone_id is not filled in yet.*\[template\] name"
    ):
        load_campaign(path, now=WHEN)


def _settings(text: str) -> dict[str, object]:
    """What a program reads, without what only says what to fill in."""
    return tomllib.loads(re.sub(r'"FILL IN: [^"]*"', '"FILL IN"', text))


def _examples(text: str) -> list[str]:
    """Settings that stand behind a #."""
    sections = text.partition("\n[campaign]\n")[2]
    return re.findall(r"^# (?:[a-z_0-9]+ = .*|\[.*\])$", sections, re.MULTILINE)


RUN = Run(
    run="r1",
    campaign="novembro",
    endpoint="https://api.wegly.com.br",
    sheet_path="/data/contatos.xlsx",
    sheet_sha256="ab" * 32,
    version="0.1.0",
    started=WHEN,
    finished=WHEN + timedelta(seconds=65),
    exit_code=3,
    language="pt_BR",
)


@pytest.mark.usefixtures("portuguese")
def test_the_summary_speaks_portuguese() -> None:
    """Headline, tables and facts; figures with a point for thousands; outcomes and reason codes as they are."""
    error = ReasonRows(
        outcome=Outcome.ERROR,
        reason="phone_too_short",
        rows=1500,
        first=(7, 9),
        example=Finding(Reason.PHONE_TOO_SHORT),
    )
    figured = Statistics(
        reasons=(error,),
        sent=(SentStep(start=WHEN, new=3, existing=0), SentStep(start=WHEN + timedelta(minutes=5), new=1, existing=1)),
        step="5 minutes",
    )
    tally = Tally(
        counts={Outcome.SUCCESS: 1, Outcome.ERROR: 1500},
        reasons={(Outcome.ERROR, "phone_too_short"): 1500, (Outcome.SUCCESS, "created"): 1},
        this_run=ThisRun(attempts=1501, outcomes={Outcome.SUCCESS: 1}, wanted_rate=1200.0, achieved_rate=0.5),
    )
    page = summary_of(RUN, tally, figured, notes=("x",))
    texts = [str(value) for line in page.iter_rows(values_only=True) for value in line if value is not None]
    assert texts[0] == MARK
    for words in (
        "Aceitas nesta execução: 1.",
        "Com mensagem: 1 de 1.501 linhas (novas: 1, existentes: 0).",
        "Falta: 1.500 linhas a corrigir.",
        "Atenção: x",
        "error",
        "phone_too_short",
        "7, 9 e mais 1.498",
        "Corrija o telefone e execute de novo.",
        "Há linhas a corrigir (código de saída 3).",
        "desejado: 1.200 por segundo, alcançado: 0,5 por segundo",
        "03/11/2026 10:01:05, depois de 1 min 5 s",
        "Mensagens aceitas a cada 5 minutos",
    ):
        assert words in texts, words


@pytest.mark.usefixtures("portuguese")
def test_every_step_of_time_has_its_heading() -> None:
    """None is left in English."""
    seconds = (2**power for power in range(30))
    assert {step_for(timedelta(seconds=each))[0] for each in seconds} <= set(SENT_PER)
    assert all(_(words).startswith("Mensagens aceitas") for words in SENT_PER.values())


@pytest.mark.usefixtures("portuguese")
def test_the_ledgers_thread_speaks_the_language_of_who_opened_it() -> None:
    """An error made in the thread that writes is a sentence for the same person."""

    def broken(_connection: Connection, _values: Sequence[None]) -> list[None]:
        raise SQLAlchemyError("defeito")

    async def write(writer: Writer) -> None:
        future = asyncio.get_running_loop().create_future()
        writer.submit(Kind(0, broken), None, future)
        await future

    with Writer(memory_engine()) as writer, pytest.raises(LedgerFailed) as failed:
        asyncio.run(write(writer))
    assert failed.value.problem == "O livro de registros não pôde ser gravado ao enviar: defeito."
    assert failed.value.remedy == "Repita o mesmo comando: ele envia o que falta."


def test_a_remark_is_said_in_the_language_of_each_reader() -> None:
    """A report in Portuguese of a run whose screen is English has no English in it."""
    info = SheetInfo(
        file="c.xlsx",
        format="xlsx",
        sheet="A",
        encoding=None,
        delimiter=None,
        header_row=1,
        columns=("Telefone",),
        remarks=(Phrase(_HIDDEN, {"rows": 1200}),),
    )
    assert info.warnings == ("1,200 rows are hidden in the sheet, often by a filter left on.",)
    with use_language("pt_BR"):
        assert info.warnings == ("1.200 linhas estão ocultas na planilha, muitas vezes por um filtro esquecido.",)
