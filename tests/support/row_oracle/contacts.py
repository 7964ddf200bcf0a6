"""From rows to check_value contacts: a message for a good row, every finding for a bad one."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Self

from batch.campaign import Campaign, Shares, fill_body
from batch.i18n import N_
from batch.loader.mapping.automatic import Rows
from batch.model.messages import Message, TemplateField
from batch.model.phone.cells import format_for_api, read_phone
from batch.model.phone.digits import Phone
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, Reason
from batch.model.sheets import SheetInfo, SheetRow
from row_oracle.compile import Mapping, compile_mapping
from row_oracle.optout import opted_out
from row_oracle.record import Contact
from row_oracle.template_fields import (
    body_values,
    lengths,
    numbering,
    settled,
    undocumented,
    undocumented_in_row,
)
from row_oracle.values import Cells

_WHOLE_ROW = ""
_NOTHING: frozenset[str] = frozenset()


class ContactMaker:
    """Makes contacts of a sheet's rows as a campaign says. Pure once made: the same row gives the same contact."""

    def __init__(self, campaign: Campaign, mapping: Mapping) -> None:
        self._mapping = mapping
        sender = campaign.sender.whatsapp_phone_id
        self._shares = sender if isinstance(sender, Shares) else None
        self._region = campaign.phone.region
        self._format = campaign.phone.format
        self._body = campaign.template.body
        self._skips_hidden = campaign.sheet.hidden_rows == "skip"
        self._fixed = all(field.frame for field in mapping.fields)
        self._warnings = undocumented(mapping.fields)
        self._value_columns = [", ".join(field.value.columns) for field in mapping.fields]
        self._columns = [(field, field.columns) for field in mapping.fields]

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
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of the campaign as a whole, each a sentence."""
        return self._warnings

    def mapping(self) -> list[tuple[str, str]]:
        """API field and how it is filled (`column 'Telefone'`), for people."""
        own = [("whatsapp_phone_id", str(self._shares))] if self._shares else []
        return [*own, *self._mapping.description]

    def preview(self, contact: Contact) -> str | None:
        """The body a person will read; None for a contact without a message or a campaign without the body."""
        if contact.message is None or self._body is None:
            return None
        return fill_body(self._body, body_values(contact.message.template_fields))

    def contact(self, row: SheetRow) -> Contact:
        """The contact of a row. Never raises for data: what is wrong is in its `problems`, the phone first."""
        broken = row.errors.keys() & self.columns_used if row.errors else _NOTHING
        if _WHOLE_ROW in row.errors:
            found = {"found": row.errors[_WHOLE_ROW]}
            return Contact(
                row=row.number, person=None, problems=(Finding(Reason.ROW_MALFORMED, found),), hidden=row.hidden
            )
        problems: list[Finding] = []
        phone = self._phone(row, broken, problems)
        problems += self._unreadable(row, broken)
        wants_none = self._opted_out(row, broken, problems)
        values = self._values(row.cells, broken, problems)
        fields = self._fields(row.cells, broken, problems)
        message = None if problems or phone is None else self._message(phone, values, fields)
        notes = phone.notes if phone else ()
        if message is not None and not self._fixed and not (row.hidden and self._skips_hidden):
            notes += undocumented_in_row(self._mapping.fields, fields)
        return Contact(
            row=row.number,
            person=phone.e164 if phone else None,
            unique=tuple(row.cells[place] or "" for _, place in self._mapping.unique),
            message=message,
            problems=tuple(problems),
            notes=notes,
            hidden=row.hidden,
            opted_out=wants_none,
        )

    def _opted_out(self, row: SheetRow, broken: AbstractSet[str], problems: list[Finding]) -> bool:
        """Whether the sheet says that the person wants no messages; also of a row that is wrong otherwise."""
        if self._mapping.optout is None:
            return False
        column, place = self._mapping.optout
        if column in broken:
            return False
        said = opted_out(row.cells[place], column)
        if isinstance(said, Finding):
            problems.append(said)
            return False
        return said

    def _phone(self, row: SheetRow, broken: AbstractSet[str], problems: list[Finding]) -> Phone | None:
        slot = self._mapping.phone
        if slot.column in broken:
            return None
        read = read_phone(slot.text(row.cells), region=self._region)
        if isinstance(read, Finding):
            where = {"field": slot.field, "column": slot.column or ""}
            problems.append(Finding(read.reason, {**where, **read.values}))
            return None
        return read

    def _unreadable(self, row: SheetRow, broken: AbstractSet[str]) -> list[Finding]:
        """Cells that cannot be read and are used, the phone's first, the others as they stand in the sheet."""
        return [
            Finding(Reason.CELL_UNREADABLE, {"column": column, "found": row.errors[column]})
            for column in sorted(row.errors.keys(), key=lambda column: column != self._mapping.phone.column)
            if column in broken
        ]

    def _values(self, cells: Cells, broken: AbstractSet[str], problems: list[Finding]) -> dict[str, str | None]:
        return {
            slot.field: settled(slot.value(cells), problems, None)
            for slot in self._mapping.slots
            if not (broken and slot.column in broken)
        }

    def _fields(self, cells: Cells, broken: AbstractSet[str], problems: list[Finding]) -> tuple[TemplateField, ...]:
        before = len(problems)
        filled = [field.fill(cells, problems) for field, columns in self._columns if not (broken and columns & broken)]
        fields = tuple(field for field in filled if field is not None)
        if len(fields) == len(self._columns) and len(problems) == before:
            problems += [] if self._fixed else self._numbering(fields)
            problems += lengths(fields, self._value_columns, self._body)
        return fields

    def _numbering(self, fields: tuple[TemplateField, ...]) -> list[Finding]:
        return [
            Finding(
                Reason.VALUE_NOT_ALLOWED,
                {
                    "field": Phrase(N_("index of {component}"), {"component": component}),
                    "column": self._index_columns(),
                    "found": found,
                    "allowed": needed,
                },
            )
            for component, found, needed in numbering(fields, self._body)
        ]

    def _index_columns(self) -> str:
        return ", ".join(
            dict.fromkeys(slot.column for field in self._mapping.fields for slot in field.slots if slot.column)
        )

    def _message(self, phone: Phone, values: dict[str, str | None], fields: tuple[TemplateField, ...]) -> Message:
        return Message(
            whatsapp_phone_id=self._shares.sender_of(phone.e164) if self._shares else values["whatsapp_phone_id"] or "",
            wa_contact_id=format_for_api(phone.e164, self._format, self._region),
            template_name=values["template.name"] or "",
            template_language=values["template.language"] or "",
            template_fields=fields,
            person_contact_id=values.get("person_contact_id"),
            remote_profile_name=values.get("remote_profile_name"),
            crm_person_id=values.get("crm_person_id"),
            assigned_agent_id=values.get("assigned_agent_id"),
            status=values.get("status"),
        )
