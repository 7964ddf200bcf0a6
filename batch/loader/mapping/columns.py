"""Columns of a sheet for a campaign: those that it names, and those that are matched by their headers."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from batch.campaign import FIELDS, STATUSES, Campaign, Column, Constant, FieldSpec, Problem, Source
from batch.errors import nearest
from batch.i18n import N_, _
from batch.loader.filters.dates import doubtful_filter, month_first_filter
from batch.loader.filters.registry import Filter
from batch.loader.header_names import fold, is_name_header, is_phone_header, is_result_column
from batch.loader.mapping.suspects import CellRule
from batch.model.sheets import SheetInfo, SheetRow

Rows = Callable[[], Iterable[SheetRow]]
"""Function that reads the sheet from its first row; may be called again."""


class ColumnFinder:
    """Places of named columns. Names without a single column are collected in `problems`, each once."""

    def __init__(self, info: SheetInfo, campaign: Campaign) -> None:
        self._order = campaign.sheet.dates
        self._allow = campaign.values.allow
        self._info = info
        self._places = {name: place for place, name in enumerate(info.columns)}
        self._alike: dict[str, list[str]] = {}
        for name in info.columns:
            self._alike.setdefault(fold(name), []).append(name)
        self.problems: list[Problem] = []
        self.used: set[str] = set()
        self.shown: set[str] = set()
        """Columns of which a value takes the shown text."""
        self.wanted: set[str] = set()
        """Names that were looked for, as the campaign has them."""
        self.dates: set[str] = set()
        """Columns that a filter reads as dates."""

    def find(self, wanted: str, *, key: str) -> tuple[str, int]:
        """Return name and index of the column that `wanted` names, for the campaign's `key`.

        Accents, case, spaces and underscores do not matter where only one column fits. Without a single one a problem
        is added, and the result serves only to find more problems.
        """
        self.wanted.add(wanted)
        name = self._name(wanted, key)
        if name is None:
            return wanted, 0
        self.used.add(name)
        return name, self._places[name]

    def shown_place(self, column: str, place: int) -> int:
        """Return the place of a column's shown text: these follow behind all cells."""
        self.shown.add(column)
        return place + len(self._info.columns)

    def rule(self, *, is_name: bool, has_default: bool) -> CellRule:
        """Return what a cell may hold."""
        return CellRule(allow=self._allow, is_name=is_name, has_default=has_default)

    def date_filters(self, column: str) -> tuple[Filter, ...]:
        """Return what comes before the filter `date`, by the order of day and month in the column."""
        self.dates.add(column)
        in_workbook = self._info.encoding is None
        if self._order == "mdy" and not in_workbook:
            return (month_first_filter,)
        is_doubtful = self._order == "mdy" or (self._order is None and column in self._info.month_first)
        return (doubtful_filter(in_workbook=in_workbook),) if is_doubtful else ()

    def _name(self, wanted: str, key: str) -> str | None:
        alike = [wanted] if wanted in self._places else self._alike.get(fold(wanted), [])
        if len(alike) > 1 or set(alike) & set(self._info.ambiguous):
            several = _("{key}: several columns of {file} are named {column!r}").format(
                key=key, file=self._info.file, column=wanted
            )
            self._add(several, _("Rename one of them in the sheet, or name another column."))
            return None
        if not alike:
            self._add(
                _("{key}: no column {column!r}{nearest}").format(
                    key=key, column=wanted, nearest=nearest(wanted, self._others())
                ),
                self._listed(),
            )
            return None
        return alike[0]

    def _add(self, text: str, remedy: str) -> None:
        problem = Problem(text=text, remedy=remedy)
        if problem not in self.problems:
            self.problems.append(problem)

    def _others(self) -> list[str]:
        return [name for name in self._info.columns if not is_result_column(name)]

    def _listed(self) -> str:
        if not self._others():
            return _("The sheet's columns are: none.")
        return _("The sheet's columns are: {columns}.").format(columns=", ".join(self._others()))


_BY_CAMPAIGN = frozenset({"whatsapp_phone_id", "template.name", "template.language"})
"""Fields of the sections [sender] and [template], never mapped by header."""

_FIELD = re.compile(
    r"(?:card[_ ](?P<card>[0-9]{1,2})[_ ])?"
    r"(?P<component>header|body|button[_ ](?P<button>[0-9]{1,2}))[_ ](?P<index>[0-9]{1,3})"
)

_PHONES = N_("{columns} columns could be the phone: {listed}")
_NAMES = N_("{columns} columns could be the name: {listed}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnMatch:
    """Sources by field of the request, and problems of ambiguous or missing columns."""

    columns: dict[str, Source]
    problems: tuple[Problem, ...] = ()


def match_columns(info: SheetInfo, rows: Rows | None) -> ColumnMatch:
    """Match headers to fields: API names first, then the usual names of phone and name columns.

    A column `status` counts only when `rows` show that all its values are of the API's enum.
    """
    names = [name for name in info.columns if not is_result_column(name)]
    exact = {name.strip().casefold(): name for name in reversed(names)}
    found = {field: exact[field] for field in FIELDS if field in exact and field not in _BY_CAMPAIGN}
    if "status" in found and not (rows and _all_of_the_enum(info, found["status"], rows())):
        del found["status"]
    problems = [
        *_add_usual(found, "wa_contact_id", _PHONES, [name for name in names if is_phone_header(name)]),
        *_add_usual(found, "remote_profile_name", _NAMES, [name for name in names if is_name_header(name)]),
    ]
    if "wa_contact_id" not in found and not problems:
        remedy = _(
            'Name it in the campaign: [columns] wa_contact_id = "...". The sheet\'s columns are: {columns}.'
        ).format(columns=", ".join(names))
        problems.append(
            Problem(text=_("no column of {file} is a phone column by its name").format(file=info.file), remedy=remedy)
        )
    return ColumnMatch(
        columns={field: Column(column=found[field]) for field in FIELDS if field in found}, problems=tuple(problems)
    )


def _add_usual(found: dict[str, str], field: str, could_be: str, candidates: list[str]) -> list[Problem]:
    if field in found or not candidates:
        return []
    found[field] = candidates[0]
    if len(candidates) == 1:
        return []
    listed = _(" and ").join(repr(name) for name in candidates)
    remedy = _('Say which in the campaign: [columns] {field} = "{column}", and the other columns that count.').format(
        field=field, column=candidates[0]
    )
    return [Problem(text=_(could_be).format(columns=len(candidates), listed=listed), remedy=remedy)]


def _all_of_the_enum(info: SheetInfo, column: str, rows: Iterable[SheetRow]) -> bool:
    """Return True when the column holds values, and only those of the enum."""
    position = info.columns.index(column)
    values: set[str] = set()
    for row in rows:
        value = row.cells[position]
        if column in row.errors or (value and value not in STATUSES):
            return False
        values.update([value] if value else ())
    return bool(values)


def match_template_fields(info: SheetInfo) -> tuple[FieldSpec, ...]:
    """Return template fields for columns named `body_1`, `header_1`, `button_0_1`, `card_0_body_1`, in usual order."""
    matches = [(match, name) for name in info.columns if (match := _FIELD.fullmatch(name.strip().casefold()))]
    return tuple(_spec(match, name) for match, name in sorted(matches, key=lambda found: _order(found[0])))


def _order(match: re.Match[str]) -> tuple[int, int, int, int]:
    component = ("header", "body", "button").index(_component(match))
    return int(match["card"] or -1), component, int(match["button"] or -1), int(match["index"])


def _component(match: re.Match[str]) -> str:
    return "button" if match["button"] else match["component"]


def _spec(match: re.Match[str], name: str) -> FieldSpec:
    return FieldSpec.model_construct(
        component=Constant(value=_component(match).upper()),
        type=Constant(value="TEXT"),
        index=Constant(value=str(int(match["index"]))),
        button_index=_constant(match["button"]),
        card_index=_constant(match["card"]),
        value=Column(column=name),
    )


def _constant(digits: str | None) -> Constant | None:
    return Constant(value=str(int(digits))) if digits else None
