"""A sheet with the campaign that fits it: it is opened, and each of its rows is evaluated.

What a row says is judged together with what earlier runs left in the sheet itself: the result columns of a report that
is fed back, and the origin columns of a retry.xlsx.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache, cached_property
from hmac import compare_digest
from pathlib import Path
from typing import Any

from batch._version import __version__
from batch.app.inputs.plan_file import Plan, sha256_of
from batch.app.settings import Settings
from batch.campaign import Campaign
from batch.chats import RequestEncoder
from batch.i18n import _, current_language
from batch.ledger import Ledger, RetryOptions, StagedRow
from batch.loader import Limits, RowEvaluator, Sheet, date_columns, open_sheet, text_columns, wanted_columns
from batch.model.messages import (
    ORIGIN_COLUMNS,
    ORIGIN_MAC,
    Contact,
    Origin,
    campaign_scope,
    has_origins,
    hash_request,
    message_key,
    sheet_key,
)
from batch.model.outcomes import Outcome
from batch.model.phone.digits import twin_of
from batch.model.reasons import Finding, Reason, advice, sentence
from batch.model.runs import (
    BODY,
    CAMPAIGN_FILE,
    CHOSEN_ENCODING,
    CLEAN_REPORT,
    CURRENCY,
    KEYED_ORIGINS,
    ONLY_ALLOWED,
    PRICE,
    SUBMITTED,
    Run,
)
from batch.model.sheets import SheetInfo, SheetRow, limits_for

_ROW_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_MAYBE_SENT = {Outcome.SUCCESS.value, Outcome.REUSED.value, Outcome.UNKNOWN.value}


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """Choices of one command, never from the environment."""

    limit: int | None = None
    """Messages of a run at most; None: as many as there are."""
    rows: tuple[tuple[int, int], ...] | None = None
    """First and last rows of the sheet (`--rows`); None: all of it."""
    plan: Plan | None = None
    """The only messages that may be sent, as `plan` froze them."""
    retry_errors: bool = False
    """Rows in error are sent again though their request did not change."""
    resend_unknown: bool = False
    """Unknown rows are sent again: some people may get a second message."""
    retry_undelivered: bool = False
    """Rows whose message failed after it was accepted are sent once more, where a look shows the failure still."""
    accept_change: bool = False
    """Proceed even though people already messaged would be treated as new."""
    trusted: bool = False
    """`check` lifts the size limits of the sheet, as `[sheet] trusted` does."""
    encoding: str | None = None
    """Encoding of text files, before `[sheet] encoding`; None: that, or it is found."""
    is_frame: bool = False
    """The sheet was made of a frame: `[sheet]` name and header row of the campaign mean nothing, and it is kept."""
    verbose: bool = False
    """Log to stderr as well."""

    @property
    def retries(self) -> RetryOptions:
        return RetryOptions(**{field.name: getattr(self, field.name) for field in fields(RetryOptions)})

    def message_limit(self, campaign: Campaign) -> int | None:
        """Messages of a run at most, by these choices and by the campaign; None: no limit."""
        return min((each for each in (self.limit, campaign.throttle.per_run) if each is not None), default=None)


NO_CHOICES = Choices()


@dataclass(frozen=True, kw_only=True)
class CampaignSheet:
    """An open sheet and the campaign that fits it."""

    campaign: Campaign
    path: Path
    """The sheet's file, or a private copy of it."""
    sheet: Sheet
    evaluator: RowEvaluator
    endpoint: str
    sha256: str
    """Of the sheet's file, as hex digits."""
    no_contacts: Mapping[int, Reason]
    """Rows that are no contacts, by number, and what they are."""

    @property
    def sheet_key(self) -> str:
        """Identity of the sheet across runs: `Run.sheet_key`."""
        name = self.campaign.name
        return sheet_key(endpoint=self.endpoint, campaign=name, sha256=self.sha256, tab=self.sheet.info.sheet)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the campaign, and the rows that are no contacts, each a sentence."""
        found = []
        for reason in dict.fromkeys(self.no_contacts.values()):
            rows = ", ".join(str(row) for row, kind in self.no_contacts.items() if kind is reason)
            text = _("Left out, row {rows}: {what} {remedy}")
            finding = Finding(reason)
            found.append(text.format(rows=rows, what=sentence(finding), remedy=advice(finding)))
        return (*self.evaluator.warnings, *found)

    @cached_property
    def encoder(self) -> RequestEncoder:
        """Encodes its messages."""
        return RequestEncoder(self.evaluator.fill_message, self.evaluator.literal_places)

    def render_sent(self, row: SheetRow, request: str) -> str | None:
        """Return the text of a row's message, if its request has this hash: the body, or else its values by column."""
        contact = self.evaluator.evaluate(row)
        if contact.values is None or hash_request(self.encoder.encode(contact.values)) != request:
            return None
        body = self.evaluator.render_body(contact)
        return body if body is not None else "\n".join(self.evaluator.describe_values(contact))

    def evaluate(self, ledger: Ledger, hash_key: Callable[[str], str]) -> Iterator[StagedRow]:
        """Check every row of the sheet. `hash_key`: the ledger's form of a message key (`Hashes.key`)."""
        scope = self.endpoint, campaign_scope(self.campaign.name)
        earlier = EarlierRuns(self.sheet.info, ledger, scope=scope)
        for row in self.sheet.rows():
            contact = self.evaluator.evaluate(row)
            yield earlier.add_origin(self._stage(contact, earlier.find_result(row), hash_key), row)

    def _stage(self, contact: Contact, sent_elsewhere: Finding | None, hash_key: Callable[[str], str]) -> StagedRow:
        row, person, unique, sender, values, problems, notes, hidden, left_out, out = contact
        key = twin = None
        if person is not None:
            key = hash_key(message_key(person, unique, endpoint=self.endpoint, campaign=self.campaign.name))
            if other := twin_of(person):
                twin = hash_key(message_key(other, unique, endpoint=self.endpoint, campaign=self.campaign.name))
        if hidden and self.campaign.sheet.hidden_rows == "skip":
            out = Finding(Reason.HIDDEN_ROW)
        if row in self.no_contacts:
            out = Finding(self.no_contacts[row])
        if sent_elsewhere is None and out is None and values is not None:
            # Of a tuple: one is made for each row, and arguments would cost twice as much.
            fields = row, key, person, sender, None, (), notes, None, None, False, left_out, None, None, twin, values
            return StagedRow._make(fields)
        left = sent_elsewhere or out
        outcome, findings = (Outcome.SKIPPED, (left,)) if left else (Outcome.ERROR, problems)
        stands = sent_elsewhere is not None and key is not None
        return StagedRow(
            row, key, person, None, outcome, findings, notes, stands=stands, left_out=left_out, twin_key=twin
        )


def hash_body(campaign: Campaign) -> str:
    """Return a short hash of the template's text, which is no part of a request."""
    return hash_request(campaign.template.body or "")[:16]


def sent_renderer(source: CampaignSheet, ledger: Ledger) -> Callable[[SheetRow, str, str], str | None]:
    """Return what renders a row's message, by its request's hash and its run; None where either was another."""
    body_of = cache(lambda name: run.sheet_options.get(BODY) if (run := ledger.run(name)) else None)
    own = hash_body(source.campaign)
    return lambda row, request, run: source.render_sent(row, request) if body_of(run) == own else None


class EarlierRuns:
    """Runs that columns of a sheet name: the result columns of a report, the origin columns of a retry.xlsx.

    Origins of another ledger, campaign or endpoint mean nothing here. Nor does an origin without its code: with a run's
    name alone any of its rows could be claimed. Runs of earlier versions wrote none, so that theirs are taken as they
    stand.
    """

    def __init__(self, info: SheetInfo, ledger: Ledger, *, scope: tuple[str, str]) -> None:
        """`scope`: endpoint and scope of the campaign."""
        names, columns = ("wegly_status", "wegly_run"), [name.strip().casefold() for name in info.columns]
        self._results = [info.columns.index(name) for name in names] if set(names) <= set(info.columns) else None
        self._origins = [columns.index(name) for name in ORIGIN_COLUMNS[1:]] if has_origins(info.columns) else None
        self._code = columns.index(ORIGIN_MAC) if ORIGIN_MAC in columns else None
        self._find, self._mac, self._scope = cache(ledger.run), ledger.hashes.origin, scope

    def find_result(self, row: SheetRow) -> Finding | None:
        """Return that the row was sent by a run that this ledger does not know, or None."""
        if self._results is None:
            return None
        status, run = (row.cells[place] for place in self._results)
        if not run or (status or "").strip().lower() not in _MAYBE_SENT or self._find(run):
            return None
        return Finding(Reason.SENT_ELSEWHERE, {"run": run, "status": status or ""})

    def add_origin(self, staged: StagedRow, row: SheetRow) -> StagedRow:
        """Return the staged row with its origin, where it has one. A row left out by its sheet corrects nothing."""
        if self._origins is None or staged.outcome is Outcome.SKIPPED:
            return staged
        number, name = (row.cells[place] or "" for place in self._origins)
        run = self._find(name) if name and _ROW_NUMBER.fullmatch(number) else None
        if run is None or (run.endpoint, campaign_scope(run.campaign)) != self._scope:
            return staged
        origin = Origin(run=run.run, row=int(number))
        code = row.cells[self._code] or "" if self._code is not None else ""
        if (code or run.has_keyed_origins) and not compare_digest(code.encode(), self._mac(origin).encode()):
            unproven = Finding(Reason.NOTE_UNPROVEN, {"row": number, "run": name})
            return staged._replace(notes=(*staged.notes, unproven))
        return staged._replace(origin=origin, origin_sheet=run.sheet_key)


def open_campaign_sheet(
    path: Path,
    campaign: Campaign,
    *,
    endpoint: str,
    shown_as: str | None = None,
    sha256: str | None = None,
    choices: Choices = NO_CHOICES,
) -> CampaignSheet:
    """Open a sheet and fit its campaign to it.

    Args:
        path: the sheet, or a private copy of it.
        campaign: names columns, worksheet and header row.
        endpoint: canonical address of the API.
        shown_as: the person's name for the sheet, where `path` is a copy.
        sha256: of the file's content; None: it is computed.
        choices: its trust and encoding count.

    Raises SheetError or CampaignError for what is wrong with the whole of it.
    """
    reading = campaign.sheet
    opened = open_sheet(
        path,
        name=None if choices.is_frame else reading.name,
        header_row=1 if choices.is_frame else reading.header_row,
        wanted_columns=wanted_columns(campaign),
        limits=limits_for(trusted=choices.trusted or reading.trusted),
        shown_as=shown_as,
        has_loose_ends=reading.row_ends == "loose",
        encoding=choices.encoding or reading.encoding,
        text_columns=text_columns(campaign),
        date_columns=date_columns(campaign) if reading.dates is None else (),
    )
    evaluator = RowEvaluator.for_sheet(campaign, opened.info, rows=opened.rows)
    return CampaignSheet(
        campaign=campaign,
        path=path,
        sheet=opened,
        evaluator=evaluator,
        endpoint=endpoint,
        sha256=sha256 or sha256_of(path),
        no_contacts=opened.find_no_contacts(evaluator.phone_columns),
    )


def reading_of(campaign: Campaign, info: SheetInfo) -> dict[str, str]:
    """Return the reading options that `Run.sheet_options` keeps: worksheet, header row, trust, encoding."""
    trusted = campaign.sheet.trusted or None
    options = {"name": info.sheet, "header_row": info.header_row, "trusted": trusted, "encoding": info.encoding}
    return {name: str(value) for name, value in options.items() if value is not None}


def keep_options(source: CampaignSheet, settings: Settings, choices: Choices, *, submitted: bool) -> dict[str, str]:
    """Return what `Run.sheet_options` keeps: how the sheet was read, and what reports need without its campaign."""
    campaign, prices, only = source.campaign, source.campaign.prices, settings.only_allowed
    kept = {
        KEYED_ORIGINS: "yes",
        CLEAN_REPORT: "yes" if settings.clean_report else None,
        SUBMITTED: "yes" if submitted else None,
        CAMPAIGN_FILE: str(campaign.path.absolute()),
        BODY: hash_body(campaign),
        PRICE: str(prices.per_message) if prices else None,
        CURRENCY: prices.currency if prices else None,
        ONLY_ALLOWED: str(only.absolute()) if only else None,
        CHOSEN_ENCODING: choices.encoding,
    }
    return reading_of(campaign, source.sheet.info) | {name: value for name, value in kept.items() if value is not None}


def report_language(campaign: Campaign, settings: Settings) -> str:
    """Return the language of a run's report."""
    return settings.language or campaign.language or current_language()


def describe_run(
    name: str, sheet: Path, source: CampaignSheet, settings: Settings, started: datetime, **details: Any
) -> Run:
    """Return the record of a run that is about to begin. `details`: other fields of `Run`."""
    campaign = source.campaign
    fields = {"campaign": campaign.name} | details
    replies = {"words": campaign.suppress.reply_words, "buttons": campaign.suppress.buttons}
    return Run(
        run=name,
        endpoint=source.endpoint,
        sheet_path=str(sheet.absolute()),
        sheet_sha256=source.sha256,
        version=__version__,
        started=started,
        timezone=campaign.timezone,
        language=report_language(campaign, settings),
        wanted_rate=settings.rate or campaign.throttle.rate,
        reply_opt_outs={name: each for name, each in replies.items() if each},
        **fields,
    )


def limits_of_run(options: Mapping[str, str]) -> Limits:
    """Return the limits of a run's sheet. A run of an earlier version that had limits of its own counts as trusted."""
    return limits_for(trusted=any(name == "trusted" or name.startswith("limit_") for name in options))


def reopen_sheet(path: Path, options: Mapping[str, str], *, shown_as: str) -> Sheet:
    """Open a sheet as a run opened it (`Run.sheet_options`), however its rows end: they are judged already.

    Raises SheetError.
    """
    row = options.get("header_row")
    return open_sheet(
        path,
        name=options.get("name"),
        header_row=int(row) if row else None,
        limits=limits_of_run(options),
        shown_as=shown_as,
        has_loose_ends=True,
        encoding=options.get("encoding"),
    )
