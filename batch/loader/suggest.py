"""Suggestion of what the columns of a sheet fill, from their names and cells: for a first campaign file. Pure.

It is only written into a file that a person reads and `check` judges; what is sent comes from the campaign alone. It
gives its reasons, with figures, and names each column that looks like something and is not taken.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from batch.campaign import FIELDS, Column, FieldSpec, check_value, is_writable
from batch.i18n import _, number
from batch.loader.header_names import (
    fold,
    is_area_header,
    is_known_header,
    is_mobile_header,
    is_name_header,
    is_phone_header,
    is_result_column,
)
from batch.loader.mapping.columns import Rows, match_columns, match_template_fields
from batch.model.phone.cells import read_phone
from batch.model.reasons import Finding, Reason
from batch.model.sheets import SheetInfo, SheetRow

SAMPLE_ROWS = 1000
"""First rows whose cells are judged."""

_PHONE = "wa_contact_id"
_NAME = "remote_profile_name"
_MATCHED_HERE = (_PHONE, _NAME)
_OWN_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "whatsapp_phone_id": ("whatsapp_phone_id",),
    "template.name": ("template.name", "template_name"),
    "template.language": ("template.language", "template_language"),
}
"""Fields of the sections [sender] and [template], and the headers that name them."""

_MOST_WORDS = 8
_NUMBER_OF_PAPER = re.compile(r"[A-Za-z]{0,4}[-/ ]?[0-9]{1,20}(?:[-/][0-9]{1,6})?")
"""Numbers of invoices and orders: `1042`, `NF 1042`, `2026/17`; no amounts, no dates."""
_NAME_WORD = re.compile(r"[^\W\d_][^\W\d_'\u2019.-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnFacts:
    """Content of the first rows of a column."""

    name: str
    cells: tuple[str, ...]
    """Cells that are not empty, in order."""
    phones: int
    """Cells among them that are one phone number."""
    landlines: int
    """Landlines among the phones; WhatsApp is seldom on one."""
    refusal: Finding | None
    """Fault of the first cell that is no phone; None when all are phones."""

    @property
    def share(self) -> str:
        """A text such as `57 of 60 cells are phones`."""
        return _("{phones} of {cells} cells are phones").format(
            phones=number(self.phones), cells=number(len(self.cells))
        )

    @property
    def reach(self) -> float:
        """Number of people it may reach: a landline counts half."""
        return self.phones - self.landlines / 2


def describe_columns(info: SheetInfo, rows: Iterable[SheetRow], *, region: str = "BR") -> tuple[ColumnFacts, ...]:
    """Describe the columns a campaign may name, by the sheet's first rows.

    Malformed rows and the result columns of an earlier report are left out.
    """
    sample = [row.cells for row in islice((row for row in rows if "" not in row.errors), SAMPLE_ROWS)]
    return tuple(
        _describe(name, [cells[place] for cells in sample], region)
        for place, name in enumerate(info.columns)
        if not is_result_column(name) and is_writable(name)
    )


def _describe(name: str, cells: Sequence[str | None], region: str) -> ColumnFacts:
    filled = tuple(cell for cell in cells if cell)
    read = [read_phone(cell, region=region) for cell in filled]
    phones = [each for each in read if not isinstance(each, Finding)]
    return ColumnFacts(
        name=name,
        cells=filled,
        phones=len(phones),
        landlines=sum(any(note.reason is Reason.NOTE_LANDLINE for note in phone.notes) for phone in phones),
        refusal=next((each for each in read if isinstance(each, Finding)), None),
    )


def rank_phone_columns(columns: Sequence[ColumnFacts]) -> list[ColumnFacts]:
    """Rank the columns that may be the phone, best first; empty when none is.

    A name that says so and cells of which half are phones decide; of several such columns, the one that reaches most
    people. Else the cells alone: four in five are phones, most of them mobiles (ids of ten digits look like
    landlines), in a column whose name says nothing else. Else a name alone, where at least one cell is a phone.
    """
    named = [each for each in columns if (is_phone_header(each.name) or is_mobile_header(each.name)) and each.phones]
    good = [each for each in named if 2 * each.phones >= len(each.cells)]
    exact = [each for each in good if each.name.strip().casefold() == _PHONE]
    by_cells = [each for each in columns if not _has_another_meaning(each.name) and _is_full_of_phones(each)]
    return exact or _best_first(good) or _best_first(by_cells) or _best_first(named)


def join_phone_columns(info: SheetInfo, rows: Rows) -> ColumnFacts | None:
    """Return the phone that stands in two columns, area code and number, as one named `{DDD}{Telefone}`; None: none.

    Four in five rows with both must be a phone then.
    """
    areas = [place for place, name in enumerate(info.columns) if is_area_header(name)]
    sample = [row.cells for row in islice(rows(), SAMPLE_ROWS) if areas and "" not in row.errors]
    found: list[ColumnFacts] = []
    for place, name in enumerate(info.columns) if areas else ():
        area = _choose_area(info.columns, areas, place)
        joined = [f"{cells[area]} {cells[place]}" for cells in sample if cells[area] and cells[place]]
        facts = _describe("{" + info.columns[area] + "}{" + name + "}", joined, "BR")
        if place != area and facts.phones and 5 * facts.phones >= 4 * len(joined):
            found.append(facts)
    return next(iter(_best_first(found)), None)


def _choose_area(names: Sequence[str], areas: Sequence[int], place: int) -> int:
    """Return the place of the area code that belongs to the column at `place`: by its name, else the nearest before."""

    def fit(area: int) -> tuple[int, bool, int]:
        rest = fold(names[area]).replace("ddd", "")
        return 2 if rest and rest in fold(names[place]) else not rest, area < place, -abs(place - area)

    return max(areas, key=fit)


def _has_another_meaning(name: str) -> bool:
    return is_known_header(name) and not is_phone_header(name) and not is_name_header(name)


def _is_full_of_phones(column: ColumnFacts) -> bool:
    mobiles = column.phones - column.landlines
    return column.phones > 0 and 5 * column.phones >= 4 * len(column.cells) and 2 * mobiles >= column.phones


def _best_first(columns: Sequence[ColumnFacts]) -> list[ColumnFacts]:
    # A column of mobiles or WhatsApp is taken before another that reaches as many, or a few more.
    return sorted(columns, key=lambda each: each.reach * (2 if is_mobile_header(each.name) else 1), reverse=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """Columns that fill the fields of the request, with reasons."""

    columns: Mapping[str, str]
    """Column names by field of the request, `wa_contact_id` among them."""
    reasons: Mapping[str, str]
    """Sentences by field, for some of these fields."""
    fields: tuple[FieldSpec, ...] = ()
    """Template fields by columns named `body_1` and so on."""
    unique_by: str | None = None
    """Column of numbers by which rows of one person differ (invoice, order); None when there is none."""
    differing: int = 0
    """Number of people, among the first rows, whose rows differ in it."""
    remarks: tuple[str, ...] = ()
    """Sentences about columns that look like something and are not taken."""

    @property
    def name(self) -> str | None:
        """Column of people's names; None when there is none."""
        return self.columns.get(_NAME)


def suggest_columns(
    info: SheetInfo, facts: Sequence[ColumnFacts], phones: Sequence[ColumnFacts], rows: Rows
) -> Suggestion:
    """Suggest the columns. `phones`: the phone's column first, then others that could be it.

    `rows()` yields the sheet's rows from the first.
    """
    phone = phones[0]
    others = [each for each in facts if each.name != phone.name and each.name not in info.ambiguous]
    found = {_PHONE: phone.name}
    reasons = {_PHONE: f"{phone.share}."}
    remarks = [
        _("{name!r} could be the phone too ({share}) and is not used.").format(name=each.name, share=each.share)
        for each in phones[1:]
    ]
    name = _name_column(others)
    if name is not None:
        found[_NAME] = name.name
    for field, each in _by_api_names(info, others, rows, remarks).items():
        bad = [cell for cell in each.cells if isinstance(check_value(field, cell), Finding)]
        if 2 * len(bad) > len(each.cells):
            remarks.append(
                _("{name!r} is not used: {value!r} is not {allowed}.").format(
                    name=each.name, value=bad[0][:60], allowed=FIELDS[field].valid_values
                )
            )
            continue
        found[field] = each.name
        if bad:
            reasons[field] = _("{bad} of {cells} cells are not {allowed}.").format(
                bad=number(len(bad)), cells=number(len(each.cells)), allowed=FIELDS[field].valid_values
            )
    unused = [each for each in others if each.cells and each.name not in found.values()]
    numbers = [each.name for each in unused if all(map(_NUMBER_OF_PAPER.fullmatch, each.cells))]
    unique, people = differing_column(info, rows, phone.name, numbers)
    if unique is not None:
        differ = _("Rows of one person differ in {name!r}: to send all of them, write unique_by = [{name!r}].")
        remarks.append(differ.format(name=unique))
    return Suggestion(
        columns=found,
        reasons=reasons,
        fields=_template_fields(info, others, remarks),
        unique_by=unique,
        differing=people,
        remarks=tuple(remarks),
    )


def differing_column(info: SheetInfo, rows: Rows, phone: str, names: Sequence[str]) -> tuple[str | None, int]:
    """Return the first of the columns whose cells differ in the rows of most people who stand in several rows.

    And the number of people, among the first rows, whose rows differ in it. Rows that are alike in it are repetitions.
    """
    if phone not in info.columns:  # it stands in two
        return None, 0
    places = [info.columns.index(name) for name in names]
    of_phone = info.columns.index(phone)
    seen: dict[str, list[tuple[str | None, ...]]] = defaultdict(list)
    for row in islice((row for row in rows() if "" not in row.errors), SAMPLE_ROWS if places else 0):
        read = read_phone(row.cells[of_phone] or "")
        if not isinstance(read, Finding):
            seen[read.e164].append(tuple(row.cells[place] for place in places))
    several = [group for group in seen.values() if len(group) > 1]
    differing = [sum(len({cells[at] for cells in group}) > 1 for group in several) for at in range(len(names))]
    best = max(range(len(names)), key=lambda at: differing[at], default=None)
    if best is None or not several or 2 * differing[best] < len(several):
        return None, 0
    return names[best], differing[best]


def _name_column(columns: Sequence[ColumnFacts]) -> ColumnFacts | None:
    """Choose the column of names by its header, of several the fullest; else the only one whose cells look like it."""
    exact = [each for each in columns if each.name.strip().casefold() == _NAME]
    named = [each for each in columns if is_name_header(each.name) and _share_of_names(each) > 0]
    if exact or named:
        return (exact or sorted(named, key=lambda each: _share_of_names(each) * len(each.cells), reverse=True))[0]
    alike = [each for each in columns if _looks_like_full_names(each)]
    return alike[0] if len(alike) == 1 else None


def _is_name(cell: str) -> bool:
    words = cell.split()
    return len(words) <= _MOST_WORDS and all(map(_NAME_WORD.fullmatch, words))


def _share_of_names(column: ColumnFacts) -> float:
    return sum(map(_is_name, column.cells)) / len(column.cells) if column.cells else 0.0


def _looks_like_full_names(column: ColumnFacts) -> bool:
    """True when nearly all cells are words of letters, most are several words with capitals, and few come twice."""
    cells = column.cells
    full = [cell for cell in cells if " " in cell and cell[0].isupper() and cell.split()[-1][0].isupper()]
    return _share_of_names(column) >= 0.9 and 2 * len(full) >= len(cells) and 2 * len(set(cells)) > len(cells)  # noqa: PLR2004 (nearly all)


def _by_api_names(
    info: SheetInfo, columns: Sequence[ColumnFacts], rows: Rows, remarks: list[str]
) -> dict[str, ColumnFacts]:
    """Match columns named as fields of the request, but for phone and name, in the order of the API's page."""
    by_name = {each.name: each for each in columns}
    matched = {
        field: by_name[source.column]
        for field, source in match_columns(info, rows).columns.items()
        if isinstance(source, Column) and source.column in by_name and field not in _MATCHED_HERE
    }
    for field, names in _OWN_SECTIONS.items():
        for each in columns:
            if each.cells and each.name.strip().casefold() in names:
                matched.setdefault(field, each)
    status = next((each.name for each in columns if each.name.strip().casefold() == "status"), None)
    if status is not None and "status" not in matched:
        remarks.append(
            _("{name!r} is not used: a value in it is not {allowed}.").format(
                name=status, allowed=FIELDS["status"].valid_values
            )
        )
    return {field: matched[field] for field in FIELDS if field in matched}


def _template_fields(info: SheetInfo, columns: Sequence[ColumnFacts], remarks: list[str]) -> tuple[FieldSpec, ...]:
    usable = {each.name for each in columns}
    specs = match_template_fields(info)
    lost = [spec.value.column for spec in specs if isinstance(spec.value, Column) and spec.value.column not in usable]
    remarks += [_("{name!r} is not used: several columns have that name.").format(name=name) for name in lost]
    return tuple(spec for spec in specs if isinstance(spec.value, Column) and spec.value.column in usable)
