"""The sandbox by itself: what it takes, what it refuses, what it keeps, and how it ends."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from rights import is_private

from batch.app.demo.run import special_contacts
from batch.errors import SettingsError
from batch.sandbox import SPECIAL_CONTACTS, WAYS, Faults, RunningSandbox, SandboxLog, running_sandbox

CHATS = "/integrations/external/chats"
SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
REQUEST: dict[str, Any] = {
    "whatsapp_phone_id": SENDER,
    "wa_contact_id": "11999990001",
    "template": {"name": "saudacao_inicial", "language": "pt_BR"},
    "template_fields": [{"component": "BODY", "type": "TEXT", "index": 1, "value": "Jo\u00e3o"}],
}
HEADERS = {"Authorization": "Bearer any", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    """One sandbox for the tests that need no settings."""
    with running_sandbox() as running:
        yield running


def ask(url: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """Status and JSON of one exchange; a body that is no text is sent as JSON."""
    parts = urlsplit(url)
    data = body if isinstance(body, str | bytes | None) else json.dumps(body)
    with contextlib.closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)) as connection:
        connection.request(method, path, data, HEADERS if headers is None else headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")


def post(url: str, **changes: Any) -> tuple[int, Any]:
    """Post the request with these changes; a change to `...` leaves the field out."""
    body = {name: value for name, value in {**REQUEST, **changes}.items() if value is not ...}
    return ask(url, "POST", CHATS, body)


def test_the_documented_answer_has_all_its_fields(sandbox: RunningSandbox) -> None:
    """Every field of the API's page is there."""
    status, chat = post(sandbox.url, remote_profile_name="Jo\u00e3o", assigned_agent_id=SENDER, crm_person_id=SENDER)
    assert status == 200
    assert set(chat) == {
        *("id", "wa_contact_id", "contact_name", "contact_number", "status", "chat_type", "unread_count"),
        *("is_manually_unread", "priority", "archived_at", "assigned_agent_id", "phone_number", "assigned_agent"),
        *("last_message_at", "last_message", "crm_person"),
    }
    assert (chat["contact_number"], chat["status"], chat["phone_number"]["id"]) == ("+5511999990001", "OPEN", SENDER)
    assert chat["assigned_agent"]["agent_id"] == SENDER
    assert chat["last_message"]["from_me"] is True


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"whatsapp_phone_id": ...}, "whatsapp_phone_id"),
        ({"whatsapp_phone_id": "123"}, "whatsapp_phone_id"),
        ({"wa_contact_id": ...}, "wa_contact_id"),
        ({"wa_contact_id": ""}, "wa_contact_id"),
        ({"wa_contact_id": "1" * 51}, "wa_contact_id"),
        ({"wa_contact_id": "maria"}, "wa_contact_id"),
        ({"wa_contact_id": 11999990001}, "wa_contact_id"),
        ({"template": ...}, "template"),
        ({"template": {"name": "x"}}, "template.language"),
        ({"template_fields": [{"component": "BODY"}]}, "template_fields.0.type"),
        (
            {"template_fields": [{"component": "BODY", "type": "TEXT", "index": 0, "value": "x"}]},
            "template_fields.0.index",
        ),
        (
            {"template_fields": [{"component": "BODY", "type": "TEXT", "index": 1, "value": " "}]},
            "template_fields.0.value",
        ),
        ({"template_fields": None}, "template_fields"),
        ({"status": "CLOSED"}, "status"),
        ({"status": None}, "status"),
        ({"person_contact_id": None}, "person_contact_id"),
        ({"remote_profile_name": "x" * 256}, "remote_profile_name"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_field_is_refused_by_name(sandbox: RunningSandbox, changes: dict[str, Any], field: str) -> None:
    """HTTP 422 names the field, and nothing is applied."""
    before = len(sandbox.log.applied)
    status, answer = post(sandbox.url, **changes)
    assert status == 422
    assert field in [error["field"] for error in answer["errors"]]
    assert len(sandbox.log.applied) == before


@pytest.mark.parametrize("null", ["remote_profile_name", "crm_person_id", "assigned_agent_id"])
def test_what_the_page_calls_nullable_may_be_null(sandbox: RunningSandbox, null: str) -> None:
    """Three fields may be null."""
    assert post(sandbox.url, **{null: None})[0] == 200


def test_what_is_no_json_or_too_long_or_of_another_type_is_refused(sandbox: RunningSandbox) -> None:
    """HTTP 400, 413 and 415, each logged as received, none applied."""
    before = len(sandbox.log.applied)
    received = len(sandbox.log.received)
    assert ask(sandbox.url, "POST", CHATS, "{")[0] == 400
    assert ask(sandbox.url, "POST", CHATS, "[" * 100_000)[0] == 400
    assert ask(sandbox.url, "POST", CHATS, json.dumps(REQUEST), {**HEADERS, "Content-Type": "text/plain"})[0] == 415
    assert len(sandbox.log.received) == received + 3
    assert len(sandbox.log.applied) == before


def test_whatsapp_s_own_rule_for_values(sandbox: RunningSandbox) -> None:
    """A line break in a value is refused as WhatsApp does it."""
    field = {**REQUEST["template_fields"][0], "value": "a\nb"}
    status, answer = post(sandbox.url, template_fields=[field])
    assert (status, answer["error"]["code"]) == (400, 132018)


@pytest.mark.parametrize("given", [None, "", "Basic abc", "Bearer", "Bearer ", "Bearer invalid"])
def test_without_a_good_token_nothing_is_taken(sandbox: RunningSandbox, given: str | None) -> None:
    """HTTP 401, for reading too."""
    headers = {"Content-Type": "application/json"} | ({} if given is None else {"Authorization": given})
    assert ask(sandbox.url, "POST", CHATS, REQUEST, headers)[0] == 401
    assert ask(sandbox.url, "GET", f"{CHATS}/x", None, headers)[0] == 401


def test_the_one_token_that_was_set_is_the_only_one() -> None:
    """With a token of its own the sandbox refuses all others."""
    with running_sandbox(token="the-one") as strict:
        assert post(strict.url)[0] == 401
        assert ask(strict.url, "POST", CHATS, REQUEST, {**HEADERS, "Authorization": "Bearer the-one"})[0] == 200


def test_chats_are_reused_and_can_be_read() -> None:
    """One chat for each sender and person; the timeline shows each message, newest first, with its text."""
    with running_sandbox(templates={"saudacao_inicial": "Ola {{1}}, tudo bem?"}) as box:
        _, first = post(box.url)
        field = {**REQUEST["template_fields"][0], "value": "Ana"}
        _, second = post(box.url, wa_contact_id="+55 11 99999-0001", template_fields=[field])
        _, other = post(box.url, whatsapp_phone_id=SENDER.replace("0", "1"))
        assert first["id"] == second["id"] != other["id"]
        assert ask(box.url, "GET", f"{CHATS}/{first['id']}")[1]["id"] == first["id"]
        _, timeline = ask(box.url, "GET", f"{CHATS}/{first['id']}/timeline")
        texts = [record["message"]["body_text"] for record in timeline["records"]]
        assert (timeline["total"], texts) == (2, ["Ola Ana, tudo bem?", "Ola Jo\u00e3o, tudo bem?"])
        assert {record["event_type"] for record in timeline["records"]} == {"MESSAGE"}
        assert ask(box.url, "GET", f"{CHATS}/nobody/timeline")[0] == 404


def test_the_log_is_the_same_everywhere(tmp_path: Path) -> None:
    """In process, over HTTP and in the file, line by line, before the sandbox has ended; and without the token."""
    file = tmp_path / "truth.jsonl"
    with running_sandbox(log_file=file) as box:
        assert is_private(file)
        post(box.url)
        post(box.url, wa_contact_id="11999990400")
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        _, over_http = ask(box.url, "GET", "/sandbox/log")
        assert over_http == json.loads(json.dumps(box.log.as_json()))
        assert [line["event"] for line in lines] == ["received", "applied", "received"]
        assert [entry["person"] for entry in over_http["applied"]] == ["+5511999990001"]
        assert over_http["applied"][0]["number"] == over_http["received"][0]["number"] == 1
    assert "Bearer" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["/sandbox/log", f"{CHATS}/any", f"{CHATS}/any/timeline"])
def test_only_names_of_this_machine_are_served(sandbox: RunningSandbox, path: str) -> None:
    """A browser's page whose own name was bound anew to this machine sends that name."""
    port = urlsplit(sandbox.url).port
    for host, served in [
        ("127.0.0.1", True),
        ("localhost", True),
        ("evil.example", False),
        ("127.0.0.1.evil.x", False),
    ]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", path, headers=HEADERS | {"Host": f"{host}:{port}"})
            assert (connection.getresponse().status != 400) is served


def test_the_log_needs_a_token_like_any_call(sandbox: RunningSandbox) -> None:
    """It is full of people; another user of the machine may ask for it by accident."""
    assert ask(sandbox.url, "GET", "/sandbox/log", headers={})[0] == 401
    with running_sandbox(token="right") as locked:
        assert ask(locked.url, "GET", "/sandbox/log")[0] == 401
        assert ask(locked.url, "GET", "/sandbox/log", headers={"Authorization": "Bearer right"})[0] == 200


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error comes before anything listens."""
    with pytest.raises(SettingsError, match="cannot be written"):
        SandboxLog(tmp_path / "no" / "such" / "folder.jsonl")


def test_latency_is_kept() -> None:
    """The message is applied in the middle of the latency."""
    with running_sandbox(faults=Faults(latency=0.2)) as slow:
        began = time.monotonic()
        post(slow.url)
        ended = time.monotonic()
        assert ended - began >= 0.2
        assert began + 0.1 <= slow.log.applied[0].monotonic <= ended - 0.1 + 0.05


def test_it_ends_at_once_with_connections_open() -> None:
    """Neither an idle connection nor one that hangs on purpose holds it up."""
    with contextlib.ExitStack() as stack:
        with running_sandbox() as box:
            address = (urlsplit(box.url).hostname or "", urlsplit(box.url).port or 0)
            idle, hanging = (stack.enter_context(socket.create_connection(address, timeout=5)) for _ in range(2))
            body = json.dumps({**REQUEST, "wa_contact_id": "11999990902"})
            head = f"POST {CHATS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            fields = "Content-Type: application/json\r\nAuthorization: Bearer any\r\n\r\n"
            hanging.sendall(f"{head}{fields}{body}".encode())
            while not box.log.applied:
                time.sleep(0.005)
            began = time.monotonic()
        assert time.monotonic() - began < 2
        for connection in (idle, hanging):
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)


def test_a_port_that_is_taken_is_an_error() -> None:
    """Two sandboxes on one port: the second says so."""
    with running_sandbox() as box:
        second = running_sandbox(port=urlsplit(box.url).port or 0)
        with pytest.raises(SettingsError, match="is taken"):
            second.__enter__()


@pytest.mark.parametrize(
    "faults",
    [
        {"timeouts": 1.5},
        {"server_errors": -0.1},
        {"timeouts": 0.6, "dropped_after": 0.6},
        {"latency": -1},
        {"rate_limit": 0},
    ],
)
def test_faults_out_of_range_are_refused(faults: dict[str, float]) -> None:
    """Shares lie between 0 and 1, together too."""
    with pytest.raises(SettingsError):
        Faults(**faults)  # type: ignore[arg-type]  # any field


def test_the_table_of_special_contacts_is_whole() -> None:
    """What the help shows is what the sandbox does."""
    table, every = special_contacts(), {**SPECIAL_CONTACTS, **WAYS}
    assert [digits for digits, _words in table] == list(every)
    assert list(SPECIAL_CONTACTS) == sorted(SPECIAL_CONTACTS)
    assert all(words == str(every[digits].words) for digits, words in table)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_in_the_foreground_ctrl_c_ends_it_quietly() -> None:
    """The URL is announced, it serves, and Ctrl+C leaves no traceback."""
    code = "from batch.sandbox import serve; print(len(serve(announce=lambda url: print(url, flush=True)).applied))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        url = (process.stdout.readline() if process.stdout else "").strip()
        assert post(url)[0] == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "1\n", "")
