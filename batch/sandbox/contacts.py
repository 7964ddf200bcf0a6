"""Who is meant by a `wa_contact_id`, in whatever form it came."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["digits_of", "person_of"]

_NATIONAL: Final = (10, 11)
_INTERNATIONAL: Final = (12, 13)


def digits_of(contact: str) -> str:
    """Its digits alone, 8 to 15; empty when it is no phone number."""
    if not re.fullmatch(r"\+?[\d ().-]+", contact, re.ASCII):
        return ""
    digits = re.sub(r"\D", "", contact)
    return digits if 8 <= len(digits) <= 15 else ""  # noqa: PLR2004 - the lengths of E.164


def person_of(contact: str) -> str:
    """The person: `+` and all digits, the same for the national form, with 55, and with `+55`.

    A mobile without its ninth digit is the one with it, as WhatsApp has it.
    """
    digits = digits_of(contact)
    if contact.startswith("+") and not digits.startswith("55"):
        return f"+{digits}"
    national = digits.lstrip("0")
    if len(national) in _INTERNATIONAL and national.startswith("55"):
        national = national[2:]
    if len(national) not in _NATIONAL:
        return f"+{digits}"
    if len(national) == _NATIONAL[0] and national[2] in "6789":
        national = f"{national[:2]}9{national[2:]}"
    return f"+55{national}"
