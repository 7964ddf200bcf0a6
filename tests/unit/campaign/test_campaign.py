"""The campaign file: read whole, or refused whole with every problem named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batch.campaign import Campaign, Column, Constant, load_campaign
from batch.campaign.template import fill_body, placeholders
from batch.campaign.validators import parse_duration, parse_rate, parse_share
from batch.errors import CampaignError

NOW = datetime(2026, 12, 1, 1, 30, tzinfo=UTC)
SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
PLAIN = f"""
[campaign]
name = "boas-vindas"
[sender]
whatsapp_phone_id = "{SENDER}"
[template]
name = "saudacao_inicial"
language = "pt_BR"
"""
FULL = f"""
[campaign]
name = "Cobrança {{yyyy-mm}}"
unique_by = ["Fatura"]
language = "en"
timezone = "America/Manaus"
[sender]
whatsapp_phone_id = {{ column = "Remetente", default = "{SENDER}" }}
[template]
name = {{ column = "Modelo", default = "padrao" }}
language = {{ column = "Idioma", default = "pt_BR" }}
body = "Ola {{{{1}}}}, ate {{{{2}}}}!"
[columns]
wa_contact_id = "Telefone"
remote_profile_name = {{ column = "Nome" }}
person_contact_id = {{ column = "Pessoa", default = "" }}
crm_person_id = {{ column = "CRM", default = "{SENDER}" }}
assigned_agent_id = {{ value = "{SENDER}" }}
status = {{ value = "OPEN" }}
[[template_fields]]
component = {{ column = "Parte", default = "BODY" }}
type = "TEXT"
index = {{ column = "Ordem", default = 1 }}
button_index = 0
card_index = {{ column = "Cartao", default = 2 }}
value = "{{Nome|first_name}}"
[phone]
region = "PT"
format = "e164"
[throttle]
rate = "600/min"
concurrency = 4
[stop]
errors = "5,5%"
unknowns = 3
retries = 0
retry_for = "2h"
[sheet]
name = "Contatos"
header_row = 4
hidden_rows = "send"
"""

Load = Callable[[str], Campaign]
NINES = "9" * 5000


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def write_and_load(text: str) -> Campaign:
        path = tmp_path / "campanha.toml"
        path.write_text(text, encoding="utf-8")
        return load_campaign(path, now=NOW)

    return write_and_load


def _refusal(load: Load, text: str) -> str:
    with pytest.raises(CampaignError) as caught:
        load(text)
    return str(caught.value)


def test_a_short_file_has_the_defaults_of_the_design(load: Load, tmp_path: Path) -> None:
    """Only name, sender and template must be given."""
    campaign = load(PLAIN)
    assert campaign.path == tmp_path / "campanha.toml"
    assert (campaign.name, campaign.slug, campaign.unique_by) == ("boas-vindas", "boas-vindas", ())
    assert (campaign.language, campaign.timezone) == (None, "America/Sao_Paulo")
    assert campaign.sender.whatsapp_phone_id == Constant(value=SENDER)
    assert (campaign.template.name, campaign.template.body) == (Constant(value="saudacao_inicial"), None)
    assert campaign.column_sources is None
    assert campaign.template_fields is None
    assert (campaign.phone.region, campaign.phone.format) == ("BR", "national")
    assert (campaign.throttle.rate, campaign.throttle.concurrency) == (10.0, 16)
    stop = campaign.stop
    assert (stop.errors, stop.unknowns, stop.retries, stop.retry_for) == (0.2, 5, 8, 900.0)
    assert (campaign.sheet.name, campaign.sheet.header_row, campaign.sheet.hidden_rows) == (None, None, "skip")


def test_everything_can_be_given(load: Load) -> None:
    """Every field of the request is a column, a column with a default, or a constant."""
    campaign = load(FULL)
    assert (campaign.unique_by, campaign.language, campaign.timezone) == (("Fatura",), "en", "America/Manaus")
    assert campaign.sender.whatsapp_phone_id == Column(column="Remetente", default=SENDER)
    assert campaign.template.name == Column(column="Modelo", default="padrao")
    assert campaign.template.language == Column(column="Idioma", default="pt_BR")
    assert campaign.column_sources == {
        "wa_contact_id": Column(column="Telefone"),
        "remote_profile_name": Column(column="Nome"),
        "person_contact_id": Column(column="Pessoa", default=""),
        "crm_person_id": Column(column="CRM", default=SENDER),
        "assigned_agent_id": Constant(value=SENDER),
        "status": Constant(value="OPEN"),
    }
    assert campaign.template_fields is not None
    [field] = campaign.template_fields
    assert field.component == Column(column="Parte", default="BODY")
    assert field.index == Column(column="Ordem", default="1")
    assert (field.button_index, field.card_index) == (Constant(value="0"), Column(column="Cartao", default="2"))
    assert (campaign.phone.region, campaign.phone.format) == ("PT", "e164")
    assert (campaign.throttle.rate, campaign.throttle.concurrency) == (10.0, 4)
    stop = campaign.stop
    assert (stop.errors, stop.unknowns, stop.retries, stop.retry_for) == (pytest.approx(0.055), 3, 0, 7200.0)
    assert (campaign.sheet.name, campaign.sheet.header_row, campaign.sheet.hidden_rows) == ("Contatos", 4, "send")


@pytest.mark.parametrize("name", ["{yyyy-mm}", "{yyyy-mm-dd}"])
def test_the_date_in_the_name_is_that_of_the_campaigns_time_zone(load: Load, name: str) -> None:
    """Half past one in UTC on the first of December is still November in Sao Paulo."""
    filled = {"{yyyy-mm}": "2026-11", "{yyyy-mm-dd}": "2026-11-30"}[name]
    campaign = load(PLAIN.replace("boas-vindas", f"Promoção São João! {name}"))
    assert campaign.name == f"Promoção São João! {filled}"
    assert campaign.slug == f"promocao-sao-joao-{filled}"


def test_a_name_without_a_letter_still_has_a_slug(load: Load) -> None:
    """A run's folder always has a name."""
    assert load(PLAIN.replace("boas-vindas", "!!!")).slug == "campaign"
    assert len(load(PLAIN.replace("boas-vindas", "a" * 100)).slug) == 60


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_file_is_read_like_a_sheet(tmp_path: Path, encoding: str, line_end: str) -> None:
    """Notepad's encodings and line ends are no trouble."""
    path = tmp_path / "campanha.toml"
    text = PLAIN.replace("boas-vindas", "Promoção").replace("\n", line_end)
    path.write_bytes(text.encode(encoding))
    assert load_campaign(path, now=NOW).name == "Promoção"


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ('name = "boas-vindas"', "", "[campaign] name is missing"),
        ('name = "boas-vindas"', 'name = " "', "[campaign] name is"),
        ('name = "boas-vindas"', 'name = "a {yyyy}"', "allowed in braces are {yyyy-mm} and {yyyy-mm-dd}"),
        ('name = "boas-vindas"', 'name = "a }"', "allowed in braces are {yyyy-mm} and {yyyy-mm-dd}"),
        ('name = "boas-vindas"', 'name = "a\\nb"', "allowed is one line of 1 to 100 characters"),
        ('name = "boas-vindas"', "name = 2026-01-01", "[campaign] name is 2026-01-01; allowed is a text in quotes"),
        (
            'name = "boas-vindas"',
            'name = "a"\nunique = []',
            "[campaign] has no key 'unique'; did you mean 'unique_by'?",
        ),
        ('name = "boas-vindas"', 'name = "a"\nunique_by = "Fatura"', 'a list of column names like ["Fatura"]'),
        ('name = "boas-vindas"', 'name = "a"\nunique_by = ["A", "A"]', "a column stands in it twice"),
        (
            'name = "boas-vindas"',
            'name = "a"\nlanguage = "pt"',
            "[campaign] language is \"pt\"; allowed is 'pt_BR', 'en'",
        ),
        (
            'name = "boas-vindas"',
            'name = "a"\ntimezone = "America/Sao_Paolo"',
            "no such time zone; did you mean 'America/Sao_Paulo'?",
        ),
        ('name = "boas-vindas"', 'name = "a"\ntimezone = "../etc"', "no such time zone"),
        ('name = "boas-vindas"', 'name = "a"\ntimezone = "America"', "no such time zone"),
        (f'"{SENDER}"', '"123"', '[sender] whatsapp_phone_id is "123"; allowed is a UUID'),
        (f'"{SENDER}"', '""', "[sender] whatsapp_phone_id"),
        (f'"{SENDER}"', '{ column = "A", default = "x" }', "allowed is a UUID"),
        (f'"{SENDER}"', '{ colum = "A" }', "unknown key 'colum'; did you mean 'column'?"),
        (f'"{SENDER}"', '{ column = "A", value = "x" }', "exclude each other"),
        (f'"{SENDER}"', '{ default = "x" }', "allowed is a text, or { column"),
        (f'"{SENDER}"', "{ column = 1 }", "allowed is a text, or { column"),
        (f'"{SENDER}"', "[]", "allowed is a list like"),
        (f'"{SENDER}"', '[{ id = "a", share = 1 }]', "id is 'a'; allowed is a UUID"),
        (f'"{SENDER}"', f'[{{ id = "{SENDER}" }}, {{ id = "{SENDER}" }}]', "stands in it twice"),
        (f'"{SENDER}"', f'[{{ id = "{SENDER}", share = "70%" }}]', "add up to 70%"),
        (f'"{SENDER}"', f'[{{ id = "{SENDER}", part = 1 }}]', "unknown key 'part'"),
        (f'"{SENDER}"', f'[{{ id = "{SENDER}", share = 0 }}]', "a percentage"),
        ('language = "pt_BR"', "", "[template] language is missing"),
        ('name = "saudacao_inicial"', "name = 1", "[template] name is 1"),
        ('name = "saudacao_inicial"', 'name = ""', "[template] name is"),
        ('language = "pt_BR"', 'language = "pt_BR"\nbody = "{{nome}}"', "it has the placeholder {{nome}}"),
        ('language = "pt_BR"', 'language = "pt_BR"\nbody = "{{1}} {{3}}"', "and {{2}} is missing"),
        (
            'language = "pt_BR"',
            f'language = "pt_BR"\nbody = "{"a" * 1025}"',
            "1025 characters, and WhatsApp allows 1024",
        ),
        ("[sender]", "[sendr]", "there is no section or key 'sendr'; did you mean 'sender'?"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_is_allowed(load: Load, wrong: str, right: str, said: str) -> None:
    """The sentence says file, key, what was found and what is allowed."""
    refusal = _refusal(load, PLAIN.replace(wrong, right, 1))
    assert said in refusal
    assert "campanha.toml" in refusal


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ('[columns]\nremote_profile_name = "Nome"', "[columns] wa_contact_id is missing"),
        ('[columns]\nwa_contact_id = ""', "[columns] wa_contact_id is"),
        ('[columns]\nwa_contact_id = "T"\nstatus = { value = "open" }', "one of OPEN, RESOLVED, SNOOZED"),
        ('[columns]\nwa_contact_id = "T"\ncrm_person_id = { column = "C", default = "1" }', "allowed is a UUID"),
        ('[columns]\nwa_contact_id = "T"\nremote_profil_name = "N"', "did you mean 'remote_profile_name'?"),
        (
            f'[columns]\nwa_contact_id = "T"\nremote_profile_name = {{ value = "{"a" * 256}" }}',
            "at most 255 characters",
        ),
        ('[[template_fields]]\ncomponent = "BODY"\nindex = 1', "[[template_fields]] number 1, value is missing"),
        ('[[template_fields]]\ncomponent = "BODY"\nindex = 0\nvalue = "a"', "a whole number from 1 up"),
        ('[[template_fields]]\ncomponent = "BODY"\nindex = "1"\nvalue = "a"', "allowed is a whole number"),
        ('[[template_fields]]\ncomponent = "BODY"\nindex = true\nvalue = "a"', "allowed is a whole number"),
        (
            '[[template_fields]]\ncomponent = "BODY"\nindex = 1\nvalue = " "',
            'number 1, value is " "; allowed is a text',
        ),
        ('[[template_fields]]\ncomponent = ""\nindex = 1\nvalue = "a"', "a text that is not empty"),
        ('[[template_fields]]\ncomponent = "B"\nindex = 1\nvalue = "a"\nbutton_index = -1', "a whole number from 0 up"),
        (
            '[[template_fields]]\ncomponent = "B"\nindx = 1\nvalue = "a"',
            "number 1 has no key 'indx'; did you mean 'index'?",
        ),
        ('[template_fields]\ncomponent = "B"', "[[template_fields]] is"),
        ('[phone]\nregion = "br"', '[phone] region is "br"; allowed is a country\'s two letters'),
        ('[phone]\nformat = "local"', "allowed is 'national', 'e164', 'digits'"),
        ("[throttle]\nrate = 10", '[throttle] rate is 10; allowed is a text in quotes like "10/s"'),
        ('[throttle]\nrate = "fast"', 'allowed is a rate above 0 like "10/s"'),
        ("[throttle]\nconcurrency = 0", "[throttle] concurrency is 0; allowed is a number from 1 up"),
        ("[throttle]\nconcurrency = 513", "allowed is a number of at most 512"),
        ("[throttle]\nconcurency = 5", "did you mean 'concurrency'?"),
        ('[stop]\nerrors = "120%"', "allowed is a share"),
        ("[stop]\nunknowns = 0", "a number from 1 up"),
        ("[stop]\nunknowns = true", "allowed is a whole number"),
        ("[stop]\nretries = -1", "a number from 0 up"),
        ('[stop]\nretry_for = "soon"', 'allowed is a time above 0 like "90s"'),
        ("[sheet]\nheader_row = 0", "a number from 1 up"),
        ('[sheet]\nhidden_rows = "maybe"', "allowed is 'skip', 'send'"),
        ('[sheet]\nname = ""', "allowed is a text that is not empty"),
        ("throttle = 5", "[throttle] is 5; allowed is a section"),
        (f"[throttle]\nconcurrency = {NINES}", "has a number that is too large"),
        (f"[throttle]\nper_24h = 0x{'f' * 5000}", "[throttle] per_24h is a number that is too large"),
        (f"[stop]\nretries = -{NINES}", "has a number that is too large"),
        ("[canary]\nrows = 9007199254740993", "[canary] rows is a number that is too large"),
        (f"[canary]\nrows = 1e{NINES}", "allowed is a whole number"),
        (f'[[template_fields]]\ncomponent = "BODY"\nindex = {{ value = {NINES} }}', "has a number that is too large"),
        (f'[[template_fields]]\ncomponent = "BODY"\nindex = {{ value = 0x{"f" * 5000} }}', "number 1, index, value is"),
        (f'[throttle]\nrate = "{NINES}/s"', "allowed is a rate above 0"),
        (f'[history]\nnot_within = "{NINES}d"', 'of at most "99999d"'),
        ('[history]\nwarn = "100000d"', 'of at most "99999d"'),
        (f'[prices]\nper_message = "{NINES}"', "of at most 1,000,000"),
    ],
)
def test_each_further_section_is_checked_too(load: Load, extra: str, said: str) -> None:
    """No key is taken for good unread."""
    text = f"{extra}\n{PLAIN}" if extra.startswith("throttle") else f"{PLAIN}\n{extra}"
    assert said in _refusal(load, text)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("5", "an address in quotes"),
        ('""', "an address in quotes"),
        ('"example.org/s3cr3t"', "this is no address"),
        ('"ftp://example.org/s3cr3t"', "this is no address"),
        ('"https:///s3cr3t"', "this is no address"),
        ('"https://example.org:99999/s3cr3t"', "this is no address"),
        ('"https://exa mple.org/s3cr3t"', "this is no address"),
        ('"https://ana:s3cr3t@example.org/"', "a user name or password stands before the @"),
        ('"http://example.org/s3cr3t"', "it is not encrypted"),
        ('"http://127.0.0.1.example.org/s3cr3t"', "it is not encrypted"),
        ('["https://example.org/s3cr3t"]', "an address in quotes"),
        ('"https://example.org/s3cr3t', "is no TOML"),
    ],
)
def test_a_webhook_that_cannot_be_is_refused_and_not_repeated(load: Load, value: str, said: str) -> None:
    """The address may hold a secret, and errors end up in mails of cron."""
    refusal = _refusal(load, f"{PLAIN}\n[notify]\nwebhook = {value}\n")
    assert said in refusal
    assert "webhook" in refusal
    assert "s3cr3t" not in refusal


@pytest.mark.parametrize(
    "lines",
    [
        '[notify]\nwebhook = """\nhttps://example.org/s3cr3t\\q"""',
        "[notify]\nwebhook = '''https://example.org/\ns3cr3t''' x",
        '[notify]\nwebhok = "https://example.org/s3cr3t',
        'notify.webhook = "https://example.org/s3cr3t\\q"',
        '["no\\u0074ify"]\n"web\\u0068ook" = "https://example.org/s3cr3t" x',
        '[notify]\nwebhook = "FILL IN: https://example.org/s3cr3t"',
        '[notify]\nwebhook = "PREENCHA: s3cr3t"',
    ],
)
def test_no_odd_line_shows_the_address(load: Load, lines: str) -> None:
    """Over several lines, under a key mistyped or with escapes, or behind the mark of what is to be filled in."""
    refusal = _refusal(load, f"{PLAIN}\n{lines}\n")
    assert "s3cr3t" not in refusal
    assert "no TOML" in refusal or "Put there the address" in refusal


def test_lines_of_other_sections_are_shown(load: Load) -> None:
    """A line below the address's section holds no secret, nor does the line of a section."""
    assert "'rate = 10/s'" in _refusal(load, f'{PLAIN}\n[notify]\nprometheus = "a.prom"\n[throttle]\nrate = 10/s\n')
    assert "'[notify'" in _refusal(load, f"{PLAIN}\n[notify\n")


def test_a_section_of_the_wrong_kind_does_not_repeat_the_address_either(load: Load) -> None:
    """`notify = "https://..."` is a mistake that is easily made, and so is the one key for the other."""
    refusal = _refusal(load, f'notify = "https://example.org/s3cr3t"\n{PLAIN}')
    assert "[notify]: allowed is a section" in refusal
    assert "s3cr3t" not in refusal
    refusal = _refusal(load, f'{PLAIN}\n[notify]\nprometheus = "https://example.org/s3cr3t"\n')
    assert "[notify] prometheus: allowed is a path" in refusal
    assert "s3cr3t" not in refusal


def test_who_is_told_is_read(load: Load) -> None:
    """A path is looked for beside the campaign; the address shows its host only."""
    campaign = load(f'{PLAIN}\n[notify]\nwebhook = " https://Example.org:8443/s3cr3t?x=1 "\nprometheus = "m/a.prom"\n')
    hook = campaign.notify.webhook
    assert hook is not None
    assert (hook.url, hook.host) == ("https://Example.org:8443/s3cr3t?x=1", "example.org:8443")
    assert "s3cr3t" not in repr(campaign)
    assert campaign.notify.prometheus == campaign.path.parent / "m" / "a.prom"
    assert load(f'{PLAIN}\n[notify]\nwebhook = "http://[::1]:9/x"\n').notify.prometheus is None


@pytest.mark.parametrize("value", ['"metrics.txt"', '""', "5", '"a\\u0000.prom"'])
def test_a_metrics_file_has_the_ending_that_is_read(load: Load, value: str) -> None:
    """node_exporter reads *.prom and nothing else."""
    assert "ends in .prom" in _refusal(load, f"{PLAIN}\n[notify]\nprometheus = {value}\n")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('hours = "9-20"\n[[window]]\nhours = "25:00-26:00"', "[[window]] number 2, hours"),
        ('hours = "9-20"\ndays = ["xyz"]', "there is no day 'xyz'"),
        ('hours = "9-20"\ndays = "mon"', "a list of days"),
        ('hours = "9-20"\ntimezone = "Brasil"', "no such time zone"),
        ('hours = "9-20"\nholidays = "BR-XX"', "no state 'XX'"),
        ('hours = "9-20"\nholidays = true', "a country in quotes"),
        ('days = ["mon"]', "hours is missing"),
    ],
)
def test_a_window_that_is_wrong_is_named_by_its_number(load: Load, lines: str, said: str) -> None:
    """Several windows look alike: the number says which."""
    assert said in _refusal(load, PLAIN + "[[window]]\n" + lines)


def test_windows_lists_and_prices_are_read(load: Load) -> None:
    """Portuguese days and several forms of hours; files are looked for beside the campaign; a comma in an amount."""
    campaign = load(
        PLAIN
        + '[[window]]\ndays = ["seg", "S\u00e1b"]\nhours = "9h-20h30"\ntimezone = "recipient"\nholidays = "br-sp"\n'
        + '[[window]]\nhours = "22:00-02:00"\n[suppress]\nfiles = ["bloqueio.csv"]\ncolumn = "Opt-out"\n'
        + '[prices]\nper_message = "0,35"\n[history]\nnot_within = "7d"\n[throttle]\nper_24h = 2000\nper_run = 5\n'
    )
    first, second = campaign.hours.windows
    assert (first.days, first.begin, first.end, first.zone, first.holidays) == ({0, 5}, 540, 1230, None, "BR-SP")
    assert (len(second.days), second.end, second.zone) == (7, 26 * 60, "America/Sao_Paulo")
    assert campaign.suppress.files == (campaign.path.parent / "bloqueio.csv",)
    assert (campaign.suppress.column, campaign.prices and str(campaign.prices.per_message)) == ("Opt-out", "0.35")
    assert (campaign.contact_limits.per_24h, campaign.contact_limits.not_within) == (2000, timedelta(days=7))


def test_all_problems_of_the_file_come_together(load: Load) -> None:
    """One look at the error is enough to correct the file."""
    text = PLAIN.replace("boas-vindas", "a {x}") + '[throttle]\nrate = "x"\nper_run = 0\n[windows]\n'
    refusal = _refusal(load, text)
    assert refusal.startswith("campanha.toml has 4 problems, and nothing was sent:")
    assert refusal.count("\n- ") == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[campaign]\nname = boas", "line 2, 'name = boas', is no TOML"),
        ("[campaign]\nname = \u201cboas\u201d", "Use straight quotes"),
        ("[campaign]\nname = 'a'\nname = 'b'", "line 3"),
        ("[campaign]\nname = 'a'\n[campaign]\nname = 'b'", "may stand in the file once"),
        ("Telefone;Nome\n11999990001;Ana", "line 1"),
        ("a = " + "[" * 50_000, "nested too deep"),
        ("[a" + ".b" * 5_000 + "]", "nested too deep"),
        ("[a" + ".b" * 300 + "]\nc = 1", "nested too deep"),
        ('a = "', "is no TOML"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_with_its_line(load: Load, text: str, said: str) -> None:
    """The line and its text, as far as the reader tells."""
    assert said in _refusal(load, text)


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    """No file, a folder, a workbook, a file too large: each has its sentence."""
    cases = {"none.toml": "There is no campaign file", "book.toml": "is a workbook", "large.toml": "too large"}
    (tmp_path / "book.toml").write_bytes(b"PK\x03\x04rest")
    (tmp_path / "large.toml").write_bytes(b"#" * 1_000_001)
    for name, said in cases.items():
        with pytest.raises(CampaignError, match=said):
            load_campaign(tmp_path / name, now=NOW)
    with pytest.raises(CampaignError, match="cannot be read"):
        load_campaign(tmp_path, now=NOW)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("10/s", 10.0), ("600/min", 10.0), ("36000/h", 10.0), ("0.5/s", 0.5), ("0,5 / s", 0.5), (" 5000/h ", 5000 / 3600)],
)
def test_rates_are_starts_a_second(text: str, rate: float) -> None:
    """Per second, minute or hour."""
    assert parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["", "10", "0/s", "-1/s", "10/d", "10001/s", "ten/s", "1e3/s", "inf/s", "10/s/s"])
def test_other_rates_are_refused_with_what_is_allowed(text: str) -> None:
    """No rate is guessed."""
    with pytest.raises(ValueError, match="allowed is a rate"):
        parse_rate(text)


def test_durations_and_shares_have_units() -> None:
    """Seconds, minutes, hours, days, weeks; per cent."""
    assert [parse_duration(text) for text in ("90s", "15m", "15min", "2h", "7d", "1w", "1,5 h")] == [
        90.0,
        900.0,
        900.0,
        7200.0,
        604800.0,
        604800.0,
        5400.0,
    ]
    assert [parse_share(text) for text in ("20%", "100 %", "0,5%")] == pytest.approx([0.2, 1.0, 0.005])
    for text in ("", "15", "0s", "1y"):
        with pytest.raises(ValueError, match="allowed is a time"):
            parse_duration(text)
    for text in ("", "20", "0%", "101%"):
        with pytest.raises(ValueError, match="allowed is a share"):
            parse_share(text)


def test_a_value_that_looks_like_a_placeholder_is_not_filled_again() -> None:
    """A person called {{2}} stays so in the preview."""
    assert fill_body("{{1}} e {{ 2 }}, {{1}}", {1: "{{2}}", 2: "Bia"}) == "{{2}} e Bia, {{2}}"
    assert fill_body("{{1}}", {}) == "{{1}}"
    assert placeholders("{{2}} {{1}} {{ 2 }} {x}") == (1, 2)
