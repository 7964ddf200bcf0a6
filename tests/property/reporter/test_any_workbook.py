"""Whatever stands in a workbook, wherever its prefixes are declared: the report opens, and is the user's workbook."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from plain_workbooks import MAIN, PEOPLE, RELATIONS, TYPES, Parts, cell, report_of

from batch.loader import open_sheet
from batch.ooxml.references import Area

SEEDS = st.integers(0, 2**32)
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"
SHAPES = "http://schemas.openxmlformats.org/drawingml/2006/main"


class Builder:
    """Makes one workbook of a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - made-up workbooks
        self.cells: dict[tuple[int, int], object] = {}
        self.top = self.chance.choice((1, 1, 3))
        """The row of the header."""
        self.left = self.chance.choice((1, 1, 2))
        """The column of the names."""
        self.count = self.chance.randint(1, 6)
        self.more: dict[str, str | bytes] = {}
        self.types: dict[str, str] = {}
        self.relations: list[tuple[str, str, str]] = []

    def write(self, path: Path) -> Path:
        chance = self.chance
        right, bottom = self.left + 2, self.top + self.count
        for row in range(self.count + 1):
            line = PEOPLE[0] if row == 0 else (f"Ana {row}", f"11 90000-{4000 + row}", row)
            self.cells |= {(self.top + row, self.left + at): value for at, value in enumerate(line)}
        tables = []
        if chance.random() < 0.3:
            tables.append(self._table("Contatos", Area(self.left, self.top, right, bottom), list(PEOPLE[0])))
        beside = right + chance.randint(2, 5)
        if chance.random() < 0.3:
            end = self.top + chance.randint(1, 9)
            names = [f"Plano{at}" for at in range(chance.randint(1, 5))]
            self.cells |= {(self.top, beside + at): name for at, name in enumerate(names)}
            self.cells |= {(self.top + 1, beside): "Ouro"}
            tables.append(self._table("Planos", Area(beside, self.top, beside + len(names) - 1, end), names))
        for _ in range(chance.choice((0, 0, 1, 3))):
            column = chance.choice((chance.randint(right + 1, 30), chance.randint(31, 16_000), 16_384))
            self.cells.setdefault((chance.randint(self.top + 1, bottom), column), "avulso")
        tail = self._merges(bottom) + (self._drawing() if chance.random() < 0.5 else "")
        if tables:
            parts = "".join(f'<tablePart r:id="{name}"/>' for name in tables)
            tail += f'<tableParts count="{len(tables)}">{parts}</tableParts>'
        head = '<cols><col min="2" max="16384" width="9"/></cols>' if chance.random() < 0.3 else ""
        names = '<definedName name="todos">Contatos!$A$1:$XFD$9</definedName>'
        local = '<definedName name="_xlnm.Print_Titles" localSheetId="0">Contatos!$1:$1</definedName>'
        behind = f"<definedNames>{names}{local}</definedNames>" if chance.random() < 0.5 else ""
        parts = Parts(
            head=head,
            data=self._data(),
            tail=tail,
            sheets=self._sheets(),
            behind=behind,
            relations=tuple(self.relations),
            more={"xl/estranho.bin": b"\0any", **self.more},
            types={"xl/estranho.bin": "application/x-any", **self.types},
            lists_each=chance.random() < 0.5,
        )
        return parts.write(path)

    def _table(self, name: str, area: Area, columns: Sequence[object]) -> str:
        each = "".join(f'<tableColumn id="{at}" name="{column}"/>' for at, column in enumerate(columns, start=1))
        self.more[f"xl/tables/{name}.xml"] = (
            f'<table xmlns="{MAIN}" id="{len(name)}" name="{name}" displayName="{name}" ref="{area}">'
            f'<autoFilter ref="{area}"/><tableColumns count="{len(columns)}">{each}</tableColumns></table>'
        )
        self.types[f"xl/tables/{name}.xml"] = f"{TYPES}.table+xml"
        self.relations.append((name, "table", f"../tables/{name}.xml"))
        return name

    def _merges(self, bottom: int) -> str:
        """Merges of empty cells, each in a row of its own."""
        found = []
        for row in self.chance.sample(range(bottom + 1, bottom + 20), self.chance.choice((0, 1, 3))):
            left = self.chance.randint(1, 9)
            right = self.chance.choice((left + 1, left + 9, 16_384))
            found.append(f"{get_column_letter(left)}{row}:{get_column_letter(right)}{row}")
        markup = "".join(f'<mergeCell ref="{each}"/>' for each in found)
        return f'<mergeCells count="{len(found)}">{markup}</mergeCells>' if found else ""

    def _drawing(self) -> str:
        anchors = ""
        for number in range(2, 2 + self.chance.randint(1, 3)):
            left, top = self.chance.randint(0, 20), self.chance.randint(0, 20)
            ends = (left + self.chance.randint(1, 9), top + self.chance.randint(1, 9))
            corners = (
                f"<d:{name}><d:col>{column}</d:col><d:colOff>0</d:colOff><d:row>{row}</d:row><d:rowOff>0</d:rowOff>"
                f"</d:{name}>"
                for name, (column, row) in (("from", (left, top)), ("to", ends))
            )
            shape = (
                f'<d:sp macro="" textlink=""><d:nvSpPr><d:cNvPr id="{number}" name="x"/><d:cNvSpPr/></d:nvSpPr><d:spPr>'
                '<a:xfrm><a:off x="0" y="0"/><a:ext cx="9" cy="9"/></a:xfrm><a:prstGeom prst="rect"><a:avLst/>'
                "</a:prstGeom></d:spPr></d:sp><d:clientData/>"
            )
            anchors += f"<d:twoCellAnchor>{''.join(corners)}{shape}</d:twoCellAnchor>"
        self.more["xl/drawings/d.xml"] = f'<d:wsDr xmlns:d="{DRAWING}" xmlns:a="{SHAPES}">{anchors}</d:wsDr>'
        self.types["xl/drawings/d.xml"] = "application/vnd.openxmlformats-officedocument.drawing+xml"
        self.relations.append(("d", "drawing", "../drawings/d.xml"))
        return '<drawing r:id="d"/>'

    def _sheets(self) -> str:
        prefix = self.chance.choice(("r", "d3p1"))
        tag = f'<sheet name="Contatos" sheetId="{self.chance.randint(1, 9)}" {prefix}:id="rId1"'
        declared = f' xmlns:{prefix}="{RELATIONS}"'
        if self.chance.random() < 0.5:
            return f"<sheets>{tag}{declared}/></sheets>"
        return f"<sheets{declared}>{tag}/></sheets>"

    def _data(self) -> str:
        """Rows whose elements have any prefixes, declared on the rows, their parent or each of them."""
        rows = ""
        way = self.chance.choice(("plain", "plain", "all", "rows", "cells", "default"))
        for row in sorted({row for row, _ in self.cells}):
            cells = "".join(
                cell(f"{get_column_letter(column)}{row}", value)
                for (at, column), value in sorted(self.cells.items())
                if at == row
            )
            if way == "cells":
                cells = _prefixed(cells, "c:").replace("<c:c ", f'<c:c xmlns:c="{MAIN}" ')
            line = f'<row r="{row}">{cells}</row>'
            if way == "rows" and self.chance.random() < 0.5:
                line = _prefixed(line, "q:").replace("<q:row ", f'<q:row xmlns:q="{MAIN}" ')
            if way == "default":
                line = line.replace("<row ", f'<row xmlns="{MAIN}" ')
            rows += line
        data = f"<sheetData>{rows}</sheetData>"
        return _prefixed(data, "s:").replace("<s:sheetData", f'<s:sheetData xmlns:s="{MAIN}"') if way == "all" else data


def _prefixed(markup: str, prefix: str) -> str:
    return markup.replace("</", "\0").replace("<", f"<{prefix}").replace("\0", f"</{prefix}")


def check_report(folder: Path, seed: int) -> Path:
    """The report of the workbook of a seed: the user's own, with all its parts, each result on its row."""
    path = Builder(seed).write(folder / "contatos.xlsx")
    before = {row.number: row.cells for row in open_sheet(path).rows()}
    columns = open_sheet(path).info.columns
    written, made = report_of(path, folder / f"report-{seed}")
    assert written.problems == (), seed
    found = open_sheet(made, name="Contatos")
    status = found.info.columns.index("wegly_status")
    places = [found.info.columns.index(name) for name in columns]
    after = {row.number: row.cells for row in found.rows()}
    assert {number: tuple(cells[place] for place in places) for number, cells in after.items()} == before, seed
    assert {number: cells[status] for number, cells in after.items()} == dict.fromkeys(before, "success"), seed
    assert load_workbook(made).sheetnames == ["Summary", "Contatos"]
    with zipfile.ZipFile(path) as own, zipfile.ZipFile(made) as copy:
        assert set(own.namelist()) <= set(copy.namelist())
        for name in own.namelist():
            if "drawings" in name or name.endswith((".bin", "Planos.xml")):
                assert own.read(name) == copy.read(name), (seed, name)
    return made


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(SEEDS)
def test_the_report_opens_and_is_the_users_workbook(seed: int) -> None:
    """In openpyxl and by our own loader."""
    with tempfile.TemporaryDirectory() as name:
        check_report(Path(name), seed)


@pytest.mark.long
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_the_report_opens_in_libreoffice(tmp_path: Path) -> None:
    """Two hundred workbooks: each report is opened and written as CSV, with the results on their rows."""
    made = {}
    for seed in range(200):
        report = check_report(tmp_path, seed)
        made[seed] = report.rename(tmp_path / f"{seed}.xlsx")
    command = ["soffice", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--headless", "--convert-to"]
    form = "csv:Text - txt - csv (StarCalc):59,34,76,1,,0,false,true,false,false,false,2"
    done = subprocess.run(
        [*command, form, "--outdir", str(tmp_path / "csv"), *map(str, made.values())],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for seed in made:
        (shown,) = (tmp_path / "csv").glob(f"{seed}-*.csv")
        lines = shown.read_text(encoding="utf-8").splitlines()
        builder = Builder(seed)
        assert sum("success" in line for line in lines) >= builder.count, seed
