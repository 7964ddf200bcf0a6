"""Small workbooks that openpyxl makes, from which styles and sheets are taken."""

from __future__ import annotations

import io
from collections.abc import Iterable
from zipfile import ZipFile

from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.workbook import Workbook

from batch.ooxml.package import Package
from batch.reporter.statistics import Figures
from batch.reporter.summary_view import Page
from batch.reporter.xlsx.summary_sheet import add_summary

__all__ = ["saved", "summary_book"]


def saved(book: Workbook) -> Package:
    """The workbook as a package."""
    file = io.BytesIO()
    book.save(file)
    return Package(ZipFile(file))


def summary_book(page: Page, figures: Figures, *, taken: Iterable[str], epoch_1904: bool) -> tuple[Package, str]:
    """A workbook with the summary alone, and the sheet's title: one that is not `taken`."""
    book = Workbook()
    book.remove(book.worksheets[0])
    if epoch_1904:
        book.epoch = CALENDAR_MAC_1904
    add_summary(book, page, figures, taken=taken)
    return saved(book), book.sheetnames[0]
