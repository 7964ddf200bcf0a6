"""Words of opt-out and consent columns, in Portuguese, English and Spanish. Pure."""

import re
import unicodedata

from batch.i18n import N_
from batch.loader.header_names import fold
from batch.loader.mapping.values import Findings
from batch.model.phrases import Phrase, Value
from batch.model.reasons import Finding, Reason

_OPTOUT = Phrase(N_("the opt-out"))
_YES_OR_NO = Phrase(N_("sim or n\u00e3o (yes or no)"))
_NO = frozenset({"n\u00e3o", "nao", "n", "no", "false", "falso", "0"})
_SHORT_YES = frozenset({"1", "x", "s", "y"})
"""Yes only when they are the whole cell: with punctuation around (`-1`, `s/`) they may mean anything."""
_OPTOUT_WORDS = """
    sim, yes, si, true, verdadeiro, verdadero, on,
    parar, pare, para, parou, sair, saia, sai, saiu, stop, stop all, stopped, quit, end, out, salir, alto, detener,
    descadastrar, descadastra, descadastre, descadastrado, descadastrada, descadastro, descadastramento,
    desinscrever, desinscrito, desinscrita, remover, remova, remove, removed, removido, removida, remove me, me remova,
    excluir, exclua, excluido, excluida, apagar, eliminar, elimina, eliminado, eliminada, borrar, borrado, delete,
    cancelar, cancela, cancele, cancelado, cancelada, cancelou, cancelamento, cancel, canceled, cancelled,
    cancelar inscricao, cancelar suscripcion, cancelar envio, cancelar mensagens,
    unsubscribe, unsubscribed, unsub, unsubscribe me, opt out, opt-out, opted out, opt me out, optou por sair,
    bloquear, bloqueado, bloqueada, bloqueio, block, blocked, blacklist, blacklisted, lista negra, dnc,
    do not contact, do not message, do not send, do not disturb, dont contact, dont message, don't send, no messages,
    baja, dar de baja, darse de baja, darme de baja, dado de baja, dada de baja, de baja, dame de baja,
    dar baixa, baixa,
    desuscribir, desuscribirse, desuscribirme, desuscrito, desuscrita, desuscripto, desuscripta,
    nao enviar, nao envie, nao enviem, nao mandar, nao mande, nao contatar, nao contate, nao contactar, nao perturbe,
    nao perturbar, nao quero, nao quer, nao quero receber, nao quer receber, nao deseja, nao deseja receber,
    nao desejo receber, nao quero mais, nao quer mais, nao receber, nao recebe, nao autoriza, nao autorizado,
    nao aceita, nao aceito, recusou, recusado, recusada, revogado, revogada, revogou, chega,
    no contactar, no enviar, no envie, no molestar, no mas, no quiero, no quiero recibir, no deseo recibir, no quiere,
    no desea, no desea recibir, no recibir, no acepta, no autoriza, rechazado, rechazada, revocado, revocada, basta
"""
_BLANK = re.compile(r"[\s\u200b\ufeff]+")
_NOT_LETTERS = re.compile(r"[\W_]+")
_KNOWN = frozenset(_NOT_LETTERS.sub("", fold(word)) for word in _OPTOUT_WORDS.split(","))


def is_optout_word(cell: str | None) -> bool:
    """Return whether a cell holds a known word of opt-out. Accents, case, spaces and punctuation do not matter."""
    word = fold(cell or "")
    return word in _SHORT_YES or _NOT_LETTERS.sub("", word) in _KNOWN


def is_plain_no(cell: str | None) -> bool:
    """Return whether a cell holds a no and nothing else; an empty cell does not."""
    return _bare(cell) in _NO


def _bare(cell: str | None) -> str:
    # Stricter than `fold`, by which an underscore is empty and `n_o` a no.
    return _BLANK.sub("", unicodedata.normalize("NFC", cell or "").casefold())


def read_optout(cell: str | None, column: str) -> bool | Findings:
    """Return whether the cell asks for no messages; findings where it is neither a known word nor a plain no.

    Any text but a plain no leaves the person out: the findings are an error of the row besides.
    """
    if not _bare(cell) or is_plain_no(cell):
        return False
    if is_optout_word(cell):
        return True
    values: dict[str, Value] = {"field": _OPTOUT, "column": column, "found": cell or "", "allowed": _YES_OR_NO}
    return (Finding(Reason.VALUE_NOT_ALLOWED, values),)
