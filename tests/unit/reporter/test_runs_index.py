"""index.html of a reports folder: which runs it lists, what it says of other folders, and what it leaves alone."""

from __future__ import annotations

import html
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from rights import is_private

from batch.i18n import use_language
from batch.model.outcomes import Outcome
from batch.reporter import write_index
from batch.reporter.html import runs_index


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    return folder


def summary(started: str = "2026-11-03T10:00:00-03:00", **changes: Any) -> dict[str, Any]:
    counts = {outcome.value: 0 for outcome in Outcome}
    return {
        "run": "20261103T130000Z-novembro-1b02",
        "campaign": "novembro",
        "started": started,
        "counts": {**counts, "success": 1_041, "error": 3},
        "exit_code": 3,
        **changes,
    }


def leave_run(reports: Path, name: str, content: object, *, page: bool = True) -> None:
    folder = reports / name
    folder.mkdir(parents=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "summary.json").write_text(text, encoding="utf-8")
    if page:
        (folder / "report.html").touch()


def body(reports: Path) -> str:
    """The page without its head, which holds the style."""
    head, _, text = (reports / "index.html").read_text("utf-8").partition("</style>")
    assert "default-src 'none'; style-src 'sha256-" in html.unescape(head)
    return text


def test_the_runs_are_listed_newest_first_with_a_way_to_each(reports: Path) -> None:
    """By when they began, whatever their folders are called; links are relative, so the folder may be moved."""
    leave_run(reports, "b", summary("2026-11-03T10:00:00-03:00", campaign="the-old-one"))
    leave_run(reports, "a", summary("2026-11-04T10:00:00-03:00", campaign="the-new-one"))
    leave_run(reports, "c", summary("2026-11-02T10:00:00-03:00", campaign="no page"), page=False)
    assert write_index(reports, "en") == ()
    page = body(reports)
    assert re.findall(r'<a href="([^"]+)">', page) == ["./a/report.html", "./b/report.html"]
    assert page.index("the-new-one") < page.index("the-old-one") < page.index("no page")
    assert "Accepted 1,041<" in page
    assert "Fix 3<" in page
    assert is_private(reports / "index.html")
    assert [path.name for path in reports.iterdir() if path.is_file()] == ["index.html"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[]",
        '{"run": 1}',
        json.dumps(summary(counts={"success": 1})),
        json.dumps(summary(counts={**summary()["counts"], "error": -1})),
        json.dumps(summary(started="yesterday")),
        json.dumps(summary(started="2026-11-03T10:00:00")),
        "\x00" * 100,
        '{"run": "' + "x" * 5_000_000,
        "[" * 100_000,
    ],
    ids=range(11),
)
def test_a_broken_run_is_named_and_stops_nothing(reports: Path, content: str) -> None:
    """The other runs are listed all the same."""
    leave_run(reports, "broken-one", content)
    leave_run(reports, "good-one", summary())
    assert write_index(reports, "en") == ()
    page = body(reports)
    assert "./good-one/report.html" in page
    assert "broken-one" in page
    assert "cannot be read" in page


def test_folders_of_other_things_are_named(reports: Path) -> None:
    """A run that is going on, or a folder that is none of ours; hidden ones and files are passed over."""
    (reports / "photos").mkdir()
    (reports / ".hidden").mkdir()
    (reports / "README.md").touch()
    assert write_index(reports, "en") == ()
    page = body(reports)
    assert "photos" in page
    assert "no summary.json" in page
    assert "hidden" not in page
    assert "README" not in page


@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no such names of files")
def test_hostile_names_stay_texts(reports: Path) -> None:
    """A folder or a campaign that is called like markup or like a script's address is neither."""
    leave_run(reports, "javascript:alert(1)", summary(campaign="<script>alert(1)</script>\u202e"))
    (reports / "<img src=x onerror=alert(1)>").mkdir()
    assert write_index(reports, "en") == ()
    page = body(reports)
    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert re.findall(r'href="([^"]+)"', page) == ["./javascript%3Aalert%281%29/report.html"]


def test_somebody_elses_index_is_left_alone(reports: Path) -> None:
    """Reports may go into a folder that has a page of its own: that page stays, and it is said."""
    (reports / "index.html").write_text("<h1>My shop</h1>", encoding="utf-8")
    leave_run(reports, "one", summary())
    (said,) = write_index(reports, "en")
    assert "not of wegly-batch" in said
    assert (reports / "index.html").read_text("utf-8") == "<h1>My shop</h1>"
    with use_language("pt_BR"):  # that of the screen, which says it
        (said,) = write_index(reports, "en")
    assert said.endswith("a lista de execuções não foi escrita.")


def test_our_own_index_is_written_anew(reports: Path) -> None:
    """A run that was deleted is gone from it."""
    leave_run(reports, "one", summary(campaign="janeiro"))
    write_index(reports, "en")
    (reports / "one").rename(reports / ".gone")
    assert write_index(reports, "pt_BR") == ()
    page = body(reports)
    assert "janeiro" not in page
    assert 'lang="pt-BR"' in (reports / "index.html").read_text("utf-8")


def test_a_run_that_ends_meanwhile_is_not_missing(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs end together: who was slower to write looks again, so the list has both."""
    leave_run(reports, "one", summary(campaign="janeiro"))
    really = runs_index.write_atomic
    ended = []

    def slow(target: Path, write: Any) -> Path:
        placed = really(target, write)
        if not ended:
            ended.append(1)
            leave_run(reports, "two", summary(campaign="fevereiro"))
        return placed

    monkeypatch.setattr(runs_index, "write_atomic", slow)
    assert write_index(reports, "en") == ()
    assert "fevereiro" in body(reports)


def test_a_full_disk_is_said_and_leaves_the_list_of_before(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report is written already: its run must not fail for the list."""
    leave_run(reports, "one", summary(campaign="janeiro"))
    write_index(reports, "en")
    before = (reports / "index.html").read_bytes()

    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs_index, "write_atomic", full)
    (said,) = write_index(reports, "en")
    assert "No space left on device" in said
    assert (reports / "index.html").read_bytes() == before


def test_a_folder_that_is_gone_is_said(reports: Path) -> None:
    """No traceback."""
    (said,) = write_index(reports / "nowhere", "en")
    assert "could not be written" in said


def test_only_the_newest_of_very_many_are_listed(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page stays small, and says what it leaves out."""
    monkeypatch.setattr(runs_index, "_MAX_RUNS", 2)
    (reports / "zoo").mkdir()
    for day in (1, 2, 3):
        leave_run(reports, f"2026110{day}T130000Z-x-0000", summary(f"2026-11-0{day}T10:00:00-03:00"))
    write_index(reports, "en")
    page = body(reports)
    assert len(re.findall(r"<a href=", page)) == 2
    assert "20261101" not in page
    assert "Only the newest 2 are listed." in page
