"""Automatic mapping by header names, for a campaign without `[columns]` or `[[template_fields]]`."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from batch.campaign import FIELDS, STATUSES, Column, Constant, FieldSpec, Problem, Source
from batch.i18n import N_, _
from batch.loader.header_names import is_name_header, is_phone_header, is_result_column
from batch.model.sheets import SheetInfo, SheetRow

Rows = Callable[[], Iterable[SheetRow]]
"""Function that reads the sheet from its first row; may be called again."""

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
