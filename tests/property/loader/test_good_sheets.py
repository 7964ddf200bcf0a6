"""Good sheets as programs and people write them: no row is an error, and each message says what its row holds."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.app.inputs.campaign_sheet import open_campaign_sheet
from batch.campaign import Campaign, load_campaign
from batch.errors import SheetError

NAMES = ["Nome", "Telefone", "Boleto", "Produto", "Valor", "Obs"]
CAMPAIGN = """
[campaign]
name = "teste"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
remote_profile_name = { column = "Obs", default = "cliente" }
[[template_fields]]
component = "BODY"
index = 1
value = "{Nome}|{Boleto}|{Produto}|{Valor}"
"""
STOPS_ONCE = "one separator more"
STYLES = ("whole", "no ends", "blocks", STOPS_ONCE, "blank rows")


class GoodSheet:
    """A sheet made of a seed, in one of the styles."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 (no secret)
        self.style = STYLES[seed % len(STYLES)]
        self.delimiter = self.chance.choice(";,\t|")
        self.rows = [
            self._row(number) for number in range(55 if self.style == "blocks" else self.chance.randint(12, 24))
        ]
        self.rows[0][5] = "ok"  # where no row fills the header's last column, it may be a name too many

    def _row(self, number: int) -> list[str]:
        chance, digits = self.chance, "".join(self.chance.choices("0123456789", k=47))
        return [
            chance.choice([f"Ana{number % 7} Lima", f'Zé "Nico" Luz {number}', "Nan Silva", "D'Ávila"]),
            f"11 9{number + 7000:04}-{number + 2000}",
            chance.choice([digits, f"{digits[:5]}.{digits[5:10]} {digits[10:]}"]),
            chance.choice(['Monitor 24"', 'Tubo 1/2"', f"Bolo {number}", "P&B: #1 [novo]"]),
            chance.choice([f"0.{digits[:16]}", f"1234567890,{digits[:6]}", "R$ 1.234,50", "7,5%"]),
            chance.choice(["", "", "NULL", "n/a", f"ok {number}"]),
        ]

    def lines(self) -> list[str]:
        lines: list[list[str]] = [list(NAMES)]
        for number, row in enumerate(self.rows, 2):
            if self.style == "blank rows" and number % 5 == 0:
                lines.append([])
            if self.style == "no ends":
                row[5] = "" if number % 2 else row[5]
            if self.style == "blocks" and 17 <= number <= 48:
                row[5] = ""
            short = (
                self.style in {"no ends", "blocks"} and not row[5] and (self.style == "no ends" or 17 <= number <= 48)
            )
            lines.append(row[:5] if short else [*row, ""] if self.style == STOPS_ONCE else row)
        quoted = [[f'"{cell}"' if self.delimiter in cell else cell for cell in line] for line in lines]
        return [self.delimiter.join(line) for line in quoted]


def check_sheet(path: Path, campaign: Campaign, made: GoodSheet) -> None:
    """Every row makes its message; the rows of one separator more do so once the line is added."""
    path.write_text("\n".join(made.lines()), encoding="utf-8")
    source = open_campaign_sheet(path, campaign, endpoint="http://127.0.0.1:9")
    contacts = [source.evaluator.evaluate(row) for row in source.sheet.rows()]
    assert [contact for contact in contacts if contact.problems] == []
    messages = [source.evaluator.build_message(contact) for contact in contacts]
    values = [message.template_fields[0].value for message in messages if message]
    assert values == ["|".join((row[0], *row[2:5])) for row in made.rows]
    names = [message.remote_profile_name for message in messages if message]
    assert names == ["cliente" if row[5] in {"", "NULL", "n/a"} else row[5] for row in made.rows]


@pytest.mark.parametrize("seeds", [range(120), pytest.param(range(120, 1000), marks=pytest.mark.long)], ids=str)
def test_a_thousand_good_sheets(tmp_path: Path, seeds: range) -> None:
    """Excel's blocks, ends left out, separators behind the last cell, null words, inch marks, boletos, decimals."""
    (tmp_path / "exact.toml").write_text(CAMPAIGN, encoding="utf-8")
    (tmp_path / "loose.toml").write_text(CAMPAIGN + '[sheet]\nrow_ends = "loose"\n', encoding="utf-8")
    now = datetime(2026, 11, 3, tzinfo=UTC)
    exact, loose = (load_campaign(tmp_path / f"{name}.toml", now=now) for name in ("exact", "loose"))
    path = tmp_path / "s.csv"
    for seed in seeds:
        made = GoodSheet(seed)
        try:
            if made.style == STOPS_ONCE:
                with pytest.raises(SheetError, match='row_ends = "loose"'):
                    check_sheet(path, exact, made)
            check_sheet(path, loose if made.style == STOPS_ONCE else exact, made)
        except AssertionError as error:
            raise AssertionError((seed, made.style)) from error
