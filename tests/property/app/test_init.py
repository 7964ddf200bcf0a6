"""Whatever a sheet's columns are called, `init` writes a file that loads and uses the right ones."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from batch.app.init.analyse import analyse_sheet, parse_value
from batch.app.init.draft import CampaignFacts
from batch.app.init.write import write_campaign
from batch.campaign import load_campaign
from batch.errors import SheetError
from batch.loader import open_sheet
from batch.loader.header_names import (
    fold,
    is_area_header,
    is_consent_header,
    is_known_header,
    is_mobile_header,
    is_optout_header,
)
from batch.loader.mapping.compile import wanted_columns
from batch.loader.mapping.contacts import RowEvaluator

SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
SIGNS = st.sampled_from(list("\"'\\={}|[]#\n\r\t,;:%ñçã \u00a0\u2028😀"))  # a sheet with other control signs is refused
NAMES = st.text(st.one_of(SIGNS, st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"))), max_size=12).map(
    lambda text: f"q{text}z"
)


@st.composite
def headers(draw: st.DrawFn) -> list[str]:
    """Four names that are alike in no way the program knows, and mean nothing by themselves."""
    names = draw(st.lists(NAMES, min_size=4, max_size=4, unique_by=fold))
    known = (is_known_header, is_optout_header, is_consent_header, is_mobile_header, is_area_header)
    assume(not any(each(" ".join(name.split())) for name in names for each in known))
    return names


def _columns(sheet: Path) -> list[str]:
    """How the sheet's columns are called; nothing where its header cannot be told."""
    try:
        return list(open_sheet(sheet).info.columns)
    except SheetError:
        return []


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(headers(), st.permutations(range(4)))
def test_any_names_of_columns_come_through(names: list[str], order: list[int]) -> None:
    """The phone is found by its cells, a template value by the name a person types."""
    contents = [["11 90000-1001", "(11) 90000-1002"], ["Ana", "Bia"], ["primeiro", "segundo"], ["1,5", "2,5"]]
    phone, _, chosen, _ = names
    with TemporaryDirectory() as folder:
        sheet = Path(folder) / "s.csv"
        with sheet.open("w", encoding="utf-8", newline="") as file:
            lines = [names, *zip(*contents, strict=True)]
            csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL).writerows([line[i] for i in order] for line in lines)
        shown = [" ".join(names[i].split()) for i in order]
        assume(_columns(sheet) == shown)
        analysis = analyse_sheet(sheet)
        assert analysis.phones[0].name == " ".join(phone.split())
        value = parse_value(" ".join(chosen.split()), analysis)
        out = Path(folder) / "c.toml"
        written = write_campaign(
            analysis, CampaignFacts(sender=SENDER, template="t", body="oi {{1}}", values={1: value}), out
        )
        assert (written.problem, written.unfilled) == ("", ())
        campaign = load_campaign(out, now=datetime(2026, 11, 3, tzinfo=UTC))
        again = open_sheet(sheet, header_row=campaign.sheet.header_row, wanted_columns=wanted_columns(campaign))
        maker = RowEvaluator.for_sheet(campaign, again.info, rows=again.rows)
        sent = [
            (c.person, c.values and maker.build_message(c).template_fields[0].value)
            for c in map(maker.evaluate, again.rows())
        ]
        assert sent == [("+5511900001001", "primeiro"), ("+5511900001002", "segundo")]
