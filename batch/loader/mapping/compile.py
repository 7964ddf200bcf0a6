"""The mapping of a campaign to the columns of one sheet, compiled once for all rows.

`compile_mapping` finds every column that the campaign names and refuses the whole with all problems at once, so that no
row is read with a mapping that does not fit."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

from batch.campaign import (
    FIELDS,
    Campaign,
    Column,
    Constant,
    FieldSpec,
    Problem,
    Shares,
    Source,
    campaign_error,
    check_value,
    describe_source,
)
from batch.errors import nearest
from batch.i18n import N_, _
from batch.loader.filters.dates import doubtful_filter, month_first_filter
from batch.loader.filters.registry import Filter, default_filter
from batch.loader.header_names import fold, is_name_header, is_result_column
from batch.loader.mapping.automatic import Rows, match_columns, match_template_fields
from batch.loader.mapping.permissions import PermissionColumns, find_unused
from batch.loader.mapping.phones import PhoneColumns
from batch.loader.mapping.placeholders import ParsedText, Placeholder, parse_text
from batch.loader.mapping.suspects import CellRule
from batch.loader.mapping.template_fields import TemplateFieldPlan, find_gaps
from batch.loader.mapping.values import (
    CellText,
    FieldSlot,
    ValuePattern,
    find_refused,
    parse_whole_number,
    refuse_controls,
)
from batch.model.phone.cells import read_phone
from batch.model.phrases import Phrase, Value
from batch.model.reasons import Finding, sentence
from batch.model.sheets import SheetInfo


class ColumnFinder:
    """Places of named columns. Names without a single column are collected in `problems`, each once."""

    def __init__(self, info: SheetInfo, dates: str | None = None) -> None:
        """`dates`: `[sheet] dates`, by which texts like 03/04/2026 are read."""
        self._dates = dates
        self._info = info
        self._places = {name: place for place, name in enumerate(info.columns)}
        self._alike: dict[str, list[str]] = {}
        for name in info.columns:
            self._alike.setdefault(fold(name), []).append(name)
        self.problems: list[Problem] = []
        self.used: set[str] = set()
        self.shown: set[str] = set()
        """Columns of which a value takes the shown text."""
        self.allowed: frozenset[str] = frozenset()

    def find(self, wanted: str, *, key: str) -> tuple[str, int]:
        """Return name and index of the column that `wanted` names, for the campaign's `key`.

        Accents, case, spaces and underscores do not matter where only one column fits. Without a single one a problem
        is added, and the result serves only to find more problems.
        """
        name = self._name(wanted, key)
        if name is None:
            return wanted, 0
        self.used.add(name)
        return name, self._places[name]

    def shown_place(self, column: str, place: int) -> int:
        """Return the place of a column's shown text: these follow behind all cells."""
        self.shown.add(column)
        return place + len(self._info.columns)

    def rule(self, source: Source, *, is_name: bool = False) -> CellRule:
        """Return what a cell of this source may hold."""
        has_default = isinstance(source, Column) and source.default is not None
        return CellRule(allow=self.allowed, is_name=is_name, has_default=has_default)

    def date_filters(self, column: str) -> tuple[Filter, ...]:
        """Return what comes before the filter `date`, by the order of day and month in the column."""
        in_workbook = self._info.encoding is None
        if self._dates == "mdy" and not in_workbook:
            return (month_first_filter,)
        is_doubtful = self._dates == "mdy" or (self._dates is None and column in self._info.month_first)
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


_PHONE, _PROFILE_NAME = "wa_contact_id", "remote_profile_name"
_LEAST = {"index": 1, "button_index": 0, "card_index": 0}
"""Parts of a template field that are whole numbers, and the smallest that each may be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapping:
    """Sources of all fields of the request, fitted to a sheet."""

    phone: PhoneColumns
    constants: dict[str, Any]
    """Other fields whose value is the same in every row."""
    slots: tuple[FieldSlot, ...]
    """Other fields that columns fill, in the order of the API's page."""
    fields: tuple[TemplateFieldPlan, ...]
    unique: tuple[tuple[str, int], ...]
    """Name and place of the `unique_by` columns."""
    permissions: PermissionColumns
    columns_used: frozenset[str]
    """Every column of the sheet that the campaign uses, `unique_by` included."""
    remarks: tuple[Phrase, ...]
    """Remarks on number formats whose text goes into messages."""
    description: tuple[tuple[str, str], ...]
    """API field and its source, for people."""


def compile_mapping(campaign: Campaign, info: SheetInfo, rows: Rows | None) -> Mapping:
    """Fit the campaign to the sheet. Raises CampaignError with every problem of the two."""
    finder = ColumnFinder(info, campaign.sheet.dates)
    sources, problems = _sources(campaign, info, rows)
    specs = match_template_fields(info) if campaign.template_fields is None else campaign.template_fields
    finder.allowed = campaign.values.allow
    parts = _phone_parts(sources.get(_PHONE), info)
    slots = {
        field: _field_slot(finder, field, source) for field, source in sources.items() if field != _PHONE or not parts
    }
    phone = _phone_columns(campaign, finder, slots.get(_PHONE), parts)
    fields = tuple(_plan_field(finder, spec, number, problems) for number, spec in enumerate(specs, start=1))
    unique = tuple(finder.find(name, key="[campaign] unique_by") for name in campaign.unique_by)
    permissions = _find_permissions(campaign, finder, info)
    problems += [
        *finder.problems,
        *_numbering_problems(campaign, fields),
        *_constant_phone(campaign, slots.pop(_PHONE, None)),
    ]
    if problems:
        raise campaign_error(_("{file} with {sheet}").format(file=campaign.path.name, sheet=info.file), problems)
    return Mapping(
        phone=phone,
        constants={slot.field: slot.read(None) for slot in slots.values() if slot.column is None},
        slots=tuple(slot for slot in slots.values() if slot.column is not None),
        fields=fields,
        unique=unique,
        permissions=permissions,
        columns_used=frozenset(finder.used),
        remarks=tuple(remark for name in info.columns if name in finder.shown for remark in info.formats.get(name, ())),
        description=tuple(_descriptions(sources, fields, specs)),
    )


def _phone_parts(source: Source | None, info: SheetInfo) -> tuple[str, ...]:
    """Return the columns of a phone in parts, `{DDD}{Telefone}`; empty where it is one column, or no phone."""
    if not isinstance(source, Column) or source.column in info.columns or "{" not in source.column:
        return ()
    return parse_text(source.column).columns


def _phone_columns(
    campaign: Campaign, finder: ColumnFinder, slot: FieldSlot | None, parts: Sequence[str]
) -> PhoneColumns:
    found = [finder.find(name, key=_key(_PHONE)) for name in parts]
    joined = FieldSlot(
        field=_PHONE, column=", ".join(parts), place=0, fallback="", label=_PHONE, convert=str, required=True
    )
    given = campaign.phone
    country = finder.find(given.country_column, key="[phone] country_column") if given.country_column else None
    area = given.area_code
    code = area.value if isinstance(area, Constant) else None
    return PhoneColumns(
        slot=slot or joined,
        parts=tuple(place for _name, place in found),
        names=frozenset(name for name, _place in found),
        region=given.region,
        country=country,
        area=finder.find(area.column, key="[phone] area_code") if isinstance(area, Column) else code,
    )


def _find_permissions(campaign: Campaign, finder: ColumnFinder, info: SheetInfo) -> PermissionColumns:
    """Find the columns of opt-out, consent and selection, and, once all others are found, those that look so."""
    suppress, consent = campaign.suppress, campaign.consent
    optout = finder.find(suppress.column, key="[suppress] column") if suppress.column else None
    yes = finder.find(consent.column, key="[consent] column") if consent else None
    select = [(*finder.find(name, key="[select]"), values) for name, values in campaign.select.items()]
    ignored = {fold(name) for name in suppress.ignore}
    unused_optout, unused_consent = find_unused(
        (place, name)
        for place, name in enumerate(info.columns)
        if name not in finder.used and fold(name) not in ignored
    )
    return PermissionColumns(
        file=info.file,
        optout=optout,
        consent=yes,
        yes=frozenset(map(fold, consent.yes)) if consent else frozenset(),
        select=[(name, place, frozenset(map(fold, values))) for name, place, values in select],
        unused_optout=unused_optout,
        unused_consent=unused_consent,
    )


def wanted_columns(campaign: Campaign) -> frozenset[str]:
    """Return the columns that a campaign names, by which the sheet's header is found."""
    sources = [*_section_sources(campaign).values(), *(campaign.column_sources or {}).values()]
    texts = [spec.value for spec in campaign.template_fields or ()]
    for spec in campaign.template_fields or ():
        frame = (spec.component, spec.type, spec.index, spec.button_index, spec.card_index)
        sources += [part for part in frame if part is not None]
    phone = campaign.phone
    sources += [phone.area_code] if phone.area_code else []
    named = {source.column for source in (*sources, *texts) if isinstance(source, Column)}
    number = (campaign.column_sources or {}).get(_PHONE)
    if isinstance(number, Column) and "{" in number.column:
        named |= set(parse_text(number.column).columns)
    inside = {name for text in texts if isinstance(text, Constant) for name in parse_text(text.value).columns}
    permissions = (campaign.suppress.column, campaign.consent.column if campaign.consent else None, *campaign.select)
    permissions += (phone.country_column,)
    return frozenset(filter(None, (*named, *inside, *campaign.unique_by, *permissions)))


def date_columns(campaign: Campaign) -> frozenset[str]:
    """Return the columns that a filter of the campaign reads as dates."""
    texts = [spec.value.value for spec in campaign.template_fields or () if isinstance(spec.value, Constant)]
    parts = chain.from_iterable(parse_text(text).parts for text in texts)
    return frozenset(part.column for part in parts if isinstance(part, Placeholder) and "date" in part.names)


def _sources(campaign: Campaign, info: SheetInfo, rows: Rows | None) -> tuple[dict[str, Source], list[Problem]]:
    """Return the source of each field that has one, in the order of the API's page."""
    problems: list[Problem] = []
    columns = campaign.column_sources
    if columns is None:
        matched = match_columns(info, rows)
        columns, problems = matched.columns, list(matched.problems)
    given = {**_section_sources(campaign), **columns}
    return {field: given[field] for field in FIELDS if field in given}, problems


def _section_sources(campaign: Campaign) -> dict[str, Source]:
    """Return the sources of the sections [sender] and [template]."""
    template = {"template.name": campaign.template.name, "template.language": campaign.template.language}
    sender = campaign.sender.whatsapp_phone_id
    return template if isinstance(sender, Shares) else {"whatsapp_phone_id": sender, **template}


def _key(field: str) -> str:
    """Return the field's section and key in the campaign file."""
    if field.startswith("template."):
        return f"[template] {field.removeprefix('template.')}"
    return f"[sender] {field}" if field == "whatsapp_phone_id" else f"[columns] {field}"


def _part_key(number: int, part: str) -> str:
    return _("[[template_fields]] number {number}, {part}").format(number=number, part=part)


def _field_slot(finder: ColumnFinder, field: str, source: Source) -> FieldSlot:
    column, place, given = _place(finder, source, _key(field))
    return FieldSlot(
        field=field,
        column=column,
        place=place,
        fallback=given,
        label=field,
        convert=partial(check_value, field, column=column or "?"),
        required=FIELDS[field].required,
        rule=finder.rule(source, is_name=field == _PROFILE_NAME),
    )


def _part_slot(finder: ColumnFinder, part: str, source: Source, number: int) -> FieldSlot:
    column, place, given = _place(finder, source, _part_key(number, part))
    label = Phrase(N_("template field {number}, {part}"), {"number": number, "part": part})
    origin: dict[str, Value] = {"field": label, "column": column or ""}
    convert: Callable[[str], str | int | Finding] = partial(refuse_controls, origin=origin)
    if part in _LEAST:
        convert = partial(parse_whole_number, least=_LEAST[part], origin=origin)
    return FieldSlot(
        field=part,
        column=column,
        place=place,
        fallback=given,
        label=label,
        convert=convert,
        required=True,
        rule=finder.rule(source),
    )


def _place(finder: ColumnFinder, source: Source, key: str) -> tuple[str | None, int, str]:
    """Return column, place, and the constant or default."""
    if isinstance(source, Constant):
        return None, 0, source.value
    return *finder.find(source.column, key=key), source.default or ""


def _plan_field(finder: ColumnFinder, spec: FieldSpec, number: int, problems: list[Problem]) -> TemplateFieldPlan:
    sources = {part: getattr(spec, part) for part in ("component", "type", "index", "button_index", "card_index")}
    slots = [_part_slot(finder, part, source, number) for part, source in sources.items() if source is not None]
    constants = {slot.field: slot.read(None) for slot in slots if slot.column is None}
    value = _pattern(finder, spec.value, number, problems)
    findings = chain.from_iterable(value for value in constants.values() if isinstance(value, tuple))
    problems += [Problem(text=sentence(finding).rstrip(".")) for finding in findings]
    plan = TemplateFieldPlan(
        constants=constants, slots=tuple(slot for slot in slots if slot.column is not None), value=value
    )
    field = plan.constant_field
    return plan if field is None else replace(plan, value=replace(value, label=field.label))


def _pattern(finder: ColumnFinder, source: Source, number: int, problems: list[Problem]) -> ValuePattern:
    key = _part_key(number, "value")
    parsed = _parsed(source)
    problems += [Problem(text=f"{key}: {problem}") for problem in parsed.problems]
    problems += [Problem(text=f"{key} {problem}") for problem in _literal_problems(parsed)]
    parts = tuple(part if isinstance(part, str) else _cell_text(finder, part, key) for part in parsed.parts)
    return ValuePattern(label=Phrase(N_("template field {number}"), {"number": number}), parts=parts)


def _parsed(source: Source) -> ParsedText:
    if isinstance(source, Constant):
        return parse_text(source.value)
    filters = () if source.default is None else (default_filter(source.default),)
    placeholder = Placeholder(column=source.column, filters=filters, may_be_empty=source.default is not None)
    return ParsedText(parts=(placeholder,))


def _cell_text(finder: ColumnFinder, placeholder: Placeholder, key: str) -> CellText:
    column, place = finder.find(placeholder.column, key=key)
    is_name = is_name_header(column) or "first_name" in placeholder.names
    rule = CellRule(allow=finder.allowed, is_name=is_name, has_default=placeholder.may_be_empty)
    return CellText(
        column=column,
        place=place if placeholder.names else finder.shown_place(column, place),
        filters=(*finder.date_filters(column), *placeholder.filters)
        if "date" in placeholder.names
        else placeholder.filters,
        may_be_empty=placeholder.may_be_empty,
        rule=rule,
    )


def _literal_problems(parsed: ParsedText) -> Iterator[str]:
    """Yield problems of the text around the placeholders, which every row has."""
    literal = [part for part in parsed.parts if isinstance(part, str)]
    refused = next((found for part in literal if (found := find_refused(part))), None)
    if refused:
        yield _("holds {refused}, which cannot be sent").format(refused=refused)


def _numbering_problems(campaign: Campaign, plans: Sequence[TemplateFieldPlan]) -> Iterator[Problem]:
    """Yield gaps that every row has. Where a part comes from the sheet, each row is judged by itself."""
    fields = [field for plan in plans if (field := plan.constant_field) is not None]
    if len(fields) < len(plans):
        return
    for gap in find_gaps(fields, campaign.template.body):
        yield Problem(
            text=_("the template fields of {component} have the indexes {found}; needed are {needed}").format(
                component=gap.component, found=gap.found, needed=gap.needed
            ),
            remedy=_("Give each placeholder of the template one field, numbered from 1 without a gap."),
        )


def _constant_phone(campaign: Campaign, phone: FieldSlot | None) -> Iterator[Problem]:
    """Yield the problem of a constant or default that is no phone: it is wrong in every row that has it."""
    if phone is None or not phone.fallback:
        return
    read = read_phone(phone.fallback, region=campaign.phone.region)
    if isinstance(read, Finding):
        yield Problem(text=f"{_key(_PHONE)}: {sentence(read).rstrip('.')}")


def _descriptions(
    sources: dict[str, Source], fields: Iterable[TemplateFieldPlan], specs: Iterable[FieldSpec]
) -> Iterator[tuple[str, str]]:
    for field, source in sources.items():
        yield field, describe_source(source)
    for plan, spec in zip(fields, specs, strict=True):
        text = spec.value
        yield (
            str(plan.value.label),
            _("text '{text}'").format(text=text.value) if isinstance(text, Constant) else describe_source(text),
        )
