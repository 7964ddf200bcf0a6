"""The short cuts for rows of the usual form give what the careful ways give, or leave the row to them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch.app.inputs.staging import as_request
from batch.campaign import load_campaign
from batch.chats import RequestForms
from batch.errors import SheetError
from batch.loader.formats import xlsx_rows
from batch.loader.formats.cell_text import number_text
from batch.loader.formats.xlsx_cells import CellReader, NumberKind
from batch.loader.formats.xlsx_fast_rows import FastRows
from batch.loader.formats.xlsx_rows import WorksheetGrid
from batch.loader.mapping.contacts import ContactMaker
from batch.loader.source import RawRow
from batch.model.sheet_file import Limits, SheetFile
from batch.model.sheets import SheetInfo, SheetRow
from batch.ooxml.archive import open_archive
from batch.ooxml.shared_strings import SharedStrings

unhurried = settings(deadline=None, suppress_health_check=list(HealthCheck))
"""A busy machine is no failure."""

LETTERS = ("A", "B", "C", "D", "AA", "XFD", "XFE", "a", "")
TEXTS = (
    "1",
    "0",
    "12",
    "46100.5",
    "1234.50",
    "-0.5",
    "Ana",
    "  ",
    "",
    "&amp;",
    "a\nb",
    "a]]>b",
    "\ufffe",
    "_x0041_",
    "é",
)
texts = st.sampled_from(TEXTS)
attributes = st.sampled_from(
    ["", ' s="0"', ' s="1"', ' s="9"', ' t="s"', ' t="str"', ' t="b"', ' t="e"', ' s="1" t="n"']
)
inside = st.builds(
    lambda form, text: form.format(text),
    st.sampled_from(["<v>{}</v>", "<v>{}</v>", "<is><t>{}</t></is>", "<f>A1</f><v>{}</v>", "<v>{}</t></is>", "{}"]),
    texts,
)
cell = st.builds(
    lambda letters, number, more, content: f'<c r="{letters}{number}"{more}>{content}</c>',
    st.sampled_from(LETTERS), st.sampled_from(("@", "@", "@", "1@", "@1")), attributes, inside,
) | st.builds(lambda letters, more: f'<c r="{letters}@"{more}/>', st.sampled_from(LETTERS), attributes)  # fmt: skip
"""`@` stands for the row's number."""
row_tags = st.sampled_from(
    ['<row r="@">', '<row r="@" spans="1:8" hidden="1">', '<row r="@" ht="0">', '<row r="@" a="1" a="1">', "<row>",
     '<row r="@" x:y="é">', "<row r='@'>", '<row r="0">', '<row r="9999999">']
)  # fmt: skip
broken = st.sampled_from(["", "", "", "", "<!-- x -->", "<c", "</c>", "x", " ", "<![CDATA[y]]>"])
rows = st.builds(
    lambda tag, cells, odd: f"{tag}{''.join(cells)}{odd}</row>", row_tags, st.lists(cell, max_size=5), broken
)
alike = st.lists(
    st.builds(
        lambda tag, kinds, given: tag + "".join(
            f'<c r="{letters}@"{kind}>{content}</c>' for letters, kind, content in zip("ABC", kinds, given, strict=True)
        ) + "</row>",
        st.sampled_from(['<row r="@">', '<row r="@">', '<row r="@" hidden="1">']),
        st.tuples(*[st.sampled_from(["", ' t="s"', ' s="1"', ' t="e"', ' t="x"'])] * 3),
        st.tuples(*[st.builds("<v>{}</v>".format, texts) | inside] * 3),
    ),
    max_size=4,
)  # fmt: skip
"""Rows of the same columns, as nearly all are."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def source_of(path: Path, **parts: bytes) -> SheetFile:
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return SheetFile(path=path, name=path.name, limits=Limits())


def reader() -> CellReader:
    strings = SharedStrings()
    for text in ("Ana", "", "Zé"):
        strings.append(text)
    return CellReader(strings=strings, kinds=[NumberKind.NUMBER, NumberKind.DATE], epoch_1904=False, recalculates=True)


def read_by(source: SheetFile) -> list[RawRow] | str:
    try:
        return list(WorksheetGrid(archive=open_archive(source), part="sheet", read_cell=reader()).rows())
    except SheetError as error:
        return str(error)


@unhurried
@given(written=st.lists(rows, max_size=4) | alike, between=st.sampled_from(["", "\n", "<!-- -->"]))
def test_a_worksheet_is_read_alike_with_and_without_the_short_cut(
    folder: Path, written: list[str], between: str
) -> None:
    """Whatever stands in the rows: the same rows come out, or the same refusal, to the number of the line."""
    numbered = between.join(row.replace("@", str(number)) for number, row in enumerate(written, 5))
    body = f'<?xml version="1.0"?><worksheet xmlns="m">\n<sheetData>{numbered}</sheetData></worksheet>'
    source = source_of(folder / "a.xlsx", sheet=body.encode())
    short = read_by(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FastRows, "read", lambda self, row: None)
        assert short == read_by(source)


@unhurried
@given(size=st.integers(min_value=1, max_value=60), count=st.integers(min_value=1, max_value=8))
def test_where_the_file_is_cut_into_pieces_does_not_matter(folder: Path, size: int, count: int) -> None:
    """Rows that end, begin or go on in another piece are read as if they stood in one."""
    written = "".join(
        f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}" t="inlineStr"><is><t>é{n}</t></is></c></row>'
        for n in range(1, count + 1)
    )
    body = f"<worksheet><cols/><sheetData>{written}</sheetData><more>{written}</more></worksheet>"
    source = source_of(folder / "b.xlsx", sheet=body.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            xlsx_rows, "_slices", lambda pieces, _: (p[i : i + size] for p in pieces for i in range(0, len(p), size))
        )
        found = read_by(source)
    assert found == [RawRow(n, [str(n), f"é{n}"]) for n in range(1, count + 1)]


@unhurried
@given(st.from_regex(r"-?[0-9]{1,12}\.[0-9]{1,12}", fullmatch=True))
def test_a_decimal_number_is_its_shortest_form(stored: str) -> None:
    """What is taken as it stands is what the number itself would be written as."""
    value = float(stored)
    shortest = f"{value:.15g}"
    plain = str(int(value)) if value.is_integer() else shortest.replace(".", ",")
    assert number_text(stored) == plain or "e" in shortest


COLUMNS = ("Telefone", "Nome", "Valor", "Agente", "Status", "Fatura", "Sair")
CAMPAIGN = """
[campaign]
name = "a"
unique_by = ["Fatura"]
[sender]
whatsapp_phone_id = {sender}
[template]
name = "t"
language = "pt_BR"
{body}
[suppress]
column = "Sair"
[columns]
wa_contact_id = "Telefone"
remote_profile_name = {{ column = "Nome", default = "" }}
assigned_agent_id = {{ column = "Agente", default = "" }}
status = {{ column = "Status", default = "" }}
[[template_fields]]
component = "HEADER"
index = 1
value = "{{Nome|first_name}}"
[[template_fields]]
component = "BODY"
index = 1
value = "{{Nome|title}}"
[[template_fields]]
component = "BODY"
index = 2
value = "de {{Valor|brl}} {{{{x}}}}"
[[template_fields]]
component = "BODY"
card_index = 0
index = 1
value = "{{Fatura|default:nada}}"
[phone]
format = "{form}"
"""
SENDERS = (
    '"0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"',
    '[{ id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c" }, { id = "3c90c3cc-0d44-4b50-8888-8dd25736052a" }]',
    '{ column = "Agente" }',
)
words = st.one_of(
    st.none(),
    st.sampled_from(["11988887777", "(11) 8888-7777", "1133334444", "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c", "OPEN",
                     "1234,5", "1.234,50", "12,345", 'a"b\\c', "%s 100%", "x" * 59, "x" * 130, "y" * 1020, "sim",
                     "a  \u2028\x7f\x01"]),
    st.text(max_size=20),
)  # fmt: skip
phones = st.sampled_from(["11988887777", "(11) 8888-7777", "+351 912 345 678"])
cells_of_rows = st.tuples(phones | words, words, st.sampled_from(["1234,5", "0", "1.5"]) | words, *[words] * 4)


@unhurried
@given(
    cells=cells_of_rows,
    sender=st.sampled_from(SENDERS),
    body=st.sampled_from(['body = "{{1}} {{1}} {{2}}"', ""]),
    form=st.sampled_from(["national", "e164", "digits"]),
)
def test_a_row_is_judged_alike_with_and_without_the_short_cut(
    folder: Path, cells: tuple[str | None, ...], sender: str, body: str, form: str
) -> None:
    """Person, request byte for byte, notes and opt-out are those of the careful way; or the row is left to it."""
    path = folder / "a.toml"
    path.write_text(CAMPAIGN.format(sender=sender, body=body, form=form), encoding="utf-8")
    campaign = load_campaign(path, now=datetime(2026, 3, 11, tzinfo=UTC))
    info = SheetInfo(
        file="a.csv", format="csv", sheet=None, encoding="utf-8", delimiter=";", header_row=1, columns=COLUMNS
    )
    maker = ContactMaker.for_sheet(campaign, info)
    row = SheetRow(number=2, cells=tuple(cell.strip() or None if cell else None for cell in cells))
    assert maker.plain is not None
    contact, plain = maker.contact(row), maker.plain.read(row)
    assert maker.plain.read(row._replace(hidden=True)) is None
    if plain is None:
        return
    forms = RequestForms(maker.plain.message, maker.plain.of_few_values)
    assert contact.message is not None
    assert maker.plain.message(plain.values) == contact.message
    assert forms.encode(plain.values) == forms.encode(plain.values) == as_request(contact.message)[0]
    assert maker.plain.sender(plain.values) == contact.message.whatsapp_phone_id
    assert (plain.person, plain.unique) == (contact.person, contact.unique)
    assert (plain.notes, plain.opted_out) == (contact.notes, contact.opted_out)
