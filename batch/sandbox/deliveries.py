"""Ways of the sandbox's messages after they were accepted, by the last four digits of a contact."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from batch.i18n import N_
from batch.model.phrases import Phrase
from batch.sandbox.faults import whatsapp_error

_USUAL: Final = ((1, "sent"), (3, "delivered"), (8, "read"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """The way of one message, and of its chat."""

    words: Phrase
    """For the table of special contacts."""
    steps: tuple[tuple[float, str], ...] = _USUAL
    """Seconds after it was sent, and the status that it has from then on; before, it is `processing`."""
    error: Mapping[str, object] | None = None
    """Why it failed, in WhatsApp's form."""
    reply: str = ""
    """Text of the person; empty for none."""
    reply_after: float = 10
    """Seconds; negative: before the message."""
    is_button: bool = False
    """The reply is a tap on a button."""
    twice: bool = False
    """Another message of ours follows at once."""
    page: int | None = None
    """Records that one page of the timeline holds; None: all."""
    refusals: int = 0
    """Requests for the timeline that get HTTP 429 before one is answered."""

    def status(self, seconds: float) -> str:
        """Return the status so many seconds after the message was sent."""
        return next((word for after, word in reversed(self.steps) if after <= seconds), "processing")


def _fails(code: int, message: str) -> Way:
    failed = whatsapp_error(code, message)["error"]
    steps = ((1, "sent"), (3, "failed"))
    return Way(
        words=Phrase(N_("accepted, then failed: {code}"), {"code": str(code)}),
        steps=steps,
        error=failed if isinstance(failed, dict) else None,
    )


USUAL: Final = Way(words=Phrase("sent, delivered, read"))
WAYS: Final[Mapping[str, Way]] = MappingProxyType(
    {
        "0700": Way(words=Phrase(N_("accepted, then delivered, and never read")), steps=_USUAL[:2]),
        "0701": Way(words=Phrase(N_("accepted, then read without being delivered before")), steps=((2, "read"),)),
        "0702": Way(words=Phrase(N_("accepted, and in processing for ever")), steps=()),
        "0703": Way(words=Phrase(N_("accepted, and sent for ever")), steps=_USUAL[:1]),
        "0704": _fails(131026, "Message undeliverable"),
        "0705": _fails(131049, "Not delivered to maintain healthy engagement"),
        "0706": _fails(131050, "User has stopped marketing messages"),
        "0707": _fails(132015, "Template is paused"),
        "0708": Way(words=Phrase(N_("accepted, failed, then delivered")), steps=((1, "failed"), (1200, "delivered"))),
        "0709": Way(words=Phrase(N_("read; the person answers SAIR")), reply="SAIR"),
        "0710": Way(
            words=Phrase(N_("read; the person answers with the word in a sentence")),
            reply="Quero sair desta lista, como faço?",
        ),
        "0711": Way(words=Phrase(N_("read; the person taps a button")), reply="Não quero receber", is_button=True),
        "0712": Way(
            words=Phrase(N_("read; the person wrote SAIR the day before, and answers nothing")),
            reply="SAIR",
            reply_after=-86_400,
        ),
        "0713": Way(words=Phrase(N_("read; another message of ours follows in the same minute")), twice=True),
        "0714": Way(words=Phrase(N_("read; its timeline comes in pages of one record")), reply="Obrigada", page=1),
        "0715": Way(words=Phrase(N_("read; its timeline answers 429 once, with Retry-After: 1")), refusals=1),
    }
)
"""Last four digits of `wa_contact_id` to the way of its accepted messages."""


def way_of(digits: str) -> Way:
    """Return the way of messages to a contact, by its digits."""
    return WAYS.get(digits[-4:], USUAL)
