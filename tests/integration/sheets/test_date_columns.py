"""A column of dates is judged as a whole."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.app.inputs.campaign_sheet import open_campaign_sheet
from batch.campaign import load_campaign

CAMPAIGN = """
[campaign]
name = "c"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "ola"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
[[template_fields]]
component = "BODY"
type = "TEXT"
index = 1
value = "{Vencimento|date:dd/mm/yyyy}"
[sheet]
"""
MONTH_FIRST = ["03/04/2026", "12/31/2026", "05/05/2026", "2026-03-04"]


@pytest.mark.parametrize(
    ("dates", "line", "values"),
    [
        (["03/04/2026", "31/12/2026"], "", ["03/04/2026", "31/12/2026"]),
        (MONTH_FIRST, "", [None, None, "05/05/2026", "04/03/2026"]),
        (MONTH_FIRST, 'dates = "mdy"', ["04/03/2026", "31/12/2026", "05/05/2026", "04/03/2026"]),
        (MONTH_FIRST, 'dates = "dmy"', ["03/04/2026", None, "05/05/2026", "04/03/2026"]),
    ],
)
def test_one_month_first_date_makes_the_doubtful_ones_errors(
    tmp_path: Path, dates: list[str], line: str, values: list[str | None]
) -> None:
    """Until the campaign says which of day and month stands first."""
    rows = "".join(f"11 90000-22{number:02};{date}\n" for number, date in enumerate(dates))
    (tmp_path / "s.csv").write_text(f"Telefone;Vencimento\n{rows}", encoding="utf-8")
    (tmp_path / "c.toml").write_text(CAMPAIGN + line, encoding="utf-8")
    campaign = load_campaign(tmp_path / "c.toml", now=datetime(2026, 1, 1, tzinfo=UTC))
    source = open_campaign_sheet(tmp_path / "s.csv", campaign, endpoint="https://x")
    found = [source.evaluator.build_message(source.evaluator.evaluate(row)) for row in source.sheet.rows()]
    assert [message and message.template_fields[0].value for message in found] == values
