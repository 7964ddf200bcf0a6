"""The house keeps the rules of CONTRIBUTING: layout, names, prose, sizes."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from trace_row import modules_of_one_row

ROOT = Path(__file__).parents[2]
BATCH = ROOT / "batch"
FILES = sorted(BATCH.rglob("*.py"))

MOST_MODULES = 316
"""230 when the house was rebuilt; then `control_characters` and `mapping/permissions`; `ooxml/schema` and
`xlsx/verification` check what a report changes, `ooxml/prefixes` unifies it, `xlsx/placement` finds
room for it; `formats/content` names what is no sheet, `mapping/phones` joins what makes
a phone; `number_format` shows numbers by what `format_code` parses, `mapping/suspects` knows what no person wrote;
`filters/names` finds first names; `model/delivery`, `model/replies`, `ledger/deliveries`, `app/follow`, its output
and `sandbox/deliveries` say what became of accepted messages; `inputs/campaign_sheet` halves `staging`, which had 466
lines; `storage/damage` finds what no run wrote, `formats/active_content` what acts in a workbook. `app/looks` is what
`follow` and `run` share, `runs/due_looks` and `runs/run_looks` what a run does with it before and while it sends.
`ledger/admin/people`, `app/person`, its
command and its output show and erase what is known of one person; `output/demo` has the
words of a run and of looks; `ledger/read/deliveries` counts what arrived; `app/token_store` keeps tokens.
`commands/completion` prints what completes words in a shell. `app/api` is the
Python API, `app/records` what it and `--json` give, `reporter/frames` its frames. `runs/standing_report` knows
when nothing is new, `runs/report_files` the files of a run for both purges, `runs/old_reports` is the second.
`cli/bars` is what the watchers of `cli/progress` draw.
`plan/undelivered` is what rules
and staging share, which were too long; `plan/row_stager` is how rows get into its tables. `loader/template_values`
offers the values of a template, `cli/prompts` asks and `output/init` shows. `runs/check_files` and
`reporter/wrong_rows` write what `check` found, `html/check_page` as a page. `event_log` leaves structlog's
configuration to the host program. `xlsx/retry_workbook` writes by openpyxl what `rows_to_correct` chooses: a check
need not load openpyxl.
`storage/sqlite` is what SQLite alone needs, `storage/postgres`, `storage/postgres_locks` and `send/set_statements` what
PostgreSQL does.
`fleet` is the queue of workers, `app/fleet` what submits, serves, watches and ends their runs, `model/lanes` their
records, `send/lanes`, `send/lane_queue`, `read/lanes` and `storage/server_tables` their part of the ledger,
`read/outcome_counts` counts what is new of a run that others send, `commands/submit`, `worker`, `watch` and
`output/fleet` what a person sees of them. `app/demo` has the demos: `run`, `fleet`, and `postgres`, which finds a
server and starts it. `pool/event_loop` wakes less often.
`storage/failover` finds claims that another server lacks; `storage/migrations` was a third of
`storage/sqlite`, `demo/processes` is what server and workers of a demo share. A new one says here why."""
MOST_FILES_OF_A_FOLDER = 20
LINES_OF_THE_HOUSE = 21_429
"""A ratchet: 25,081 at 3bbba84; the plan of the house asks for 21,500 for the features of that day."""
LINES_OF_FEATURES = {
    "runs of blanks, columns filled down, checksum of the read campaign, refusals of the system, pieces of tokens": 70,
    "ledgers and rehearsals that are not trusted, file names of any bytes": 140,
    "reports into any workbook": 650,
    "consent, selection, unused opt-out columns": 420,
    "two forms of a number, countries, area codes, numbers in parts": 300,
    "first names, orders of dates, old encodings, other quotes and headers": 395,
    "names of what is no sheet, characters of a row, footers and totals rows": 252,
    "texts as Excel shows them, where they are asked for, and what no person wrote": 533,
    "origins with a code of the ledger, secrets in odd lines": 60,
    "limits, consoles, clocks, deep and held files of Windows and macOS": 102,
    "formulas behind separators in cells, the header of results.csv in line 1": 30,
    "delivery: ids of messages, looks, replies, opt-outs by reply, follow, messages of the sandbox that move": 1182,
    "many worksheets in one parse, a lack of memory by name, encodings of lists, numbers shown": 172,
    "ledgers with values that no run wrote, a file that several programs make": 152,
    "looks of a run: the due ones first, canary and stop by delivery, unreachable people, undelivered again": 732,
    "one person: everything that is known, and its removal": 451,
    "active content of workbooks by the parser, clean reports, a million rows alike": 160,
    "a look of the demo at what arrived, by a clock that is set on": 24,
    "completion in bash, zsh and fish": 16,
    "headers at fault, by the lines beside them and Excel's blocks": 73,
    "a run with nothing new: no folder, lines for cron, the last success, old report folders": 244,
    "a question that says who stays out, and whether to wait for the hours": 48,
    "the Python API: functions, their options, records that `--json` prints too, frames": 711,
    "words of outcomes, one for each, in screens, pages and workbooks": 24,
    "area codes of several numbers, sentences and days of opt-out, fields that were not filled in": 63,
    "a cap that counts a person anew before her day ends, and beyond it none in doubt": 15,
    "a report in less than a tenth of openpyxl's time, what was not delivered in a module of its own": 27,
    "HTTP loaded only where it is spoken": 33,
    "openpyxl loaded only where a workbook is written, a longer name for dates and numbers": 26,
    "init as a conversation, tokens that are kept, the campaign file of a sheet": 645,
    "next steps, messages that were sent, rehearsals, folded columns in reports": 294,
    "a check as a page and its wrong rows as a sheet, previews of rows": 532,
    "screens: folds, bold totals, next steps with commands, values in the help, first rows of a sheet": 130,
    "delivery in reports: columns, a section with rates and costs, filters, lists of runs": 365,
    "removals from the suppression list that stand against older replies, entries of a rehearsal by hand": 100,
    "commits that move apart, constants in the text of prepared statements": 20,
    "long paths of Windows, names of lists as a Mac writes them, files that init cannot write": 31,
    "ids of messages in the details of a report": 14,
    "writes of a group kind by kind, warm connections in turn": 47,
    "next commands in the ledger that was named, the screen's language, rehearsals outside the hours, run --open": 142,
    "workers: submit, worker, status, watch, cancel; lanes with epochs, beats and leases; a queue": 1530,
    "looks at a run that others send: counts of what is new, their rate, rests": 80,
    "a run watched where its sheet is not, commands by the program's path and for workers, none connected": 104,
    "lanes that are given up, columns that the tables of workers lack, jobs of a lane": 84,
    "one report of a run at a time, and a server that restarts meanwhile": 37,
    "claims given back in sets, claims as early as they take, arrays as the server writes them": 109,
    "a loop that wakes less often while a sender is fast": 44,
    "attempts of a span of time, of all senders, without an index by time alone": 16,
    "workers that begin at no unsafe ledger, claims that are taken back after a takeover, lost pooled connections": 17,
    "looks by workers: first rows that go alone, failed messages that are replaced, some of each sender": 218,
    "claims that a server lacks after a failover": 147,
    "a ledger on PostgreSQL: sessions, locks, errors by SQLSTATE, a password that is not typed": 585,
    "an interface of what differs between databases": 76,
    "a new database on a server: tried before the first run, its encoding, rights to make its tables": 41,
    "how runs stand: rows that add up, those in flight, times by one clock, early ends, who may only read": 123,
    "the sandbox's contacts and kinds of replies in the reader's language, one row in the singular": 31,
    "answers parsed by llhttp": 68,
    "a demo of workers: a PostgreSQL found and started, a kill, the report held against the log": 462,
    "a writer that dies, workers that say so, no settlement without a question": 45,
    "rows of XLSX read by one pattern that has a place for each column, many at a time, and column by column": 60,
    "workers counted by the address and the token that they serve, sweeps that end": 145,
    "forecast and rates by sender": 8,
    "starts of a lane over all of its workers": 73,
    "rows that were accepted after a run": 27,
    "one cursor for each statement on a server, arrays of a group by rows": 14,
    "keys looked up while the next rows are read, counts by ranges of rows": 90,
    "a sandbox that ends at once": 16,
    "posts that begin while the next holder of their lane reckons with them, or not at all": 40,
    "requests encoded of those rows alone whose message was not accepted before": 48,
    "a slowed sender, a token for workers, a question without an answer, problems in the language of the screen": 26,
    "next steps for all who watch, in the ledger and by the program that was started; a report's problems twice": 32,
    "what arrived of corrected rows, and on a phone; attempts of a run without an end": 28,
    "next steps of a report that stands, rows to fix that no retry.xlsx has": 26,
    "slots and moments handed out in lines, with a timer to a line": 67,
    "a bar while a large sheet is read, and that nothing is left to send": 99,
    "a check that loads nothing that sends, readers of looks that end with the first that fails": 6,
    "commands that repeat who is allowed, the encoding and the place of reports": 34,
    "paths that no line of the terminal breaks": 4,
    "replaced messages: codes and templates that differ, settled as not sent, corrected; a canary all given up": 26,
    "reports that `follow` writes again: named ones, and the latest of each sheet": 22,
    "what to name for `init`, a sheet that is not there, two rows of a person": 10,
}
"""What came after the rebuild, with the lines of code that it took."""
MOST_LINES_OF_A_MODULE = 350
TABLES = {"batch/model/reasons.py", "batch/ledger/storage/schema.py"}
"""Modules that may be longer: entries of one kind under one another."""
MOST_MODULES_OF_ONE_ROW = 150
MOST_COLLOQUIAL_WORDS = 25

COLLOQUIAL = re.compile(r"\b(said|told|nobody|somebody|everybody|whoever)\b", re.IGNORECASE)
DRAWERS = ("utils", "util", "helpers", "helper", "misc", "common")
METAPHORS = frozenset(
    {"told", "said", "heirs", "winning", "news", "left", "later", "donors", "aside", "nobody", "somebody", *DRAWERS}
)
"""Words that name no thing of the field, as a part of a file's or a public name."""
NO_BEGINNING = re.compile(r"(What|Whether|Who|Whose|Of|As|Those|How|Why|Where|That)\b")
"""A docstring begins with an imperative or a noun phrase."""

Definition = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text("utf-8")) for path in FILES}


def _definitions(tree: ast.Module) -> Iterator[Definition]:
    return (node for node in ast.walk(tree) if isinstance(node, Definition))


def _docstrings(node: Definition) -> Iterator[ast.Expr]:
    """The strings that stand as statements: docstrings, also those of attributes."""
    for statement in node.body:
        if (
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
        ):
            yield statement


def _lines_of_code(path: Path, tree: ast.Module) -> int:
    """Lines without docstrings, comments and blank lines."""
    prose = set(
        chain.from_iterable(
            range(each.lineno, (each.end_lineno or each.lineno) + 1)
            for node in _definitions(tree)
            for each in _docstrings(node)
        )
    )
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return sum(1 for at, line in enumerate(lines, 1) if line and not line.startswith("#") and at not in prose)


def _where(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_folder_is_full() -> None:
    """A folder shows at a glance what is in it."""
    counted = Counter(path.parent for path in FILES)
    assert {_where(folder): count for folder, count in counted.items() if count > MOST_FILES_OF_A_FOLDER} == {}


def test_no_module_is_long() -> None:
    """A module has one subject, and who opens it sees the whole of it; tables alone may be longer."""
    lines = {_where(path): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert {path for path, count in lines.items() if count > MOST_LINES_OF_A_MODULE} <= TABLES


def test_the_house_is_no_larger_than_it_must_be(trees: dict[Path, ast.Module]) -> None:
    """Modules and lines of code; who adds a feature raises the figure together with its reason."""
    assert len(FILES) <= MOST_MODULES
    lines = sum(_lines_of_code(path, tree) for path, tree in trees.items())
    assert lines <= LINES_OF_THE_HOUSE + sum(LINES_OF_FEATURES.values())


def test_names_are_of_the_field(trees: dict[Path, ast.Module]) -> None:
    """No file and no public class or function is named by a metaphor or a drawer for everything."""
    names = [(_where(path), path.stem) for path in FILES]
    for path, tree in trees.items():
        names += [
            (_where(path), node.name)
            for node in _definitions(tree)
            if not isinstance(node, ast.Module) and not node.name.startswith("_")
        ]
    words = re.compile(r"[A-Z]?[a-z]+")
    assert [(where, name) for where, name in names if METAPHORS & {word.lower() for word in words.findall(name)}] == []


def test_no_public_class_name_stands_twice(trees: dict[Path, ast.Module]) -> None:
    """A name means one thing in the whole project."""
    places = defaultdict(list)
    for path, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(_where(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_a_docstring_begins_with_an_imperative_or_a_noun(trees: dict[Path, ast.Module]) -> None:
    """ "Return the first open window.", not "What of the windows is open."."""
    begins = [
        (f"{_where(path)}:{each.lineno}", str(each.value.value).strip().split("\n")[0][:60])
        for path, tree in trees.items()
        for node in _definitions(tree)
        for each in list(_docstrings(node))[:1]
        if each is node.body[0]
    ]
    assert [(where, first) for where, first in begins if NO_BEGINNING.match(first)] == []


def test_the_prose_is_plain() -> None:
    """Words of talk are rare: what remains stands in messages to people."""
    found = Counter({_where(path): len(COLLOQUIAL.findall(path.read_text("utf-8"))) for path in FILES})
    assert found.total() <= MOST_COLLOQUIAL_WORDS, found.most_common(10)


@pytest.fixture(scope="module")
def contracts() -> list[dict[str, Any]]:
    return list(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"])


def test_every_layers_contract_is_exhaustive(contracts: list[dict[str, Any]]) -> None:
    """A new module must choose its floor; and the large packages have layers inside."""
    layers = [each for each in contracts if each["type"] == "layers"]
    assert [each["name"] for each in layers if each.get("exhaustive") is not True] == []
    inside = {container for each in layers for container in each.get("containers", [])}
    assert {"batch", "batch.loader", "batch.ledger", "batch.reporter", "batch.cli"} <= inside


def test_one_good_row_passes_few_modules() -> None:
    """From the command line to the report: who follows one row opens no more files than these."""
    assert len(modules_of_one_row()) <= MOST_MODULES_OF_ONE_ROW


def test_contributing_names_what_is_there() -> None:
    """Every path of the page exists, and the page stays short."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = set(re.findall(r"`((?:batch|tests|docs|samples)/[\w./]+)`", text))
    named |= set(re.findall(r"`((?:app|cli|ledger|loader|chats|pool|reporter|model)/[\w/]+\.py)`", text))
    assert sorted(name for name in named if not any((base / name).exists() for base in (ROOT, BATCH))) == []
    assert len(text.splitlines()) <= 120
