"""Settings of a run's lanes, as they are kept when the run is submitted: the campaign file stays where it is."""

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from batch.app.settings import Settings
from batch.campaign import Campaign
from batch.errors import SettingsError
from batch.i18n import _
from batch.model.contact_limits import ContactLimits
from batch.pool import PoolSettings

FORM = 1
"""Raised when a worker of before could not send rightly by what is kept now: it leaves such lanes to others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneSettings:
    """The part of a campaign, and of the options of `submit`, by which its lanes are sent."""

    pool: PoolSettings
    limits: ContactLimits
    origin: str | None
    read_timeout: float


_form = TypeAdapter(LaneSettings)


def dump_settings(campaign: Campaign, settings: Settings) -> str:
    """Return the settings of a run's lanes as JSON, in the form `FORM`."""
    of_lanes = LaneSettings(
        pool=settings.pool(campaign),
        limits=campaign.contact_limits,
        origin=settings.origin,
        read_timeout=settings.read_timeout,
    )
    return _form.dump_json(of_lanes).decode()


def load_settings(text: str) -> LaneSettings | None:
    """Return the settings that `dump_settings` wrote; None when it is of no form that this version knows."""
    try:
        return _form.validate_json(text)
    except ValidationError:
        return None


def refuse_canary(campaign: Campaign) -> None:
    """Raise SettingsError for a campaign whose first rows are sent alone: one process has to do that."""
    if campaign.canary is not None and campaign.canary.rows:
        raise SettingsError(
            _("Workers cannot send this campaign: its first rows are to go alone ([canary] rows)."),
            _("Send the first rows with `wegly-batch run --limit`, take [canary] out, then submit the rest."),
        )
