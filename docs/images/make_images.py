"""Makes the pictures of the README: a report of the demo in Chromium, and its workbook in LibreOffice.

    python docs/images/make_images.py [CHROMIUM [SOFFICE]]

Needs the extra `test` (playwright), Chromium, LibreOffice and pdftoppm (poppler-utils). Nothing is sent: the demo's API
is on this machine.
"""

# ruff: noqa: S603 - programs that are named by who calls it

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from openpyxl import load_workbook
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
WINDOW = {"width": 1366, "height": 900}


def make_demo(folder: Path) -> Path:
    """Run the demo in English; return the folder of its report."""
    command = [sys.executable, "-m", "batch", "demo", "--lang", "en", "--reports", str(folder / "reports")]
    subprocess.run(command, check=True, cwd=HERE.parents[1], stdout=subprocess.DEVNULL)
    return next((folder / "reports").glob("*/report.xlsx")).parent


def picture_page(report: Path, chromium: str) -> None:
    """Picture what is seen first of report.html."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page(viewport=WINDOW)
        page.goto((report / "report.html").as_uri())
        page.screenshot(path=HERE / "report-html.png")
        browser.close()


def picture_workbook(report: Path, soffice: str, folder: Path) -> None:
    """Picture the contacts of report.xlsx with their results, on one landscape page."""
    book = load_workbook(report / "report.xlsx")
    for name in book.sheetnames:
        if name != "Contatos":
            del book[name]
    sheet = book["Contatos"]
    sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "landscape", 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_area = "A1:K48"
    for row in range(10, 30):  # rows where all is well
        sheet.row_dimensions[row].hidden = True
    for column in ("F", "G"):  # the agent's id and remarks: wide, and nothing of the report
        sheet.column_dimensions[column].hidden = True
    for side in ("left", "right", "top", "bottom", "header", "footer"):
        setattr(sheet.page_margins, side, 0.1)
    book.save(folder / "report.xlsx")
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    command = [
        soffice,
        profile,
        "--headless",
        "--convert-to",
        "pdf",
        "--outdir",
        str(folder),
        str(folder / "report.xlsx"),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=180)
    target = HERE / "report-xlsx"
    picture: list[str] = [
        "pdftoppm",
        "-png",
        "-singlefile",
        "-r",
        "170",
        "-x",
        "10",
        "-y",
        "10",
        "-W",
        "1960",
        "-H",
        "400",
        str(folder / "report.pdf"),
        str(target),
    ]
    subprocess.run(picture, check=True, timeout=60)


def main() -> None:
    """Make both pictures."""
    chromium, soffice = [*sys.argv[1:], *["/usr/bin/chromium", "soffice"][len(sys.argv) - 1 :]]
    with TemporaryDirectory() as name:
        report = make_demo(Path(name))
        picture_page(report, chromium)
        picture_workbook(report, soffice, Path(name))


if __name__ == "__main__":
    main()
