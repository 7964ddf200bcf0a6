"""A run of two senders: each has its own pace, and the run takes as long as the slower one."""

from __future__ import annotations

import json
import re

from office import HALVES, Office, phones

ROWS = 12


def test_the_forecast_is_that_of_the_sender_with_most_messages(office: Office) -> None:
    """The seven of the one go within six seconds; the rate of one sender for all would take eleven."""
    sheet, campaign = office.sheet(phones(ROWS)), office.campaign('[throttle]\nrate = "1/s"\n', sender=HALVES)
    words = ("check", sheet, "-c", campaign, "--base-url", office.sandbox.url)
    assert "12 messages would be sent, at 1 a second per sender in about 6 s." in office.type(*words)[1]
    assert json.loads(office.type(*words, "--json")[1])["seconds"] == 6.0
    few = json.loads(office.type(*words, "--json", "--rate", "2/s")[1])
    assert (few["rate"], few["seconds"]) == (2.0, 3.0)


def test_a_report_shows_the_wanted_rate_of_the_senders_whose_rate_it_shows(office: Office) -> None:
    """Of both together beside what both together achieved, and of each beside its own."""
    sheet, campaign = office.sheet(phones(ROWS)), office.campaign(sender=HALVES)
    ran = office.run(sheet, campaign)
    this = ran.summary["this_run"]
    assert (this["wanted_rate"], len(this["senders"])) == (200.0, 2)
    page = (office.folder / "reports" / ran.summary["run"] / "report.html").read_text("utf-8")
    cells = [" ".join(re.sub("<[^>]*>", " ", each).split()) for each in re.split("<dt|<tr", page)]
    wanted = [each for each in cells if "Wanted rate" in each or "Ritmo desejado" in each]
    assert any("400" in each for each in wanted), wanted
