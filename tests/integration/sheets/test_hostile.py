"""Files made to do harm, or broken on their way: refused quickly, by name, in little memory."""

from __future__ import annotations

import os
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.campaign import load_campaign
from batch.errors import CampaignError, SheetError
from batch.loader import Limits, open_sheet
from batch.model.sheets import LIFTED_LIMITS

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
HEAD = '<row r="1"><c r="A1" t="inlineStr"><is><t>Telefone</t></is></c></row>'
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


def write(path: Path, rows: str, *, strings: str = "", more: dict[str, str] | None = None) -> Path:
    links = "".join(
        f'<Relationship Id="{name}" Type="{KINDS}/{kind}" Target="{target}"/>'
        for name, kind, target in (("rId1", "worksheet", "sheet1.xml"), ("rId2", "sharedStrings", "strings.xml"))
    )
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{KINDS}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{KINDS}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{links}</Relationships>',
        "xl/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>',
        "xl/strings.xml": strings or f'<sst xmlns="{MAIN}"/>',
        **(more or {}),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return path


@contextmanager
def refused(words: str, *, seconds: float = 5.0, megabytes: int = 120) -> Iterator[None]:
    """Inside, a SheetError with these words is raised, in so many seconds of CPU and so much memory."""
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(SheetError, match=words):
            yield
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < seconds
    assert most < megabytes * 1024 * 1024


@pytest.mark.parametrize("part", ["_rels/.rels", "xl/workbook.xml", "xl/sheet1.xml", "xl/strings.xml"])
def test_xml_entities_are_refused_wherever_they_are(tmp_path: Path, part: str) -> None:
    """No document type is read, so that no bomb can be declared and no file be named."""
    path = write(tmp_path / "a.xlsx", HEAD, more={part: f"{BOMB}<x>&b;</x>"})
    with refused("XML entities"):
        open_sheet(path)


def test_a_zip_bomb_is_refused_unread(tmp_path: Path) -> None:
    """100 MB of blanks in 100 KB: the directory says it."""
    path = write(tmp_path / "a.xlsx", HEAD + " " * 100_000_000)
    with refused("grows .* times when unzipped", megabytes=5):
        open_sheet(path)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(unzipped_bytes=1000), "limit unzipped_bytes"),
        (Limits(parts=3), "limit parts"),
        (Limits(markup_bytes=50), "50 are allowed"),
        (Limits(cells=5), "limit cells"),
        (Limits(shared_strings=2), "limit shared_strings"),
        (Limits(shared_text_bytes=5), "limit shared_text_bytes"),
        (Limits(text_characters=10), "limit text_characters"),
    ],
)
def test_every_limit_refuses_by_its_name(tmp_path: Path, limits: Limits, words: str) -> None:
    """A person learns which setting it was."""
    rows = HEAD + "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(2, 20))
    strings = f'<sst xmlns="{MAIN}">{"<si><t>abcdef</t></si>" * 5}</sst>'
    path = write(tmp_path / "a.xlsx", rows, strings=strings)
    assert open_sheet(path).row_count == 18
    with pytest.raises(SheetError, match=words):
        open_sheet(path, limits=limits)


PERSON = '<row><c t="s"><v>0</v></c><c><v>11900000001</v></c></row>'
OTHER = PERSON.replace("0001", "0002")
SHARED = f'<sst xmlns="{MAIN}"><si><t>Ana</t></si></sst>'


@pytest.mark.parametrize("rows", [PERSON * 3000, (PERSON + OTHER) * 2000])
def test_a_few_kilobytes_of_the_same_rows_are_no_million_of_people(tmp_path: Path, rows: str) -> None:
    """Zip makes 70 KB of 300,000 alike rows, or of two that alternate: refused after some of them."""
    with pytest.raises(SheetError, match="limit same_rows"):
        open_sheet(write(tmp_path / "a.xlsx", HEAD + rows, strings=SHARED), limits=Limits(same_rows=600))


def test_a_column_filled_down_to_the_end_is_read(tmp_path: Path) -> None:
    """Rows with one filled cell are no bomb but a habit; trusted files may have any."""
    rows = '<row><c t="s"><v>0</v></c></row>' * 30
    assert (
        open_sheet(write(tmp_path / "a.xlsx", HEAD + rows, strings=SHARED), limits=Limits(same_rows=5)).row_count == 30
    )
    people = write(tmp_path / "b.xlsx", HEAD + PERSON * 30, strings=SHARED)
    assert open_sheet(people, limits=LIFTED_LIMITS).row_count == 30
    with pytest.raises(SheetError, match="limit same_rows"):
        open_sheet(people, limits=Limits(same_rows=5))


def test_one_endless_row_does_not_fill_the_memory(tmp_path: Path) -> None:
    """A row is held in memory, so its size is limited while it is read."""
    rows = HEAD + f'<row r="2">{"<c/>" * 3_000_000}</row>'
    with refused("one row has more than"):
        open_sheet(write(tmp_path / "a.xlsx", rows), limits=Limits(row_bytes=1_000_000, text_bytes=1_000_000))


def test_one_endless_text_does_not_fill_the_memory(tmp_path: Path) -> None:
    """So is a text of the table of texts."""
    strings = f'<sst xmlns="{MAIN}"><si><t>{"x" * 12_000_000}</t></si></sst>'
    with refused("one text has more than"):
        open_sheet(
            write(tmp_path / "a.xlsx", HEAD, strings=strings), limits=Limits(row_bytes=1_000_000, text_bytes=1_000_000)
        )


def test_a_long_text_that_many_cells_refer_to(tmp_path: Path) -> None:
    """A shared-string bomb: small on disk, endless in a report."""
    strings = f'<sst xmlns="{MAIN}"><si><t>{"x" * 30_000}</t></si></sst>'
    rows = HEAD + "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(2, 5_000))
    with refused("limit text_characters"):
        open_sheet(write(tmp_path / "a.xlsx", rows, strings=strings), limits=Limits(text_characters=50_000_000))


def test_one_row_that_refers_to_a_long_text_many_times(tmp_path: Path) -> None:
    """Its texts are counted while it is read, and cells that refer to one text share it."""
    strings = f'<sst xmlns="{MAIN}"><si><t>{"z" * 1_000_000}</t></si></sst>'
    cells = '<c t="s"><v>0</v></c>' * 16_000
    for row in (f'<row r="2">{cells}</row>', f'<row r="2"><!-- -->{cells}</row>', f'<row r="2" >{cells}</row>'):
        with refused("limit row_characters", seconds=3, megabytes=40):
            open_sheet(write(tmp_path / "a.xlsx", HEAD + row, strings=strings))


def test_many_rows_that_refer_to_one_long_text(tmp_path: Path) -> None:
    """The text is decoded once, not once for each cell, so that they are refused before they fill the memory."""
    strings = f'<sst xmlns="{MAIN}"><si><t>{"z" * 2_000_000}</t></si></sst>'
    rows = HEAD + "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(2, 1902))
    with refused("limit text_characters", seconds=5, megabytes=60):
        open_sheet(write(tmp_path / "a.xlsx", rows, strings=strings))


def test_many_large_worksheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice among them is work with an end: then a person says which one it is."""
    monkeypatch.setattr("batch.loader.worksheet_choice._MOST_WORK", 100_000)
    row = "".join(f'<c t="inlineStr"><is><t>coluna {n}</t></is></c>' for n in range(100))
    count = 30
    names = [f"S{n}" for n in range(count)]
    listed = "".join(f'<sheet name="{name}" sheetId="{n + 9}" r:id="{name}"/>' for n, name in enumerate(names))
    links = "".join(f'<Relationship Id="{n}" Type="{KINDS}/worksheet" Target="{n}.xml"/>' for n in names)
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{f"<row>{row}</row>" * 30}</sheetData></worksheet>'
    more = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{KINDS}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{links}</Relationships>',
        **{f"xl/{name}.xml": sheet for name in names},
    }
    path = write(tmp_path / "a.xlsx", HEAD, more=more)
    with pytest.raises(SheetError, match="too many and too large"):
        open_sheet(path)
    assert open_sheet(path, name="S7").info.sheet == "S7"


def test_two_cells_at_the_ends_of_the_sheet(tmp_path: Path) -> None:
    """17 thousand million places between them cost nothing, whatever the dimension says."""
    rows = HEAD + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    sheet = open_sheet(write(tmp_path / "a.xlsx", rows))
    assert [(row.number, row.cells) for row in sheet.rows()] == [(1048576, (None, "1"))]


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    """Checksums of all parts are verified before a row is believed."""
    path = write(tmp_path / "a.xlsx", HEAD)
    data = bytearray(path.read_bytes())
    place = data.index(b"xl/strings.xml") + len("xl/strings.xml") + 2
    data[place] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(SheetError, match="does not unzip"):
        open_sheet(path)


@pytest.mark.parametrize("keep", [4, 100, -1, -30])
def test_a_file_cut_off_is_damaged(tmp_path: Path, keep: int) -> None:
    """A download that stopped."""
    path = write(tmp_path / "a.xlsx", HEAD)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SheetError, match="is damaged"):
        open_sheet(path)


def test_zip_files_without_a_workbook(tmp_path: Path) -> None:
    """Other documents and plain archives are named."""
    path = tmp_path / "a.xlsx"
    word = {
        "[Content_Types].xml": '<Types><Override PartName="/word/document.xml" ContentType="application/'
        'vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{KINDS}/officeDocument" '
        'Target="word/document.xml"/></Relationships>',
    }
    for parts, words in (
        (word, "a Word document"),
        ({"a.txt": "x"}, "without a workbook inside"),
        ({"dados/clientes.csv": "x"}, "a zip file that holds 'dados/clientes.csv'"),
        ({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "x"}, "text document of LibreOffice"),
        ({"Index/Document.iwa": "x"}, "Apple Numbers"),
    ):
        with zipfile.ZipFile(path, "w") as file:
            for name, content in parts.items():
                file.writestr(name, content)
        with pytest.raises(SheetError, match=words):
            open_sheet(path)


def test_an_encrypted_zip_is_protected_by_a_password(tmp_path: Path) -> None:
    """The flag of a part says so."""
    path = write(tmp_path / "a.xlsx", HEAD)
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(SheetError, match="protected by a password"):
        open_sheet(path)


def test_links_to_the_outside_are_not_followed(tmp_path: Path) -> None:
    """A worksheet that is said to lie outside is no worksheet."""
    link = f'<Relationship Id="rId1" Type="{KINDS}/worksheet" Target="file:///etc/passwd" TargetMode="External"/>'
    path = write(
        tmp_path / "a.xlsx",
        HEAD,
        more={"xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{link}</Relationships>'},
    )
    with pytest.raises(SheetError, match="no rows"):
        open_sheet(path)


def test_parts_cannot_climb_out_of_the_archive(tmp_path: Path) -> None:
    """A target is a name inside the zip file, whatever it looks like."""
    link = f'<Relationship Id="rId1" Type="{KINDS}/worksheet" Target="../../../../etc/passwd"/>'
    path = write(
        tmp_path / "a.xlsx",
        HEAD,
        more={"xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{link}</Relationships>'},
    )
    with pytest.raises(SheetError, match="is missing"):
        open_sheet(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_unread(tmp_path: Path) -> None:
    """Nobody writes into it, so that reading it would wait for ever; a campaign file and a list likewise."""
    pipe = tmp_path / "a.csv"
    os.mkfifo(pipe)
    with refused("is a pipe or a device, not a file"):
        open_sheet(pipe)
    with pytest.raises(CampaignError, match="is a pipe or a device"):
        load_campaign(pipe, now=datetime.now(UTC))
