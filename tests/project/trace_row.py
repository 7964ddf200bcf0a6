"""List the modules that one good row passes on its way from an XLSX sheet to its report.

    python tests/project/trace_row.py           how many modules, by package
    python tests/project/trace_row.py --list    each module, in the order in which it is first entered

A sheet of one row is run against the sandbox in this process; a module counts when one of its functions is called
(what runs while it is imported does not count). The sandbox is left out: it stands for the API.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

from openpyxl import Workbook

import batch
from batch.cli.main import _run as wegly_batch
from batch.sandbox import running_sandbox

PACKAGE = Path(batch.__file__).parent
CAMPAIGN = """
[campaign]
name = "um"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao"
language = "pt_BR"
body = "Olá {{1}}!"
[columns]
wa_contact_id = "Telefone"
[[template_fields]]
component = "BODY"
index = 1
value = "{Nome|first_name}"
"""


def modules_of_one_row() -> list[str]:
    """Run a sheet of one row; return the modules whose functions were called, in the order of their first call."""
    for module in pkgutil.walk_packages(batch.__path__, "batch."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: dict[str, None] = {}
    names: dict[CodeType, str | None] = {}

    def note(frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if code not in names:
            names[code] = _module(code)
        name = names[code]
        if event == "call" and name is not None:
            found.setdefault(name)

    with tempfile.TemporaryDirectory() as name, running_sandbox() as sandbox:
        folder = Path(name)
        (folder / "c.toml").write_text(CAMPAIGN, "utf-8")
        book = Workbook()
        for row in (["Nome", "Telefone"], ["Ana", "11988881001"]):
            book.worksheets[0].append(row)
        book.save(folder / "um.xlsx")
        os.environ["WEGLY_TOKEN"] = "a-token"
        words = ["run", str(folder / "um.xlsx"), "-c", str(folder / "c.toml"), "--yes", "-q"]
        words += ["--base-url", sandbox.url, "--reports", str(folder / "reports")]
        words += ["--ledger", f"sqlite:///{folder / 'ledger.sqlite3'}"]
        threading.setprofile(note)
        sys.setprofile(note)
        try:
            code = wegly_batch(words)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
    if code != 0:
        raise SystemExit(f"the run ended with {code}")
    return list(found)


def _module(code: CodeType) -> str | None:
    """Return the dotted name of the module that a function belongs to; None for module bodies and other packages."""
    path = Path(code.co_filename)
    if code.co_name == "<module>" or PACKAGE not in path.parents:
        return None
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    return None if name.startswith("sandbox") else name


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name each module")
    options = parser.parse_args()
    modules = modules_of_one_row()
    if options.list:
        sys.stdout.writelines(f"{name}\n" for name in modules)
    for package, count in sorted(Counter(name.split(".")[0] for name in modules).items()):
        sys.stdout.write(f"{package:10} {count:4}\n")
    sys.stdout.write(f"{'together':10} {len(modules):4}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
