"""`person`: everything the ledger knows of one person, and its removal when they ask for it.

A removal is all or nothing, under the locks of whatever could send to the person or look into their chats.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from batch.app.inputs.staging import utc_now
from batch.app.purge import wipe_ledger
from batch.app.settings import Settings
from batch.app.settlement import claim_cutoff
from batch.app.suppress import read_phones
from batch.errors import Busy, Declined, LedgerUnusable
from batch.i18n import _
from batch.ledger import (
    Ledger,
    Owner,
    PersonMessage,
    PersonRecord,
    campaign_lock,
    database_at,
    follow_lock,
    sender_lock,
)
from batch.model.messages import TRIAL
from batch.model.outcomes import ExitCode, Outcome

Message = PersonMessage
"""A message of the person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonReport:
    """A person's record in the ledger, and the end of a removal."""

    ledger: str
    ledger_option: str
    """Value of `--ledger` by which a command finds it; empty for the user's own."""
    timezone: str
    """By whose clock times are shown: of the ledger's latest run."""
    record: PersonRecord
    """As it was before a removal."""
    asked: bool = False
    """A removal was asked for."""
    removed: int | None = None
    """Messages that name the person no more; None: nothing was removed."""
    unclean: str | None = None
    """Why the ledger's file was not rewritten after it; None when it was, or need not be."""

    @property
    def is_empty(self) -> bool:
        record = self.record
        return not (record.messages or record.rows or record.suppressed or record.removed)

    @property
    def unknown(self) -> int:
        """Messages that may have been sent, and can hardly be decided without the phone."""
        doubtful = (each for each in self.record.messages if not each.erased)
        return sum(each.state in (Outcome.UNKNOWN.value, "claimed") for each in doubtful)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Report folders on disk in which the person is."""
        kept = dict.fromkeys(Path(each.report_dir) for each in self.record.rows if each.report_dir is not None)
        return tuple(folder for folder in kept if folder.is_dir())

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.STOPPED if self.unclean else ExitCode.DONE


def find_person(phone: str, *, region: str, settings: Settings) -> PersonReport:
    """Return what the ledger knows of a person. Raises SettingsError when `phone` is none. Changes nothing."""
    [person] = read_phones([phone], region)
    with Ledger.for_reading(settings.ledger) as ledger:
        return _find(ledger, person)


def _find(ledger: Ledger, person: str) -> PersonReport:
    return PersonReport(
        ledger=ledger.location,
        ledger_option=ledger.option,
        timezone=ZoneInfo(next((run.timezone for run in ledger.runs()), "UTC")).key,
        record=ledger.people.find(person),
    )


def forget_person(
    phone: str, *, region: str, settings: Settings, confirm: Callable[[PersonReport], bool]
) -> PersonReport:
    """Remove from the ledger what names a person, all or nothing, but for the suppression list. Durable on return.

    `confirm` is asked before. Nothing was removed when it raises: SettingsError when `phone` is none, LedgerUnusable
    when there is no ledger, Declined when `confirm` says no, Busy while a run or a pass of looks could meet the person.
    """
    [person] = read_phones([phone], region)
    nothing = _("Nothing was removed.")
    if not (database := database_at(settings.ledger)).exists():
        problem = _("There is no ledger {place}.").format(place=database.location)
        raise LedgerUnusable(problem, _("Name another one with --ledger. Nothing was removed."))
    with Ledger.open(settings.ledger) as ledger:
        found = replace(_find(ledger, person), asked=True)
        removed = None
        if found.record.erasable:
            if not confirm(found):
                raise Declined(_("Nothing was removed: the question was answered with no."))
            try:
                with _held(ledger, found.record, settings):
                    removed = ledger.people.forget(found.record, utc_now())
            except Busy as error:
                raise Busy(f"{error.problem} {nothing}", error.remedy) from None
            if removed is None:
                problem = _("A message to this person began to be sent a moment ago.")
                raise Busy(f"{problem} {nothing}", _("Give the same command again in some minutes."))
        unclean = wipe_ledger(ledger) if ledger.retention.needs_wipe else None
        return replace(found, removed=removed, unclean=unclean)


@contextmanager
def _held(ledger: Ledger, record: PersonRecord, settings: Settings) -> Iterator[None]:
    """Hold whatever could send to the person, or look into their chats. Raises Busy."""
    scopes = {(name, where) for campaign, where in record.scopes for name in (campaign, campaign.removesuffix(TRIAL))}
    locks = {campaign_lock(*scope) for scope in scopes}
    locks |= {sender_lock(each.sender, each.endpoint) for each in record.messages}
    locks |= {follow_lock(where) for _campaign, where in scopes}
    with ledger.hold(locks, Owner.here("person --forget")):
        before = claim_cutoff(utc_now(), settings.read_timeout)
        for campaign, where in scopes:
            ledger.settle_dead_claims(endpoint=where, campaign=campaign, before=before)
        if ledger.people.find(record.person).scopes - record.scopes:
            raise Busy(_("A run with this person has ended meanwhile."), _("Give the same command again."))
        yield
