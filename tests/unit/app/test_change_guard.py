"""The guard against changes that would re-message people, by ledgers and stamps as they can be found."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.app.inputs.change_guard import (
    Stamp,
    _read_stamps,
    _write_stamp,
    note_stamp,
    refuse_changes,
    stamp_path,
    traits_of,
)
from batch.campaign import Campaign, load_campaign
from batch.errors import ChangeNotAccepted
from batch.ledger import Ledger, Owner, StagedRow
from batch.model.messages import message_key
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run, Traits
from batch.model.verdicts import Verdict

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
HERE, ELSEWHERE, SANDBOX = "https://api.example", "https://other.example", "http://127.0.0.1:9"
SENT = Verdict(outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), http_status=200)
STAMP = Stamp(campaign="natal", endpoint=HERE, ledger="l", where="/ledger.sqlite3", run="r1", finished=True, people=2)
PLAIN = """
[campaign]
name = "Natal"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao"
language = "pt_BR"
"""


def campaign(folder: Path, text: str = PLAIN) -> Campaign:
    path = folder / "natal.toml"
    path.write_text(text, encoding="utf-8")
    return load_campaign(path, now=NOW)


def sent(ledger: Ledger, of: Campaign, people: int, *, endpoint: str = HERE, ended: bool = True) -> Run:
    """A run that has sent to so many people."""
    run = Run(
        run=f"r{people}",
        campaign=of.name,
        endpoint=endpoint,
        sheet_path="s",
        sheet_sha256="0",
        version="0",
        started=NOW,
    )
    with ledger.stage() as staging:
        staging.add(
            StagedRow(row=row, key=message_key(endpoint=endpoint, campaign=of.name, person=f"+{row}"), person=f"+{row}",
                      sender="s", payload="{}", request_hash="h")
            for row in range(people)
        )  # fmt: skip
        staging.judge(endpoint=endpoint)
        staging.plan(run, Owner.here(run.run), traits_of(of))

    async def send() -> None:
        with ledger.open_queue(Owner.here(run.run), endpoint=endpoint) as sending:
            for job in sending.jobs():
                held = await sending.claim(job, NOW)
                await sending.record(held, SENT, duration_ms=1, began=NOW)

    asyncio.run(send())
    if ended:
        ledger.finish_run(run.run, finished=NOW, attempts=people, achieved_rate=None, pending=None)
    return run


def refusal(of: Campaign, ledger: Ledger, endpoint: str = HERE) -> list[str]:
    """The changes that are named; none where the run may go."""
    try:
        refuse_changes(of, ledger, endpoint)
    except ChangeNotAccepted as error:
        return str(error.problem).splitlines()[1:]
    return []


def test_a_stamp_replaces_that_of_its_campaign_and_endpoint(tmp_path: Path) -> None:
    """The latest hundred of a file are kept, for all to read."""
    of = campaign(tmp_path)
    assert _read_stamps(of) == []
    other, newer = replace(STAMP, endpoint=ELSEWHERE), replace(STAMP, people=5)
    for stamp in (STAMP, other, replace(STAMP, campaign="páscoa"), newer):
        assert _write_stamp(of.path, stamp)
    assert _read_stamps(of) == [other, newer]
    assert _read_stamps(campaign(tmp_path, PLAIN.replace("Natal", "Páscoa"))) == [replace(STAMP, campaign="páscoa")]
    assert "páscoa" in stamp_path(of.path).read_text(encoding="utf-8")
    if sys.platform != "win32":
        assert stat.S_IMODE(stamp_path(of.path).stat().st_mode) == 0o644
    many = [newer, *(replace(STAMP, campaign=f"natal {number}") for number in range(98))]
    stamp_path(of.path).write_text(json.dumps(list(map(asdict, many))))
    _write_stamp(of.path, replace(STAMP, campaign="natal 98"))
    assert _read_stamps(of) == [newer]
    _write_stamp(of.path, replace(STAMP, campaign="natal 99"))
    assert _read_stamps(of) == []


def test_a_folder_that_takes_no_file_has_no_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor has one where another program holds it: a stamp by another name would be none."""
    (tmp_path / "file").write_text("")
    assert not _write_stamp(tmp_path / "file" / "natal.toml", STAMP)
    replace_file = Path.replace

    def held(self: Path, target: Path) -> Path:
        if target.name == "natal.toml.stamp":
            raise PermissionError
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", held)
    assert not _write_stamp(tmp_path / "natal.toml", STAMP)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '[{"campaign": "natal"}]',
        json.dumps([{**asdict(STAMP), "people": "2"}]),
        json.dumps([{**asdict(STAMP), "finished": 1}]),
        json.dumps([asdict(STAMP), {**asdict(STAMP), "run": None}]),
        "[" * 100_000,
    ],
)
def test_a_damaged_stamp_stops_a_run_until_it_is_replaced(tmp_path: Path, ledger: Ledger, text: str) -> None:
    """It may say that people have a message."""
    of = campaign(tmp_path)
    stamp_path(of.path).write_text(text)
    with pytest.raises(ChangeNotAccepted, match="cannot be read"):
        refuse_changes(of, ledger, HERE)
    assert _write_stamp(of.path, STAMP)
    assert _read_stamps(of) == [STAMP]


def test_a_run_notes_how_many_will_have_a_message(tmp_path: Path, ledger: Ledger) -> None:
    """Before it sends with those it is about to send, at its end with those who have one."""
    of = campaign(tmp_path)
    run = sent(ledger, of, 2)
    stamp = replace(STAMP, ledger=ledger.ledger_id, where=ledger.location, run="r2")
    assert note_stamp(of, ledger, run, to_send=3)
    assert _read_stamps(of) == [replace(stamp, finished=False, people=5)]
    assert note_stamp(of, ledger, run)
    assert _read_stamps(of) == [stamp]
    assert refusal(of, ledger) == []
    assert note_stamp(of, ledger, replace(run, endpoint=ELSEWHERE), to_send=3)
    assert _read_stamps(of)[1].people == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ledger": "another", "where": "/else"}, "sent with the ledger /else"),
        ({"run": "r9"}, "is an older copy: it does not know the campaign's last run r9"),
        ({"ledger": "another", "people": 0}, None),
        ({"run": "r9", "people": 0}, None),
        ({"finished": False}, None),
        ({"campaign": "páscoa", "ledger": "another"}, None),
        ({}, None),
    ],
)
def test_a_stamp_tells_whether_the_ledger_knows_the_last_run(
    tmp_path: Path, ledger: Ledger, change: dict[str, object], words: str | None
) -> None:
    """Of people who have a message; what was sent nowhere matters to no one."""
    of = campaign(tmp_path)
    sent(ledger, of, 2)
    stamp = replace(replace(STAMP, ledger=ledger.ledger_id, run="r2"), **change)
    _write_stamp(of.path, stamp)
    found = refusal(of, ledger)
    assert [words in line for line in found if words] == ([True] if words else [])
    assert len(found) == (words is not None)


@pytest.mark.parametrize(("finished", "changes"), [(True, 1), (False, 0)])
def test_a_ledger_without_the_end_of_a_run_is_older_than_its_stamp(
    tmp_path: Path,
    ledger: Ledger,
    finished: bool,  # noqa: FBT001 - drawn
    changes: int,
) -> None:
    """Unless the stamp does not know the end either: then the run died."""
    of = campaign(tmp_path)
    sent(ledger, of, 1, ended=False)
    _write_stamp(of.path, replace(STAMP, ledger=ledger.ledger_id, finished=finished))
    assert len(refusal(of, ledger)) == changes


@pytest.mark.parametrize(
    ("before", "now", "stamped", "changes"),
    [
        (ELSEWHERE, HERE, 0, ["It was sent to https://other.example, and this run goes to https://api.example: 2"]),
        (ELSEWHERE, HERE, 7, ["It was sent to https://other.example, and this run goes to https://api.example: 7"]),
        (SANDBOX, HERE, 0, []),
        (SANDBOX, "http://127.0.0.1:10", 0, ["It was sent to http://127.0.0.1:9, and this run goes to"]),
        (HERE, SANDBOX, 0, ["It was sent to https://api.example, and this run goes to http://127.0.0.1:9: 2"]),
        (HERE, HERE, 0, []),
    ],
)
def test_another_endpoint_knows_none_of_the_people(  # noqa: PLR0917 - drawn
    tmp_path: Path, ledger: Ledger, before: str, now: str, stamped: int, changes: list[str]
) -> None:
    """By the ledger or by a stamp; a rehearsal at a sandbox is none of them."""
    of = campaign(tmp_path)
    if stamped:
        _write_stamp(of.path, replace(STAMP, endpoint=before, people=stamped))
    else:
        sent(ledger, of, 2, endpoint=before)
    found = refusal(of, ledger, now)
    assert len(found) == len(changes)
    assert all(line.startswith(start) for line, start in zip(found, changes, strict=True))


def test_who_has_a_message_at_both_endpoints_is_not_asked_about(tmp_path: Path, ledger: Ledger) -> None:
    """The campaign was sent here as well, with this ledger."""
    of = campaign(tmp_path)
    sent(ledger, of, 2, endpoint=ELSEWHERE)
    sent(ledger, of, 1)
    assert refusal(of, ledger) == []


def test_changed_traits_are_named_where_people_have_a_message(tmp_path: Path, ledger: Ledger) -> None:
    """Here; where nobody has one a campaign may change."""
    of = campaign(tmp_path)
    changed = campaign(
        tmp_path, PLAIN.replace('"saudacao"', '{ column = "Modelo", default = "x" }') + '[phone]\nregion = "PT"\n'
    )
    assert traits_of(of) == Traits(unique_by=(), region="BR", phone_rule=1, template="saudacao (pt_BR)")
    assert traits_of(changed).region == "PT"
    assert "Modelo" in traits_of(changed).template
    sent(ledger, of, 1)
    (region, template) = refusal(changed, ledger)
    assert "region was BR and is now PT" in region
    assert "1 person" in region
    assert "Modelo" in template


def test_a_campaign_that_reached_no_one_may_change(tmp_path: Path, ledger: Ledger) -> None:
    """Its plan alone gives no one a message."""
    of = campaign(tmp_path)
    sent(ledger, of, 0)
    assert refusal(campaign(tmp_path, PLAIN.replace("saudacao", "outra")), ledger) == []
