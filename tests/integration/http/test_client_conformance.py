"""The client against the sandbox over a real socket: each special contact, with the number of messages applied."""

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest
from client_ways import WAYS
from sandbox_log import applied_to

from batch.chats import ChatsClient, Token, encode, make_ssl_context
from batch.model.messages import Message, TemplateField
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason
from batch.model.verdicts import Verdict
from batch.sandbox import SPECIAL_CONTACTS, Faults, RunningSandbox, running_sandbox

SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
SECRET = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjb25mb3JtYW5jZSJ9.c2VjcmV0LXNpZ25hdHVyZQ"


WAY = {"way": WAYS["direct"]}


@pytest.fixture(autouse=True, scope="module", params=["connected", "proxied, connected"])
def _both_ways(request: pytest.FixtureRequest) -> Iterator[None]:
    """Everything here holds without a proxy and through one."""
    WAY["way"] = WAYS[request.param]
    yield
    WAY["way"] = WAYS["direct"]


@pytest.fixture(scope="module")
def sandbox(_both_ways: None) -> Iterator[RunningSandbox]:
    """One sandbox for all tests of a way; each test has contacts of its own."""
    with running_sandbox() as running:
        yield running


TLS = make_ssl_context()


def payload(contact: str, value: str = "Jo\u00e3o") -> str:
    """The body of a POST to this contact."""
    field = TemplateField(component="BODY", type="TEXT", index=1, value=value)
    return encode(
        Message(
            whatsapp_phone_id=SENDER,
            wa_contact_id=contact,
            template_name="saudacao_inicial",
            template_language="pt_BR",
            template_fields=(field,),
        )
    )


def posts(url: str, *bodies: str, had_answer: bool = True, **options: object) -> list[Verdict]:
    """Post these one after another with one client."""
    settings = {"token": Token.parse(SECRET, "test"), "ssl_context": TLS, "read_timeout": 5.0, **options}

    async def run() -> list[Verdict]:
        client = WAY["way"].make(endpoint=url, **settings)
        try:
            return [await client.post(body, had_answer=had_answer) for body in bodies]
        finally:
            await client.aclose()

    return asyncio.run(run())


CONFORMANCE = {
    # digits: outcome, reason, repeat, stop, messages applied
    "0001": (Outcome.SUCCESS, Reason.CREATED, False, False, 1),
    "0131": (Outcome.ERROR, Reason.NOT_ON_WHATSAPP, False, False, 0),
    "0149": (Outcome.ERROR, Reason.NOT_DELIVERED_BY_CHOICE, False, False, 0),
    "0150": (Outcome.ERROR, Reason.OPTED_OUT, False, False, 0),
    "0200": (Outcome.REUSED, Reason.REUSED, False, False, 1),
    "0201": (Outcome.SUCCESS, Reason.CREATED, False, False, 1),
    "0302": (Outcome.UNKNOWN, Reason.REDIRECTED, False, True, 0),
    "0400": (Outcome.ERROR, Reason.API_REFUSED, False, False, 0),
    "0401": (Outcome.PENDING, Reason.NOT_AUTHORIZED, False, True, 0),
    "0403": (Outcome.ERROR, Reason.API_REFUSED, False, False, 0),
    "0404": (Outcome.ERROR, Reason.API_REFUSED, False, False, 0),
    "0408": (Outcome.UNKNOWN, Reason.REQUEST_TIMEOUT, False, False, 0),
    "0422": (Outcome.ERROR, Reason.API_REFUSED, False, False, 0),
    "0425": (Outcome.PENDING, Reason.TRY_LATER, True, False, 0),
    "0429": (Outcome.PENDING, Reason.RATE_LIMITED, True, False, 0),
    "0500": (Outcome.UNKNOWN, Reason.SERVER_ERROR, False, False, 0),
    "0501": (Outcome.UNKNOWN, Reason.SERVER_ERROR, False, False, 1),
    "0503": (Outcome.PENDING, Reason.RATE_LIMITED, True, False, 0),
    "0504": (Outcome.UNKNOWN, Reason.SERVER_ERROR, False, False, 1),
    "0900": (Outcome.UNKNOWN, Reason.ANSWER_LOST, False, False, 1),
    "0901": (Outcome.UNKNOWN, Reason.ANSWER_LOST, False, False, 0),
    "0902": (Outcome.UNKNOWN, Reason.ANSWER_TIMEOUT, False, False, 1),
    "0903": (Outcome.UNKNOWN, Reason.UNREADABLE_ANSWER, False, False, 0),
    "0904": (Outcome.UNKNOWN, Reason.UNREADABLE_ANSWER, False, False, 1),
    "0905": (Outcome.UNKNOWN, Reason.ANSWER_LOST, False, False, 1),
}


def test_the_suite_has_every_special_contact() -> None:
    """A special contact that is added to the sandbox must be added here."""
    assert set(CONFORMANCE) == set(SPECIAL_CONTACTS) | {"0001"}


@pytest.mark.parametrize("digits", CONFORMANCE)
def test_a_special_contact(sandbox: RunningSandbox, digits: str) -> None:
    """The verdict agrees with what the server's own log says it applied."""
    contact = f"1199999{digits}"
    (verdict,) = posts(sandbox.url, payload(contact), read_timeout=0.3 if digits == "0902" else 5.0)
    seen = (verdict.outcome, verdict.finding.reason, verdict.repeat, verdict.stop, applied_to(sandbox.log, contact))
    assert seen == CONFORMANCE[digits]
    assert verdict.outcome.is_accepted is (verdict.signs is not None)
    assert SECRET not in repr(verdict)


@pytest.mark.parametrize("digits", ["0425", "0429", "0503"])
def test_what_asks_to_come_back_is_accepted_the_second_time(sandbox: RunningSandbox, digits: str) -> None:
    """The released row is posted again and sent exactly once."""
    contact = f"1199998{digits}"
    first, second = posts(sandbox.url, payload(contact), payload(contact))
    assert (first.outcome, first.repeat) == (Outcome.PENDING, True)
    assert first.pause == (None if digits == "0425" else 1.0)
    assert second.outcome is Outcome.SUCCESS
    assert applied_to(sandbox.log, contact) == 1


@pytest.mark.parametrize(("digits", "reason"), [("0403", Reason.FORBIDDEN), ("0404", Reason.WRONG_ADDRESS)])
def test_before_the_first_answer_403_and_404_stop(sandbox: RunningSandbox, digits: str, reason: Reason) -> None:
    """A wrong address or a forbidden token stops the run instead of burning rows."""
    (verdict,) = posts(sandbox.url, payload(f"1199997{digits}"), had_answer=False)
    assert (verdict.outcome, verdict.stop, verdict.finding.reason) == (Outcome.PENDING, True, reason)


def test_a_page_at_the_first_row_stops(sandbox: RunningSandbox) -> None:
    """A wrong base URL that answers 200 with a web page stops at the first row."""
    (verdict,) = posts(sandbox.url, payload("11999960903"), had_answer=False)
    assert (verdict.outcome, verdict.stop) == (Outcome.UNKNOWN, True)


def test_the_body_arrives_as_it_is(sandbox: RunningSandbox) -> None:
    """The server receives the payload byte for byte."""
    body = payload("11999950001", value='Z\u00e9 "\\" \U0001f600')
    posts(sandbox.url, body)
    assert sandbox.log.received[-1].body == body


def test_one_person_has_one_chat(sandbox: RunningSandbox) -> None:
    """National, with 55, with +55 and without the ninth digit are one person with one chat."""
    forms = ("41988887777", "5541988887777", "+55 41 98888-7777", "4188887777")
    verdicts = posts(sandbox.url, *(payload(form) for form in forms))
    assert len({verdict.signs.chat_id for verdict in verdicts if verdict.signs}) == 1
    assert applied_to(sandbox.log, "41988887777") == len(forms)


def test_a_wrong_token_stops(sandbox: RunningSandbox) -> None:
    """HTTP 401: nothing sent, the row stays pending, the run stops."""
    (verdict,) = posts(sandbox.url, payload("11999940001"), token=Token.parse("invalid", "test"))
    assert (verdict.outcome, verdict.stop, verdict.finding.reason) == (Outcome.PENDING, True, Reason.NOT_AUTHORIZED)
    assert applied_to(sandbox.log, "11999940001") == 0


def test_the_origin_is_sent_when_the_key_needs_it() -> None:
    """With an allowed_domain the origin decides."""
    with running_sandbox(allowed_domain="loja.example") as bound:
        (without,) = posts(bound.url, payload("11999990001"))
        (with_it,) = posts(bound.url, payload("11999990001"), origin="https://www.loja.example")
        assert (without.http_status, with_it.http_status) == (403, 200)


def test_a_rate_limit_is_told() -> None:
    """Beyond the sandbox's rate the verdict is a pause, and only what was accepted is applied."""
    with running_sandbox(faults=Faults(rate_limit=3)) as limited:
        verdicts = posts(limited.url, *(payload(f"1199999000{number}") for number in range(1, 7)))
        accepted = [verdict for verdict in verdicts if verdict.outcome is Outcome.SUCCESS]
        slowed = [verdict for verdict in verdicts if verdict.finding.reason is Reason.RATE_LIMITED]
        assert len(accepted) + len(slowed) == 6
        assert slowed
        assert {verdict.pause for verdict in slowed} == {1.0}
        assert len(limited.log.applied) == len(accepted)


def test_the_token_is_nowhere(sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the log of any library at any level, not in a repr of the client or its parts, not in the server's log."""
    with caplog.at_level(logging.DEBUG):
        posts(sandbox.url, *(payload(f"1199993{digits}") for digits in ("0001", "0400", "0900", "0904")))
    client = ChatsClient(endpoint=sandbox.url, token=Token.parse(SECRET, "test"))
    assert "asyncio" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in repr(client) + repr(vars(client))
    assert SECRET not in json.dumps(sandbox.log.as_json())
