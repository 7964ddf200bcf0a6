"""Staging: the one way from a campaign and a sheet to rows that are judged against a ledger.

`stage_sheet` evaluates the rows of a `CampaignSheet`, stages them, judges them by the rules of the plan and keeps them
to the choices of the moment. `check`, `plan`, `run` and `run --to` all go this way, so what is checked is what is sent.
Nothing here writes to the ledger.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from batch.app.inputs.campaign_sheet import CampaignSheet, Choices
from batch.app.inputs.change_guard import refuse_changes
from batch.app.inputs.recipient_lists import RecipientLists
from batch.campaign import Campaign, Constant
from batch.errors import SettingsError
from batch.i18n import _, ngettext, number
from batch.ledger import DueLooks, History, Ledger, RowSelection, StagedRow, Staging
from batch.model.delivery import FOLLOWED
from batch.model.messages import command_options
from batch.model.reasons import Reason

OnRead = Callable[[int, int], object]
"""Takes how many rows were read, and of how many."""
_ROWS_NAMED = 5
"""Rows that a warning names."""
_DUPLICATES_NAMED = 20
"""Duplicates with another message that `check` lists."""


def utc_now() -> datetime:
    """Return the wall clock, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedSheet:
    """A sheet whose rows are staged and judged: what a run would send now, and why the others stay out."""

    source: CampaignSheet
    staging: Staging
    ledger: Ledger
    choices: Choices
    now: datetime
    """The moment by which it was judged."""
    warnings: tuple[str, ...]
    """About lists and people, each a sentence."""
    differing: tuple[tuple[int, int], ...] = ()
    """Of the first duplicates with another message the row, and the row that is sent for their person."""

    @property
    def campaign(self) -> Campaign:
        return self.source.campaign

    def due_looks(self) -> DueLooks:
        """Return the looks that are due, at this moment of the ledger, at the people who would be messaged."""
        limit = self.choices.message_limit(self.campaign)
        return self.staging.due_looks(self.source.endpoint, self.now - FOLLOWED, self.now, limit=limit)


@contextmanager
def stage_sheet(
    source: CampaignSheet,
    ledger: Ledger,
    *,
    lists: RecipientLists,
    choices: Choices,
    now: datetime,
    rows: Iterable[StagedRow] | None = None,
    on_read: OnRead | None = None,
) -> Iterator[StagedSheet]:
    """Stage a sheet while the block runs; what was not planned by then is forgotten.

    Args:
        source: the sheet and its campaign.
        ledger: what is known of earlier runs.
        lists: people who are left out, or alone let in, besides the suppression list.
        choices: which rows, and what is tried again.
        now: the moment that rules of time go by, UTC.
        rows: of the sheet, where they were evaluated before, with keys as `message_key` gives them.
        on_read: is called each few thousand rows.

    Raises:
        ChangeNotAccepted: people already messaged would be treated as new.
        PlanChanged: a planned row would get another message.
        SheetError: the sheet or a list cannot be read to its end.
        SettingsError: `--rows` names rows that the sheet does not have.
    """
    if not choices.accept_change:
        refuse_changes(source.campaign, ledger, source.endpoint)
    with ledger.stage(choices.retries, source.encoder.encode) as staging:
        unidentified: list[int] = []
        read = 0
        if rows is None:
            evaluated = source.evaluate(ledger, staging.hashes.key)
        else:
            evaluated = (row._replace(key=row.key and staging.hashes.key(row.key)) for row in rows)

        def note(batch: Sequence[StagedRow]) -> None:
            nonlocal read
            unidentified.extend(row.row for row in batch if row.left_out and row.person is None)
            read += len(batch)
            if on_read:
                on_read(read, source.sheet.row_count)

        staging.add(evaluated, note)
        lists.apply(staging)
        campaign = source.campaign
        template = campaign.template
        history = History(
            rules=campaign.contact_limits,
            endpoint=source.endpoint,
            campaign=campaign.name,
            now=now,
            has_one_template=all(isinstance(each, Constant) for each in (template.name, template.language)),
        )
        staging.judge(history, endpoint=source.endpoint, sheet=source.sheet_key)
        _choose(staging, choices)
        differing = staging.find_differing_duplicates(_DUPLICATES_NAMED)
        places = command_options(source.endpoint, ledger.option, "base-url", "ledger")
        warnings = (
            *lists.warnings,
            *_unidentified_warnings(unidentified),
            *_permission_warnings(source, staging),
            *_duplicate_warnings(*differing),
            *(_retry_warnings(staging, now, places) if choices.retry_undelivered else ()),
            *_recent_campaign_warnings(staging, history, now - timedelta(seconds=campaign.history.warn)),
        )
        yield StagedSheet(
            source=source,
            staging=staging,
            ledger=ledger,
            choices=choices,
            now=now,
            warnings=warnings,
            differing=tuple(differing[1]),
        )


def refuse_missing_rows(ranges: Iterable[tuple[int, int]] | None, has_rows: Callable[[int, int], bool]) -> None:
    """Raise SettingsError for a range of `--rows` in which the sheet has no row."""
    for first, last in ranges or ():
        if not has_rows(first, last):
            named = str(first) if first == last else f"{first}-{last}"
            raise SettingsError(
                _("--rows {rows}: the sheet has no such row below its header. Nothing was sent.").format(rows=named),
                _("Rows are numbered as Excel shows them; `wegly-batch inspect --cells` lists them."),
            )


def _choose(staging: Staging, choices: Choices) -> None:
    """Keep a judged sheet to the chosen rows."""
    plan = choices.plan
    planned = None
    if plan is not None:
        planned = plan.planned_rows(staging.requests())
    refuse_missing_rows(choices.rows, staging.has_rows)
    if choices.rows is not None or plan is not None:
        staging.choose(RowSelection(ranges=choices.rows, planned=planned))


def _name_rows(rows: list[str]) -> str:
    """Name the first of some rows."""
    named = ", ".join(rows[:_ROWS_NAMED])
    return _("{rows} and others").format(rows=named) if len(rows) > _ROWS_NAMED else named


def _unidentified_warnings(rows: list[int]) -> list[str]:
    """Warn of people who opted out in a row whose phone cannot be read: another row may still message them."""
    if not rows:
        return []
    warning = _(
        "The opt-out column says yes in rows whose phone cannot be read ({rows}): if these people stand in the sheet "
        "with another number, they get a message. Correct the phones first."
    )
    return [warning.format(rows=_name_rows([str(row) for row in rows]))]


def _permission_warnings(source: CampaignSheet, staging: Staging) -> Iterator[str]:
    """Say whom columns of opt-out put on the suppression list, and which such columns the campaign does not use."""
    if added := staging.count_new_suppressions(source.endpoint):
        text = ngettext(
            "{n} person goes on the suppression list: the column {column} says so.",
            "{n} people go on the suppression list: the column {column} says so.",
            added,
        )
        yield text.format(n=number(added), column=source.campaign.suppress.column)
    left_out = staging.count_excluded_people(Reason.OPTOUT_UNUSED_COLUMN)
    for name, line in source.evaluator.unused_permissions:
        text = _(
            "The column {name!r} seems to say who wants no messages, and the campaign does not use it: write {line}. "
            'If it means something else, write ignore = ["{name}"] under [suppress].'
        )
        yield text.format(name=name, line=line)
    if left_out:
        text = ngettext(
            "{n} person is left out because of such a column.",
            "{n} people are left out because of such columns.",
            left_out,
        )
        yield text.format(n=number(left_out))


def _duplicate_warnings(count: int, first: list[tuple[int, int]]) -> Iterator[str]:
    """Name rows of one person that hold another message than the one which is sent."""
    if not count:
        return
    named = _name_rows([_("{row} (as {first})").format(row=row, first=kept) for row, kept in first])
    text = ngettext(
        "{n} row is of a person whose other row says something else, and is not sent: {rows}. To send both, name the "
        "column that differs (invoice, order) in unique_by.",
        "{n} rows are of people whose other row says something else, and are not sent: {rows}. To send all, name the "
        "column that differs (invoice, order) in unique_by.",
        count,
    )
    yield text.format(n=number(count), rows=named)


def _retry_warnings(staging: Staging, now: datetime, places: str) -> Iterator[str]:
    """Say how many failed messages are to be replaced, and how many may have failed that nothing is known of.

    `places`: options of a command that looks at them.
    """
    if due := staging.count_due(now):
        text = ngettext(
            "{n} message of this sheet is due for a look: if it failed, it is not sent again yet. To look first: "
            "wegly-batch follow",
            "{n} messages of this sheet are due for a look: those that failed are not sent again yet. To look first: "
            "wegly-batch follow",
            due,
        )
        yield text.format(n=number(due)) + places
    if count := staging.count_undelivered():
        text = ngettext(
            "{n} message failed after it was accepted, and goes once more if a look right before shows it failed.",
            "{n} messages failed after they were accepted; each goes once more if a look right before shows it failed.",
            count,
        )
        yield text.format(n=number(count))


def _recent_campaign_warnings(staging: Staging, history: History, since: datetime) -> Iterator[str]:
    """Warn when most people of a new campaign name just got a message of another one: it may be the same campaign."""
    found = staging.count_recent_contacts(history, since)
    if found is None:
        return
    campaign, people = found
    waiting = len({person for _sender, person in staging.recipients()})
    if 2 * people > waiting:
        text = ngettext(
            "{n} of {all} person got a message of the campaign {campaign} a short while ago: is this the same one "
            "under a new name? Under the old name nobody is messaged twice.",
            "{n} of {all} people got a message of the campaign {campaign} a short while ago: is this the same one "
            "under a new name? Under the old name nobody is messaged twice.",
            waiting,
        )
        yield text.format(n=number(people), all=number(waiting), campaign=campaign)
