"""The phone rule, over all numbers and all texts."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from batch.model.phone.brazil import AREAS
from batch.model.phone.cells import Form, Phone, format_for_api, format_phone, read_phone
from batch.model.reasons import Finding, Reason, sentence

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""

digits = st.text("0123456789", min_size=1, max_size=18)
areas = st.sampled_from(sorted(AREAS))
mobiles = st.from_regex(r"9[0-9]{8}", fullmatch=True)
landlines = st.from_regex(r"[25][0-9]{7}|3[1-9][0-9]{6}|4[1-9][0-9]{6}", fullmatch=True)
without_ninth = st.from_regex(r"[6-9][0-9]{7}", fullmatch=True)
noise = st.text(st.sampled_from("0123456789+-() ./;,xXeE*'\u00a0\u200b\uff11wpp@tel:"), max_size=30)
texts = st.one_of(st.text(max_size=40), noise, digits)
prefixes = st.sampled_from(["", "0", "55", "+55", "+55 ", "0055", "015", "0xx", "tel:+55", "+55 (0)", "'"])
shapes = st.sampled_from(["{a}{n}", "({a}) {n}", "{a} {n}", "({a}){n}", "{a}-{n}", " {a}{n} ", "{a}\u00a0{n}"])
breaks = st.sampled_from(["", "-", " ", ".", "\u2013"])

BRAZILIAN = re.compile(r"\+55[1-9][1-9](?:9[0-9]{8}|[2-5][0-9]{7})")


def _spelled(prefix: str, shape: str, between: str, area: str, number: str) -> str:
    return prefix + shape.format(a=area, n=f"{number[:-4]}{between}{number[-4:]}").strip()


@unhurried
@given(prefixes, shapes, breaks, areas, mobiles | landlines)
def test_every_spelling_of_a_number_is_the_same_person(
    prefix: str, shape: str, between: str, area: str, number: str
) -> None:
    """Whatever the prefix, brackets and breaks. (After a carrier, eight digits of an area 9x may be a typing error.)"""
    assume(not (prefix == "015" and area.startswith("9") and len(number) < len("999999999")))
    read = read_phone(_spelled(prefix, shape, between, area, number))
    assert isinstance(read, Phone)
    assert read.e164 == f"+55{area}{number}"


@unhurried
@given(shapes, breaks, areas, without_ninth)
def test_a_mobile_without_its_ninth_digit_is_the_person_with_it(
    shape: str, between: str, area: str, number: str
) -> None:
    """In every area, and never without the note."""
    read = read_phone(_spelled("", shape, between, area, number))
    assert isinstance(read, Phone)
    assert read.e164 == f"+55{area}9{number}"
    assert [note.reason for note in read.notes] == [Reason.NOTE_NINTH_DIGIT]


@unhurried
@given(texts)
def test_any_text_is_a_person_or_a_finding_with_a_whole_sentence(text: str) -> None:
    """Never an exception, never a number that no one can have."""
    read = read_phone(text)
    if isinstance(read, Finding):
        assert "{" not in sentence(Finding(read.reason, {**read.values, "found": ""}))
    elif read.e164.startswith("+55"):
        assert BRAZILIAN.fullmatch(read.e164)
        assert read.e164[3:5] in AREAS
    else:
        assert re.fullmatch(r"\+[1-9][0-9]{5,14}", read.e164)


@unhurried
@given(texts | st.builds(_spelled, prefixes, shapes, breaks, areas, mobiles))
def test_an_invisible_sign_before_a_number_changes_nothing(text: str) -> None:
    """The usual spellings have a pattern of their own, which the sign keeps them from: all rules read them alike."""
    read, careful = read_phone(text), read_phone(f"\u200b{text}")
    if isinstance(read, Finding):
        assert isinstance(careful, Finding)
        assert careful.reason is read.reason
    else:
        assert isinstance(careful, Phone)
        assert careful.e164 == read.e164
        assert [note.reason for note in careful.notes] == [note.reason for note in read.notes]


@unhurried
@given(areas, mobiles | landlines, st.sampled_from(["national", "e164", "digits"]))
def test_what_goes_out_reads_back_as_the_same_person(area: str, number: str, form: Form) -> None:
    """Also what people are shown, also for DDD 55."""
    e164 = f"+55{area}{number}"
    for text in (format_for_api(e164, form), format_phone(e164)):
        read = read_phone(text)
        assert isinstance(read, Phone)
        assert read.e164 == e164


@unhurried
@given(digits)
def test_digits_that_are_read_are_all_kept(text: str) -> None:
    """But for prefixes and an inserted ninth digit, the person's number ends as the cell does."""
    read = read_phone(text)
    if isinstance(read, Phone) and read.e164.startswith("+55"):
        assert text.endswith(read.e164[-8:])


@unhurried
@given(areas, mobiles, areas, mobiles, st.sampled_from([" / ", ";", ", ", " ou ", "\n", " e ", " "]))
def test_two_numbers_in_a_cell_are_never_one_person(
    area: str, number: str, other_area: str, other: str, between: str
) -> None:
    """Not the first, not the last, not a mixture."""
    read = read_phone(f"({area}) {number}{between}({other_area}) {other}")
    assert isinstance(read, Finding)
    assert read.reason is Reason.PHONE_SEVERAL


@unhurried
@given(texts, st.sampled_from(["PT", "US", "AR", "IT", "AC"]))
def test_other_regions_never_raise_either(text: str, region: str) -> None:
    """A person in E.164, or a finding."""
    read = read_phone(text, region=region)
    assert isinstance(read, Finding) or re.fullmatch(r"\+[1-9][0-9]{4,14}", read.e164)
