"""Output of `purge`."""

from collections.abc import Iterator

from batch.app.purge import CampaignPurge, PurgeReport
from batch.app.runs.old_reports import OldReports
from batch.cli.output.layout import labelled_lines
from batch.formatting import format_moment, to_json
from batch.i18n import _, ngettext, number


def purge_question(plan: PurgeReport) -> str:
    """The question of `purge` before it removes anything."""
    return "\n".join([*labelled_lines([(_("Ledger"), plan.ledger)]), *_lines(plan), _("Remove this for good?")])


def purge_text(ended: PurgeReport) -> str:
    """The end of `purge`, also with --dry-run."""
    return "\n".join([*_lines(ended), *_last_lines(ended)])


def _lines(plan: PurgeReport) -> Iterator[str]:
    when = format_moment(plan.before.astimezone())
    if plan.empty and not plan.busy:
        yield _("There is nothing to remove from before {when}.").format(when=when)
    elif plan.done:
        yield _("Removed, from before {when}:").format(when=when)
    else:
        yield _("To be removed, from before {when}:").format(when=when)
    for part in plan.parts:
        if not part.found.empty or part.files:
            yield f"  {part.found.scope.campaign} ({part.found.scope.endpoint}): {_contents(part, plan)}"
    if plan.pages:
        yield f"  {_check_pages(len(plan.pages))}"
    yield from _message_lines(plan)
    yield from _other_lines(plan)


def _check_pages(count: int) -> str:
    return ngettext("{n} page of a check (check --open)", "{n} pages of checks (check --open)", count).format(
        n=number(count)
    )


def _contents(part: CampaignPurge, plan: PurgeReport) -> str:
    found, files = part.found, part.removed if plan.done else part.files
    return ", ".join(
        [
            ngettext("{n} run", "{n} runs", len(found.runs)).format(n=number(len(found.runs))),
            ngettext("{n} message", "{n} messages", found.messages).format(n=number(found.messages)),
            ngettext("{n} report file", "{n} report files", files).format(n=number(files)),
        ]
    )


def _message_lines(plan: PurgeReport) -> Iterator[str]:
    found = [part.found for part in plan.parts]
    if unknown := sum(each.unknown for each in found):
        yield _unknown_line(unknown, done=plan.done)
    if pending := sum(each.pending for each in found):
        yield ngettext(
            "{n} of them was never sent: a later run of its sheet can send it.",
            "{n} of them were never sent: a later run of their sheet can send them.",
            pending,
        ).format(n=number(pending))
    if kept := sum(each.kept for each in found):
        yield ngettext(
            "{n} older message stays as it is: a younger run has it in its sheet.",
            "{n} older messages stay as they are: younger runs have them in their sheets.",
            kept,
        ).format(n=number(kept))


def _unknown_line(count: int, *, done: bool) -> str:
    if done:
        words = ngettext(
            "{n} of them is to decide and is not sent again by itself. Its phone is only in your sheet now.",
            "{n} of them are to decide and are not sent again by themselves. Their phones are only in your sheets now.",
            count,
        )
    else:
        words = ngettext(
            "{n} of them is to decide and loses its phone: to settle it (settle, follow), do that before.",
            "{n} of them are to decide and lose their phones: to settle them (settle, follow), do that before.",
            count,
        )
    return words.format(n=number(count))


def _other_lines(plan: PurgeReport) -> Iterator[str]:
    others = [str(path) for part in plan.parts for folder in part.folders for path in folder.others]
    if others:
        yield _("In the report folders, but not written by wegly-batch, so they stay:")
        yield from (f"  {path}" for path in others)
    if plan.suppressed:
        yield ngettext(
            "The suppression list stays: {n} person is on it.",
            "The suppression list stays: {n} people are on it.",
            plan.suppressed,
        ).format(n=number(plan.suppressed))
    if not plan.empty:
        yield _(
            "Not touched: your own sheets and plans, and copies of reports or of the ledger (ledger backup). "
            "Look after them yourself."
        )


def _last_lines(ended: PurgeReport) -> Iterator[str]:
    yield from ended.problems
    yield from ended.busy
    if ended.unclean:
        yield _(
            "The ledger's file could not be written anew, so what was removed may still be found in it: {words}."
        ).format(words=ended.unclean.rstrip("."))
    if ended.problems or ended.busy or ended.unclean:
        yield _("Give the same command again when no run is going on and no report is open: it does the rest.")
    elif ended.wiped and ended.on_server:
        yield _("The ledger's server has freed what was removed; its dumps and the archives of its log still have it.")
    elif ended.wiped:
        yield _("The ledger's file was written anew; nothing of this is in it any more.")
    elif not ended.empty:
        yield _("Nothing was removed yet.")


def old_reports_question(plan: OldReports) -> str:
    """The question before report folders are removed."""
    return "\n".join([*_old_report_lines(plan), _("Remove this for good?")])


def old_reports_text(ended: OldReports) -> str:
    """The end of `purge --reports-older-than`."""
    return "\n".join([*_old_report_lines(ended), *ended.problems])


def _old_report_lines(plan: OldReports) -> Iterator[str]:
    count, when = len(plan.folders), format_moment(plan.before.astimezone())
    if not count and plan.problems:
        yield _("Nothing was removed.")
    elif not count:
        yield _("There is no report folder to remove from before {when}.").format(when=when)
    elif plan.done:
        words = ngettext(
            "Removed {n} report folder from before {when}.", "Removed {n} report folders from before {when}.", count
        )
        yield words.format(n=number(count), when=when)
    else:
        words = ngettext(
            "To be removed: {n} report folder from before {when}:",
            "To be removed: {n} report folders from before {when}:",
            count,
        )
        yield words.format(n=number(count), when=when)
        yield from (f"  {folder}" for folder in plan.folders)
    if plan.pages:
        words = _("Removed too: {pages}.") if plan.done else _("To be removed too: {pages}.")
        yield words.format(pages=_check_pages(len(plan.pages)))
    if plan.to_decide:
        yield _("These stay, for they have rows to decide (`wegly-batch settle`):")
        yield from (f"  {folder}" for folder in plan.to_decide)


def purge_json(ended: PurgeReport) -> str:
    """The end of `purge`, for programs: `purge --json`."""
    shown = {
        "ledger": ended.ledger,
        "before": ended.before,
        "done": ended.done,
        "campaigns": [_part_json(part) for part in ended.parts],
        "check_pages": list(ended.pages),
        "suppressed": ended.suppressed,
        "problems": [*ended.problems, *ended.busy],
        "clean": ended.unclean is None,
        "exit_code": ended.exit_code,
    }
    return to_json(shown)


def _part_json(part: CampaignPurge) -> dict[str, object]:
    found = part.found
    return {
        "campaign": found.scope.campaign,
        "endpoint": found.scope.endpoint,
        "runs": list(found.runs),
        "messages": found.messages,
        "unknown": found.unknown,
        "pending": found.pending,
        "kept": found.kept,
        "files": part.files,
        "removed": part.removed,
        "left": [path for folder in part.folders for path in folder.others],
    }
