"""[notify]: who is told that a run has ended. Whatever becomes of that, the run's outcome is what it was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from batch.campaign import Notified, Webhook
from batch.chats import Undelivered, deliver
from batch.i18n import _, system_says
from batch.model.runs import Run, Tally
from batch.pool import Stop, stopping_on_signals
from batch.reporter import summary_bytes, write_metrics

__all__ = ["notify"]

log = structlog.get_logger()


def notify(told: Notified, run: Run, tally: Tally, *, trust_env: bool) -> tuple[str, ...]:
    """Write the metrics and post the summary, as far as the campaign asks for it. Gives a sentence for what failed.

    Takes some ten seconds at most; a signal ends it at once. Raises nothing for what fails.
    """
    failed = []
    if told.prometheus is not None:
        failed.append(_write(told.prometheus, run, tally))
    if told.webhook is not None:
        failed.append(_post(told.webhook, summary_bytes(run, tally), trust_env=trust_env))
    return tuple(filter(None, failed))


def _write(target: Path, run: Run, tally: Tally) -> str:
    try:
        write_metrics(target, run, tally)
    except OSError as error:
        log.warning("metrics_not_written", file=target.name, problem=error.strerror or str(error))
        said = _("The metrics file {path} ([notify] prometheus) could not be written: {words}.")
        return said.format(path=target, words=system_says(error))
    log.info("metrics_written", file=target.name)
    return ""


def _post(hook: Webhook, body: bytes, *, trust_env: bool) -> str:
    problem = asyncio.run(_until_signalled(hook.url, body, trust_env=trust_env))
    if problem is not None:
        log.warning("webhook_failed", host=hook.host, reason=problem.reason, http_status=problem.http_status)
        said = _("The webhook at {host} ([notify] webhook) did not take the summary: {words}.")
        return said.format(host=hook.host, words=problem.words)
    log.info("webhook_told", host=hook.host)
    return ""


async def _until_signalled(url: str, body: bytes, *, trust_env: bool) -> Undelivered | None:
    stop = Stop()
    with stopping_on_signals(stop, lambda _again: None):
        delivery = asyncio.create_task(deliver(url, body, trust_env=trust_env))
        signalled = asyncio.create_task(stop.out_of_patience(0))
        try:
            await asyncio.wait({delivery, signalled}, return_when=asyncio.FIRST_COMPLETED)
            return delivery.result() if delivery.done() else Undelivered(reason="signal", words=_("a signal ended it"))
        finally:
            signalled.cancel()
            delivery.cancel()
            await asyncio.gather(delivery, signalled, return_exceptions=True)
