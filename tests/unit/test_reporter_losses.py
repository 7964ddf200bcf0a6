"""What of a workbook is named as lost, and where the rows of a very long sheet go."""

import pytest

from batch.reporter.celltext import LONGEST, cut_sentence, escaped, fitted, printable
from batch.reporter.clean_workbook import position
from batch.reporter.losses import lost_features, lost_parts

PLAIN = [
    "[Content_Types].xml",
    "_rels/.rels",
    "docProps/app.xml",
    "docProps/core.xml",
    "docProps/custom.xml",
    "xl/workbook.xml",
    "xl/_rels/workbook.xml.rels",
    "xl/styles.xml",
    "xl/sharedStrings.xml",
    "xl/calcChain.xml",
    "xl/theme/theme1.xml",
    "xl/worksheets/sheet1.xml",
    "xl/worksheets/_rels/sheet1.xml.rels",
    "xl/drawings/drawing1.xml",
    "xl/drawings/_rels/drawing1.xml.rels",
    "xl/drawings/vmlDrawing1.vml",
    "xl/charts/chart1.xml",
    "xl/charts/style1.xml",
    "xl/charts/colors1.xml",
    "xl/charts/_rels/chart1.xml.rels",
    "xl/comments1.xml",
    "xl/tables/table1.xml",
    "xl/pivotTables/pivotTable1.xml",
    "xl/pivotCache/pivotCacheDefinition1.xml",
    "xl/printerSettings/printerSettings1.bin",
    "xl/externalLinks/externalLink1.xml",
]


def test_a_plain_workbook_loses_nothing() -> None:
    """The parts of every ordinary workbook are kept or made anew."""
    assert lost_parts(PLAIN) == []


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("xl/slicerCaches/slicerCache1.xml", "slicers"),
        ("xl/ctrlProps/ctrlProp1.xml", "form controls"),
        ("xl/connections.xml", "data connections"),
        ("xl/charts/chartEx1.xml", "charts of the newer kinds"),
        ("xl/metadata.xml", "pictures in cells, linked data types or spilling formulas"),
        ("xl/embeddings/oleObject1.bin", "embedded objects"),
        ("xl/whatever/new1.xml", "the part xl/whatever"),
        ("mystery.bin", "the part mystery.bin"),
    ],
)
def test_a_part_that_is_dropped_has_a_name(part: str, words: str) -> None:
    """Known kinds have words, an unknown kind is named by its folder: nothing is lost in silence."""
    assert lost_parts([*PLAIN, part, part]) == [words]


def test_warnings_of_the_library_become_words() -> None:
    """What openpyxl says while loading is told, each thing once, and what means nothing to a reader is not."""
    said = [
        "Conditional Formatting extension is not supported and will be removed",
        "Conditional Formatting extension is not supported and will be removed",
        "Ignored Error extension is not supported and will be removed",
        "Unknown extension is not supported and will be removed",
        "Cannot parse header or footer so it will be ignored",
        "Workbook contains no default style, apply openpyxl's default",
    ]
    assert lost_features(said) == [
        "conditional formats of the newer kinds",
        "features of the newer Excel",
        "a header or footer",
    ]


def test_rows_beyond_a_worksheet_go_on() -> None:
    """The first worksheet keeps the numbers; each next one has a header and one row less; none is used twice."""
    assert [position(number, most=4) for number in (2, 4, 5, 7, 8, 10, 11)] == [
        (0, 2),
        (0, 4),
        (1, 2),
        (1, 4),
        (2, 2),
        (2, 4),
        (3, 2),
    ]


def test_a_cell_holds_as_much_as_excel_allows() -> None:
    """The limit counts as Excel counts; text that fits is left alone."""
    assert fitted("a" * LONGEST) == "a" * LONGEST
    assert len(fitted("a" * (LONGEST + 1))) == LONGEST
    assert fitted("a" + "😀" * LONGEST) == "a" + "😀" * (LONGEST // 2)
    assert cut_sentence(0) == ()
    assert "(1,200 cells)" in cut_sentence(1200)[0]


def test_what_no_file_can_hold_is_shown_as_replaced() -> None:
    """Control characters and lone surrogates are replaced, line ends are as Excel has them, escapes are escaped."""
    assert printable("a\x00b\ud83dc\r\nd\re\tf") == "a\ufffdb\ufffdc\nd\ne\tf"
    assert escaped("_x0041_ _x00_") == "_x005F_x0041_ _x00_"
