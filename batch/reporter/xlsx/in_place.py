"""The user's own workbook with the result columns at the right of the contact sheet, and the summary in front.

Only the parts that must change are changed, and of these only what must: the rest of the zip file is copied as it is,
so that nothing of it can be lost by a library that does not know it. The contact sheet streams through
(`contact_sheet`); styles, tables and the list of sheets are spliced (`styles_part`, `tables`, `workbook_part`); the
summary is made by openpyxl in a small workbook of its own and brought over (`transplant`).
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO
from zipfile import ZipFile

from batch.i18n import _
from batch.model.sheets import SheetInfo
from batch.ooxml.elements import Unspliceable
from batch.ooxml.package import BROKEN, Package
from batch.ooxml.zipped import new_zip
from batch.reporter.columns import COLUMNS
from batch.reporter.material import Material
from batch.reporter.printable_text import cut_sentence
from batch.reporter.xlsx.contact_sheet import NoRoom, Target, write_contact_sheet
from batch.reporter.xlsx.donors import summary_book
from batch.reporter.xlsx.loose_ends import close_others, drop_calculation_order, drop_old_summaries, withdraw
from batch.reporter.xlsx.styles import BARE_STYLES, StylesPart
from batch.reporter.xlsx.transplant import in_words_of, transplanted
from batch.reporter.xlsx.workbook_part import WorkbookPart

__all__ = ["CannotKeep", "has_macros", "write_own"]

_MAIN = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
_MAIN_WITH_MACROS = "application/vnd.ms-excel.sheet.macroEnabled.main+xml"
_STYLES_PART = "xl/styles.xml"
"""Some programs look for it under no other name."""
_STYLES = "application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"


class CannotKeep(Exception):
    """The workbook cannot be written back; the text is a sentence that says why."""


def has_macros(path: Path) -> bool:
    """True when the workbook has macros, so that a copy with them must be named .xlsm."""
    with ZipFile(path) as archive:
        return "xl/vbaProject.bin" in Package(archive)


def write_own(file: BinaryIO, material: Material, path: Path, info: SheetInfo) -> tuple[str, ...]:
    """Write the workbook at `path` with the results of its sheet into `file`. Memory does not grow with the rows.

    Gives the sentences about what could not be kept; they are on the summary as well. `CannotKeep` may leave `file`
    half written.
    """
    name = material.sheet.name
    try:
        with ZipFile(path) as archive, new_zip(file) as copy:
            return _written(Package(archive), copy, material, info)
    except (Unspliceable, *BROKEN) as error:
        raise CannotKeep(_("{name} cannot be written back with its own formatting.").format(name=name)) from error
    except NoRoom as error:
        raise CannotKeep(_("{file} has no room for the result columns at its right.").format(file=name)) from error


def _written(package: Package, copy: ZipFile, material: Material, info: SheetInfo) -> tuple[str, ...]:
    name = material.sheet.name
    workbook = WorkbookPart(package)
    tab = next((each for each in workbook.tabs if each.title == info.sheet and each.kind == "worksheet"), None)
    if tab is None:
        said = _("The worksheet {title!r} was not found again in {file}.")
        raise CannotKeep(said.format(title=info.sheet, file=name))
    lost = withdraw(package, workbook, name)
    package.write_first(copy)
    styles_part, styles = _styles(package, workbook)
    target = Target(
        package=package,
        copy=copy,
        part=tab.part,
        shared=workbook.only("sharedStrings"),
        styles=styles,
        epoch_1904=workbook.epoch_1904,
        header_row=info.header_row,
    )
    filled = write_contact_sheet(target, material)
    problems = (*lost, *cut_sentence(filled.cut))
    gone = drop_old_summaries(package, workbook, but=tab)
    left = [each for each in workbook.tabs if each not in gone]
    close_others(package, copy, [each for each in left if each != tab])
    if gone or filled.lost_formula:
        drop_calculation_order(package, workbook)
    page = material.page(problems, () if info.header_row else (_bare(),))
    donor, title = summary_book(
        page, material.figures, taken=[each.title for each in left], epoch_1904=workbook.epoch_1904
    )
    part = transplanted(donor, package, styles, strict=workbook.strict)
    workbook.put_first(
        title,
        package.relate(workbook.part, workbook.kind("worksheet"), part),
        gone={each.relation for each in gone},
        filters={tab.relation: filled.filter.fixed} if filled.filter else {},
    )
    package.put(styles_part, styles.made())
    package.declare(workbook.part, _MAIN_WITH_MACROS if "xl/vbaProject.bin" in package else _MAIN)
    package.write(copy)
    return problems


def _styles(package: Package, workbook: WorkbookPart) -> tuple[str, StylesPart]:
    """The part with the styles; a new one for a workbook that has none."""
    part = workbook.only("styles")
    if part is None:
        part = _STYLES_PART if _STYLES_PART not in package else package.free_name("xl/styles{}.xml")
        package.put(part, in_words_of(BARE_STYLES, strict=workbook.strict))
        package.declare(part, _STYLES)
        package.relate(workbook.part, workbook.kind("styles"), part)
    return part, StylesPart(package.read(part))


def _bare() -> str:
    words = _(
        "The sheet has no header, so the result columns have no headings here; in their order they are {columns}. "
        "In results.csv a header is above the rows: row 1 is its line 2, and so on."
    )
    return words.format(columns=", ".join(COLUMNS))
