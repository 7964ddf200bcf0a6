"""The folder of a run: what is left of runs that were killed."""

from __future__ import annotations

import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath

import pytest
from filelock import FileLock

from batch.app.runs.run_folder import RunFolder, fit_run_name, hold_report
from batch.errors import SettingsError
from batch.loader import Limits
from batch.model.runs import RUN_NAME


def killed_run(reports: Path, name: str, *, report: bool) -> Path:
    """What a run leaves that was killed an hour ago: the copy of its sheet."""
    inside = reports / name / ".sheet"
    inside.mkdir(parents=True)
    (inside / "contatos.csv").write_text("Nome;Telefone\nAna;11 90000-1001\n", encoding="utf-8")
    if report:
        (reports / name / "run.log").write_text("{}\n", encoding="utf-8")
    os.utime(inside, (1, 1))
    return inside


def test_the_next_run_removes_the_copies_of_killed_ones(tmp_path: Path) -> None:
    """People's data does not stay behind; a log does, and a folder with nothing else goes."""
    with_log = killed_run(tmp_path, "20260101T000000Z-a-0001", report=True)
    without = killed_run(tmp_path, "20260101T000000Z-a-0002", report=False)
    with RunFolder(tmp_path, "20260101T000000Z-a-0003"):
        assert not with_log.exists()
        assert with_log.parent.exists()
        assert not without.parent.exists()


def test_what_a_killed_report_left_goes_too(tmp_path: Path) -> None:
    """The copy of the sheet and half a report, an hour later; what may be written at this moment stays."""
    folder = tmp_path / "20260101T000000Z-a-0001"
    for name in (".sheet-ab12cd34", ".sheet-young_00"):
        (folder / name).mkdir(parents=True)
        (folder / name / ".sheet.csv").write_text("Ana;11 90000-1001\n", encoding="utf-8")
    for name in (".report.xlsx.x1.part", ".report.xlsx.x2.part"):
        (folder / name).write_text("Ana", encoding="utf-8")
    for name in (".sheet-ab12cd34", ".report.xlsx.x1.part"):
        os.utime(folder / name, (1, 1))
    with RunFolder(tmp_path, "20260101T000000Z-a-0002"):
        assert sorted(file.name for file in folder.iterdir()) == [".report.xlsx.x2.part", ".sheet-young_00"]


def test_a_live_run_keeps_its_copy(tmp_path: Path) -> None:
    """Its lock says that it lives, however long it takes."""
    inside = killed_run(tmp_path, "20260101T000000Z-a-0001", report=True)
    with FileLock(inside / "alive.lock"):
        os.utime(inside, (1, 1))
        with RunFolder(tmp_path, "20260101T000000Z-a-0002"):
            assert (inside / "contatos.csv").exists()


@pytest.mark.skipif(os.name == "nt", reason="modes say nothing about other users there")
def test_the_folder_of_reports_is_private_too(tmp_path: Path) -> None:
    """Whatever the umask; one that is there keeps its rights."""
    before = os.umask(0)
    try:
        with RunFolder(tmp_path / "reports", "one") as folder:
            assert [stat.S_IMODE(each.stat().st_mode) for each in (folder.path, folder.path.parent)] == [0o700] * 2
        shared = tmp_path / "shared"
        shared.mkdir(0o755)
        with RunFolder(shared, "two"):
            assert stat.S_IMODE(shared.stat().st_mode) == 0o755
    finally:
        os.umask(before)


def test_a_run_that_came_to_nothing_leaves_nothing(tmp_path: Path) -> None:
    """And one that was kept leaves its folder without the copy."""
    sheet = tmp_path / "c.csv"
    sheet.write_text("Nome;Telefone\n", encoding="utf-8")
    reports = tmp_path / "reports"
    with RunFolder(reports, "one") as folder:
        copy = folder.copy_sheet(sheet, Limits())
        assert copy.path.exists()
    assert not folder.path.exists()
    with RunFolder(reports, "two") as folder:
        folder.copy_sheet(sheet, Limits())
        folder.keep()
    assert list(folder.path.iterdir()) == []


def test_a_deep_folder_on_windows_gets_names_that_excel_opens() -> None:
    """The campaign's name in the folder's is cut; where that is not enough, nothing is sent first."""
    started, slug = datetime(2026, 11, 29, tzinfo=UTC), "cobranca-de-novembro-2-via-do-boleto-lembrete-amigavel"
    deep = PureWindowsPath("D:/Ana Paula/OneDrive - Padaria Aurora Ltda/Documentos/2026", "x" * 74, "reports")
    name = fit_run_name(deep, started, slug, system="win32")
    assert RUN_NAME.fullmatch(name)
    assert len(str(deep / name / "report.xlsx")) <= 218
    assert name.startswith("20261129T000000Z-cobranca-de-")
    for wide in (PureWindowsPath("C:/envios"), PureWindowsPath("//server/share/envios")):
        assert fit_run_name(wide, started, slug, system="win32")[:-5] == f"20261129T000000Z-{slug}"
    assert slug in fit_run_name(deep, started, slug, system="linux")
    with pytest.raises(SettingsError, match="too long"):
        fit_run_name(deep / ("y" * 60), started, slug, system="win32")


def test_who_comes_second_to_write_a_report_waits(tmp_path: Path) -> None:
    """And leaves nothing beside it."""
    done: list[str] = []

    def write_second() -> None:
        with hold_report(tmp_path):
            done.append("second")

    with hold_report(tmp_path):
        other = threading.Thread(target=write_second)
        other.start()
        other.join(0.2)
        done.append("first")
    other.join(10)
    assert done == ["first", "second"]
    assert not list(tmp_path.glob(".*"))


def test_a_folder_that_takes_no_lock_keeps_no_report_from_being_written(tmp_path: Path) -> None:
    """The files themselves are renamed whole."""
    with hold_report(tmp_path / "gone" / "too"):
        pass
