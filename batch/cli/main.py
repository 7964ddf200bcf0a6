"""The command `wegly-batch`: its commands, each loaded when it is typed, signals, errors and exit codes.

Data goes to stdout, messages to stderr.
"""

import codecs
import contextlib
import errno
import gc
import io
import json
import os
import signal
import sys
import threading
import traceback
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from batch._version import __version__
from batch.cli.help_i18n import TranslatedGroup, add_language_option, find_language, translate_click
from batch.cli.terminal import discard_stdout, echo, say
from batch.errors import WeglyBatchError, nearest
from batch.i18n import N_, _, describe_os_error, system_language, use_language
from batch.model.outcomes import EXIT_MEANINGS, ExitCode

_RENAMED = {"reconcile": "follow"}
_COMMANDS = {
    "demo": N_("Send the samples to a sandbox, end to end, with nothing to configure."),
    "init": N_("Write a campaign file from the header of a sheet."),
    "inspect": N_("Show how a sheet is read: format, header row, columns, cells."),
    "check": N_("Check a sheet against its campaign, with examples; sends nothing."),
    "plan": N_("Freeze what would be sent, to send exactly that later."),
    "run": N_("Send what is left of a sheet, and write the report."),
    "submit": N_("Give a sheet to workers, which send it from any machine."),
    "worker": N_("Send what was submitted, until it is stopped."),
    "status": N_("Show how far workers are."),
    "watch": N_("Show the progress of a submitted run, and write its report."),
    "cancel": N_("End a submitted run."),
    "follow": N_("Look what arrived, who answered and who opted out."),
    "report": N_("Write the report of a run again."),
    "runs": N_("List the runs of the ledger."),
    "settle": N_("Settle the rows of a run that may have been sent, after looking into WhatsApp."),
    "person": N_("Show or erase what the ledger knows of one person."),
    "suppress": N_("Keep the list of people who are never messaged."),
    "ledger": N_("Look after the ledger: copy it safely, show what it holds."),
    "purge": N_("Remove people's data that are old from ledger and reports."),
    "sandbox": N_("Start an imitation of the API on this machine."),
    "completion": N_("Print what completes commands and options in your shell."),
}
"""Names of commands, which are also those of their modules, with their lines in the overview."""

_ELSEWHERE = {"status": ("watch", "status_command"), "cancel": ("watch", "cancel_command")}
"""Commands that share a module, with its name and theirs in it."""

_BEGIN_WITH = """
  wegly-batch demo
  wegly-batch init contatos.xlsx
  wegly-batch run contatos.xlsx
"""


class _Commands(TranslatedGroup):
    """The commands, each imported when it is typed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's hook
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        if cmd_name not in _COMMANDS:
            return None
        module, name = _ELSEWHERE.get(cmd_name, (cmd_name, "command"))
        command: click.Command = getattr(import_module(f"batch.cli.commands.{module}"), name)
        add_language_option(command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found = [CompletionItem(name, help=_(line)) for name, line in _COMMANDS.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        with formatter.section(_("Commands")):
            formatter.write_dl([(name, _(line)) for name, line in _COMMANDS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's hook
        codes = "\n".join(f"  {code.value:>3}  {_(meaning)}" for code, meaning in EXIT_MEANINGS.items())
        exit_codes, begin_with = _("Exit codes:"), _("Begin with:")
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(f"\b\n{exit_codes}\n{codes}\n\n\b\n{begin_with}{_BEGIN_WITH}")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in _COMMANDS and not ctx.resilient_parsing:
            hint = nearest(_RENAMED.get(args[0], args[0]), _COMMANDS)
            problem = _("There is no command {name!r}{hint}.").format(name=args[0], hint=hint)
            ctx.fail(problem.replace("?.", "?"))
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="wegly-batch")
def cli() -> None:
    """Open one WhatsApp chat per row of a contact spreadsheet through Wegly's API, and tell row by row, truthfully,
    what became of each. Running the same command again is always safe: it sends only what is left."""


add_language_option(cli)


def main() -> None:
    """The command `wegly-batch`. Ends the process with one of the exit codes of `--help`."""
    # A batch of rows makes some ten thousand objects that soon go: by Python's own 700, a sixteenth of a check is spent
    # in looking for garbage among them.
    gc.set_threshold(100_000)
    _open_closed_streams()
    translate_click()
    _escape_unknown_signs()
    with use_language(find_language(sys.argv[1:]) or system_language()):
        code = _run(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: a late Ctrl+C changes nothing any more
    sys.exit(code)


def _open_closed_streams() -> None:
    """Put nothing in place of streams that the caller has closed: their numbers would go to files, as the ledger's."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open to the end


def _escape_unknown_signs() -> None:
    """Write signs that a console (cp850) or a pipe (cp1252) lacks as JSON does: no result may end as a UnicodeError."""
    codecs.register_error("json", _write_as_json)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="json")


def _write_as_json(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


_ENVIRONMENT = frozenset(
    getattr(errno, name, None)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "ENAMETOOLONG", "EMFILE", "ENFILE", "EIO")
) - {None}
"""What no program can mend: a full disk, a folder that may not be written, too many open files."""


class _Termination(KeyboardInterrupt):
    """SIGTERM before or after sending: what is open is closed on the way out.

    Of this kind, since psycopg ends a statement for no other; a connection in the midst of one cannot be closed.
    """


def _terminate(*_: object) -> NoReturn:
    raise _Termination


def _listen_to_signals() -> None:
    if hasattr(signal, "SIGUSR1"):  # it once asked a run for its state; its default would kill the process
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        # A closed terminal ends a run as a polite kill does, unless nohup has it ignored.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _terminate)


def _run(arguments: list[str]) -> int:
    if threading.current_thread() is threading.main_thread():
        _listen_to_signals()
    try:
        outcome = cli.main(arguments, prog_name="wegly-batch", standalone_mode=False)
    except click.exceptions.Exit as ended:
        return int(ended.exit_code)
    except BaseException as error:  # noqa: BLE001 - the last place: also a defect must not print the token
        text, code = _describe_error(error)
        if text:
            with contextlib.suppress(OSError):  # the terminal is gone; the exit code still tells
                (echo if code is ExitCode.DEFECT else say)(text, err=True)
        return code
    return int(outcome) if isinstance(outcome, int) else ExitCode.DONE


def _describe_error(error: BaseException) -> tuple[str, ExitCode]:
    """Return what to print about an error, and the exit code."""
    text, code = "", ExitCode.STOPPED
    match error:
        case click.ClickException():
            shown = io.StringIO()
            error.show(shown)
            text = shown.getvalue().rstrip("\n")
            code = ExitCode.REFUSED
        case _Termination() | click.Abort(__cause__=_Termination()):
            text = _(
                "Ended by a signal. What was sent is recorded; `wegly-batch report` writes the newest run's report."
            )
            code = ExitCode.TERMINATED
        case click.Abort() | KeyboardInterrupt():
            text = "\n" + _("Interrupted. What was sent is recorded; run the same command again to go on.")
            code = ExitCode.INTERRUPTED
        case SystemExit() | BrokenPipeError():  # `wegly-batch runs | head`: click ends so, and our own printing so
            discard_stdout()
        case OSError() if _failed_printing(error):
            discard_stdout()
            text = _("What was found cannot be printed: {error}.").format(error=describe_os_error(error))
        case OSError(errno=number, filename=place) if number in _ENVIRONMENT:
            problem = _(
                "The system refuses it ({error}): {place}. What was sent is recorded; see that there is room and that "
                "you may write there, and run the same command again."
            )
            text = problem.format(error=describe_os_error(error), place=place or _("a file"))
        case MemoryError():
            text = _(
                "There was not enough memory. What was sent is recorded; close other programs, or split the sheet into "
                "several files, and run the same command again."
            )
        case WeglyBatchError():
            text, code = f"{error.problem}\n{error.remedy}".rstrip(), ExitCode(error.exit_code)
        case _:
            text, code = _describe_defect(), ExitCode.DEFECT
    return text, code


def _failed_printing(error: OSError) -> bool:
    """True when the error came up while something was printed, and not while a command did its work."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code is click.echo.__code__  # noqa: TID251 - not called


def _describe_defect() -> str:
    token = os.environ.get("WEGLY_TOKEN", "").strip()
    trace = traceback.format_exc()
    notice = _(
        "This is a defect in wegly-batch. What was sent is recorded in the ledger, and running the same command again\n"
        "sends only what is left. Please report the lines above."
    )
    return f"{trace.replace(token, '***') if token else trace}\n{notice}"
