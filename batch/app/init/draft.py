"""Makes the draft of a campaign file from the guess about a sheet and the facts that a person gives. Pure."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from batch.app.init.analyse import SheetAnalysis, columns_in, value_text
from batch.campaign import FIELDS, Column, Constant, Draft, DraftField, Source, body_problem, check_value, placeholders
from batch.errors import SettingsError
from batch.formatting import quote_path
from batch.i18n import _
from batch.loader import (
    ColumnFacts,
    Suggestion,
    column_source,
    count_refusals,
    differing_column,
    holds_answers,
    is_consent_header,
    is_optout_header,
    suggest_link,
    suggest_value,
)
from batch.model.reasons import Finding

_OWN_SECTIONS = ("whatsapp_phone_id", "template.name", "template.language")
_LONGEST_NAME = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class CampaignFacts:
    """Facts that a person adds to the sheet. None: to be filled in later, or left out.

    Raises SettingsError for what could never be right.
    """

    sender: str | None = None
    template: str | None = None
    language: str | None = None
    """Of the template."""
    body: str | None = None
    """The template's text."""
    values: Mapping[int, Source | None] = field(default_factory=dict)
    """Value of each `{{n}}` of the body."""
    header: Source | None = None
    """Value of the `{{1}}` in the header above the text; None: it has none, or is left for later."""
    has_header: bool = False
    """The header has a `{{1}}`."""
    button: int | None = None
    """Index of the button that opens a link with an end for each person; None: none does."""
    link_end: Source | None = None
    """Value of that end."""
    refused: Sequence[str] = ()
    """Columns that look like opt-out or consent and are none."""
    unique_by: str | None = None
    """People get a message for each of their rows that differ in this column; None: one message."""

    def __post_init__(self) -> None:
        given = {
            "whatsapp_phone_id": (self.sender, _("Wegly shows it with your number.")),
            "template.name": (self.template, _("WhatsApp shows it beside the template.")),
            "template.language": (self.language, _("WhatsApp shows it beside the template.")),
        }
        for name, (value, remedy) in given.items():
            if value is not None and isinstance(check_value(name, value.strip()), Finding):
                allowed = FIELDS[name].valid_values
                problem = _("{value!r} is not {allowed}.").format(value=value, allowed=allowed)
                raise SettingsError(problem, remedy)
        wrong = None if self.body is None else body_problem(self.body)
        if wrong:
            problem = _("The template's text cannot be right: {problem}.").format(problem=wrong)
            raise SettingsError(problem, _("Copy it from WhatsApp once more."))


def campaign_name(stem: str) -> str:
    """Make a campaign's name from a file's: one line without braces, never empty."""
    plain = "".join(char for char in unicodedata.normalize("NFC", stem) if char.isprintable() and char not in "{}")
    return plain.strip()[:_LONGEST_NAME].strip() or "campanha"


def values_to_fill(analysis: SheetAnalysis, body: str | None) -> dict[int, Source | None]:
    """Return the `{{n}}` of the body that no column `body_n` fills, each with the guess that the text suggests."""
    guess, facts = analysis.guess, analysis.facts
    if body is None or any(each.component == Constant(value="BODY") and not each.card_index for each in guess.fields):
        return {}
    found: dict[int, Source | None] = {}
    for index in placeholders(body):
        taken = {column for value in found.values() if value for column in columns_in(value)}
        found[index] = suggest_value(body, index, guess, facts, taken)
    return found


def suggest_header(header: str, analysis: SheetAnalysis) -> Source | None:
    """Return the value that fits the `{{1}}` of the header's text; None where none does."""
    return suggest_value(header, 1, analysis.guess, analysis.facts)


def suggest_link_end(link: str, analysis: SheetAnalysis) -> Source | None:
    """Return the column that fits the end of a button's link; None where none does."""
    return suggest_link(link, analysis.guess, analysis.facts)


def count_asked_columns(analysis: SheetAnalysis) -> list[tuple[str, bool, int]]:
    """Return the columns that look like opt-out (True) or consent, with the number of rows that refuse messages."""
    counted = count_refusals(analysis.sheet.info, analysis.sheet.rows())
    return [(name, section == "suppress", rows) for section, name, rows in counted]


def find_differing_column(analysis: SheetAnalysis, known: CampaignFacts) -> tuple[str | None, int]:
    """Return the column in which the rows of one person differ, and for how many people: a number of a paper, else a
    column of the message."""
    guess, info = analysis.guess, analysis.sheet.info
    if guess.unique_by:
        return guess.unique_by, guess.differing
    sources = [source for source in (known.header, *known.values.values(), known.link_end) if source is not None]
    used = dict.fromkeys(column for source in sources for column in columns_in(source))
    names = [name for name in info.columns if name in used and name not in (guess.name, guess.columns["wa_contact_id"])]
    return differing_column(info, analysis.sheet.rows, guess.columns["wa_contact_id"], names)


def draft_campaign(analysis: SheetAnalysis, known: CampaignFacts, out: Path) -> Draft:
    """Draft the campaign file `out` for a sheet."""
    guess, facts = analysis.guess, analysis.facts

    def own(name: str, given: str | None) -> Source | None:
        if given is not None:
            return Constant(value=given.strip())
        return Column(column=guess.columns[name]) if name in guess.columns else None

    unrefused = [each for each in facts if each.name not in known.refused]
    return Draft(
        name=campaign_name(analysis.path.stem),
        sheet=quote_path(analysis.path),
        file=quote_path(out),
        all_columns=[each.name for each in facts],
        columns={name: column for name, column in guess.columns.items() if name not in _OWN_SECTIONS},
        reasons=guess.reasons,
        sender=own("whatsapp_phone_id", known.sender),
        template=own("template.name", known.template),
        language=own("template.language", known.language) or Constant(value="pt_BR"),
        body=known.body,
        fields=tuple(_fields(analysis, known)),
        example=_example(guess, facts),
        optout=_choose_permission(unrefused, is_optout_header),
        consent=_choose_permission([each for each in unrefused if holds_answers(each.cells)], is_consent_header),
        unique_by=known.unique_by or guess.unique_by,
        has_unique_by=known.unique_by is not None,
        ignored=known.refused,
        tab=analysis.tab,
        header_row=analysis.header_row,
        trusted=analysis.trusted,
        encoding=analysis.encoding,
        has_loose_ends=analysis.has_loose_ends,
    )


def _choose_permission(facts: Sequence[ColumnFacts], is_kind: Callable[[str], bool]) -> str | None:
    """Return the first column of the kind; one that speaks of WhatsApp before others."""
    names = [each.name for each in facts if is_kind(each.name)]
    return next((name for name in names if "whats" in name.casefold()), next(iter(names), None))


def _fields(analysis: SheetAnalysis, known: CampaignFacts) -> Iterator[DraftField]:
    if known.has_header:
        yield DraftField(component="HEADER", index=1, value=known.header)
    for index, value in values_to_fill(analysis, known.body).items():
        yield DraftField(component="BODY", index=index, value=known.values.get(index, value))
    if known.button is not None:
        yield DraftField(component="BUTTON", index=1, value=known.link_end, button_index=known.button)
    for spec in analysis.guess.fields:
        yield DraftField(
            component=value_text(spec.component),
            index=int(value_text(spec.index)),
            value=column_source(spec.value.column) if isinstance(spec.value, Column) else spec.value,
            button_index=_number(spec.button_index),
            card_index=_number(spec.card_index),
        )


def _number(source: Source | None) -> int | None:
    return None if source is None else int(value_text(source))


def _example(guess: Suggestion, facts: Sequence[ColumnFacts]) -> str:
    """Return a template value of this sheet, for the comments of the file."""
    if guess.name is not None:
        named = column_source(guess.name, "first_name", "title")
        if isinstance(named, Constant):
            return named.value
    others = (column_source(each.name) for each in facts if each.name != guess.columns["wa_contact_id"])
    return next((source.value for source in others if isinstance(source, Constant)), "{Nome|first_name|title}")
