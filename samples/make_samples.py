"""Makes the sample sheets anew: `python samples/make_samples.py [FOLDER]`.

Every name, company, amount and number is invented: the phones are of the patterns 9 0000-xxxx, 9999-xxxx (the ninth
digit left out) and 2000-xxxx, and their last four digits are either 1001 and up, or those of a special contact, at
which the sandbox behaves in a certain way. Each contact also says what becomes of its row in `wegly-batch demo`, so
that a test can compare the report with it.

The same script always gives the same cells, and with the same zlib the same bytes.
"""

import csv
import io
import re
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

__all__ = [
    "CONTACTS",
    "HEADER",
    "HEADER_ROW",
    "INVOICES",
    "STORES",
    "Contact",
    "contatos_csv",
    "contatos_xlsx",
    "customers",
    "lojas_csv",
]

HEADER_ROW = 4
HEADER = ("Nome", "Telefone", "Empresa", "Valor", "Vencimento", "Agente", "Obs")
WIDTHS = (26, 24, 24, 14, 14, 40, 44)

CLARA = "5a1f6e3c-8f0e-4c55-9a41-2f1f0c3b7d11"
DIEGO = "c2b7d9e0-41aa-4f8e-b1c6-7e0a95d3f822"
DUE = date(2026, 12, 10)


@dataclass(frozen=True, kw_only=True)
class Contact:
    """One row of `contatos.xlsx`, and what becomes of it in the demo (`outcome`, and `reason` where it is an error)."""

    name: str | None
    phone: str | int | float | None
    company: str | None = "Padaria Aurora"
    amount: str | float = 89.9
    due: date | str = DUE
    agent: str | None = None
    note: str | None = None
    hidden: bool = False
    outcome: str = "success"
    reason: str = ""


def _error(
    name: str | None,
    phone: str | None,
    reason: str,
    *,
    company: str = "Padaria Aurora",
    amount: str | float = 89.9,
    agent: str | None = None,
    note: str | None = None,
) -> Contact:
    """A row that is an error in the demo."""
    return Contact(
        name=name, phone=phone, company=company, amount=amount, agent=agent, note=note, outcome="error", reason=reason
    )


# None is an empty row of the sheet.
CONTACTS: tuple[Contact | None, ...] = (
    # The same kind of number in every spelling that people use.
    Contact(name="Ana Beatriz Souza", phone="(11) 90000-1001", agent=CLARA),
    Contact(name="BRUNO CARVALHO", phone="11900001002", company="Ótica Boa Vista", amount=1234.56),
    Contact(name="carla menezes", phone=11900001003, company="Mercado São João", note="telefone digitado como número"),
    Contact(name="Diego Fonseca", phone="+55 11 90000-1004", agent=DIEGO),
    Contact(name="Eduarda Lima", phone="5511900001005", company="Auto Peças Horizonte", amount=450),
    Contact(name="Fábio Teixeira", phone=5511900001006, note="número com 13 dígitos"),
    Contact(name="Gabriela Nunes", phone="011 90000-1007", company="Studio Flor de Lis", amount="R$ 320,00"),
    Contact(name="Heitor Pacheco", phone="0XX11 90000-1008"),
    Contact(name="Ísis Moraes", phone="015 11 90000-1009", note="com a operadora 15", agent=CLARA),
    Contact(name="João Pedro Alves", phone="tel:+55-11-90000-1010", company="Clínica Vida Leve", amount=275.5),
    Contact(name="Karina Duarte", phone="0055 11 90000-1011"),
    Contact(
        name="Leandro Rocha", phone="1.1900001012E10", note="o Excel guardou em notação científica, sem perder nada"
    ),
    Contact(name="Mariana Castro", phone="(11)\u00a090000-1013", note="espaço que não quebra, copiado da internet"),
    Contact(name="Nelson Prado", phone="'11900001014", company="Ferragens Ipê"),
    Contact(name="Olívia Ramos", phone="\uff11\uff11\uff19\uff10\uff10\uff10\uff10\uff11\uff10\uff11\uff15"),
    Contact(name="Paulo Siqueira", phone=11900001016.0, note="número com máscara", agent=DIEGO),
    Contact(
        name="Quitéria Barbosa", phone="55900001017", company="Gaúcha Vinhos", note="DDD 55, e não o código do país"
    ),
    # What a sheet that lives holds besides.
    Contact(name="Júlia \N{SUNFLOWER} Prado", phone="(81) 90000-1018", note="adora promoções \N{PARTY POPPER}"),
    Contact(name="Rafael Antunes", phone="(61) 90000-1019", note="ligar antes;\nprefere de manhã"),
    Contact(name="Sabrina Vidal", phone="(92) 90000-1020", note="=1+1"),
    None,
    Contact(name="Tiago Null", phone="(68) 90000-1021", company="Acre Náutica", note="sobrenome de verdade"),
    Contact(name="Úrsula Neves", phone="(21) 9999-1022", note="sem o nono dígito"),
    Contact(name="Valter Brito", phone="(71) 9999-1023", note="sem o nono dígito", due="15/12/2026"),
    Contact(name="Wanda Queiroz", phone="(11) 2000-1024", company="Escritório Modelo", note="telefone fixo"),
    Contact(
        name="Xavier Lopes", phone="(11) 90000-1025", hidden=True, note="linha oculta por um filtro", outcome="skipped"
    ),
    # The sandbox's special contacts: the last four digits decide what it does.
    Contact(name="Yara Figueira", phone="(85) 90000-0200", outcome="reused", note="já tem conversa aberta"),
    Contact(name="Zeca Moura", phone="(41) 90000-0201"),
    _error("Alice Peixoto", "(11) 90000-0400", "api_refused"),
    Contact(name="Bento Gouveia", phone="(31) 90000-0700", amount=1999.9, agent=CLARA),
    Contact(name="Cecília Torres", phone="(62) 90000-0429", note="a API pede para esperar"),
    Contact(name="Davi Sampaio", phone="(51) 90000-0705", company="Livraria Minuano"),
    Contact(name="Elisa Batista", phone="(48) 90000-0500", outcome="unknown"),
    Contact(name="Fernando Reis", phone="(47) 90000-0709"),
    Contact(name="Giovana Leal", phone="(27) 90000-0200", outcome="reused", agent=DIEGO),
    _error("Hugo Marinho", "(98) 90000-0131", "not_on_whatsapp"),
    Contact(name="Isadora Campos", phone="(84) 90000-0702"),
    Contact(name="Jonas Freitas", phone="(83) 90000-0900", outcome="unknown"),
    Contact(name="Kátia Guerra", phone="(82) 90000-0703", company="Maceió Turismo"),
    Contact(name="Lucas Amaral", phone="(79) 90000-0503", note="a API está ocupada por um instante"),
    Contact(name="Manuela Dias", phone="(67) 90000-0710", amount="59,90"),
    _error("Nicolas Assis", "(65) 90000-0422", "api_refused"),
    Contact(name="Otávio Serra", phone="(63) 90000-0201"),
    Contact(name="Patrícia Meireles", phone="(95) 90000-0904", outcome="unknown"),
    Contact(name="Renato Viana", phone="(96) 90000-0704"),
    Contact(name="Sônia Cardoso", phone="(91) 90000-0200", outcome="reused"),
    # The same person again, spelled otherwise.
    Contact(name="Ana B. Souza", phone="5511900001001", outcome="skipped", note="repetida"),
    Contact(name="Bruno", phone="+55 (11) 90000-1002", outcome="skipped"),
    Contact(name="Úrsula Neves", phone="(21) 99999-1022", outcome="skipped", note="a mesma pessoa, com o nono dígito"),
    # Rows that somebody has to correct.
    _error("Tainá Moreira", "90000-1033", "phone_no_area_code"),
    _error("Ulisses Pinto", "(20) 90000-1034", "phone_bad_area_code"),
    _error("Vanessa Coelho", "0800 000 1035", "phone_service_number"),
    _error("Wagner Aragão", "(11) 90000-1036 / (11) 90000-1037", "phone_several"),
    _error("Yuri Camargo", "5,51E+12", "phone_digits_lost", note="perdeu os dígitos ao salvar em CSV"),
    _error("Zilda Fontes", None, "phone_missing"),
    _error("Amanda Rangel", "não tem", "phone_not_a_number"),
    _error("Breno Salles", "(11) 90000", "phone_too_short"),
    _error(None, "(11) 90000-1038", "value_missing"),
    _error("Caio Bastos", "(11) 90000-1039", "value_bad_characters", company="Oficina\ndo Caio"),
    _error("Débora Lacerda", "(11) 90000-1040", "cell_unreadable", amount="#N/A"),
    _error("Enzo Machado", "(11) 90000-1041", "value_not_money", amount="a combinar"),
    _error("Flávia Correia", "(11) 90000-1042", "value_not_uuid", agent="Clara"),
    # A duplicate of a wrong row is no duplicate: the first row without an error is sent.
    Contact(name="Caio Bastos", phone="(11) 90000-1039", company="Oficina do Caio", note="corrigida"),
)

NOTES = (
    "Esta planilha acompanha o wegly-batch. Nomes, empresas, valores e números são inventados.",
    "As três primeiras linhas da outra aba são título: o programa encontra o cabeçalho na linha 4.",
    "Os números estão escritos de propósito de muitas maneiras; alguns estão errados, repetidos ou em linha oculta.",
    "Alguns finais (por exemplo 0200, 0400, 0429) fazem o simulador responder de um jeito especial.",
    "A linha 25 está vazia e a linha 30 está oculta.",
)

INVOICES: tuple[tuple[str, ...], ...] = (
    ("Cliente", "Celular", "Fatura", "Valor", "Vencimento", "Observação"),
    ("Antônio Gonçalves", "(11) 90000-1101", "2026-0001", "R$ 1.234,56", "10/12/2026", "paga sempre no dia"),
    ("Antônio Gonçalves", "11900001101", "2026-0002", "89,90", "15/12/2026", "outra fatura da mesma pessoa"),
    ("Antônio Gonçalves", "+55 11 90000-1101", "2026-0001", "1234,56", "10/12/2026", "a mesma fatura outra vez"),
    ("CONCEIÇÃO ARAÚJO", "5521900001102", "2026-0003", "450", "10/12/2026", ""),
    ("Padaria Pão & Cia; filial 2", "(31) 90000-1103", "2026-0004", "12.000,00", "20/12/2026", 'diz "só depois das 9"'),
    ("", "041 41 90000-1104", "2026-0005", "35,5", "20/12/2026", "sem nome: recebe o texto padrão"),
    ("Estêvão Brandão", "(51) 9999-1105", "2026-0006", "R$ 210,00", "20/12/2026", "sem o nono dígito"),
    ("Luíza Frota", "5,51E+12", "2026-0007", "99,00", "20/12/2026", "o Excel apagou os dígitos"),
    ("Márcia Tavares", "90000-1106", "2026-0008", "99,00", "20/12/2026", "sem DDD"),
    ("Nádia Couto", "(11) 90000-1107", "2026-0009", "mil reais", "20/12/2026", "valor por extenso"),
    ("Oscar Benício", "(11) 90000-1108", "2026-0010", "99,00", "31/02/2026", "esse dia não existe"),
    ("Priscila Galvão", "", "2026-0011", "99,00", "20/12/2026", "sem telefone"),
    ("Raul Toledo", "(85) 90000-1109", "2026-0012", "0,99", "05/01/2027", "ligar antes;\nprefere de manhã"),
    ("Sílvia Portela", "(71) 90000-1110", "2026-0013", "R$ 75,00", "05/01/2027", "preço em € não vale; só R$"),
)

STORES: tuple[tuple[str, str, str], ...] = (
    ("Centro", "11", "3d6a1b52-90c4-4e1f-8a77-1c2e5f0a9b01"),
    ("Botafogo", "21", "3d6a1b52-90c4-4e1f-8a77-1c2e5f0a9b02"),
    ("Savassi", "31", "3d6a1b52-90c4-4e1f-8a77-1c2e5f0a9b03"),
    ("Batel", "41", "3d6a1b52-90c4-4e1f-8a77-1c2e5f0a9b04"),
    ("Moinhos", "51", "3d6a1b52-90c4-4e1f-8a77-1c2e5f0a9b05"),
    ("Barra", "71", "3d6a1b52-90c4-4e1f-8a77-1c2e5f0a9b06"),
)
"""Name, area code and sender of each store."""
CUSTOMERS_OF_A_STORE = 40
FIRST_NAMES = ("Alice", "Bento", "Cecília", "Davi", "Elisa", "Fábio", "Helena", "Igor", "Joana", "Lúcio")
LAST_NAMES = ("Amorim", "Brandão", "Coutinho", "Dantas", "Esteves", "Fonseca")


def customers() -> tuple[tuple[str, ...], ...]:
    """The header and the rows of `lojas.csv`: 240 customers of six stores, none of them wrong."""
    rows = [("Loja", "Remetente", "Cliente", "Telefone")]
    for store, (name, area, sender) in enumerate(STORES):
        for number in range(CUSTOMERS_OF_A_STORE):
            at = store * CUSTOMERS_OF_A_STORE + number
            person = f"{FIRST_NAMES[at % len(FIRST_NAMES)]} {LAST_NAMES[at // 10 % len(LAST_NAMES)]}"
            rows.append((name, sender, person, f"({area}) 90000-{2001 + at}"))
    return tuple(rows)


def contatos_xlsx() -> bytes:
    """The workbook `contatos.xlsx`: titles above the header, the contacts, and a second sheet with notes."""
    book = Workbook()
    sheet = book.worksheets[0]
    _title(sheet)
    _head(sheet)
    for row, contact in enumerate(CONTACTS, start=HEADER_ROW + 1):
        if contact is not None:
            _contact(sheet, row, contact)
    _notes(book.create_sheet("Notas"))
    buffer = io.BytesIO()
    book.save(buffer)
    return _without_times(buffer.getvalue())


def contatos_csv() -> bytes:
    """The text file `contatos.csv` as Brazilian Excel saves it."""
    return _excel_csv(INVOICES)


def lojas_csv() -> bytes:
    """The text file `lojas.csv`, likewise."""
    return _excel_csv(customers())


def _excel_csv(rows: Iterable[tuple[str, ...]]) -> bytes:
    """`;`, Windows-1252, CRLF."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode("cp1252")


def _title(sheet: Worksheet) -> None:
    sheet.title = "Contatos"
    sheet["A1"] = "Boas-vindas: clientes novos"
    sheet["A1"].font = Font(bold=True, size=14)
    sheet.merge_cells("A1:G1")
    sheet["A2"] = "Exportado em 03/11/2026. Dados inventados."
    sheet["A2"].font = Font(italic=True, color="666666")


def _head(sheet: Worksheet) -> None:
    for column, (name, width) in enumerate(zip(HEADER, WIDTHS, strict=True), start=1):
        cell = sheet.cell(HEADER_ROW, column, name)
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor="1F6F54")
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = f"A{HEADER_ROW + 1}"
    sheet.auto_filter.ref = f"A{HEADER_ROW}:G{HEADER_ROW + len(CONTACTS)}"


def _contact(sheet: Worksheet, row: int, contact: Contact) -> None:
    values = (contact.name, contact.phone, contact.company, contact.amount, contact.due, contact.agent, contact.note)
    for column, value in enumerate(values, start=1):
        cell = sheet.cell(row, column, value)
        if isinstance(value, str) and value.startswith("="):
            cell.data_type = "s"
            cell.quotePrefix = True
        if isinstance(value, str) and "\n" in value:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    if isinstance(contact.phone, float):
        sheet.cell(row, 2).number_format = "(00) 00000-0000"
    elif isinstance(contact.phone, int):
        sheet.cell(row, 2).number_format = "0"
    sheet.cell(row, 4).number_format = '"R$" #,##0.00'
    sheet.cell(row, 5).number_format = "dd/mm/yyyy"
    sheet.row_dimensions[row].hidden = contact.hidden


def _notes(sheet: Worksheet) -> None:
    sheet.column_dimensions["A"].width = 110
    for row, note in enumerate(NOTES, start=1):
        sheet.cell(row, 1, note)


def _without_times(workbook: bytes) -> bytes:
    """The same workbook with a fixed date in its properties and its zip entries, so that git sees no change in it."""
    times = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = times.sub(rb"\g<1>2026-11-03T09:00:00Z", old.read(name))
            new.writestr(zipfile.ZipInfo(name, (2026, 11, 3, 9, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def main(folder: Path) -> None:
    """Write the sheets into `folder`."""
    (folder / "contatos.xlsx").write_bytes(contatos_xlsx())
    (folder / "contatos.csv").write_bytes(contatos_csv())
    (folder / "lojas.csv").write_bytes(lojas_csv())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
