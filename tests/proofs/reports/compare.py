"""Compare what two versions of the program make of the same sheets: screens, JSON, plans and whole reports.

    python tests/proofs/reports/compare.py OLD_PYTHON [--also SHEET CAMPAIGN]... [--keep FOLDER]

OLD_PYTHON is the interpreter of another checkout's virtual environment; this checkout runs with the interpreter that
runs the script. Some fifteen kinds of sheets go through `inspect`, `check`, `plan`, `run` (against a sandbox of each
version) and `report` of both. A rebuild of the inside changes none of it: the script ends with 1 and shows the first
differing lines where something did.

    git worktree add ../old 3bbba84
    python -m venv ../old/.venv && ../old/.venv/bin/pip install -c ../old/constraints.txt -e ../old
    python tests/proofs/reports/compare.py ../old/.venv/bin/python

What is read by programs and people later (`--json`, plans, requests, results.csv, summary.json, worksheets) is compared
as it is, order included. Screens are compared line by line, each with the lines indented below it, but whatever the
order of the lines and the blanks between words: the totals stand first now, where they stood last.

Of pages the data is compared: every row that report.html embeds, with its columns, and of the list of runs the moments
and counts. Markup, words and the order of sections are meant to change; `tests/browser` looks at them. So is the
summary in front of report.xlsx with its charts, whose figures are those of summary.json; all other worksheets are
compared with each cell's look, every other part of the workbook but the styles byte by byte.

Fixed, because no two runs have them alike: names of runs, moments, durations, rates, chat ids, folders, ports, and the
times inside ZIP files. Before `report` they are made equal in both ledgers, so that the reports are compared whole. A
difference that is meant stands in `EXPECTED`, with its reason.
"""

from __future__ import annotations

import argparse
import csv
import difflib
import json
import os
import posixpath
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from openpyxl import Workbook, load_workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.table import Table

ROOT = Path(__file__).parents[3]
FIRST, SECOND = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c", "7c19d2aa-1b3c-4d5e-8f90-123456789abc"

_SCREEN, _PLAN = r"screen of", r"plan\.json$"
_WORKBOOK = r"/report( \(redacted\))?\.xlsx!"
_WORKSHEET = f"{_WORKBOOK}xl/worksheets/"
_CHECK_JSON, _SUMMARY = r"check .*--json$", r"summary\.json$|report .*--json$"

EXPECTED: tuple[tuple[str, str, str, str], ...] = (
    ("", "which WhatsApp refuses", "which cannot be sent", "control characters are refused here, not by WhatsApp"),
    ("", "que o WhatsApp recusa", "que não se pode enviar", "likewise"),
    (
        "",
        r"(\(coluna [^()\n]*\)): ([^\n<]*?) não é (uma data|um valor em dinheiro)\.",
        r"\1 precisa ser \3, mas é \2.",
        "plainer sentences in Portuguese",
    ),
    (_SCREEN, r"(\d linhas?) para (corrigir|decidir)\b", r"\1 a \2", "likewise"),
    (_SCREEN, r"(?<!\S)\S*[/\\](?=wegly-batch )", "", "a command to type begins with what the shell finds"),
    (_PLAN, r'"format": 1,', '"format": 2,', "a plan's hash binds what is sent"),
    (_PLAN, r'"hash": "[0-9a-f]+"', '"hash": "<hash>"', "likewise"),
    (f"{_PLAN}|{_SUMMARY}", r'(?m)^  "version": "[0-9.]+"', '  "version": "<version>"', "the version of the program"),
    (r"json$", r'(?m)^ *"schema": 1,\n', "", "records of `--json` and summary.json name their form"),
    (
        _CHECK_JSON,
        r'(?m)^  "(differing_duplicates|webhook|prometheus)": .*\n',
        "",
        "keys of `check --json` since issue 13 and 14",
    ),
    (
        f"{_WORKBOOK}(looks|xl/workbook.xml)$",
        r"\bsheet1(?=\"|'!| visible)",
        "sheet",
        "a worksheet that is called like openpyxl's own gets no number",
    ),
    (
        "mask=True: names of files",
        r"\bmasked\b",
        "redacted",
        "a report that is passed on lies in a folder that says so",
    ),
    (_WORKSHEET, r' outlineLevelCol="1"| hidden="1" outlineLevel="1"', "", "columns for machines are folded"),
    (
        _WORKSHEET,
        r'<(?:\w+:)?col min="\d+" max="\d+" width="9" collapsed="1"/>| collapsed="1"',
        "",
        "likewise: the column behind them has the sign that unfolds them",
    ),
    (_WORKSHEET, r'" />', '"/>', "likewise: a tag that is changed is written without its blank"),
    (_SCREEN, r"(?m)^Entrega confirmada de ao menos .*\n", "", "a canary is looked at until it was sent on"),
    (
        f"{_SCREEN}|{_CHECK_JSON}",
        r"\bconstant '",
        "fixed value '",
        "the words of a user for what the program calls a constant",
    ),
    (_SCREEN, r"\bconstante '", "valor fixo '", "likewise"),
    (_SCREEN, "Enviadas nesta execução:", "Aceitas nesta execução:", "the API has accepted them, no more is known yet"),
    (
        _SCREEN,
        r"(?m)^ {2}(?:\S[^\n()]* \()?([a-zç]+)\)? {2,}([\d.,]+)$",
        r"  \1 \2",
        "outcomes by people's words, codes behind",
    ),
    (_SCREEN, r"(?m)^ {4,}([\d.,]+)  (?:\S[^\n]* \()?([a-z_]+)\)?$", r"          \1  \2", "likewise, reasons"),
    (_SCREEN, r"(?m)^(REHEARSAL|ENSAIO)\b.*\n", "", "a run against this machine says so"),
    (_SCREEN, r"<folder>/(?=reports/)", "", "a report is named from the working folder"),
    (_SCREEN, r"(?m)(?<=/retry\.xlsx): .*$", "", "what to do with retry.xlsx stands below the next steps"),
    (
        _SCREEN,
        r"( at|, a) <duration>(?: per sender| por remetente)(?=,? (?:in|em) )",
        r"\1 <duration>",
        "a rate is a sender's",
    ),
    (
        _SCREEN,
        r"(?m)^(What to do next|O que fazer agora)\n(?:  .*\n)+",
        "",
        "the next steps, each with its command to type",
    ),
)
"""Where, pattern, replacement (applied to the texts of both versions), reason: differences to 3bbba84 that were meant.

Where is searched for in the name under which a text is compared. At the end of a whole comparison those that no text
needed are named, to be taken out.

Besides: retry.xlsx is written by the writer of all new workbooks, so that its cells are compared, not its markup, and
has a column more, by which an origin cannot be forged. `run` prints in the campaign's language, so that both versions
are asked for one. The sheets hold nothing of which a rule of "Right person, right words" makes something else now:
columns that seem to say who wants no messages, rows of one person that differ, names that are none, number formats.
Those rules have tests of their own (`tests/integration/sheets`).
"""

_UNSTABLE: tuple[tuple[str, str], ...] = (
    (r"\d{8}T\d{6}Z(-[0-9a-z]+)*", "<run>"),
    (r"http://127\.0\.0\.1:\d+", "<sandbox>"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r"\b[0-9a-f]{64}\b", "<sha256>"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?", "<moment>"),
    (r"\d\d/\d\d/\d{4},? \d\d:\d\d(:\d\d)?", "<moment>"),
    (r"\b\d\d:\d\d:\d\d\b", "<time>"),
    (r"\b\d+([.,]\d+)? ?(s|ms|min|second|seconds|segundo|segundos|a second|por segundo|/s)\b", "<duration>"),
    (r'("(?:duration_ms|late_ms|elapsed|seconds|rate|eta|p50|p99|took|waits)[a-z_]*": )[\d.]+', r"\1<number>"),
)


_CREATED = re.compile(rb"<dcterms:(created|modified)[^>]*>[^<]*")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A sheet and its campaign; `prepare` writes both into a folder and returns the sheet's path."""

    name: str
    prepare: Callable[[Path], Path]


@dataclass(frozen=True, kw_only=True)
class Version:
    """One of the two programs."""

    name: str
    python: str
    folder: Path
    """Its checkout, the working folder of no command: the sheets lie elsewhere."""

    def run(self, words: list[str], *, at: Path, home: Path) -> subprocess.CompletedProcess[str]:
        """Run one command in the folder `at` with its ledger below `home`."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WEGLY_")} | {
            "WEGLY_TOKEN": "a-token",
            "XDG_DATA_HOME": str(home),
            "PYTHONPATH": str(self.folder),
            "PYTHONUTF8": "1",
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "PYTHONHASHSEED": "0",
            "LC_ALL": "C.UTF-8",
        }
        return subprocess.run(
            [self.python, "-m", "batch", *words],
            cwd=at,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


def _campaign(folder: Path, name: str, *, more: str = "", sender: str = f'"{FIRST}"', columns: str = "") -> None:
    (folder / "c.toml").write_text(
        f'[campaign]\nname = "{name}"\nlanguage = "pt_BR"\ntimezone = "America/Sao_Paulo"\n'
        f"[sender]\nwhatsapp_phone_id = {sender}\n"
        '[template]\nname = "saudacao"\nlanguage = "pt_BR"\nbody = "Olá {{1}}, {{2}}!"\n'
        f'[columns]\nwa_contact_id = "Telefone"\nremote_profile_name = "Nome"\n{columns}\n'
        '[[template_fields]]\ncomponent = "BODY"\nindex = 1\nvalue = "{Nome|first_name|title}"\n'
        '[[template_fields]]\ncomponent = "BODY"\nindex = 2\nvalue = "{Valor|brl}"\n'
        f'[throttle]\nrate = "200/s"\n{more}\n',
        encoding="utf-8",
    )


_PEOPLE = [
    ("Ana Souza", "(11) 98888-1001", "1234,5", "sim"),
    ("BRUNO <b>& Cia</b>", "11 98888 1002", "R$ 7", ""),
    ("", "11988881003", "10", ""),
    ("Dra. Célia 😀", "5511988881004", "0,5", "não"),
    ("Eva Reis", "+55 11 98888-1005", "12", "=1+1"),
    ("Curta", "1198888", "3", ""),
    ("Ana Souza", "11988881001", "1234,5", ""),
    ("Sem valor", "11988881006", "", ""),
    ("Recusada", "11988880400", "9", ""),
    ("Fora do WhatsApp", "11988880131", "9", ""),
    ("Já conhecida", "11988880200", "9", ""),
    ("Perdida", "11988880900", "9", ""),
    ('Linha\nquebrada; com sinais "aspas"', "11988881007", "9", "STOP"),
    ("Fixo", "1133334444", "9", ""),
    ("Estrangeira", "+351 912 345 678", "9", ""),
]
_HEADER = ("Nome", "Telefone", "Valor", "Nota", "Remetente")


def _rows() -> list[tuple[str, ...]]:
    return [(*person, (FIRST, SECOND)[at % 2]) for at, person in enumerate(_PEOPLE)]


def _text(encoding: str, delimiter: str, suffix: str) -> Callable[[Path], Path]:
    def prepare(folder: Path) -> Path:
        path = folder / f"sheet{suffix}"
        with path.open("w", encoding=encoding, newline="", errors="replace") as file:
            csv.writer(file, delimiter=delimiter).writerows([_HEADER, *_rows()])
        _campaign(folder, "texto")
        return path

    return prepare


def _senders(folder: Path) -> Path:
    path = _text("utf-8", ";", ".csv")(folder)
    _campaign(
        folder,
        "remetentes",
        sender='{ column = "Remetente" }',
        more='[history]\nnot_within = "7d"\n[prices]\nper_message = "0.35"\n',
    )
    return path


def _book(*, rows: int = 0) -> Workbook:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Contatos"
    sheet.append(["Lista de clientes"])
    sheet.merge_cells("A1:E1")
    sheet["A1"].font = Font(bold=True, size=14)
    sheet.append([])
    sheet.append(list(_HEADER))
    for row in _rows():
        sheet.append(list(row))
    for at in range(rows):
        sheet.append([f"Pessoa {at}", f"119{at:04d}7777", at + 0.5, "", FIRST])
    return book


def _rich(folder: Path) -> Path:
    book = _book()
    sheet = book.worksheets[0]
    sheet.row_dimensions[6].hidden = True
    sheet.column_dimensions["D"].hidden = True
    sheet["A5"].fill = PatternFill("solid", start_color="FFEEAA")
    sheet["A5"].comment = Comment("Ligar antes", "Eu")
    sheet["C8"] = "=SUM(1,2)"
    sheet["C9"] = "#N/A"
    sheet["C9"].data_type = "e"
    sheet.conditional_formatting.add("C4:C18", CellIsRule(operator="equal", formula=["9"], font=Font(bold=True)))
    choice = DataValidation(type="list", formula1='"sim,não"')
    choice.add("D4:D18")
    sheet.add_data_validation(choice)
    sheet.auto_filter.ref = "A3:E18"
    sheet.freeze_panes = "A4"
    other = book.create_sheet("Resumo")
    for line in (("Mês", "Total"), ("Jan", 3), ("Fev", 5)):
        other.append(line)
    chart = BarChart()
    chart.add_data(Reference(other, min_col=2, min_row=1, max_row=3), titles_from_data=True)
    other.add_chart(chart, "D2")
    path = folder / "sheet.xlsx"
    book.save(path)
    _campaign(folder, "rico")
    return path


def _table(folder: Path) -> Path:
    book = _book()
    book.worksheets[0].add_table(Table(displayName="Clientes", ref="A3:E18"))
    path = folder / "sheet.xlsx"
    book.save(path)
    _campaign(folder, "tabela")
    return path


def _long(folder: Path) -> Path:
    path = folder / "sheet.xlsx"
    _book(rows=2_000).save(path)
    _campaign(folder, "longo")
    return path


def _prefixed(folder: Path) -> Path:
    """Write the worksheet's XML with a prefix and texts that stand inside their cells, as some programs do."""
    plain = folder / "plain.xlsx"
    _book().save(plain)
    path = folder / "sheet.xlsx"
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            content = old.read(info)
            if info.filename == "xl/worksheets/sheet1.xml":
                text = re.sub(r"<(/?)(?=[a-z])", r"<\1x:", content.decode())
                content = text.replace(" xmlns=", " xmlns:x=", 1).encode()
            new.writestr(info.filename, content)
    plain.unlink()
    _campaign(folder, "prefixo")
    return path


def _converted(suffix: str) -> Callable[[Path], Path]:
    def prepare(folder: Path) -> Path:
        source = _rich(folder)
        with tempfile.TemporaryDirectory() as profile:
            subprocess.run(
                [
                    "soffice",
                    f"-env:UserInstallation=file://{profile}",
                    "--headless",
                    "--convert-to",
                    suffix,
                    source.name,
                ],
                cwd=folder,
                check=True,
                capture_output=True,
            )
        source.unlink()
        return folder / f"sheet.{suffix}"

    return prepare


def _leave_out_meant_differences(path: Path) -> None:
    """Remove the sample's rows that differ from their duplicates, and the formats of its numbers."""
    book = load_workbook(path)
    sheet = book.worksheets[0]
    sheet.delete_rows(51, 2)
    for row in sheet.iter_rows():
        for cell in row:
            if cell.data_type == "n":
                cell.number_format = "General"
    book.save(path)


def _sample(samples: Path, sheet: str, campaign: str) -> Callable[[Path], Path]:
    """Take a sample of the older version, which both understand."""

    def prepare(folder: Path) -> Path:
        path = folder / f"sheet{Path(sheet).suffix}"
        shutil.copy(samples / sheet, path)
        if path.suffix == ".xlsx":
            _leave_out_meant_differences(path)
        text = (samples / campaign).read_text("utf-8")
        # Whatever the hour, the whole sheet goes.
        text = re.sub(r"(?ms)^\[\[window\]\].*?(?=^\[)", "", text)
        (folder / "c.toml").write_text(re.sub(r'(?m)^rate = ".*"', 'rate = "200/s"', text), "utf-8")
        return path

    return prepare


def kinds(samples: Path, also: list[tuple[Path, Path]]) -> Iterator[Kind]:
    """Yield each kind of sheet; those that LibreOffice makes only where it is installed."""
    yield Kind(name="sample-xlsx", prepare=_sample(samples, "contatos.xlsx", "boas-vindas.toml"))
    yield Kind(name="sample-invoices", prepare=_sample(samples, "contatos.csv", "cobranca.toml"))
    yield Kind(name="csv-windows-1252", prepare=_text("cp1252", ";", ".csv"))
    yield Kind(name="csv-utf-8-bom", prepare=_text("utf-8-sig", ",", ".csv"))
    yield Kind(name="tsv-utf-16", prepare=_text("utf-16", "\t", ".tsv"))
    yield Kind(name="senders", prepare=_senders)
    yield Kind(name="xlsx-rich", prepare=_rich)
    yield Kind(name="xlsx-table", prepare=_table)
    yield Kind(name="xlsx-long", prepare=_long)
    yield Kind(name="xlsx-prefixed", prepare=_prefixed)
    if shutil.which("soffice"):
        yield Kind(name="xls", prepare=_converted("xls"))
        yield Kind(name="ods", prepare=_converted("ods"))
    for sheet, campaign in also:

        def prepare(folder: Path, sheet: Path = sheet, campaign: Path = campaign) -> Path:
            shutil.copy(campaign, folder / "c.toml")
            return Path(shutil.copy(sheet, folder))

        yield Kind(name=f"also-{sheet.stem}", prepare=prepare)


def stable(text: str, folder: Path) -> str:
    """Replace what differs between any two runs."""
    text = text.replace(str(folder), "<folder>")
    for pattern, instead in _UNSTABLE:
        text = re.sub(pattern, instead, text)
    return text


def contents(report: Path) -> dict[str, bytes]:
    """Return every file of a report by name; of a workbook every part."""
    found: dict[str, bytes] = {}
    for path in sorted(report.rglob("*")):
        if not path.is_file() or path.name == "run.log" or path.name.startswith("."):
            continue
        name = path.relative_to(report).as_posix()
        if path.name == "retry.xlsx":
            found[name] = _cells(path).encode()
        elif path.name.endswith(".sha256"):
            found[name] = b"a digest, times inside included"
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                left_out = {"xl/styles.xml", *_reached_from(archive, _summary_part(archive))}
                parts = {part: archive.read(part) for part in archive.namelist() if part not in left_out}
            found |= {f"{name}!{part}": _CREATED.sub(b"", content) for part, content in parts.items()}
            found[f"{name}!looks"] = _cells(path, first=1).encode()
        else:
            found[name] = path.read_bytes()
    return found


def _summary_part(archive: zipfile.ZipFile) -> str:
    """Return the part of a workbook's first worksheet: of a report, the summary."""
    sheet = re.search(rb'<(?:\w+:)?sheet [^>]*?\bid="([^"]+)"', archive.read("xl/workbook.xml"))
    relations = re.findall(rb"<Relationship [^>]*>", archive.read("xl/_rels/workbook.xml.rels"))
    named = next(each for each in relations if sheet and b'Id="' + sheet[1] + b'"' in each)
    target = re.search(r'Target="/?(?:xl/)?([^"]+)"', named.decode())
    return f"xl/{target[1]}" if target else ""


def _reached_from(archive: zipfile.ZipFile, part: str) -> set[str]:
    """Return a part with those that it refers to, and those that they do."""
    folder, name = posixpath.split(part)
    relations = f"{folder}/_rels/{name}.rels"
    if relations not in archive.namelist():
        return {part}
    targets = re.findall(r'Target="([^"]+)"', archive.read(relations).decode())
    whole = [posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/") for target in targets]
    return {part}.union(*(_reached_from(archive, target) for target in whole))


def _cells(path: Path, *, first: int = 0) -> str:
    """Return every cell of a workbook's worksheets from `first` on with its look, and the widths of its columns."""
    lines = []
    for sheet in load_workbook(path).worksheets[first:]:
        lines.append(f"{sheet.title} {sheet.sheet_state} {sheet.freeze_panes}")
        columns = [column for column in sheet.iter_cols() if column[0].value != "wegly_origin_mac"]
        widths = [sheet.column_dimensions[get_column_letter(column[0].column)] for column in columns]
        # That columns for machines are folded is meant; any other is hidden because its sheet hides it.
        folded = [any(str(cell.value).startswith("wegly_") for cell in column[:5]) for column in columns]
        lines += [
            f"{each.index} {each.width} {each.hidden and not ours}" for each, ours in zip(widths, folded, strict=True)
        ]
        lines += [
            f"{cell.coordinate} {cell.data_type} {cell.value!r} {cell.number_format} {cell.font.b}"
            f" {cell.fill.fgColor.rgb}"
            for column in columns
            for cell in column
        ]
    return "\n".join(lines)


class Comparison:
    """Both versions side by side, and what differed."""

    def __init__(self, old: Version, new: Version, work: Path, lines: int = 12) -> None:
        self._versions = (old, new)
        self._work, self._lines = work, lines
        self.differences: list[str] = []
        self.needed: set[str] = set()
        self.compared = 0

    def compare(self, kind: Kind) -> None:
        """Take one kind of sheet through all commands of both versions."""
        folders = [self._work / kind.name / version.name for version in self._versions]
        sheets = []
        for folder in folders:
            folder.mkdir(parents=True)
            sheets.append(kind.prepare(folder))
        if sheets[0].suffix not in {".csv", ".tsv"}:  # a workbook made twice has two times in it
            shutil.copy(sheets[0], sheets[1])
        sheet = sheets[0].name
        for words in (
            ["inspect", sheet, "--rows"],
            ["inspect", sheet, "--json"],
            ["check", sheet, "-c", "c.toml", "--json"],
        ):
            self._same(f"{kind.name}: {' '.join(words)}", *self._printed(folders, words))
        for language in ("en", "pt_BR"):
            self._same_screens(kind, folders, ["check", sheet, "-c", "c.toml", "--lang", language])
        self._plan(kind, folders, sheet)
        self._send(kind, folders, sheet)
        self._report_again(kind, folders)

    def _printed(self, folders: list[Path], words: list[str]) -> list[str]:
        return [
            _printed(version.run(words, at=folder, home=folder / "home"), folder)
            for version, folder in zip(self._versions, folders, strict=True)
        ]

    def _same_screens(self, kind: Kind, folders: list[Path], words: list[str]) -> None:
        self._same(f"{kind.name}: screen of {' '.join(words)}", *self._printed(folders, words))

    def _plan(self, kind: Kind, folders: list[Path], sheet: str) -> None:
        self._same_screens(kind, folders, ["plan", sheet, "-c", "c.toml", "--out", "plan.json"])
        plans = [(folder / "plan.json") for folder in folders]
        self._same(f"{kind.name}: plan.json", *(_plan_text(plan) if plan.exists() else "" for plan in plans))

    def _send(self, kind: Kind, folders: list[Path], sheet: str) -> None:
        screens, requests, files = [], [], []
        for version, folder in zip(self._versions, folders, strict=True):
            with sandbox(version, folder) as (address, log):
                words = ["run", sheet, "-c", "c.toml", "--base-url", address, "--yes", "--read-timeout", "2"]
                words += ["--reports", "reports", "--lang", "pt_BR"]
                screens.append(_printed(version.run(words, at=folder, home=folder / "home"), folder))
                requests.append(stable("\n".join(sorted(str(each["body"]) for each in log())), folder))
            reports = list((folder / "reports").iterdir()) if (folder / "reports").exists() else []
            runs = [each for each in reports if each.is_dir()]
            files.append(contents(runs[0]) if runs else {})
        self._same(f"{kind.name}: screen of run", *screens)
        self._same(f"{kind.name}: requests", *requests)
        self._same(f"{kind.name}: run: results.csv", *(_results(each.get("results.csv", b"")) for each in files))

    def _report_again(self, kind: Kind, folders: list[Path]) -> None:
        """Let each version write the report of its run again, once every moment in both ledgers is the same."""
        if not all((folder / "reports").exists() for folder in folders):
            return
        for folder in folders:
            _fix_moments(next((folder / "home").rglob("ledger.sqlite3")))
        for language, mask in (("pt_BR", False), ("en", False), ("pt_BR", True)):
            where = f"{kind.name}: report {language} mask={mask}"
            for folder in folders:
                _remove_files(folder / "reports")
            words = ["report", "--lang", language, "--reports", "reports", *(["--mask"] if mask else []), "--json"]
            self._same(f"{where} --json", *self._printed(folders, words))
            files = []
            for folder in folders:
                found = {_plain(name, folder): body for name, body in contents(folder / "reports").items()}
                names = {name: _as_expected(f"{where}: names of files", name, self.needed) for name in found}
                files.append({names[name]: _plain(_decode(body), folder) for name, body in found.items()})
            self._same(f"{where}: names of files", *("\n".join(sorted(each)) for each in files))
            for name in sorted(set(files[0]) & set(files[1])):
                self._same(f"{where}: {name}", *(_data(name, each[name]) for each in files))

    def _same(self, where: str, old: str, new: str) -> None:
        self.compared += 1
        lines = differences(where, old, new, self.needed)
        if lines:
            self.differences.append(where)
            shown = "".join(f"    {line[:300]}\n" for line in lines[: self._lines])
            sys.stdout.write(f"DIFFERS {where}\n{shown}")
            sys.stdout.flush()


def differences(where: str, old: str, new: str, needed: set[str]) -> list[str]:
    """Return the lines in which two texts differ but were not meant to; `needed` gets the patterns that changed one."""
    texts = [_as_expected(where, text, needed) for text in (old, new)]
    if re.search(_SCREEN, where):
        texts = [_facts(text) for text in texts]
    if texts[0] == texts[1]:
        return []
    pieces = [re.sub(r"(?<=>)(?=<)", "\n", text).splitlines() for text in texts]
    return list(difflib.unified_diff(*pieces, "old", "new", lineterm="", n=0)) or ["the ends of lines"]


def _as_expected(where: str, text: str, needed: set[str]) -> str:
    """Return a text as if nothing that was meant had changed."""
    for place, pattern, instead, _reason in EXPECTED:
        if re.search(place, where):
            changed = re.sub(pattern, instead, text)
            if changed != text:
                needed.add(pattern)
            text = changed
    return text


def _facts(screen: str) -> str:
    """Return the lines of a screen by the alphabet, each with those indented below it and single blanks."""
    lines = re.sub(r"\n {4,}", " | ", screen).splitlines()
    return "\n".join(sorted(" ".join(line.split()) for line in lines if line.strip()))


def _printed(done: subprocess.CompletedProcess[str], folder: Path) -> str:
    return stable(f"exit {done.returncode}\n{done.stdout}\n{done.stderr}", folder)


def _fix_moments(ledger: Path) -> None:
    """Write the same moments, durations, rates and chat ids into a ledger, whatever they were in its run."""
    with closing(sqlite3.connect(ledger)) as connection, connection:
        first = 1_796_040_000_000_000
        connection.execute("UPDATE runs SET started = ?, finished = ?, achieved_rate = 5.5", (first, first))
        connection.execute("UPDATE run_senders SET achieved_rate = 5.5")
        connection.execute("UPDATE suppressed SET added = ?", (first,))
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'deliveries'").fetchone():
            connection.execute("DELETE FROM deliveries")  # looks at the canary, which the old version makes none of
        connection.execute(
            "UPDATE messages SET duration_ms = 12, sent_at = CASE WHEN sent_at IS NULL THEN NULL ELSE ? END,"
            # In the form of the API's own, for which the writers of reports have a shorter way.
            " chat_id = CASE WHEN chat_id IS NULL THEN NULL ELSE"
            " '0f9d3c1a-7b52-4e8d-9a64-' || substr('0000' || replace(person, '+', ''), -12) END",
            (first,),
        )


def _plain(text: str, folder: Path) -> str:
    """Replace the names of run, folder and sandbox."""
    text = text.replace(str(folder), "<folder>")
    for pattern, instead in _UNSTABLE[:2]:
        text = re.sub(pattern, instead, text)
    return text


def _decode(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _remove_files(reports: Path) -> None:
    """Leave of each report only what it is made from, so that every file is written anew."""
    for path in [*reports.glob("*/*"), *reports.glob("*/*/*")]:
        if path.is_file() and path.name != "run.log" and not any(part.startswith(".") for part in path.parts[-2:]):
            path.unlink()


def _results(table: bytes) -> str:
    """Return results.csv without the columns that differ between any two runs."""
    unstable = {"wegly_chat_id", "wegly_sent_at", "wegly_duration_ms", "wegly_run"}
    return _without_columns(table.decode("utf-8-sig").lstrip(), unstable | _ADDED)


def _without_columns(table: str, names: set[str]) -> str:
    lines = list(csv.reader(table.splitlines(keepends=True), delimiter=";"))
    header = next((line for line in lines if "wegly_status" in line), [])
    keep = [at for at, name in enumerate(header) if name not in names]
    return "\n".join(repr([line[at] for at in keep if at < len(line)]) for line in lines)


_ADDED = {"wegly_delivery", "wegly_delivery_seen_at", "wegly_delivery_reason", "wegly_reply", "wegly_replied_at"}
"""Columns of results.csv that came with delivery; elsewhere they stand once a message was looked at."""


def _data(name: str, text: str) -> str:
    """Return what a file of a report has of its rows and counts: results.csv without added columns, pages as data."""
    if name.endswith(".csv"):
        return _without_columns(text.lstrip("\ufeff\r\n"), _ADDED)
    if name.endswith(".html"):
        return _page_rows(text) or "\n".join(map(" ".join, _COUNTS.findall(text)))
    return text


_EMBEDDED = re.compile(r'(?s)<script type="application/json" (class="rows-data"|id="settings")>(.*?)</script>')
_COUNTS = re.compile(r'<time datetime="([^"]+)"|class="badge is-([a-z]+)">[^<>\d]*(\d[\d.,]*)[^<>\d]*<')
"""In the list of runs: when each began, and how many rows of each outcome it has."""


def _page_rows(text: str) -> str:
    """Return the rows that a page embeds, each as JSON below the names of its columns; empty where it has none.

    A text that stands as a number is one that came before (`reporter/html/rows.py`).
    """
    embedded = _EMBEDDED.findall(text)
    if not embedded:
        return ""
    settings = next(json.loads(body) for kind, body in embedded if kind.startswith("id"))
    rows = [row for kind, body in embedded if kind.startswith("class") for row in json.loads(body)]
    texts: list[str] = []
    for row in rows:
        for at, once in enumerate(settings["interned"], 1):
            if once and isinstance(row[at], int):
                row[at] = texts[row[at]]
            elif once and row[at] is not None and len(texts) < settings["mostTexts"]:
                texts.append(row[at])
    names = [settings[name] for name in ("names", "own", "lead")]
    return "\n".join(json.dumps(each, ensure_ascii=False) for each in [*names, *rows])


def _plan_text(path: Path) -> str:
    """Return a plan without its moment; the rest is compared as it is."""
    return re.sub(r'"(made|created|at)": "[^"]*"', "", path.read_text("utf-8"))


class sandbox:  # noqa: N801 - used as a function
    """An imitation of the API by one version: its address, and what it applied."""

    def __init__(self, version: Version, folder: Path) -> None:
        self._log = folder / "sandbox.log"
        environment = {**os.environ, "PYTHONPATH": str(version.folder), "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [version.python, "-m", "batch", "sandbox", "--port", "0", "--lang", "en"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> tuple[str, Callable[[], list[dict[str, object]]]]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                address = found[0]
                break
        else:
            raise SystemExit("the sandbox did not start")

        def log() -> list[dict[str, object]]:
            request = Request(f"{address}/sandbox/log", headers={"Authorization": "Bearer any"})  # noqa: S310 - our own
            with urlopen(request) as answer:  # noqa: S310 - our own sandbox
                found = json.load(answer)
            return list(found["received"] if isinstance(found, dict) and "received" in found else [found])

        return address, log

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        self._process.wait(10)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", metavar="OLD_PYTHON", type=Path, help="<checkout>/.venv/bin/python")
    parser.add_argument("--also", nargs=2, action="append", default=[], type=Path, metavar=("SHEET", "CAMPAIGN"))
    parser.add_argument("--only", default="", help="only kinds whose name holds this")
    parser.add_argument("--keep", type=Path, help="leave all files in this folder")
    parser.add_argument("--lines", type=int, default=12, help="lines that are shown of each difference")
    options = parser.parse_args()
    old = Version(name="old", python=str(options.old.absolute()), folder=options.old.absolute().parents[2])
    new = Version(name="new", python=sys.executable, folder=ROOT)
    with tempfile.TemporaryDirectory() as temporary:
        work = options.keep or Path(temporary)
        comparison = Comparison(old, new, work, options.lines)
        done = 0
        for kind in kinds(old.folder / "samples", [(one.absolute(), two.absolute()) for one, two in options.also]):
            if options.only in kind.name:
                comparison.compare(kind)
                done += 1
                sys.stdout.write(f"{kind.name}: compared\n")
                sys.stdout.flush()
    if not options.only:
        for pattern in (pattern for _where, pattern, *_ in EXPECTED if pattern not in comparison.needed):
            sys.stdout.write(f"nothing differs by {pattern}\n")
    sys.stdout.write(
        f"{done} kinds of sheets, {comparison.compared} texts and files compared, "
        f"{len(comparison.differences)} differ\n"
    )
    return 1 if comparison.differences or not done else 0


if __name__ == "__main__":
    sys.exit(main())
