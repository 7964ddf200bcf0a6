"""Phrases of ours that stand as values in findings: kept in English, said in the language of who reads them.

A finding is stored with its values and read later, perhaps in another language. So a value that is words of ours (what
is wrong with a cell, what is allowed, how long) is stored in English, and `said` knows it again: a fixed text by the
catalogue, one with something in it by its form here. What stands inside it (a cell's text, a code) stays as it is.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache

from batch.i18n import N_, _, chosen, number

__all__ = ["Phrase", "figure", "of_a_form", "said"]


class Phrase(StrEnum):
    """Forms with something in them, to be filled by `format`. Once a form is changed, older findings stay English."""

    # What is wrong with a cell, or with a row.
    ERROR_CELL = N_("error cell {code}")
    LOST_TEXT = N_("error cell: text number {digits} is missing in the workbook")
    MORE_CELLS = N_("it has {have} cells, the header has {named}; beyond it stands {shown}")
    FEWER_CELLS = N_("it has {have} cells, the header has {named}")
    # Why a value is none, or refused; what is allowed.
    SPACES = N_("{spaces} spaces in a row")
    SHORT_YEAR = N_("{value} (write the year with four digits)")
    THOUSANDS = N_("{value} (English thousands or Brazilian decimals?)")
    DECIMALS = N_("{value} (more than two decimals)")
    AT_LEAST = N_("{least} and up")
    # Names of fields.
    FIELD_PART = N_("template field {number}, {part}")
    TEMPLATE_FIELD = N_("template field {number}")
    INDEX_OF = N_("index of {component}")
    BODY = N_("body")
    BODY_OF_CARD = N_("body of card {card}")
    CARD_FIELD = N_("card {card} {component}")
    OPTOUT = N_("the opt-out")
    # Who put a person on the suppression list, and why.
    STOPPED_MARKETING = N_("stopped marketing messages ({code})")
    ROW_OF_SHEET = N_("row {row} of the sheet")
    WHATSAPP_RUN = N_("WhatsApp, run {run}")
    # How long.
    ONE_DAY = N_("1 day")
    DAYS = N_("{days} days")
    ONE_HOUR = N_("1 hour")
    HOURS = N_("{hours} hours")
    ONE_MINUTE = N_("1 minute")
    MINUTES = N_("{minutes} minutes")
    SECONDS = N_("{seconds} seconds")
    # What the API's answer is, when it is no readable one.
    NO_JSON = N_("no JSON, but {words}")
    NO_ID = N_("no id in it; {words}")
    NO_END = N_("HTTP {status} ends no request")


_FIGURES = frozenset(
    {"card", "days", "have", "hours", "least", "minutes", "named", "number", "seconds", "spaces", "status"}
)
"""What is a figure in every form that names it; all else may be any text."""
_WITH_DETAIL = re.compile(r"(?P<phrase>.+?) \((?P<detail>.*)\)", re.DOTALL)
_FIGURE = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]{1,15}(?:\.[0-9]+)?", re.ASCII)


def said(text: str) -> str:
    """A phrase in the language that is spoken now; a text that is no phrase, and every text in English, as it is.

    Behind a phrase may stand a detail in brackets, or a full stop. Not for what may be a cell's own text: `of_a_form`.
    """
    if not text or chosen() == "en":
        return text
    return _phrase(text) or _with_detail(text) or _with_stop(text) or text


def of_a_form(text: str) -> str:
    """As `said`, but only by the forms: a cell's text that happens to be a word of ours stays as it is."""
    return text if chosen() == "en" else _by_form(text) or text


def figure(text: str) -> str:
    """A figure in a finding (`1,200`, `0.5`) as people of the language write it; any other text as it is."""
    if chosen() == "en" or not _FIGURE.fullmatch(text):
        return text
    whole, _point, decimals = text.replace(",", "").partition(".")
    return number(int(whole)) + (f",{decimals}" if decimals else "")


def _phrase(text: str) -> str | None:
    fixed = _(text)
    return fixed if fixed != text else _by_form(text)


def _by_form(text: str) -> str | None:
    for form, pattern in _patterns():
        if match := pattern.fullmatch(text):
            return _(form).format_map({name: _inside(name, value) for name, value in match.groupdict().items()})
    return None


def _inside(name: str, value: str) -> str:
    if name in _FIGURES:
        return figure(value)
    if name == "words":
        return said(value)
    return of_a_form(value) if name == "component" else value


def _with_detail(text: str) -> str | None:
    match = _WITH_DETAIL.fullmatch(text)
    phrase = _phrase(match["phrase"]) if match else None
    return f"{phrase} ({said(match['detail'])})" if match and phrase else None


def _with_stop(text: str) -> str | None:
    phrase = _phrase(text.removesuffix(".")) if text.endswith(".") else None
    return f"{phrase}." if phrase else None


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The forms in their order: one that says more stands before one that would match it too."""
    return tuple((form.value, _pattern(form.value)) for form in Phrase)


def _pattern(form: str) -> re.Pattern[str]:
    pieces = re.split(r"\{(\w+)\}", form)
    written = [re.escape(piece) if at % 2 == 0 else _group(piece) for at, piece in enumerate(pieces)]
    return re.compile("".join(written), re.DOTALL)


def _group(name: str) -> str:
    return f"(?P<{name}>[0-9.,]+)" if name in _FIGURES else f"(?P<{name}>.*)"
