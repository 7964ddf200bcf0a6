"""The lists of people that hold for one run: who is left out, and who alone is let in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from batch.app.inputs.recipient_lists import PeopleList, read_people
from batch.campaign import Campaign
from batch.i18n import _
from batch.ledger import Staging

__all__ = ["NO_LISTS", "RunLists", "run_lists"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLists:
    """Lists that were found and can be read."""

    suppress: tuple[PeopleList, ...] = ()
    """Of the campaign's [suppress] files."""
    only: PeopleList | None = None
    """Of --only-allowed."""

    def apply(self, staging: Staging) -> None:
        """Give the lists to a sheet that is staged, before it is judged. Raises SheetError for what cannot be read."""
        for people in self.suppress:
            staging.suppress(_placed(people))
            people.refuse_unreadable()
        if self.only is not None:
            staging.allow_only(_placed(self.only), self.only.path.name)
            self.only.refuse_unreadable()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of the lists, each a sentence; complete once they were applied."""
        lists = (*self.suppress, *([self.only] if self.only else []))
        return tuple(warning for people in lists for warning in people.warnings)


NO_LISTS = RunLists()


def run_lists(campaign: Campaign, only_allowed: Path | None) -> RunLists:
    """The lists of a campaign and of --only-allowed. Raises SheetError, naming who names the file."""
    region = campaign.phone.region
    named = _("the campaign {file} names it under [suppress] files").format(file=campaign.path.name)
    return RunLists(
        suppress=tuple(read_people(path, region=region, named=named) for path in campaign.suppress.files),
        only=_only(only_allowed, region) if only_allowed else None,
    )


def _only(path: Path, region: str) -> PeopleList:
    """Hidden rows do not count: who filters a list to a few people means these few."""
    return read_people(path, region=region, named=_("--only-allowed names it"), hidden_rows=False)


def _placed(people: PeopleList) -> Iterator[tuple[str, str]]:
    for listed in people.people():
        yield listed.person, _("{file}, row {row}").format(file=people.path.name, row=listed.row)
