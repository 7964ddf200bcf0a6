"""Where in a workbook's zip each worksheet is."""

from __future__ import annotations

import posixpath
from xml.etree.ElementTree import Element, fromstring
from zipfile import ZipFile

__all__ = ["sheet_parts"]

_WORKBOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def sheet_parts(archive: ZipFile) -> dict[str, str]:
    """Each sheet's title to the name of its part (`xl/worksheets/sheet1.xml`); empty for an unusual layout."""
    if not {_WORKBOOK, _RELATIONS} <= set(archive.namelist()):
        return {}
    relations = _parsed(archive, _RELATIONS)
    targets = {each.get("Id"): each.get("Target", "") for each in relations}
    sheets = (each for each in _parsed(archive, _WORKBOOK).iter() if each.tag.rpartition("}")[2] == "sheet")
    return {
        sheet.get("name", ""): posixpath.normpath(posixpath.join("/xl", targets[sheet.get(_ID)])).lstrip("/")
        for sheet in sheets
        if sheet.get(_ID) in targets
    }


def _parsed(archive: ZipFile, name: str) -> Element:
    return fromstring(archive.read(name))  # noqa: S314 - expat refuses entity bombs, and openpyxl reads the file too
