"""A sheet and its campaign, fitted together: the rows on their way into the ledger."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path

from batch.app.inputs.plan_file import Plan, sha256_of
from batch.app.inputs.recipient_lists import NO_LISTS, RunLists
from batch.campaign import Campaign
from batch.chats import RequestForms, encode
from batch.errors import SettingsError
from batch.i18n import _
from batch.ledger import History, RowSelection, StagedRow, Staging
from batch.loader import Limits, Sheet, open_sheet
from batch.loader.mapping.compile import wanted_columns
from batch.loader.mapping.contacts import ContactMaker
from batch.loader.mapping.plain import PlainContacts
from batch.model.messages import (
    ORIGIN_COLUMNS,
    Contact,
    Message,
    MessageKeys,
    Origin,
    campaign_scope,
    has_origins,
    message_key,
    sheet_key,
)
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run
from batch.model.sheets import SheetInfo, SheetRow

_STATUS = "wegly_status"
_RUN = "wegly_run"
_MAYBE_SENT = {Outcome.SUCCESS.value, Outcome.REUSED.value, Outcome.UNKNOWN.value}


class SentElsewhere:
    """Judges the result columns that a fed-back report carries. A sheet without them has no such row."""

    def __init__(self, info: SheetInfo, find_run: Callable[[str], Run | None]) -> None:
        """`find_run`: the ledger's run of that name, if it has one; asked for every row."""
        both = _STATUS in info.columns and _RUN in info.columns
        self._places = (info.columns.index(_STATUS), info.columns.index(_RUN)) if both else None
        self._find = find_run

    def finding(self, row: SheetRow) -> Finding | None:
        """Why the row must not be sent, or None."""
        if self._places is None:
            return None
        status, run = (row.cells[place] for place in self._places)
        if not run or (status or "").strip().lower() not in _MAYBE_SENT or self._find(run):
            return None
        return Finding(Reason.SENT_ELSEWHERE, {"run": run, "status": status or ""})


_ROW_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


class Origins:
    """Reads the origin columns of a sheet. One without them, or of another ledger or campaign, is like any sheet."""

    def __init__(self, info: SheetInfo, find_run: Callable[[str], Run | None], *, endpoint: str, campaign: str) -> None:
        """`find_run`: the ledger's run of that name, if it has one; asked for every row."""
        columns = [name.strip().casefold() for name in info.columns]
        self._places = [columns.index(name) for name in ORIGIN_COLUMNS[1:]] if has_origins(info.columns) else None
        self._find = find_run
        self._scope = endpoint, campaign_scope(campaign)

    def noted(self, staged: StagedRow, row: SheetRow) -> StagedRow:
        """The staged row with its origin, where it has one. A row left out by its sheet corrects nothing."""
        if self._places is None or staged.outcome is Outcome.SKIPPED:
            return staged
        number, name = (row.cells[place] or "" for place in self._places)
        run = self._find(name) if name and _ROW_NUMBER.fullmatch(number) else None
        if run is None or (run.endpoint, campaign_scope(run.campaign)) != self._scope:
            return staged
        return staged._replace(origin=Origin(run=run.run, row=int(number)), origin_sheet=run.sheet_key)


_LIMIT = "limit_"


def limits_of(campaign: Campaign) -> Limits:
    """The limits that refuse a hostile file, with those that the campaign sets."""
    return Limits(**campaign.sheet.limits.given())


def reading_of(campaign: Campaign, info: SheetInfo) -> dict[str, str]:
    """What `Run.sheet_options` keeps: worksheet, header row, and the limits that the campaign sets."""
    noted = {"name": info.sheet, "header_row": info.header_row}
    limits = {f"{_LIMIT}{name}": value for name, value in campaign.sheet.limits.given().items()}
    return {name: str(value) for name, value in (noted | limits).items() if value is not None}


def noted_limits(options: Mapping[str, str]) -> Limits:
    """The limits that a run was made with."""
    return Limits(**{name.removeprefix(_LIMIT): int(options[name]) for name in options if name.startswith(_LIMIT)})


def open_as_noted(path: Path, options: Mapping[str, str], *, shown_as: str) -> Sheet:
    """Open a sheet as a run opened it. Raises SheetError."""
    row = options.get("header_row")
    return open_sheet(
        path,
        name=options.get("name"),
        header_row=int(row) if row else None,
        limits=noted_limits(options),
        shown_as=shown_as,
    )


_AT_ONCE = 1000
_ROWS_TOLD = 5


def utc_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A campaign that fits a sheet."""

    campaign: Campaign
    sheet: Sheet
    maker: ContactMaker
    endpoint: str
    sha256: str
    """Of the sheet's file."""

    @property
    def sheet_key(self) -> str:
        """What makes the sheet the same one in another run: `Run.sheet_key`."""
        name = self.campaign.name
        return sheet_key(endpoint=self.endpoint, campaign=name, sha256=self.sha256, tab=self.sheet.info.sheet)

    def stage(
        self, staging: Staging, find_run: Callable[[str], Run | None], *, now: datetime, lists: RunLists = NO_LISTS
    ) -> tuple[str, ...]:
        """Check every row and stage it, then judge the whole sheet; returns warnings about people, each a sentence.

        `find_run`: the ledger's run of that name, if it has one. `lists`: who is left out, or alone let in, besides
        the suppression list.
        """
        nobody: list[int] = []
        known = cache(find_run)
        elsewhere = SentElsewhere(self.sheet.info, known)
        origins = Origins(self.sheet.info, known, endpoint=self.endpoint, campaign=self.campaign.name)
        rows = self._staged_rows(elsewhere, origins, nobody, staging.hash_key)
        while batch := list(islice(rows, _AT_ONCE)):
            staging.add(batch)
        lists.apply(staging)
        rules, campaign = self.campaign.outreach, self.campaign.name
        history = History(rules=rules, endpoint=self.endpoint, campaign=campaign, now=now)
        staging.judge(history, sheet=self.sheet_key)
        return (*lists.warnings, *_opted_out_nobody(nobody))

    def _staged_rows(
        self, elsewhere: SentElsewhere, origins: Origins, nobody: list[int], hash_key: Callable[[str], str]
    ) -> Iterator[StagedRow]:
        """`nobody` gets the rows of people who want no messages, and of whom nobody can tell who they are."""
        short_cut = _ShortCut.of(self, hash_key)
        for row in self.sheet.rows():
            said = elsewhere.finding(row)
            plain = short_cut.staged(row) if short_cut and said is None else None
            if plain is not None:
                yield origins.noted(plain, row)
                continue
            contact = self.maker.contact(row)
            if contact.opted_out and contact.person is None:
                nobody.append(contact.row)
            yield origins.noted(self._staged(contact, said, hash_key), row)

    def _staged(self, contact: Contact, sent_elsewhere: Finding | None, hash_key: Callable[[str], str]) -> StagedRow:
        key = None
        if contact.person is not None:
            name = self.campaign.name
            key = hash_key(
                message_key(endpoint=self.endpoint, campaign=name, person=contact.person, unique=contact.unique)
            )
        staged = StagedRow(
            row=contact.row,
            key=key,
            person=contact.person,
            notes=contact.notes,
            opted_out=contact.opted_out,
        )
        if sent_elsewhere is not None:
            return staged._replace(outcome=Outcome.SKIPPED, findings=(sent_elsewhere,), stands=key is not None)
        if contact.hidden and self.campaign.sheet.hidden_rows == "skip":
            return staged._replace(outcome=Outcome.SKIPPED, findings=(Finding(Reason.HIDDEN_ROW),))
        if contact.message is None:
            return staged._replace(outcome=Outcome.ERROR, findings=contact.problems)
        payload, digest = as_request(contact.message)
        return staged._replace(sender=contact.message.whatsapp_phone_id, payload=payload, request_hash=digest)


class _ShortCut:
    """Stages plain rows as `Prepared` would, from their values alone."""

    def __init__(self, prepared: Prepared, plain: PlainContacts, hash_key: Callable[[str], str]) -> None:
        self._plain = plain
        self._keyed = hash_key
        self._forms = RequestForms(plain.message, plain.of_few_values)
        self._key = MessageKeys(endpoint=prepared.endpoint, campaign=prepared.campaign.name).key
        self._sender = plain.sender

    @classmethod
    def of(cls, prepared: Prepared, hash_key: Callable[[str], str]) -> _ShortCut | None:
        plain = prepared.maker.plain
        return None if plain is None else cls(prepared, plain, hash_key)

    def staged(self, row: SheetRow) -> StagedRow | None:
        """None for a row that is not plain."""
        found = self._plain.read(row)
        if found is None:
            return None
        person, values, notes, unique, opted_out = found
        payload = self._forms.encode(values)
        return StagedRow(
            row.number,
            self._keyed(self._key(person, unique)),
            person,
            self._sender(values),
            None,
            (),
            notes,
            _hash(payload),
            payload,
            opted_out=opted_out,
        )


def _opted_out_nobody(rows: list[int]) -> list[str]:
    if not rows:
        return []
    told = ", ".join(map(str, rows[:_ROWS_TOLD]))
    if len(rows) > _ROWS_TOLD:
        told = _("{rows} and others").format(rows=told)
    said = _(
        "The opt-out column says yes in rows whose phone cannot be read ({rows}): if these people stand in the sheet "
        "with another number, they get a message. Correct the phones first."
    )
    return [said.format(rows=told)]


def as_request(message: Message) -> tuple[str, str]:
    """The body of a message's POST, and its SHA-256 in hex digits."""
    payload = encode(message)
    return payload, _hash(payload)


def _hash(payload: str) -> str:
    return hashlib.sha256(payload.encode()).hexdigest()


def prepare(
    sheet: Path, campaign: Campaign, *, endpoint: str, shown_as: str | None = None, sha256: str | None = None
) -> Prepared:
    """Open a sheet for its campaign. `shown_as`: the user's name for it, where `sheet` is a copy. `sha256`: of its
    content, where it is known already.

    Raises SheetError or CampaignError for what is wrong with the whole of it.
    """
    reading = campaign.sheet
    opened = open_sheet(
        sheet,
        name=reading.name,
        header_row=reading.header_row,
        wanted_columns=wanted_columns(campaign),
        limits=limits_of(campaign),
        shown_as=shown_as,
    )
    maker = ContactMaker.for_sheet(campaign, opened.info, rows=opened.rows)
    digest = sha256 or sha256_of(sheet)
    return Prepared(campaign=campaign, sheet=opened, maker=maker, endpoint=endpoint, sha256=digest)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenRows:
    """Choices of one moment about rows. None: no such choice."""

    limit: int | None = None
    """Messages of the run at most."""
    rows: tuple[tuple[int, int], ...] | None = None
    """First and last rows of the sheet."""
    plan: Plan | None = None
    """The messages that alone may be sent, as they were frozen."""


ALL_ROWS = ChosenRows()


def choose(staging: Staging, chosen: ChosenRows) -> None:
    """Keep a judged sheet to the chosen rows.

    Raises PlanChanged when a planned row would get another message, SettingsError for rows the sheet does not have.
    """
    if chosen.plan is not None:
        chosen.plan.refuse_other_messages(staging.requests())
    for first, last in chosen.rows or ():
        if not staging.has_rows(first, last):
            named = str(first) if first == last else f"{first}-{last}"
            raise SettingsError(
                _("--rows {rows}: the sheet has no such row below its header. Nothing was sent.").format(rows=named),
                _("Rows are numbered as Excel shows them; `wegly-batch inspect --rows` lists them."),
            )
    if chosen.rows is not None or chosen.plan is not None:
        staging.choose(RowSelection(ranges=chosen.rows, planned=chosen.plan.requests if chosen.plan else None))


def limit_of(campaign: Campaign, limit: int | None) -> int | None:
    """Messages of a run at most: what was asked for now, and what the campaign allows a run; None: no limit."""
    return min((each for each in (limit, campaign.throttle.per_run) if each is not None), default=None)
