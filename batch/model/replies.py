"""Replies: the first message of a person after ours, its kind, and if it opts the person out. Texts are not kept."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from batch.formatting import format_moment
from batch.i18n import N_, _, ngettext, number
from batch.model.chat_history import TimelineMessage
from batch.model.messages import command_options
from batch.model.phone.cells import format_phone

REPLY_TIME = timedelta(days=7)
"""How long after ours a person's first message counts as a reply; an opt-out counts whenever it comes."""
OPT_OUT, TEXT, MEDIA, BUTTON = "opt_out", "text", "media", "button:"
"""Kinds of replies; a button's kind goes on with its label."""
KIND_WORDS = {
    OPT_OUT: N_("opt-out"),
    TEXT: N_("text"),
    MEDIA: N_("picture, voice or another file"),
    BUTTON: N_("button: "),
}
"""Kinds to words, to be translated."""

_BUTTONS = frozenset({"button", "button_reply", "interactive", "quick_reply", "list_reply", "nfm_reply"})
_LONGEST_LABEL = 40


def normalize_reply(text: str) -> str:
    """Return a reply as it is compared: small letters and digits without accents, one blank between the words."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    words = re.findall(r"[^\W_]+", plain)
    return ("" if all(len(word) == 1 for word in words) else " ").join(words)  # S.A.I.R.


_OPT_OUTS = """
parar|pare|pare de mandar|pare de enviar|sair|quero sair|sair da lista|remover|remova|me remova|me tira da lista
descadastrar|descadastre|me descadastre|descadastro|stop|stop all|stopall|unsubscribe|opt out|optout
nao quero receber|nao quero mais receber|nao quero receber mais|nao quero receber mensagens
nao quero mais receber mensagens|nao quero receber mais mensagens|nao me mande mais|nao me mande mais mensagens
nao mande mais|nao mande mais mensagens|nao envie mais|nao envie mais mensagens|nao me envie mais mensagens
baja|dar de baja|darme de baja|no quiero recibir|no quiero recibir mas|no quiero recibir mas mensajes|no mas mensajes
remove|remove me|no more messages
"""
_HINTS = re.compile(
    r"\b(sair|parar|parem?|stop|remov\w+|descadastr\w+|cancel\w+|bloque\w+|unsubscribe|baja|spam|lgpd|procon|denunci\w+"
    r"|nao (me )?(quero|mand\w+|envi\w+|receb\w+)|no quiero|me tir\w+)\b"
)
"""Words that make a longer reply one that a person has to read: it may want no more messages, or something else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOutWords:
    """Whole replies, and labels of buttons, that opt a person out; each as `normalize_reply` gives it."""

    words: frozenset[str] = frozenset(_OPT_OUTS.strip().replace("\n", "|").split("|"))
    buttons: frozenset[str] = frozenset()
    """None by default: `Cancelar` may be about an appointment."""

    def and_also(self, words: Iterable[str], buttons: Iterable[str]) -> "OptOutWords":
        """Return these and more, as people write them."""
        return replace(
            self,
            words=self.words | set(map(normalize_reply, words)),
            buttons=self.buttons | set(map(normalize_reply, buttons)),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A person's first message after ours."""

    at: datetime
    kind: str
    tied: bool = False
    """It quotes ours. Else it came after ours, and nothing more is known."""
    undecided: bool = False
    """A word of opt-out is in a longer text: a person has to read it."""

    @property
    def opts_out(self) -> bool:
        return self.kind == OPT_OUT


@dataclass(frozen=True, kw_only=True, slots=True)
class UndecidedReply:
    """A reply with a word of opt-out in a longer text, of a person who is not on the suppression list."""

    person: str
    run: str
    timezone: str
    at: datetime


def describe_undecided(
    replies: Sequence[UndecidedReply], endpoint: str, ledger: str
) -> tuple[str, list[tuple[str, str]]]:
    """Return what a person has to decide, and for each reply the command to type and its time; empty for none.

    A masked person has no command. One of a rehearsal silences the person at its address alone.
    """
    options = command_options(endpoint, ledger, "only-at", "ledger")
    words = ngettext(
        "{n} reply has a word of opt-out in a sentence. Read it in Wegly; for a person who wants no more messages:",
        "{n} replies have a word of opt-out in a sentence. Read them in Wegly; for each person who wants no more "
        "messages:",
        len(replies),
    )
    commands = [
        (
            f'wegly-batch suppress add "{format_phone(each.person)}"{options}',
            _("wrote on {when}").format(when=format_moment(each.at, each.timezone)),
        )
        for each in replies
        if "*" not in each.person
    ]
    return words.format(n=number(len(replies))) if replies else "", commands


def find_reply(
    timeline: Sequence[TimelineMessage], ours: TimelineMessage, words: OptOutWords | None = None
) -> Reply | None:
    """Return a person's reply to a message of ours: before our next one in the chat, or quoting it; None for none.

    An opt-out comes before any other, and counts wherever it stands behind ours: an agent may have written since.
    """
    following = min((each.at for each in timeline if each.from_me and each.at > ours.at), default=None)
    found = []
    for each in sorted(timeline, key=lambda message: message.at):
        tied = each.quoted is not None and each.quoted == ours.id
        if each.from_me or not (tied or each.at > ours.at):
            continue
        reply = _read(each, words or OptOutWords(), tied=tied)
        if reply.opts_out or tied or following is None or each.at < following:
            found.append(reply)
    in_time = [each for each in found if each.at - ours.at <= REPLY_TIME]
    first = next(iter(in_time), None)
    if first is not None and any(each.undecided for each in in_time):
        first = replace(first, undecided=True)
    return next((each for each in found if each.opts_out), first)


def find_opt_out(
    timeline: Sequence[TimelineMessage], ours: TimelineMessage, words: OptOutWords | None = None
) -> datetime | None:
    """Return when the person last opted out behind a message of ours; None when they did not."""
    behind = [each for each in timeline if not each.from_me and each.at > ours.at]
    return max((each.at for each in behind if _read(each, words or OptOutWords(), tied=False).opts_out), default=None)


def join_replies(one: Reply | None, other: Reply | None) -> Reply | None:
    """Return what two looks have shown of a reply: an opt-out before anything else, then the earlier message."""
    known = [each for each in (one, other) if each is not None]
    if not known:
        return None
    first = min(known, key=lambda each: (not each.opts_out, each.at, each.kind))
    same = [each for each in known if (each.at, each.kind) == (first.at, first.kind)]
    return replace(first, tied=any(each.tied for each in same), undecided=_is_undecided(first, known))


def _is_undecided(first: Reply, known: Sequence[Reply]) -> bool:
    return not first.opts_out and any(each.undecided for each in known)


def _read(message: TimelineMessage, words: OptOutWords, *, tied: bool) -> Reply:
    plain = normalize_reply(message.text)
    if message.kind in _BUTTONS:
        kind = OPT_OUT if plain in words.buttons else f"{BUTTON}{message.text.strip()[:_LONGEST_LABEL]}"
        return Reply(at=message.at, kind=kind, tied=tied)
    if plain in words.words:
        return Reply(at=message.at, kind=OPT_OUT, tied=tied)
    kind = TEXT if message.kind in ("text", "") else MEDIA
    return Reply(at=message.at, kind=kind, tied=tied, undecided=_HINTS.search(plain) is not None)
