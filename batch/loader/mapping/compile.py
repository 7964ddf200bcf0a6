"""The mapping of a campaign to the columns of one sheet, compiled once for all rows.

`compile_mapping` finds every column that the campaign names and refuses the whole with all problems at once, so that no
row is read with a mapping that does not fit."""

from collections.abc import Iterable, Iterator, Sequence
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
from batch.i18n import N_, _
from batch.loader.filters.registry import default_filter
from batch.loader.header_names import fold, is_name_header
from batch.loader.mapping.columns import ColumnFinder, Rows, match_columns, match_template_fields
from batch.loader.mapping.permissions import PermissionColumns, find_unused
from batch.loader.mapping.phones import PhoneColumns
from batch.loader.mapping.placeholders import ParsedText, Placeholder, parse_text
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
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, sentence
from batch.model.sheets import SheetInfo

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
    texts: tuple[int, ...]
    """Places of the columns of which a value takes the shown text."""
    columns_used: frozenset[str]
    """Every column of the sheet that the campaign uses, `unique_by` included."""
    remarks: tuple[Phrase, ...]
    """Remarks on number formats whose text goes into messages."""
    description: tuple[tuple[str, str], ...]
    """API field and its source, for people."""


def compile_mapping(campaign: Campaign, info: SheetInfo, rows: Rows | None) -> Mapping:
    """Fit the campaign to the sheet. Raises CampaignError with every problem of the two."""
    mapping, problems, _finder = _compile(campaign, info, rows)
    if problems:
        raise campaign_error(_("{file} with {sheet}").format(file=campaign.path.name, sheet=info.file), problems)
    return mapping


_NO_SHEET = SheetInfo(file="", format="")


def wanted_columns(campaign: Campaign) -> frozenset[str]:
    """Return the columns that a campaign names, by which the sheet's header is found."""
    return frozenset(_compile(campaign, _NO_SHEET, None)[2].wanted)


def text_columns(campaign: Campaign) -> frozenset[str] | None:
    """Return the columns whose shown texts a campaign uses; None where the sheet's header decides that."""
    return None if campaign.template_fields is None else frozenset(_compile(campaign, _NO_SHEET, None)[2].shown)


def date_columns(campaign: Campaign) -> frozenset[str]:
    """Return the columns that a filter of the campaign reads as dates."""
    return frozenset(_compile(campaign, _NO_SHEET, None)[2].dates)


def _compile(campaign: Campaign, info: SheetInfo, rows: Rows | None) -> tuple[Mapping, list[Problem], ColumnFinder]:
    """Return the mapping, the problems that make it none, and the finder, which knows what was asked for."""
    finder = ColumnFinder(info, campaign)
    sources, problems = _sources(campaign, info, rows)
    specs = match_template_fields(info) if campaign.template_fields is None else campaign.template_fields
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
    mapping = Mapping(
        phone=phone,
        constants={slot.field: slot.read(None) for slot in slots.values() if slot.column is None},
        slots=tuple(slot for slot in slots.values() if slot.column is not None),
        fields=fields,
        unique=unique,
        permissions=permissions,
        texts=tuple(place for place, name in enumerate(info.columns) if name in finder.shown),
        columns_used=frozenset(finder.used),
        remarks=tuple(remark for name in info.columns if name in finder.shown for remark in info.formats.get(name, ())),
        description=tuple(_descriptions(sources, fields, specs)),
    )
    return mapping, problems, finder


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
    """Return the slot of a field of the request."""
    rule = {"required": FIELDS[field].required, "is_name": field == _PROFILE_NAME}
    return _slot(finder, source, _key(field), field=field, label=field, convert=partial(check_value, field), **rule)


def _part_slot(finder: ColumnFinder, part: str, source: Source, number: int) -> FieldSlot:
    """Return the slot of a part of a template field."""
    label = Phrase(N_("template field {number}, {part}"), {"number": number, "part": part})
    convert = partial(parse_whole_number, least=_LEAST[part]) if part in _LEAST else refuse_controls
    return _slot(finder, source, _part_key(number, part), field=part, label=label, convert=convert)


def _slot(
    finder: ColumnFinder, source: Source, key: str, *, required: bool = True, is_name: bool = False, **more: Any
) -> FieldSlot:
    if isinstance(source, Constant):
        return FieldSlot(column=None, place=0, fallback=source.value, required=required, **more)
    column, place = finder.find(source.column, key=key)
    rule = finder.rule(is_name=is_name, has_default=source.default is not None)
    return FieldSlot(column=column, place=place, fallback=source.default or "", required=required, rule=rule, **more)


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
    return CellText(
        column=column,
        place=place if placeholder.names else finder.shown_place(column, place),
        filters=(*finder.date_filters(column), *placeholder.filters)
        if "date" in placeholder.names
        else placeholder.filters,
        may_be_empty=placeholder.may_be_empty,
        rule=finder.rule(is_name=is_name, has_default=placeholder.may_be_empty),
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
