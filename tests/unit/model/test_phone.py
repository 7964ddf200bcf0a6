"""The phone rule, guarded by a table of spellings. A change of the table is a change of who is the same person."""

from __future__ import annotations

import subprocess
import sys

import pytest

from batch.control_characters import show_controls
from batch.model.phone.brazil import AREAS
from batch.model.phone.cells import (
    PHONE_RULE_VERSION,
    Phone,
    find_region,
    format_for_api,
    format_phone,
    is_region,
    read_phone,
)
from batch.model.phone.digits import twin_of, unify_forms
from batch.model.reasons import Finding, Reason

MOBILE = "+5511999999999"

SAME_MOBILE = [
    "11999999999",
    " 11999999999 ",
    "11 999999999",
    "11 99999-9999",
    "11-99999-9999",
    "11.99999.9999",
    "11.999.999.999",
    "11/99999-9999",
    "(11) 99999-9999",
    "(11)99999-9999",
    "(11) 9 9999-9999",
    "(11) 9.9999-9999",
    "[11] 99999-9999",
    "( 11 ) 99999 - 9999",
    "(11)999999999",
    "+55 11 99999-9999",
    "+5511999999999",
    "+ 55 11 99999-9999",
    "++5511999999999",
    "(+55) 11 99999-9999",
    "+55 (11) 99999-9999",
    "+55(11)999999999",
    "+55-11-99999-9999",
    "+55 (0) 11 99999-9999",
    "+55 011 99999-9999",
    "+55 015 11 99999-9999",
    "5511999999999",
    "55 11 99999-9999",
    "55 (11) 99999-9999",
    "(55) 11 99999-9999",
    "55 011 99999-9999",
    "55 0 15 11 99999-9999",
    "011 99999-9999",
    "011999999999",
    "(011) 99999-9999",
    "0XX11 99999-9999",
    "0xx11999999999",
    "(0xx11) 99999-9999",
    "0 XX 11 99999-9999",
    "0**11 99999-9999",
    "(xx11) 99999-9999",
    "015 11 99999-9999",
    "01511999999999",
    "0 21 11 99999-9999",
    "041 11 99999-9999",
    "055 11 99999-9999",
    "0055 11 99999-9999",
    "005511999999999",
    "00 55 (11) 99999-9999",
    "tel:+55-11-99999-9999",
    "TEL: 11 99999-9999",
    "Tel. (11) 99999-9999",
    "tel (11) 99999-9999",
    "Cel: 11999999999",
    "Celular: (11) 99999-9999",
    "(11) 99999-9999 cel",
    "WhatsApp 11 99999-9999",
    "(11) 99999-9999 (WhatsApp)",
    "whatsapp:+5511999999999",
    "p:+5511999999999",
    "zap 11 99999 9999",
    "11 99999-9999 (Vivo)",
    "TIM 11 99999-9999",
    "Nº 11 99999-9999",
    "DDD 11 99999-9999",
    "https://wa.me/5511999999999",
    "wa.me/5511999999999?text=oi",
    "https://api.whatsapp.com/send?phone=5511999999999&text=oi",
    "5511999999999@c.us",
    "5511999999999@s.whatsapp.net",
    "11999999999.0",
    "11999999999,0",
    "11999999999.00",
    "5511999999999.0",
    "+5511999999999.0",
    "11.999.999.999,00",
    "11,999,999,999.00",
    "1.1999999999E10",
    "1.1999999999e10",
    "1.1999999999E+10",
    "1,1999999999E+10",
    "1.19999999990E+10",
    "5,511999999999E+12",
    "'11999999999",
    "`11999999999",
    "\u201911999999999",
    '"11999999999"',
    "11\u00a099999-9999",
    "\u00a011999999999\u00a0",
    "11\u200999999\u20119999",
    "\u202a+55 11 99999-9999\u202c",
    "\u200b11999999999",
    "\ufeff11999999999",
    "\uff11\uff11\uff19\uff19\uff19\uff19\uff19\uff19\uff19\uff19\uff19",
    "\u0661\u0661\u0669\u0669\u0669\u0669\u0669\u0669\u0669\u0669\u0669",
    "11\t99999-9999",
    "11\n99999-9999",
    "11 99999-9999;",
    "11 99999-9999 /",
    "-11999999999",
    *(f"11 99999{dash}9999" for dash in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d"),
    "0000005511999999999",  # as many digits as a number is written with
]

WITHOUT_NINTH_DIGIT = [
    "1199999999",
    "(11) 9999-9999",
    "11 9999-9999",
    "551199999999",
    "+55 11 9999-9999",
    "011 9999-9999",
    "0xx11 9999-9999",
    "015 11 9999-9999",
    "0055 11 9999-9999",
    "551199999999@c.us",
    "1199999999.0",
    "1,199999999E+09",
    "55 0 11 9999-9999",
    "11 99\u200f99-9999",  # a mark of direction is no dash: the block is of four
]

OTHERS = [
    ("55999998888", "+5555999998888"),  # DDD 55: length decides
    ("(55) 99999-8888", "+5555999998888"),
    ("5555999998888", "+5555999998888"),
    ("+55 55 99999-8888", "+5555999998888"),
    ("5599998888", "+5555999998888"),
    ("5533334444", "+555533334444"),
    ("55 0 15 11 3333-4444", "+551133334444"),
    ("555533334444", "+555533334444"),
    ("555199998888", "+5551999998888"),
    ("(11) 3456-7890", "+551134567890"),
    ("(11) 93456-7890", "+5511934567890"),
    ("1134567890", "+551134567890"),
    ("551134567890", "+551134567890"),
    ("(21) 2345-6789", "+552123456789"),
    ("(85) 5999-1234", "+558559991234"),
    ("(11) 7777-6666", "+5511977776666"),
    ("(11) 6777-6666", "+5511967776666"),
    ("0 99 11 99999-9999", "+5511999999999"),
    ("+1 305 555 1234", "+13055551234"),
    ("+1 (305) 374-0000", "+13053740000"),
    ("001 305 374 0000", "+13053740000"),
    ("+351 912 345 678", "+351912345678"),
    ("00351 912345678", "+351912345678"),
    ("+595 981 123456", "+595981123456"),
    ("+54 9 11 2345-6789", "+5491123456789"),
    ("+44 7911 123456", "+447911123456"),
    ("wa.me/351912345678", "+351912345678"),
]

REFUSED = [
    ("", Reason.PHONE_MISSING),
    ("   ", Reason.PHONE_MISSING),
    ("-", Reason.PHONE_MISSING),
    ("--", Reason.PHONE_MISSING),
    ("'", Reason.PHONE_MISSING),
    ("(  )     -", Reason.PHONE_MISSING),
    ("\u200b", Reason.PHONE_MISSING),
    ("5,51E+12", Reason.PHONE_DIGITS_LOST),
    ("5.51E+12", Reason.PHONE_DIGITS_LOST),
    ("5,51e12", Reason.PHONE_DIGITS_LOST),
    ("1.2E+10", Reason.PHONE_DIGITS_LOST),
    ("1,1E+10", Reason.PHONE_DIGITS_LOST),
    ("1E+10", Reason.PHONE_DIGITS_LOST),
    ("5,51199999999E+12", Reason.PHONE_DIGITS_LOST),
    ("1,19999999995E+10", Reason.PHONE_NOT_A_NUMBER),
    ("11999999999 / 11988888888", Reason.PHONE_SEVERAL),
    ("11999999999/11988888888", Reason.PHONE_SEVERAL),
    ("11999999999;11988888888", Reason.PHONE_SEVERAL),
    ("11999999999, 11988888888", Reason.PHONE_SEVERAL),
    ("11999999999|11988888888", Reason.PHONE_SEVERAL),
    ("11999999999 e 11988888888", Reason.PHONE_SEVERAL),
    ("11999999999 ou 11988888888", Reason.PHONE_SEVERAL),
    ("11999999999 or 11988888888", Reason.PHONE_SEVERAL),
    ("11999999999\n11988888888", Reason.PHONE_SEVERAL),
    ("11999999999 11988888888", Reason.PHONE_SEVERAL),
    ("(11) 99999-9999 (12) 98888-8888", Reason.PHONE_SEVERAL),
    ("+5511999999999 +5511988888888", Reason.PHONE_SEVERAL),
    ("11 99999-9999 / 98888-8888", Reason.PHONE_SEVERAL),
    ("(11) 3333-4444/5555", Reason.PHONE_SEVERAL),
    ("(55) 3333-4444/45", Reason.PHONE_SEVERAL),
    ("3333-4444 / 3333-5555", Reason.PHONE_SEVERAL),
    ("3333-4444/45", Reason.PHONE_SEVERAL),
    ("33334444 988887777", Reason.PHONE_SEVERAL),
    ("988887777 33334444", Reason.PHONE_SEVERAL),
    ("Tel: 1133334444 Cel: 11999999999", Reason.PHONE_SEVERAL),
    ("99999-9999", Reason.PHONE_NO_AREA_CODE),
    ("9 9999-9999", Reason.PHONE_NO_AREA_CODE),
    ("9999-9999", Reason.PHONE_NO_AREA_CODE),
    ("90012-3456", Reason.PHONE_NO_AREA_CODE),
    ("3456-7890", Reason.PHONE_NO_AREA_CODE),
    ("0 99999-9999", Reason.PHONE_NO_AREA_CODE),
    ("(XX) 99999-9999", Reason.PHONE_NO_AREA_CODE),
    ("+55 99999-8888", Reason.PHONE_NO_AREA_CODE),
    ("999999999.0", Reason.PHONE_NO_AREA_CODE),
    ("(20) 99999-9999", Reason.PHONE_BAD_AREA_CODE),
    ("10999999999", Reason.PHONE_BAD_AREA_CODE),
    ("+55 20 99999-9999", Reason.PHONE_BAD_AREA_CODE),
    ("5520999999999", Reason.PHONE_BAD_AREA_CODE),
    ("(23) 3333-4444", Reason.PHONE_BAD_AREA_CODE),
    ("0800 123 4567", Reason.PHONE_SERVICE_NUMBER),
    ("0800-123456", Reason.PHONE_SERVICE_NUMBER),
    ("08001234567", Reason.PHONE_SERVICE_NUMBER),
    ("8001234567", Reason.PHONE_SERVICE_NUMBER),
    ("+55 800 123 4567", Reason.PHONE_SERVICE_NUMBER),
    ("55 0800 123 4567", Reason.PHONE_SERVICE_NUMBER),
    ("0300 123 4567", Reason.PHONE_SERVICE_NUMBER),
    ("0900 123 4567", Reason.PHONE_SERVICE_NUMBER),
    ("4004-1234", Reason.PHONE_SERVICE_NUMBER),
    ("4003 1234", Reason.PHONE_SERVICE_NUMBER),
    ("3003-1234", Reason.PHONE_SERVICE_NUMBER),
    ("(11) 4004-1234", Reason.PHONE_SERVICE_NUMBER),
    ("(11) 3003-1234", Reason.PHONE_SERVICE_NUMBER),
    *((f"11 98888-777{sign}", Reason.PHONE_NOT_A_NUMBER) for sign in "\u2075\u2085\u2464\u2478\u248c\u24f9\u2780"),
    ("11 98888-7777\u00b9", Reason.PHONE_NOT_A_NUMBER),
    ("\u00b9\u00b9 98888-7777", Reason.PHONE_NOT_A_NUMBER),
    *((f"11 9{sign}88887777", Reason.PHONE_NOT_A_NUMBER) for sign in "\u202b\u202e\u2067"),
    ("não tem", Reason.PHONE_NOT_A_NUMBER),
    ("Tel.", Reason.PHONE_NOT_A_NUMBER),
    ("#N/A", Reason.PHONE_NOT_A_NUMBER),
    ("maria@example.com", Reason.PHONE_NOT_A_NUMBER),
    ("NÃO LIGAR 11 99999-9999", Reason.PHONE_NOT_A_NUMBER),
    ("11 99999-9999 ramal 12", Reason.PHONE_NOT_A_NUMBER),
    ("11 9999X-XXXX", Reason.PHONE_NOT_A_NUMBER),
    ("11 99999-99XX", Reason.PHONE_NOT_A_NUMBER),
    ("11 9****-9999", Reason.PHONE_NOT_A_NUMBER),
    ("11 99999-999_", Reason.PHONE_NOT_A_NUMBER),
    ("11 99999\u20169999", Reason.PHONE_NOT_A_NUMBER),  # a double bar
    ("11 99999-999?", Reason.PHONE_NOT_A_NUMBER),
    ("11 99999-999...", Reason.PHONE_NOT_A_NUMBER),
    ("11 99999-999\u2026", Reason.PHONE_NOT_A_NUMBER),
    ("11999999999.5", Reason.PHONE_NOT_A_NUMBER),
    ("5511999999.95", Reason.PHONE_NOT_A_NUMBER),
    ("119.456.789-09", Reason.PHONE_NOT_A_NUMBER),  # a CPF
    ("12/03/2024", Reason.PHONE_NOT_A_NUMBER),
    ("2024-03-12", Reason.PHONE_NOT_A_NUMBER),
    ("00000000000", Reason.PHONE_NOT_A_NUMBER),
    ("0", Reason.PHONE_TOO_SHORT),
    ("123", Reason.PHONE_TOO_SHORT),
    ("11 99999", Reason.PHONE_TOO_SHORT),
    ("190", Reason.PHONE_TOO_SHORT),
    ("119999999999", Reason.PHONE_TOO_LONG),
    ("(11) 99999-99999", Reason.PHONE_TOO_LONG),
    ("351912345678", Reason.PHONE_TOO_LONG),
    ("55119999999999", Reason.PHONE_TOO_LONG),
    ("+55 11 99999-99999", Reason.PHONE_TOO_LONG),
    ("012 99999-99999", Reason.PHONE_TOO_LONG),  # a typing error of (12) 99999-9999, not carrier 12 and DDD 99
    ("015 91 3100-0000", Reason.PHONE_TOO_LONG),  # the same doubt: (15) 91310-0000 with a digit too many
    ("019 11 99999-9999", Reason.PHONE_TOO_LONG),  # no carrier has 19
    ("019 11 3333-4444", Reason.PHONE_TOO_LONG),
    ("12345678901234567890", Reason.PHONE_TOO_LONG),
    ("00000005511999999999", Reason.PHONE_TOO_LONG),
    ("11111111111", Reason.PHONE_INVALID),
    ("(11) 83333-4444", Reason.PHONE_INVALID),
    ("(11) 1333-4444", Reason.PHONE_INVALID),
    ("(11) 0333-4444", Reason.PHONE_INVALID),
    ("+11999999999", Reason.PHONE_INVALID),
    ("+1 199 999 9999", Reason.PHONE_INVALID),
    ("+999 12345678", Reason.PHONE_INVALID),
    ("0011 99999-9999", Reason.PHONE_INVALID),
    ("+1 800 555 0199", Reason.PHONE_SERVICE_NUMBER),
]


def _read(text: str, region: str = "BR") -> Phone:
    read = read_phone(text, region=region)
    assert isinstance(read, Phone), read
    return read


def _refusal(text: str, region: str = "BR") -> Finding:
    read = read_phone(text, region=region)
    assert isinstance(read, Finding), read
    return read


@pytest.mark.parametrize("text", SAME_MOBILE)
def test_every_spelling_of_a_mobile_is_the_same_person_without_a_note(text: str) -> None:
    """Brackets, prefixes, floats and words around a number do not make another person."""
    assert _read(text) == Phone(e164=MOBILE)


@pytest.mark.parametrize("text", WITHOUT_NINTH_DIGIT)
def test_a_mobile_without_its_ninth_digit_is_repaired_and_the_note_shows_what_was_found(text: str) -> None:
    """The repaired number is the person, the same as of the full spelling."""
    read = _read(text)
    assert read.e164 == MOBILE
    assert read.notes == (Finding(Reason.NOTE_NINTH_DIGIT, {"found": text}),)


@pytest.mark.parametrize(("text", "e164"), OTHERS)
def test_other_numbers_are_read_as_the_table_says(text: str, e164: str) -> None:
    """Area 55, landlines, repaired mobiles of other areas, and numbers of other countries."""
    assert _read(text).e164 == e164


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_cannot_be_read_for_certain_is_refused_by_name(text: str, reason: Reason) -> None:
    """Each refusal says which trouble it is and shows the text."""
    refusal = _refusal(text)
    assert refusal.reason is reason
    assert refusal.values["found"] == show_controls(" ".join(text.split()))


def test_the_table_is_of_this_version_of_the_rule() -> None:
    """Who changes the table raises the version, and the other way round."""
    assert PHONE_RULE_VERSION == 1


def test_there_are_67_area_codes_and_all_of_them_work() -> None:
    """Every DDD gives its own people."""
    assert len(AREAS) == 67
    assert {_read(f"({area}) 99999-8888").e164 for area in AREAS} == {f"+55{area}999998888" for area in AREAS}


def test_every_other_two_digits_are_no_area_code() -> None:
    """The refusal names the area."""
    for area in map(str, (10, 20, 23, 25, 26, 29, 30, 36, 39, 40, 50, 52, *range(56, 61), 70, 72, 76, 78, 80, 90)):
        refusal = _refusal(f"{area}999998888")
        assert (refusal.reason, refusal.values["area"]) == (Reason.PHONE_BAD_AREA_CODE, area)


def test_a_landline_gets_a_note() -> None:
    """WhatsApp Business can be on a landline: warned, not refused."""
    assert _read("(11) 3456-7890").notes == (Finding(Reason.NOTE_LANDLINE, {"found": "(11) 3456-7890"}),)


def test_a_landline_and_a_mobile_that_end_alike_are_two_people() -> None:
    """The person is not area and last eight digits."""
    assert _read("(11) 3456-7890").e164 != _read("(11) 93456-7890").e164


def test_a_text_that_is_too_long_for_a_phone_is_refused() -> None:
    """Except a link, which may have a message behind the number."""
    assert _read("11" + " " * 189 + "988887777").e164 == "+5511988887777"
    assert _refusal("11" + " " * 190 + "988887777").reason is Reason.PHONE_NOT_A_NUMBER
    link = "https://api.whatsapp.com/send?phone=5511988887777&text=" + "a" * 300
    assert isinstance(read_phone(link), Phone)


def test_a_long_text_is_shown_cut() -> None:
    """A whole paragraph in the phone column does not fill the report."""
    assert _refusal("não sei " * 50).values["found"] == ("não sei " * 50)[:57] + "..."
    assert _refusal("x" * 60).values["found"] == "x" * 60
    assert _refusal("x" * 61).values["found"] == "x" * 57 + "..."


@pytest.mark.parametrize(
    ("region", "text", "e164", "national"),
    [
        ("PT", "912 345 678", "+351912345678", "912345678"),
        ("PT", "351912345678", "+351912345678", "912345678"),
        ("PT", "00351 912 345 678", "+351912345678", "912345678"),
        ("PT", "912345678.0", "+351912345678", "912345678"),
        ("DE", "21 98765-4321", "+4921987654321", "21987654321"),
        ("US", "(305) 374-0000", "+13053740000", "3053740000"),
        ("IT", "06 1234 5678", "+390612345678", "0612345678"),
        ("PT", "+55 11 9999-9999", "+5511999999999", "+5511999999999"),
        ("US", "011 55 11 9999-9999", "+5511999999999", "+5511999999999"),
        ("BR", "+351 912 345 678", "+351912345678", "+351912345678"),
        ("BR", "11 9999-9999", "+5511999999999", "11999999999"),
    ],
)
def test_numbers_of_other_regions(region: str, text: str, e164: str, national: str) -> None:
    """A number without a country code is of the campaign's region; one of another country goes out with `+`."""
    assert _read(text, region).e164 == e164
    assert format_for_api(e164, "national", region) == national
    assert format_for_api(e164, "e164", region) == e164
    assert format_for_api(e164, "digits", region) == e164[1:]


def test_other_regions_refuse_by_name_too() -> None:
    """Lost digits are lost digits everywhere; what the country does not have is invalid, with its name."""
    assert _refusal("9,12E+08", "PT").reason is Reason.PHONE_DIGITS_LOST
    assert _refusal("12", "PT").reason is Reason.PHONE_INVALID
    assert _refusal("812 345 678", "PT").values["region"] == "PT (+351)"
    assert _refusal("1", "PT").reason is Reason.PHONE_NOT_A_NUMBER
    assert _refusal("+351 1").reason is Reason.PHONE_TOO_SHORT
    assert _refusal("011 12", "US").reason is Reason.PHONE_TOO_SHORT
    assert _refusal("1" * 18, "PT").reason is Reason.PHONE_TOO_LONG
    assert _refusal("+55 20 99999-9999", "PT").reason is Reason.PHONE_BAD_AREA_CODE


@pytest.mark.parametrize(
    "text",
    ["+376 1800 1234", "+376 912 345", "+355 808 123", "+54 810-123-4567", "+61 16 312 34", "+420 93 123 456 789"],
)
def test_a_foreign_service_number_is_refused(text: str) -> None:
    """Toll-free, premium rate, shared cost, a company's, a pager, voicemail: no person has it."""
    assert _refusal(text).reason is Reason.PHONE_SERVICE_NUMBER


def test_a_foreign_landline_gets_a_note() -> None:
    """The note is the same as for Brazil."""
    assert [note.reason for note in _read("+39 06 1234 5678").notes] == [Reason.NOTE_LANDLINE]


@pytest.mark.parametrize(
    ("e164", "text"),
    [
        ("+5511988887777", "+55 11 98888-7777"),
        ("+551133334444", "+55 11 3333-4444"),
        ("+351912345678", "+351 912 345 678"),
        ("+13053740000", "+1 305-374-0000"),
        ("nobody", "nobody"),
        ("+55 11 *****-**77", "+55 11 *****-**77"),
    ],
)
def test_numbers_are_shown_with_spaces(e164: str, text: str) -> None:
    """So that Excel does not make a number of them."""
    assert format_phone(e164) == text


def test_regions_are_two_letters_that_the_library_knows() -> None:
    """Lower case and made-up codes are no regions."""
    assert is_region("BR")
    assert is_region("PT")
    assert not is_region("br")
    assert not is_region("XX")


def test_brazilian_numbers_do_not_load_the_slow_library() -> None:
    """A plain campaign starts without `phonenumbers`."""
    code = (
        "import sys; from batch.model.phone.cells import read_phone, format_for_api, format_phone, is_region;"
        "read_phone('(11) 9999-9999'); read_phone('não'); is_region('BR');"
        "format_for_api('+5511999999999', 'national'); format_phone('+5511999999999'); "
        "sys.exit('phonenumbers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "text",
    ["11 8888-7777", "11 88887777", "1188887777", "(11)8888.7777", "118888-7777", "+55 11 9888-7777", "11 8888 7777"],
)
def test_a_ninth_digit_is_added_to_eight_in_one_block_or_four_and_four(text: str) -> None:
    """So numbers were written before 2016; the digit is added, and that is noted."""
    read = _read(text)
    assert len(read.e164) == len("+5511988887777")
    assert [note.reason for note in read.notes] == [Reason.NOTE_NINTH_DIGIT]


@pytest.mark.parametrize(
    "text",
    [
        "11 9 0000-272",
        "11 90000-272",
        "(11) 9 8888 777",
        "11 9-8888777",
        "+55 11 9 8888-777",
        "(01) 98888-7777",
        "1 98888-7777",
    ],
)
def test_a_number_that_lost_a_digit_is_no_other_persons(text: str) -> None:
    """Eight digits that are written as nine were."""
    assert _refusal(text).reason is Reason.PHONE_TOO_SHORT


@pytest.mark.parametrize("text", ["(00) 98888-7777", "(00)988887777", "00 98888-7777", "0098888-7777", "00 8888-7777"])
def test_an_area_code_of_zeros_is_no_country(text: str) -> None:
    """Forms and exports put it for none; it is not Iran."""
    refusal = _refusal(text)
    assert (refusal.reason, refusal.values["area"]) == (Reason.PHONE_BAD_AREA_CODE, "00")


def test_the_international_prefix_still_works() -> None:
    """Two zeros before a whole number with its country."""
    assert _read("0055 11 99999-9999").e164 == MOBILE
    assert _read("00351 912 345 678").e164 == "+351912345678"


@pytest.mark.parametrize("text", ["BR.1890869588965887", "PT.abc123XYZ", "@ana.souza", " @Ana_Souza "])
def test_people_who_hide_their_number_have_a_reason_of_their_own(text: str) -> None:
    """Since 2026 exports hold WhatsApp's own ids and names."""
    assert _refusal(text).reason is Reason.WHATSAPP_USER_ID


@pytest.mark.parametrize(
    ("text", "dialled"),
    [
        ("+54 9 11 2345-6789", None),
        ("+54 11 2345-6789", "+541123456789"),
        ("5491123456789@c.us", None),
        ("+54 011 15 2345-6789", None),
    ],
)
def test_argentinas_two_forms_are_one_person(text: str, dialled: str | None) -> None:
    """Known by the form with 9, sent to as it is written."""
    read = _read(text)
    assert (read.e164, read.dialled) == ("+5491123456789", dialled)
    assert twin_of(read.e164) == "+541123456789"
    assert unify_forms(twin_of(read.e164) or "") == read.e164


def test_mexicos_one_is_no_part_of_the_number() -> None:
    """It was dialled before mobiles until 2019."""
    assert _read("+52 1 55 1234 5678").e164 == _read("+52 55 1234 5678").e164 == "+525512345678"


def test_blocks_of_three_may_be_of_another_country() -> None:
    """No Brazilian writes so: refused unless the row names its country, or it is a number of one only."""
    assert _refusal("51 987 654 321").reason is Reason.PHONE_COUNTRY_UNCLEAR
    assert isinstance(read_phone("51 987 654 321", region="BR", sure=True), Phone)
    peru = read_phone("51 987 654 321", region="PE", sure=True)
    assert isinstance(peru, Phone)
    assert peru.e164 == "+51987654321"
    assert _read("51 98765-4321").e164 == "+5551987654321"
    assert _read("11.999.999.999").e164 == MOBILE


def test_an_area_code_fills_in_a_missing_one_only() -> None:
    """A number with its own keeps it."""
    assert read_phone("99999-9999", area="21") == Phone("+5521999999999")
    assert read_phone("11 99999-9999", area="21") == Phone(MOBILE)
    assert read_phone("+55 99999-9999", area="21") == Phone("+5521999999999")
    landline = read_phone("3333-4444", area="21")
    assert isinstance(landline, Phone)
    assert landline.e164 == "+552133334444"


@pytest.mark.parametrize(
    ("text", "region"),
    [
        *(
            ("BR", "BR"),
            ("brasil", "BR"),
            ("Brazil", "BR"),
            ("+55", "BR"),
            ("55", "BR"),
            ("0055", "BR"),
            ("Portugal", "PT"),
        ),
        *(("México", "MX"), ("Estados Unidos", "US"), ("EUA", "US"), ("United Kingdom", "GB"), ("España", "ES")),
        *((name, "US") for name in ("usa", "eeuu", "us", "Estados Unidos da América", "América")),
        *((name, "GB") for name in ("uk", "gbr", "Inglaterra", "England", "Grã-Bretanha", "Great Britain")),
        *(("Holanda", "NL"), ("bra", "BR"), ("prt", "PT"), ("arg", "AR"), ("mex", "MX"), ("esp", "ES"), ("chl", "CL")),
        *(("per", "PE"), ("col", "CO"), ("ury", "UY"), ("pry", "PY"), ("bol", "BO"), ("deu", "DE"), ("fra", "FR")),
        *(("ita", "IT"), ("can", "CA"), ("ago", "AO"), ("moz", "MZ"), ("jpn", "JP"), ("ven", "VE"), ("ecu", "EC")),
        ("SWE", "SE"),
        *(("Atlântida", None), ("0", None), ("999", None), ("3511", None), ("XX", None), ("-", None)),
        *(("SU", None), ("YU", None)),
    ],
)
def test_countries_by_name_letters_and_code(text: str, region: str | None) -> None:
    """In Portuguese, English and Spanish."""
    assert find_region(text) == region


def test_a_zero_and_no_carrier_is_refused() -> None:
    """`019 11 99999-9999`: no carrier has that code, so a digit may be wrong."""
    assert _refusal("019 11 99999-9999").reason is Reason.PHONE_TOO_LONG
    assert _refusal("019 11 3333-4444").reason is Reason.PHONE_TOO_LONG
