"""`wegly-batch suppress` on real files and a real ledger, and runs that honour it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import Workbook

from batch.cli.main import _run as wegly_batch
from batch.ledger import Ledger
from batch.sandbox import running_sandbox

CAMPAIGN = """
[campaign]
name = "teste"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
[throttle]
rate = "200/s"
"""
ANA, BIA, CAIO, DORA = "+55 11 98888-7001", "+55 11 98888-7002", "+55 11 98888-7003", "+55 11 98888-7004"

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """A person at a command line, with a campaign and a sheet of four people."""
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("WEGLY_BATCH_REPORTS", str(tmp_path / "reports"))
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "teste.toml", CAMPAIGN)
    write(tmp_path / "contatos.csv", "Telefone\n" + "".join(f"11 98888-700{n}\n" for n in range(1, 5)))

    def type_(*words: object) -> tuple[int, str, str]:
        code = wegly_batch([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return type_


def test_an_entry_of_a_rehearsal_silences_nobody_elsewhere(typed: Typed) -> None:
    """At its address the person gets nothing; at any other they do. Only an address of this machine is one."""
    with running_sandbox() as here, running_sandbox() as other:
        assert typed("suppress", "add", ANA, "--only-at", here.url)[1] == f"{ANA}  is on the list now\n"
        assert typed("suppress", "add", ANA, "--only-at", f"{here.url}/")[1] == f"{ANA}  was on the list already\n"
        found = [json.loads(run(typed, url, "--accept-change")[1])["counts"] for url in (here.url, other.url)]
        assert [counts["skipped"] for counts in found] == [1, 0]
    assert typed("suppress", "add", ANA)[1] == f"{ANA}  is on the list now\n"
    assert typed("suppress", "add", ANA, "--only-at", here.url)[1] == f"{ANA}  was on the list already\n"
    code, out, err = typed("suppress", "add", BIA, "--only-at", "https://api.wegly.com.br")
    assert (code, out) == (2, "")
    assert "https://api.wegly.com.br is no address of this machine.\nLeave --only-at out" in err
    assert len(json.loads(typed("suppress", "list", "--json")[1])) == 2


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(typed: Typed, url: str, *more: object, sheet: object = "contatos.csv") -> tuple[int, str, str]:
    return typed("run", sheet, "-c", "teste.toml", "--base-url", url, "--json", *more)


def outcomes(printed: str) -> dict[str, int]:
    counts: dict[str, int] = json.loads(printed)["counts"]
    return {name: count for name, count in counts.items() if count}


def reasons(printed: str) -> dict[str, int]:
    return {each["reason"]: each["rows"] for each in json.loads(printed)["reasons"]}


def on_it(typed: Typed) -> list[str]:
    return [each["phone"] for each in json.loads(typed("suppress", "list", "--json")[1])]


def test_add_says_who_is_new(typed: Typed) -> None:
    """Two spellings are one person; who is on it already stays as first noted."""
    code, out, err = typed(
        "suppress", "add", "11988887001", "+55 (11) 98888-7001", "--reason", "pediu", "--source", "eu"
    )
    assert (code, out, err) == (0, f"{ANA}  is on the list now\n", "")
    code, out, _ = typed("suppress", "add", "011 98888-7001", "1188887002", "--reason", "outra vez")
    assert code == 0
    assert out.splitlines() == [f"{ANA}  was on the list already", f"{BIA}  is on the list now"]
    first, second = json.loads(typed("suppress", "list", "--json")[1])
    assert (first["person"], first["reason"], first["source"]) == ("+5511988887001", "pediu", "eu")
    assert (second["person"], second["reason"], second["source"]) == ("+5511988887002", "outra vez", "by hand")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["11988887001", "123"], "The phone 123 has too few digits"),
        (["11988887001", "--region", "Brasil"], "is no country"),
        ([], "Missing argument"),
    ],
)
def test_add_refuses_what_is_no_phone(typed: Typed, words: list[str], said: str) -> None:
    """All of it: nobody should believe that a list of five was added when one was not."""
    code, _, err = typed("suppress", "add", *words)
    assert code == 2
    assert said in err
    assert on_it(typed) == []


def test_add_in_another_country(typed: Typed) -> None:
    """A number written without its country."""
    assert typed("suppress", "add", "912 345 678", "--region", "PT")[0] == 0
    assert json.loads(typed("suppress", "list", "--json")[1])[0]["person"] == "+351912345678"


def test_the_list_for_people(typed: Typed) -> None:
    """A line each, with their time; what a terminal would obey is not printed."""
    typed("suppress", "add", ANA, "--reason", "pediu\x1b[31m\nontem", "--source", "e-mail")
    code, out, err = typed("suppress", "list")
    assert (code, err) == (0, "On the list: 1.\n")
    assert re.fullmatch(r"\+55 11 98888-7001 +\d\d/\d\d/\d{4} \d\d:\d\d  e-mail: pediu \[31m ontem\n", out)


def test_an_empty_list_makes_no_ledger(typed: Typed, tmp_path: Path) -> None:
    """Looking makes nothing."""
    assert typed("suppress", "list") == (0, "", "Nobody is on the suppression list.\n")
    assert typed("suppress", "list", "--json") == (0, "[]\n", "")
    assert not (tmp_path / "ledger.sqlite3").exists()


def test_remove_tells_what_was_noted(typed: Typed) -> None:
    """Who is not on it is said, and is no error: it is what was wanted."""
    typed("suppress", "add", ANA, BIA, "--reason", "pediu")
    code, out, err = typed("suppress", "remove", "011 98888-7001", CAIO)
    assert code == 0
    assert out.startswith(ANA)
    assert "by hand: pediu" in out
    assert f"{CAIO}  is not on the list" in err
    assert "Taken off the list: 1." in err
    assert on_it(typed) == [BIA]


@pytest.mark.parametrize(("answer", "left"), [("n", 1), ("", 1), ("y", 0)])
def test_remove_asks_at_a_terminal(typed: Typed, monkeypatch: pytest.MonkeyPatch, answer: str, left: int) -> None:
    """Somebody may be messaged again by it; no is what Enter means, and ends with 130 like other noes."""
    typed("suppress", "add", ANA)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: answer)
    assert typed("suppress", "remove", ANA)[0] == (130 if left else 0)
    assert len(on_it(typed)) == left


def test_remove_with_yes_asks_nobody(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it for somebody who is not on the list."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: pytest.fail("asked"))
    typed("suppress", "add", ANA)
    assert typed("suppress", "remove", BIA)[0] == 0
    assert typed("suppress", "remove", ANA, "--yes")[0] == 0
    assert on_it(typed) == []


def test_import_takes_any_sheet(typed: Typed, tmp_path: Path) -> None:
    """Bare numbers; the source is the file, who was on it stays, and who stands there twice counts once."""
    typed("suppress", "add", ANA, "--source", "eu")
    write(tmp_path / "bloqueio.csv", "11988887001\n(11) 98888-7002\n5511988887002\n11988887003\n")
    code, out, err = typed("suppress", "import", "bloqueio.csv")
    assert (code, out, err) == (0, "bloqueio.csv: 2 added to the list; 2 were on it already.\n", "")
    listed = {each["phone"]: each for each in json.loads(typed("suppress", "list", "--json")[1])}
    assert {phone: (each["source"], each["reason"]) for phone, each in listed.items()} == {
        ANA: ("eu", "asked for it"),
        BIA: ("bloqueio.csv", "imported"),
        CAIO: ("bloqueio.csv", "imported"),
    }


def test_import_tells_what_it_could_not_read(typed: Typed, tmp_path: Path) -> None:
    """The first twenty and how many; the others are on the list. Notes are no numbers."""
    bad = "".join("988887777\n" for _ in range(23))
    write(tmp_path / "bloqueio.csv", f"Telefone;Obs\n11988887001\nn/a\n{bad}11988887002\n")
    code, out, err = typed("suppress", "import", "bloqueio.csv", "--reason", "crm")
    assert code == 3
    assert "2 added" in out
    assert "NOT on the list: whom 23 cells may mean" in err
    assert err.count("has no area code") == 20
    assert "row 4: " in err
    assert "and 3 more" in err
    assert "1 cell that holds no number" in err
    assert on_it(typed) == [ANA, BIA]
    code, out, _ = typed("suppress", "import", "bloqueio.csv", "--json")
    said = json.loads(out)
    assert (code, said["added"], said["already"], said["exit_code"]) == (3, 0, 2, 3)
    assert said["unreadable_count"] == len(said["unreadable"]) == 23
    assert said["unreadable"][0]["row"] == 4
    assert "area code" in said["unreadable"][0]["message"]


def test_import_refuses_what_is_no_list(typed: Typed, tmp_path: Path) -> None:
    """No such file, no such column, no phones: exit 2, and nobody is added."""
    write(tmp_path / "nomes.csv", "Nome;Cidade\nAna;Santos\nBia;Santos\n")
    for words, said in (
        (["nao.csv"], "does not exist"),
        (["contatos.csv", "--column", "Telefnoe"], "did you mean 'Telefone'?"),
        (["nomes.csv"], "no column of phones"),
    ):
        code, _, err = typed("suppress", "import", *words)
        assert code == 2
        assert said in err
    assert on_it(typed) == []


def test_a_run_leaves_out_who_is_on_the_list(typed: Typed) -> None:
    """In any campaign; and sends again when the person is taken off it."""
    typed("suppress", "add", "(011) 98888-7002")
    with running_sandbox() as sandbox:
        code, out, _ = run(typed, sandbox.url)
        assert (code, outcomes(out)) == (0, {"success": 3, "skipped": 1})
        assert reasons(out)["suppressed"] == 1
        typed("suppress", "remove", BIA, "--yes")
        assert outcomes(run(typed, sandbox.url)[1]) == {"success": 4}
        assert len(sandbox.log.applied) == 4


def test_a_run_honours_the_campaigns_files_and_column(typed: Typed, tmp_path: Path) -> None:
    """A file beside the campaign, and a yes in a hidden corner of the sheet, on another row of the same person."""
    write(tmp_path / "teste.toml", CAMPAIGN + '[suppress]\nfiles = ["bloqueio.csv"]\ncolumn = "Opt-out"\n')
    write(tmp_path / "bloqueio.csv", "5511988887001\n")
    write(
        tmp_path / "contatos.csv",
        "Telefone;Opt-out\n11988887001;\n11988887002;não\n11988887003;\n(11) 98888-7003;Sim\n11988887004;talvez\n",
    )
    with running_sandbox() as sandbox:
        code, out, _ = run(typed, sandbox.url)
        assert (code, outcomes(out)) == (3, {"success": 1, "skipped": 3, "error": 1})
        assert len(sandbox.log.applied) == 1
    assert on_it(typed) == ["+55 11 98888-7003"]


def test_a_yes_in_a_hidden_or_wrong_row_counts_for_the_person(typed: Typed, tmp_path: Path) -> None:
    """The yes of Ana is filtered away, that of Bia stands in a row that is wrong: their good rows are left out too."""
    more = '[[template_fields]]\ncomponent = "BODY"\nindex = 1\nvalue = "{Nome}"\n[suppress]\ncolumn = "Opt-out"\n'
    write(tmp_path / "teste.toml", CAMPAIGN + more)
    book = Workbook()
    for cells in (
        ("Telefone", "Nome", "Opt-out"),
        ("11988887001", "Ana", None),
        ("(11) 98888-7001", "Ana", True),
        ("11988887002", "Bia", "não"),
        ("11988887002", None, "x"),
        ("11988887003", "Caio", 0),
    ):
        book.active.append(cells)
    book.active.row_dimensions[3].hidden = True
    book.save(tmp_path / "contatos.xlsx")
    with running_sandbox() as sandbox:
        code, out, _ = run(typed, sandbox.url, sheet="contatos.xlsx")
        assert (code, outcomes(out)) == (3, {"success": 1, "skipped": 3, "error": 1})
        assert reasons(out)["suppressed"] >= 2
        assert len(sandbox.log.applied) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "teste.toml names it under [suppress] files"),
        ("Telefone\n11988887001\n988887002\n", "row 3: The phone 988887002 has no area code"),
        ("", "is empty"),
        ("Nome;Cidade\nAna;Santos\nBia;Santos\n", "no column of phones"),
    ],
)
def test_a_list_that_cannot_be_trusted_stops_the_run(
    typed: Typed, tmp_path: Path, content: str | None, said: str
) -> None:
    """Exit 2 before anything is sent: somebody on it could be in the sheet."""
    write(tmp_path / "teste.toml", CAMPAIGN + '[suppress]\nfiles = ["bloqueio.csv"]\n')
    if content is not None:
        write(tmp_path / "bloqueio.csv", content)
    with running_sandbox() as sandbox:
        code, _, err = run(typed, sandbox.url)
        assert code == 2
        assert "bloqueio.csv" in err
        assert said in err
        assert not sandbox.log.applied


def test_only_allowed_leaves_out_everybody_else(typed: Typed, tmp_path: Path) -> None:
    """Nobody slips in by another spelling, and a list that cannot be read sends nothing."""
    write(tmp_path / "equipe.csv", "Nome;Celular\nDora;+55 11 98888-7004\nFora;11977770000\n")
    with running_sandbox() as sandbox:
        code, out, _ = run(typed, sandbox.url, "--only-allowed", "equipe.csv")
        assert (code, outcomes(out)) == (0, {"success": 1, "skipped": 3})
        assert reasons(out)["not_allowed"] == 3
        write(tmp_path / "equipe.csv", "Celular\n988887001\n11988887002\n")
        code, _, err = run(typed, sandbox.url, "--only-allowed", "equipe.csv")
        assert (code, "equipe.csv" in err) == (2, True)
        assert len(sandbox.log.applied) == 1


def test_who_is_filtered_out_of_the_only_ones_is_not_allowed(typed: Typed, tmp_path: Path) -> None:
    """A filter left on a list of permissions means the few that show; what was passed over is said."""
    book = Workbook()
    for value in ("Telefone", "11988887001", "11988887002"):
        book.active.append([value])
    book.active.row_dimensions[2].hidden = True
    book.save(tmp_path / "equipe.xlsx")
    with running_sandbox() as sandbox:
        code, out, _ = run(typed, sandbox.url, "--only-allowed", "equipe.xlsx")
        assert (code, outcomes(out)) == (0, {"success": 1, "skipped": 3})
    _, out, err = typed("check", "contatos.csv", "-c", "teste.toml", "--only-allowed", "equipe.xlsx")
    assert "1 hidden row; nobody there counts as allowed" in out + err


def test_a_folder_stands_for_its_sheets_but_not_for_its_lists(typed: Typed, tmp_path: Path) -> None:
    """Lists, Excel's and hidden files and earlier reports are left out, and what was taken is said."""
    folder = tmp_path / "envio"
    write(folder / "contatos.csv", f"Telefone\n{ANA}\n{BIA}\n")
    for name in ("bloqueio.csv", "equipe.csv", "~$contatos.xlsx", ".escondido.csv", "results.csv", "leia-me.pdf"):
        write(folder / name, "Telefone\n11988887001\n11988887002\n")
    write(folder / "bloqueio.csv", f"{BIA}\n")
    write(folder / "teste.toml", CAMPAIGN + '[suppress]\nfiles = ["bloqueio.csv"]\n')
    with running_sandbox() as sandbox:
        words = ("--base-url", sandbox.url, "--json", "--only-allowed", folder / ".." / "envio" / "equipe.csv")
        code, out, err = typed("run", "envio", "-c", folder / "teste.toml", *words)
        assert len(sandbox.log.applied) == 1
    assert (code, outcomes(out)) == (0, {"success": 1, "skipped": 1})
    assert "Taken from the folder: contatos.csv." in err
    for name in ("bloqueio.csv", "equipe.csv"):
        assert f"Left out of the folder: {name}: a list of people that the run honours." in err
    for name in ("~$contatos.xlsx", ".escondido.csv", "results.csv"):
        assert f"Left out of the folder: {name}: " in err


def test_a_backup_keeps_the_list(typed: Typed, tmp_path: Path) -> None:
    """A copy put back must not bring anybody back."""
    typed("suppress", "add", ANA)
    assert typed("ledger", "backup", "copy.sqlite3")[0] == 0
    with Ledger.for_reading(f"sqlite:///{tmp_path / 'copy.sqlite3'}") as ledger:
        assert [each.person for each in ledger.suppression.entries()] == ["+5511988887001"]
