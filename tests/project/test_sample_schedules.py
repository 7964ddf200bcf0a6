"""Cron, systemd and the Windows Task Scheduler start the same command, show no token, and never send at night."""

import configparser
import re
import shlex
from pathlib import Path
from xml.etree import ElementTree

import click

from batch.cli.commands import follow
from batch.cli.main import cli

SAMPLES = Path(__file__).parents[2] / "samples"
TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


def _unit(name: str) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((SAMPLES / name).read_text("utf-8"))
    return unit


def _task() -> ElementTree.ElementTree:
    return ElementTree.parse(SAMPLES / "wegly-batch-task.xml")  # noqa: S314 - our own file


def test_the_service_reads_its_token_from_a_credential() -> None:
    """Neither in its environment nor on its command line, where others could read it."""
    service = _unit("wegly-batch.service")["Service"]
    assert service["LoadCredential"].startswith("token:")
    assert "--token-file %d/token" in service["ExecStart"]
    assert "WEGLY_TOKEN" not in (SAMPLES / "wegly-batch.service").read_text("utf-8")


def test_the_service_fails_where_somebody_must_look() -> None:
    """3, 6, 75 and 143 need nobody now; a defect, wrong input, unknown rows and an early stop do."""
    accepted = set(map(int, _unit("wegly-batch.service")["Service"]["SuccessExitStatus"].split()))
    assert accepted == {3, 6, 75, 143}
    assert not accepted & {1, 2, 4, 5, 130}


def test_a_late_start_sends_nothing_at_night() -> None:
    """Neither the timer nor the task makes up for a start that was missed."""
    assert _unit("wegly-batch.timer")["Timer"]["Persistent"] == "false"
    task = _task()
    assert task.findtext(f".//{TASK}StartWhenAvailable") == "false"
    assert task.findtext(f".//{TASK}ExecutionTimeLimit") == "PT0S"


def test_the_schedules_start_the_same_command() -> None:
    """Cron, systemd and Windows run the sample sheet with the sample campaign and a token file."""
    table = [
        line
        for line in (SAMPLES / "crontab.example").read_text("utf-8").splitlines()
        if line and not line.startswith(("#", "MAILTO="))
    ]
    follows, *table = table
    assert "follow --token-file token.txt" in follows
    assert len(table) == 1
    assert "%" not in follows + table[0], "cron takes a percent sign for the end of the command"
    service = _unit("wegly-batch.service")["Service"]["ExecStart"]
    task = _task().findtext(f".//{TASK}Arguments")
    for command in (table[0], service, task or ""):
        words = shlex.split(command)
        start = words.index("run")
        assert words[start : start + 5] == ["run", "contatos.xlsx", "-c", "boas-vindas.toml", "--token-file"]


def test_each_schedule_has_the_line_that_follows() -> None:
    """Cron, systemd and Windows look what arrived as well; looks that are left for the next time are no failure."""
    table, service, task = (
        (SAMPLES / name).read_text("utf-8")
        for name in ("crontab.example", "wegly-batch.service", "wegly-batch-task.xml")
    )
    (line,) = re.findall(r'^35 18 \* \* \* .*wegly-batch" (follow .*)$', table, re.MULTILINE)
    unit_lines = r"^#   ExecStart=\S+/wegly-batch (follow .*)\n#   SuccessExitStatus=6 75 143$"
    (unit,) = re.findall(unit_lines, service, re.MULTILINE)
    assert "in whose Arguments follow stands in place of run and its two files, without the last option." in task
    arguments = (_task().findtext(f".//{TASK}Arguments") or "").replace(
        "run contatos.xlsx -c boas-vindas.toml", "follow"
    )
    for words in (line, unit, arguments.rpartition(" ")[0]):
        name, *options = shlex.split(words)
        # click keeps a command's option of help as the first context had it, and test_docs.py shows it.
        parent = click.Context(cli, **cli.context_settings)
        assert follow.command.make_context(name, options, parent=parent).params["token_file"]
