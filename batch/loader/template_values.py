"""Suggestion of the values of a template: for each placeholder the column that fits, with the filter that fits. Pure.

A column is known by the word before the placeholder, by a greeting (the name), or by its cells (money, dates) where the
text asks for such. Where several could be meant, none is suggested.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from urllib.parse import quote

from batch.campaign import Column, Constant, Source, split_at
from batch.loader.filters.dates import date_filter
from batch.loader.filters.money import brl
from batch.loader.header_names import fold, is_consent_header, is_name_header, is_optout_header
from batch.loader.mapping.placeholders import Placeholder, parse_text
from batch.loader.suggest import ColumnFacts, Suggestion
from batch.model.reasons import Finding, Reason

_GREETING = re.compile(
    r"(?:ol[a\u00e1]|oie?|bom dia|boa tarde|boa noite|prezad[oa](?:\([oa]\))?|car[oa](?:\([oa]\))?|querid[oa]"
    r"|hi|hello|hey|dear)[\s,!*_]*+$",
    re.IGNORECASE,
)
_CURRENCY = re.compile(r"R\$[\s*_]*+$")
_WORDS = re.compile(r"[^\W_]+")
_LOOK_BACK = 5
"""Words before a placeholder that may say what it is."""
_NO_WORDS = frozenset(
    _WORDS.findall("a o as os e de da do das dos em no na n r rs um uma com para por seu sua of the is")
)
_MONEY = frozenset(_WORDS.findall("valor valores total preco quantia parcela mensalidade saldo debito amount price"))
_DATES = frozenset(_WORDS.findall("dia data ate vence vencem vencimento agendado agendada date until due day"))
_COMPANIES = frozenset(_WORDS.findall("ltda me mei eireli epp sa cia inc llc ltd"))
_CENTS = re.compile(r"R\$|[.,][0-9]{2}$")
_STEM = 4
_SHORTEST_SHARE = 0.9


def column_source(column: str, *filters: str) -> Source:
    """Return a column as a template value, `{Nome|first_name}`; without filters where its name cannot be in braces."""
    text = "{" + "|".join([column, *filters]) + "}"
    plain = parse_text("{" + column + "}").parts
    in_braces = len(plain) == 1 and isinstance(plain[0], Placeholder) and plain[0] == Placeholder(column=column)
    return Constant(value=text) if in_braces else Column(column=column)


def fit_column(column: ColumnFacts, *, before: str = "", is_name: bool = False) -> Source:
    """Return a column with the filter that fits its cells: for money, dates, and first names of people.

    `before`: the text before the placeholder; where it ends in `R$` the amount stands alone.
    """
    if is_money(column):
        return column_source(column.name, "amount" if _CURRENCY.search(before) else "brl")
    if is_date(column):
        return column_source(column.name, "date:dd/mm/yyyy")
    if (is_name or is_name_header(column.name)) and _is_of_people(column):
        return column_source(column.name, "first_name", "title")
    return column_source(column.name)


def is_money(column: ColumnFacts) -> bool:
    """True for a column of amounts, by its cells, or by its name and numbers in its cells."""
    if not _is_full(column, lambda cell: not isinstance(brl(cell), Reason | Finding)):
        return False
    named = _MONEY.intersection(_words_of(column.name))
    return bool(named) or 2 * sum(bool(_CENTS.search(cell)) for cell in column.cells) >= len(column.cells)


_read_date = date_filter("dd/mm/yyyy")


def is_date(column: ColumnFacts) -> bool:
    """True for a column of dates."""
    return _is_full(column, lambda cell: not isinstance(_read_date(cell), Reason | Finding))


def _is_full(column: ColumnFacts, fits: Callable[[str], bool]) -> bool:
    return bool(column.cells) and sum(map(fits, column.cells)) >= _SHORTEST_SHARE * len(column.cells)


def _is_of_people(column: ColumnFacts) -> bool:
    companies = sum(bool(_COMPANIES.intersection(_WORDS.findall(cell.casefold())[1:])) for cell in column.cells)
    return 10 * companies <= len(column.cells)


def _words_of(text: str) -> list[str]:
    return [fold(word) for word in _WORDS.findall(text)]


def suggest_value(
    body: str, index: int, suggestion: Suggestion, columns: Sequence[ColumnFacts], taken: Collection[str] = ()
) -> Source | None:
    """Suggest the value of `{{index}}` by the template's text; None where it does not tell.

    `taken`: columns of other placeholders, which are suggested again only where the text names them.
    """
    before, behind = split_at(body, index)
    usable = list(_usable(suggestion, columns))
    person = next((each for each in columns if each.name == suggestion.name), None)
    opens = not before.strip() and behind.lstrip()[:1] in {",", "!"}
    if person is not None and (_GREETING.search(before) or opens):
        return fit_column(person, is_name=True)
    found = _by_words(before, usable, taken) or _by_kind(before, usable, taken)
    return fit_column(found, before=before, is_name=found is person) if found else None


def suggest_link(url: str, suggestion: Suggestion, columns: Sequence[ColumnFacts]) -> Source | None:
    """Suggest what stands for the `{{1}}` at the end of a button's link."""
    found = _by_words(
        url.partition("{{")[0].split("/", 3)[-1], list(_usable(suggestion, columns)), (), ("link", "url", "token")
    )
    if found is None or any("://" in cell for cell in found.cells):
        return None
    return fit_link(found)


def fit_link(column: ColumnFacts) -> Source:
    """Return a column as the end of a link, percent-encoded where a cell needs it."""
    is_plain = all(quote(cell, safe="/?=&%") == cell for cell in column.cells)
    return column_source(column.name, *([] if is_plain else ["urlencode"]))


def _usable(suggestion: Suggestion, columns: Sequence[ColumnFacts]) -> Iterator[ColumnFacts]:
    for each in columns:
        other = each.name == suggestion.columns["wa_contact_id"] or is_optout_header(each.name)
        if each.cells and not other and not is_consent_header(each.name):
            yield each


def _by_words(
    before: str, columns: Sequence[ColumnFacts], taken: Collection[str], more: Sequence[str] = ()
) -> ColumnFacts | None:
    """Return the only column whose name has a word before the placeholder, the nearest word first."""
    # What stands before another placeholder, or in another sentence, belongs there.
    near = re.split(r"\}\}|[.!?;]\s|\n", before)[-1] or before
    words = [word for word in _words_of(near) if word not in _NO_WORDS and not word.isdigit()]
    for word in (*words[: -_LOOK_BACK - 1 : -1], *more):
        exact = [each for each in columns if fold(each.name) == word]
        alike = [each for each in columns if each.name not in taken and any(map(_like(word), _words_of(each.name)))]
        for found in (exact, alike):
            if len(found) == 1:
                return found[0]
    return None


def _like(word: str) -> Callable[[str], bool]:
    return lambda other: word == other or (len(word) >= _STEM and word[:_STEM] == other[:_STEM])


def _by_kind(before: str, columns: Sequence[ColumnFacts], taken: Collection[str]) -> ColumnFacts | None:
    words = set(_words_of(before)[-_LOOK_BACK:])
    for wanted, is_kind in (
        (bool(_CURRENCY.search(before) or words & _MONEY), is_money),
        (bool(words & _DATES), is_date),
    ):
        found = [each for each in columns if wanted and each.name not in taken and is_kind(each)]
        if len(found) == 1:
            return found[0]
    return None
