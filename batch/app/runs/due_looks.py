"""Looks at the people whom a run is about to message, before it sends.

Loaded only where there are such looks.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain

from batch.app.inputs.staging import StagedSheet
from batch.app.looks import LookPass
from batch.app.runs.progress import Watcher
from batch.app.runs.run_looks import find_rate
from batch.app.settings import Settings
from batch.chats import Token
from batch.errors import Busy
from batch.i18n import _, ngettext, number
from batch.ledger import Owner, follow_lock
from batch.model.messages import command_options

LOOKING = 600.0
"""Seconds that a run looks at most before it sends."""
_REPORTS_NAMED = 5


def look_first(
    staged: StagedSheet, restage: Callable[[], StagedSheet], look: Callable[[StagedSheet], tuple[LookPass, str]]
) -> tuple[StagedSheet, bool]:
    """Make the due looks at the people whom a run is about to message. `look`: makes a pass, as `look_once` does.

    Returns the sheet, staged anew where that matters, with warnings; and whether a look changed anything.
    """
    passes, goes_on = list[LookPass](), True
    while goes_on:
        looked, why = look(staged)
        passes.append(looked)
        goes_on = not staged.due_looks().people
        # Who could not be reached may matter, too. Below a limit others come in for those who are left out now.
        if looked.opted_out or (looked.changed and staged.campaign.history.skip_unreachable):
            staged = restage()
        goes_on = goes_on and staged.due_looks().people > 0
    return _add_warnings(staged, passes, why), any(looked.changed for looked in passes)


def look_once(
    staged: StagedSheet, owner: Owner, *, settings: Settings, token: Token, watcher: Watcher
) -> tuple[LookPass, str]:
    """Make a pass for 10 minutes at most, each look durable at once; return it, and why looks may be left out.

    What another pass of `follow` is looking at is left to it.
    """
    due = staged.due_looks()
    passing = LookPass(staged.ledger, due.messages, rate=find_rate(settings.endpoint))
    watcher.look_first(due.people, LOOKING)

    async def look() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOKING):
                await passing.work(settings, token)

    try:
        with staged.ledger.hold([follow_lock(settings.endpoint)], owner):
            asyncio.run(look())
    except Busy as busy:
        return passing, busy.problem.rstrip(".")
    return passing, passing.stopped or _("the 10 minutes for it were over")


def _add_warnings(staged: StagedSheet, passes: Sequence[LookPass], why: str) -> StagedSheet:
    """Add to the warnings of a staged sheet what the looks have shown, how many are left, and why."""
    warnings = []
    if opted_out := sum(len(passing.opted_out) for passing in passes):
        found = ngettext(
            "A look before sending showed that {n} person opted out, who is left out now.",
            "Looks before sending showed that {n} people opted out, who are left out now.",
            opted_out,
        )
        warnings.append(found.format(n=number(opted_out)))
    if people := staged.due_looks().people:
        left = ngettext(
            "{n} of these people could not be looked at before ({why}): an opt-out by reply may not be known yet. To "
            "look first: wegly-batch follow",
            "{n} of these people could not be looked at before ({why}): opt-outs by reply may not be known yet. To "
            "look first: wegly-batch follow",
            people,
        )
        places = command_options(staged.source.endpoint, staged.ledger.option, "base-url", "ledger")
        warnings.append(left.format(n=number(people), why=why) + places)
    if runs := list(dict.fromkeys(chain.from_iterable(passing.touched for passing in passes))):
        stale = ngettext(
            "Looks before sending changed what the report of {n} earlier run shows. To write it again:",
            "Looks before sending changed what the reports of {n} earlier runs show. To write them again:",
            len(runs),
        )
        of_ledger = command_options("", staged.ledger.option, "ledger")
        commands = [f"  wegly-batch report {run}{of_ledger}" for run in runs[:_REPORTS_NAMED]]
        warnings.append("\n".join([stale.format(n=number(len(runs))), *commands]))
    return replace(staged, warnings=(*staged.warnings, *warnings))
