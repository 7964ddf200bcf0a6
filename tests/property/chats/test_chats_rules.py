"""Rules of the client's small parts, and of the sandbox's faults."""

import json
import string

from hypothesis import assume, given
from hypothesis import strategies as st

from batch.chats import Token, encode, parse_endpoint
from batch.chats.error_text import LONGEST, decode_body, extract_text, one_line, parse_json
from batch.errors import SettingsError
from batch.model.messages import Message, TemplateField
from batch.sandbox.faults import PLAIN, Faults
from batch.sandbox.requests import person_of

VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(st.text(max_size=60) | st.builds("https://{}{}".format, TEXT, TEXT))
def test_an_endpoint_is_canonical_or_refused(url: str) -> None:
    """Whatever comes out comes out of itself, and is https or of this machine."""
    try:
        endpoint = parse_endpoint(url)
    except SettingsError:
        return
    assert parse_endpoint(endpoint) == endpoint
    assert endpoint.isascii()
    assert not endpoint.endswith("/")
    assert endpoint.startswith(("https://", "http://localhost", "http://127.", "http://[::1]"))


@given(text=st.text(VISIBLE, min_size=1, max_size=80), before=TEXT, after=TEXT)
def test_a_token_never_survives_redaction(text: str, before: str, after: str) -> None:
    """Wherever it stands in a text, it is gone afterwards."""
    assume(text not in "[token]")
    assert text not in Token(text).redact(before + text + after).replace("[token]", "")


@given(body=st.binary(max_size=300), kind=st.text(max_size=30) | st.builds("text/x; charset={}".format, TEXT))
def test_any_body_becomes_a_short_line(body: bytes, kind: str) -> None:
    """No body of any encoding fails or leaves more than one printable line."""
    text = decode_body(body, kind)
    words = extract_text(text, parse_json(text))
    assert len(words) <= LONGEST
    assert words.isprintable()
    assert one_line(words) == words


@given(name=TEXT, value=TEXT, index=st.integers(1, 99), button=st.none() | st.integers(0, 9))
def test_a_body_holds_exactly_the_message(name: str, value: str, index: int, button: int | None) -> None:
    """Any text survives; what is None is not there."""
    field = TemplateField(component="BODY", type="TEXT", index=index, value=value, button_index=button)
    message = Message(
        whatsapp_phone_id="0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c",
        wa_contact_id="11999990001",
        template_name="t",
        template_language="pt_BR",
        template_fields=(field,),
        remote_profile_name=name,
    )
    body = json.loads(encode(message))
    expected = {"component": "BODY", "type": "TEXT", "index": index, "value": value}
    assert body["template_fields"] == [expected if button is None else {**expected, "button_index": button}]
    assert body["remote_profile_name"] == name
    assert set(body) == {"whatsapp_phone_id", "wa_contact_id", "template", "remote_profile_name", "template_fields"}


@given(area=st.sampled_from(["11", "21", "55", "71", "99"]), rest=st.text(string.digits, min_size=8, max_size=8))
def test_a_person_is_one_in_every_form(area: str, rest: str) -> None:
    """National, with 55, with +55, formatted, with a leading zero, without the ninth digit."""
    rest = f"9{rest[1:]}"  # without the ninth digit a mobile begins with 6 to 9
    number = f"{area}9{rest}"
    forms = (number, f"55{number}", f"+55{number}", f"+55 {area} 9{rest[:4]}-{rest[4:]}", f"0{number}", f"{area}{rest}")
    assert {person_of(form) for form in forms} == {f"+55{number}"}


@given(seed=st.integers(0, 1000), person=st.text(string.digits, min_size=8, max_size=12), attempt=st.integers(1, 9))
def test_faults_are_repeatable_and_bounded_by_their_shares(seed: int, person: str, attempt: int) -> None:
    """The same seed, person and attempt meet the same fate; shares of 0 and 1 mean never and always."""
    faults = Faults(server_errors=0.2, dropped_before=0.1, dropped_after=0.1, timeouts=0.1, seed=seed)
    assert faults.draw(person, attempt) is faults.draw(person, attempt)
    assert Faults(seed=seed).draw(person, attempt) is PLAIN
    assert Faults(server_errors=1.0, seed=seed).draw(person, attempt).status == 500
    varied = Faults(latency=0.5, latency_varies=True, seed=seed)
    assert varied.delay(person, attempt) == varied.delay(person, attempt) >= 0


def test_shares_are_about_what_was_asked_for() -> None:
    """Of 4,000 attempts about a tenth is dropped."""
    faults = Faults(dropped_after=0.1, seed=7)
    dropped = sum(faults.draw(f"+55119{number:08}", 1) is not PLAIN for number in range(4000))
    assert 300 < dropped < 500
