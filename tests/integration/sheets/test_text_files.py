"""CSV and TXT files from the disk to rows."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from rights import is_private

from batch.errors import SheetError
from batch.loader import Limits, Sheet, keep_copy, open_sheet
from batch.loader.formats.delimited import INNER_QUOTE


def opened(tmp_path: Path, content: str | bytes, encoding: str = "utf-8", name: str = "s.csv") -> Sheet:
    """The sheet of a file with this content."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return open_sheet(path)


def plain(sheet: Sheet) -> list[tuple[int, tuple[str | None, ...]]]:
    return [(row.number, row.cells) for row in sheet.rows()]


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("cp1252", "cp1252")]
)
def test_encodings(tmp_path: Path, encoding: str, said: str) -> None:
    """Each is told by its content, and accents arrive whole."""
    sheet = opened(tmp_path, "Nome;Telefone\r\nJoão Conceição;11999990001\r\n", encoding)
    assert sheet.info.encoding == said
    assert sheet.info.columns == ("Nome", "Telefone")
    assert plain(sheet) == [(2, ("João Conceição", "11999990001"))]


@pytest.mark.parametrize("encoding", ["cp1252", "cp850", "cp860", "mac_roman"])
def test_old_encodings_are_told_by_their_letters(tmp_path: Path, encoding: str) -> None:
    """Names come out as they were typed; a final Ctrl-Z of DOS is no row."""
    names = ("João Conceição", "Ângela Araújo", "JOÃO DA CONCEIÇÃO", "Íris Simões")
    text = "".join(["Nome;Telefone\r\n", *(f"{name};1\r\n" for name in names)])
    for written in (f"{text}\x1a", text.rstrip() + "\x1a"):
        sheet = opened(tmp_path, written, encoding)
        assert sheet.info.encoding == encoding
        assert plain(sheet) == [(number, (name, "1")) for number, name in enumerate(names, start=2)]


def test_an_encoding_may_be_named(tmp_path: Path) -> None:
    """Where several would do the file is refused with names to choose from; a named one that does not fit, too."""
    with pytest.raises(SheetError, match="unknown encoding") as caught:
        opened(tmp_path, "Nome;Telefone\nMARIA JOSÉ;1\n", "cp850")
    assert 'encoding = "cp1252"' in caught.value.remedy
    sheet = open_sheet(tmp_path / "s.csv", encoding="cp850")
    assert plain(sheet) == [(2, ("MARIA JOSÉ", "1"))]
    with pytest.raises(SheetError, match="not text in the encoding utf-8"):
        open_sheet(tmp_path / "s.csv", encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "'Nome','Telefone','Loja'\n'Ana Sá','1','Rua A, 3'\n'D''Ávila','2','x'\n",
        'Nome, Telefone, Loja\nAna Sá, 1, "Rua A, 3"\nD\'Ávila, 2, x\n',
        '"Nome" ; "Telefone" ; "Loja"\n"Ana Sá" ; "1" ; "Rua A, 3"\n"D\'Ávila" ; "2" ; "x"\n',
    ],
)
def test_other_quotes_and_delimiters(tmp_path: Path, text: str) -> None:
    """Apostrophes where every cell has both, and blanks around delimiters."""
    sheet = opened(tmp_path, text)
    assert sheet.info.columns == ("Nome", "Telefone", "Loja")
    assert plain(sheet) == [(2, ("Ana Sá", "1", "Rua A, 3")), (3, ("D'Ávila", "2", "x"))]
    assert not any(row.errors for row in sheet.rows())


def test_spaces_split_where_that_is_unmistakable(tmp_path: Path) -> None:
    """Usual names in the header and as many words in each line; else the file has one column."""
    assert opened(tmp_path, "Nome Telefone\nAna 1\nBia 2\n").info.columns == ("Nome", "Telefone")
    assert opened(tmp_path, "Nome Telefone\nAna Sá 1\nBia 2\n").info.columns == ("Nome Telefone",)


def test_typographic_marks_around_every_cell_are_refused_by_name(tmp_path: Path) -> None:
    """They would be sent as part of the texts."""
    with pytest.raises(SheetError, match="no quotation marks"):
        opened(tmp_path, "\u201cNome\u201d;\u201cTelefone\u201d\n\u201cAna\u201d;\u201c1\u201d\n")


def test_a_second_header_is_named(tmp_path: Path) -> None:
    """It is no person; with other columns the rows below it would be shifted."""
    body = "Ana;1;x\nNome;Telefone;Loja\nBia;2;y\nTelefone;Nome;Loja\n3;Caio;z\n"
    sheet = opened(tmp_path, f"Nome;Telefone;Loja\n{body}")
    assert [row.number for row in sheet.rows() if row.errors] == [3, 5, 6]


def test_how_a_text_file_was_read(tmp_path: Path) -> None:
    """Format, delimiter, header and counts are said."""
    sheet = opened(tmp_path, "Nome\tTelefone\nAna\t1\n", name="s.xls")
    assert (sheet.info.format, sheet.info.delimiter, sheet.info.header_row, sheet.row_count) == ("tsv", "\t", 1, 1)
    assert sheet.info.sheet is None


def test_excels_first_line_is_no_row(tmp_path: Path) -> None:
    """After `sep=;` the header is row 1, as Excel shows it."""
    sheet = opened(tmp_path, "sep=,\r\nNome,Telefone\r\nAna,1\r\n")
    assert sheet.info.header_row == 1
    assert plain(sheet) == [(2, ("Ana", "1"))]


def test_row_numbers_are_excels(tmp_path: Path) -> None:
    """Blank lines count, lines of delimiters hold nothing, a quoted line break adds none; lone CRs end lines."""
    sheet = opened(tmp_path, 'Nome;Telefone\r\r;\r"A\rB";1\r')
    assert plain(sheet) == [(4, ("A\rB", "1"))]


def test_long_and_short_rows_are_errors_of_theirs(tmp_path: Path) -> None:
    """Cells are never shifted, whether the surplus is filled or empty."""
    sheet = opened(tmp_path, "Nome;Telefone;Obs\nAna;1;x;y\nBia;2\nCaio;3;z;\nDora;4;\n")
    errors = {row.number: str(row.errors.get("", "")) for row in sheet.rows()}
    assert errors == {
        2: "it has 4 cells, the header has 3; beyond it stands 'y'",
        3: "it has 2 cells, the header has 3",
        4: "it has 4 cells, the header has 3",
        5: "",
    }


def test_a_file_that_leaves_out_empty_ends_is_read_as_it_was_meant(tmp_path: Path) -> None:
    """Where no row ends with an empty cell and many are short, short rows are whole."""
    body = "".join(f"P{n};{n}{';x' if n % 2 else ''}\n" for n in range(1, 13))
    sheet = opened(tmp_path, f"Nome;Telefone;Obs\n{body}")
    assert [row.errors for row in sheet.rows()] == [{}] * 12
    assert plain(sheet)[1] == (3, ("P2", "2", None))


def test_excel_leaves_out_ends_by_blocks_of_16_lines(tmp_path: Path) -> None:
    """A block whose lines are all short is whole, and a shorter last one behind it; not a short row among full ones."""
    short = {*range(17, 49), 65, 66}
    lines = [f"P{row};{row}" + ("" if row in short else ";") for row in range(2, 67)]
    lines[50 - 2] = "P50;50"
    errors = [row.number for row in opened(tmp_path, "\n".join(["Nome;Telefone;Obs", *lines])).rows() if row.errors]
    assert errors == [50, 65, 66]
    lines[49 - 2 :] = ["P49;49", "P50;50"]
    assert not any(row.errors for row in opened(tmp_path, "\n".join(["Nome;Telefone;Obs", *lines])).rows())
    lines[20 - 2] = "P20"
    errors = [row.number for row in opened(tmp_path, "\n".join(["Nome;Telefone;Obs", *lines])).rows() if row.errors]
    assert errors == list(range(17, 33))


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        ("Nome;Telefone;;Obs\nAna;1;x\nBia;2;y\n", "4 cells in its header .row 1., .* most have 3"),
        ("Nome;Telefone\nAna;1;\nBia;2;\n", "2 cells in its header .row 1., .* most have 3"),
    ],
)
def test_a_header_that_no_row_fits_stops_the_file(tmp_path: Path, content: str, numbers: str) -> None:
    """Both numbers are named, and the line by which a person says that only empty ends differ."""
    with pytest.raises(SheetError, match=numbers) as caught:
        opened(tmp_path, content)
    assert 'row_ends = "loose"' in caught.value.remedy
    sheet = open_sheet(tmp_path / "s.csv", has_loose_ends=True)
    assert [row.cells[:2] for row in sheet.rows() if not row.errors] == [("Ana", "1"), ("Bia", "2")]


def test_a_header_may_end_in_separators_that_rows_do_not_have(tmp_path: Path) -> None:
    """The number of cells that rows have is meant; a row with one more is shifted."""
    sheet = opened(tmp_path, "Nome;Telefone;\nAna;1\nBia;2\n;Caio;3\n")
    assert [(row.number, str(row.errors.get("", ""))) for row in sheet.rows()] == [
        (2, ""), (3, ""), (4, "it has 3 cells, the header has 2; beyond it stands '3'")]  # fmt: skip


def test_a_separator_lost_before_a_quoted_cell_is_named(tmp_path: Path) -> None:
    """The count of cells fits again, but the text is cut; inch marks stay text."""
    body = 'x"Bolo; 3";Centro\nMonitor 24";Ana "Nina" Sá;Tubo 5"\nx;y;a"Bolo; 3"\n24"x;"a;b";"c"\n'
    sheet = opened(tmp_path, f"Produto;Nome;Loja\n{body}")
    assert [row.number for row in sheet.rows() if row.errors.get("") == INNER_QUOTE] == [2, 4]
    assert sum(bool(row.errors) for row in sheet.rows()) == 2


def test_a_stray_quotation_mark_is_named(tmp_path: Path) -> None:
    """One row is an error; the people after it are still there."""
    sheet = opened(tmp_path, 'Nome;Telefone\n"Ana;1\nBia;2\n')
    assert [(row.number, str(row.errors.get("", ""))) for row in sheet.rows()] == [
        (2, "a quotation mark is opened and not closed properly"), (3, "")]  # fmt: skip


def test_reading_again_gives_the_same(tmp_path: Path) -> None:
    """`rows()` may be called as often as needed."""
    sheet = opened(tmp_path, "Nome;Telefone\nAna;1\nBia;2\n")
    assert plain(sheet) == plain(sheet)
    assert len(plain(sheet)) == sheet.row_count == 2


def test_a_sheet_without_header_loses_nobody(tmp_path: Path) -> None:
    """Columns have letters, and a warning says so."""
    sheet = opened(tmp_path, "Ana;11999990001\nBia;11999990002\n")
    assert sheet.info.header_row == 0
    assert sheet.info.columns == ("column A", "column B")
    assert "No header row" in sheet.info.warnings[0]
    assert [number for number, _ in plain(sheet)] == [1, 2]


def test_the_header_row_may_be_given(tmp_path: Path) -> None:
    """Exactly that row is the header; 0 says there is none; a wrong one is refused."""
    path = tmp_path / "s.csv"
    path.write_text("Nome;Telefone\nx;y\nAna;1\n")
    assert open_sheet(path, header_row=2).info.columns == ("x", "y")
    assert open_sheet(path, header_row=0).row_count == 3
    with pytest.raises(SheetError, match="no header in row 9"):
        open_sheet(path, header_row=9)


def test_a_messy_sheet_asks_for_its_header(tmp_path: Path) -> None:
    """Neither a header nor a list: nothing is guessed."""
    wide = ";".join(str(n) for n in range(12))
    with pytest.raises(SheetError, match="no row that can be told to be its header"):
        opened(tmp_path, f"{wide}\n1;2\n3\n4;5\n{wide}\n6\n")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n", "is empty"),
        (b"a,b\n\0,2\n", "NUL"),
        ("a;b\n\0;2\n".encode("utf-16"), "NUL"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"<html><table>", "a web page"),
        (b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">', "Excel 2003"),
        (b"Nome;Fone\n", "no rows"),
        (b"a;b\n\x01\x02\x03;1\n", "control characters"),
        ("Nome;Fone\nJoão;1\nConceição;2\n".encode() + b"Jo\xe3o;3\n", "mixes two encodings.*line 4"),
        (b"Nome;Fone\nJo\xe3\x81o;3\n", "neither UTF-8"),
        (b"\xff\xfea;\x00\xd8", "UTF-16"),
    ],
)
def test_what_is_no_sheet_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    """One sentence says what it is, another what to do."""
    with pytest.raises(SheetError, match=words) as caught:
        opened(tmp_path, content)
    assert caught.value.problem.startswith("s.csv ")
    assert caught.value.remedy


def test_missing_files_and_folders(tmp_path: Path) -> None:
    """Both are said so."""
    with pytest.raises(SheetError, match="does not exist"):
        open_sheet(tmp_path / "nada.csv")
    with pytest.raises(SheetError, match="is a folder"):
        open_sheet(tmp_path)


def test_text_limits(tmp_path: Path) -> None:
    """The file, a line, the cells and their text are limited, each by a setting."""
    path = tmp_path / "s.csv"
    path.write_text("Nome;Telefone\n" + "Ana;11999990001\n" * 100)
    for limits in (Limits(file_bytes=100), Limits(cells=50), Limits(text_characters=50), Limits(columns=1)):
        with pytest.raises(SheetError, match="too large"):
            open_sheet(path, limits=limits)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_file_of_one_endless_line_is_not_read(tmp_path: Path, encoding: str) -> None:
    """A line is read in one piece, so its length is looked at first."""
    path = tmp_path / "s.csv"
    path.write_text("Nome;Telefone\n" + "x" * 6_000_000, encoding=encoding)
    with pytest.raises(SheetError, match="one line is longer"):
        open_sheet(path, limits=Limits(row_bytes=2_000_000))


def test_duplicate_names_are_told(tmp_path: Path) -> None:
    """Nothing may be mapped to a name that two columns have."""
    sheet = opened(tmp_path, "Telefone;Nome;Telefone\n1;Ana;2\n")
    assert sheet.info.columns == ("Telefone", "Nome", "Telefone (column C)")
    assert sheet.info.ambiguous == ("Telefone",)


def test_a_kept_copy_is_private_and_whole(tmp_path: Path) -> None:
    """Mode 0600, the same bytes, their hash; a second copy replaces the first."""
    path = tmp_path / "Contatos.CSV"
    path.write_bytes(b"Nome;Telefone\r\nAna;1\r\n")
    folder = tmp_path / "run"
    folder.mkdir()
    keep_copy(path, folder)
    copy = keep_copy(path, folder)
    assert copy.path == folder / ".sheet.CSV"
    assert copy.path.read_bytes() == path.read_bytes()
    assert copy.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert is_private(copy.path)
    assert [entry.name for entry in folder.iterdir()] == [".sheet.CSV"]
    assert open_sheet(copy.path, shown_as="Contatos.CSV").info.file == "Contatos.CSV"


def test_a_copy_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A missing sheet, and a missing folder."""
    path = tmp_path / "s.csv"
    with pytest.raises(SheetError, match="does not exist"):
        keep_copy(path, tmp_path)
    path.write_text("a;b\n")
    with pytest.raises(SheetError, match="cannot be copied"):
        keep_copy(path, tmp_path / "nada")
