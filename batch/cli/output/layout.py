"""Lines that several commands print: the table of outcomes, labelled values, and which sheet was read."""

from collections import Counter
from collections.abc import Iterable, Mapping

from batch.cli.terminal import bold
from batch.formatting import format_rows
from batch.i18n import N_, _, number
from batch.model.delivery import DeliveryCounts
from batch.model.lanes import Service
from batch.model.messages import command_options
from batch.model.outcomes import ExitCode, Outcome
from batch.model.reasons import Finding, Reason, advice, general_sentence
from batch.model.replies import describe_undecided
from batch.model.runs import NextStep, Run, Tally, rank_reasons
from batch.model.sheets import SheetInfo


def outcome_table(counts: Mapping[Outcome, int], reasons: Mapping[tuple[Outcome, str], int]) -> str:
    """The sum, and a line for each outcome that occurs, its reasons below it."""
    label = _("rows")
    width = max([8, len(label) + 1, *(len(each.label) + 1 for each in Outcome if counts[each])])
    lines = [bold(f"  {label:<{width}}{number(sum(counts.values())):>8}")]
    for outcome in Outcome:
        if not counts[outcome]:
            continue
        of_it = [(reason, rows) for kind, reason, rows in rank_reasons(reasons) if kind is outcome]
        lines.append(bold(f"  {outcome.label:<{width}}{number(counts[outcome]):>8}"))
        # "success" and "waiting" say nothing that the outcome itself does not.
        if not outcome.is_accepted and of_it != [(Reason.WAITING.value, counts[outcome])]:
            lines += [f"  {number(rows):>8}  {general_sentence(Reason(reason))} ({reason})" for reason, rows in of_it]
    return "\n".join(lines)


def rows_line(tally: Tally, *, is_going_on: bool = False) -> str:
    """`60 rows: Accepted 38 (2 existing), Fix 14, Waiting 8`, with the outcomes that occur; they add up.

    `is_going_on`: a row in flight is counted as that, and is not to decide yet.
    """
    in_flight = count_in_flight(tally) if is_going_on else 0
    counts, existing = Counter(tally.counts), tally.counts[Outcome.REUSED]
    counts += Counter({Outcome.SUCCESS: existing})
    counts -= Counter({Outcome.REUSED: existing, Outcome.UNKNOWN: in_flight})
    parts = [f"{outcome.word} {number(counts[outcome])}" for outcome in Outcome if counts[outcome]]
    if existing:
        parts[0] = _("{accepted} ({n} existing)").format(accepted=parts[0], n=number(existing))
    parts += [_("in flight {n}").format(n=number(in_flight))] if in_flight else []
    return ": ".join(filter(None, (format_rows(tally.rows), ", ".join(parts))))


def state_label(state: str) -> str:
    """The state of a message as a word, and its code."""
    known = {each.value: each.label for each in Outcome}
    return known.get(state) or _("being sent ({code})").format(code=state)


def count_in_flight(tally: Tally) -> int:
    """Count the rows that are being sent, or whose program died over it: they are among those to decide."""
    return tally.reasons.get((Outcome.UNKNOWN, Reason.IN_FLIGHT.value), 0)


_EARLY = {
    ExitCode.STOPPED: N_("stopped early"),
    ExitCode.INTERRUPTED: N_("ended by Ctrl+C"),
    ExitCode.TERMINATED: N_("ended by a signal"),
}


def early_end(run: Run, *, submitted: bool) -> str:
    """Return in words how a run ended before its rows were done; empty where it did not. `submitted`: to workers."""
    if submitted and run.exit_code == ExitCode.INTERRUPTED:
        return _("cancelled")
    return _(_EARLY[ExitCode(run.exit_code)]) if run.exit_code in _EARLY else ""


def end_words(run: Run, *, submitted: bool) -> str:
    """Return how a run ended, with its exit code; or that it has none, and why. `submitted`: as of `early_end`."""
    if run.exit_code is None:
        return _("given to workers, not ended") if submitted else _("not ended, or killed")
    code, early = _("exit {code}").format(code=run.exit_code), early_end(run, submitted=submitted)
    return f"{early} ({code})" if early else code


def times_line(timezone: str | None) -> str:
    """Say by whose clock times are shown; None: this machine's."""
    return _("Times of {timezone}").format(timezone=timezone) if timezone else _("Times of this machine")


def step_lines(steps: Iterable[NextStep], *more: tuple[str, str]) -> list[str]:
    """Return what to do next: what it is about, and below it the command to type. `more`: pairs of these."""
    pairs = [(f"{each.title}: {each.words}" if not each.is_slim else each.title, each.commands) for each in steps]
    pairs += [(about, ((command, ""),)) for about, command in more]
    lines = [bold(_("What to do next"))] if pairs else []
    for about, commands in pairs:
        lines.append(f"  {about}")
        lines += [f"    {command}    {when}".rstrip() for command, when in commands]
    return lines


def run_command(run: Run, words: str, *options: str) -> str:
    """Return a command about a run, with those of these options that it needs (`command_options`)."""
    return f"wegly-batch {words}{command_options(run.endpoint, run.ledger_option, *options)}"


def start_worker_line(run: Run, service: Service) -> str:
    """Say that no worker is connected that may send a run, and why, with the command that starts one which may."""
    words = _("No worker is connected. Start one, on any machine: {command}")
    if service.other_token:
        words = _(
            "No worker for {endpoint} has the token that `submit` had. Start one with it, on any machine: {command}"
        )
    elif service.elsewhere:
        words = _("No worker that is connected serves {endpoint}. Start one, on any machine: {command}")
    return words.format(endpoint=run.endpoint, command=run_command(run, "worker", "base-url", "ledger"))


def workers_advice(finding: Finding) -> str:
    """Return what to do about a finding of workers."""
    if finding.reason is not Reason.NOT_AUTHORIZED:
        return advice(finding)
    return _(
        "Give all workers the new token and start them again, then submit the sheet again with the same one: a run "
        "goes only to workers that have the token of its `submit`."
    )


def undecided_lines(counts: DeliveryCounts | None, endpoint: str, ledger: str) -> list[str]:
    """Return the replies that a person has to decide, each with the command to type. `ledger`: its URL, or empty."""
    sentence, commands = describe_undecided(counts.undecided if counts else (), endpoint, ledger)
    return [sentence, *(f"  {command}    {when}" for command, when in commands)] if sentence else []


def labelled_lines(pairs: Iterable[tuple[str, str]], least: int = 0) -> list[str]:
    """A line for each label with its value, aligned. `least`: characters of the labels' column at least."""
    listed = list(pairs)
    width = max([least, *(len(label) for label, _value in listed)])
    return [f"{label:<{width}}  {value}" for label, value in listed]


def section(heading: str, lines: Iterable[str]) -> str:
    """A heading with its lines below it, indented."""
    return "\n".join([heading, *(f"  {line}" for line in lines)])


def sheet_line(info: SheetInfo, count: int) -> str:
    """The sheet that was read: file, worksheet, number of rows, place of the header."""
    name = _("{file}, sheet {sheet!r}").format(file=info.file, sheet=info.sheet) if info.sheet else info.file
    rows = format_rows(count)
    if info.header_row:
        return _("{name}: {rows} below the header in row {row}").format(name=name, rows=rows, row=info.header_row)
    return _("{name}: {rows} and no header").format(name=name, rows=rows)


def row_label(number: int, digits: int = 0) -> str:
    """`row 7`, as wide as with a number of so many digits."""
    return _("row {row}").format(row=f"{number:<{digits}}")
