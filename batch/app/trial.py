"""`run --to`: sends the first message that would be sent to one's own number, to be looked at in WhatsApp.

A trial is no row's message: it never counts as sent to a person of the sheet. It counts for caps and spacing like any
other, and the suppression list and the allow list hold for it; the hours do not.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from batch.app.inputs.campaign_sheet import Choices, describe_run, open_campaign_sheet
from batch.app.inputs.change_guard import hold_ledger, traits_of
from batch.app.inputs.recipient_lists import RecipientLists, open_lists
from batch.app.inputs.staging import StagedSheet, stage_sheet, utc_now
from batch.app.run import send
from batch.app.runs.finish import pending_finding, stop_exit_code
from batch.app.runs.progress import Watcher
from batch.app.runs.run_folder import run_name
from batch.app.settings import Settings
from batch.campaign import Campaign, load_campaign
from batch.chats import Token, encode
from batch.errors import Declined, SettingsError
from batch.i18n import _
from batch.ledger import Ledger, Owner, StagedRow, sender_lock
from batch.model.messages import TRIAL, Contact, Message, hash_request, message_key
from batch.model.outcomes import ExitCode, Outcome, exit_code_of
from batch.model.phone.cells import format_for_api, read_phone
from batch.model.reasons import Finding, advice, sentence
from batch.model.runs import Result, Run


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialResult:
    """A trial that has ended."""

    run: str
    row: int
    """The row whose message it was."""
    text: str | None
    """The body as it was sent; None when the campaign does not give the template's text."""
    results: tuple[Result, ...]
    """One for each number, in the order given."""
    exit_code: ExitCode


def read_numbers(texts: Sequence[str], *, region: str) -> tuple[str, ...]:
    """Read the people of --to, each once. Raises SettingsError for what is no phone."""
    found: dict[str, None] = {}
    for text in texts:
        phone = read_phone(text, region=region)
        if isinstance(phone, Finding):
            remedy = _("Write it with its area code, like 11 98888-7777.")
            raise SettingsError(_("--to {number}: {why}").format(number=text, why=sentence(phone)), remedy)
        found[phone.e164] = None
    return tuple(found)


def send_trial(
    sheet: Path,
    campaign: Path,
    numbers: Sequence[str],
    *,
    settings: Settings,
    token: Token,
    choices: Choices,
    watcher: Watcher,
) -> TrialResult:
    """Send the message of the first row that a run would send to each of `numbers` (as a person writes them).

    Nothing was sent when it raises InputError, ClockWrong, Busy or Declined. Every outcome is durable on return.
    """
    started = utc_now()
    with ExitStack() as stack:
        loaded = load_campaign(campaign, now=started)
        people = read_numbers(numbers, region=loaded.phone.region)
        source = open_campaign_sheet(sheet, loaded, endpoint=settings.endpoint, choices=choices)
        lists = open_lists(loaded, settings.only_allowed, choices.encoding)
        name = run_name(started, f"{loaded.slug}-trial")
        owner = Owner.here(name)
        accept = choices.accept_change
        ledger = stack.enter_context(hold_ledger(loaded, owner, settings, now=started, accept_change=accept))
        ledger.settle_dead_claims(endpoint=source.endpoint, campaign=_scope(loaded))
        with stage_sheet(source, ledger, lists=lists, choices=choices, now=started) as staged:
            contact = _first_contact(staged)
        message = _for_trial(source.evaluator.build_message(contact))
        stack.enter_context(ledger.hold([sender_lock(message.whatsapp_phone_id, source.endpoint)], owner))
        if not watcher.confirm_trial(contact.row, people, source.endpoint):
            raise Declined(_("Nothing was sent: the question was answered with no."))
        run = describe_run(name, sheet, source, settings, started, campaign=_scope(loaded), trial=True)
        rows = list(_rows(run, message, people, loaded))
        _plan(ledger, run, owner, rows, campaign=loaded, lists=lists)
        sent = send(
            ledger,
            owner,
            campaign=loaded.model_copy(update={"window": ()}),  # who asks for a trial is awake
            token=token,
            settings=settings,
            watcher=watcher,
            rules=replace(loaded.contact_limits, not_within=None),  # one's own number may have any message
        )
        pending = pending_finding(sent.cause)
        ledger.finish_run(
            name,
            finished=utc_now(),
            attempts=sent.attempts,
            achieved_rate=None,
            pending=pending,
            senders=[replace(each, pending=each.pending or pending) for each in sent.senders],
        )
        tally = ledger.tally(name)
        code = exit_code_of(tally.counts, stop_exit_code(sent.cause))
        ledger.note_exit(name, code)
        ledger.drop_payloads(name)
        return TrialResult(
            run=name,
            row=contact.row,
            text=source.evaluator.render_body(contact),
            results=tuple(ledger.results(name)),
            exit_code=code,
        )


def _first_contact(staged: StagedSheet) -> Contact:
    """Return the first row that a run would send. Raises SettingsError when there is none."""
    first = next(iter(staged.staging.to_send(1)), None)
    if first is None:
        raise SettingsError(_("There is nothing to try: no row would be sent now."), _("`wegly-batch check` says why."))
    source = staged.source
    return next(source.evaluator.evaluate(row) for row in source.sheet.rows() if row.number == first[0])


def _for_trial(message: Message | None) -> Message:
    """Take out of the row's message what names the row's person: the trial goes to another one."""
    if message is None:  # it was judged as good
        raise SettingsError(_("The sheet changed while it was read."), _("Try again."))
    return replace(message, person_contact_id=None, remote_profile_name=None, crm_person_id=None)


def _plan(
    ledger: Ledger, run: Run, owner: Owner, rows: Sequence[StagedRow], *, campaign: Campaign, lists: RecipientLists
) -> None:
    """Plan the trial's messages. Raises SettingsError when a rule leaves one out."""
    with ledger.stage() as staging:
        staging.add(row._replace(key=staging.hashes.key(row.key)) for row in rows if row.key)
        lists.apply(staging)
        staging.judge(endpoint=run.endpoint)
        for result in staging.results():
            if result.outcome is not Outcome.PENDING:
                finding = result.findings[0]
                problem = f"--to {result.person}: {sentence(finding)}"
                raise SettingsError(" ".join([problem, _("Nothing was sent.")]), advice(finding))
        staging.plan(run, owner, traits_of(campaign))


def _rows(run: Run, message: Message, people: Sequence[str], campaign: Campaign) -> Iterator[StagedRow]:
    for number, person in enumerate(people, start=1):
        to = format_for_api(person, campaign.phone.format, campaign.phone.region)
        payload = encode(replace(message, wa_contact_id=to))
        # Each trial is a message of its own: it may be repeated as often as it is asked for.
        key = message_key(endpoint=run.endpoint, campaign=run.campaign, person=person, unique=(run.run,))
        sender = message.whatsapp_phone_id
        yield StagedRow(
            row=number, key=key, person=person, sender=sender, payload=payload, request_hash=hash_request(payload)
        )


def _scope(campaign: Campaign) -> str:
    """Return the name under which a campaign's trials are listed."""
    return f"{campaign.name}{TRIAL}"
