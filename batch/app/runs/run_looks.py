"""Looks of a run: the due ones at its people, before it sends.

Loaded only where a run looks: most of what it needs serves reading alone.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace

from batch.app.inputs.staging import StagedSheet
from batch.app.looks import DEFAULT_RATE, LookPass
from batch.app.runs.progress import Watcher
from batch.app.settings import Settings
from batch.chats import Token
from batch.errors import Busy
from batch.i18n import _, ngettext, number
from batch.ledger import Owner, follow_lock

LOOKING = 600.0
"""Seconds that a run looks at most before it sends."""


def look_first(staged: StagedSheet, owner: Owner, *, settings: Settings, token: Token, watcher: Watcher) -> LookPass:
    """Make the due looks at the people whom a run is about to message, for 10 minutes at most.

    Each is durable at once. What another pass of `follow` is looking at is left to it.
    """
    due = staged.due_looks()
    passing = LookPass(staged.ledger, due.messages, rate=DEFAULT_RATE)
    watcher.look_first(due.people, LOOKING)

    async def look() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOKING):
                await passing.work(settings, token)

    try:
        with staged.ledger.hold([follow_lock(settings.endpoint)], owner):
            asyncio.run(look())
    except Busy as busy:
        passing.stopped = busy.problem.rstrip(".")
    return passing


def add_look_warnings(staged: StagedSheet, passing: LookPass) -> StagedSheet:
    """Add what the looks have shown, and at how many people none was made, to the warnings of a staged sheet."""
    warnings = []
    if passing.opted_out:
        found = ngettext(
            "A look before sending showed that {n} person opted out, who is left out now.",
            "Looks before sending showed that {n} people opted out, who are left out now.",
            len(passing.opted_out),
        )
        warnings.append(found.format(n=number(len(passing.opted_out))))
    if people := staged.due_looks().people:
        left = ngettext(
            "{n} of these people could not be looked at before ({why}): an opt-out by reply may not be known yet. To "
            "look first: wegly-batch follow",
            "{n} of these people could not be looked at before ({why}): opt-outs by reply may not be known yet. To "
            "look first: wegly-batch follow",
            people,
        )
        why = passing.stopped or _("the 10 minutes for it were over")
        warnings.append(left.format(n=number(people), why=why))
    return replace(staged, warnings=(*staged.warnings, *warnings))
