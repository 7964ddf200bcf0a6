"""How parts of the user's workbook are looked into and changed, piece by piece."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.ooxml.package import CONTENT_TYPES, Package
from batch.ooxml.references import Area
from batch.ooxml.xml import UnsupportedMarkup
from batch.reporter.columns import COLUMNS, Value
from batch.reporter.xlsx.sheet_parts import Surroundings, Table
from batch.reporter.xlsx.sheet_rows import SheetXml
from batch.reporter.xlsx.sheet_scan import scan_sheet
from batch.reporter.xlsx.sheet_splice import Splice
from batch.reporter.xlsx.styles import BARE_STYLES, StylesPart

SHEET = (
    b'<?xml version="1.0"?><!-- <row r="9"/> --><x:worksheet xmlns:x="m"><x:sheetData>'
    b'<x:row r="2" spans="1:2" note="a>b"><x:c r="A2" t="s"><x:v>0</x:v></x:c><x:c r=\'B2\' ></x:c></x:row>\n'
    b'<x:row><x:c><x:f>1&lt;2</x:f><x:v>1</x:v></x:c><!-- </x:row> --></x:row><x:row r="7"/>'
    b'<x:row r="8"><x:c r="C8" t="inlineStr"><x:is><x:t><![CDATA[</x:row>&]]></x:t></x:is></x:c></x:row >'
    b"</x:sheetData><x:pageMargins/></x:worksheet>"
)


def pieces(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


@settings(deadline=None)
@given(st.integers(1, 60))
def test_rows_are_the_same_wherever_the_pieces_end(size: int) -> None:
    """Numbers, also of rows that do not say theirs; no row out of a comment or a CDATA section; head and tail."""
    sheet = SheetXml(pieces(SHEET, size))
    rows = list(sheet.rows())
    assert [row.number for row in rows] == [2, 3, 7, 8]
    assert (sheet.head, sheet.tail) == (b'<x:worksheet xmlns:x="m">', b"<x:pageMargins/></x:worksheet>")
    cells = [sheet.patterns.cells(row.content or b"")[0] for row in rows]
    assert [[cell.column for cell in each] for each in cells] == [[1, 2], [1], [], [3]]
    assert [[sheet.patterns.is_filled(cell) for cell in each] for each in cells] == [[True, False], [True], [], [True]]
    assert cells[3][0].content == b"<x:is><x:t>&lt;/x:row&gt;&amp;</x:t></x:is>"


@pytest.mark.parametrize(
    "content",
    [
        b"<worksheet><sheetData><row r='1'/><extra/></sheetData></worksheet>",
        b"<worksheet><sheetData><row r='1'><c/>",
        b"<worksheet/>",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><worksheet><sheetData/></worksheet>",
        b"<?xml version='1.0' encoding='nonsense-9'?><worksheet><sheetData/></worksheet>",
    ],
)
def test_what_is_not_understood_is_refused(content: bytes) -> None:
    """Rather a clean workbook than a guess."""
    with pytest.raises(UnsupportedMarkup):
        list(SheetXml([content]).rows())


def test_results_take_the_place_of_what_was_there() -> None:
    """Old results go, also in rows that have none now; cells that did not say where they are stay where they are."""
    content = (
        b'<worksheet><sheetData><row r="1" spans="1:3"><c/><c r="B1"/></row>'
        b'<row r="2"><c><v>1</v></c><c><v>2</v></c><c><v>3</v></c></row>'
        b'<row r="3"><c r="B3"><v>old</v></c></row></sheetData></worksheet>'
    )
    sheet = SheetXml([content])
    splice = Splice(sheet.patterns, [2, 4], header_row=1, widest=3)
    added = [(1, b'<c r="B1"><v>h</v></c>'), (2, b'<c r="B2"><v>n</v></c>'), (5, b'<c r="D5"><v>z</v></c>')]
    assert b"".join(splice.pieces(sheet.rows(), added)) == (
        b'<row r="1"><c r="A1"/><c r="B1"><v>h</v></c></row>'
        b'<row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>n</v></c><c r="C2"><v>3</v></c></row>'
        b'<row r="3"></row><row r="5"><c r="D5"><v>z</v></c></row>'
    )


def test_how_far_the_users_cells_reach() -> None:
    """Below the header, with what an earlier report wrote counting for the columns and not for the rows."""
    content = (
        b'<worksheet><sheetData><row r="1"><c r="Z1" t="str"><v>title</v></c></row>'
        b'<row r="2"><c r="A2" t="str"><v>Nome</v></c><c r="C2" t="str"><v>WEGLY_status </v></c></row>'
        b'<row r="4"><c r="A4"><v>1</v></c><c r="B4"/></row><row r="5"><c r="C5"><v>old</v></c></row>'
        b'<row r="9"><c r="AB9" s="3"/></row></sheetData></worksheet>'
    )
    texts = [["Nome", "WEGLY_status "]]
    found = scan_sheet([content], header_row=2, texts=lambda _: texts.pop())
    assert (found.header, found.right, found.bottom) == ({1: "Nome", 3: "WEGLY_status "}, 3, 4)
    assert found.widest == 28


def surroundings(head: bytes, tail: bytes = b"") -> Surroundings:
    content = b"<worksheet>" + head + b"<sheetData/>" + tail + b"</worksheet>"
    return Surroundings(scan_sheet([content], header_row=1, texts=lambda _: []))


def test_columns_are_carved_out_of_the_users_record() -> None:
    """A record over many columns keeps what is left of it; ours come in between, in ascending order."""
    around = surroundings(b'<cols><col min="2" max="9" hidden="1"/><col min="1" max="1" width="5"/></cols>')
    around.widen({4: 20, 5: 7.5}, [])
    assert around.head == (
        b'<worksheet><cols><col min="1" max="1" width="5"/><col min="2" max="3" hidden="1"/>'
        b'<col min="4" max="4" width="20" customWidth="1"/><col min="5" max="5" width="7.5" customWidth="1"/>'
        b'<col min="6" max="9" hidden="1"/></cols>'
    )


def test_columns_for_machines_are_grouped_beside_the_users_own_groups() -> None:
    """Hidden, one level deep, with the sign behind them; a deeper group of the user's stays as it is."""
    around = surroundings(
        b'<sheetFormatPr outlineLevelCol="2" defaultRowHeight="15"/>'
        b'<cols><col min="1" max="2" width="5" outlineLevel="2"/></cols>'
    )
    around.widen({3: 20, 4: 7, 5: 8}, [4, 5])
    assert around.head == (
        b'<worksheet><sheetFormatPr outlineLevelCol="2" defaultRowHeight="15"/><cols>'
        b'<col min="1" max="2" width="5" outlineLevel="2"/><col min="3" max="3" width="20" customWidth="1"/>'
        b'<col min="4" max="4" width="7" customWidth="1" hidden="1" outlineLevel="1"/>'
        b'<col min="5" max="5" width="8" customWidth="1" hidden="1" outlineLevel="1"/>'
        b'<col min="6" max="6" width="9" collapsed="1"/></cols>'
    )


def test_what_is_around_the_rows_makes_room() -> None:
    """Merges end before result columns, links in them go, the filter comes where the schema has it, the rest stays."""
    around = surroundings(
        b'<dimension ref="A1:B3"/><sheetViews><sheetView tabSelected="1" workbookViewId="0"/></sheetViews>',
        b'<sheetProtection sheet="1"/><mergeCells count="4"><mergeCell ref="A1:D1"/>'
        b'<mergeCell ref="B4:C5"/><mergeCell ref="C6:E6"/><mergeCell ref="B7:XFD7"/></mergeCells>'
        b'<hyperlinks><hyperlink ref="C4"/></hyperlinks><pageMargins/>',
    )
    around.deselect()
    around.reach(6, 9)
    around.unmerge([3], header_row=2)
    around.unlink([3], header_row=2)
    assert around.filter_over(Area(1, 2, 6, 9), []) == Area(1, 2, 6, 9)
    assert around.head == (
        b'<worksheet><dimension ref="A1:F9"/><sheetViews><sheetView workbookViewId="0"/></sheetViews>'
    )
    assert around.tail == (
        b'<sheetProtection sheet="1"/><autoFilter ref="A2:F9"/>'
        b'<mergeCells count="2"><mergeCell ref="A1:D1"/><mergeCell ref="B4:B5"/></mergeCells><pageMargins/></worksheet>'
    )


def test_no_filter_is_laid_over_a_table_or_moved_from_elsewhere() -> None:
    """Excel calls such a file damaged; and a filter of another row is the user's."""
    assert surroundings(b"").filter_over(Area(1, 1, 6, 9), [Area(3, 3, 4, 4)]) is None
    around = surroundings(b"", b'<autoFilter ref="A5:B9"/>')
    assert around.filter_over(Area(1, 1, 6, 9), []) is None
    assert around.tail == b'<autoFilter ref="A5:B9"/></worksheet>'


def package_of(**parts: bytes) -> Package:
    """A package with these parts, two underscores for a slash."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(CONTENT_TYPES, b"<Types></Types>")
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return Package(zipfile.ZipFile(file))


def test_a_table_grows_but_not_one_that_a_query_fills() -> None:
    """The totals row stays outside of its filter; the ids go on; the columns of a query are the query's."""
    usual = (
        b'<table ref="A1:B4" totalsRowCount="1"><autoFilter ref="A1:B3"/>'
        b'<tableColumns count="2"><tableColumn id="1" name="a"/><tableColumn id="7" name="b"/></tableColumns></table>'
    )
    query = usual.replace(b"<table ", b'<table tableType="queryTable" ')
    package = package_of(usual=usual, query=query)
    names = {3: COLUMNS[0]}
    labels: dict[str, Value] = {COLUMNS[0]: "skipped"}
    assert Table(package, "usual").grow(last=3, names=names, labels=labels)
    assert Table(package, "query").grow(last=3, names=names, labels=labels)
    assert not Table(package, "usual").grow(last=4, names=names, labels=labels)
    assert package.read("usual") == (
        b'<table ref="A1:C4" totalsRowCount="1"><autoFilter ref="A1:C3"/><tableColumns count="3"><tableColumn id="1" '
        b'name="a"/><tableColumn id="7" name="b"/><tableColumn id="8" name="wegly_status" '
        b'totalsRowLabel="skipped"/></tableColumns></table>'
    )
    assert package.read("query") == query


def test_styles_are_added_behind_the_users_and_found_again() -> None:
    """With the part's own prefix; what is there already is not added a second time."""
    theirs = BARE_STYLES.replace(b"<", b"<x:").replace(b"<x:/", b"</x:").replace(b"xmlns=", b"xmlns:x=")
    donor = BARE_STYLES.replace(
        b'<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/></cellXfs>',
        b'<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
        b'<xf numFmtId="170" fontId="0" fillId="1" borderId="0" quotePrefix="1"><alignment wrapText="1"/></xf>'
        b"</cellXfs>",
    ).replace(b"<fonts", b'<numFmts count="1"><numFmt numFmtId="170" formatCode="0.0&quot;%&quot;"/></numFmts><fonts')
    part = StylesPart(theirs)
    assert part.font == ("Calibri", 11.0)
    assert part.adopt(donor)(1) == 1
    made = part.made()
    assert b'<x:numFmts count="1"><x:numFmt numFmtId="164" formatCode="0.0&quot;%&quot;"/></x:numFmts><x:fonts' in made
    assert (
        b'<x:cellXfs count="2"><x:xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><x:xf numFmtId="164" '
        b'fontId="0" fillId="1" borderId="0" xfId="0" quotePrefix="1"'
    ) in made
    again = StylesPart(made)
    assert again.adopt(donor)(1) == 1
    assert again.made() == made
