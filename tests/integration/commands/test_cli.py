"""The commands by verb: what they print, what they refuse, and the exit code."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from systems import split_command

from batch.cli import main as cli_main
from batch.cli.main import _run as wegly_batch
from batch.formatting import format_duration
from batch.ledger import Ledger, Owner
from batch.model.outcomes import ExitCode
from batch.sandbox import running_sandbox

DEMO = Path(__file__).parents[3] / "docs" / "demo.md"
SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
CAMPAIGN = f"""
[campaign]
name = "teste"
[sender]
whatsapp_phone_id = "{SENDER}"
[template]
name = "saudacao"
language = "pt_BR"
body = "Ola {{{{1}}}}"
[columns]
wa_contact_id = "Telefone"
[[template_fields]]
component = "BODY"
type = "TEXT"
index = 1
value = "{{Nome|first_name}}"
"""


class Desk:
    """A folder with a sheet and a campaign, and a person at its command line."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.sheet = self.write("contatos.csv", "Nome;Telefone\nAna;11 90000-1001\nBia;11 90000-1002\n")
        self.campaign = self.write("teste.toml", CAMPAIGN)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def type(self, *words: object) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        code = wegly_batch([str(word) for word in words])
        printed = self._capsys.readouterr()
        return code, printed.out, printed.err

    def run(self, *more: object) -> tuple[int, str, str]:
        return self.type("run", self.sheet, "-c", self.campaign, "--base-url", "http://127.0.0.1:9", *more)


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("WEGLY_BATCH_REPORTS", str(tmp_path / "reports"))
    return Desk(tmp_path, capsys)


def refused(said: tuple[int, str, str], *words: str) -> None:
    """Exit 2, nothing on stdout, no traceback, and a short text that has the words."""
    code, out, err = said
    assert code == 2, said
    assert out == ""
    assert "Traceback" not in err
    assert len(err) < 1500
    for word in words:
        assert word in err, err


def test_a_missing_sheet_is_named(desk: Desk) -> None:
    """The path as it was typed."""
    refused(desk.type("run", "contatso.xlsx", "-c", desk.campaign), "contatso.xlsx")


def test_a_wrong_kind_of_file_is_no_sheet(desk: Desk) -> None:
    """A folder without sheets, a picture, an empty file."""
    folder = desk.folder / "pasta"
    folder.mkdir()
    picture = desk.folder / "foto.xlsx"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)
    empty = desk.write("vazio.csv", "")
    for wrong in (folder, picture, empty):
        refused(desk.type("run", wrong, "-c", desk.campaign), wrong.name)


def test_a_refused_run_leaves_nothing(desk: Desk) -> None:
    """No report folder of a run that never was, and no copy of the sheet."""
    broken = desk.write("kaputt.csv", "")
    refused(desk.type("run", broken, "-c", desk.campaign))
    assert not list(desk.folder.glob("reports/*"))


def test_a_missing_campaign_is_named(desk: Desk) -> None:
    """The file, and what to do; where there is no such sheet, that first."""
    refused(desk.type("run", desk.sheet, "-c", "nao-ha.toml"), "nao-ha.toml")
    for command in ("run", "check"):
        refused(desk.type(command, "nao-ha.xlsx"), "nao-ha.xlsx does not exist.")


def test_without_c_the_campaign_is_the_file_of_the_sheets_name(desk: Desk) -> None:
    """Beside the sheet, for each command; of several sheets it must be named, and where it is missing `init` is."""
    for command in ("run", "check", "plan"):
        more = ["--out", desk.folder / "p.json"] if command == "plan" else []
        code, _, err = desk.type(command, desk.sheet, *more)
        assert code == 2
        assert f"There is no campaign file {desk.sheet.with_suffix('.toml')} for {desk.sheet.name}." in err
        assert "wegly-batch init" in err
    desk.write(f"{desk.sheet.stem}.toml", CAMPAIGN)
    assert desk.type("check", desk.sheet)[0] == 0
    for several in ([desk.sheet, desk.sheet], [desk.folder]):
        code, _, err = desk.type("run", *several)
        assert code == 2
        assert "-c" in err


def test_an_unknown_key_names_the_nearest(desk: Desk) -> None:
    """`whatsapp_phone` is not `whatsapp_phone_id`."""
    wrong = desk.write("c.toml", CAMPAIGN.replace("whatsapp_phone_id =", "whatsap_phone_id ="))
    refused(desk.type("run", desk.sheet, "-c", wrong), "c.toml", "whatsap_phone_id", "whatsapp_phone_id")


def test_a_column_that_is_not_there_names_the_nearest(desk: Desk) -> None:
    """And shows the sheet's columns."""
    wrong = desk.write("c.toml", CAMPAIGN.replace('"Telefone"', '"Telefon"'))
    refused(desk.type("run", desk.sheet, "-c", wrong), "Telefon'", "did you mean 'Telefone'?")


def test_without_a_token_the_sentence_says_where_it_goes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """WEGLY_TOKEN or --token-file."""
    monkeypatch.delenv("WEGLY_TOKEN")
    refused(desk.run(), "WEGLY_TOKEN", "--token-file")
    refused(desk.run("--token-file", "nowhere.txt"), "nowhere.txt")


def test_the_token_may_come_from_a_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line break that an editor puts at its end."""
    monkeypatch.delenv("WEGLY_TOKEN")
    file = desk.write("token.txt", "another-token\r\n")
    with running_sandbox(token="another-token") as sandbox:
        code, _, _ = desk.type(
            "run", desk.sheet, "-c", desk.campaign, "--base-url", sandbox.url, "--token-file", file, "--rate", "100/s"
        )
        assert code == 0
        assert len(sandbox.log.applied) == 2


def test_the_token_is_not_taken_from_the_command_line(desk: Desk) -> None:
    """Everybody on the machine could read it there."""
    code, _, err = desk.run("--token", "secret")
    assert code == 2
    assert "--token" in err


@pytest.mark.parametrize("url", ["api.wegly.com.br", "ftp://x", "http://example.org", "https://u:p@example.org"])
def test_an_odd_address_is_refused(desk: Desk, url: str) -> None:
    """No scheme, another one, plain http to the world, a password inside."""
    refused(desk.type("run", desk.sheet, "-c", desk.campaign, "--base-url", url))


def test_an_odd_rate_is_usage(desk: Desk) -> None:
    """The message shows what a rate looks like."""
    code, _, err = desk.run("--rate", "fast")
    assert code == 2
    assert "10/s" in err


def test_an_unreachable_api_ends_with_5_and_loses_nothing(desk: Desk) -> None:
    """Everything waits for the next run."""
    campaign = desk.write("c.toml", CAMPAIGN + '\n[stop]\nretries = 1\nretry_for = "1s"\n')
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        code, _, err = desk.type("run", desk.sheet, "-c", campaign, "--base-url", url)
    assert code == 5
    assert "no connection" in err
    assert "pending" in err


def test_a_certificate_that_nobody_vouches_for_stops_the_run(desk: Desk) -> None:
    """TLS to a server that speaks none: every row would fail alike, so none is burnt."""
    with running_sandbox() as sandbox:
        url = sandbox.url.replace("http:", "https:")
        code, _, err = desk.type("run", desk.sheet, "-c", desk.campaign, "--base-url", url)
        assert not sandbox.log.applied
    assert code == 5
    assert "TLS" in err or "certificate" in err or "SSL" in err


def test_a_campaign_in_use_is_busy(desk: Desk) -> None:
    """Exit 75, and who holds it."""
    held = "campaign teste (http://127.0.0.1:9)"
    with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger, ledger.hold([held], Owner.here("earlier")):
        code, out, err = desk.run()
    assert (code, out) == (75, "")
    assert "earlier" in err


def test_check_shows_bad_rows_first_then_examples(desk: Desk) -> None:
    """Row number, reason and what to do; nothing is written, no token needed."""
    desk.sheet = desk.write("c.csv", "Nome;Telefone\nAna;11 90000-1001\nBia;9999\n;11 90000-1003\n")
    code, out, err = desk.type("check", desk.sheet, "-c", desk.campaign)
    assert (code, err) == (3, "")
    assert "row 3" in out
    assert "has no area code" in out or "too few digits" in out
    assert "row 4" in out
    assert "Ola Ana" in out
    assert "1 message would be sent" in out
    assert not (desk.folder / "ledger.sqlite3").exists()
    assert not (desk.folder / "reports").exists()


def test_check_of_a_good_sheet_ends_with_0(desk: Desk) -> None:
    """How many, and how long."""
    code, out, _ = desk.type("check", desk.sheet, "-c", desk.campaign, "--rate", "1/min")
    assert code == 0
    assert "2 messages would be sent, at 1 a minute in about 60 s" in out


def test_check_as_json(desk: Desk) -> None:
    """The bodies of the first messages exactly as they would be posted."""
    code, out, _ = desk.type("check", desk.sheet, "-c", desk.campaign, "--json")
    found = json.loads(out)
    assert (code, found["to_send"], found["counts"]["pending"]) == (0, 2, 2)
    assert found["examples"][0]["body"]["wa_contact_id"] == "11900001001"
    assert (found["warnings"], found["notes"]) == ([], [])


def test_check_shows_the_first_noted_rows_and_how_many_more(desk: Desk) -> None:
    """Each with its own sentence; a row that would not be sent has no say."""
    lines = ["Nome;Telefone", *(f"Ana;(11) 8000-100{n}" for n in range(5)), ";(11) 8000-1009", "Bia;11 90000-1002"]
    sheet = desk.write("c.csv", "\n".join(lines) + "\n")
    _, out, _ = desk.type("check", sheet, "-c", desk.campaign)
    rows = [f"  row {n + 2}: The phone (11) 8000-100{n} lacked its ninth digit; it was added." for n in range(3)]
    assert "\n".join(["Good to know", *rows, "  and 2 more rows", ""]) in out
    assert "7 rows below the header in row 1\n" in out
    _, out, _ = desk.type("check", sheet, "-c", desk.campaign, "--json")
    assert json.loads(out)["notes"] == [{"reason": "note_ninth_digit", "rows": 5}]


def test_check_names_what_is_undocumented_once_and_the_values_as_the_mapping_does(desk: Desk) -> None:
    """A button and a card, without the template's text."""
    more = '[[template_fields]]\ncomponent = "BUTTON"\nindex = 1\nbutton_index = 0\nvalue = "x"\n'
    more += '[[template_fields]]\ncomponent = "BODY"\nindex = 1\ncard_index = 0\nvalue = "y"\n'
    campaign = desk.write("b.toml", CAMPAIGN.replace('body = "Ola {{1}}"\n', "") + more)
    code, out, _ = desk.type("check", desk.sheet, "-c", campaign)
    warning = "The component BUTTON in the campaign is not named by the API's page; it is sent as it is."
    assert (code, out.count(warning)) == (0, 1)
    assert "Good to know" not in out
    for line in ("BODY {{1}}: Ana", "BUTTON 0 {{1}}: x", "card 0 BODY {{1}}: y"):
        assert f"    {line}\n" in out
    _, out, _ = desk.type("check", desk.sheet, "-c", campaign, "--json")
    assert json.loads(out)["warnings"] == [warning]


def test_check_of_a_sheet_without_a_header_says_so(desk: Desk) -> None:
    """No row 0; and one row is a row."""
    sheet = desk.write("c.csv", "Ana;11 90000-1001\n")
    text = CAMPAIGN.replace('"Telefone"', '"column B"').replace("{Nome|", "{column A|")
    _, out, _ = desk.type("check", sheet, "-c", desk.write("b.toml", text))
    assert "c.csv: 1 row and no header\n" in out


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        ("1/h", "at 1 an hour in about 60 min"),
        ("1/min", "at 1 a minute in about 60 s"),
        ("1/s", "a second in about 1 s"),
    ],
)
def test_rates_and_times_are_told_in_whole_numbers(desk: Desk, rate: str, said: str) -> None:
    """In the unit that a person would take."""
    _, out, _ = desk.type("check", desk.sheet, "-c", desk.campaign, "--rate", rate)
    assert said in out


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "1 s"), (99, "99 s"), (100, "2 min"), (5400, "90 min"), (68400, "19 h"), (356400, "99 h"), (432000, "5 days")],
)
def test_a_time_is_told_in_the_next_unit_from_a_hundred_on(seconds: float, said: str) -> None:
    """Seconds, minutes, hours, days."""
    assert format_duration(seconds) == said


def test_dry_run_is_check(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token, sending nothing."""
    monkeypatch.delenv("WEGLY_TOKEN")
    code, out, _ = desk.run("--dry-run")
    assert code == 0
    assert "Nothing was sent now" in out
    assert not (desk.folder / "reports").exists()


def test_inspect_prints_what_the_design_names(desk: Desk) -> None:
    """One object with these keys; or a line a row."""
    code, out, _ = desk.type("inspect", desk.sheet, "--json")
    found = json.loads(out)
    assert code == 0
    assert list(found) == [
        "file",
        "format",
        "sheet",
        "encoding",
        "delimiter",
        "header_row",
        "columns",
        "rows",
        "warnings",
    ]
    assert (found["format"], found["delimiter"], found["columns"], found["rows"]) == (
        "csv",
        ";",
        ["Nome", "Telefone"],
        2,
    )
    code, out, _ = desk.type("inspect", desk.sheet, "--cells")
    assert code == 0
    assert desk.type("inspect", desk.sheet, "--rows") == (0, out, "")
    assert [json.loads(line) for line in out.splitlines()] == [
        {"row": 2, "cells": {"Nome": "Ana", "Telefone": "11 90000-1001"}},
        {"row": 3, "cells": {"Nome": "Bia", "Telefone": "11 90000-1002"}},
    ]
    code, out, _ = desk.type("inspect", desk.sheet)
    assert "header row" in out
    lines = [line.split() for line in out.splitlines()]
    assert ["phones", "Telefone:", *["2", "of", "2", "cells", "are", "phones"]] in lines
    assert lines[-3:] == [
        ["row", "2", "row", "3"],
        ["1", "Nome", "Ana", "Bia"],
        ["2", "Telefone", "11", "90000-1001", "11", "90000-1002"],
    ]


@pytest.mark.parametrize("ledger", [[], ["--ledger", "sqlite:///livro.sqlite3"]], ids=["own", "named"])
def test_each_end_names_the_command_to_type_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, ledger: list[str]
) -> None:
    """Typed as it stands, from the folder in which the person is, it does what it is about; in the same ledger.

    And at the same address, which another terminal has no variable for.
    """
    monkeypatch.delenv("WEGLY_BATCH_LEDGER")
    monkeypatch.chdir(desk.folder)
    desk.write("lista.csv", "Nome;Telefone\nAna;11 90000-1001\nBia;99\nCid;11 90000-0903\n")
    desk.campaign.rename(desk.folder / "lista.toml")

    def commands(said: str) -> list[list[str]]:
        found = re.findall(r"^    (wegly-batch .*?)(?:    |$)", said, re.MULTILINE)
        assert all(
            each.endswith(" ".join(["", *ledger])) and each.count("--ledger") == len(ledger) / 2 for each in found
        )
        return [split_command(each)[1:] for each in found]

    with running_sandbox() as sandbox:
        monkeypatch.setenv("WEGLY_BASE_URL", sandbox.url)
        _, checked, _ = desk.type("check", "lista.csv", *ledger)
        monkeypatch.delenv("WEGLY_BASE_URL")
        *_wrong_rows, send = commands(checked)
        assert send == ["run", "lista.csv", "--base-url", sandbox.url, *ledger]
        code, _, ended = desk.type(*send, "--yes", "-v")
        fix, _sent, decide, look, page = commands(ended)
        (folder,) = (desk.folder / "reports").glob("*/")
        assert (fix[0], Path(fix[1])) == ("run", Path("reports", folder.name, "retry.xlsx"))
        assert [look[:2], page] == [["follow", folder.name], ["report", folder.name, "--open", *ledger]]
        assert decide[:2] == ["settle", folder.name]
        code, settled, _ = desk.type(*decide, "--yes")
        assert code == 0, settled
        again, report = commands(settled)
        assert again[:2] == ["run", "lista.csv"]
        assert desk.type(*again, "--yes")[0] != 2
        report.remove("--open")
        code, written, _ = desk.type(*report)
        assert (code, commands(written)[0][0]) == (0, "run")
        code, followed, _ = desk.type(*look)
        assert commands(followed) == [look]  # nothing is due yet


def test_without_a_terminal_a_good_run_says_nothing(desk: Desk) -> None:
    """Cron mails what is printed: nothing, when all is well."""
    with running_sandbox() as sandbox:
        said = desk.type("run", desk.sheet, "-c", desk.campaign, "--base-url", sandbox.url, "--rate", "100/s")
    assert said == (0, "", "")


def test_several_sheets_are_all_checked_before_the_first_is_sent(desk: Desk) -> None:
    """One run and report each; the worst exit code; a sheet that cannot be used stops all of it."""
    other = desk.write("mais.csv", "Nome;Telefone\nCid;11 90000-1003\nDora;99\n")
    broken = desk.write("quebrado.csv", "")
    with running_sandbox() as sandbox:
        where = ["-c", desk.campaign, "--base-url", sandbox.url, "--rate", "100/s", "--json"]
        refused(desk.type("run", desk.sheet, broken, *where), "quebrado.csv")
        assert not sandbox.log.received
        code, out, _ = desk.type("run", desk.sheet, other, *where)
        assert len(sandbox.log.applied) == 3
    assert code == 3
    assert [each["input"]["name"] for each in json.loads(out)] == ["contatos.csv", "mais.csv"]


def test_a_folder_stands_for_the_sheets_in_it(desk: Desk) -> None:
    """By name; what is no sheet of contacts is left out and said."""
    folder = desk.folder / "envios"
    folder.mkdir()
    (folder / "b.csv").write_text("Nome;Telefone\nCid;11 90000-1003\n", encoding="utf-8")
    (folder / "a.csv").write_text("Nome;Telefone\nBia;11 90000-1002\n", encoding="utf-8")
    for name in ("~$a.xlsx", ".oculto.csv", "results.csv", "notas.docx"):
        (folder / name).write_bytes(b"x")
    with running_sandbox() as sandbox:
        code, out, err = desk.type(
            "run", folder, "-c", desk.campaign, "--base-url", sandbox.url, "--rate", "100/s", "--json"
        )
        assert len(sandbox.log.applied) == 2
    assert code == 0
    assert [each["input"]["name"] for each in json.loads(out)] == ["a.csv", "b.csv"]
    assert err.count("Left out of the folder") == 4


def test_a_late_start_sends_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine was off at nine; at midnight nobody is to get a message."""
    nine = datetime(2026, 11, 3, 9, 0, 30, tzinfo=ZoneInfo("America/Sao_Paulo"))
    monkeypatch.setattr("batch.app.inputs.input_files.utc_now", lambda: nine.astimezone(UTC))
    with running_sandbox() as sandbox:
        where = ("-c", desk.campaign, "--base-url", sandbox.url, "--rate", "100/s")
        code, out, err = desk.type("run", desk.sheet, *where, "--not-after", "09:00")
        assert (code, out) == (6, "")
        assert "after 09:00" in err
        assert not sandbox.log.received
        assert desk.type("run", desk.sheet, *where, "--not-after", "09:01")[0] == 0
    for wrong in ("late", "18:00Z", "25:00"):
        assert desk.run("--not-after", wrong)[0] == 2


def test_report_of_nothing_is_refused(desk: Desk) -> None:
    """No run yet; no such run."""
    refused(desk.type("report"), "no runs yet")
    with running_sandbox() as sandbox:
        desk.type("run", desk.sheet, "-c", desk.campaign, "--base-url", sandbox.url, "--rate", "100/s")
    refused(desk.type("report", "nothing-like-it"), "nothing-like-it")


def test_report_opens_its_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--open` hands the page's address to the browser; where there is none, it says where the page is."""
    asked: list[str] = []
    with running_sandbox() as sandbox:
        desk.type("run", desk.sheet, "-c", desk.campaign, "--base-url", sandbox.url, "--rate", "100/s")
    (page,) = (desk.folder / "reports").glob("*/report.html")
    monkeypatch.setattr("webbrowser.open", lambda url: asked.append(url) or True)
    code, out, err = desk.type("report", "--open")
    assert (code, err) == (0, "")
    assert str(page) in out
    assert asked == [page.as_uri()]
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    code, _, err = desk.type("report", "--open", "--json")
    assert code == 0
    assert "No browser was found" in err
    assert str(page) in err
    code, out, err = desk.type("report", "--open")
    assert (err, out.count("report.html")) == ("No browser was found: open it yourself.\n", 1)


def test_a_run_opens_its_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run --open`: of the run, and of the report that stands when there is nothing new."""
    asked: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: asked.append(url) or True)
    with running_sandbox() as sandbox:
        for _time in range(2):
            desk.type("run", desk.sheet, "-c", desk.campaign, "--base-url", sandbox.url, "--rate", "100/s", "--open")
    (page,) = (desk.folder / "reports").glob("*/report.html")
    assert asked == [page.as_uri()] * 2


def test_the_runs_of_a_folder_are_listed_beside_them(desk: Desk) -> None:
    """After each run, and after each report that is written again."""
    listed = desk.folder / "reports" / "index.html"
    with running_sandbox() as sandbox:
        where = ("-c", desk.campaign, "--base-url", sandbox.url, "--rate", "100/s")
        desk.type("run", desk.sheet, *where)
        (first,) = (desk.folder / "reports").glob("*/")
        assert f'href="./{first.name}/report.html"' in listed.read_text("utf-8")
        listed.unlink()
        assert desk.type("report")[0] == 0
        assert first.name in listed.read_text("utf-8")
        desk.type("run", desk.sheet, *where, "--clean-report")
    assert listed.read_text("utf-8").count("/report.html") == 2
    listed.write_text("<h1>somebody else's</h1>", encoding="utf-8")
    code, out, _ = desk.type("report")
    assert code == 0
    assert "is not of wegly-batch" in out


def test_an_unknown_command_names_the_nearest(desk: Desk) -> None:
    """`chekc` is `check`."""
    code, _, err = desk.type("chekc")
    assert code == 2
    assert "check" in err


def _load(*words: str) -> tuple[str, set[str]]:
    """Return what a command prints in a process of its own, and the modules that it has loaded by its end."""
    program = (
        f"import sys; sys.argv = {['wegly-batch', *words]!r}\n"
        "from batch.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    printed, _, modules = done.stdout.rpartition("LOADED ")
    return printed, set(modules.split())


def test_help_answers_without_the_libraries() -> None:
    """--help imports no pandas, openpyxl, httpx, SQLAlchemy or pydantic."""
    printed, modules = _load("--help")
    assert not modules & {"pandas", "openpyxl", "httpx", "sqlalchemy", "pydantic", "structlog", "tqdm"}
    assert "batch.cli.main" in modules
    assert "Exit codes" in printed


def test_a_check_starts_without_what_sends(desk: Desk) -> None:
    """`check` imports neither httpx nor h11: it sends nothing, and is typed more often than any other command."""
    ledger = f"sqlite:///{(desk.folder / 'none').as_posix()}"
    printed, modules = _load("check", str(desk.sheet), "-c", str(desk.campaign), "--ledger", ledger, "--json")
    assert not modules & {"httpx", "h11", "batch.pool"}
    assert "batch.app.check" in modules
    assert '"to_send"' in printed


def test_every_command_explains_itself(desk: Desk) -> None:
    """Each has a help text that says what it does."""
    for name in ("demo", "inspect", "check", "run", "report", "runs", "sandbox"):
        code, out, _ = desk.type(name, "--help")
        assert code == 0
        assert "Usage: wegly-batch" in out
        assert len(out.splitlines()) > 5


def _without_moments(text: str) -> list[str]:
    """Return the lines without days, names of runs, folders, and counts of a look that a slow machine makes later."""
    return re.sub(
        r"\d\d/\d\d/\d{4} \d\d:\d\d|\S*reports/\S+Z-boas-vindas-\w+|(?m:(?<=^Delivered).*$)|127\.0\.0\.1:\d+",
        "...",
        text.replace("\\", "/"),
    ).splitlines()


def test_demo_runs_by_itself(desk: Desk) -> None:
    """Nothing to configure: a report with every kind of outcome, and nothing in the person's own ledger."""
    code, out, _ = desk.type("demo")
    assert code == 0
    assert "Messaged: 39" in out
    assert "Delivered at least 35 of 39 messaged (read at least 34), failed 2, on the way 2; 2 replied, 1 opted" in out
    page = DEMO.read_text("utf-8").partition("<!-- output: demo -->\n```\n")[2].partition("```")[0]
    shown, out_lines = _without_moments(page), _without_moments(out)
    counts = next(at for at, line in enumerate(shown) if line.split() == ["rows", "62"])
    assert out_lines[: counts + 1] == shown[: counts + 1]
    rest = iter(out_lines[counts + 1 :])
    assert [line for line in shown[counts + 1 :] if line not in rest] == []  # some are left out of the page
    (report,) = (desk.folder / "reports").glob("*/report.xlsx")
    assert str(report.relative_to(desk.folder) if Path.cwd() == desk.folder else report) in out
    assert "ledger.sqlite3" not in out  # it is gone, and so is what a command would need
    assert re.findall("wegly-batch .*", out) == ["wegly-batch init SHEET"]
    report_page = (report.parent / "report.html").read_text("utf-8")
    assert "wegly-batch run" not in report_page
    assert "then:" not in report_page.replace("then: (the command to type, in a report of your own)", "")
    summary = json.loads((report.parent / "summary.json").read_text("utf-8"))
    assert summary["delivery"]["states"]["delivered"] == 1
    assert not (desk.folder / "ledger.sqlite3").exists()


def test_a_lack_of_memory_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever it comes up: no traceback, and what to do."""

    def no_room(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(cli_main.cli, "main", no_room)
    assert wegly_batch(["runs"]) == ExitCode.STOPPED
    assert capsys.readouterr().err.startswith("There was not enough memory. What was sent is recorded; close other")


@pytest.mark.skipif(os.name == "nt", reason="there are no such devices")
def test_a_device_without_end_is_no_token_and_no_plan(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read to its end it would fill the memory."""
    where = ("run", desk.sheet, "-c", desk.campaign, "--base-url", "http://127.0.0.1:9", "--yes")
    code, _, err = desk.type(*where, "--token-file", "/dev/zero")
    assert (code, "Traceback" in err) == (2, False)
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    code, _, err = desk.type(*where, "--plan", "/dev/zero")
    assert code == 2
    assert "/dev/zero is no plan" in err


def test_what_the_system_refuses_is_no_defect(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that no disk takes, or a full disk: the file is named, and what to do."""
    code, _, err = desk.type("init", desk.sheet, "--out", desk.folder / f"{'a' * 300}.toml")
    assert (code, "Traceback" in err) == (2, False)
    assert "aaa.toml cannot be written: " in err
    assert "--out" in err

    def fill(*_given: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "samples/contatos.xlsx")

    monkeypatch.setattr(shutil, "copy", fill)
    code, _, err = desk.type("demo")
    assert (code, "Traceback" in err) == (5, False)
    assert "(No space left on device): samples/contatos.xlsx" in err
    assert "run the same command again" in err


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell closes the streams")
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_streams_that_were_closed_take_nothing(desk: Desk, closed: str) -> None:
    """A service may start it without any: the command does its work, and its files are no streams."""
    command = f'"{sys.executable}" -m batch runs {closed}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, cwd=DEMO.parents[1])
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (0, "", False)
