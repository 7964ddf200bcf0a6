"""`wegly-batch run`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from batch.cli.options import (
    SHEET,
    base_url_option,
    campaign_option,
    json_option,
    lasting,
    ledger_option,
    origin_option,
    rate_option,
    reports_option,
)
from batch.model.exit_code import ExitCode, worst

__all__ = ["command"]


@click.command("run")
@click.argument("sheets", type=SHEET, nargs=-1, required=True, metavar="SHEET...")
@campaign_option
@click.option("--yes", is_flag=True, help="Do not ask before sending.")
@click.option("--dry-run", is_flag=True, help="Only check: the same as `wegly-batch check`.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Send at most N messages of each sheet.")
@click.option("--retry-errors", is_flag=True, help="Try rows again that the API refused, though they did not change.")
@rate_option
@lasting("--concurrency", type=click.IntRange(1, 512), metavar="N", help="Attempts in flight at most.")
@lasting(
    "--read-timeout",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long an answer may take; later the row is unknown.",
)
@reports_option
@ledger_option
@lasting("--token-file", type=SHEET, metavar="FILE", help="A file with the token; else WEGLY_TOKEN is read.")
@base_url_option
@origin_option
@lasting("--proxy-from-env", is_flag=True, help="Use the proxy that HTTPS_PROXY names.")
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Print the log on stderr as well.")
@click.option("-q", "--quiet", is_flag=True, help="Print no progress and no summary.")
def command(
    *,
    sheets: tuple[Path, ...],
    campaign: Path,
    yes: bool,
    dry_run: bool,
    limit: int | None,
    retry_errors: bool,
    rate: float | None,
    concurrency: int | None,
    read_timeout: float,
    reports: Path,
    ledger: str | None,
    token_file: Path | None,
    base_url: str | None,
    origin: str | None,
    proxy_from_env: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> ExitCode:
    """Send what is left of each SHEET, and write its report. Running the same command again is always safe.

    The token comes from the environment variable WEGLY_TOKEN or from --token-file, never from the command line.
    """
    from batch.app.checking import check
    from batch.app.running import Choices, run_sheet
    from batch.app.settings import Settings, read_token
    from batch.cli.watching import watcher_for
    from batch.cli.words_check import check_json, check_text
    from batch.cli.words_run import summary_json, summary_text

    settings = Settings(
        base_url=base_url,
        origin=origin,
        ledger=ledger,
        reports=reports,
        rate=rate,
        concurrency=concurrency,
        read_timeout=read_timeout,
        trust_env=proxy_from_env,
    )
    if dry_run:
        checks = [check(sheet, campaign, settings, retry_errors=retry_errors) for sheet in sheets]
        for found in checks:
            click.echo(check_json(found) if as_json else check_text(found))
        return worst(found.exit_code for found in checks)
    token = read_token(os.environ.get("WEGLY_TOKEN"), token_file)
    if len(sheets) > 1:  # nothing is sent before every row of every sheet was checked
        for sheet in sheets:
            check(sheet, campaign, settings, retry_errors=retry_errors)
    choices = Choices(limit=limit, retry_errors=retry_errors, verbose=verbose)
    finished = []
    for sheet in sheets:
        watcher = watcher_for(yes=yes, quiet=quiet or as_json)
        ended = run_sheet(sheet, campaign, settings=settings, token=token, choices=choices, watcher=watcher)
        finished.append(ended)
        if not quiet and not as_json:
            watcher.say(summary_text(ended), needed=ended.exit_code is not ExitCode.DONE or verbose)
        if ended.exit_code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
            break
    if as_json:
        summaries = [summary_json(ended) for ended in finished]
        click.echo(json.dumps(summaries if len(sheets) > 1 else summaries[0], ensure_ascii=False, indent=2))
    return worst(ended.exit_code for ended in finished)
