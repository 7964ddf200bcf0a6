"""Guard against changes that would re-message a campaign's recipients.

A run of a campaign that has sent before is stopped when ledger, endpoint or traits changed, until it is accepted. A
stamp beside the campaign file notes which ledger its runs use, so that another ledger or an older copy is noticed.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path

from batch.app.settings import Settings
from batch.atomic_file import write_atomic
from batch.campaign import Campaign, Constant, Source, describe_source
from batch.errors import ChangeNotAccepted, ClockWrong
from batch.formatting import format_moment
from batch.i18n import N_, _, ngettext, number
from batch.ledger import Ledger, Owner, campaign_lock
from batch.model.messages import campaign_scope, is_loopback
from batch.model.phone.cells import PHONE_RULE_VERSION
from batch.model.runs import Run, Traits, list_changes

_STAMPS_KEPT = 100
"""In one file: a campaign name with {yyyy-mm} makes a new stamp each month."""
_CLOCK_SLACK = timedelta(minutes=5)
"""How far the wall clock may lie before the ledger's newest entry: clocks are set back a little now and then."""
_DAMAGED = (ValueError, TypeError, RecursionError)
"""Errors of reading a stamp file that is none; RecursionError for one that is nested thousands deep."""


_ANOTHER_LEDGER = N_(
    "It was sent with the ledger {theirs}, and this is another one ({ours}): {people} who have, or may have, a message "
    "would get another one. Name the first with --ledger."
)
_OLDER_LEDGER = N_(
    "The ledger {ours} is an older copy: it does not know the campaign's last run {last}, or not its end. "
    "Of {people} who have, or may have, a message some would get another one."
)
_ANOTHER_ENDPOINT = N_(
    "It was sent to {before}, and this run goes to {now}: {people} who have a message from there would get another one."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """Ledger and endpoint of a campaign's last run."""

    campaign: str
    """The name as it counts."""
    endpoint: str
    ledger: str
    """The ledger's id."""
    where: str
    """Its place, for people."""
    run: str
    """The campaign's last run there."""
    finished: bool
    """False while that run sends."""
    people: int
    """Recipients who have, or may have, a message of this campaign there."""


def stamp_path(campaign: Path) -> Path:
    """`boas-vindas.toml.stamp`."""
    return campaign.with_name(f"{campaign.name}.stamp")


def _read_stamps(campaign: Campaign) -> list[Stamp]:
    """Return the stamps of a campaign's name, one for each endpoint; none where there is no file.

    Raises ChangeNotAccepted when there is one that cannot be read: it may speak of people who have a message.
    """
    try:
        return [stamp for stamp in _all(campaign.path) if stamp.campaign == campaign_scope(campaign.name)]
    except FileNotFoundError:
        return []
    except (OSError, *_DAMAGED) as error:
        problem = _(
            "The note {file} cannot be read ({error}): it may say that another ledger "
            "knows whom this campaign has messaged."
        )
        raise ChangeNotAccepted(
            problem.format(file=stamp_path(campaign.path), error=error),
            _("Ask whoever ran the campaign before, or run again with --accept-change. Nothing was sent."),
        ) from None


def _write_stamp(campaign: Path, stamp: Stamp) -> bool:
    """Replace the stamp of the same campaign and endpoint. False when the folder takes no file.

    Readable by others, since the next run may be another user's; it names no person.
    """
    try:
        try:
            before = _all(campaign)
        except (FileNotFoundError, *_DAMAGED):  # that it is damaged was accepted
            before = []
        others = [one for one in before if (one.campaign, one.endpoint) != (stamp.campaign, stamp.endpoint)]
        stamps = [asdict(one) for one in [*others, stamp][-_STAMPS_KEPT:]]
        text = json.dumps(stamps, ensure_ascii=False, indent=2).encode()
        write_atomic(stamp_path(campaign), lambda file: file.write(text), mode=0o644, elsewhere=False)
    except OSError:
        return False
    return True


def _all(campaign: Path) -> list[Stamp]:
    """Read every stamp of the file. Raises OSError, or one of _DAMAGED, when it cannot be read."""
    found = json.loads(stamp_path(campaign).read_text(encoding="utf-8"))
    if not isinstance(found, list):
        raise TypeError("it holds no list")
    stamps = [Stamp(**one) for one in found]
    for stamp in stamps:
        for field in fields(Stamp):
            if type(getattr(stamp, field.name)) is not field.type:
                raise TypeError(f"{field.name} is of another type")
    return stamps


def traits_of(campaign: Campaign) -> Traits:
    """Return the traits that all messages of this campaign have in common."""
    template = campaign.template
    return Traits(
        unique_by=campaign.unique_by,
        region=campaign.phone.region,
        phone_rule=PHONE_RULE_VERSION,
        template=f"{_describe(template.name)} ({_describe(template.language)})",
    )


def _describe(source: Source) -> str:
    return source.value if isinstance(source, Constant) else describe_source(source)


def refuse_changes(campaign: Campaign, ledger: Ledger, endpoint: str) -> None:
    """Raise ChangeNotAccepted when people whom the campaign has messaged would be treated as new."""
    stamps = _read_stamps(campaign)
    by_stamps = {stamp.endpoint: stamp.people for stamp in stamps}
    own = next((stamp for stamp in stamps if stamp.endpoint == endpoint), None)

    def found(people: dict[str, int]) -> list[str]:
        return [
            *_of_ledger(ledger, own),
            *_of_campaign(campaign, ledger, endpoint, people.get(endpoint, 0)),
            *_of_endpoint(by_stamps | people, endpoint),
        ]

    # Counting takes seconds in a large ledger, so people are counted only where a change was found.
    if found(dict.fromkeys(ledger.find_endpoints(campaign.name), 1)):
        changes = found(ledger.count_recipients(campaign.name))
        head = _("Campaign {name!r} has sent before, and something has changed since:").format(name=campaign.name)
        raise ChangeNotAccepted(
            "\n".join([head, *changes]),
            _("If this is what you want, run again with --accept-change. Nothing was sent."),
        )


def note_stamp(campaign: Campaign, ledger: Ledger, run: Run, *, to_send: int | None = None) -> bool:
    """Write a run's stamp beside the campaign file; False when it cannot be written there.

    `to_send`: messages that the run is about to send; None: it has come to its end.
    """
    endpoint = run.endpoint
    people = ledger.count_recipients(campaign.name).get(endpoint, 0)
    stamp = Stamp(
        campaign=campaign_scope(campaign.name),
        endpoint=endpoint,
        ledger=ledger.ledger_id,
        where=ledger.location,
        run=run.run,
        finished=to_send is None,
        people=people + (to_send or 0),
    )
    return _write_stamp(campaign.path, stamp)


def _of_campaign(campaign: Campaign, ledger: Ledger, endpoint: str, people: int) -> list[str]:
    before = ledger.traits(endpoint=endpoint, campaign=campaign.name)
    return list_changes(before, traits_of(campaign), _people(people)) if before and people else []


def _of_ledger(ledger: Ledger, stamp: Stamp | None) -> list[str]:
    if stamp is None or not stamp.people:
        return []
    if stamp.ledger != ledger.ledger_id:
        return [_(_ANOTHER_LEDGER).format(theirs=stamp.where, ours=ledger.location, people=_people(stamp.people))]
    last = ledger.run(stamp.run)
    if last is None or (stamp.finished and last.finished is None):
        return [_(_OLDER_LEDGER).format(ours=ledger.location, last=stamp.run, people=_people(stamp.people))]
    return []


def _of_endpoint(people: dict[str, int], endpoint: str) -> list[str]:
    if people.get(endpoint):
        return []
    return [
        _(_ANOTHER_ENDPOINT).format(before=other, now=endpoint, people=_people(count))
        for other, count in people.items()
        # What was sent to a sandbox on this machine was a rehearsal.
        if count and other != endpoint and (is_loopback(endpoint) or not is_loopback(other))
    ]


def _people(count: int) -> str:
    return ngettext("{n} person", "{n} people", count).format(n=number(count))


@contextmanager
def hold_ledger(
    campaign: Campaign, owner: Owner, settings: Settings, *, now: datetime, accept_change: bool
) -> Iterator[Ledger]:
    """Open the ledger to send for a campaign, whose lock is held while the block runs.

    Raises Busy when another run holds it, ClockWrong when the wall clock lies before what the ledger has noted.
    """
    with Ledger.open(settings.ledger) as ledger, ledger.hold([campaign_lock(campaign.name, settings.endpoint)], owner):
        newest = ledger.latest_time()
        if newest is not None and now < newest - _CLOCK_SLACK and not accept_change:
            problem = _("This machine's clock says {now} UTC, but the ledger has entries of {newest} UTC.")
            raise ClockWrong(
                problem.format(now=format_moment(now), newest=format_moment(newest)),
                _("Set the clock, then run again; if it is right now and was wrong before, use --accept-change."),
            )
        yield ledger
