"""Unknown rows whose message is found in a chat that an earlier run recorded: `follow -c` settles them.

A message that is found is a proof; one that is not found proves nothing, and the row stays unknown.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from batch.app.inputs.campaign_sheet import open_campaign_sheet
from batch.app.inputs.staging import utc_now
from batch.app.report import find_run
from batch.app.settings import Settings
from batch.app.settlement import LEEWAY, hold_campaign, hold_senders, user_name
from batch.campaign import Campaign, load_campaign
from batch.chats import ChatsReader, Timeline, TimelineFailure, Token
from batch.errors import CampaignError, SettingsError, SheetError
from batch.formatting import format_moment
from batch.i18n import N_, _
from batch.ledger import Ledger, RelatedMessage, RowStatus, Settlement, State
from batch.model.chat_history import Span, TimelineMessage, Trace, find_message
from batch.model.messages import campaign_scope, message_key
from batch.model.outcomes import Evidence, Outcome
from batch.model.phone.digits import twin_of
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run

_CHATS = 3
"""Chats of one person that are asked about, the latest first."""
_MAYBE_SENT = frozenset({State.SUCCESS, State.REUSED, State.UNKNOWN, State.CLAIMED})
_ANSWERED = frozenset({State.SUCCESS, State.REUSED})
_UNANSWERED = frozenset({Evidence.SETTLED, Evidence.TIMELINE})


class NoMatch(StrEnum):
    """Reason why a row is still unknown."""

    LIVE = "in_flight"
    """The attempt may still be in flight."""
    NO_BODY = "no_body"
    """The campaign does not give the template's text, so no message can be known again."""
    NO_CHAT = "no_chat"
    """No run has recorded a chat of this person."""
    NO_TEXT = "not_in_sheet"
    """The sheet has no good row for it any more, so its text is not known."""
    REFUSED = "not_readable"
    """The API did not give the chat."""
    NOTHING = "not_found"
    """It is not in the chat, which proves nothing."""
    FAILED = "failed"
    """It is in the chat, but WhatsApp has not sent it."""
    ANOTHERS = "not_told_apart"
    """One is there, but it may be that of another attempt."""


_STILL_UNKNOWN: Mapping[NoMatch, str] = {
    NoMatch.LIVE: N_("it began to be sent a moment ago; come back in some minutes"),
    NoMatch.NO_BODY: N_(
        "the campaign does not give the template's text ([template] body), so no message can be known again"
    ),
    NoMatch.NO_CHAT: N_("no run of this ledger has recorded a chat with this person"),
    NoMatch.NO_TEXT: N_("the sheet has no good row for it any more, so its text is not known"),
    NoMatch.REFUSED: N_("the API did not give the chat: {words}"),
    NoMatch.NOTHING: N_(
        "not found in the chat, which proves nothing: it may be on its way, or the row was changed since"
    ),
    NoMatch.FAILED: N_("it is in the chat, but marked there as failed"),
    NoMatch.ANOTHERS: N_("a message like it is in the chat, but may be that of another attempt at this person"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class UnknownCase:
    """An unknown row, and what the ledger knows of the person besides."""

    row: RowStatus
    chats: tuple[str, ...]
    others: tuple[RelatedMessage, ...]
    """Other messages that the same sender has, or may have, sent to the person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchedRow:
    """A row whose message was found."""

    row: RowStatus
    chat_id: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class UnmatchedRow:
    """A row that is still unknown."""

    row: RowStatus
    why: NoMatch
    words: str = ""
    """Answer of the API, without a full stop."""

    @property
    def explanation(self) -> str:
        """The reason in words, a part of a sentence."""
        return _(_STILL_UNKNOWN[self.why]).format(words=self.words)


def collect_cases(rows: Iterable[RowStatus], related: Sequence[RelatedMessage]) -> list[UnknownCase]:
    """Collect the chats and messages of each row's person and sender. `related` is ordered, the latest first."""
    people: dict[tuple[str | None, str], list[RelatedMessage]] = {}
    for each in related:
        people.setdefault((each.person, each.sender.casefold()), []).append(each)
    cases = []
    for row in rows:
        theirs = people.get((row.result.person, row.sender.casefold()), [])
        chats = dict.fromkeys(each.chat_id for each in theirs if each.chat_id)
        others = tuple(each for each in theirs if each.key != row.key and each.state in _MAYBE_SENT)
        cases.append(UnknownCase(row=row, chats=tuple(chats)[:_CHATS], others=others))
    return cases


def match_case(
    case: UnknownCase,
    texts: Mapping[str, str],
    timelines: Mapping[str, Timeline | TimelineFailure],
    *,
    read_timeout: float,
) -> MatchedRow | UnmatchedRow:
    """Look for the row's message in its chats.

    Args:
        case: the row.
        texts: key to the message as it is read, of every row whose text is known.
        timelines: of the chats that were asked about, by id.
        read_timeout: seconds that an answer was waited for.
    """
    row = case.row
    text = texts.get(row.key)
    if not case.chats or text is None or row.result.sent_at is None:
        return UnmatchedRow(row=row, why=NoMatch.NO_TEXT if case.chats else NoMatch.NO_CHAT)
    others = [other for other in case.others if texts.get(other.key, text) == text]
    unmatched = UnmatchedRow(row=row, why=NoMatch.NOTHING)
    for chat in case.chats:
        timeline = timelines[chat]
        if isinstance(timeline, TimelineFailure):
            unmatched = UnmatchedRow(row=row, why=NoMatch.REFUSED, words=timeline.words)
            continue
        span = _span(row.result.sent_at, None, timeline.margin, read_timeout)
        spans = [_span_of(other, other.sent_at, timeline.margin, read_timeout) for other in others if other.sent_at]
        found = find_message(timeline.ours, text=text, span=span, others=spans)
        if isinstance(found, TimelineMessage):
            return MatchedRow(row=row, chat_id=chat, at=found.at)
        if found is not Trace.NOTHING:
            unmatched = UnmatchedRow(row=row, why=NoMatch.FAILED if found is Trace.FAILED else NoMatch.ANOTHERS)
    return unmatched


def _span_of(other: RelatedMessage, began: datetime, margin: timedelta, read_timeout: float) -> Span:
    answered = other.state in _ANSWERED and other.evidence not in _UNANSWERED
    return _span(began, other.duration_ms if answered else None, margin, read_timeout)


def _span(began: datetime, milliseconds: int | None, margin: timedelta, read_timeout: float) -> Span:
    """Return when an attempt's message can have been sent: until its answer came, or could not come any more."""
    if milliseconds is not None:
        return Span(start=began - margin, end=began + timedelta(milliseconds=milliseconds) + margin)
    return Span(start=began - margin, end=began + timedelta(seconds=read_timeout) + LEEWAY)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReconcileReport:
    """Result of reconciling a run's unknown rows."""

    run: Run
    found: tuple[MatchedRow, ...]
    """Settled as sent."""
    unmatched: tuple[UnmatchedRow, ...]
    """Unknown as before, with the reason of each."""


def reconcile(name: str, campaign: Path, sheet: Path | None, *, settings: Settings, token: Token) -> ReconcileReport:
    """Ask the API about the unknown rows of a run, and settle those whose message is found. Sends no message.

    `sheet` is where the rows' values are read again; None: where the run found it. Durable on return. Raises InputError
    for a campaign or address that is not the run's, Busy when the campaign or a sender is in use.
    """
    now = utc_now()
    with Ledger.for_reading(settings.ledger) as ledger, ExitStack() as stack:
        run = find_run(ledger, name)
        loaded = read_campaign(run, campaign, settings)
        hold_campaign(stack, ledger, run, now=now, read_timeout=settings.read_timeout)
        rows = ledger.settlements.row_statuses(run.run)
        unknown = [each for each in rows if each.state is State.UNKNOWN]
        hold_senders(stack, ledger, run, unknown)
        unmatched = [UnmatchedRow(row=each, why=NoMatch.LIVE) for each in rows if each.state is not State.UNKNOWN]
        people = [each.result.person for each in unknown if each.result.person]
        cases = collect_cases(unknown, ledger.settlements.find_related(run.endpoint, people))
        texts = read_texts(run, loaded, sheet, {case.row.key for case in cases if case.chats}, ledger)
        asked = _ask(loaded, [case for case in cases if case.row.key in texts], settings, token)
        judged = [match_case(case, texts, asked, read_timeout=settings.read_timeout) for case in cases]
        if loaded.template.body is None:
            judged = [UnmatchedRow(row=each.row, why=NoMatch.NO_BODY) for each in judged]
        found = [each for each in judged if isinstance(each, MatchedRow)]
        settlements = [_settlement(match, run, now) for match in found]
        if settlements:
            ledger.settlements.settle(settlements, now=now, who=user_name(), how="follow")
        unmatched += [each for each in judged if isinstance(each, UnmatchedRow)]
        unmatched.sort(key=lambda each: each.row.row)
        return ReconcileReport(run=ledger.locate(run), found=tuple(found), unmatched=tuple(unmatched))


def read_campaign(run: Run, path: Path, settings: Settings) -> Campaign:
    """Load the campaign as it was named when the run began. Raises InputError for another campaign or address."""
    loaded = load_campaign(path, now=run.started)
    if campaign_scope(loaded.name) != campaign_scope(run.campaign):
        other = _("{file} is the campaign {name!r}, but the run {run} is of {campaign!r}.")
        raise CampaignError(
            other.format(file=path.name, name=loaded.name, run=run.run, campaign=run.campaign),
            _("Name the campaign file of that run with -c."),
        )
    refuse_elsewhere(run, settings)
    return loaded


def refuse_elsewhere(run: Run, settings: Settings) -> None:
    """Raise SettingsError when a run was sent to another address than the one that would be asked about it."""
    if settings.endpoint != run.endpoint:
        elsewhere = _("The run {run} was sent to {endpoint}, but {asked} would be asked about it.")
        raise SettingsError(
            elsewhere.format(run=run.run, endpoint=run.endpoint, asked=settings.endpoint),
            _("Name the run's address: {option}").format(option=f"--base-url {run.endpoint}"),
        )


def read_texts(run: Run, campaign: Campaign, sheet: Path | None, wanted: Set[str], ledger: Ledger) -> dict[str, str]:
    """Render the messages of these keys, by key, as far as the sheet has them. Empty without a text in the campaign.

    A message may be known by the other form of the person's number, and by the failed one that it replaces.
    """
    if not wanted or campaign.template.body is None:
        return {}
    path = sheet or Path(run.sheet_path)
    if sheet is None and not path.exists():
        raise SheetError(
            _("The sheet of the run {run} is not at {path} any more.").format(run=run.run, path=path),
            _("Name where it is now: wegly-batch follow RUN -c CAMPAIGN --file SHEET"),
        )
    source = open_campaign_sheet(path, campaign, endpoint=run.endpoint)
    skip_hidden = campaign.sheet.hidden_rows == "skip"
    texts: dict[str, str] = {}
    for row in source.sheet.rows():
        contact = source.evaluator.evaluate(row)
        text = source.evaluator.render_body(contact)
        if text is None or contact.person is None or (contact.hidden and skip_hidden):
            continue
        for person in filter(None, (contact.person, twin_of(contact.person))):
            scope = {"endpoint": run.endpoint, "campaign": run.campaign}
            key = ledger.hashes.key(message_key(person, contact.unique, **scope))
            for each in {key, ledger.hashes.replacement(key)} & wanted:
                texts.setdefault(each, text)
        if len(texts) == len(wanted):
            break
    return texts


def _ask(
    campaign: Campaign, cases: Sequence[UnknownCase], settings: Settings, token: Token
) -> Mapping[str, Timeline | TimelineFailure]:
    """Read each chat's timeline, one after the other, no faster than the campaign's rate; by chat id."""
    chats = list(dict.fromkeys(chat for case in cases for chat in case.chats))
    if not chats:
        return {}

    async def work() -> dict[str, Timeline | TimelineFailure]:
        reader = settings.make_client(ChatsReader, token)
        asked: dict[str, Timeline | TimelineFailure] = {}
        hopeless: TimelineFailure | None = None
        try:
            for chat in chats:
                if hopeless is None and asked:
                    await asyncio.sleep(1 / campaign.throttle.rate)
                asked[chat] = answer = hopeless or await reader.timeline(chat)
                if isinstance(answer, TimelineFailure) and (answer.for_all or answer.status is None):
                    hopeless = answer
        finally:
            await reader.aclose()
        return asked

    return asyncio.run(work())


def _settlement(match: MatchedRow, run: Run, now: datetime) -> Settlement:
    # The chat is older than the message, but "reused" needs an answer of the API that says so of this message.
    times = {"at": format_moment(match.at, run.timezone), "when": format_moment(now, run.timezone)}
    return Settlement(
        row_status=match.row,
        outcome=Outcome.SUCCESS,
        finding=Finding(Reason.FOUND_IN_CHAT, times),
        evidence=Evidence.TIMELINE,
        chat_id=match.chat_id,
    )
