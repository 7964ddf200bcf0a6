"""`suppress`: adds people to the suppression list, removes them, and lists them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from batch.app.inputs.recipient_lists import RecipientList, open_list
from batch.app.inputs.staging import utc_now
from batch.app.settings import Settings
from batch.chats import parse_endpoint
from batch.control_characters import show_controls
from batch.errors import SettingsError
from batch.i18n import _
from batch.ledger import Ledger, SuppressionEntry
from batch.model.messages import is_loopback
from batch.model.phone.cells import is_region, read_phone
from batch.model.reasons import Finding, sentence

Entry = SuppressionEntry
"""A person on the suppression list."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportResult:
    """Result of importing a sheet."""

    added: int
    """People who are new on the list."""
    already: int
    """Numbers of people who were on it already, by an earlier row too."""
    people: RecipientList
    """With the cells that cannot be read."""


def read_phones(phones: Sequence[str], region: str) -> tuple[str, ...]:
    """Read phones as people write them, each person once. Raises SettingsError for the first that is none."""
    _refuse_no_country(region)
    found: dict[str, None] = {}
    for text in phones:
        phone = read_phone(text, region=region)
        if isinstance(phone, Finding):
            remedy = (
                _("Write it with its area code: 11 98888-7777.")
                if region == "BR"
                else _("Write it with its country: +351 912 345 678.")
            )
            raise SettingsError(" ".join([sentence(phone), _("Nothing was changed.")]), remedy)
        found[phone.e164] = None
    return tuple(found)


def add_people(
    phones: Sequence[str],
    *,
    reason: str | None,
    source: str | None,
    region: str,
    settings: Settings,
    only_at: str | None = None,
) -> dict[str, bool]:
    """Add people to the list; returns for each whether it is new there. Durable on return.

    `only_at`: the address of a rehearsal, for an entry that holds there alone. Nothing is changed when it is not on
    this machine, or one of the phones is none: SettingsError.
    """
    people, endpoint = read_phones(phones, region), parse_endpoint(only_at) if only_at else ""
    if endpoint and not is_loopback(endpoint):
        problem = _("{endpoint} is no address of this machine.").format(endpoint=endpoint)
        raise SettingsError(
            problem, _("Leave --only-at out: a person who wants no messages is on the list everywhere.")
        )
    now, reason, source = utc_now(), reason or _("asked for it"), source or _("by hand")
    with Ledger.open(settings.ledger) as ledger:
        before = {person: ledger.suppression.find(person) for person in people}
        new = {person: not known or known.endpoint not in ("", endpoint) for person, known in before.items()}
        ledger.suppression.add(
            Entry(person=person, reason=reason, source=source, added=now, endpoint=endpoint)
            for person in people
            if new[person]
        )
    return new


def find_people(phones: Sequence[str], *, region: str, settings: Settings) -> dict[str, Entry | None]:
    """Look people up; returns each with the entry on the list, or None."""
    people = read_phones(phones, region)
    with Ledger.for_reading(settings.ledger) as ledger:
        return {person: ledger.suppression.find(person) for person in people}


def remove_people(people: Sequence[str], settings: Settings) -> list[Entry]:
    """Take people (E.164) off the list; returns the entries that are gone. Durable on return."""
    with Ledger.open(settings.ledger) as ledger:
        return ledger.suppression.remove(people, utc_now())


def list_people(settings: Settings) -> Iterator[Entry]:
    """Yield the entries of the list, by date."""
    with Ledger.for_reading(settings.ledger) as ledger:
        yield from ledger.suppression.entries()


def import_people(
    sheet: Path,
    *,
    column: str | None,
    reason: str,
    source: str | None,
    region: str,
    settings: Settings,
    encoding: str | None = None,
) -> ImportResult:
    """Add the people of a sheet to the list. Cells that cannot be read are returned; the others are durable on return.

    Raises SheetError when the file is no sheet, or has no phones.
    """
    _refuse_no_country(region)
    found = open_list(sheet, region=region, column=column, encodings=(encoding,))
    now, whence, numbers = utc_now(), source or show_controls(sheet.name), 0

    def entries() -> Iterator[Entry]:
        nonlocal numbers
        for person, _row in found.people():
            numbers += 1
            yield Entry(person=person, reason=reason, source=whence, added=now)

    with Ledger.open(settings.ledger) as ledger:
        added = ledger.suppression.add(entries())
    return ImportResult(added=added, already=numbers - added, people=found)


def _refuse_no_country(region: str) -> None:
    if not is_region(region):
        problem = _("{region!r} is no country.").format(region=region)
        raise SettingsError(problem, _('Write its two capital letters, like "BR" or "PT".'))
