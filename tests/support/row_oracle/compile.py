"""A campaign's mapping, fitted to one sheet's columns: compiled once, then asked for every row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

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
from batch.loader.filters.registry import default_filter
from batch.loader.header_names import fold, is_result_column
from batch.loader.mapping.automatic import Rows, match_columns, match_template_fields
from batch.loader.mapping.placeholders import ParsedText, Placeholder, parse_text
from batch.model.phone.cells import read_phone
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, sentence
from batch.model.sheets import SheetInfo
from row_oracle.template_fields import FieldPlan, label, numbering
from row_oracle.values import CellText, Slot, TextPlan, refused_in


class ColumnFinder:
    """Column names to their places. What cannot be found is gathered in `problems`, each once."""

    def __init__(self, info: SheetInfo) -> None:
        self._info = info
        self._places = {name: place for place, name in enumerate(info.columns)}
        self._alike: dict[str, list[str]] = {}
        for name in info.columns:
            self._alike.setdefault(fold(name), []).append(name)
        self.problems: list[Problem] = []
        self.used: set[str] = set()

    def find(self, wanted: str, *, key: str) -> tuple[str, int]:
        """Name and index of the column that `wanted` names, for the campaign's `key`.

        Accents, case, spaces and underscores do not matter where only one column is meant. When none is meant, or no
        single one, there is a problem, and the answer is only good for finding more problems.
        """
        name = self._name(wanted, key)
        if name is None:
            return wanted, 0
        self.used.add(name)
        return name, self._places[name]

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


_PHONE = "wa_contact_id"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapping:
    """How each field of the request is filled from a row's cells."""

    phone: Slot
    slots: tuple[Slot, ...]
    """The other fields but for the template's values, in the order of the API's page."""
    fields: tuple[FieldPlan, ...]
    unique: tuple[tuple[str, int], ...]
    """Name and place of the `unique_by` columns."""
    optout: tuple[str, int] | None
    """Name and place of the opt-out column."""
    columns_used: frozenset[str]
    """Every column of the sheet that the campaign uses, `unique_by` included."""
    description: tuple[tuple[str, str], ...]
    """API field to how it is filled, for people."""


def compile_mapping(campaign: Campaign, info: SheetInfo, rows: Rows | None) -> Mapping:
    """Fit the campaign to the sheet. Raises CampaignError with everything that does not fit."""
    finder = ColumnFinder(info)
    sources, problems = _sources(campaign, info, rows)
    specs = match_template_fields(info) if campaign.template_fields is None else campaign.template_fields
    slots = {field: _slot(finder, field, source, _key(field)) for field, source in sources.items()}
    fields = tuple(_field(finder, spec, number, problems) for number, spec in enumerate(specs, start=1))
    unique = tuple(finder.find(name, key="[campaign] unique_by") for name in campaign.unique_by)
    column = campaign.suppress.column
    optout = finder.find(column, key="[suppress] column") if column else None
    problems += [
        *finder.problems,
        *_numbering_problems(campaign, fields),
        *_constant_phone(campaign, slots.get(_PHONE)),
    ]
    if problems:
        raise campaign_error(_("{file} with {sheet}").format(file=campaign.path.name, sheet=info.file), problems)
    return Mapping(
        phone=slots.pop(_PHONE),
        slots=tuple(slots.values()),
        fields=fields,
        unique=unique,
        optout=optout,
        columns_used=frozenset(finder.used),
        description=tuple(_descriptions(sources, fields, specs)),
    )


def wanted_columns(campaign: Campaign) -> frozenset[str]:
    """The columns a campaign names, for finding the sheet's header."""
    sources = [*_own_sources(campaign).values(), *(campaign.columns or {}).values()]
    texts = [spec.value for spec in campaign.template_fields or ()]
    for spec in campaign.template_fields or ():
        frame = (spec.component, spec.type, spec.index, spec.button_index, spec.card_index)
        sources += [part for part in frame if part is not None]
    named = {source.column for source in (*sources, *texts) if isinstance(source, Column)}
    inside = {name for text in texts if isinstance(text, Constant) for name in parse_text(text.value).columns}
    optout = [campaign.suppress.column] if campaign.suppress.column else []
    return frozenset({*named, *inside, *campaign.unique_by, *optout})


def _sources(campaign: Campaign, info: SheetInfo, rows: Rows | None) -> tuple[dict[str, Source], list[Problem]]:
    """Every field that is filled, in the order of the API's page."""
    problems: list[Problem] = []
    columns = campaign.columns
    if columns is None:
        matched = match_columns(info, rows)
        columns, problems = matched.columns, list(matched.problems)
    given = {**_own_sources(campaign), **columns}
    return {field: given[field] for field in FIELDS if field in given}, problems


def _own_sources(campaign: Campaign) -> dict[str, Source]:
    """What the sections [sender] and [template] fill by column or constant."""
    template = {"template.name": campaign.template.name, "template.language": campaign.template.language}
    sender = campaign.sender.whatsapp_phone_id
    return template if isinstance(sender, Shares) else {"whatsapp_phone_id": sender, **template}


def _key(field: str) -> str:
    """Where the campaign file says it."""
    if field.startswith("template."):
        return f"[template] {field.removeprefix('template.')}"
    return f"[sender] {field}" if field == "whatsapp_phone_id" else f"[columns] {field}"


def _part_key(number: int, part: str) -> str:
    return _("[[template_fields]] number {number}, {part}").format(number=number, part=part)


def _slot(finder: ColumnFinder, field: str, source: Source, key: str) -> Slot:
    if isinstance(source, Constant):
        value = check_value(field, source.value) if field in FIELDS else source.value
        return Slot(field=field, column=None, place=0, fallback=value if isinstance(value, str) else source.value)
    column, place = finder.find(source.column, key=key)
    return Slot(field=field, column=column, place=place, fallback=source.default or "")


def _field(finder: ColumnFinder, spec: FieldSpec, number: int, problems: list[Problem]) -> FieldPlan:
    def slot(part: str, source: Source) -> Slot:
        key = _part_key(number, part)
        label = Phrase(N_("template field {number}, {part}"), {"number": number, "part": part})
        return replace(_slot(finder, part, source, key), label=label)

    plan = FieldPlan(
        component=slot("component", spec.component),
        type=slot("type", spec.type),
        index=slot("index", spec.index),
        button_index=slot("button_index", spec.button_index) if spec.button_index else None,
        card_index=slot("card_index", spec.card_index) if spec.card_index else None,
        value=_text(finder, spec.value, number, problems),
        frame=None,
    )
    return _with_frame(plan, problems)


def _with_frame(plan: FieldPlan, problems: list[Problem]) -> FieldPlan:
    """The plan with what is the same in every row made once."""
    if any(slot.column is not None for slot in plan.slots):
        return plan
    findings: list[Finding] = []
    frame = plan.read_frame((), findings)
    problems += [Problem(text=sentence(finding).rstrip(".")) for finding in findings]
    return plan if frame is None else replace(plan, frame=frame, value=replace(plan.value, label=label(frame)))


def _text(finder: ColumnFinder, source: Source, number: int, problems: list[Problem]) -> TextPlan:
    key = _part_key(number, "value")
    parsed = _parsed(source)
    problems += [Problem(text=f"{key}: {problem}") for problem in parsed.problems]
    problems += [Problem(text=f"{key} {problem}") for problem in _literal_problems(parsed)]
    parts = tuple(part if isinstance(part, str) else _cell_text(finder, part, key) for part in parsed.parts)
    return TextPlan(label=Phrase(N_("template field {number}"), {"number": number}), parts=parts)


def _parsed(source: Source) -> ParsedText:
    if isinstance(source, Constant):
        return parse_text(source.value)
    filters = () if source.default is None else (default_filter(source.default),)
    placeholder = Placeholder(column=source.column, filters=filters, may_be_empty=source.default is not None)
    return ParsedText(parts=(placeholder,))


def _cell_text(finder: ColumnFinder, placeholder: Placeholder, key: str) -> CellText:
    column, place = finder.find(placeholder.column, key=key)
    return CellText(
        column=column,
        place=place,
        filters=placeholder.filters,
        may_be_empty=placeholder.may_be_empty,
    )


def _literal_problems(parsed: ParsedText) -> Iterator[str]:
    """What is wrong with the text around the placeholders, in every row alike."""
    literal = [part for part in parsed.parts if isinstance(part, str)]
    refused = next((found for part in literal if (found := refused_in(part))), None)
    if refused:
        yield _("holds {refused}, which WhatsApp refuses").format(refused=refused)


def _numbering_problems(campaign: Campaign, fields: Iterable[FieldPlan]) -> Iterator[Problem]:
    frames = [field.frame for field in fields]
    if None in frames:
        return  # a part comes from the sheet: each row is judged by itself
    for component, found, needed in numbering([frame for frame in frames if frame], campaign.template.body):
        yield Problem(
            text=_("the template fields of {component} have the indexes {found}; needed are {needed}").format(
                component=component, found=found, needed=needed
            ),
            remedy=_("Give each placeholder of the template one field, numbered from 1 without a gap."),
        )


def _constant_phone(campaign: Campaign, phone: Slot | None) -> Iterator[Problem]:
    """A constant or default that is no phone is wrong in every row that has it."""
    if phone is None or not phone.fallback:
        return
    read = read_phone(phone.fallback, region=campaign.phone.region)
    if isinstance(read, Finding):
        yield Problem(text=f"{_key(_PHONE)}: {sentence(read).rstrip('.')}")


def _descriptions(
    sources: dict[str, Source], fields: Iterable[FieldPlan], specs: Iterable[FieldSpec]
) -> Iterator[tuple[str, str]]:
    for field, source in sources.items():
        yield field, describe_source(source)
    for plan, spec in zip(fields, specs, strict=True):
        text = spec.value
        yield (
            str(plan.value.label),
            _("text '{text}'").format(text=text.value) if isinstance(text, Constant) else describe_source(text),
        )
