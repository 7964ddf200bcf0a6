"""Settings of a run's lanes, as they are kept when the run is submitted: the campaign file stays where it is."""

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from batch.app.inputs.change_guard import traits_of
from batch.app.settings import Settings
from batch.campaign import Campaign
from batch.model.contact_limits import ContactLimits
from batch.model.lanes import Submission
from batch.pool import PoolSettings

FORM = 2
"""Raised when a worker of before could not send rightly by what is kept now: it leaves such lanes to others."""
_KNOWN = (1, FORM)
"""In form 1 no first rows went alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneSettings:
    """The part of a campaign, and of the options of `submit`, by which its lanes are sent."""

    pool: PoolSettings
    limits: ContactLimits
    origin: str | None
    read_timeout: float
    template: str = ""
    look: float = 0.0
    """Seconds that may pass until the first rows are sent on; 0: it is enough that they were accepted."""
    undelivered: float | None = None
    """Share of the messages that were looked at, above which failed ones stop the run; None: no looks."""
    looks_again: bool = False
    """Some messages replace failed ones, and are looked at right before."""


_form = TypeAdapter(LaneSettings)


def dump_settings(campaign: Campaign, settings: Settings, *, looks_again: bool) -> str:
    """Return the settings of a run's lanes as JSON, in the form `FORM`. `looks_again`: it replaces failed messages."""
    of_lanes = LaneSettings(
        pool=settings.pool(campaign),
        limits=campaign.contact_limits,
        origin=settings.origin,
        read_timeout=settings.read_timeout,
        template=traits_of(campaign).template,
        look=campaign.canary.look,
        undelivered=campaign.stop.undelivered,
        looks_again=looks_again,
    )
    return _form.dump_json(of_lanes).decode()


def load_settings(submission: Submission) -> LaneSettings | None:
    """Return the settings that `dump_settings` wrote; None when they are of no form that this version knows."""
    if submission.format not in _KNOWN:
        return None
    try:
        return _form.validate_json(submission.settings)
    except ValidationError:
        return None
