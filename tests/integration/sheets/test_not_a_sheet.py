"""Files that are no sheet, whatever their names: each is refused by the name of its kind, with a thing to do."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from batch.errors import SheetError
from batch.loader import open_sheet

VCARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nN:Souza;Ana;;;\r\nTEL;TYPE=CELL:+55 11 90000-2601\r\nEND:VCARD\r\n"
MHTML = b'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="x"\r\n\r\n--x\r\n<html><table><tr><td>Nome'
BLINK = b"From: <Saved by Blink>\r\nSubject: =?utf-8?Q?Clientes?=\r\n de novembro\r\n" + MHTML
TABLE = b"<table border=1>\r\n<tr><td>Nome</td><td>Telefone</td></tr><tr><td>Ana</td><td>11900000001</td></tr></table>"
DBF = (
    struct.pack("<4BLHH20x", 3, 126, 11, 28, 2, 32 + 64 + 1, 31)
    + b"NOME\0\0\0\0\0\0\0C\0\0\0\0\x14"
    + bytes(15)
    + b"FONE\0\0\0\0\0\0\0C\0\0\0\0\x0b"
    + bytes(15)
    + b"\r ANA                 11900000001 BIA                 11900000002\x1a"
)
KINDS = {
    "contatos.vcf": (VCARD, "address book (vCard)", "export it there as CSV"),
    "contatos.csv": (b"\xef\xbb\xbf\r\n" + VCARD.lower(), "address book (vCard)", "CSV"),
    "contatos-utf16.vcf": (VCARD.decode().encode("utf-16"), "address book (vCard)", "CSV"),
    "pessoas.ldif": (b"version: 1\n\ndn: cn=Ana,dc=example\ncn: Ana\n", "LDIF", "CSV"),
    "agenda.ics": (b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", "a calendar", "Export"),
    "mhtml.xls": (MHTML, "MHTML", "save it as XLSX"),
    "pagina.mhtml": (BLINK, "MHTML", "save it as XLSX"),
    "mensagem.eml": (
        b"Received: from a\r\n by b\r\nSubject: lista\r\nMessage-ID: <1@a>\r\n\r\nNome;",
        "e-mail",
        "XLSX",
    ),
    "antigo.dif": (b'TABLE\r\n0,1\r\n"EXCEL"\r\nVECTORS\r\n0,2\r\n""\r\n', "DIF", "save it as XLSX"),
    "antigo.slk": (b'ID;PWXL;N;E\r\nP;PGeneral\r\nC;Y1;X1;K"Nome"\r\n', "SYLK", "save it as XLSX"),
    "calc.csv": (b'ID;PSCALC3\nB;Y3;X2;D0 0 2 1\nC;X1;Y1;K"Nome"\n', "SYLK", "save it as XLSX"),
    "clientes.dbf": (DBF, "dBase table", "save it as XLSX"),
    "Contatos.gsheet": (
        b'{"":"WARNING! DO NOT EDIT","doc_id":"1a2b","resource_key":"","email":"ana@example.com"}',
        "a link to a sheet of Google",
        "Download, Microsoft Excel",
    ),
    "velho.gsheet": (
        b'{"url": "https://docs.google.com/open?id=1", "doc_id": "1"}',
        "a link to a sheet of Google",
        "xlsx",
    ),
    "clientes.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document", "the sheet it was made from"),
    "foto.xlsx": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture", "the sheet it was made from"),
    "foto.csv": (b"\xff\xd8\xff\xe0\0\x10JFIF", "a picture", "the sheet it was made from"),
    "foto.webp": (b"RIFF\x24\0\0\0WEBPVP8 ", "a picture", "the sheet it was made from"),
    "foto.heic": (b"\0\0\0\x18ftypheic\0\0", "a picture", "the sheet it was made from"),
    "foto.bmp": (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0", "a picture", "the sheet it was made from"),
    "logo.svg": (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>',
        "a picture",
        "the sheet it was made from",
    ),
    "desenho.csv": (
        b'<?xml version="1.0"?>\n<!-- Inkscape -->\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x">\n<svg:svg>',
        "a picture",
        "the sheet it was made from",
    ),
    "audio.ogg": (b"OggS\0\x02\0\0\0\0", "a sound", "the sheet it was made from"),
    "tabela.xls": (TABLE, "a web page (HTML)", "save it as XLSX"),
    "pagina.csv": (
        b"<!-- relat\xf3rio --> <!-- 2 -->\n<!DOCTYPE html><html><head>",
        "a web page (HTML)",
        "save it as XLSX",
    ),
    "fonte.xls": (b'<font face="Arial"><b>Clientes</b><table><tr><td>Nome', "a web page (HTML)", "save it as XLSX"),
    "utf16.xls": (TABLE.decode().encode("utf-16"), "a web page (HTML)", "save it as XLSX"),
    "dados.xml": (b'<?xml version="1.0"?><clientes><cliente/></clientes>', "an XML file", "as CSV or XLSX"),
    "livro.xml": (
        (
            b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook xmlns="urn:schemas-microsoft-com:'
            b'office:spreadsheet">'
        ),
        "Excel 2003",
        "save it as XLSX",
    ),
    "livro.fods": (
        (
            b'<?xml version="1.0"?>\n<office:document xmlns:office="urn:x" office:mimetype='
            b'"application/vnd.oasis.opendocument.spreadsheet">'
        ),
        "flat XML sheet of LibreOffice",
        "save it as XLSX",
    ),
    "dados.json": (b'[\n  {"nome": "Ana", "telefone": "11900000001"}\n]', "a JSON file", "as CSV or XLSX"),
    "linhas.json": (b'{"nome":"Ana"}\n{"nome":"Bia"}\n', "a JSON file", "as CSV or XLSX"),
    "banco.db": (b"SQLite format 3\0\x10\0", "a database", "as CSV or XLSX"),
    "banco.accdb": (b"\0\x01\0\0Standard ACE DB\0", "a database", "as CSV or XLSX"),
    "dados.parquet": (b"PAR1\x15\x04\x15", "a data file", "as CSV or XLSX"),
    "lotus.wk1": (b"\0\0\x02\0\x06\x04\x06\0\x08\0", "Lotus 1-2-3", "save it as XLSX"),
    "clientes.zst": (b"\x28\xb5\x2f\xfd\x04", "a packed archive", "Unpack it"),
    "clientes.tar": (b"clientes.csv".ljust(257, b"\0") + b"ustar\x0000", "a packed archive", "Unpack it"),
    "clientes.csv.gz": (b"\x1f\x8b\x08\0", "a packed archive", "Unpack it"),
    "clientes.rtf": (b"{\\rtf1\\ansi", "a text document", "the sheet it was made from"),
    "atalho.lnk": (b"L\0\0\0\x01\x14\x02\0\0\0", "a shortcut", "Name the sheet itself"),
    "atalho.url": (b"[InternetShortcut]\r\nURL=https://example.com/\r\n", "a shortcut", "Name the sheet itself"),
    "~$contatos.xlsx": (b"\x03Ana" + b" " * 50, "leaves beside a sheet that is open", "Name the sheet itself"),
    ".~lock.contatos.ods#": (b",ana,pc,28.11.2026 10:00,file:///x;", "that is open", "Name the sheet itself"),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_no_sheet_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """Its content decides, not its name, and the refusal says what to do."""
    content, kind, remedy = KINDS[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SheetError) as refused:
        open_sheet(path)
    assert kind in refused.value.problem
    assert remedy in (refused.value.remedy or "")


@pytest.mark.parametrize(
    "text",
    [
        "ID;Phone;Nome\nP;11900000001;Ana\n",
        "ID;P\n1;11900000001\n",
        "id;phone\nC;Y1\n",
        "PAR1;Telefone\nx;11900000001\n",
        "Content-Type;Telefone\nMIME-Version: 1;11900000001\n",
        "TABLE,Telefone\n0,11900000001\n",
        "<b>Nome</b>;Telefone\nAna;11900000001\n",
        "[Nome];Telefone\nAna;11900000001\n",
        '{Nome};"Telefone"\nAna;11900000001\n',
        "BM;Telefone\nAna;11900000001\n",
        "BEGIN;Telefone\nVCARD;11900000001\n",
        "Rar;Telefone\nAna;11900000001\n",
        "0\n\n11900000001\n11900000002\n",
    ],
)
def test_a_sheet_that_begins_alike_is_read(tmp_path: Path, text: str) -> None:
    """No text is taken for another kind by a word that may stand in a header."""
    path = tmp_path / "contatos.csv"
    path.write_text(text, "utf-8")
    assert open_sheet(path).row_count >= 1
