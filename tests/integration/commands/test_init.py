"""`wegly-batch init`: from a sheet alone to a file that `check` takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from systems import no_links

from batch.cli.main import _run as wegly_batch
from batch.formatting import quote_path
from batch.loader import Limits
from batch.model import sheets as sheet_file

SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
WHO = ("--sender", SENDER, "--template", "saudacao_inicial")
CONTACTS = "Nome;Telefone\nAna Lima;11 90000-1001\nBia Reis;11 90000-1002\n"

Type = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person's own folder, with a ledger that is nobody else's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")


@pytest.fixture
def type_(capsys: pytest.CaptureFixture[str]) -> Type:
    def typed(*words: object) -> tuple[int, str, str]:
        code = wegly_batch([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return typed


def write(name: str, text: str, encoding: str = "utf-8") -> Path:
    path = Path(name)
    path.write_text(text, encoding=encoding)
    return path


def test_a_sheet_and_what_only_a_person_knows_make_a_file_that_passes_check(type_: Type) -> None:
    """Beside where the person stands, named after the sheet; the next command that is said works, in that ledger."""
    write("Meus contatos.csv", CONTACTS)
    code, out, err = type_("init", "Meus contatos.csv", *WHO, "--body", "Olá {{1}}, tudo bem?")
    assert (code, out) == (0, "Meus contatos.toml\n")
    assert "column 'Telefone': 2 of 2 cells are phones" in err
    check = f"wegly-batch check {quote_path(Path('Meus contatos.csv'))} --ledger sqlite:///ledger.sqlite3\n"
    assert check in err
    code, out, _ = type_("check", "Meus contatos.csv", "-c", "Meus contatos.toml")
    assert code == 0, out
    assert "Olá Ana, tudo bem?" in out


def test_template_fields_by_their_columns_need_no_editing(type_: Type) -> None:
    """body_1 and its kin, agents, a constant status; from Windows-1252."""
    agent = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6d"
    head = "Número celular;nome;body_1;body_2;header_1;button_0_1;assigned_agent_id;status"
    write("c.csv", f"{head}\n11900001001;João;a;b;c;d;{agent};OPEN\n11900001002;Zoé;a;b;c;d;;RESOLVED\n", "cp1252")
    assert type_("init", "c.csv", *WHO)[0] == 0
    code, out, _ = type_("check", "c.csv", "-c", "c.toml", "--json")
    assert code == 0, out
    for words in ("BODY", "BUTTON", agent, '"status": "OPEN"', "João"):
        assert words in out


def test_a_sheet_that_names_sender_and_template_needs_nothing_else(type_: Type) -> None:
    """Columns called as the API calls its fields."""
    write("c.csv", f"telefone,whatsapp_phone_id,template_name\n11900001001,{SENDER},saudacao\n")
    assert type_("init", "c.csv")[0] == 0
    code, out, _ = type_("check", "c.csv", "-c", "c.toml")
    assert code == 0, out


def test_what_is_not_known_is_marked_and_check_says_what_to_fill_in(type_: Type) -> None:
    """Never sent as it stands."""
    write("c.csv", CONTACTS)
    code, _, err = type_("init", "c.csv", "--body", "A {{1}} de {{2}}")
    assert code == 0
    assert "fill in, where it says FILL IN: [sender] whatsapp_phone_id, [template] name, the value of BODY {{1}}" in err
    code, out, err = type_("check", "c.csv", "-c", "c.toml")
    assert (code, out) == (2, "")
    assert err.count("is not filled in yet") == 4


def test_no_file_is_overwritten(type_: Type) -> None:
    """Exit 2, the file is as it was, and the sheet was not even read."""
    write("c.csv", CONTACTS)
    mine = write("c.toml", "mine")
    Path("c.csv").unlink()
    code, out, err = type_("init", "c.csv")
    assert (code, out) == (2, "")
    assert "c.toml is there already" in err
    assert "--out" in err
    assert mine.read_text() == "mine"
    write("c.csv", CONTACTS)
    assert type_("init", "c.csv", "--out", "d.toml")[0] == 0
    assert type_("init", "c.csv", "--out", "d.toml")[0] == 2


@no_links
def test_no_file_is_made_at_the_end_of_a_link(type_: Type) -> None:
    """A link to a file that is not there counts as a file."""
    write("c.csv", CONTACTS)
    Path("link.toml").symlink_to("gone.toml")
    assert type_("init", "c.csv", "--out", "link.toml")[0] == 2
    assert not Path("gone.toml").exists()


def test_a_place_that_cannot_be_written_is_named(type_: Type) -> None:
    """A folder that is not there; nothing is left behind."""
    write("c.csv", CONTACTS)
    code, _, err = type_("init", "c.csv", "--out", "nowhere/c.toml")
    assert code == 2
    assert f"{Path('nowhere/c.toml')} cannot be written" in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Nome;Email\nAna;a@b.com\nBia;c@d.com\n", ["Nome 0 of 2, Email 0 of 2", "--phone"]),
        ("Nome;Telefone\nAna;5,51E+12\nBia;5,51E+12\n", ["Telefone 0 of 2", "has lost its last digits"]),
        ("Nome;Pedido\nAna;1120001001\nBia;1120001002\n", ["Pedido 2 of 2"]),
        ("Nome;Telefone;Telefone\nAna;11900001001;\nBia;11900001002;x\n", ["several columns called 'Telefone'"]),
    ],
)
def test_without_a_column_that_is_plainly_of_phones_nothing_is_written(
    type_: Type, text: str, words: list[str]
) -> None:
    """The columns are listed with how many of their cells are phones, and what a person can do."""
    write("c.csv", text)
    code, out, err = type_("init", "c.csv", *WHO)
    assert (code, out) == (2, "")
    for word in words:
        assert word in err
    assert not Path("c.toml").exists()


def test_a_person_may_name_the_phone(type_: Type) -> None:
    """As it is nearly called; a name that is not there says which is near."""
    write("c.csv", "Nome;Pedido\nAna;1120001001\nBia;1120001002\n")
    assert type_("init", "c.csv", *WHO, "--phone", "pedido")[0] == 0
    assert 'wa_contact_id = "Pedido"' in Path("c.toml").read_text("utf-8")
    code, _, err = type_("init", "c.csv", "--out", "d.toml", "--phone", "Pedidos")
    assert code == 2
    assert "no column 'Pedidos'; did you mean 'Pedido'?" in err


def test_of_two_phone_columns_the_better_is_taken_and_the_other_named(type_: Type) -> None:
    """Both are in the sheet's own words."""
    write("c.csv", "Nome;Telefone;Celular\nAna;;11 90000-1001\nBia;11 2000-1002;11 90000-1002\n")
    code, _, err = type_("init", "c.csv", *WHO)
    assert code == 0
    assert "column 'Celular': 2 of 2 cells are phones" in err
    assert "'Telefone' could be the phone too (1 of 1 cells are phones)" in err
    assert type_("check", "c.csv", "-c", "c.toml")[0] == 0


@pytest.mark.parametrize(
    ("headers", "cells", "line"),
    [
        ("OPTIN_TIME;OPTIN_IP;CONFIRM_TIME", "2025-04-01 12:00:01;189.1.1.1;2025-04-01 12:00:01", ""),
        ("Opt-in", "2025-04-01 12:00:01", ""),
        ("OPTIN_TIME;Accepts SMS Marketing", "2025-04-01 12:00:01;yes", 'column = "Accepts SMS Marketing"'),
        ("Newsletter", "Nao", 'column = "Newsletter"'),
    ],
)
def test_a_time_of_opt_in_is_no_consent(type_: Type, headers: str, cells: str, line: str) -> None:
    """As Mailchimp exports it: only a column of answers is proposed."""
    write("c.csv", f"Nome;Telefone;{headers}\nAna;11 90000-1001;{cells}\nBia;11 90000-1002;{cells}\n")
    assert type_("init", "c.csv", *WHO)[0] == 0
    lines = Path("c.toml").read_text("utf-8").splitlines()
    assert ("[consent]" in lines) == bool(line)
    assert not line or line in lines


def test_a_sheet_without_a_header_loses_nobody(type_: Type) -> None:
    """The columns go by their letters, in the campaign too."""
    write("c.csv", "Ana Lima;11 90000-1001\nBia Reis;11 90000-1002\nCaio Sá;11 90000-1003\n")
    assert type_("init", "c.csv", *WHO, "--body", "Oi {{1}}")[0] == 0
    code, out, _ = type_("check", "c.csv", "-c", "c.toml")
    assert code == 0, out
    assert "3 messages would be sent" in out
    assert "Oi Ana" in out


def _workbook(name: str) -> None:
    """Titles above the header, a second sheet with phones too, an odd name for a column."""
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = "Antigos"
    for line in (["Nome", "Telefone"], ["Zeca", "11 90000-1009"]):
        page.append(line)
    page = book.create_sheet("Março 2026")
    for line in (["Lista"], [], ['Nome\n"completo"', "Telefone"], ["Ana", 11900001001], [], ["Bia", 11900001002]):
        page.append(line)
    book.save(name)


def test_worksheet_and_header_that_were_named_are_in_the_file(type_: Type) -> None:
    """So that check reads the same sheet; without the name, the sheets are listed."""
    _workbook("c.xlsx")
    code, _, err = type_("init", "c.xlsx", *WHO)
    assert code == 2
    assert "'Antigos', 'Março 2026'" in err
    assert type_("init", "c.xlsx", *WHO, "--sheet", "Março 2026", "--header-row", "3")[0] == 0
    text = Path("c.toml").read_text("utf-8")
    assert 'name = "Março 2026"\n' in text
    assert "\nheader_row = 3\n" in text
    code, out, _ = type_("check", "c.xlsx", "-c", "c.toml")
    assert code == 0, out
    assert "2 messages would be sent" in out


def test_a_wrong_sheet_or_option_is_refused_in_a_sentence(type_: Type) -> None:
    """Missing, empty, protected; a sender that is none; a text whose numbers have a gap."""
    write("c.csv", CONTACTS)
    write("e.csv", "")
    for words in (
        ("nowhere.csv",),
        ("e.csv",),
        ("c.csv", "--sender", "abc"),
        ("c.csv", "--template", ""),
        ("c.csv", "--body", "{{2}}"),
        ("c.csv", "--sheet", "x", "--header-row", "9"),
    ):
        code, out, err = type_("init", *words)
        assert (code, out) == (2, ""), words
        assert "Traceback" not in err
        assert not list(Path().glob("*.toml"))


def test_what_does_not_fit_is_said_at_once(type_: Type) -> None:
    """The file is written all the same: a person can correct it."""
    write("c.csv", "Telefone;body_1;body_3\n11 90000-1001;a;b\n")
    code, _, err = type_("init", "c.csv", *WHO)
    assert code == 0
    assert "Left to correct" in err
    assert "indexes 1, 3; needed are 1, 2" in err


def test_trust_in_a_sheet_is_in_the_file(type_: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that `check` reads what `init` read; without it `check` may be told once."""
    monkeypatch.setattr(sheet_file, "LIMITS", Limits(cells=5))
    write("c.csv", CONTACTS)
    for command in (["init", "c.csv", *WHO], ["inspect", "c.csv"]):
        code, _, err = type_(*command)
        assert code == 2
        assert "(limit cells)" in err
        assert type_(*command, "--trusted")[0] == 0
    text = Path("c.toml").read_text("utf-8")
    assert "\ntrusted = true\n" in text
    assert type_("check", "c.csv", "-c", "c.toml")[0] == 0
    Path("c.toml").write_text(text.replace("\ntrusted = true\n", "\n"), "utf-8")
    assert type_("check", "c.csv", "-c", "c.toml")[0] == 2
    assert type_("check", "c.csv", "-c", "c.toml", "--trusted")[0] == 0


def test_init_explains_itself(type_: Type) -> None:
    """What it guesses, what it leaves, and each option."""
    code, out, _ = type_("init", "--help")
    assert code == 0
    for words in ("FILL IN", "never overwritten", "--phone", "--sender", "--body", "--trusted"):
        assert words in out
