"""Which of the rows that may be sent a run is for."""

from __future__ import annotations

from dataclasses import dataclass

from batch.app.inputs.plan_file import Plan
from batch.campaign import Campaign
from batch.errors import SettingsError
from batch.i18n import _
from batch.ledger import Chosen, Staging

__all__ = ["ALL_ROWS", "ChosenRows", "choose", "limit_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenRows:
    """Choices of one moment about rows. None: no such choice."""

    limit: int | None = None
    """Messages of the run at most."""
    rows: tuple[tuple[int, int], ...] | None = None
    """First and last rows of the sheet."""
    plan: Plan | None = None
    """The messages that alone may be sent, as they were frozen."""


ALL_ROWS = ChosenRows()


def choose(staging: Staging, chosen: ChosenRows) -> None:
    """Keep a judged sheet to the chosen rows.

    Raises PlanChanged when a planned row would get another message, SettingsError for rows the sheet does not have.
    """
    if chosen.plan is not None:
        chosen.plan.refuse_other_messages(staging.requests())
    for first, last in chosen.rows or ():
        if not staging.has_rows(first, last):
            named = str(first) if first == last else f"{first}-{last}"
            raise SettingsError(
                _("--rows {rows}: the sheet has no such row below its header. Nothing was sent.").format(rows=named),
                _("Rows are numbered as Excel shows them; `wegly-batch inspect --rows` lists them."),
            )
    if chosen.rows is not None or chosen.plan is not None:
        staging.choose(Chosen(ranges=chosen.rows, planned=chosen.plan.requests if chosen.plan else None))


def limit_of(campaign: Campaign, limit: int | None) -> int | None:
    """Messages of a run at most: what was asked for now, and what the campaign allows a run; None: no limit."""
    return min((each for each in (limit, campaign.throttle.per_run) if each is not None), default=None)
