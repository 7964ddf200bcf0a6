"""Output of `person`."""

import textwrap
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial

from batch.app.person import Message, PersonReport
from batch.cli.output.layout import state_label
from batch.formatting import format_moment, format_rows, to_json
from batch.i18n import _, ngettext, number
from batch.model.delivery import STATE_WORDS, Delivery, DeliveryState, failure_text
from batch.model.messages import command_options
from batch.model.phone.cells import format_phone
from batch.model.phrases import in_english
from batch.model.reasons import sentence
from batch.model.replies import KIND_WORDS

_WIDTH = 80
_At = Callable[[datetime], str]


def person_text(found: PersonReport) -> str:
    """Everything that is known of a person, or what a removal came to, in lines of at most 80 columns."""
    return _wrap(_forgotten_lines(found) if found.asked else _lines(found))


def person_question(plan: PersonReport) -> str:
    """The question before a removal."""
    return _wrap([*_lines(plan), *_loss_lines(plan), *_kept_lines(plan), _("Remove this for good?")])


def _wrap(lines: Iterable[str]) -> str:
    """Fold lines at blanks; a line's own indent stands before its continuation, two columns deeper."""
    return "\n".join(
        textwrap.fill(
            line,
            _WIDTH,
            subsequent_indent=" " * (len(line) - len(line.lstrip()) + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in lines
    )


def _lines(found: PersonReport) -> Iterator[str]:
    record = found.record
    at = partial(format_moment, timezone=found.timezone)
    head = _("{phone} in the ledger {place}, times of {timezone}")
    yield head.format(phone=format_phone(record.person), place=found.ledger, timezone=found.timezone)
    if found.is_empty:
        yield _("Nothing is known of this person. Another ledger is named with --ledger.")
        return
    for entry in record.suppressed:
        listed = _("On the suppression list since {when}: {source}: {reason}").format(
            when=at(entry.added), source=entry.source, reason=entry.reason
        )
        yield listed + (" " + _("(only at {endpoint})").format(endpoint=entry.endpoint) if entry.endpoint else "")
    if not record.suppressed:
        yield _("Not on the suppression list.")
    if record.removed is not None:
        yield _("Taken off the suppression list on {when}: a reply from before puts the person on it no more.").format(
            when=at(record.removed)
        )
    if record.messages:
        count = len(record.messages)
        yield ngettext("{n} message:", "{n} messages:", count).format(n=number(count))
        for each in record.messages:
            yield from _message_lines(each, at)
    if record.rows:
        yield f"{format_rows(len(record.rows))}:"
    for row in record.rows:
        where = _("row {row} of {sheet}, run {run}").format(row=row.result.row, sheet=row.sheet, run=row.run)
        yield f"  {where}: {row.result.outcome.word} ({row.result.reason})"
        yield from (f"    {sentence(each)}" for each in (*row.result.findings, *row.result.notes))


def _message_lines(message: Message, at: _At) -> Iterator[str]:
    when = at(message.sent_at) if message.sent_at else _("not sent")
    yield f"  {when}  {message.campaign}: {state_label(message.state)}"
    parts = [
        message.endpoint,
        _("sender {sender}").format(sender=message.sender),
        *([_("run {run}").format(run=message.run)] if message.run else []),
        *([_("chat {chat}").format(chat=message.chat_id)] if message.chat_id else []),
        *([_("message {message}").format(message=message.message_id)] if message.message_id else []),
    ]
    yield f"    {', '.join(parts)}"
    if message.payload is not None:
        yield "    " + _("waits to be sent, with these values: {values}").format(values=message.payload)
    for decided, who, state in message.decisions:
        words = _("settled as {state} by {who}, {when}")
        yield "    " + words.format(state=state_label(state), who=who, when=at(decided))
    if message.delivery is not None:
        yield from (f"    {line}" for line in _delivery_lines(message.delivery, at))
    if message.erased:
        yield "    " + _("found by its keyed hash only: phone and chat were removed")


def _delivery_lines(delivery: Delivery, at: _At) -> Iterator[str]:
    state = _(STATE_WORDS[delivery.state])
    if delivery.state is DeliveryState.OTHER and delivery.word:
        state = f"{state} ({delivery.word})"
    elif delivery.state is DeliveryState.FAILED:
        state = f"{state} {failure_text(delivery.code, delivery.words)}".rstrip()
    seen = _("{state}; first seen {seen}, looked {looked}")
    yield seen.format(state=state, seen=at(delivery.seen_at), looked=at(delivery.looked_at))
    if delivery.reply is not None:
        code, colon, label = delivery.reply.kind.partition(":")
        kind = _(KIND_WORDS.get(code + colon, code + colon)) + label
        yield _("wrote {when}, after our message: {kind}").format(when=at(delivery.reply.at), kind=kind)


def _forgotten_lines(found: PersonReport) -> Iterator[str]:
    phone = format_phone(found.record.person)
    if found.removed is None:
        yield _("Nothing in the ledger {place} names {phone} but for the suppression list.").format(
            place=found.ledger, phone=phone
        )
    else:
        gone = _("Removed from the ledger {place}: phone, chats and values of {messages} and {rows}.")
        messages = ngettext("{n} message", "{n} messages", found.removed).format(n=number(found.removed))
        rows = format_rows(sum(each.result.person is not None for each in found.record.rows))
        yield gone.format(place=found.ledger, messages=messages, rows=rows)
    if found.unclean:
        yield _(
            "The ledger's file could not be written anew, so what was removed may still be found in it: {words}."
        ).format(words=found.unclean.rstrip("."))
        yield _("Give the same command again when no run is going on: it does the rest.")
    yield from _kept_lines(found)
    yield from _unreached_lines(found)


def _loss_lines(plan: PersonReport) -> Iterator[str]:
    if plan.unknown:
        yield ngettext(
            "{n} of the messages is to decide and loses its phone: to settle it (settle, follow), do that before.",
            "{n} of the messages are to decide and lose their phone: to settle them (settle, follow), do that before.",
            plan.unknown,
        ).format(n=number(plan.unknown))
    if any(not each.erased and each.chat_id for each in plan.record.messages):
        yield _("`follow` looks into these chats no more, so a later reply, an opt-out too, is not seen.")


def _kept_lines(found: PersonReport) -> Iterator[str]:
    if found.record.messages:
        yield _(
            "Kept: a keyed hash of the person and of each message with outcome and times, so that no campaign sends "
            "the same again."
        )
    if found.record.suppressed:
        yield _("Kept: the phone on the suppression list, so that no later sheet messages the person.")
    else:
        yield _(
            "Not on the suppression list: a sheet that has the phone may message the person again. Against that: "
            'wegly-batch suppress add "{phone}"'
        ).format(phone=format_phone(found.record.person)) + command_options("", found.ledger_option, "ledger")


def _unreached_lines(found: PersonReport) -> Iterator[str]:
    phone = format_phone(found.record.person)
    yield _("Not reached by this command:")
    if found.folders:
        yield "  " + _(
            "Report folders. Delete them; `wegly-batch report RUN` writes one again, without the person once their "
            "row is out of the sheet:"
        )
        yield from (f"    {folder}" for folder in found.folders)
    yield "  " + _("Your sheets, plans and lists: a later run of a sheet with the row brings the person back.")
    yield "  " + _(
        'Other ledgers and copies of this one (ledger backup), each with: wegly-batch person "{phone}" --forget '
        "--ledger sqlite:///FILE"
    ).format(phone=phone)
    yield "  " + _("The chat itself, which Wegly and WhatsApp keep: remove it there.")


def person_json(found: PersonReport) -> str:
    """Write a person's record for programs: `person --json`."""
    record = found.record
    return to_json(
        {
            "ledger": found.ledger,
            "phone": format_phone(record.person),
            "person": record.person,
            "messages": record.messages,
            "rows": [
                {
                    "run": each.run,
                    "sheet": each.sheet,
                    "endpoint": each.endpoint,
                    "campaign": each.campaign,
                    "row": each.result.row,
                    "status": each.result.outcome,
                    "reason": each.result.reason,
                    "message": " ".join(map(sentence, each.result.findings)),
                    "notes": [sentence(note) for note in each.result.notes],
                    "key": each.key,
                }
                for each in record.rows
            ],
            "suppressed": [
                {
                    "added": each.added,
                    "source": in_english(each.source),
                    "reason": in_english(each.reason),
                    "endpoint": each.endpoint,
                }
                for each in record.suppressed
            ],
            "removed_from_list": record.removed,
            "reports": found.folders,
            "forgotten": found.removed,
            "clean": found.unclean is None,
            "exit_code": found.exit_code,
        }
    )
