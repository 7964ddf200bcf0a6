"""`demo` and `sandbox`: the imitation of the API, by itself or with the samples sent to it.

The demo goes from end to end with nothing to configure, and its ledger is thrown away.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from batch.app.follow import FollowChoices, FollowReport, follow
from batch.app.inputs.campaign_sheet import Choices
from batch.app.inputs.staging import utc_now
from batch.app.run import open_runs
from batch.app.runs.finish import FinishedRun
from batch.app.runs.progress import Watcher
from batch.app.settings import Settings
from batch.chats import Token
from batch.model.outcomes import ExitCode
from batch.model.runs import DEMO_FOLDER
from batch.sandbox import SPECIAL_CONTACTS, WAYS, Faults, running_sandbox, serve


def samples() -> Path:
    """Return the folder of the samples: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[2]
    inside = package / "samples"
    return inside if inside.is_dir() else package.parent / "samples"


_TOKEN = "demo-token"  # noqa: S105 - the sandbox takes any
_RATE = 100.0
SENDERS = 6
"""Senders of the sheet that the demo of workers sends."""
LATER = timedelta(hours=2)
"""How long after its run the demo looks what arrived: the sandbox's clock is set on by it."""


def run_demo(settings: Settings, watcher: Watcher, *, verbose: bool = False) -> tuple[FinishedRun, FollowReport | None]:
    """Send `samples/contatos.xlsx` to a sandbox on a free loopback port, look what arrived, and write the report.

    None in place of the looks: the run was interrupted.
    """
    with TemporaryDirectory(prefix=DEMO_FOLDER) as folder, running_sandbox() as sandbox:
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
        with open_runs([sheet], campaign, here, Choices(verbose=verbose)) as (run,):
            finished = run.execute(token, watcher)
        if finished.exit_code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
            return finished, None
        sandbox.log.passed = LATER
        choices = FollowChoices(runs=[finished.run.run])
        return finished, follow(
            choices, settings=here, token=token, on_look=lambda *_: None, clock=lambda: utc_now() + LATER
        )


def special_contacts() -> list[tuple[str, str]]:
    """Return the last four digits of each contact that behaves on demand, and in words how."""
    return [(digits, str(each.words)) for table in (SPECIAL_CONTACTS, WAYS) for digits, each in table.items()]


def serve_sandbox(announce: Callable[[str], None], *, faults: Mapping[str, Any], **options: Any) -> tuple[int, int]:
    """Serve until a signal ends it; returns how many requests were received and how many messages applied.

    `announce` gets the address once it listens. `faults`: the fields of `batch.sandbox.Faults`. `options`: the others
    of `batch.sandbox.serve`.
    """
    log = serve(announce, faults=Faults(**faults), **options)
    return len(log.received), len(log.applied)
