"""What a person at a terminal sees and is asked, on a pseudo-terminal; Ctrl+C and the first run by a real process."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from office import HOME
from program import read_terminal, start_on_terminal

from batch.app.inputs.campaign_sheet import NO_CHOICES
from batch.app.run import open_runs
from batch.app.runs.progress import Watcher
from batch.app.settings import Settings, Token
from batch.model.outcomes import ExitCode
from batch.model.reasons import Finding
from batch.sandbox import RunningSandbox, running_sandbox

_WHY = "pseudo-terminals are a POSIX thing; on Windows the same is tried by hand"
pty = pytest.importorskip("pty", reason=_WHY)
termios = pytest.importorskip("termios", reason=_WHY)

CAMPAIGN = """
[campaign]
name = "teste"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao"
language = "pt_BR"
body = "Ola {{1}}, tudo bem?"
[columns]
wa_contact_id = "Telefone"
[[template_fields]]
component = "BODY"
index = 1
value = "{Nome}"
[throttle]
rate = "50/s"
"""


class Terminal:
    """A person's terminal: types answers when a text appears, and keeps what was shown."""

    def __init__(self, folder: Path, sandbox: RunningSandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        (folder / "teste.toml").write_text(CAMPAIGN, encoding="utf-8")
        (folder / "c.csv").write_text("Nome;Telefone\nAna;11 90000-1001\nBia;11 90000-1002\n", encoding="utf-8")

    def run(
        self,
        *more: str,
        answers: dict[str, str] | None = None,
        campaign: str = "teste.toml",
        size: tuple[int, int] = (40, 120),
        in_process: bool = True,
    ) -> tuple[int, str]:
        """Exit code and everything shown. `answers`: what to type (right) when a text (left) has appeared.

        `in_process`: in the tests' own; else in one whose terminal this is, which it needs for Ctrl+C.
        """
        words = ["run", "c.csv", "-c", campaign, "--base-url", self.sandbox.url, *more]
        environment = {
            **os.environ,
            "WEGLY_TOKEN": "a-token",
            "WEGLY_BATCH_LEDGER": f"sqlite:///{self.folder / 'ledger.sqlite3'}",
            "TERM": "xterm",
        }
        if in_process:
            code, shown = start_on_terminal(
                words, folder=self.folder, environment=environment, answers=answers, size=size
            )
        else:
            child, terminal = pty.fork()
            if child == 0:
                os.chdir(self.folder)
                os.execve(sys.executable, [sys.executable, "-m", "batch", *words], environment)  # noqa: S606 - the program
            termios.tcsetwinsize(terminal, size)
            shown = read_terminal(terminal, answers or {})
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return code, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with running_sandbox() as sandbox:
        yield Terminal(tmp_path, sandbox)


def test_it_shows_what_goes_to_whom_and_asks(terminal: Terminal) -> None:
    """Endpoint, sender, campaign, how many, the first of them; and yes sends."""
    code, shown = terminal.run(answers={"[y/N]": "y"}, in_process=False)
    assert code == 0, shown
    for word in (terminal.sandbox.url, "0b28ee57", "teste", "2 messages", "+55 11 90000-1001", "Ola Ana, tudo bem?"):
        assert word in shown, shown
    assert "First     row 2, to +55 11 90000-1001" in shown, shown
    assert "2/2" in shown, shown
    assert "Messaged: 2 of 2 rows" in shown
    assert "report.xlsx" in shown
    assert "ledger.sqlite3" in shown
    assert len(terminal.sandbox.log.applied) == 2


def test_no_sends_nothing(terminal: Terminal) -> None:
    """And Enter alone is no."""
    for answer in ("n", ""):
        code, shown = terminal.run(answers={"[y/N]": answer})
        assert code == 130
        assert "Nothing was sent" in shown
        assert not terminal.sandbox.log.received
    assert not list((terminal.folder / "reports").iterdir())


def test_yes_does_not_ask(terminal: Terminal) -> None:
    """For who is sure; and the bar is there also where the terminal does not know its size, as in a container."""
    code, shown = terminal.run("--yes", size=(0, 0))
    assert code == 0
    assert "[y/N]" not in shown
    assert "2/2" in shown


def test_the_question_says_who_stays_out(terminal: Terminal) -> None:
    """How many get it, and who does not, by reason, before the question."""
    sheet = terminal.folder / "c.csv"
    lines = ["Ana;11 90000-1001", "Ana de novo;11 90000-1001", "Caio;12", "Davi;11 90000-1002", "Eva;11 90000-1003"]
    sheet.write_text("\n".join(["Nome;Telefone", *lines]), encoding="utf-8")
    code, shown = terminal.run("--limit", "2", answers={"[y/N]": "n"})
    assert code == 130
    assert "Send 2; left out: 1 for a later run, 1 repeated, 1 to fix." in " ".join(shown.split()), shown


def test_outside_the_hours_it_asks_whether_to_wait(terminal: Terminal) -> None:
    """No ends with 6, as before; yes waits (below, without a terminal)."""
    begin = datetime.now(UTC) + timedelta(hours=2)
    hours = f'hours = "{begin:%H:%M}-{begin + timedelta(hours=1):%H:%M}"\ntimezone = "UTC"'
    (terminal.folder / "tarde.toml").write_text(f"{CAMPAIGN}\n[[window]]\n{hours}\n", encoding="utf-8")
    answers = {"Send 2 messages? [y/N]": "y", "a rehearsal": "n", "wait until": "n"}
    code, shown = terminal.run(answers=answers, campaign="tarde.toml")
    assert code == 6, shown
    assert f"wait until {begin.astimezone(HOME):%d/%m/%Y %H:%M}" in " ".join(shown.split()), shown
    assert not terminal.sandbox.log.received


def test_a_rehearsal_may_send_outside_the_hours(terminal: Terminal) -> None:
    """It reaches no person, and who tries a campaign in the evening is not to wait until the morning."""
    begin = datetime.now(UTC) + timedelta(hours=2)
    hours = f'hours = "{begin:%H:%M}-{begin + timedelta(hours=1):%H:%M}"\ntimezone = "UTC"'
    (terminal.folder / "tarde.toml").write_text(f"{CAMPAIGN}\n[[window]]\n{hours}\n", encoding="utf-8")
    answers = {"Send 2 messages? [y/N]": "y", "send it now all the same?": "y"}
    code, shown = terminal.run(answers=answers, campaign="tarde.toml")
    assert code == 0, shown
    assert len(terminal.sandbox.log.applied) == 2


class Patient(Watcher):
    """Waits for the hours, and stops when it has to."""

    def wait_for_hours(self, until: datetime, timezone: str) -> bool:
        return until > datetime.now(UTC) and timezone == "America/Sao_Paulo"

    def pause(self, seconds: float, finding: Finding, sender: str) -> None:
        assert self.meter.look().waits > 3600  # from the bar's first line on
        super().pause(seconds, finding, sender)
        self.problems.append(f"waited for {finding.reason}")
        if self.interrupt:
            self.interrupt()


def test_yes_waits_for_the_hours(terminal: Terminal) -> None:
    """The run waits then, as with --wait, instead of ending with 6."""
    begin = datetime.now(UTC) + timedelta(hours=2)
    hours = f'hours = "{begin:%H:%M}-{begin + timedelta(hours=1):%H:%M}"\ntimezone = "UTC"'
    campaign = terminal.folder / "tarde.toml"
    campaign.write_text(f"{CAMPAIGN}\n[[window]]\n{hours}\n", encoding="utf-8")
    settings = Settings(
        base_url=terminal.sandbox.url,
        ledger=f"sqlite:///{terminal.folder / 'l.sqlite3'}",
        reports=terminal.folder / "reports",
    )
    with open_runs([terminal.folder / "c.csv"], campaign, settings, NO_CHOICES) as (run,):
        ended = run.execute(Token.parse("a-token", "here"), Patient())
    assert ended.exit_code == ExitCode.INTERRUPTED
    assert "waited for window" in ended.problems


def test_nothing_to_send_asks_nothing(terminal: Terminal) -> None:
    """The second run says so and writes its report."""
    terminal.run("--yes")
    code, shown = terminal.run()
    assert code == 0
    assert "[y/N]" not in shown
    assert "0 accepted now; 2 were accepted before" in shown


def test_a_canary_shows_and_asks_before_the_rest(terminal: Terminal) -> None:
    """The first is accepted; no leaves the second pending."""
    (terminal.folder / "canary.toml").write_text(CAMPAIGN + "\n[canary]\nrows = 1\n", encoding="utf-8")
    code, shown = terminal.run(answers={"now? [y/N]": "y", "rest? [y/N]": "n"}, campaign="canary.toml")
    assert code == 130, shown
    assert len(terminal.sandbox.log.applied) == 1


def test_ctrl_c_at_the_canarys_question_is_no(terminal: Terminal) -> None:
    """The run ends with 130, its report is written, and the rest waits."""
    (terminal.folder / "canary.toml").write_text(CAMPAIGN + "\n[canary]\nrows = 1\n", encoding="utf-8")
    code, shown = terminal.run(
        answers={"now? [y/N]": "y", "rest? [y/N]": "\x03"}, campaign="canary.toml", in_process=False
    )
    assert code == 130, shown
    assert len(terminal.sandbox.log.applied) == 1
    assert len(list((terminal.folder / "reports").glob("*/report.xlsx"))) == 1


def test_quiet_shows_no_progress_but_asks(terminal: Terminal) -> None:
    """--quiet is not --yes."""
    code, shown = terminal.run("-q", answers={"[y/N]": "y"})
    assert code == 0
    assert "Messaged" not in shown
    assert "2/2" not in shown
