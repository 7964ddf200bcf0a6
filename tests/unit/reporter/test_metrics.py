"""The textfile for node_exporter: the exposition format, and names that nobody expects."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from batch.model.outcomes import Outcome
from batch.model.runs import Run, Tally, ThisRun
from batch.reporter.summary_json import metrics_text

RUN = Run(
    run="20261103T130000Z-novembro-3fa9",
    campaign="novembro",
    endpoint="https://api.wegly.com.br",
    sheet_path="/data/contatos.xlsx",
    sheet_sha256="ab" * 32,
    version="0.1.0",
    started=datetime(2026, 11, 3, 13, 0, tzinfo=UTC),
    finished=datetime(2026, 11, 3, 14, 1, 5, tzinfo=UTC),
    exit_code=3,
)
TALLY = Tally(
    counts={**dict.fromkeys(Outcome, 0), Outcome.SUCCESS: 5, Outcome.ERROR: 2},
    reasons={},
    this_run=ThisRun(attempts=8, wanted_rate=10.0, achieved_rate=9.5),
)
LINE = re.compile(r'wegly_batch_[a-z_]+\{campaign="(?:[^"\\\n]|\\["\\n])*"(?:,outcome="[a-z]+")?\} [0-9.e+]+')


def test_each_family_has_help_and_type_and_its_values_together() -> None:
    """As the format asks: HELP, TYPE, then every line of that name; the file ends with a line's end."""
    text = metrics_text(RUN, TALLY)
    assert text.endswith("\n")
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# HELP")]
    assert names == [
        "wegly_batch_rows",
        "wegly_batch_run_attempts",
        "wegly_batch_wanted_rate",
        "wegly_batch_achieved_rate",
        "wegly_batch_exit_code",
        "wegly_batch_started_timestamp_seconds",
        "wegly_batch_finished_timestamp_seconds",
        "wegly_batch_duration_seconds",
    ]
    family = ""
    for line in text.splitlines():
        if line.startswith("# HELP"):
            family = line.split()[2]
        elif line.startswith("# TYPE"):
            assert line == f"# TYPE {family} gauge"
        else:
            assert LINE.fullmatch(line), line
            assert line.startswith(family + "{")


def test_the_values_are_those_of_the_run() -> None:
    """All six outcomes, seconds since 1970, a duration in seconds."""
    lines = metrics_text(RUN, TALLY).splitlines()
    for line in (
        'wegly_batch_rows{campaign="novembro",outcome="success"} 5',
        'wegly_batch_rows{campaign="novembro",outcome="unknown"} 0',
        'wegly_batch_run_attempts{campaign="novembro"} 8',
        'wegly_batch_achieved_rate{campaign="novembro"} 9.5',
        'wegly_batch_exit_code{campaign="novembro"} 3',
        'wegly_batch_started_timestamp_seconds{campaign="novembro"} 1793710800.0',
        'wegly_batch_duration_seconds{campaign="novembro"} 3665.0',
    ):
        assert line in lines
    assert sum(line.startswith("wegly_batch_rows{") for line in lines) == len(Outcome)


def test_what_the_run_does_not_have_is_left_out() -> None:
    """A run of one attempt has no rate; no line says 0 or None for it."""
    text = metrics_text(RUN, replace(TALLY, this_run=ThisRun(attempts=1, wanted_rate=10.0)))
    assert "achieved_rate" not in text
    assert "None" not in text


def test_a_campaigns_name_is_escaped() -> None:
    """Quotes, backslashes and line breaks do not end the label."""
    text = metrics_text(replace(RUN, campaign='a"b\\c\nd é 😀\x1b'), TALLY)
    assert 'wegly_batch_exit_code{campaign="a\\"b\\\\c\\nd é 😀\\\\x1b"} 3' in text.splitlines()
    assert all(LINE.fullmatch(line) for line in text.splitlines() if not line.startswith("#"))
