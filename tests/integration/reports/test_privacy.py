"""Nobody's phone or name is in run.log or in a masked report, whatever went wrong and whoever repeated them."""

from __future__ import annotations

import csv
import http.server
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import Office
from rights import is_private

from batch.sandbox.faults import SPECIAL_CONTACTS

MOST = '[stop]\nerrors = "100%"\nunknowns = 1000\nretries = 2\n'
QUIET = {"0302", "0401", "0403", "0404", "0902"}
"""Special contacts that would stop the run, or make it wait."""
NAMES = "Quiteria Zulmira"


class Echo(http.server.BaseHTTPRequestHandler):
    """An API that repeats phone and name in whatever it answers; the last digit says which answer."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        phone, name = asked["wa_contact_id"], asked.get("remote_profile_name")
        statuses = {"0": 200, "1": 400, "2": 422, "3": 500, "4": 200, "5": 400, "6": 409, "7": 502}
        status = statuses.get(phone[-1], 200)
        said: object = {"message": f"O contato {phone} (+55 {phone}, {name}) nao pode", "errors": [{phone: name}]}
        if phone[-1] == "0":
            said = {"id": "c1", "contact_number": phone, "contact_name": name, "status": f"OPEN {phone}"}
        elif phone[-1] == "5":
            details = {"details": f"{phone} {name}"}
            said = {"error": {"message": f"(#131009) {phone}", "code": 131009, "error_data": details}}
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def echo() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def sheet(office: Office, phones: list[str]) -> Path:
    bad = ["11 9700", "11 97001-20011 / 11 97001-2002", "0800 123 4567", "5,51199E+12", "quiteria@zulmira.br"]
    lines = [f"{NAMES} {number};{phone}" for number, phone in enumerate([*phones, *bad])]
    return office.write("contatos da Zulmira.csv", "\n".join(["Nome da Quiteria;Telefone", *lines]) + "\n")


def campaign(office: Office) -> Path:
    file = office.campaign(MOST, columns='remote_profile_name = "Nome da Quiteria"')
    text = file.read_text("utf-8").replace("{Nome}", "{Nome da Quiteria}")
    file.write_text(text, encoding="utf-8")
    return file


def leaked(text: str, people: list[str]) -> list[str]:
    """Whose phone is in a text, in any spelling: the last eight digits one after the other, whatever is between."""
    found = []
    for phone in people:
        digits = re.sub(r"\D", "", phone)[-8:]
        if re.search(r"[^0-9A-Za-z]{0,3}".join(digits), text):
            found.append(phone)
    return found


def inside(file: Path) -> str:
    """All of a file's text, that of a workbook's parts."""
    if file.suffix != ".xlsx":
        return file.read_text("utf-8")
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name).decode("utf-8") for name in archive.namelist()}
    return "\n".join(re.sub(r"<[^>]*>", " ", text) + name for name, text in parts.items())


ECHOED = [f"11 9700{number}-311{number}" for number in range(10)]


def test_no_phone_and_no_name_is_in_the_log(office: Office, echo: str) -> None:
    """A run with every answer that repeats them, and one with every failure of the sandbox."""
    special = [f"11 970{number:02}-{digits}" for number, digits in enumerate(SPECIAL_CONTACTS) if digits not in QUIET]
    for people, url in ((ECHOED, echo), (special, office.sandbox.url)):
        ran = office.run(
            sheet(office, people), campaign(office), "--base-url", url, "--accept-change", "--read-timeout", "1"
        )
        folder = office.folder / "reports" / ran.summary["run"]
        written = (folder / "run.log").read_text("utf-8")
        assert ran.summary["counts"]["error"] > 5
        assert ran.summary["counts"]["unknown"] > 1
        assert leaked((folder / "results.csv").read_text("utf-8-sig"), people), "the full report does have them"
        assert leaked(written, people) == []
        assert "Zulmira" not in written
        assert written.count('"event": "attempt"') > 8


def test_a_masked_report_has_the_figures_and_nobody_in_them(office: Office, echo: str) -> None:
    """Row numbers, reasons and counts are those of the full one; no phone, name, header or path is in any file."""
    ran = office.run(sheet(office, ECHOED), campaign(office), "--base-url", echo)
    folder = office.folder / "reports" / ran.summary["run"]
    before = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    code, out, err = office.type("report", "--redacted", "--json")
    assert code == 0, err
    assert json.loads(out)["counts"] == ran.summary["counts"]
    assert {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()} == before

    files = sorted((folder / "redacted").iterdir())
    assert {"report (redacted).xlsx", "results (redacted).csv", "summary.json"} <= {file.name for file in files}
    for file in files:
        text = inside(file)
        assert leaked(text, ECHOED) == [], file
        for word in ("Quiteria", "Telefone", str(office.folder), "quiteria@"):
            assert word not in text, (file, word)
        assert "Zulmira" not in text, file
        assert is_private(file)

    table = (folder / "redacted" / "results (redacted).csv").read_text("utf-8-sig")
    lines = list(csv.DictReader(table.splitlines(), delimiter=";"))
    assert list(lines[0])[:5] == ["row", "wegly_status", "wegly_reason", "wegly_message", "wegly_action"]
    assert [(int(line["row"]), line["wegly_status"], line["wegly_reason"]) for line in lines] == [
        (row, line["wegly_status"], line["wegly_reason"]) for row, line in ran.lines.items()
    ]
    assert lines[0]["wegly_phone"] == "+55 11 9****-**10"


def test_a_masked_report_needs_no_sheet_and_says_where_it_is(office: Office) -> None:
    """The sheet is gone: nothing of it is needed, and nothing is missed."""
    file = sheet(office, ["11 97001-2001"])
    ran = office.run(file, campaign(office))
    file.unlink()
    code, out, err = office.type("report", ran.summary["run"], "--redacted")
    assert (code, err) == (0, "")
    assert "report (redacted).xlsx" in out
    assert "report (redacted).html" in out
    assert "gone" not in out
    text = inside(office.folder / "reports" / ran.summary["run"] / "redacted" / "report (redacted).xlsx")
    assert "This report is made to be passed on" in text
    assert "gone" not in text
