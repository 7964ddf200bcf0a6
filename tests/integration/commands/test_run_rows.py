"""`--rows` and `--only-allowed`: a run for some of the rows that could go."""

from __future__ import annotations

import base64
import json
import time

import pytest
from office import CREATED, Office, person, phones
from systems import split_command

from batch.formatting import from_here, quote_path

pytestmark = pytest.mark.usefixtures("plain_reports")

NOT_CHOSEN = ("pending", "not_chosen")


def test_only_the_chosen_rows_go(office: Office) -> None:
    """As Excel numbers them; the others wait for a run that is for them."""
    sheet, campaign = office.sheet(phones(6)), office.campaign()
    ran = office.run(sheet, campaign, "--rows", "3-4,6")
    assert (ran.code, ran.rows) == (6, [NOT_CHOSEN, CREATED, CREATED, NOT_CHOSEN, CREATED, NOT_CHOSEN])
    assert set(office.sent()) == {person(phones(6)[row - 2]) for row in (3, 4, 6)}
    ran = office.run(sheet, campaign)
    assert (ran.code, ran.rows) == (0, [CREATED] * 6)


def test_rows_and_limit_go_together(office: Office) -> None:
    """The first so many of the chosen ones."""
    ran = office.run(office.sheet(phones(4)), office.campaign(), "--rows", "3-5", "--limit", "2")
    assert (ran.code, ran.rows) == (6, [NOT_CHOSEN, CREATED, CREATED, ("pending", "limit")])


def test_rows_that_the_sheet_does_not_have_are_none(office: Office) -> None:
    """A typing error is told, whether the others are there or not; nothing is sent."""
    for rows, named in (("50-60", "--rows 50-60"), ("2,99", "--rows 99"), ("1", "--rows 1:")):
        said = office.refused(*office.command(office.sheet(phones(2)), office.campaign(), "--rows", rows))
        assert named in said
    assert not office.sandbox.log.received


@pytest.mark.parametrize("rows", ["4-3", "x", "0", "", "2-", "2;3", "-5", "1-9999999", "2,,3"])
def test_odd_rows_are_usage(office: Office, rows: str) -> None:
    """Exit 2, and the option is named."""
    said = office.refused(*office.command(office.sheet(phones(2)), office.campaign(), "--rows", rows))
    assert "--rows" in said


@pytest.mark.parametrize("limit", ["0", "-1", "x"])
def test_an_odd_limit_is_usage(office: Office, limit: str) -> None:
    """At least one message."""
    said = office.refused(*office.command(office.sheet(phones(2)), office.campaign(), "--limit", limit))
    assert "--limit" in said


def test_check_speaks_of_the_chosen_rows(office: Office) -> None:
    """`check` and `run --dry-run` say what a run with the same choices would do."""
    sheet, campaign = office.sheet(phones(6)), office.campaign()
    _, out, _ = office.type("check", sheet, "-c", campaign, "--rows", "3-5")
    assert "3 messages would be sent" in out
    _, dry, _ = office.type(*office.command(sheet, campaign, "--dry-run", "--rows", "3-5", "--limit", "2"))
    assert "2 messages would be sent" in dry
    _, out, _ = office.type("check", sheet, "-c", campaign, "--limit", "1")
    assert "1 message would be sent" in out


def test_check_says_when_the_token_ends_too_soon(office: Office) -> None:
    """Two messages at one an hour, and a token for half an hour; it comes from the file, and is not shown."""
    content = json.dumps({"exp": int(time.time()) + 1800}).encode()
    token = f"e30.{base64.urlsafe_b64encode(content).decode().rstrip('=')}.c2ln"
    file = office.write("token.txt", token + "\n")
    file.chmod(0o600)
    words = ("check", office.sheet(phones(2)), "-c", office.campaign(), "--rate", "1/h", "--token-file", file)
    code, out, err = office.type(*words)
    assert (code, err) == (0, "")
    assert "before the last message" in out
    assert token not in out
    _, out, _ = office.type(*words, "--json")
    assert json.loads(out)["schedule"]["token_expires_before_end"] is True
    _, out, _ = office.type(*words, "--json", "--limit", "1")
    assert json.loads(out)["schedule"]["token_expires_before_end"] is False


def test_nobody_but_the_allowed_is_messaged(office: Office) -> None:
    """However the list writes the number; the others are skipped, and the list is named."""
    allowed = office.write("equipe.csv", "Telefone\n+55 (11) 97001-2002\n")
    ran = office.run(office.sheet(phones(3)), office.campaign(), "--only-allowed", allowed)
    skipped = ("skipped", "not_allowed")
    assert (ran.code, ran.rows) == (0, [skipped, CREATED, skipped])
    assert "equipe.csv" in ran.message(2)
    assert office.sent() == {person(phones(3)[1]): 1}


def test_the_next_command_repeats_who_is_allowed(office: Office) -> None:
    """What waits goes to nobody else, and its report beside the first; a correction does so too."""
    allowed = office.write("equipe.csv", "Telefone\n" + "\n".join(phones(2)) + "\n")
    reports = office.folder / "entregas"
    office.sheet([*phones(3), "11 97001"])
    more = ("--only-allowed", allowed, "--limit", "1", "--reports", reports, "--encoding", "utf-8")
    code, out, err = office.type(*office.command(office.folder / "contatos.csv", office.campaign(), *more))
    correct, go_on = [line for line in (out + err).splitlines() if line.startswith("    wegly-batch run ")]
    only, folder = (quote_path(from_here(each)) for each in (allowed, reports))
    for each in (correct, go_on):
        assert f" --only-allowed {only} --encoding utf-8 --reports {folder} --base-url " in each
    code, out, err = office.type(*split_command(go_on)[1:])
    assert (code, len(list(reports.glob("*/results.csv")))) == (3, 2), err
    assert office.sent() == {person(phone): 1 for phone in phones(2)}
