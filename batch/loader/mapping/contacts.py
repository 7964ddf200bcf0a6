"""The row evaluator: one way from a row of the sheet to a contact, for previews, plans, trials and sends alike.

The campaign is compiled once: each field that a column fills has a memoised reader, and all that is the same in every
row is made once. A row is then the tuple of what its readers return. Any finding among them makes the row an error,
with all findings in a fixed order: the phone, unreadable cells, opt-out and consent, the fields in the order of the
API's page, the template's fields. Else the tuple is the message: `build_message` makes a record of it, and
`chats.RequestEncoder` its request.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from operator import itemgetter
from typing import Any, Self

from batch.campaign import Campaign, Shares, fill_body
from batch.i18n import N_
from batch.loader.mapping.columns import Rows
from batch.loader.mapping.compile import Mapping, compile_mapping
from batch.loader.mapping.permissions import NO_OBJECTION
from batch.loader.mapping.suspects import CellRule, Cleaned
from batch.loader.mapping.template_fields import TemplateShape, body_values, undocumented_warnings
from batch.loader.mapping.values import Findings, Memo, ValueReader
from batch.model.messages import Contact, Message
from batch.model.phone.cells import omitted_prefix
from batch.model.phone.digits import Phone
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, Reason
from batch.model.sheets import NO_SHOWN, SheetInfo, SheetRow, tuple_getter

_KEY = Phrase(N_("the key (unique_by)"))
_WHOLE_ROW = ""
_SENDER = "whatsapp_phone_id"


def _key_reader(column: str, place: int, allowed: frozenset[str]) -> ValueReader:
    """Return a reader that gives no value, but the findings of a cell of the key."""
    rule = CellRule(allow=allowed, is_name=True)  # a null word is no fault of a key, which may be empty

    def read(cell: str | None) -> Findings:
        fault = rule.find_fault((cell or "").strip())
        return (Finding(fault.reason, {"field": _KEY, "column": column, **fault.values}),) if fault else ()

    return ValueReader(itemgetter(place), Memo(read), frozenset({column}))


class RowEvaluator:
    """Evaluates the rows of a sheet for a campaign. Pure: the same row gives the same contact."""

    def __init__(self, campaign: Campaign, mapping: Mapping) -> None:
        self._mapping = mapping
        self._body = campaign.template.body
        self._prefix = omitted_prefix(campaign.phone.format, campaign.phone.region)
        self._skips_hidden = campaign.sheet.hidden_rows == "skip"
        self._unique = [place for _, place in mapping.unique]
        self._keys = [_key_reader(column, place, campaign.values.allow) for column, place in mapping.unique]
        self._read_permission = mapping.permissions.reader()
        self._read_phone = mapping.phone.reader()
        self._readers = [slot.reader() for slot in mapping.slots]
        self._texts = mapping.texts
        self._bad: Contact | None = None
        self._bad_cells: tuple[str | None, ...] = ()
        """Of the last wrong row: where one cell was filled down to the end, a million others are like it."""
        self._first_of_template = len(self._readers)
        parts: list[int] = []
        texts: list[int] = []
        for plan in mapping.fields:
            first, last = len(self._readers), len(self._readers) + len(plan.slots)
            parts += range(first, last)
            texts.append(last)
            self._readers += plan.readers()
        self._pick_parts, self._pick_texts = tuple_getter(parts), tuple_getter(texts)
        self._shapes = Memo(lambda parts: TemplateShape(mapping.fields, parts, self._body))
        self._shape: TemplateShape | None = None if parts else self._shapes[()]
        self._number_place = len(self._readers)
        sender = campaign.sender.whatsapp_phone_id
        self._shares = sender if isinstance(sender, Shares) else None
        self._sender = mapping.constants.get(_SENDER)
        # Where a column names the sender, it is the first value, as it is the first field of the API's page.
        self._sender_place = self._number_place + 1 if self._shares or self._sender else 0
        status = [place for place, slot in enumerate(mapping.slots) if slot.field == "status"]
        self.literal_places = frozenset([*status, *parts])
        """Places of those values for which no other text can stand in a request (`chats.RequestEncoder`)."""

    @classmethod
    def for_sheet(cls, campaign: Campaign, info: SheetInfo, rows: Rows | None = None) -> Self:
        """Fit a campaign to a sheet.

        `rows` gives the sheet's rows from the first, as often as asked. It is asked only when the campaign has no
        `[columns]` and the sheet has a column `status`, which counts only when all its values are statuses of the API;
        without `rows` it does not count. Raises CampaignError with everything that does not fit.
        """
        return cls(campaign, compile_mapping(campaign, info, rows))

    @property
    def columns_used(self) -> frozenset[str]:
        """The sheet's columns that the campaign uses."""
        return self._mapping.columns_used

    @property
    def unused_permissions(self) -> list[tuple[str, str]]:
        """Return columns that look like opt-out or consent and are not used, each with the line that would use it."""
        columns = self._mapping.permissions
        sections = (("suppress", columns.unused_optout), ("consent", columns.unused_consent))
        return [(name, f'[{section}] column = "{name}"') for section, found in sections for name, _place in found]

    @property
    def phone_columns(self) -> frozenset[str]:
        """The columns in which the phones stand, without those of country and area; empty for a constant."""
        phone = self._mapping.phone
        return phone.names or frozenset({phone.slot.column} if phone.slot.column else ())

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the campaign as a whole, each a sentence."""
        return (*undocumented_warnings(self._mapping.fields), *map(str, self._mapping.remarks))

    def describe_mapping(self) -> list[tuple[str, str]]:
        """Return each API field and how it is filled (`column 'Telefone'`), for people."""
        own = [(_SENDER, str(self._shares))] if self._shares else []
        return [*own, *self._mapping.description]

    def describe_values(self, contact: Contact) -> list[str]:
        """Return the template's values, each with the field and what fills it; none without a message."""
        message, sources = self.build_message(contact), dict(self._mapping.description)
        fields = message.template_fields if message else ()
        return [f"{field.label} ({sources[label]}): {field.value}" if (label := str(field.label)) in sources
                else f"{field.label}: {field.value}" for field in fields]  # fmt: skip

    def evaluate(self, row: SheetRow) -> Contact:
        """Return the contact of a row. Never raises for data: all findings are in its `problems`."""
        if _WHOLE_ROW in row.errors:
            malformed = Finding(Reason.ROW_MALFORMED, {"found": row.errors[_WHOLE_ROW]})
            return Contact(row.number, None, problems=(malformed,), hidden=row.hidden)
        cells = row.cells
        if self._bad is not None and cells == self._bad_cells and row.shown is NO_SHOWN and not row.errors:
            return self._bad._replace(row=row.number, hidden=row.hidden)
        phone = self._read_phone(cells)
        person_out, row_out, refused = self._read_permission(row) if self._read_permission else NO_OBJECTION
        both = cells + (self._show(row) if self._texts and row.shown is not NO_SHOWN else cells)
        values = [memo[pick(both)] for pick, memo, _ in self._readers]
        kinds = set(map(type, values))
        keys = [memo[pick(cells)] for pick, memo, _ in self._keys] if self._keys else []
        problems: Findings = ()
        if row.errors or refused or type(phone) is tuple or tuple in kinds or any(keys):
            broken = self.columns_used & row.errors.keys()
            phone, *values = self._drop_unreadable(broken, phone, values)
            keys = [key for reader, key in zip(self._keys, keys, strict=False) if not reader.columns & broken]
            in_order = (phone, self._list_unreadable(row, broken), refused, *values, *keys)
            problems = tuple(chain.from_iterable(found for found in in_order if type(found) is tuple))
        person, notes, dialled = phone if type(phone) is Phone else (None, (), None)
        if not problems or tuple not in map(type, values[self._first_of_template :]):
            shape = self._shape or self._shapes[self._pick_parts(values)]
            problems += shape.find_problems(self._pick_texts(values))
            if shape.notes and not problems and not (row.hidden and self._skips_hidden):
                notes += shape.notes
        if Cleaned in kinds:
            notes += self._note_cleaned(values)
        unique = tuple([cells[place] or "" for place in self._unique]) if self._unique else ()
        if unique and row.errors:
            unique = tuple(
                [text or row.shown.get(place, ("",))[0] for text, place in zip(unique, self._unique, strict=True)]
            )
        if problems or person is None:
            bad = Contact(row.number, person, unique, None, None, problems, notes, row.hidden, person_out, row_out)
            plain = row.shown is NO_SHOWN and not (row.errors or refused or person_out or row_out)
            self._bad, self._bad_cells = (bad if plain else None), cells
            return bad
        values.append((dialled or person).removeprefix(self._prefix))
        if self._sender_place:
            values.append(self._shares.sender_of(person) if self._shares else self._sender)
        sender = values[self._sender_place]
        return Contact._make(
            (row.number, person, unique, sender, tuple(values), (), notes, row.hidden, person_out, row_out)
        )

    def _show(self, row: SheetRow) -> tuple[str | None, ...]:
        """Return the cells of a row, with the shown text of those whose text is used."""
        found = {place: shown[0] for place in self._texts if (shown := row.shown.get(place))}
        return tuple([found.get(place, cell) for place, cell in enumerate(row.cells)]) if found else row.cells

    def _drop_unreadable(self, broken: AbstractSet[str], phone: Any, values: list[Any]) -> Iterator[Any]:
        """Put no findings in place of what unreadable cells came to: they have a finding of their own."""
        yield () if self._mapping.phone.columns & broken else phone
        for reader, value in zip(self._readers, values, strict=True):
            yield () if reader.columns & broken else value

    def _note_cleaned(self, values: Sequence[Any]) -> Findings:
        readers = zip(self._readers, values, strict=False)
        columns = dict.fromkeys(name for each, value in readers if type(value) is Cleaned for name in each.columns)
        return (Finding(Reason.NOTE_INVISIBLE, {"column": ", ".join(sorted(columns))}),)

    def _list_unreadable(self, row: SheetRow, broken: AbstractSet[str]) -> Findings:
        """Return findings for the cells that are used and cannot be read: the phone's first, then as in the sheet."""
        in_order = sorted(row.errors, key=lambda column: column not in self._mapping.phone.columns)
        return tuple(
            Finding(Reason.CELL_UNREADABLE, {"column": column, "found": row.errors[column]})
            for column in in_order
            if column in broken
        )

    def build_message(self, contact: Contact) -> Message | None:
        """Return the message of a contact; None where it has problems."""
        return None if contact.values is None else self.fill_message(contact.values)

    def fill_message(self, values: Sequence[Any]) -> Message:
        """Return the message with the values of a contact."""
        given = dict(self._mapping.constants) | {
            slot.field: value for slot, value in zip(self._mapping.slots, values, strict=False)
        }
        shape = self._shape or self._shapes[self._pick_parts(values)]
        return Message(
            whatsapp_phone_id=values[self._sender_place],
            wa_contact_id=values[self._number_place],
            template_name=given["template.name"] or "",
            template_language=given["template.language"] or "",
            template_fields=shape.fill(self._pick_texts(values)),
            person_contact_id=given.get("person_contact_id"),
            remote_profile_name=given.get("remote_profile_name"),
            crm_person_id=given.get("crm_person_id"),
            assigned_agent_id=given.get("assigned_agent_id"),
            status=given.get("status"),
        )

    def render_body(self, contact: Contact) -> str | None:
        """Return the body as a person will read it; None without a message, or where the campaign has no body."""
        message = self.build_message(contact)
        if message is None or self._body is None:
            return None
        return fill_body(self._body, body_values(message.template_fields))
