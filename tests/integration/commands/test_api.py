"""The Python API: what a script, a notebook and a program with pandas get, against the sandbox."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import structlog
from office import Office, phones
from openpyxl import load_workbook

import batch
from batch.app import purge
from batch.app.api.functions import RunResult
from batch.app.runs.progress import RunProgress
from batch.errors import InputError
from batch.model.outcomes import ExitCode, Outcome
from batch.model.sheets import openable_path

ROOT = Path(__file__).parents[3]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text("utf-8"), re.DOTALL)


@pytest.fixture
def office(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """The office, in which the API is at the sandbox's address."""
    monkeypatch.setenv("WEGLY_BASE_URL", office.sandbox.url)
    monkeypatch.setenv("WEGLY_BATCH_RATE", "200/s")
    monkeypatch.chdir(office.folder)
    return office


def test_the_examples_of_the_docs_run(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    """Each block of docs/python.md does what it says, one after another, with the samples."""
    for name in ("contatos.xlsx", "boas-vindas.toml"):
        shutil.copy(ROOT / "samples" / name, office.folder)
    sample = office.folder / "boas-vindas.toml"
    text = sample.read_text("utf-8").replace('look = "3m"', 'look = "0s"')
    sample.write_text(text, "utf-8")
    (office.folder / "campanha.toml").write_text(
        text.replace('"boas-vindas"', '"quadro"').replace("{Valor|brl}", "{Crédito|brl}").replace("assigned_", "# "),
        "utf-8",
    )
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(block, names)  # noqa: S102 - our own page
    printed = capsys.readouterr().out
    assert "45 " in printed
    assert list(names["sent"]["wegly_status"]) == ["success", "success"]
    assert list(names["sent"].index) == [0, 1]
    assert "nobody.xlsx" in printed
    assert list(names["cells"].index[:2]) == [5, 6]
    assert office.sandbox.log.applied


@pytest.mark.long
def test_the_examples_of_the_docs_are_typed(tmp_path: Path) -> None:
    """`mypy --strict` finds nothing to say about docs/python.md."""
    pytest.importorskip("mypy", reason="mypy comes with the extra `lint`")
    (tmp_path / "example.py").write_text("\n".join(BLOCKS), "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"{tmp_path / 'example.py'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout


def test_a_frame_becomes_a_sheet_as_it_is(office: Office) -> None:
    """Texts stay texts, numbers numbers, missing values empty, whatever they hold; row p is row p + 2."""
    texts = ["=1+1", "#N/A", "_x0041_", "a\x0bb", "  ", "000123", "SIM\nNÃO"]
    frame = pd.DataFrame(
        {
            "Telefone": phones(7),
            "Nome": texts,
            "Zahl": [12345678901234567, 1.5, float("nan"), float("inf"), None, -0.0, 7],
            "Boleto": pd.array([23793381286000000000000000000, None, *[1] * 5], dtype="object"),
            "Quando": [datetime(2026, 3, 1, 9, 30, tzinfo=UTC), pd.NaT, None, *[pd.Timestamp("2026-03-01")] * 4],
            "Ja": [True, False, None, pd.NA, True, True, True],
        },
        index=[9] * 7,
    )
    run = batch.run(frame, office.campaign(columns='remote_profile_name = { column = "Zahl", default = "" }'))
    assert run.counts[Outcome.SUCCESS] == 3, [row.wegly_message for row in run.results()]
    assert [row.row for row in run.results()] == list(range(2, 9))
    reasons = [row.wegly_reason for row in run.results()]
    assert reasons[1] == "value_broken"  # the text #N/A is one in a sheet too
    assert reasons[4] == "value_missing"
    cells = batch.read_sheet(run.folder / "sheet.xlsx").to_pandas()
    assert cells["Nome"][2] == "=1+1"
    assert cells["Nome"][4] == "_x0041_"
    assert cells["Nome"][7] == "000123"
    assert list(cells["Zahl"].fillna("-")) == ["12345678901234568", "1,5", "-", "inf", "-", "0", "7"]
    assert cells["Boleto"][2] == "23793381286000000000000000000"
    assert list(cells["Quando"].fillna("-"))[:4] == ["01/03/2026 09:30", "-", "-", "01/03/2026"]
    assert list(cells["Ja"].fillna("-"))[:4] == ["SIM", "NÃO", "-", "-"]
    again = batch.run(frame, office.folder / "teste.toml")
    assert (again.folder / "sheet.xlsx").read_bytes() == (run.folder / "sheet.xlsx").read_bytes()
    assert max(office.sent().values()) == 1


def test_the_report_of_a_frame_can_be_written_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy beside the report is what `report` reads; a purge removes it as it removes the report."""
    run = batch.run(pd.DataFrame({"Nome": ["Ana"], "Telefone": phones(1)}), office.campaign('[sheet]\nname = "Outra"'))
    (run.folder / "report.xlsx").unlink()
    again = batch.report(run.run_id)
    assert not again.problems
    book = load_workbook(run.folder / "report.xlsx")
    assert [cell.value for cell in book["Sheet1"][2]][:3] == ["Ana", phones(1)[0], "success"]
    assert (run.folder / "sheet.xlsx").stat().st_mode & 0o077 == 0 or sys.platform == "win32"
    monkeypatch.setattr(purge, "utc_now", lambda: datetime.now(UTC) + timedelta(days=400))
    code, _out, err = office.type("purge", "--older-than", "180d", "--yes")
    assert code == 0, err
    assert not (run.folder / "sheet.xlsx").exists()


def test_a_frame_that_no_sheet_can_hold(office: Office) -> None:
    """A text longer than a cell is refused by its row and column, before anything is sent."""
    frame = pd.DataFrame({"Telefone": phones(2), "Nome": ["Ana", "x" * 40_000]})
    with pytest.raises(batch.WeglyBatchError, match="row 3 of the column 'Nome'"):
        batch.run(frame, office.campaign())


def in_thread(work: Callable[[], RunResult]) -> RunResult:
    """In a thread beside another one that does the same."""
    found: list[RunResult] = []
    threads = [threading.Thread(target=lambda: found.append(work())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    return found[0]


def in_loop(work: Callable[[], RunResult]) -> RunResult:
    """Where an event loop is running, as in a notebook."""

    async def cell() -> RunResult:
        return work()

    return asyncio.run(cell())


@pytest.mark.parametrize("call", [in_thread, in_loop])
def test_any_thread_and_any_loop(office: Office, call: Callable[[Callable[[], RunResult]], RunResult]) -> None:
    """A run in threads, or in a running loop, sends each message once."""
    sheet, campaign = office.sheet(phones(3)), office.campaign()
    run = call(lambda: batch.run(sheet, campaign))
    assert run.counts[Outcome.SUCCESS] == 3
    assert office.sent() == {f"+55{phone.replace(' ', '').replace('-', '')}": 1 for phone in phones(3)}
    log = (run.folder / "run.log").read_text("utf-8")
    assert '"event": "run_ended"' in log or '"event":"run_ended"' in log


def test_the_hosts_own_log_stays_as_it_is(office: Office) -> None:
    """A program that logs with structlog goes on doing so while a run is under way, and gets none of its events."""
    events: list[str] = []

    def keep(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
        events.append(event["event"])
        raise structlog.DropEvent

    before = structlog.get_config()
    try:
        structlog.configure(processors=[keep])
        own = structlog.get_config()
        configured: list[bool] = []

        def progress(_now: RunProgress) -> None:
            configured.append(structlog.get_config() == own)
            structlog.get_logger().info("of_the_host")

        run = batch.run(office.sheet(phones(3)), office.campaign(), on_progress=progress)
    finally:
        structlog.configure(**before)
    assert set(events) == {"of_the_host"}
    assert all(configured)
    log = (run.folder / "run.log").read_text("utf-8")
    assert "run_ended" in log
    assert "of_the_host" not in log


def test_an_interrupt_where_a_loop_runs(office: Office) -> None:
    """Interrupting a notebook's cell ends the run in order: what is left is pending."""
    sheet, campaign = office.sheet(phones(40)), office.campaign()
    asked: list[int] = []

    def interrupt(now: RunProgress) -> None:
        if not asked:
            asked.append(now.done)
            signal.raise_signal(signal.SIGINT)

    async def cell() -> RunResult:
        return batch.run(sheet, campaign, rate="10/s", on_progress=interrupt)

    loop = asyncio.new_event_loop()
    try:
        run = loop.run_until_complete(cell())
    finally:
        loop.close()
    assert run.exit_code == ExitCode.INTERRUPTED
    assert 0 < run.counts[Outcome.SUCCESS] < 40
    assert run.counts[Outcome.UNKNOWN] == 0
    assert len(office.sent()) == run.counts[Outcome.SUCCESS]


def test_progress_that_raises_is_no_end_of_the_run(office: Office) -> None:
    """A mistake in `on_progress` is named in the result, and every message goes."""

    def mistaken(_now: RunProgress) -> None:
        raise ZeroDivisionError

    run = batch.run(office.sheet(phones(2)), office.campaign(), on_progress=mistaken)
    assert run.counts[Outcome.SUCCESS] == 2
    assert "ZeroDivisionError" in run.problems[-1]


def test_records_have_the_names_of_json(office: Office) -> None:
    """What `--json` prints, the functions return."""
    sheet, campaign = office.sheet(phones(2)), office.campaign()
    _code, out, _err = office.type("check", sheet, "-c", campaign, "--json")
    check = batch.check(sheet, campaign, language="en")
    printed = json.loads(out)
    assert list(printed) == list(type(check).__dataclass_fields__)
    assert printed["to_send"] == check.to_send == 2
    run = batch.run(sheet, campaign)
    assert json.loads((run.folder / "summary.json").read_text("utf-8"))["counts"] == dict(run.counts)
    assert [each.run for each in batch.runs()] == [run.run_id]
    _code, out, _err = office.type("follow", "--json")
    assert list(json.loads(out)) == list(type(batch.follow()).__dataclass_fields__)


def test_options_are_those_of_the_command_line(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, limit, language and environment count; a wrong value or name is refused in words."""
    sheet, campaign = office.sheet(phones(5)), office.campaign()
    assert batch.check(sheet, campaign, rows="2-3").to_send == 2
    assert batch.check(sheet, campaign, rows=[2, 4, 5], limit=1).to_send == 1
    assert "Outra" not in str(batch.check(sheet, campaign).warnings)
    with pytest.raises(batch.WeglyBatchError, match="não"):
        batch.check("fehlt.csv", campaign, language="pt_BR")
    with pytest.raises(batch.WeglyBatchError, match="rate is '7': allowed is"):
        batch.check(sheet, campaign, rate="7", language="en")
    with pytest.raises(TypeError, match="ledgers"):
        batch.check(sheet, campaign, ledgers="x")  # type: ignore[call-arg]
    monkeypatch.setenv("WEGLY_BATCH_TRUST_ENV", "maybe")
    with pytest.raises(batch.WeglyBatchError, match="WEGLY_BATCH_TRUST_ENV"):
        batch.check(sheet, campaign, language="en")


@pytest.mark.skipif(sys.platform == "win32", reason="there an error names the file alone, whatever its path")
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(batch.read_sheet, id="sheet to read"),
        pytest.param(lambda path: batch.check(path, ROOT / "samples" / "boas-vindas.toml"), id="sheet to check"),
        pytest.param(lambda path: batch.run("a.csv", path, token="a-token"), id="campaign"),
        pytest.param(batch.settle, id="report to settle"),
    ],
)
def test_a_long_path_is_opened_in_the_form_of_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[str], object]
) -> None:
    """As on the command line: the error names the form with which it was tried."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEGLY_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setitem(openable_path.__kwdefaults__, "system", "win32")
    (tmp_path / "a.csv").write_text("Nome;Telefone\nAna;11 90000-1001\n", "utf-8")
    with pytest.raises(InputError, match=r"\\\\\?\\"):
        call("a" * 300 + ".xlsx")


def test_settling_and_suppressing(office: Office) -> None:
    """Unknown rows are decided, and people put on the list, by functions as by commands."""
    sheet, campaign = office.sheet(["11 97001-0500", "11 97001-0599"]), office.campaign()
    run = batch.run(sheet, campaign, read_timeout=1)
    unknown = [row.row for row in run.results() if row.wegly_status == "unknown"]
    settled = batch.settle(run.run_id, sent=unknown) if unknown else None
    assert settled is None or [row.row for row in settled.settled] == unknown
    assert [each.new for each in batch.suppress("11 97001-9999", "11 97001 9999")] == [True]
    assert [each.new for each in batch.suppress("11 97001-9999")] == [False]


def test_help_shows_the_functions() -> None:
    """`help(batch)` and completion show the API in a fresh process, where none of it was used before."""
    asked = "import batch, pydoc; print(dir(batch)); print(pydoc.plain(pydoc.render_doc(batch)))"
    shown = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    listed, _line, page = shown.partition("\n")
    for name in ("check", "follow", "read_sheet", "report", "results", "run", "runs", "settle", "suppress"):
        assert repr(name) in listed
        assert f"\n    {name}(" in page
