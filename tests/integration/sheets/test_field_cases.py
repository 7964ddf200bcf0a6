"""Sheets as people really have them (`tests/data/field`), through `check`, `run` against the sandbox, and the report.

Each stands for a whole kind of fault, whose rules have tests of their own; here the whole way is walked.
"""

import json
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
        at = rows[head].index("wegly_status")
        found.update({number: (row[at], row[at + 1]) for number, row in rows.items() if number > head and row[at]})
    assert len(found) == sum(summary["counts"].values())
    texts = {}
    for received in office.sandbox.log.received:
        body = json.loads(received.body)
        texts[body["wa_contact_id"]] = tuple(field["value"] for field in body["template_fields"])
    order = iter([tuple(fields) for fields in texts.values()])
    return {
        row: (SENT, *next(order)) if status == SENT else (status, reason) for row, (status, reason) in found.items()
    }


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
