"""Settings besides the campaign: options and environment, already resolved by the command line."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from batch.campaign import Campaign, parse_rate
from batch.chats import Token, parse_endpoint
from batch.errors import SettingsError
from batch.i18n import _, describe_os_error
from batch.model.messages import DEFAULT_BASE_URL
from batch.model.runs import USUAL_REPORTS

if TYPE_CHECKING:
    from batch.pool import PoolSettings

__all__ = ["Settings", "Token", "parse_rate", "read_token", "token_expiry"]
"""The types and parsers of options are named here for the command line, too."""

Client = TypeVar("Client")

_LARGEST_TOKEN_FILE = 65_536
"""Characters that are read of a token's file; a token has some thousand at the most, and a device has no end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Lasting settings. None means: as the campaign says, or the default."""

    base_url: str | None = None
    origin: str | None = None
    """Sent as `Origin` and `Referer`, for a token with an allowed domain."""
    ledger: str | None = None
    """URL of the ledger; None is the user's own."""
    reports: Path = Path(USUAL_REPORTS)
    rate: float | None = None
    """Starts a second."""
    concurrency: int | None = None
    read_timeout: float = 60.0
    """Seconds."""
    trust_env: bool = False
    """Use proxy and CA settings of the environment."""
    only_allowed: Path | None = None
    """A list of the only people who may be messaged."""
    clean_report: bool = False
    """Reports are clean workbooks of values, though the sheet is a workbook that could be kept."""
    wait: bool = False
    """Wait for the hours of the campaign to begin."""
    language: str | None = None
    """Of everything a person reads, as the person chose it; None: reports as the campaign says, else the system."""

    def make_client(self, kind: Callable[..., Client], token: Token, **more: Any) -> Client:
        """Make a client of the API, of this kind."""
        return kind(
            endpoint=self.endpoint,
            token=token,
            origin=self.origin,
            read_timeout=self.read_timeout,
            trust_env=self.trust_env,
            **more,
        )

    def pool(self, campaign: Campaign) -> "PoolSettings":
        """Take the campaign's numbers for sending, unless options or environment set them."""
        from batch.pool import PoolSettings, RetryRules, StopRules  # noqa: PLC0415 - for those that send

        return PoolSettings(
            rate=self.rate or campaign.throttle.rate,
            concurrency=self.concurrency or campaign.throttle.concurrency,
            retries=RetryRules(tries=campaign.stop.retries, seconds=campaign.stop.retry_for),
            stop=StopRules(errors=campaign.stop.errors, unknowns=campaign.stop.unknowns),
            hours=campaign.hours,
            home=campaign.timezone,
            wait=self.wait,
        )

    @property
    def endpoint(self) -> str:
        """The API's address in its canonical form. Raises SettingsError."""
        return parse_endpoint(self.base_url or DEFAULT_BASE_URL)


def token_expiry(value: str | None, file: Path | None, endpoint: str) -> datetime | None:
    """Return when the token expires that `read_token` would give; None where there is none, or it does not say.

    Raises SettingsError for a file that cannot be read.
    """
    try:
        return read_token(value, file, endpoint).expires
    except SettingsError:
        if file is not None:
            raise
        return None


def read_token(value: str | None, file: Path | None, endpoint: str) -> Token:
    """Read the token from its file, or take `WEGLY_TOKEN`, or last what `init` has kept for the endpoint.

    Raises SettingsError when there is none.
    """
    if file is not None:
        try:
            with file.open(encoding="utf-8-sig") as opened:  # a pipe of a password store has no size
                return Token.parse(opened.read(_LARGEST_TOKEN_FILE), _("the file {file}").format(file=file))
        except OSError as error:
            problem = _("The token file {file} cannot be read: {error}.").format(
                file=file, error=describe_os_error(error)
            )
            raise SettingsError(problem, _("Check its name and its rights.")) from None
        except UnicodeDecodeError:
            problem = _("The token file {file} is not text.").format(file=file)
            raise SettingsError(problem, _("Save it as plain text with the token alone.")) from None
    if value is not None:
        return Token.parse(value, "WEGLY_TOKEN")
    from batch.app.token_store import find_token  # noqa: PLC0415 - only a person's own machine keeps tokens

    if kept := find_token(endpoint):
        return kept
    raise SettingsError(
        _("There is no token for {endpoint}.").format(endpoint=endpoint),
        _(
            "`wegly-batch init SHEET` asks for it and keeps it. Or put it into the environment variable WEGLY_TOKEN, "
            "or into a file that only you can read and name it with --token-file."
        ),
    )
