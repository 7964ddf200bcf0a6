"""A folder with sheets and campaigns, and a person at the command line who reads what became of each row."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from batch.cli.main import _run as wegly_batch
from batch.sandbox import RunningSandbox

FIRST = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
SECOND = "7c19d2aa-1b3c-4d5e-8f90-123456789abc"
HALVES = f'[{{ id = "{FIRST}", share = "50%" }}, {{ id = "{SECOND}", share = "50%" }}]'
HOME = ZoneInfo("America/Sao_Paulo")
CREATED = ("success", "created")


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a run came to."""

    code: int
    summary: dict[str, Any]
    said: str
    """What was printed on stderr."""
    lines: dict[int, dict[str, str]]
    """Row of the sheet to its line of results.csv."""

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Status and reason of each row, in the order of the sheet."""
        return [(line["wegly_status"], line["wegly_reason"]) for line in self.lines.values()]

    def message(self, row: int) -> str:
        return self.lines[row]["wegly_message"]


class Office:
    """`type` is the command line; the other verbs are what is done most."""

    def __init__(self, folder: Path, sandbox: RunningSandbox, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self._capsys = capsys

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def sheet(self, phones: Iterable[str], *, name: str = "contatos.csv") -> Path:
        """One row for each phone; row 2 is the first. Who is who does not depend on the order."""
        lines = [f"Pessoa {phone[-4:]};{phone}" for phone in phones]
        return self.write(name, "\n".join(["Nome;Telefone", *lines]) + "\n")

    def campaign(
        self, more: str = "", *, name: str = "teste", sender: str = f'"{FIRST}"', about: str = "", columns: str = ""
    ) -> Path:
        """A campaign file; `about`, `columns` and `more` are lines of TOML, `sender` a value."""
        return self.write(
            f"{name}.toml",
            f'[campaign]\nname = "{name}"\n{about}\n[sender]\nwhatsapp_phone_id = {sender}\n'
            '[template]\nname = "saudacao"\nlanguage = "pt_BR"\nbody = "Ola {{1}}"\n'
            f'[columns]\nwa_contact_id = "Telefone"\n{columns}\n'
            f'[[template_fields]]\ncomponent = "BODY"\nindex = 1\nvalue = "{{Nome}}"\n{more}\n',
        )

    def type(self, *words: object) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        self._capsys.readouterr()
        code = wegly_batch([str(word) for word in words])
        printed = self._capsys.readouterr()
        return code, printed.out, printed.err

    def command(self, sheet: Path, campaign: Path, *more: object) -> list[object]:
        url = [] if "--base-url" in more else ["--base-url", self.sandbox.url]
        return ["run", sheet, "-c", campaign, *url, *more]

    def run(self, sheet: Path, campaign: Path, *more: object) -> Ran:
        """A run that does what it can."""
        code, out, err = self.type(*self.command(sheet, campaign, "--rate", "200/s", "--json", *more))
        assert code not in (1, 2, 75), err
        summary = json.loads(out)
        return Ran(code=code, summary=summary, said=err, lines=dict(enumerate(self.lines(summary["run"]), 2)))

    def lines(self, run: str) -> list[dict[str, str]]:
        """The lines of a run's results.csv as it is now."""
        text = (self.folder / "reports" / run / "results.csv").read_text(encoding="utf-8-sig")
        return list(csv.DictReader(text.splitlines(), delimiter=";"))

    def refused(self, *words: object) -> str:
        """What a command says that is refused with exit 2 and sends nothing."""
        before = len(self.sandbox.log.received)
        code, out, err = self.type(*words)
        assert (code, out) == (2, ""), (code, out, err)
        assert "Traceback" not in err
        assert len(self.sandbox.log.received) == before
        return err

    def sent(self) -> Counter[str]:
        """Person to how many messages were applied."""
        return Counter(each.person for each in self.sandbox.log.applied)

    def senders(self) -> Counter[str]:
        """Sender to how many messages were applied."""
        return Counter(each.sender for each in self.sandbox.log.applied)


def phones(count: int, *, first: int = 1) -> list[str]:
    """Different people; the sandbox accepts them all."""
    return [f"11 97001-{2000 + number}" for number in range(first, first + count)]


def person(phone: str) -> str:
    """`11 97001-2001` as `+5511970012001`."""
    return "+55" + "".join(filter(str.isdigit, phone))


def around(moment: datetime) -> set[str]:
    """The minute of a moment as people are told it, and its neighbours."""
    local = moment.astimezone(HOME)
    return {f"{local + timedelta(minutes=each):%d/%m/%Y %H:%M}" for each in (-1, 0, 1)}
