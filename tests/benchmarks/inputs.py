"""Sheets and a campaign for the benchmarks, made from a seed: the same bytes on every machine.

    python tests/benchmarks/inputs.py --rows 100000 FOLDER      contacts.csv, contacts.xlsx, campaign.toml

Eight columns as a person has them: names, phones in the usual spellings, companies, amounts, dates, cities, ids,
remarks. The workbook is written as Excel writes one (texts in a table, formats for dates), or with `--inline` as
openpyxl does (texts in the cells), and with `--rich` with a half of each text in bold.
"""

from __future__ import annotations

import argparse
import random
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape

SEED = 7
HEADER = ("Nome", "Telefone", "Empresa", "Valor", "Vencimento", "Cidade", "Codigo", "Observacao")
_FIRST = ("Ana", "BRUNO", "carla", "Davi", "Érica", "Fábio", "Gláucia", "HEITOR", "Íris", "João", "Kátia", "Lucas")
_LAST = ("Souza", "da Silva", "CARVALHO", "dos Santos", "Oliveira", "de Ávila", "Lima", "Pereira", "D'Ávila", "Nunes")
_TRADES = ("Padaria", "Oficina", "Mercado", "Farmácia", "Papelaria", "Clínica", "Escola", "Livraria")
_NAMED = ("Esperança", "São José", "Central", "do Bairro", "União", "Ipê", "Boa Vista", "Irmãos & Filhos")
_CITIES = ("São Paulo", "Recife", "Curitiba", "Manaus", "Belém", "Porto Alegre", "Goiânia", "Natal", "Vitória")
_AREAS = ("11", "21", "31", "41", "51", "61", "71", "81", "91", "92")
_FIRST_DAY = 46023
"""The 1st of January 2026 as Excel counts days."""

CAMPAIGN = """\
[campaign]
name = "benchmark"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "cobranca"
language = "pt_BR"
body = "Ol\u00e1 {{1}}, o boleto de {{2}} no valor de {{3}} vence em {{4}}."
[columns]
wa_contact_id = "Telefone"
remote_profile_name = "Nome"
[[template_fields]]
component = "BODY"
type = "TEXT"
index = 1
value = "{Nome|first_name|title}"
[[template_fields]]
component = "BODY"
type = "TEXT"
index = 2
value = "{Empresa}"
[[template_fields]]
component = "BODY"
type = "TEXT"
index = 3
value = "{Valor|brl}"
[[template_fields]]
component = "BODY"
type = "TEXT"
index = 4
value = "{Vencimento|date:dd/mm}"
[throttle]
rate = "1000/s"
concurrency = 512
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """One row, before any format."""

    name: str
    phone: str
    company: str
    cents: int
    day: int
    """Days as Excel counts them."""
    city: str
    code: str
    remark: str


def people(rows: int, seed: int = SEED) -> Iterator[Person]:
    """So many different people."""
    chance = random.Random(seed)  # noqa: S311 - the same sheet on every machine, nothing secret
    pick, below = chance.choice, chance.randrange
    for number in range(rows):
        middle = f"{number * 7919 % 10_000_000:07d}"
        yield Person(
            name=f"{pick(_FIRST)} {pick(_LAST)} {pick(_LAST)}",
            phone=_spelled(pick(_AREAS), "99" + middle, below(4)),
            company=f"{pick(_TRADES)} {pick(_NAMED)}",
            cents=below(500_000) + 1,
            day=_FIRST_DAY + below(365),
            city=pick(_CITIES),
            code=f"C-{number:07d}",
            remark=pick(("", "", "", "ligar à tarde", "cliente antigo", "pediu desconto")),
        )


def _spelled(area: str, number: str, how: int) -> str:
    return (
        f"{area}{number}",
        f"55{area}{number}",
        f"({area}) {number[:5]}-{number[5:]}",
        f"+55 {area} {number[:5]}-{number[5:]}",
    )[how]


def write_csv(path: Path, rows: int) -> None:
    """The people as Brazilian Excel writes CSV: UTF-8 with BOM, `;`, CRLF."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write(";".join(HEADER) + "\r\n")
        for each in people(rows):
            file.write(";".join(_as_text(each)) + "\r\n")


def _as_text(person: Person) -> tuple[str, ...]:
    amount = f"{person.cents // 100},{person.cents % 100:02d}"
    ordinal = person.day - _FIRST_DAY
    day = f"{ordinal % 28 + 1:02d}/{ordinal % 12 + 1:02d}/2026"
    return person.name, person.phone, person.company, amount, day, person.city, person.code, person.remark


def write_xlsx(path: Path, rows: int, *, inline: bool = False, rich: bool = False, escaped: bool = False) -> None:
    """The people as a workbook of one sheet. `rich`: in texts of two fonts; `escaped`: each text holds an `&`."""
    texts: dict[str, int] = {}
    text = _inline_cell if inline else _shared_cell(texts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as book:
        for name, content in _SMALL_PARTS.items():
            book.writestr(_part(name), content)
        with book.open(_part("xl/worksheets/sheet1.xml"), "w", force_zip64=True) as sheet:
            sheet.write(_SHEET_HEAD)
            sheet.write(_row(1, [text(f"{letter}1", name) for letter, name in zip("ABCDEFGH", HEADER, strict=True)]))
            for number, person in enumerate(people(rows), start=2):
                each = replace(person, name=f"{person.name} & Cia", company=f"{person.company} & Cia")
                sheet.write(_row(number, _cells(number, each if escaped else person, text)))
            sheet.write(b"</sheetData></worksheet>")
        with book.open(_part("xl/sharedStrings.xml"), "w", force_zip64=True) as table:
            table.write(_TABLE_HEAD)
            for each in texts:
                table.write((_two_fonts(each) if rich else f"<si><t>{escape(each)}</t></si>").encode())
            table.write(b"</sst>")


def _two_fonts(text: str) -> str:
    first, rest = text[: len(text) // 2], text[len(text) // 2 :]
    runs = f"<r><t>{escape(first)}</t></r><r><rPr><b/></rPr><t>{escape(rest)}</t></r>"
    return f"<si>{runs}</si>".replace("<t>", '<t xml:space="preserve">')


def _part(name: str) -> zipfile.ZipInfo:
    """A part with a fixed date, so that the bytes are the same every time."""
    part = zipfile.ZipInfo(name)
    part.compress_type = zipfile.ZIP_DEFLATED
    return part


Text = Callable[[str, str], str]


def _cells(number: int, person: Person, text: Text) -> list[str]:
    phone = person.phone
    as_number = f'<c r="B{number}"><v>{phone}</v></c>' if phone.isdecimal() else text(f"B{number}", phone)
    return [
        text(f"A{number}", person.name),
        as_number,
        text(f"C{number}", person.company),
        f'<c r="D{number}" s="2"><v>{person.cents / 100!r}</v></c>',
        f'<c r="E{number}" s="1"><v>{person.day}</v></c>',
        text(f"F{number}", person.city),
        text(f"G{number}", person.code),
        text(f"H{number}", person.remark) if person.remark else "",
    ]


def _row(number: int, cells: list[str]) -> bytes:
    return f'<row r="{number}" spans="1:8">{"".join(cells)}</row>'.encode()


def _inline_cell(place: str, value: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'


def _shared_cell(texts: dict[str, int]) -> Text:
    def cell(place: str, value: str) -> str:
        return f'<c r="{place}" t="s"><v>{texts.setdefault(value, len(texts))}</v></c>'

    return cell


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SHEET_HEAD = f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'.encode()
_TABLE_HEAD = f'{_XML}<sst xmlns="{_MAIN}">'.encode()
_SMALL_PARTS = {
    "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_TYPE}.sharedStrings+xml"/></Types>',
    "_rels/.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="Contatos" sheetId="1" r:id="rId1"/></sheets><calcPr calcId="191029"/></workbook>',
    "xl/_rels/workbook.xml.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/>'
    f'<Relationship Id="rId3" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
    "xl/styles.xml": f'{_XML}<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts>'
    '<fills count="1"><fill><patternFill patternType="none"/></fill></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0"/></cellStyleXfs><cellXfs count="3">'
    '<xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/><xf numFmtId="4" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}


def make(folder: Path, rows: int, **form: bool) -> tuple[Path, Path, Path]:
    """Write all of it; gives CSV, XLSX and campaign. `form`: as of `write_xlsx`."""
    folder.mkdir(parents=True, exist_ok=True)
    csv, xlsx, campaign = folder / "contacts.csv", folder / "contacts.xlsx", folder / "campaign.toml"
    write_csv(csv, rows)
    write_xlsx(xlsx, rows, **form)
    campaign.write_text(CAMPAIGN, encoding="utf-8")
    return csv, xlsx, campaign


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--inline", action="store_true")
    parser.add_argument("--rich", action="store_true")
    options = parser.parse_args()
    make(options.folder, options.rows, inline=options.inline, rich=options.rich)
