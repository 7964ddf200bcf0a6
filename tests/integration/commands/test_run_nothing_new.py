"""A night of cron in which nothing is new: no folder, nothing printed, and metrics that go on."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from office import Office, phones
from systems import split_command

from batch.app.runs import finish, old_reports
from batch.formatting import from_here, quote_path


def folders(office: Office) -> list[str]:
    return sorted(path.name for path in (office.folder / "reports").iterdir() if path.is_dir())


def test_a_night_without_anything_new_leaves_no_folder(office: Office) -> None:
    """The second run prints nothing, makes no folder and no run, and ends with the code of the first."""
    sheet, campaign = office.sheet([*phones(2), "12"]), office.campaign()
    first = office.run(sheet, campaign)
    there = folders(office)
    code, out, err = office.type(*office.command(sheet, campaign, "--quiet-unless-new"))
    assert (code, out, err) == (first.code, "", "")
    assert folders(office) == there
    assert len(json.loads(office.type("runs", "--json")[1])) == 1
    _code, _out, err = office.type(*office.command(sheet, campaign))
    assert f"nothing has changed since the run {first.summary['run']}: its report stands" in err
    assert str(office.folder / "reports" / first.summary["run"] / "report.xlsx") in err
    assert "What to do next\n  1 row to fix: " in err
    assert office.run(sheet, campaign).summary["run"] == first.summary["run"]


def test_a_night_outside_the_hours_leaves_no_folder(office: Office) -> None:
    """Once a report says which rows wait for the hours; within them they are sent."""
    start = datetime.now(UTC) + timedelta(hours=4)
    hours = f"{start:%H:%M}-{start + timedelta(hours=2):%H:%M}"
    sheet = office.sheet([*phones(2), "12"])
    closed = office.campaign(f'[[window]]\nhours = "{hours}"\ntimezone = "UTC"')
    first = office.run(sheet, closed)
    assert (first.code, [row[1] for row in first.rows[:2]]) == (3, ["window", "window"])
    there = folders(office)
    assert office.type(*office.command(sheet, closed, "--quiet-unless-new")) == (3, "", "")
    _code, _out, err = office.type(*office.command(sheet, closed))
    assert f"the run {first.summary['run']}: its report stands" in " ".join(err.split())
    assert folders(office) == there
    office.sheet([*phones(3), "12"])
    assert len(office.run(sheet, closed).rows) == 4
    assert len(folders(office)) == 2
    assert len(office.sent()) == 0
    assert office.run(sheet, office.campaign()).code == 3
    assert len(office.sent()) == 3


def test_rows_that_wait_since_a_limit_need_no_second_report(office: Office) -> None:
    """Nor those of a run that was ended while it waited: outside the hours a new report would say the same."""
    start = datetime.now(UTC) + timedelta(hours=4)
    hours = f"{start:%H:%M}-{start + timedelta(hours=2):%H:%M}"
    sheet = office.sheet(phones(3))
    office.run(sheet, office.campaign(), "--limit", "1")
    closed = office.campaign(f'[[window]]\nhours = "{hours}"\ntimezone = "UTC"')
    assert office.type(*office.command(sheet, closed, "--quiet-unless-new")) == (6, "", "")
    assert (len(folders(office)), len(office.sent())) == (1, 1)


def test_a_night_with_one_new_row_prints_three_lines(office: Office) -> None:
    """Which run, how it stands, where the report is."""
    campaign = office.campaign()
    office.run(office.sheet(phones(2)), campaign)
    code, out, err = office.type(*office.command(office.sheet(phones(3)), campaign, "--quiet-unless-new"))
    assert (code, out) == (0, "")
    assert len(err.splitlines()) == 3
    assert len(folders(office)) == 2
    assert len(office.sent()) == 3


def test_what_check_says_each_night_is_counted_in_these_lines(office: Office) -> None:
    """Opt-outs of the sheet, and people whose rows differ; the command that shows them stands there."""
    rows = ["Ana;11 97001-2001;", "Ana Lima;11 97001-2001;", "Bia;11 97001-2002;sim"]
    sheet = office.write("c.csv", "\n".join(["Nome;Telefone;Sair", *rows]))
    campaign = office.campaign('[suppress]\ncolumn = "Sair"')
    allowed = office.write("equipe.csv", "Telefone\n" + "\n".join(phones(2)))
    code, out, err = office.type(*office.command(sheet, campaign, "--quiet-unless-new", "--only-allowed", allowed))
    assert (code, out, len(err.splitlines())) == (0, "", 3)
    (command,) = re.findall(r"2 notes on the sheet: wegly-batch (check .*)", err)
    assert f" --only-allowed {quote_path(from_here(allowed))} " in command
    assert "unique_by" in office.type(*split_command(command))[1]
    assert len(office.sent()) == 1


@pytest.mark.parametrize("change", ["sheet", "report", "settled", "clean"])
def test_what_changed_makes_a_report(office: Office, change: str) -> None:
    """Another sheet, a decision, a report that is gone, or another form of it: then a run reports again."""
    sheet, campaign = office.sheet([*phones(2), "11 97001-0500"]), office.campaign()
    first = office.run(sheet, campaign)
    more: list[str] = []
    if change == "sheet":
        office.sheet([*phones(2), "11 97001-0500", "13"])
    if change == "report":
        (office.folder / "reports" / first.summary["run"] / "summary.json").unlink()
    if change == "settled":
        office.type("settle", first.summary["run"], "--sent", "4", "--yes")
    if change == "clean":
        more = ["--clean-report"]
    office.run(sheet, campaign, *more)
    assert len(folders(office)) == 2


def test_the_metrics_say_when_a_run_last_succeeded(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night without anything new is a success; a run that is stopped leaves the time of the last one."""
    campaign = office.campaign('[notify]\nprometheus = "teste.prom"')
    office.run(office.sheet(phones(1)), campaign)
    target = office.folder / "teste.prom"

    def success() -> float:
        name = "wegly_batch_last_success_timestamp_seconds{"
        return float(next(line for line in target.read_text("utf-8").splitlines() if line.startswith(name)).split()[1])

    first, later = success(), datetime.now(UTC) + timedelta(days=1)
    monkeypatch.setattr(finish, "utc_now", lambda: later)
    office.type(*office.command(office.folder / "contatos.csv", campaign, "--quiet-unless-new"))
    assert success() == pytest.approx(later.timestamp())
    assert success() > first
    office.run(office.sheet([*phones(1), "12"]), campaign)
    assert success() == pytest.approx(later.timestamp())


def test_old_report_folders_are_removed_but_those_with_rows_to_decide(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`purge --reports-older-than` says before what goes, keeps what a person has to decide, and all of the ledger."""
    done = office.run(office.sheet(phones(2), name="a.csv"), office.campaign()).summary["run"]
    unsure = office.run(office.sheet(["11 97001-0500"], name="b.csv"), office.campaign())
    own = office.folder / "reports" / done / "notas.txt"
    monkeypatch.setattr(old_reports, "utc_now", lambda: datetime.now(UTC) + timedelta(days=31))
    code, out, _err = office.type("purge", "--reports-older-than", "30d", "--dry-run")
    assert code == 0
    assert done in out
    assert folders(office) == sorted([done, unsure.summary["run"]])
    own.write_text("minhas", "utf-8")
    code, out, _err = office.type("purge", "--reports-older-than", "30d")
    assert code == 5
    assert list((office.folder / "reports" / done).iterdir()) == [own]
    own.unlink()
    (office.folder / "reports" / done).rmdir()
    code, out, _err = office.type("purge", "--reports-older-than", "30d")
    assert code == 0
    assert "rows to decide" in out
    assert folders(office) == [unsure.summary["run"]]
    assert len(json.loads(office.type("runs", "--json")[1])) == 2
    code, _out, _err = office.type("report", done)
    assert code == 0
    assert (Path(office.folder) / "reports" / done / "report.xlsx").exists()


def test_a_folder_that_is_no_runs_any_more_is_not_counted_as_removed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A summary of another run stands in it: it stays, and the end says that nothing went."""
    done = office.run(office.sheet(phones(1)), office.campaign()).summary["run"]
    summary = office.folder / "reports" / done / "summary.json"
    summary.write_text(summary.read_text("utf-8").replace(done, "of-another-run"), "utf-8")
    before = sorted(summary.parent.iterdir())
    monkeypatch.setattr(old_reports, "utc_now", lambda: datetime.now(UTC) + timedelta(days=31))
    code, out, _err = office.type("purge", "--reports-older-than", "30d", "--yes")
    assert code == 5
    assert "Nothing was removed." in out
    assert "Removed 1" not in out
    assert sorted(summary.parent.iterdir()) == before


def test_purge_takes_one_age(office: Office) -> None:
    """Neither of the two ages, or both, is refused."""
    for words in ([], ["--older-than", "9d", "--reports-older-than", "9d"]):
        assert "Name either --older-than" in office.refused("purge", *words)
