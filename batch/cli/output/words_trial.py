"""What `run --to` asks and prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from textwrap import indent

from batch.app.trial import Tried
from batch.i18n import _
from batch.model.outcomes import Outcome
from batch.model.phone.cells import shown
from batch.model.reasons import advice, sentence
from batch.model.runs import Result

__all__ = ["trial_json", "trial_question", "trial_text"]


def trial_question(row: int, people: Sequence[str], endpoint: str) -> str:
    """What is asked before a trial."""
    asked = _("Send the message of row {row} to {people} through {endpoint} now?")
    return asked.format(row=row, people=", ".join(map(shown, people)), endpoint=endpoint)


def trial_text(tried: Tried) -> str:
    """A trial for people."""
    lines = [_("A trial: the message of row {row}. It counts as sent to nobody of the sheet.").format(row=tried.row)]
    if tried.text is not None:
        lines.append(indent(tried.text, "    "))
    return "\n".join([*lines, *map(_line, tried.results)])


def trial_json(tried: Tried) -> str:
    """`run --to ... --json`."""
    return json.dumps(
        {
            "trial": tried.run,
            "row": tried.row,
            "text": tried.text,
            "results": [
                {
                    "phone": shown(result.person or ""),
                    "status": result.outcome.value,
                    "reason": result.reason,
                    "chat_id": result.chat_id,
                }
                for result in tried.results
            ],
            "exit_code": tried.exit_code.value,
        },
        ensure_ascii=False,
        indent=2,
    )


def _line(result: Result) -> str:
    said = sentence(result.findings[0])
    if result.outcome.messaged:
        remedy = _("Look at it in WhatsApp, then run without --to.")
    elif result.outcome is Outcome.UNKNOWN:
        remedy = _("Look in WhatsApp.")
    else:
        remedy = advice(result.findings[0])
    return f"{shown(result.person or '')}  {said} {remedy}".rstrip()
