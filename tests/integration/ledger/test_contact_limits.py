"""How many, how soon again and when: what a run leaves for later by its rules, and what it says of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from office import CREATED, FIRST, HALVES, HOME, SECOND, Office, around, person, phones

import batch.app.run
from batch.sandbox import running_sandbox

pytestmark = pytest.mark.usefixtures("plain_reports")

DAY = timedelta(days=1)


def now() -> datetime:
    return datetime.now(UTC)


def test_a_cap_leaves_the_rest_for_later_and_says_when(office: Office) -> None:
    """Three of five people; the others are pending, and a second run at once sends nobody."""
    sheet, campaign = office.sheet(phones(5)), office.campaign("[throttle]\nper_24h = 3")
    ran = office.run(sheet, campaign)
    assert (ran.code, len(office.sent())) == (6, 3)
    assert ran.rows == [CREATED] * 3 + [("pending", "cap")] * 2
    told = around(now() + DAY)
    assert any(when in ran.said for when in told)
    assert all(any(when in ran.message(row) for when in told) for row in (5, 6))
    again = office.run(sheet, campaign)
    assert (again.code, again.rows, len(office.sent())) == (6, ran.rows, 3)
    assert any(when in again.said for when in told)


def test_the_summary_for_people_says_when_the_next_can_go(office: Office) -> None:
    """Not only the JSON's alarm: cron mails this text."""
    sheet, campaign = office.sheet(phones(2)), office.campaign("[throttle]\nper_24h = 1")
    code, out, err = office.type(*office.command(sheet, campaign))
    assert (code, out) == (6, "")
    assert any(f"Run the same command again at {when}" in err for when in around(now() + DAY))
    assert "1 people in 24 hours were reached" in err


def test_what_another_campaign_sent_with_the_sender_counts(office: Office) -> None:
    """The cap is the account's, whatever campaign uses it."""
    office.run(office.sheet(phones(2)), office.campaign(name="antes"))
    ran = office.run(office.sheet(phones(3, first=10)), office.campaign("[throttle]\nper_24h = 3"))
    assert (ran.code, ran.rows) == (6, [CREATED] + [("pending", "cap")] * 2)


def test_each_sender_has_its_own_cap_unless_the_account_shares_it(office: Office) -> None:
    """Two of the first sender's people count against the second too, unless shared_cap = "sender"."""
    office.run(office.sheet(phones(2)), office.campaign(name="antes"))
    sheet = office.sheet(phones(3, first=10))
    shared = office.campaign("[throttle]\nper_24h = 3", sender=f'"{SECOND}"')
    ran = office.run(sheet, shared)
    assert (ran.code, ran.rows) == (6, [CREATED] + [("pending", "cap")] * 2)
    own = '[throttle]\nper_24h = 3\nshared_cap = "sender"'
    ran = office.run(sheet, office.campaign(own, sender=f'"{SECOND}"'))
    assert (ran.code, ran.rows) == (0, [CREATED] * 3)


def test_two_senders_of_one_run_share_the_account_s_cap(office: Office) -> None:
    """Together three, however they race."""
    sheet = office.sheet(phones(20))
    ran = office.run(sheet, office.campaign("[throttle]\nper_24h = 3", sender=HALVES))
    assert (ran.code, len(office.sent())) == (6, 3)
    assert sorted(ran.rows) == [("pending", "cap")] * 17 + [CREATED] * 3
    ran = office.run(sheet, office.campaign('[throttle]\nper_24h = 4\nshared_cap = "sender"', sender=HALVES))
    assert (ran.code, office.senders()) == (6, {FIRST: 4, SECOND: 4})


@pytest.mark.spacing
def test_a_second_message_to_a_person_is_spaced_and_counts_no_second_time(office: Office) -> None:
    """Two bills of one person and one of another fill a cap of two people; a third person waits for tomorrow."""
    ana, bia, caio = phones(3)
    lines = ["Nome;Telefone;Fatura", f"Ana;{ana};1", f"Bia;{bia};2", f"Ana;{ana};3", f"Caio;{caio};4"]
    sheet = office.write("faturas.csv", "\n".join(lines) + "\n")
    campaign = office.campaign("[throttle]\nper_24h = 2", about='unique_by = ["Fatura"]')
    ran = office.run(sheet, campaign)
    assert (ran.code, ran.rows) == (6, [CREATED, CREATED, ("reused", "reused"), ("pending", "cap")])
    first, second = (each.monotonic for each in office.sandbox.log.applied if each.person == person(ana))
    assert second - first > 5.5


def test_what_was_refused_frees_its_place(office: Office) -> None:
    """A cap of two people reaches two people, whoever the API refused before them."""
    sheet = office.sheet(["11 97001-0400", *phones(3)])
    # One at a time: else the place may be free only when the rows behind have gone by, on a slow machine.
    ran = office.run(sheet, office.campaign("[throttle]\nper_24h = 2\nconcurrency = 1"))
    assert (ran.code, len(office.sent())) == (3, 2)
    assert ran.rows == [("error", "api_refused"), CREATED, CREATED, ("pending", "cap")]


def test_the_smaller_of_limit_and_per_run_holds(office: Office) -> None:
    """Each run goes on where the last one ended."""
    sheet, campaign = office.sheet(phones(6)), office.campaign("[throttle]\nper_run = 2")
    left = ("pending", "limit")
    assert office.run(sheet, campaign).rows == [CREATED] * 2 + [left] * 4
    assert office.run(sheet, campaign, "--limit", "1").rows == [CREATED] * 3 + [left] * 3
    ran = office.run(sheet, campaign, "--limit", "3")
    assert (ran.code, ran.rows) == (6, [CREATED] * 5 + [left])
    ran = office.run(sheet, campaign)
    assert (ran.code, ran.rows) == (0, [CREATED] * 6)


def test_who_got_another_campaign_s_message_is_skipped(office: Office) -> None:
    """The row names the campaign and the time; somebody new is sent."""
    office.run(office.sheet(phones(2)), office.campaign(name="antes"))
    sheet = office.sheet(phones(3))
    ran = office.run(sheet, office.campaign('[history]\nnot_within = "7d"'))
    assert (ran.code, ran.rows) == (0, [("skipped", "recently_messaged")] * 2 + [CREATED])
    assert "antes" in ran.message(2)
    assert any(when in ran.message(2) for when in around(now()))
    assert office.sent() == dict.fromkeys(map(person, phones(3)), 1)


def test_the_history_of_another_endpoint_does_not_count(office: Office) -> None:
    """A rehearsal against the sandbox never keeps anybody from the real message."""
    sheet = office.sheet(phones(2))
    with running_sandbox() as rehearsal:
        office.run(sheet, office.campaign(name="antes"), "--base-url", rehearsal.url)
        assert len(rehearsal.log.applied) == 2
    ran = office.run(sheet, office.campaign('[history]\nnot_within = "7d"'))
    assert (ran.code, ran.rows) == (0, [CREATED] * 2)


def test_a_trial_is_no_history(office: Office) -> None:
    """Who tried a campaign on his own phone is in the sheet of another."""
    own, other = phones(2)
    code, _, err = office.type(*office.command(office.sheet([other]), office.campaign(name="antes"), "--to", own))
    assert (code, err) == (0, "")
    sheet, campaign = office.sheet([own, other]), office.campaign('[history]\nnot_within = "7d"')
    code, out, _ = office.type("check", sheet, "-c", campaign, "--base-url", office.sandbox.url)
    assert code == 0
    assert "2 messages would be sent" in out


def window(begin: datetime, end: datetime, zone: str = "UTC") -> str:
    """A [[window]] of every day whose hours are these moments', in that zone."""
    local = ZoneInfo(zone)
    hours = f"{begin.astimezone(local):%H:%M}-{end.astimezone(local):%H:%M}"
    return f'[[window]]\nhours = "{hours}"\ntimezone = "{zone}"\n'


def test_outside_the_hours_nothing_goes_and_the_run_says_when(office: Office) -> None:
    """The hour began twelve hours ago and has passed: tomorrow's is the next."""
    begin = (now() - timedelta(hours=12)).replace(second=0, microsecond=0)
    sheet, campaign = office.sheet(phones(2)), office.campaign(window(begin, begin + timedelta(hours=1)))
    ran = office.run(sheet, campaign)
    opens = f"{(begin + DAY).astimezone(HOME):%d/%m/%Y %H:%M}"
    assert (ran.code, ran.rows) == (6, [("pending", "window")] * 2)
    assert not office.sandbox.log.received
    assert opens in ran.said
    assert opens in ran.message(2)


def test_within_the_hours_it_goes(office: Office) -> None:
    """Also where several windows are given, and only one is open."""
    closed = window(now() + timedelta(hours=3), now() + timedelta(hours=4))
    opened = window(now() - timedelta(hours=1), now() + timedelta(hours=1))
    ran = office.run(office.sheet(phones(2)), office.campaign(closed + opened))
    assert (ran.code, ran.rows) == (0, [CREATED] * 2)


def test_the_hours_are_each_person_s_own(office: Office) -> None:
    """Where it is an hour earlier (92: Manaus), a window that has just begun in Sao Paulo has not."""
    begin, end = (f"{now().astimezone(HOME) + timedelta(minutes=each):%H:%M}" for each in (-30, 15))
    sheet = office.sheet(["92 97001-2001", "11 97001-2002"])
    campaign = office.campaign(f'[[window]]\nhours = "{begin}-{end}"\ntimezone = "recipient"')
    ran = office.run(sheet, campaign)
    assert (ran.code, ran.rows) == (6, [("pending", "window"), CREATED])
    assert any(when in ran.said for when in around(now() + timedelta(minutes=30)))


def test_with_wait_the_run_goes_on_when_the_hours_begin(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool's wall clock is put two seconds before a minute, at which the window opens."""
    real = now()
    opens = real.replace(second=0, microsecond=0) + timedelta(minutes=1)
    ahead = opens - real - timedelta(seconds=2)
    monkeypatch.setattr(batch.app.run, "utc_now", lambda: now() + ahead)
    campaign = office.campaign(window(opens, opens + timedelta(hours=2)))
    ran = office.run(office.sheet(phones(2)), campaign, "--wait")
    assert (ran.code, ran.rows) == (0, [CREATED] * 2)
    assert now() - real >= timedelta(seconds=1.9)
