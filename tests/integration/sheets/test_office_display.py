"""Texts of numbers against LibreOffice's display in Brazilian Portuguese."""

import csv
import shutil
import subprocess
from pathlib import Path

import pytest
from openpyxl import Workbook

from batch.loader import open_sheet

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice (soffice)"),
]

PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry"><item oor:path="/org.openoffice.Setup/L10N">
<prop oor:name="ooSetupSystemLocale" oor:op="fuse"><value>pt-BR</value></prop></item></oor:items>"""
FORMATS = (
    "0", "0.00", "#,##0", "#,##0.00", "0%", "0.00%", "0.0%", "000000", "00000\\-000", '"R$" #,##0.00', '0" parcelas"',
    "#,##0.00;[Red]-#,##0.00", "[$R$-416]\\ #,##0.00;[Red]\\-[$R$-416]\\ #,##0.00",
    "[<=99999999]####\\-####;(##) #####\\-####", '_-"R$"* #,##0.00_-;-"R$"* #,##0.00_-;_-"R$"* "-"??_-;_-@_-',
    "#,##0,", '0.0,," mi"', 'General" kg"', ";;;", "#", "0.##", "00\\.000\\.000\\/0000\\-00", "000\\.000\\.000\\-00",
    "#,##0.00_);[Red](#,##0.00)", '"("0")"', "0.0?", "000,000", "#.##0", "+0;-0;0", '0;0;"zero"', "0;-0;;@",
    "#,###", '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)', '_(* #,##0_);_(* \\(#,##0\\);_(* "-"_);_(@_)',
    '_("$"* #,##0.00_);_("$"* \\(#,##0.00\\);_("$"* "-"??_);_(@_)', "0.0000",
    '_("$"* #,##0_);_("$"* \\(#,##0\\);_("$"* "-"_);_(@_)', "$#,##0.00", "[$USD] #,##0.00", "(00) 00000-0000",
    '_("$"* #,##0.00_)_("$"* \\(#,##0.00\\)_("$"* "-"??_)_(@_)', '_ * #,##0_ ;_ * \\-#,##0_ ;_ * "-"_ ;_ @_ ',
    '_ * #,##0.00_ ;_ * \\-#,##0.00_ ;_ * "-"??_ ;_ @_ ', '#,##0.00 "m²"', "[Color10]0.0;[Color3]-0.0",
)  # fmt: skip
NUMBERS = (0, 1, -1, 0.075, -0.001, 0.5, 123, 1234.5, -1234.56, 1234567, 1310100, 11987654321, 1 / 3, 99.995, 2.5)


def test_every_format_shows_what_libreoffice_shows(tmp_path: Path) -> None:
    """Blanks aside, which LibreOffice leaves out where a format fills a cell with them."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([f"C{column}" for column in range(len(FORMATS))])
    for row, number in enumerate(NUMBERS, 2):
        for column, code in enumerate(FORMATS, 1):
            sheet.cell(row, column, number).number_format = code
    book.save(tmp_path / "a.xlsx")
    user = tmp_path / "profile" / "user"
    user.mkdir(parents=True)
    (user / "registrymodifications.xcu").write_text(PROFILE, encoding="utf-8")
    subprocess.run(
        [
            *("soffice", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--headless", "--convert-to"),
            *("csv:Text - txt - csv (StarCalc):59,34,76,1,,0", "--outdir", str(tmp_path), str(tmp_path / "a.xlsx")),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    text = (tmp_path / "a.csv").read_text(encoding="utf-8")
    expected = [["".join(cell.split()) for cell in line] for line in csv.reader(text.splitlines(), delimiter=";")][1:]
    rows = open_sheet(tmp_path / "a.xlsx", header_row=1).rows()
    found = [
        ["".join((row.shown.get(place, (cell, ""))[0] or "").split()) for place, cell in enumerate(row.cells)]
        for row in rows
    ]
    differing = [
        (code, *pair)
        for mine, theirs in zip(found, expected, strict=True)
        for code, *pair in zip(FORMATS, mine, theirs, strict=True)
        if pair[0] != pair[1]
    ]
    assert differing == []
