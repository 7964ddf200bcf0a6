"""Sheets as people really have them (`tests/data/field`), through `check`, `run` against the sandbox, and the report.

Each stands for a whole kind of fault, whose rules have tests of their own; here the whole way is walked.
"""

import json
import os
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import openpyxl
import pytest
from office import Office

FIELD = Path(__file__).parents[2] / "data" / "field"
SENT = "success"


def run_case(office: Office, sheet: str, *, campaign: Path | None = None) -> dict[int, tuple[str, ...]]:
    """Run a case; returns by row (SENT, the values of its template), or (status, reason), as the report shows it."""
    path = office.folder / Path(sheet).name
    path.write_bytes((FIELD / sheet).read_bytes())
    if campaign is None:
        (toml,) = (FIELD / sheet).parent.glob("*.toml")
        text = toml.read_text("utf-8").replace('rate = "50/s"', 'rate = "500/s"')
        campaign = office.write("c.toml", text)
    code, _, err = office.type("check", path, "-c", campaign, "--base-url", office.sandbox.url)
    assert code in (0, 3), err
    code, out, err = office.type(*office.command(path, campaign, "--json"))
    assert code in (0, 3), err
    summary = json.loads(out)
    (report,) = (office.folder / "reports" / summary["run"]).glob("report.xls*")
    found = {}
    for worksheet in openpyxl.load_workbook(report):
        rows = dict(enumerate(worksheet.iter_rows(values_only=True), 1))
        head = next((number for number, row in rows.items() if "wegly_status" in row), None)
        if head is None:
            continue
        at, phone = rows[head].index("wegly_status"), rows[head].index("wegly_phone")
        below = {number: row for number, row in rows.items() if number > head and row[at]}
        found.update({number: (row[at], row[at + 1], row[phone]) for number, row in below.items()})
    assert len(found) == sum(summary["counts"].values())
    texts = {}
    for received in office.sandbox.log.received:
        body = json.loads(received.body)
        assert texts.setdefault(
            _digits(body["wa_contact_id"]), tuple(field["value"] for field in body["template_fields"])
        )
    return {
        row: (SENT, *texts[_digits(phone)]) if status == SENT else (status, reason)
        for row, (status, reason, phone) in found.items()
    }


def _digits(phone: str) -> str:
    """Return the end of a number, which all of its spellings share."""
    return "".join(filter(str.isdigit, phone))[-7:]


CASES: Mapping[str, Mapping[int, tuple[str, ...]]] = {
    "01-number-formats/formatos.xlsx": {
        2: (SENT, "7,5%", "000123", "01310-100", "R$ 1.234,50", "3 parcelas", "1.234.567"),
        3: (SENT, "10,0%", "000042", "04538-132", "R$ 89,90", "12 parcelas", "900"),
    },
    "02-long-digits/chaves.xlsx": {
        **dict.fromkeys((2, 3), ("error", "cell_unreadable")),
        4: ("error", "value_digits_lost"),
        5: (SENT, "123456789012345"),
    },
    "02-long-digits/chaves.csv": dict.fromkeys((2, 3), ("error", "value_digits_lost")),
    "03-placeholder-names/nomes.csv": {
        **dict.fromkeys((2, 3, 4, 9, 10, 12, 13, 14), ("error", "value_null")),
        **dict.fromkeys((5, 6, 7, 8, 15, 16), ("error", "value_broken")),
    },
    "04-first-name/nomes.csv": {
        **{
            row: (SENT, name)
            for row, name in ((2, "Ana"), (3, "Ana"), (4, "Bruno"), (5, "Davi"), (6, "Maria"), (7, "Fabio"))
        },
        **{row: (SENT, name) for row, name in ((8, "Hugo"), (9, "João"), (11, "Nina"), (13, "Paula"), (15, "Sara"))},
        12: ("error", "value_not_a_name"),
    },
    "05-us-dates/us.csv": dict.fromkeys(range(2, 10), ("error", "value_not_a_date")),
    "06-dos-mac-encodings/cp850.csv": {2: (SENT, "João"), 3: (SENT, "Ângela")},
    "06-dos-mac-encodings/cp850_ctrlz.csv": {2: (SENT, "Ana")},
    "11-world-phones/fones.csv": {
        **dict.fromkeys((5, 9, 23), ("error", "phone_too_long")),
        **dict.fromkeys((8, 10), ("error", "phone_invalid")),
        **dict.fromkeys((15, 22), ("error", "phone_not_a_number")),
        3: ("skipped", "duplicate"),
        18: ("error", "phone_several"),
        21: ("error", "phone_too_short"),
    },
    "12-ods/contatos.ods": {
        2: (SENT, "Ana Souza", "10", "7,50%"),
        3: (SENT, "Bia Li ma", "R$ 1.234,50", "10%"),
        4: ("error", "value_missing"),
        5: (SENT, "Caio Luz", "000123", "SIM"),
    },
    "20-row-merge/secoes.xlsx": {2: ("error", "phone_missing"), 5: ("error", "phone_missing")},
    "22-side-table/lado.xlsx": {},
    "23-totals-row/totais.xlsx": {6: ("skipped", "totals_row")},
    "31-fed-back-zero/zeros.xlsx": {},
    "32-chart-at-right/grafico.xlsx": {},
    "33-optout-two-rows/l.csv": {
        **dict.fromkeys((2, 3, 4, 5), ("skipped", "suppressed")),
        6: ("error", "phone_not_a_number"),
    },
    "40-argentina-twice/l.csv": {3: ("skipped", "duplicate")},
    "41-results-csv/l.csv": {},
    "45-ns-on-sheet-element/openxmlsdk.xlsx": {},
    "51-shifted-rows/A_extra_sep.csv": {5: ("error", "row_malformed")},
    "51-shifted-rows/D2_missing_before_quote.csv": {5: ("error", "row_malformed")},
    "51-shifted-rows/F_single_quote.csv": {},
}


@pytest.mark.parametrize("sheet", CASES)
def test_a_case_comes_out_as_it_must(office: Office, sheet: str) -> None:
    """Named rows as the table says; every other row was sent."""
    found = run_case(office, sheet)
    expected = CASES[sheet]
    assert {row: found[row] for row in expected} == expected
    assert {row[0] for number, row in found.items() if number not in expected} <= {SENT}


@pytest.mark.parametrize(
    ("sheet", "words"),
    [
        ("51-shifted-rows/C_header_long.csv", "has 6 cells in its header (row 1), and no row below has as many"),
        ("52-bombs/one_row_bomb.xlsx", "one row has more than 4,194,304 characters (limit row_characters)"),
        ("10-not-a-sheet/contatos.vcf", "a list of contacts of an address book (vCard)"),
        ("10-not-a-sheet/mhtml.xls", "a saved web page or e-mail (MHTML)"),
    ],
)
def test_a_case_is_refused_by_name(office: Office, sheet: str, words: str) -> None:
    """By `check`, and by `run` before anything is sent."""
    path = office.folder / Path(sheet).name
    path.write_bytes((FIELD / sheet).read_bytes())
    campaign = office.campaign()
    assert words in office.refused("check", path, "-c", campaign)
    assert words in office.refused(*office.command(path, campaign))


@pytest.mark.parametrize(
    ("sheet", "lines", "expected"),
    [
        (
            "08-google-forms/respostas.csv",
            ["[consent]", 'column = "Aceita receber mensagens? (LGPD)"'],
            {2: ("success", "created"), 3: ("skipped", "no_consent")},
        ),
        (
            "42-ddd-column/protheus.csv",
            ['wa_contact_id = "{A1_DDD}{A1_TEL}"'],
            {2: ("success", "created"), 3: ("success", "created")},
        ),
        (
            "43-crm-exports/hubspot.csv",
            ['wa_contact_id = "Mobile Phone Number"', 'column = "Unsubscribed from all email"'],
            {2: ("skipped", "suppressed"), 3: ("success", "created")},
        ),
        (
            "43-crm-exports/optout.csv",
            ["[suppress]", 'column = "Opt-out"'],
            {2: ("skipped", "suppressed"), 3: ("success", "created")},
        ),
    ],
)
def test_what_init_proposes_is_what_the_sheet_means(
    office: Office,
    sheet: str,
    lines: list[str],
    expected: Mapping[int, tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the address filled in, the file is sent as it is, whatever the hour."""
    monkeypatch.chdir(office.folder)
    path = office.folder / Path(sheet).name
    path.write_bytes((FIELD / sheet).read_bytes())
    assert office.type("init", path)[0] == 0
    campaign = path.with_suffix(".toml")
    text = campaign.read_text("utf-8")
    assert [line for line in lines if line not in text.splitlines()] == []
    for key, value in (("whatsapp_phone_id", "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"), ("name", "saudacao")):
        text = re.sub(rf'(?m)^{key} = "FILL IN.*"$', f'{key} = "{value}"', text)
    campaign.write_text(re.sub(r"(?ms)^\[\[window\]\].*?(?=^\[)", "", text), "utf-8")
    code, _, err = office.type("check", path, "-c", campaign)
    assert code == 0, err
    ran = office.run(path, campaign)
    assert {row: (line["wegly_status"], line["wegly_reason"]) for row, line in ran.lines.items()} == expected


def test_an_unused_optout_column_leaves_people_out(office: Office) -> None:
    """And the line to add is given."""
    path = office.folder / "optout.csv"
    path.write_bytes((FIELD / "43-crm-exports/optout.csv").read_bytes())
    campaign = office.campaign()
    assert '[suppress] column = "Opt-out"' in "".join(office.type("check", path, "-c", campaign)[1:])
    assert office.run(path, campaign).rows == [("skipped", "optout_unused_column"), ("success", "created")]


def test_an_xls_whose_count_of_texts_is_off_is_sent(office: Office) -> None:
    """As Excel and LibreOffice read it."""
    path = office.folder / "contagem.xls"
    path.write_bytes((FIELD / "49-xls-sst-count/contagem.xls").read_bytes())
    assert {status for status, _ in office.run(path, office.campaign()).rows} == {"success"}


@pytest.mark.parametrize(
    "sheet",
    [
        "20-row-merge/secoes.xlsx",
        "22-side-table/lado.xlsx",
        "23-totals-row/totais.xlsx",
        "31-fed-back-zero/zeros.xlsx",
        "32-chart-at-right/grafico.xlsx",
        "45-ns-on-sheet-element/openxmlsdk.xlsx",
    ],
)
def test_the_report_of_a_case_is_the_users_workbook(office: Office, sheet: str) -> None:
    """With all its parts, and nothing of the user's is moved or covered by the results."""
    run_case(office, sheet)
    (report,) = (office.folder / "reports").glob("*/report.xlsx")
    with zipfile.ZipFile(FIELD / sheet) as own, zipfile.ZipFile(report) as made:
        assert set(own.namelist()) <= set(made.namelist())
    before, after = openpyxl.load_workbook(FIELD / sheet), openpyxl.load_workbook(report)
    assert set(before.sheetnames) <= set(after.sheetnames)
    for worksheet in before:
        values = {
            cell.coordinate: cell.value for row in worksheet.iter_rows() for cell in row if cell.value is not None
        }
        assert {place: after[worksheet.title][place].value for place in values} == values


@pytest.mark.parametrize("other", [b"<v>10</v>", b"<v>0</v>"], ids=["one is not", "all are"])
def test_formulas_of_zero_are_values_in_a_report_that_is_fed_back(office: Office, other: bytes) -> None:
    """The report asks Excel to calculate when it is opened, as workbooks do whose formulas were never calculated."""
    path = office.folder / "zeros.xlsx"
    with zipfile.ZipFile(FIELD / "31-fed-back-zero/zeros.xlsx") as own, zipfile.ZipFile(path, "w") as made:
        for name in own.namelist():
            made.writestr(name, own.read(name).replace(b"<v>10</v>", other))
    ran = office.run(path, office.campaign())
    assert {status for status, _ in ran.rows} == {"success"}
    (report,) = (office.folder / "reports").glob("*/report.xlsx")
    _, out, _ = office.type("inspect", report, "--rows")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["cells"]["Valor"] for row in rows] == ["0", other[3:-4].decode(), "0"]
    assert not any("errors" in row for row in rows)


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="names of files are Unicode there")
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_file_name_of_latin_1_bytes(office: Office, suffix: str) -> None:
    """By itself, in a folder, as a list, and for the report again; shown with replacement characters."""
    folder = office.folder / os.fsdecode("Promo\u00e7\u00e3o".encode("latin-1"))
    folder.mkdir()
    path = folder / os.fsdecode("S\u00e3o Jos\u00e9".encode("latin-1") + suffix.encode())
    table = [["Nome", "Telefone"], ["Ana", "11 97001-2001"], ["Bia", "11 97001-2002"]]
    if suffix == ".csv":
        path.write_text("\n".join(map(";".join, table)), encoding="utf-8")
    else:
        book = openpyxl.Workbook()
        for line in table:
            book.worksheets[0].append(line)
        book.save(path)
    campaign = office.campaign()
    shown = f"S\ufffdo Jos\ufffd{suffix}"
    code, out, err = office.type("check", path, "-c", campaign, "--base-url", office.sandbox.url)
    assert code == 0, err
    assert shown in out
    ran = office.run(path, campaign)
    assert ran.rows == [("success", "created")] * 2
    assert ran.summary["input"]["name"] == shown
    assert office.type(*office.command(folder, campaign, "--yes"))[0] == 0
    assert office.type("report", ran.summary["run"])[0] == 0
    report = openpyxl.load_workbook(office.folder / "reports" / ran.summary["run"] / "report.xlsx")
    assert any(cell.value == "wegly_status" for worksheet in report for cell in worksheet[1])
    assert shown in "".join(office.type("suppress", "import", path)[1:])
    assert len(office.sent()) == 2
