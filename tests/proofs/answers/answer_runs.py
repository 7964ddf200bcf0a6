"""Whole runs of one sheet against the server, each checked against its log: outcomes, files, secrets, time, memory."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from answer_draw import ACCEPTED, REFUSED, UNKNOWN, WAITING
from answer_server import Log, answering

from batch.model.reasons import Reason

TOKEN = "eyJhbGciOiJIUzI1NiJ9." + "Q7vTz2LmX9sK4bNf8RdW1hYc" * 18 + ".3nP0aJ6gUeEoiV5t"
_PART = 20
"""Characters of the token that no file may show."""
MOST_SECONDS, MOST_BYTES = 20.0, 10**9
"""Of the processor and of memory, for a run."""
_HUNG = 120.0
"""Seconds by the clock."""
_CALM = 12
"""Acceptances at the beginning of a run; none in the first run of every fourth sheet."""
_FILES = ("report.xlsx", "report.html", "results.csv", "summary.json", "run.log")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_CODES = frozenset({0, 3, 4, 5, 6})
_CAMPAIGN = """[campaign]
name = "respostas"
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
rate = "500/s"
concurrency = 8
[stop]
errors = "100%"
unknowns = 1000
retries = 6
retry_for = "2s"
"""


@dataclass
class Seen:
    """What one sheet's runs came to."""

    answers: int = 0
    runs: int = 0
    greeted: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    most_seconds: float = 0.0
    most_bytes: int = 0
    breaches: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Run:
    code: int
    said: str
    seconds: float
    bytes: int
    summary: MappingProxyType[str, Any]


def play(seed: int, folder: Path, *, rows: int, lives: int = 12) -> Seen:
    """Run one sheet of new people until nothing waits, `lives` times at most, and judge each run.

    Many answers end a run by rule, and the next one goes on.
    """
    seen = Seen()
    phones = [f"119{70_000_000 + number}" for number in range(rows)]
    sheet, campaign = folder / "contatos.csv", folder / "contatos.toml"
    sheet.write_text("Nome;Telefone\n" + "".join(f"Pessoa {phone[-4:]};{phone}\n" for phone in phones))
    campaign.write_text(_CAMPAIGN)
    with answering(str(seed), TOKEN) as (url, log):
        for life in range(lives):
            log.calm = _CALM if life or seed % 4 else 0
            ran = _run(folder, url)
            seen.runs += 1
            seen.most_seconds = max(seen.most_seconds, ran.seconds)
            seen.most_bytes = max(seen.most_bytes, ran.bytes)
            statuses: dict[str, str] = {}
            seen.breaches += [f"seed {seed}, run {life + 1}: {each}" for each in _breaches(folder, ran, log, statuses)]
            if ran.code not in _CODES or "pending" not in statuses.values():
                break
        seen.outcomes.update(statuses.values())
    seen.answers, seen.greeted, seen.kinds = log.count, log.greeted, log.kinds
    return seen


def _run(folder: Path, url: str) -> _Run:
    options = ["-c", "contatos.toml", "--base-url", url, "--yes", "--json", "--read-timeout", "1"]
    places = ["--ledger", f"sqlite:///{folder / 'ledger.sqlite3'}", "--reports", "reports"]
    command = [sys.executable, "-m", "batch", "run", "contatos.csv", *options, *places]
    environment = {**os.environ, "WEGLY_TOKEN": TOKEN, "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
        end = time.monotonic() + _HUNG
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            if time.monotonic() > end:
                process.kill()
                ended = os.wait4(process.pid, 0)
                break
            time.sleep(0.02)
        process.returncode = os.waitstatus_to_exitcode(ended[1])
    usage = ended[2]
    said = (folder / "err").read_text(encoding="utf-8", errors="replace")
    printed = (folder / "out").read_text(encoding="utf-8")
    summary = json.loads(printed) if printed.startswith("{") else {}
    return _Run(
        process.returncode, said, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, MappingProxyType(summary)
    )


def _breaches(folder: Path, ran: _Run, log: Log, statuses: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong with a run; fills `statuses`, contact to outcome."""
    if ran.code not in _CODES or "Traceback" in ran.said:
        yield f"it ended with {ran.code}: {ran.said[-2000:]}"
        return
    if ran.seconds > MOST_SECONDS:
        yield f"it took {ran.seconds:.1f} s of the processor"
    if ran.bytes > MOST_BYTES:
        yield f"it took {ran.bytes:,} bytes of memory"
    report = folder / "reports" / str(ran.summary.get("run"))
    if missing := [name for name in _FILES if not (report / name).is_file()]:
        yield f"its report lacks {missing}"
        return
    yield from _broken_files(report, ran, folder / "ledger.sqlite3")
    with (report / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file, delimiter=";"))
    statuses.update({line["Telefone"]: line["wegly_status"] for line in lines})
    if Counter(statuses.values()) != Counter({name: n for name, n in ran.summary["counts"].items() if n}):
        yield f"its counts differ from its rows: {ran.summary['counts']}"
    for line in lines:
        in_time = line["wegly_reason"] != Reason.ANSWER_TIMEOUT.value
        yield from untruths(line["Telefone"], line["wegly_status"], log, in_time=in_time)


def _broken_files(report: Path, ran: _Run, ledger: Path) -> Iterator[str]:
    """Yield files that cannot be read, that hold the token or part of it, or signs that act on a screen."""
    texts = {"stderr": ran.said} | {
        name: (report / name).read_text(encoding="utf-8-sig", errors="strict") for name in _FILES[1:]
    }
    with zipfile.ZipFile(report / "report.xlsx") as book:
        texts |= {name: book.read(name).decode("utf-8", "replace") for name in book.namelist()}
    texts["ledger"] = ledger.read_bytes().decode("latin-1")
    for name, text in texts.items():
        if name != "ledger" and (found := _CONTROL.search(text)):
            yield f"{name} has the sign {found[0]!r}: {text[max(0, found.start() - 60) : found.end() + 20]!r}"
        if any(TOKEN[at : at + _PART] in text for at in range(0, len(TOKEN) - _PART, _PART // 2)):
            yield f"{name} shows part of the token"
    if "answer_not_read" in texts["run.log"]:
        at = texts["run.log"].index("answer_not_read")
        yield f"a reader of answers failed: {texts['run.log'][max(0, at - 1500) : at + 1500]}"
    yield from (
        f"the log has an exception: {line[:1500]}" for line in texts["run.log"].splitlines() if "Traceback" in line
    )


def untruths(contact: str, status: str, log: Log, *, in_time: bool = True) -> Iterator[str]:
    """Yield what is untrue of a row by the server's log.

    `in_time`: False where the wait for the answer ended, on a busy machine too: then `unknown` is right.
    """
    applied, answers = log.applied(contact), log.answers.get(contact, [])
    history = "; then ".join(f"{answer.kind} ({'applied' if answer.applied else 'not applied'})" for answer in answers)
    if applied > 1:
        yield f"{contact} got {applied} messages: {history}"
    if status in ACCEPTED and not applied:
        yield f"{contact} is {status} and got none: {history}"
    if status not in ACCEPTED | UNKNOWN and applied:
        yield f"{contact} is {status} and got one: {history}"
    if not answers and status not in WAITING | UNKNOWN:  # a request may be lost with a connection that just ended
        yield f"{contact} is {status} without a POST"
    if in_time and answers and answers[-1].due and status not in answers[-1].due:
        yield f"{contact} is {status} after a plain answer: {history}"
    if status not in ACCEPTED | REFUSED | WAITING | UNKNOWN:
        yield f"{contact} is {status}"
