"""Tokens that `init` keeps for later commands, by endpoint: in the system's keyring, else in a file of the user's own.

A token in the file comes before one in the keyring: it is the newer one, for keeping in the keyring empties the file.
Windows and macOS always have a keyring. On Linux the library is not installed along: a keyring that asks for its
password would stop a run of cron. Where a person has installed it there, it is used.
"""

import json
from pathlib import Path
from typing import Any

import platformdirs

from batch.atomic_file import write_atomic
from batch.chats import Token
from batch.errors import SettingsError
from batch.i18n import _, describe_os_error

_SERVICE = "wegly-batch"
_LONGEST = 1_200
"""Characters; the keyring of Windows holds 2,560 bytes of UTF-16."""


def user_file(name: str) -> Path:
    """Return a file of this user's settings, beside the usual ledger."""
    return Path(platformdirs.user_data_dir(_SERVICE, appauthor=False)) / name


def read_user_file(name: str) -> dict[str, str]:
    """Return the texts in a file of this user's; empty where there is none, or none that this program wrote."""
    try:
        found = json.loads(user_file(name).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: each for key, each in found.items() if isinstance(each, str)} if isinstance(found, dict) else {}


def write_user_file(name: str, texts: dict[str, str]) -> None:
    """Write texts into a file of this user's, that no other user can read, durable on return. Raises SettingsError."""
    path = user_file(name)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomic(path, lambda file: file.write(json.dumps(texts, indent=1).encode()), elsewhere=False)
    except OSError as error:
        problem = _("{file} cannot be written: {error}.").format(file=path, error=describe_os_error(error))
        raise SettingsError(problem, _("Check its name and its rights.")) from None


_FILE = "tokens.json"


def find_token(endpoint: str) -> Token | None:
    """Return the token that is kept for an endpoint; None without one. Raises SettingsError for what is no token."""
    text = read_user_file(_FILE).get(endpoint) or _in_keyring("get_password", endpoint)
    return Token.parse(text, _("the place where `init` keeps it")) if text else None


def keep_token(endpoint: str, token: Token) -> str:
    """Keep the token of an endpoint, in place of the one before; return where, for people. Raises SettingsError."""
    text = token.header().removeprefix("Bearer ")
    others = {name: each for name, each in read_user_file(_FILE).items() if name != endpoint}
    if len(text) <= _LONGEST:
        _in_keyring("set_password", endpoint, text)
        if _in_keyring("get_password", endpoint) == text:
            if user_file(_FILE).exists():
                write_user_file(_FILE, others)
            return _("the keyring of this system")
    write_user_file(_FILE, {**others, endpoint: text})
    return _("{file}, which only you can read").format(file=user_file(_FILE))


def forget_token(endpoint: str) -> bool:
    """Remove the token of an endpoint from each place; return whether there was one. Raises SettingsError."""
    kept = read_user_file(_FILE)
    in_keyring = _in_keyring("get_password", endpoint)
    if kept.pop(endpoint, None) is not None:
        write_user_file(_FILE, kept)
    elif in_keyring is None:
        return False
    if in_keyring is not None:
        _in_keyring("delete_password", endpoint)
        if _in_keyring("get_password", endpoint) is not None:
            problem = _("The keyring of this system does not let go of the token.")
            raise SettingsError(problem, _("Remove the entry {name} there.").format(name=_SERVICE))
    return True


def _in_keyring(action: str, endpoint: str, *more: str) -> Any:
    """Return what a function of the keyring returns; None where there is no keyring, or it is locked."""
    try:
        import keyring  # noqa: PLC0415 - on Linux it need not be there

        return getattr(keyring, action)(_SERVICE, endpoint, *more)
    except Exception:  # noqa: BLE001 - each system's keyring raises errors of its own
        return None
