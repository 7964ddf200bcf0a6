"""A changed workbook opened by another program than ours before it may take its name: by openpyxl, without the rows.

What openpyxl is given are the parts that a report changes, and of the worksheets what stands around their rows, so that
a million rows cost no more than ten. Of drawings, pictures and other sheets, which are copied byte for byte, it gets
nothing. Some good workbooks it cannot open at all: a report may then be one of those too.
"""

import io
import warnings
from contextlib import redirect_stdout
from zipfile import ZipFile

from openpyxl import load_workbook

from batch.errors import attempt
from batch.ooxml.package import CONTENT_TYPES, ROOT_RELATIONS, Package, relations_name
from batch.ooxml.references import parse_area
from batch.ooxml.tree import Document
from batch.ooxml.xml import UnsupportedMarkup
from batch.reporter.xlsx.workbook_part import WorkbookPart

_MOST_BYTES = 4 * 1024 * 1024
"""Of all that openpyxl is given; with more it is not tried, as it would take seconds."""
_MOST_CELLS = 100_000
"""That merges and links may cover: openpyxl makes an object of each cell."""
_EMPTY_SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData/></worksheet>'
_EMPTY_TEXTS = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'


def check_opening(copy: Package, original: Package, sheet: str, *, now: bytes, before: bytes) -> None:
    """Check that openpyxl opens the changed package where it opens the original.

    `now`, `before`: the worksheet `sheet` without its rows.

    Raises:
        UnsupportedMarkup: it opens the original alone.
    """
    failure = _failure(copy, sheet, now)
    if failure is not None and _failure(original, sheet, before) is None:
        raise UnsupportedMarkup("openpyxl does not open the copy") from failure


def _failure(package: Package, sheet: str, content: bytes) -> Exception | None:
    """Return what keeps openpyxl from opening the package; None when nothing does, or it is too large to be tried."""
    parts = _outline(package, sheet, content)
    if sum(map(len, parts.values())) > _MOST_BYTES:
        return None
    file = io.BytesIO()
    with ZipFile(file, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with warnings.catch_warnings(action="ignore"), redirect_stdout(io.StringIO()):  # it prints what it doubts
        found = attempt(lambda: load_workbook(file, keep_links=False))
    return found if isinstance(found, Exception) else None


def _outline(package: Package, sheet: str, content: bytes) -> dict[str, bytes]:
    """Return the parts to open. The other sheets are empty ones, so that names that belong to a sheet find theirs."""
    book = WorkbookPart(package)
    parts = {tab.part: _EMPTY_SHEET for tab in book.tabs if tab.part in package}
    parts |= package.changed
    relations = relations_name(book.part)
    kept = [CONTENT_TYPES, ROOT_RELATIONS, book.part, *([styles] if (styles := book.only("styles")) else [])]
    parts |= {name: package.read(name) for name in kept if name in package}
    parts[relations] = package.read(relations).replace(b'/chartsheet"', b'/worksheet"')
    if shared := book.only("sharedStrings"):
        parts[shared] = _EMPTY_TEXTS
    parts[sheet] = _tame(content)
    inner = relations_name(sheet)
    if inner in package:
        parts[inner], tables = _keep_tables(package, sheet, package.read(inner))
        parts |= tables
    return parts


def _keep_tables(package: Package, sheet: str, content: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Return a sheet's relations with no others than to tables and links, and the tables."""
    document = Document(content)
    tables = {}
    for element, each in zip(document.root.all("Relationship"), package.relations(sheet), strict=True):
        if each.kind == "table" and each.target in package:
            tables[each.target] = package.read(each.target)
        elif each.kind != "hyperlink":
            document.remove(element)
    return document.apply(), tables


def _tame(content: bytes) -> bytes:
    """Return a sheet without merges and links where they cover more cells than openpyxl can bear."""
    document = Document(content)
    root = document.root
    for holder in filter(None, (root.find("mergeCells"), root.find("hyperlinks"))):
        areas = (parse_area(each.attributes.get("ref", "")) for each in holder.children)
        if sum(area.cells for area in areas if area) > _MOST_CELLS:
            document.remove(holder)
    return document.apply()
