"""What `check` prints, and what `run` asks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from textwrap import indent

from batch.app.check import Check, Example
from batch.cli.output import formatting as phrases
from batch.cli.output.words_schedule import schedule_json, schedule_text
from batch.i18n import _, ngettext, number
from batch.loader.mapping.template_fields import label
from batch.model.messages import TemplateField
from batch.model.outcomes import Outcome
from batch.model.phone.cells import shown
from batch.model.reasons import advice, sentence
from batch.model.runs import Result

__all__ = ["check_json", "check_text", "question"]


def check_text(found: Check, expires: datetime | None = None) -> str:
    """`check` for people: what was read, what is wrong, what would be sent, and when. `expires`: of the token."""
    parts = [_read_as(found), _columns(found.mapping)]
    if found.info.warnings:
        parts.append("\n".join([_("How the sheet was read"), *(f"  {warning}" for warning in found.info.warnings)]))
    if found.bad:
        parts.append(_bad_rows(found.bad, found.counts[Outcome.ERROR]))
    if found.warnings:
        parts.append("\n".join([_("About the campaign"), *(f"  {warning}" for warning in found.warnings)]))
    if found.notes:
        parts.append(_notes(found))
    if found.examples:
        parts.append("\n".join([_("The first messages"), *(_example(each) for each in found.examples)]))
    parts.append(phrases.counts(found.counts, found.reasons))
    if when := schedule_text(found.forecast, expires):
        parts.append(when)
    parts.append(_verdict(found))
    return "\n\n".join(parts)


def check_json(found: Check, expires: datetime | None = None) -> str:
    """`check --json`."""
    return json.dumps(
        {
            "campaign": found.campaign,
            "endpoint": found.endpoint,
            "ledger": found.ledger,
            "sheet": found.info.file,
            "columns": dict(found.mapping),
            "warnings": [*found.info.warnings, *found.warnings],
            "notes": [{"reason": code, "rows": count} for code, count in found.notes.items()],
            "counts": {outcome.value: count for outcome, count in found.counts.items()},
            "to_send": found.to_send,
            "rate": found.rate,
            "seconds": round(found.seconds, 1),
            "schedule": schedule_json(found.forecast, expires),
            "errors": [{"row": each.row, "reason": each.reason, "message": _message(each)} for each in found.bad],
            "examples": [
                {"row": each.row, "phone": shown(each.person), "body": json.loads(each.payload), "text": each.text}
                for each in found.examples
            ],
            "exit_code": found.exit_code.value,
        },
        ensure_ascii=False,
        indent=2,
    )


def question(plan: Check, expires: datetime | None = None) -> str:
    """What `run` asks before it sends. `expires`: of the token."""
    about = [
        (_("Campaign"), plan.campaign),
        (_("Endpoint"), plan.endpoint),
        (_("Sender"), ", ".join(plan.senders)),
        (_("Ledger"), plan.ledger),
        (_("Messages"), f"{number(plan.to_send)} {_at(plan)}"),
    ]
    if plan.examples:
        about.append((_("First"), _example(plan.examples[0]).lstrip()))
    lines = phrases.labelled(about)
    lines += plan.list_warnings
    if when := schedule_text(plan.forecast, expires):
        lines.append(when)
    send = ngettext("Send {n} message now?", "Send {n} messages now?", plan.to_send)
    return "\n".join([*lines, send.format(n=number(plan.to_send))])


def _read_as(found: Check) -> str:
    return "\n".join(
        phrases.labelled(
            [
                (_("Sheet"), phrases.read_as(found.info, sum(found.counts.values()))),
                (_("Campaign"), found.campaign),
                (_("Endpoint"), found.endpoint),
                (_("Ledger"), found.ledger),
            ]
        )
    )


def _columns(mapping: Iterable[tuple[str, str]]) -> str:
    pairs = list(mapping)
    width = max((len(field) for field, _source in pairs), default=0)
    return "\n".join([_("Where each field comes from"), *(f"  {field:<{width}}  {source}" for field, source in pairs)])


def _bad_rows(bad: Sequence[Result], count: int) -> str:
    if count > len(bad):
        head = ngettext(
            "{n} row has errors and will not be sent, the first {first}:",
            "{n} rows have errors and will not be sent, the first {first}:",
            count,
        )
    else:
        head = ngettext("{n} row has errors and will not be sent:", "{n} rows have errors and will not be sent:", count)
    lines = [f"  {phrases.row(each.row, 6)} {_message(each)}" for each in bad]
    return "\n".join([head.format(n=number(count), first=number(len(bad))), *lines])


def _message(result: Result) -> str:
    said = dict.fromkeys(part for each in result.findings for part in (sentence(each), advice(each)) if part)
    return " ".join(said)


def _notes(found: Check) -> str:
    lines = [_("Good to know")]
    for code, count in found.notes.items():
        shown_rows = found.noted[code]
        lines += [f"  {phrases.row(row)}: {sentence(note)}" for row, note in shown_rows]
        if more := count - len(shown_rows):
            lines.append("  " + ngettext("and {n} more row", "and {n} more rows", more).format(n=number(more)))
    return "\n".join(lines)


def _example(example: Example) -> str:
    text = example.text if example.text is not None else _values(example.payload)
    head = _("row {row}, to {phone}").format(row=example.row, phone=shown(example.person))
    return f"  {head}\n{indent(text, '    ')}"


def _values(payload: str) -> str:
    """Without the template's text: its name and the values that fill it."""
    body = json.loads(payload)
    template = f"{body['template']['name']} ({body['template']['language']})"
    fields = [TemplateField(**each) for each in body.get("template_fields", [])]
    values = [f"{label(field)}: {field.value}" for field in fields]
    return "\n".join([template, *values])


def _verdict(found: Check) -> str:
    if not found.to_send:
        return _("Nothing would be sent.")
    said = ngettext(
        "{n} message would be sent, {how}. Nothing was sent now.",
        "{n} messages would be sent, {how}. Nothing was sent now.",
        found.to_send,
    )
    return said.format(n=number(found.to_send), how=_at(found))


def _at(found: Check) -> str:
    """How fast, and how long it takes where nothing but the rate decides that."""
    bounded = found.forecast.has_windows or found.forecast.per_24h is not None
    if bounded:
        return _("at {rate}").format(rate=phrases.rate(found.rate))
    return _("at {rate} in about {time}").format(rate=phrases.rate(found.rate), time=phrases.time(found.seconds))
