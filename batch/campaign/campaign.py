"""Campaigns as the rest of the program uses them: valid, with paths resolved and defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from batch.campaign.schema import (
    CanarySection,
    FieldSpec,
    HistorySection,
    PhoneSection,
    PricesSection,
    SenderSection,
    SheetSection,
    StopSection,
    TemplateSection,
    ThrottleSection,
    Webhook,
)
from batch.campaign.sources import Source
from batch.model.contact_limits import ContactLimits
from batch.model.sending_hours import Hours


@dataclass(frozen=True, kw_only=True, slots=True)
class SuppressionSources:
    """Sources of suppression besides the ledger's list."""

    files: tuple[Path, ...] = ()
    """Absolute, or relative to the working directory."""
    column: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NotifyTargets:
    """Targets of the notification at the end of a run."""

    webhook: Webhook | None = None
    prometheus: Path | None = None
    """Absolute, or relative to the working directory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Campaign:
    """Valid campaign, as the rest of the program uses it."""

    path: Path
    name: str
    """Name with its date: the scope in which a recipient is messaged once."""
    slug: str
    """Name as part of a folder's name."""
    unique_by: tuple[str, ...]
    language: str | None
    """Language of reports; None: that of the user who runs it."""
    timezone: str
    sender: SenderSection
    template: TemplateSection
    columns: Mapping[str, Source] | None
    """Field of the request to its source; None: columns are matched by the sheet's header."""
    template_fields: tuple[FieldSpec, ...] | None
    """None: columns like `body_1` become template fields."""
    phone: PhoneSection
    throttle: ThrottleSection
    hours: Hours
    history: HistorySection
    suppress: SuppressionSources
    prices: PricesSection | None
    stop: StopSection
    canary: CanarySection
    notify: NotifyTargets
    sheet: SheetSection

    @property
    def contact_limits(self) -> ContactLimits:
        """Limits that hold across runs and campaigns."""
        within = self.history.not_within
        return ContactLimits(
            not_within=None if within is None else timedelta(seconds=within),
            per_24h=self.throttle.per_24h,
            shared_cap=self.throttle.shared_cap == "account",
            timezone=self.timezone,
        )
