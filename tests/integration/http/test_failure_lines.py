"""Each line of the failure table through a whole run: the row's outcome, whether the run went on, what was applied."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from batch.cli.main import _run as wegly_batch
from batch.sandbox import running_sandbox

pytestmark = pytest.mark.usefixtures("plain_reports")

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
[[template_fields]]
component = "BODY"
index = 1
value = "{Nome}"
[throttle]
rate = "200/s"
concurrency = 1
"""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What must happen with a contact whose last digits make the sandbox behave so."""

    digits: str
    outcome: str
    reason: str
    applied: int
    attempts: int = 1
    stops: bool = False
    first: bool = False
    """The row is the run's first: no readable 2xx has come yet."""


LINES = [
    Line(digits="7001", outcome="success", reason="created", applied=1),
    Line(digits="0200", outcome="reused", reason="reused", applied=1),
    Line(digits="0201", outcome="success", reason="created", applied=1),
    Line(digits="0429", outcome="success", reason="created", applied=1, attempts=2),
    Line(digits="0503", outcome="success", reason="created", applied=1, attempts=2),
    Line(digits="0425", outcome="success", reason="created", applied=1, attempts=2),
    Line(digits="0900", outcome="unknown", reason="answer_lost", applied=1),
    Line(digits="0901", outcome="unknown", reason="answer_lost", applied=0),
    Line(digits="0902", outcome="unknown", reason="answer_timeout", applied=1),
    Line(digits="0905", outcome="unknown", reason="answer_lost", applied=1),
    Line(digits="0408", outcome="unknown", reason="request_timeout", applied=0),
    Line(digits="0500", outcome="unknown", reason="server_error", applied=0),
    Line(digits="0501", outcome="unknown", reason="server_error", applied=1),
    Line(digits="0504", outcome="unknown", reason="server_error", applied=1),
    Line(digits="0904", outcome="unknown", reason="unreadable_answer", applied=1),
    Line(digits="0903", outcome="unknown", reason="unreadable_answer", applied=0),
    Line(digits="0903", outcome="unknown", reason="unreadable_answer", applied=0, first=True, stops=True),
    Line(digits="0904", outcome="unknown", reason="unreadable_answer", applied=1, first=True, stops=True),
    Line(digits="0302", outcome="unknown", reason="redirected", applied=0, stops=True),
    Line(digits="0401", outcome="pending", reason="not_authorized", applied=0, stops=True),
    Line(digits="0403", outcome="pending", reason="forbidden", applied=0, first=True, stops=True),
    Line(digits="0404", outcome="pending", reason="wrong_address", applied=0, first=True, stops=True),
    Line(digits="0403", outcome="error", reason="api_refused", applied=0),
    Line(digits="0404", outcome="error", reason="api_refused", applied=0),
    Line(digits="0400", outcome="error", reason="api_refused", applied=0),
    Line(digits="0422", outcome="error", reason="api_refused", applied=0),
    Line(digits="0131", outcome="error", reason="not_on_whatsapp", applied=0),
    Line(digits="0149", outcome="error", reason="not_delivered_by_choice", applied=0),
    Line(digits="0150", outcome="error", reason="opted_out", applied=0),
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.digits}{'-first' if line.first else ''}")
def test_a_line_of_the_failure_table(
    line: Line, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A good row before it (unless it is to be the first), the row itself, a good row after it."""
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    (tmp_path / "c.toml").write_text(CAMPAIGN, encoding="utf-8")
    before = [] if line.first else ["Antes;11 90000-7101"]
    rows = [*before, f"Ana;11 90001-{line.digits}", "Depois;11 90002-7102"]
    (tmp_path / "c.csv").write_text("\n".join(["Nome;Telefone", *rows, ""]), encoding="utf-8")
    with running_sandbox() as sandbox:
        options = ["--base-url", sandbox.url, "--ledger", f"sqlite:///{tmp_path / 'l.sqlite3'}", "--json"]
        timeout = "1" if line.reason == "answer_timeout" else "20"
        where = ["--reports", str(tmp_path / "reports"), "--read-timeout", timeout]
        code = wegly_batch(["run", str(tmp_path / "c.csv"), "-c", str(tmp_path / "c.toml"), *options, *where])
        applied = [each for each in sandbox.log.applied if each.contact.endswith(line.digits)]
        posts = [each for each in sandbox.log.received if line.digits in each.body]
        after = [each for each in sandbox.log.applied if each.contact.endswith("7102")]
    summary = json.loads(capsys.readouterr().out)
    row = _row(tmp_path, summary["run"], len(before) + 2)
    assert (row["wegly_status"], row["wegly_reason"]) == (line.outcome, line.reason), row
    assert len(applied) == line.applied
    assert len(posts) == line.attempts
    assert row["wegly_attempts"] == str(line.attempts)
    assert row["wegly_message"]
    assert (code == 5) == line.stops
    assert len(after) == (0 if line.stops else 1)


def _row(folder: Path, run: str, number: int) -> dict[str, str]:
    text = (folder / "reports" / run / "results.csv").read_text(encoding="utf-8-sig")
    lines = list(csv.reader(text.splitlines(), delimiter=";"))
    return dict(zip(lines[0], lines[number - 1], strict=True))
