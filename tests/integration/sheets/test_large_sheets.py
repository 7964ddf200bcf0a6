"""Large sheets stream: the memory of a whole process does not grow with the rows."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

_STATUS = Path("/proc/self/status")
pytestmark = pytest.mark.skipif(
    not _STATUS.exists(), reason="the peak of a process's memory is read from Linux's /proc"
)

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
remote_profile_name = "Nome"
"""
PROGRAM = """
import sys
from batch.cli.main import _run
code = _run(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak.split()[1], file=sys.stderr)
sys.exit(code)
"""
HEADER = ("Nome", "Telefone", "Empresa", "Valor", "Vencimento", "Cidade", "Fatura", "Obs")
SLACK = 8.0
"""Megabytes that a peak may differ by itself. Kept in memory, 45,000 rows of these take 40 and more."""

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
PARTS = {
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" Type="{KINDS}/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{KINDS}"><sheets>'
    '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">'
    f'<Relationship Id="rId1" Type="{KINDS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def people(count: int) -> Iterator[tuple[str, ...]]:
    """Every cell of every row is another text, so that nothing can be shared."""
    yield HEADER
    for n in range(count):
        yield (
            f"Pessoa de nome {n}",
            f"11 9{n:08d}",
            f"Empresa {n} Ltda",
            f"{n},50",
            "10/12/2026",
            f"Cidade {n}",
            f"2026-{n:07d}",
            f"observação de número {n}",
        )


def write_csv(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(";".join(row) + "\n" for row in people(count))


def write_xlsx(path: Path, count: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        for name, content in PARTS.items():
            book.writestr(name, content)
        with book.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write(f'<worksheet xmlns="{MAIN}"><sheetData>'.encode())
            rows = enumerate(people(count), 1)
            while some := list(islice(rows, 1000)):
                sheet.write("".join(_row(number, cells) for number, cells in some).encode())
            sheet.write(b"</sheetData></worksheet>")


def _row(number: int, cells: tuple[str, ...]) -> str:
    inside = "".join(
        f'<c r="{letter}{number}" t="inlineStr"><is><t>{text}</t></is></c>'
        for letter, text in zip("ABCDEFGH", cells, strict=True)
    )
    return f'<row r="{number}">{inside}</row>'


def peak(folder: Path, *words: str) -> float:
    """Megabytes that a process of its own needed at most for a command that ends well."""
    ledger = f"sqlite:///{folder / 'none.sqlite3'}"
    more = ["--ledger", ledger] if words[0] == "check" else []
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words, *more], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stderr.split()[-1]) / 1024


@pytest.mark.long
@pytest.mark.parametrize(
    ("write", "name", "command", "counts"),
    [
        # What is kept on purpose is bounded: 64 MB of what the ledger stages and judges, full at a million rows; and
        # 16 MB of a worksheet's rows.
        (write_csv, "s.csv", ("check", "s.csv", "-c", "c.toml"), (960_000, 1_440_000)),
        (write_xlsx, "s.xlsx", ("inspect", "s.xlsx"), (120_000, 240_000)),
    ],
)
def test_memory_does_not_grow_with_the_rows(
    tmp_path: Path, write: Callable[[Path, int], None], name: str, command: tuple[str, ...], counts: tuple[int, int]
) -> None:
    """More rows, the same peak: reading, checking, staging and judging keep none of them."""
    (tmp_path / "c.toml").write_text(CAMPAIGN, encoding="utf-8")
    peaks = []
    for count in counts:
        write(tmp_path / name, count)
        peaks.append(peak(tmp_path, *command))
    assert peaks[1] - peaks[0] < SLACK, peaks
