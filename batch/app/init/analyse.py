"""`init`, first half: opens a sheet and guesses which of its columns fill what; a person may know better."""

import re
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from batch.app.inspect import inspect
from batch.campaign import Column, Constant, Source, decode_text, split_at
from batch.errors import SettingsError, SheetError, nearest
from batch.i18n import _, describe_os_error, number
from batch.loader import (
    ColumnFacts,
    Sheet,
    Suggestion,
    describe_columns,
    fit_column,
    fit_link,
    fold,
    is_phone_header,
    join_phone_columns,
    parse_text,
    rank_phone_columns,
    suggest_columns,
)
from batch.model.reasons import sentence
from batch.model.sheets import SheetInfo, SheetRow

_COLUMNS_SHOWN = 20
_ROWS_SHOWN = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetAnalysis:
    """A sheet, facts about its columns, and the guess made from them."""

    path: Path
    sheet: Sheet
    tab: str | None
    """The worksheet the person named; None: it was found."""
    header_row: int | None
    """The header row the person named; None: it was found."""
    trusted: bool
    """The person vouches for the sheet's size."""
    encoding: str | None
    """The encoding the person named; None: it was found."""
    width_problem: str
    """Problem of rows that have another number of cells than the header; empty for none."""
    has_loose_ends: bool = False
    """The person says that only empty cells at the right edge make the difference."""
    facts: tuple[ColumnFacts, ...]
    phones: tuple[ColumnFacts, ...]
    """The phone's column, then others that could be it."""
    guess: Suggestion
    first_rows: tuple[SheetRow, ...] = ()
    """The first rows that hold anything."""


def analyse_sheet(path: Path, *, phone: str | None = None, **options: Any) -> SheetAnalysis:
    """Open a sheet by the options of `inspect`, and guess which columns fill what. `phone`: its column, if known.

    Raises:
        SheetError: the sheet cannot be read, or no column looks like phones.
        SettingsError: there is no column `phone`.
    """
    sheet = inspect(path, **options)
    width_problem = ""
    try:
        inspect(path, **options, has_loose_ends=False)
    except SheetError as error:
        width_problem = error.problem
    facts = describe_columns(sheet.info, sheet.rows())
    phones = [_named(phone, facts, sheet.info)] if phone is not None else rank_phone_columns(facts)
    # A name alone says little: where most of its cells lack the area code, that stands in a column of its own.
    if phone is None and (not phones or 2 * phones[0].phones < len(phones[0].cells)):
        joined = join_phone_columns(sheet.info, sheet.rows)
        phones = [joined, *phones] if joined and (not phones or joined.phones > phones[0].phones) else phones
    if not phones:
        raise _no_phone(sheet.info, facts)
    return SheetAnalysis(
        path=path,
        sheet=sheet,
        tab=sheet.info.sheet if options.get("name") is not None else None,
        header_row=options.get("header_row"),
        trusted=options.get("trusted", False),
        encoding=options.get("encoding"),
        width_problem=width_problem,
        facts=facts,
        phones=tuple(phones),
        guess=_suggest(sheet, facts, tuple(phones)),
        first_rows=tuple(islice(sheet.rows(), _ROWS_SHOWN)),
    )


def choose_phone_column(analysis: SheetAnalysis, name: str) -> SheetAnalysis:
    """Take another column as the phone's. Raises SettingsError when there is none of that name."""
    chosen = _named(name, analysis.facts, analysis.sheet.info)
    phones = (chosen, *(each for each in analysis.phones if each.name != chosen.name))
    return replace(analysis, phones=phones, guess=_suggest(analysis.sheet, analysis.facts, phones))


def _suggest(sheet: Sheet, facts: tuple[ColumnFacts, ...], phones: tuple[ColumnFacts, ...]) -> Suggestion:
    best = phones[0]
    if best.name in sheet.info.ambiguous:
        several = _(
            "{file} has several columns called {column!r}, and the phones seem to be in the first of them ({share})."
        )
        raise SheetError(
            several.format(file=sheet.info.file, column=best.name, share=best.share),
            _("Rename one of them in the sheet, or name another column with --phone."),
        )
    return suggest_columns(sheet.info, facts, phones, sheet.rows)


def _named(name: str, facts: tuple[ColumnFacts, ...], info: SheetInfo) -> ColumnFacts:
    found = _column(name, facts)
    if found is None:
        names = [each.name for each in facts]
        problem = _("{file} has no column {column!r}{hint}.").format(
            file=info.file, column=name, hint=nearest(name, names)
        )
        raise SettingsError(
            problem.replace("?.", "?"), _("Its columns are: {columns}.").format(columns=_join_names(names))
        )
    return found


def _column(name: str, facts: tuple[ColumnFacts, ...]) -> ColumnFacts | None:
    exact = [each for each in facts if each.name == name.strip()]
    alike = [each for each in facts if fold(each.name) == fold(name)]
    return exact[0] if exact else alike[0] if len(alike) == 1 else None


def _join_names(names: list[str]) -> str:
    shown = ", ".join(names[:_COLUMNS_SHOWN])
    if len(names) <= _COLUMNS_SHOWN:
        return shown
    return _("{names} and {n} more").format(names=shown, n=number(len(names) - _COLUMNS_SHOWN))


def _no_phone(info: SheetInfo, facts: tuple[ColumnFacts, ...]) -> SheetError:
    most_first = sorted(facts, key=lambda each: each.phones, reverse=True)
    shares = _join_names([_share(each) for each in most_first])
    if info.sheet:
        none = _(
            "{file} has no column that is plainly of phones in the worksheet {sheet!r}. "
            "Cells that are phones: {shares}."
        )
    else:
        none = _("{file} has no column that is plainly of phones. Cells that are phones: {shares}.")
    problem = none.format(file=info.file, sheet=info.sheet, shares=shares)
    named = next((each for each in facts if is_phone_header(each.name) and each.refusal), None)
    if named and named.refusal:
        first = _("The first cell of {column!r}: {problem}")
        problem = f"{problem} {first.format(column=named.name, problem=sentence(named.refusal))}"
    return SheetError(
        problem,
        _("Name the column with --phone, another worksheet with --sheet, or the header's row with --header-row."),
    )


def _share(column: ColumnFacts) -> str:
    share = _("{column} {phones} of {cells}")
    return share.format(column=column.name, phones=number(column.phones), cells=number(len(column.cells)))


def read_body(file: Path) -> str:
    """Return a template's text from a file, in whatever encoding an editor saves it. Raises SettingsError."""
    try:
        return decode_text(file.read_bytes()).replace("\r\n", "\n").strip()
    except OSError as error:
        problem = _("The file {file} cannot be read: {error}.").format(file=file, error=describe_os_error(error))
        raise SettingsError(problem, _("Check its name and its rights.")) from None


def before_placeholder(body: str, index: int) -> str:
    """Return the text before the first `{{index}}`."""
    return split_at(body, index)[0]


TemplateValue = Source
"""The value of a placeholder: a column, or text with columns in it."""


def value_text(value: TemplateValue | None) -> str:
    """Return a template value as a person types it; empty for none."""
    if value is None:
        return ""
    return value.value if isinstance(value, Constant) else value.column


def columns_in(value: TemplateValue) -> tuple[str, ...]:
    """Return the columns in a template value."""
    return (value.column,) if isinstance(value, Column) else parse_text(value.value).columns


def find_column(text: str, analysis: SheetAnalysis) -> ColumnFacts | None:
    """Find a column by its name, or by its number in the sheet; None for no column."""
    numbered = dict(enumerate(analysis.sheet.info.columns, start=1)).get(int(text) if text.isdecimal() else 0)
    return _column(text, analysis.facts) or (_column(numbered, analysis.facts) if numbered else None)


def parse_value(text: str, analysis: SheetAnalysis, *, before: str = "", in_link: bool = False) -> TemplateValue:
    """Parse the value of a placeholder: a column's name or number, which takes the filter that fits its cells, or text
    with `{Column|filter}`.

    `before`: the text before the placeholder. `in_link`: it ends a link. Raises ValueError, whose text says what is
    wrong.
    """
    names = [each.name for each in analysis.facts]
    column = find_column(text, analysis)
    if column is not None and in_link:
        return fit_link(column)
    if column is not None:
        return fit_column(column, before=before, is_name=column.name == analysis.guess.name)
    parsed = parse_text(text)
    unknown = next((name for name in parsed.columns if _column(name, analysis.facts) is None), None)
    if unknown is None and not parsed.columns and nearest(text, names):
        unknown = text
    if unknown is not None:
        raise ValueError(_("there is no column {name!r}{hint}").format(name=unknown, hint=nearest(unknown, names)))
    if parsed.problems:
        raise ValueError(parsed.problems[0])
    return Constant(value=text.strip())


def parse_header(answer: str) -> str:
    """Parse the text of a template's header. Raises ValueError, whose text says what is wrong."""
    header = re.sub(r"\{\{\s*1\s*\}\}", "{{1}}", answer)
    if "{{" in header.replace("{{1}}", "", 1):
        raise ValueError(_("WhatsApp allows {{1}} once in a header"))
    return header


def parse_link(answer: str) -> str:
    """Parse the link of a button. Raises as `parse_header`."""
    link = re.sub(r"\{\{\s*1\s*\}\}", "{{1}}", answer)
    if not re.match(r"https?://[^\s{}]+", link):
        raise ValueError(_("a link begins with https://"))
    if "{" in link.removesuffix("{{1}}"):
        raise ValueError(_("WhatsApp allows {{1}} once, at the end of the link"))
    return link


def parse_button(answer: str) -> int:
    """Parse the place of a button, counted from 1. Raises likewise."""
    if not answer.isdecimal() or not 1 <= int(answer) <= 10:  # noqa: PLR2004 - WhatsApp allows so many
        raise ValueError(_("a number from 1 to 10"))
    return int(answer)
