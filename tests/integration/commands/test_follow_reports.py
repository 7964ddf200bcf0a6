"""Which reports `follow` writes again: all that its screen counts, and the one of a sheet that people open."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from delivering_api import DeliveringApi, delivering
from edited_workbooks import replace_text
from office import Office


@pytest.fixture
def api() -> Iterator[DeliveringApi]:
    with delivering(DeliveringApi()) as served:
        yield served


class Desk:
    """A sheet with a wrong row, which was corrected in retry.xlsx, and a later run of the sheet with a row more."""

    def __init__(self, office: Office, api: DeliveringApi) -> None:
        self.office, self.api = office, api
        campaign, url = office.campaign(), ("--base-url", api.url)
        sheet = office.sheet(["11 97001-2001", "errado"])
        self.first = office.run(sheet, campaign, *url).summary["run"]
        fixed = office.folder / "reports" / self.first / "retry.xlsx"
        replace_text(fixed, "errado", "11 97001-2002")
        assert office.type(*office.command(fixed, campaign, *url))[0] == 0
        self.latest = office.run(office.sheet(["11 97001-2001", "errado", "11 97001-2003"]), campaign, *url).summary[
            "run"
        ]
        self.pass_time(hours=2)

    def pass_time(self, **passed: float) -> None:
        self.api.pass_time(timedelta(**passed), os.environ["WEGLY_BATCH_LEDGER"])

    def follow(self, *words: str) -> dict[str, Any]:
        code, out, err = self.office.type("follow", *words, "--base-url", self.api.url, "--rate", "90/s", "--json")
        assert code == 0, err
        return dict(json.loads(out))

    def delivered(self, run: str) -> int | None:
        """What the report of a run, as it stands, says of arrived messages; None: nothing."""
        summary = json.loads((self.office.folder / "reports" / run / "summary.json").read_text(encoding="utf-8"))
        return summary["delivery"]["delivered"] if summary.get("delivery") else None


@pytest.fixture
def desk(bare_office: Office, api: DeliveringApi) -> Desk:
    return Desk(bare_office, api)


def test_a_named_run_is_followed_with_its_corrected_rows(desk: Desk) -> None:
    """Screen and report have one figure; the report of the latest run of the sheet has its own."""
    said = desk.follow(desk.first)
    assert (said["looks"], said["delivery"]["delivered"]) == (2, 2)
    assert (desk.delivered(desk.first), desk.delivered(desk.latest)) == (
        2,
        1,
    )  # of another sheet the row is wrong still
    assert desk.follow()["looks"] == 1
    assert desk.delivered(desk.latest) == 2


def test_a_report_from_before_the_looks_is_written_again(desk: Desk) -> None:
    """Of a run that is named, though nothing is due; then it stands, and is left alone."""
    summary = desk.office.folder / "reports" / desk.first / "summary.json"
    before = summary.read_bytes()
    desk.follow()
    summary.write_bytes(before)
    assert [Path(each).name for each in desk.follow(desk.first)["reports"]] == [desk.first]
    assert desk.delivered(desk.first) == 2
    assert desk.follow(desk.first)["reports"] == []
