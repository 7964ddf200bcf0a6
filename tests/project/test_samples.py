"""The samples are what their script makes, and hold what the README and the demo promise of them."""

import csv
import importlib.util
import io
import itertools
import re
import tomllib
import unicodedata
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook
from openpyxl.workbook import Workbook

from batch.app.demo.run import SENDERS
from batch.campaign import Constant, Draft, DraftField, load_campaign, render_campaign
from batch.campaign.schema import CampaignFile
from batch.loader import open_sheet
from batch.loader.filters.registry import FILTERS, compile_filter
from batch.loader.mapping.contacts import RowEvaluator
from batch.model.phone.cells import read_phone
from batch.model.reasons import Finding
from batch.sandbox import SPECIAL_CONTACTS, WAYS

SAMPLES = Path(__file__).parents[2] / "samples"
NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
API_REASONS = {"api_refused", "not_on_whatsapp"}
# What stops the run or never answers has no place in a demo.
NOT_IN_A_DEMO = {"0401", "0403", "0404", "0302", "0902"}
SPECIAL = {"0131", "0200", "0201", "0400", "0422", "0429", "0500", "0503", "0900", "0904"}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_samples", SAMPLES / "make_samples.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(SAMPLES / "make_samples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def book() -> Workbook:
    return load_workbook(SAMPLES / "contatos.xlsx")


def _cells(book: Workbook) -> dict[tuple[str, str], tuple[object, ...]]:
    return {
        (sheet.title, cell.coordinate): (cell.value, cell.data_type, cell.number_format, cell.quotePrefix)
        for sheet in book.worksheets
        for line in sheet.iter_rows()
        for cell in line
    }


def _shape(book: Workbook) -> list[object]:
    return [
        (
            sheet.title,
            {name: column.width for name, column in sheet.column_dimensions.items()},
            [row for row, line in sheet.row_dimensions.items() if line.hidden],
            sheet.merged_cells.ranges,
            sheet.freeze_panes,
            sheet.auto_filter.ref,
        )
        for sheet in book.worksheets
    ]


def test_the_committed_workbook_is_what_the_script_makes(script: ModuleType, book: Workbook) -> None:
    """Cell for cell, with widths and hidden rows, so that the script is the one source."""
    made = load_workbook(io.BytesIO(script.contatos_xlsx()))
    assert _cells(made) == _cells(book)
    assert _shape(made) == _shape(book)


def test_the_committed_csv_is_what_the_script_makes(script: ModuleType) -> None:
    """Byte for byte: a text file has no other form."""
    assert script.contatos_csv() == (SAMPLES / "contatos.csv").read_bytes()
    assert script.lojas_csv() == (SAMPLES / "lojas.csv").read_bytes()


def test_the_script_makes_the_same_bytes_twice(script: ModuleType) -> None:
    """A sheet made anew is no change for git."""
    assert script.contatos_xlsx() == script.contatos_xlsx()


def test_the_script_writes_into_the_folder_it_is_given(script: ModuleType, tmp_path: Path) -> None:
    """Anybody can make the sheets anew beside the committed ones."""
    folder = tmp_path / "made"
    folder.mkdir()
    script.main(folder)
    assert {file.name for file in folder.iterdir()} == {"contatos.xlsx", "contatos.csv", "lojas.csv"}


def test_the_workbook_has_titles_above_its_header(script: ModuleType, book: Workbook) -> None:
    """The header is not the first row, as in most sheets that people keep."""
    sheet = book["Contatos"]
    assert tuple(cell.value for cell in sheet[script.HEADER_ROW]) == script.HEADER
    assert sheet["A1"].value
    assert "A1:G1" in [str(merged) for merged in sheet.merged_cells.ranges]
    assert book.sheetnames == ["Contatos", "Notas"]


def test_the_special_cells_are_really_there(book: Workbook) -> None:
    """Number, text like a formula, line break, emoji, error cell, empty name, empty row, hidden row."""
    sheet = book["Contatos"]
    by_name = {line[0].value: line for line in sheet.iter_rows(min_row=5)}
    assert by_name["carla menezes"][1].value == 11900001003
    assert by_name["carla menezes"][1].data_type == "n"
    formula = by_name["Sabrina Vidal"][6]
    assert (formula.value, formula.data_type, formula.quotePrefix) == ("=1+1", "s", True)
    assert "\n" in by_name["Rafael Antunes"][6].value
    assert "\N{PARTY POPPER}" in by_name["Júlia \N{SUNFLOWER} Prado"][6].value
    assert (by_name["Débora Lacerda"][3].value, by_name["Débora Lacerda"][3].data_type) == ("#N/A", "e")
    assert by_name["Zilda Fontes"][1].value is None
    assert "\u00a0" in by_name["Mariana Castro"][1].value
    assert [cell.value for cell in sheet[25]] == [None] * 7
    assert [row for row, line in sheet.row_dimensions.items() if line.hidden] == [30]
    assert sheet["A30"].value == "Xavier Lopes"


def test_the_demo_has_every_outcome_but_pending(script: ModuleType) -> None:
    """The report of the demo shows what reports are for."""
    outcomes = Counter(contact.outcome for contact in script.CONTACTS if contact)
    assert set(outcomes) == {"success", "reused", "error", "unknown", "skipped"}
    assert 55 <= outcomes.total() <= 70


def test_the_demo_does_not_stop_early(script: ModuleType) -> None:
    """Refusals stay under half of the default limit of 20 %, and no two unknown rows follow each other."""
    posted = [
        contact
        for contact in script.CONTACTS
        if contact and (contact.outcome in {"success", "reused", "unknown"} or contact.reason in API_REASONS)
    ]
    refused = [contact for contact in posted if contact.outcome == "error"]
    assert len(refused) / len(posted) < 0.10
    unknown = [place for place, contact in enumerate(posted) if contact.outcome == "unknown"]
    assert min(later - earlier for earlier, later in itertools.pairwise(unknown)) > 1
    assert posted[0].outcome == "success"


def test_every_special_contact_of_a_demo_is_in_it(script: ModuleType) -> None:
    """And no other: none that stops the run or never answers, and none by chance."""
    last_four = {re.sub(r"\D", "", str(contact.phone))[-4:] for contact in script.CONTACTS if contact}
    assert last_four & SPECIAL_CONTACTS.keys() == SPECIAL
    assert SPECIAL_CONTACTS.keys() > NOT_IN_A_DEMO
    assert not SPECIAL & NOT_IN_A_DEMO


def test_the_invoices_have_no_special_contact(script: ModuleType) -> None:
    """The second campaign goes through smoothly but for its wrong rows."""
    last_four = {re.sub(r"\D", "", invoice[1])[-4:] for invoice in script.INVOICES[1:]}
    assert not last_four & SPECIAL_CONTACTS.keys()


def test_the_customers_of_stores_are_good_and_ordinary(script: ModuleType) -> None:
    """Several senders with as many rows each, no special contact, nothing wrong: what is unknown comes from a kill."""
    rows = script.customers()[1:]
    assert Counter(row[1] for row in rows) == {sender: 40 for _name, _area, sender in script.STORES}
    assert len(script.STORES) == SENDERS
    assert len({row[3] for row in rows}) == len(rows)
    last_four = {row[3][-4:] for row in rows}
    assert not last_four & (SPECIAL_CONTACTS.keys() | WAYS.keys())
    assert set(_problems("lojas.csv", "lojas.toml").values()) == {""}


def test_no_number_is_a_persons(script: ModuleType) -> None:
    """Every phone has a run of zeros or nines that nobody was given for a sample to use."""
    phones = [str(contact.phone) for contact in script.CONTACTS if contact and contact.phone is not None]
    phones += [invoice[1] for invoice in script.INVOICES[1:] if invoice[1]]
    phones += [customer[3] for customer in script.customers()[1:]]
    invented = re.compile(r"90{4}|99991|20001|08000001")
    wrong = {"5,51E+12", "não tem", "1.1900001012E10"}
    digits = {phone: re.sub(r"\D", "", unicodedata.normalize("NFKC", phone)) for phone in phones if phone not in wrong}
    assert [phone for phone, text in digits.items() if not invented.search(text)] == []


def test_the_csv_is_what_brazilian_excel_saves() -> None:
    """Windows-1252 (and not UTF-8), semicolons, CRLF, no BOM, quotes where a cell needs them."""
    data = (SAMPLES / "contatos.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        data.decode("utf-8")
    text = data.decode("cp1252")
    assert text.count("\r\n") == 15
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))
    assert {len(row) for row in rows} == {6}
    assert "Padaria Pão & Cia; filial 2" in [row[0] for row in rows]
    assert any("\n" in row[5] for row in rows)
    assert "€" in text


@pytest.mark.parametrize("name", ["boas-vindas.toml", "cobranca.toml", "lojas.toml"])
def test_the_campaign_files_map_columns_that_their_sheets_have(script: ModuleType, name: str) -> None:
    """Each {Column} and each mapped column is in the header, and the fields are numbered from 1 without a gap."""
    campaign = tomllib.loads((SAMPLES / name).read_text("utf-8"))
    headers = {"boas-vindas.toml": script.HEADER, "cobranca.toml": script.INVOICES[0]}
    header = set(headers.get(name, script.customers()[0]))
    mapped = {column if isinstance(column, str) else column["column"] for column in campaign["columns"].values()} | set(
        campaign["campaign"].get("unique_by", [])
    )
    used = {match for field in campaign["template_fields"] for match in re.findall(r"\{([^|}]+)[|}]", field["value"])}
    assert mapped | used <= header
    indexes = [field["index"] for field in campaign["template_fields"]]
    assert indexes == list(range(1, len(indexes) + 1))
    assert sorted(set(re.findall(r"\{\{(\d+)\}\}", campaign["template"]["body"]))) == [str(index) for index in indexes]


@pytest.mark.parametrize("name", ["boas-vindas.toml", "cobranca.toml", "lojas.toml"])
def test_this_version_takes_the_campaign_files(name: str) -> None:
    """No key is unknown, and none belongs to a later version."""
    campaign = load_campaign(SAMPLES / name, now=NOW)
    assert campaign.name in {"boas-vindas", "cobranca-2026-11", "lojas"}


SATURDAY = 5
LAWS = {
    "SP": ("America/Sao_Paulo", (8, 20), (8, 14)),
    "AL": ("America/Maceio", (8, 20), (8, 14)),
    "RJ": ("America/Sao_Paulo", (9, 19), (0, 0)),
    "ES": ("America/Sao_Paulo", (8, 19), (0, 0)),
    "AM": ("America/Manaus", (8, 19), (0, 0)),
}
"""State to its zone, and its hours for collection, Monday to Friday and on Saturday."""


@pytest.mark.parametrize("state", LAWS)
def test_the_hours_of_the_invoices_suit_the_states_laws(state: str) -> None:
    """Each half hour of a week with a holiday: nothing goes where a law forbids it, and every weekday has its hours."""
    hours = load_campaign(SAMPLES / "cobranca.toml", now=NOW).hours
    zone, weekdays, saturday = LAWS[state]
    monday = datetime(2026, 11, 16, tzinfo=ZoneInfo(zone))
    open_at = [
        at
        for at in (monday + timedelta(minutes=30 * step) for step in range(7 * 48))
        if hours.state_at(at, (zone,)).open
    ]
    for at in open_at:
        begin, end = weekdays if at.weekday() < SATURDAY else saturday if at.weekday() == SATURDAY else (0, 0)
        assert begin <= at.hour < end
    assert Counter(at.day for at in open_at) == dict.fromkeys((16, 17, 18, 19), 20)  # the 20th is a holiday


def test_the_first_campaign_explains_every_section() -> None:
    """It is the one that people copy, so each section is in it, with a comment."""
    text = (SAMPLES / "boas-vindas.toml").read_text("utf-8")
    sections = {name for name in CampaignFile.model_fields if name != "template_fields"}
    # As an example only: the demo works at any hour, a price is everybody's own, nobody is told of a
    # rehearsal, and the sample's sheet asks nobody.
    examples = {"window", "prices", "notify", "consent", "select"}
    assert set(re.findall(r"^\[(\w+)\]\n#", text, re.MULTILINE)) == sections - examples
    assert set(re.findall(r"^# \[{1,2}(\w+)\]", text, re.MULTILINE)) == examples
    assert set(tomllib.loads(text)) == set(CampaignFile.model_fields) - examples
    block = re.compile(r"^# \[.*(?:\n# .*)*", re.MULTILINE)
    uncommented = block.sub(lambda found: re.sub("^# ", "", found[0], flags=re.MULTILINE), text)
    assert set(tomllib.loads(uncommented)) == set(CampaignFile.model_fields)


SAYS_MORE = {("canary", "rows"), ("history", "not_within"), ("suppress", "files"), ("throttle", "per_24h")}
"""Settings that the sample has at work and explains at more length, while `init` only shows them."""
OWN = {"columns", "window"}
"""Sections of which the sample has its own: `init` writes the columns of a sheet, and hours that are in use."""


def test_the_first_campaign_reads_as_what_init_writes() -> None:
    """Its sections stand in the order of the template of `init`, and the same setting has the same words above it."""
    sample, template = ((SAMPLES / "boas-vindas.toml").read_text("utf-8"), _written_by_init())
    sections = _sections(template)
    assert [name for name in _sections(sample) if name in sections] == sections
    ours, theirs = _comments(sample), _comments(template)
    shared = {key for key in ours.keys() & theirs.keys() - SAYS_MORE if key[0] not in OWN}
    assert len(shared) > 20
    assert {key: ours[key] for key in shared} == {key: theirs[key] for key in shared}


def _written_by_init() -> str:
    draft = Draft(
        name="x", sheet="x", file="x", all_columns=("x",), columns={}, language=Constant(value="pt_BR"),
        fields=(DraftField(component="BODY", index=1, value=None),),
    )  # fmt: skip
    return render_campaign(draft)


def _sections(text: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"^(?:# )?\[{1,2}(\w+)\]{1,2}$", text, re.MULTILINE)))


def _comments(text: str) -> dict[tuple[str, str], str]:
    """Section and key of each setting, also of one behind a #, with the comment that stands above it."""
    comments: dict[tuple[str, str], str] = {}
    section, above = "", ""
    for line in text.partition("\n[campaign]")[2].splitlines():
        bare = line.removeprefix("# ")
        if heading := re.fullmatch(r"\[{1,2}(\w+)\]{1,2}", bare):
            section = heading[1]
        elif setting := re.match(r"(\w+) = ", bare):
            comments.setdefault((section or "campaign", setting[1]), above)
        is_comment = line.startswith("# ") and not re.match(r"\w+ = ", bare)
        above = f"{above}{line}\n" if is_comment else ""
    return comments


def test_the_page_names_the_rows_of_the_special_contacts(script: ModuleType) -> None:
    """The table of samples/README.md is true."""
    page = (SAMPLES / "README.md").read_text("utf-8")
    told = {}
    for digits, rows in re.findall(r"^\| ([0-9, ]+) \| rows? ([0-9, ]+) \|", page, re.MULTILINE):
        told[frozenset(digits.split(", "))] = [int(row) for row in rows.split(", ")]
    assert frozenset().union(*told) == SPECIAL
    places = {
        row: re.sub(r"\D", "", str(contact.phone))[-4:]
        for row, contact in enumerate(script.CONTACTS, start=script.HEADER_ROW + 1)
        if contact
    }
    for digits, rows in told.items():
        assert [row for row, last_four in places.items() if last_four in digits] == rows


def test_every_phone_reads_as_its_row_says(script: ModuleType) -> None:
    """A wrong phone is refused by its own reason, every other one is a number of Brazil."""
    for contact in filter(None, script.CONTACTS):
        text = f"{contact.phone:.0f}" if isinstance(contact.phone, (int, float)) else contact.phone or ""
        read = read_phone(text)
        expected = contact.reason if contact.reason.startswith("phone_") else "+55"
        found = read.reason.value if isinstance(read, Finding) else read.e164[:3]
        assert (contact.name, found) == (contact.name, expected)


def test_the_duplicates_are_one_person_each(script: ModuleType) -> None:
    """A row that is skipped as a duplicate has the number of an earlier good row, spelled otherwise."""
    seen: dict[object, str] = {}
    duplicates = []
    for contact in filter(None, script.CONTACTS):
        read = read_phone(str(contact.phone or ""))
        if isinstance(read, Finding) or contact.outcome == "error" or contact.hidden:
            continue
        if read.e164 in seen:
            duplicates.append(contact.name)
            assert contact.outcome == "skipped"
            assert str(contact.phone) != seen[read.e164]
        seen.setdefault(read.e164, str(contact.phone))
    assert duplicates == ["Ana B. Souza", "Bruno", "Úrsula Neves"]


@pytest.mark.parametrize("name", ["boas-vindas.toml", "cobranca.toml", "lojas.toml"])
def test_the_filters_of_the_campaign_files_are_known(name: str) -> None:
    """Each is one that a person may copy."""
    campaign = tomllib.loads((SAMPLES / name).read_text("utf-8"))
    filters = [text for field in campaign["template_fields"] for text in re.findall(r"\|([^|}]+)", field["value"])]
    assert filters
    for text in filters:
        compile_filter(text)


def test_the_first_campaign_names_every_filter() -> None:
    """Its comment is the list that people have at hand."""
    text = (SAMPLES / "boas-vindas.toml").read_text("utf-8")
    assert [name for name in FILTERS if not re.search(rf"\b{name}\b", text)] == []


def _problems(sheet: str, campaign: str) -> dict[int, str]:
    """Row to the first reason why it is an error; an empty text for a good row."""
    loaded = load_campaign(SAMPLES / campaign, now=NOW)
    opened = open_sheet(SAMPLES / sheet, name=loaded.sheet.name, header_row=loaded.sheet.header_row)
    maker = RowEvaluator.for_sheet(loaded, opened.info, rows=opened.rows)
    contacts = [maker.evaluate(row) for row in opened.rows()]
    return {contact.row: contact.problems[0].reason.value if contact.problems else "" for contact in contacts}


def test_each_contact_is_wrong_as_its_row_says(script: ModuleType) -> None:
    """The loader finds in the workbook just the errors that the script put there."""
    expected = {
        row: "" if contact.reason in API_REASONS else contact.reason
        for row, contact in enumerate(script.CONTACTS, start=script.HEADER_ROW + 1)
        if contact
    }
    assert _problems("contatos.xlsx", "boas-vindas.toml") == expected


def test_each_invoice_is_good_or_wrong_as_its_remark_says() -> None:
    """Fourteen invoices, five of them to be corrected."""
    problems = _problems("contatos.csv", "cobranca.toml")
    assert list(problems) == list(range(2, 16))
    assert {row: reason for row, reason in problems.items() if reason} == {
        9: "phone_digits_lost",
        10: "phone_no_area_code",
        11: "value_not_money",
        12: "value_not_a_date",
        13: "phone_missing",
    }
