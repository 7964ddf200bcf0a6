"""`demo`: the samples sent to a sandbox, end to end, with nothing to configure and a ledger that is thrown away."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import batch
from batch.app.inputs.staging import Choices
from batch.app.run import Watcher, run_sheet
from batch.app.runs.finish import FinishedRun
from batch.app.settings import Settings
from batch.chats import Token
from batch.sandbox import running_sandbox


def samples() -> Path:
    """Return the folder of the samples: inside the installed package, or beside it in a checkout."""
    package = Path(batch.__file__).parent
    inside = package / "samples"
    return inside if inside.is_dir() else package.parent / "samples"


_TOKEN = "demo-token"  # noqa: S105 - the sandbox takes any
_RATE = 100.0


def run_demo(settings: Settings, watcher: Watcher, *, verbose: bool = False) -> FinishedRun:
    """Send `samples/contatos.xlsx` to a sandbox on a free loopback port and write the report."""
    with TemporaryDirectory(prefix="wegly-batch-demo-") as folder, running_sandbox() as sandbox:
        sheet, campaign = (
            Path(shutil.copy(samples() / name, folder)) for name in ("contatos.xlsx", "boas-vindas.toml")
        )
        here = replace(
            settings,
            base_url=sandbox.url,
            ledger=f"sqlite:///{Path(folder) / 'ledger.sqlite3'}",
            rate=settings.rate or _RATE,
        )
        token = Token.parse(_TOKEN, "the demo")
        return run_sheet(sheet, campaign, settings=here, token=token, choices=Choices(verbose=verbose), watcher=watcher)
