"""Webhook of the user's own that gets a run's summary. It has nothing to do with the API, and gets no token."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from batch.chats.request import USER_AGENT
from batch.chats.transport.exceptions import FAULT_WORDS, TRANSPORT_ERRORS, Fault, classify_error
from batch.chats.transport.factory import make_http_client
from batch.errors import SettingsError
from batch.i18n import _

_CONNECT: Final = 5.0
_WHOLE: Final = 10.0
"""Seconds for all of it: a person waits for the end of the run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookFailure:
    """Failure to hand the summary to the webhook."""

    reason: str
    """A code, for the log: `timeout`, `tls`, `http` ..."""
    words: str
    """For people, without a full stop and without the address."""
    http_status: int | None = None


async def post_webhook(url: str, body: bytes, *, trust_env: bool = False) -> WebhookFailure | None:
    """Post JSON to `url` once; None when a 2xx came.

    It follows no redirect, verifies TLS, reads no answer, and takes ten seconds at most. `trust_env`: through the proxy
    that the environment names. Never raises for failures of the network or the other side.
    """
    headers = {
        "Content-Type": "application/json",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "User-Agent": USER_AGENT,
    }
    try:
        async with (
            asyncio.timeout(_WHOLE),
            make_http_client(url, ssl_context=None, trust_env=trust_env, connect_timeout=_CONNECT) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            status = response.status_code
    except TimeoutError:
        return _failure(Fault.TIMEOUT)
    except SettingsError as error:
        return WebhookFailure(reason="proxy", words=error.problem.rstrip("."))
    except (*TRANSPORT_ERRORS, UnicodeError) as error:  # UnicodeError: a host that is no name by IDNA
        return _failure(classify_error(error)[0])
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        reason, words = "redirected", _("it answers with a redirect (HTTP {status}), which is not followed")
    else:
        reason, words = "http", _("it answers HTTP {status}")
    return WebhookFailure(reason=reason, words=words.format(status=status), http_status=status)


def _failure(fault: Fault) -> WebhookFailure:
    return WebhookFailure(reason=fault.value, words=_(FAULT_WORDS[fault]))
