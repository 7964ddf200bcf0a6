"""The questions of `wegly-batch init`, each answered or interrupted: what is asked, kept, remembered and tried."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import click
import pytest

from batch.app.token_store import find_token, user_file
from batch.cli import prompts
from batch.cli.commands import init
from batch.cli.main import _run as wegly_batch
from batch.model.sending_hours import Hours, HoursState
from batch.sandbox import running_sandbox

SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
ANSWERS = ["Celular", SENDER, "aviso", "pt_BR", "Oi {{1}}!", ".", "", "", "", "", "", "", "a-token", ""]
"""To the questions of `CONTACTS`: a text of one line, everything else as it is offered."""
CONTACTS = """Cliente;Celular;Fatura;Opt-out;Aceita receber?
Ana Lima;11 90000-1001;1;não;sim
Ana Lima;11 90000-1001;2;;sim
Bia Reis;11 90000-1002;3;sim;não
"""

Answer = Callable[..., tuple[int, str]]


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Answer:
    """`init` with answers in place of a terminal; an exception among them is what happens at that question."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(init, "is_interactive", lambda: True)
    monkeypatch.setattr(init, "conversation", nullcontext)
    monkeypatch.setattr(prompts, "drain", lambda quiet: None)
    monkeypatch.setitem(sys.modules, "keyring", None)
    Path("c.csv").write_text(CONTACTS, encoding="utf-8")

    def type_(answers: list[str | BaseException], *words: str) -> tuple[int, str]:
        left = iter(answers)

        def read(*_: object, **__: object) -> str:
            found = next(left)
            if isinstance(found, BaseException):
                raise found
            return found

        monkeypatch.setattr(prompts, "_read_line", read)
        monkeypatch.setattr(prompts.getpass, "getpass", read)
        code = wegly_batch(["init", *words])
        printed = capsys.readouterr()
        assert list(left) == []
        return code, printed.err

    return type_


def test_enter_takes_what_is_offered(answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    """A column by its number too; the campaign needs no editing, and refuses who refuses."""
    answers = [*ANSWERS[:7], "3", *ANSWERS[8:]]
    code, shown = answer(answers, "c.csv")
    assert code == 0, shown
    assert "= {Fatura}" in shown
    assert "  | Oi 1!" in shown
    text = Path("c.toml").read_text("utf-8")
    for line in ('\ncolumn = "Opt-out"\n', '\ncolumn = "Aceita receber?"\n', "\nunique_by = []\n"):
        assert line in text
    assert wegly_batch(["check", "c.csv"]) == 0


def test_a_link_takes_any_column_as_a_link_can_have_it(answer: Answer) -> None:
    """Brackets and blanks of a phone are percent-encoded, and the message shows it; a question shows whole words."""
    Path("c.csv").write_text(CONTACTS.replace("11 90000-", "(11) 90000-"), encoding="utf-8")
    text = "Sua fatura do plano familiar com desconto vence em {{1}}"
    link = ["https://loja.com/{{1}}", "1", "Celular"]
    code, shown = answer([*ANSWERS[:4], text, *ANSWERS[5:7], "Cliente", *link, *ANSWERS[9:]], "c.csv")
    assert code == 0, shown
    assert "\n  ...com desconto vence em {{1}}" in shown
    assert "= {Celular|urlencode}" in shown
    assert "[ https://loja.com/%2811%29%2090000-1001 ]" in shown


def test_a_campaign_that_is_there_is_named_with_what_to_type(answer: Answer) -> None:
    """Neither overwritten nor read; the sheet is not asked about in vain."""
    Path("c.toml").write_text("x", encoding="utf-8")
    code, shown = answer([], "c.csv")
    assert (code, Path("c.toml").read_text("utf-8")) == (2, "x")
    assert "wegly-batch check c.csv\n" in shown
    assert "wegly-batch init c.csv --out c-2.toml\n" in shown
    code, shown = answer([], "c.csv", "--out", "c.csv")
    assert (code, "wegly-batch check c.csv -c c.csv\n" in shown) == (2, True)


def test_an_interrupt_at_any_question_writes_nothing_and_says_so(answer: Answer) -> None:
    """Ctrl+C and Ctrl+D; no file, no token, nothing remembered."""
    before = sorted(Path().rglob("*"))
    for at in range(len(ANSWERS) - 1):
        for end in (click.Abort(), KeyboardInterrupt()):
            code, shown = answer([*ANSWERS[:at], end], "c.csv")
            assert code == 130
            assert "Interrupted: no file was written." in shown
            assert "Traceback" not in shown
    assert [path for path in sorted(Path().rglob("*")) if path not in before] == []


def test_an_interrupt_at_the_last_question_leaves_the_whole_file(answer: Answer) -> None:
    """The one about the person's own number comes when everything is written."""
    code, shown = answer([*ANSWERS[:-1], KeyboardInterrupt()], "c.csv")
    assert code == 130
    assert "Interrupted: c.toml is written." in shown
    assert wegly_batch(["check", "c.csv"]) == 0


def test_a_wrong_answer_is_asked_again_with_what_is_wrong(answer: Answer) -> None:
    """Column, sender, name, language, text, value, link, button, yes or no, token."""
    answers = [
        *("Telefone", "Celular", "abc", SENDER, "Aviso Novo", "aviso", "português", "pt_BR"),
        *("Oi {{nome}}", ".", "Oi {{2}}", ".", "Oi {{1}}!", "", "tudo bem?", ".", "{{2}} de {{1}}", "", "{Clente}", ""),
        *("loja.com/{{1}}", "https://loja.com/{{1}}/x", "https://loja.com/{{ 1 }}", "x", "2", "Fatura"),
        *("talvez", "s", "", "", "a token", "a-token", ""),
    ]
    code, shown = answer(answers, "c.csv")
    assert code == 0, shown
    wrong = [
        *(
            "no column 'Telefone'",
            "'abc' is not a UUID",
            "'Aviso Novo' is not the template's name",
            "'português' is not",
        ),
        *("{{nome}}", "{{1}}", "did you mean 'Cliente'", "https://", "at the end", "1 to 10", "a blank"),
    ]
    joined = " ".join(shown.split())
    for words in wrong:
        assert words in joined
    text = Path("c.toml").read_text("utf-8")
    for line in (
        'body = "Oi {{1}}!\\n\\ntudo bem?"',
        "button_index = 1",
        'value = "{Fatura}"',
        'unique_by = ["Fatura"]',
    ):
        assert f"{line}\n" in text
    assert "[ https://loja.com/1 ]" in shown


def test_rows_of_a_person_may_differ_in_what_is_no_number(answer: Answer) -> None:
    """A product, where the message names it; the rows that are alike are still one message."""
    rows = "Ana;11 90000-1001;bolo\nAna;11 90000-1001;pão\nAna;11 90000-1001;pão\nBia;11 90000-1002;bolo\n"
    Path("c.csv").write_text(f"Nome;Telefone;Produto\n{rows}", encoding="utf-8")
    code, shown = answer(["", SENDER, "aviso", "", "Seu produto {{1}}", ".", "", "", "", "y", "a-token", ""], "c.csv")
    assert code == 0, shown
    assert "1 person stands in several rows that differ in 'Produto'" in shown
    assert "The first of 3 messages" in shown


def test_columns_that_only_look_so_are_ignored(answer: Answer) -> None:
    """A no to both questions; nobody is left out then."""
    code, shown = answer([*ANSWERS[:10], "n", "n", "a-token", ""], "c.csv")
    assert code == 0, shown
    assert 'ignore = ["Opt-out", "Aceita receber?"]' in Path("c.toml").read_text("utf-8")
    assert "of 2 messages" in shown


def test_everything_may_be_left_for_later(answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    """Enter at each question."""
    code, shown = answer(["", "", "", "", ".", "", "", "", ""], "c.csv")
    assert code == 0
    assert "FILL IN" in shown
    assert "No token is kept yet" in shown
    assert wegly_batch(["check", "c.csv"]) == 2
    assert "is not filled in yet" in capsys.readouterr().err


def test_sender_template_and_token_are_remembered(answer: Answer) -> None:
    """For the next sheet; the token is not asked for again, and is nowhere but in its private file."""
    assert answer(ANSWERS, "c.csv")[0] == 0
    Path("d.csv").write_text(CONTACTS, encoding="utf-8")
    code, shown = answer(["", "", "", "", *ANSWERS[4:12], ""], "d.csv")
    assert code == 0, shown
    assert f"[{SENDER}]" in shown
    assert f'whatsapp_phone_id = "{SENDER}"' in Path("d.toml").read_text("utf-8")
    files = [path for path in Path().rglob("*") if path.is_file() and b"a-token" in path.read_bytes()]
    assert files == [user_file("tokens.json").relative_to(Path.cwd())]
    if os.name != "nt":
        assert not stat.S_IMODE(files[0].stat().st_mode) & 0o077


def test_a_token_is_forgotten_on_request(answer: Answer) -> None:
    """That of the API's address; a sheet is not needed."""
    assert answer(ANSWERS, "c.csv", "--base-url", "http://127.0.0.1:9")[0] == 0
    assert find_token("http://127.0.0.1:9") is not None
    for words in ("is forgotten", "No token is kept"):
        code, shown = answer([], "--forget-token", "--base-url", "http://127.0.0.1:9")
        assert code == 0
        assert words in shown
    assert find_token("http://127.0.0.1:9") is None


def test_the_first_message_goes_to_ones_own_number(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, as a trial; a number that is none is asked for again."""
    monkeypatch.setattr(Hours, "state_at", lambda self, at, zones: HoursState(open=True, until=None))
    with running_sandbox() as sandbox:
        code, shown = answer([*ANSWERS[:-1], "999", "11 98888-7777"], "c.csv", "--base-url", sandbox.url)
        assert code == 0, shown
        (sent,) = (json.loads(each.body) for each in sandbox.log.received)
    assert sent["wa_contact_id"] == "11988887777"
    assert sent["template_fields"][0]["value"] == "Ana"
    assert f"wegly-batch run c.csv --base-url {sandbox.url}" in shown


def test_a_text_may_come_from_a_file(answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    """With a line that is only a `.`, from Notepad; not together with --body."""
    Path("t.txt").write_bytes("\ufeffOi {{1}}\r\n.\r\nAté já".encode())
    assert answer([*ANSWERS[:4], *ANSWERS[6:]], "c.csv", "--body-file", "t.txt")[0] == 0
    assert 'body = "Oi {{1}}\\n.\\nAté já"' in Path("c.toml").read_text("utf-8")
    for words in (("--body", "x"), ()):
        assert wegly_batch(["init", "c.csv", "--out", "x.toml", "--body-file", "none.txt", *words]) == 2
    assert "--body-file" in capsys.readouterr().err
