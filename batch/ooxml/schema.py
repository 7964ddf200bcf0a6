"""Order of the elements of a part: the standard fixes it, and Excel calls a file damaged that has another."""

from batch.ooxml.tree import Element
from batch.ooxml.xml import Attributes, SafeParser, UnsupportedMarkup

_ORDERS = {
    "worksheet": (
        "sheetPr dimension sheetViews sheetFormatPr cols sheetData sheetCalcPr sheetProtection protectedRanges "
        "scenarios autoFilter sortState dataConsolidate customSheetViews mergeCells phoneticPr conditionalFormatting "
        "dataValidations hyperlinks printOptions pageMargins pageSetup headerFooter rowBreaks colBreaks "
        "customProperties cellWatches ignoredErrors smartTags drawing legacyDrawing legacyDrawingHF drawingHF picture "
        "oleObjects controls webPublishItems tableParts extLst"
    ),
    "workbook": (
        "fileVersion fileSharing workbookPr workbookProtection bookViews sheets functionGroups externalReferences "
        "definedNames calcPr oleSize customWorkbookViews pivotCaches smartTagPr smartTagTypes webPublishing "
        "fileRecoveryPr webPublishObjects extLst"
    ),
    "styleSheet": "numFmts fonts fills borders cellStyleXfs cellXfs cellStyles dxfs tableStyles colors extLst",
}


def find_place(root: Element, name: str) -> int:
    """Return the offset at which a child of that local name belongs."""
    order = _ORDERS[root.local].split()
    before = order[: order.index(name)]
    return max((each.end for each in root.children if each.local in before), default=root.opened)


def check_part(name: str, content: bytes, before: bytes | None) -> None:
    """Parse a changed part, namespaces included, and check the order of its root's children.

    `before`: the part as it was; what was out of order may stay so. None for a new part.

    Raises:
        UnsupportedMarkup: the part is not well-formed, uses a prefix that is not declared, or is out of order.
    """
    if not _is_in_order(content) and (before is None or _is_in_order(before)):
        raise UnsupportedMarkup(f"the order of elements in {name}")


def _is_in_order(content: bytes) -> bool:
    names: list[str] = []
    depth = 0

    def start(name: str, _attributes: Attributes) -> None:
        nonlocal depth
        if depth < 2:  # noqa: PLR2004 (the root and its children)
            names.append(name.rpartition(" ")[2])
        depth += 1

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    SafeParser(start=start, end=end, namespaces=True).feed(content, last=True)
    order = _ORDERS.get(names[0], "").split()
    places = [order.index(name) for name in names[1:] if name in order]
    return places == sorted(places)
