"""Permissions: what the columns of opt-out, consent and selection say of a row and of its person. Pure.

The opt-out and the consent count in every row, also in hidden, unselected and wrong ones; a no leaves out all rows of
the person. Words are known in Portuguese, English and Spanish.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from batch.i18n import N_
from batch.loader.header_names import fold, is_consent_header, is_optout_header, is_result_column
from batch.loader.mapping.values import Findings, Memo
from batch.model.phrases import Phrase, Value
from batch.model.reasons import ROW_OF_SHEET, Finding, Reason
from batch.model.sheets import SheetInfo, SheetRow

_OPTOUT = Phrase(N_("the opt-out"))
_YES_OR_NO = Phrase(N_("sim or n\u00e3o (yes or no)"))
_NO = frozenset({"n\u00e3o", "nao", "n", "no", "false", "falso", "0"})
_SHORT_YES = frozenset({"1", "x", "s", "y"})
"""Yes only when they are the whole cell: with punctuation around (`-1`, `s/`) they may mean anything."""
_OPTOUT_WORDS = """
    sim, yes, si, true, verdadeiro, verdadero, on, checked, marcado, marcada,
    parar, pare, para, parou, sair, saia, sai, saiu, stop, stop all, stopped, quit, end, out, salir, alto, detener,
    descadastrar, descadastra, descadastre, descadastrado, descadastrada, descadastro, descadastramento,
    desinscrever, desinscrito, desinscrita, remover, remova, remove, removed, removido, removida, remove me, me remova,
    excluir, exclua, excluido, excluida, apagar, eliminar, elimina, eliminado, eliminada, borrar, borrado, delete,
    cancelar, cancela, cancele, cancelado, cancelada, cancelou, cancelamento, cancel, canceled, cancelled,
    cancelar inscricao, cancelar suscripcion, cancelar envio, cancelar mensagens, cancelou inscricao,
    cancelou a inscricao, inscricao cancelada, assinatura cancelada, suscripcion cancelada, subscription cancelled,
    subscription canceled, never subscribed, nao inscrito, nao inscrita, no suscrito, no suscrita,
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
_SENTENCE = re.compile(
    r"(?:(?:por favor|pfv|please|pls|eu|yo|i) )?(?:descadastr|desinscri|unsubscri|dess?uscri|opt(?:ed)? ?out|stop\b"
    r"|remov|exclu[ia]|elimin|me (?:tir|remov|exclu|desc)|tir[ea]r? |pediu para (?:sair|parar)"
    r"|(?:quero|quer|quiero|want to) (?:sair|parar|cancel|desc|salir|stop)"
    r"|nao (?:quer|envi[ae]|mand|receb|desej|conta[ct]|perturb|autoriz|aceit|incomod|gost)"
    r"|no (?:quier|envi[ae]|mand|recib|dese|contact|molest|acept|autoriz)|do ?n[o ]?t |(?:dar|darse|dado) de baja)"
)
"""Beginning of a sentence that asks for no messages."""
_DAY = re.compile(r"(?!0+ 0+ 0+)[0-9]{1,4} [0-9]{1,2} [0-9]{1,4}(?![0-9])")
"""The day on which someone asked for it, as `Data do descadastro` holds it; databases write 0000-00-00 for none."""
_CHECKS = ("\u2713", "\u2714", "\u2611", "\u2705")
_CROSSES = ("\u2717", "\u2718", "\u274c", "\u274e", "\U0001f6ab", "\u26d4", "\U0001f6d1", "\U0001f44e")
_BLANK = re.compile(r"[\s\u200b\ufeff]+")
_NOT_LETTERS = re.compile(r"[\W_]+")
_KNOWN = frozenset(_NOT_LETTERS.sub("", fold(word)) for word in _OPTOUT_WORDS.split(","))


def is_optout_word(cell: str | None) -> bool:
    """Return whether a cell holds a known word of opt-out. Accents, case, spaces and punctuation do not matter."""
    word = fold(cell or "")
    return word in _SHORT_YES or _NOT_LETTERS.sub("", word) in _KNOWN


def _is_optout(cell: str | None) -> bool:
    words = " ".join(_split_words(cell))
    return is_optout_word(cell) or _SENTENCE.match(words) is not None or _DAY.match(words) is not None


def _seems_optout(cell: str | None) -> bool:
    # In a column that the campaign does not use nothing else keeps the person out: a mark counts as well.
    return _is_optout(cell) or (cell or "").strip().startswith((*_CHECKS, *_CROSSES))


def _split_words(cell: str | None) -> list[str]:
    plain = unicodedata.normalize("NFKD", cell or "").casefold()
    return re.findall(r"[a-z0-9]+", "".join(char for char in plain if not unicodedata.combining(char)))


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
    if _is_optout(cell):
        return True
    values: dict[str, Value] = {"field": _OPTOUT, "column": column, "found": cell or "", "allowed": _YES_OR_NO}
    return (Finding(Reason.VALUE_NOT_ALLOWED, values),)


def _read_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_YES = _read_words(
    """
    sim s si yes y ok x 1 true verdadeiro verdadero on aceito aceita aceitou aceite acepto acepta autorizo autoriza
    autorizado autorizada concordo concorda consinto consente consentido permito permite quero deseja desejo agree
    agreed accept accepted consent consented optin subscribed inscrito inscrita quiero deseo suscrito suscrita
    checked marcado marcada permitido permitida consentiu concedido concedida granted
    """
)
"""Words of consent. A text is a yes when it is one of them, or begins with one and takes nothing back."""
_LEADS = _read_words("eu li e i yo he leido y have read the opt in em do de acordo acuerdo lido estou estoy opted")
"""Words that may stand before the yes: `Li e concordo`, `I agree`."""
_DOUBTS = _read_words(
    """
    nao n no not nunca jamais sem nem don dont never ni tampoco sin mas exceto menos apenas somente so salvo excepto
    solo except but only unless if se talvez maybe depois revogado revogada cancelado cancelada
    """
)
"""Words after which a yes is none, or not for everything."""
_NEGATIONS = _read_words(
    "nao n no non not nunca jamais never sem sin without false falso 0 off recuso recusou recusado negado negada "
    "desacordo discordo discorda disagree declined decline denied rejected rechazo rechaza rechazado revogado revogada "
    "revogou revocado revocada revoked withdrawn"
)


class Consent(NamedTuple):
    """A consent cell read: yes, no, empty, or none of these (unclear)."""

    yes: bool = False
    no: bool = False
    empty: bool = False


def read_consent(cell: str | None, more: frozenset[str] = frozenset()) -> Consent:
    """Read a cell of a consent column. `more`: further texts, folded, that mean yes."""
    if not _bare(cell):
        return Consent(empty=True)
    if fold(cell or "") in more:
        return Consent(yes=True)
    words = _split_words(cell)
    first = next((place for place, word in enumerate(words) if word not in _LEADS), len(words))
    if not words or first == len(words):
        agreed = words[-2:] in (["opt", "in"], ["opted", "in"], ["de", "acordo"], ["de", "acuerdo"]) or words == ["y"]
        return Consent(yes=agreed, no=(cell or "").strip().startswith(_CROSSES))
    if words[first] in _NEGATIONS:
        return Consent(no=True)
    if words[first] in _YES:
        return Consent(yes=not _DOUBTS.intersection(words))
    # The answer may stand behind what it is about: `WhatsApp: n\u00e3o`.
    return Consent(no=words[-1] in _NEGATIONS or is_optout_word(cell) or _SENTENCE.match(" ".join(words)) is not None)


def holds_answers(cells: Sequence[str]) -> bool:
    """Return whether some of the cells is a yes or a no of consent, or all are empty."""
    return not cells or any(answer.yes or answer.no for answer in map(read_consent, cells))


def _is_refused(cell: str | None) -> bool:
    return read_consent(cell).no


class Permission(NamedTuple):
    """The permission columns' say on a row; all empty: nothing against it."""

    person: Finding | None = None
    """Why no row of the person is sent."""
    row: Finding | None = None
    """Why this row is left out."""
    problems: Findings = ()
    """Faults of the row's own cells."""


NO_OBJECTION = Permission()
_Step = Callable[[SheetRow], Permission]


def find_unused(columns: Iterable[tuple[int, str]]) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]:
    """Return those (place, name) that look like opt-out, and those that look like consent, as (name, place)."""
    named = [(name, place) for place, name in columns if not is_result_column(name)]
    return tuple(each for each in named if is_optout_header(each[0])), tuple(
        each for each in named if is_consent_header(each[0])
    )


def count_refusals(info: SheetInfo, rows: Iterable[SheetRow]) -> list[tuple[str, str, int]]:
    """Count the rows that refuse messages in columns that look so: the section that would use it, the column, rows."""
    optout, consent = find_unused(enumerate(info.columns))
    found = [("suppress", name, place, Memo(_seems_optout)) for name, place in optout]
    found += [("consent", name, place, Memo(_is_refused)) for name, place in consent]
    counts = Counter[str]()
    for row in rows if found else ():
        counts.update(name for _section, name, place, memo in found if memo[row.cells[place]])
    return [(section, name, counts[name]) for section, name, _place, _memo in found]


@dataclass(frozen=True, kw_only=True, slots=True)
class PermissionColumns:
    """The permission columns of a sheet, each with its name and place; None where the campaign names none."""

    file: str
    optout: tuple[str, int] | None = None
    consent: tuple[str, int] | None = None
    yes: frozenset[str] = frozenset()
    """Further texts of consent, folded."""
    select: Sequence[tuple[str, int, frozenset[str]]] = ()
    """Columns, and the folded texts that they may hold."""
    unused_optout: Sequence[tuple[str, int]] = ()
    """Columns whose names say opt-out and which the campaign neither uses nor ignores."""
    unused_consent: Sequence[tuple[str, int]] = ()

    def reader(self) -> Callable[[SheetRow], Permission] | None:
        """Return a function that judges a row; None where no column has a say."""
        steps = [
            *([self._optout_step(*self.optout)] if self.optout else []),
            *([self._consent_step(*self.consent)] if self.consent else []),
            *(_unused_step(*each, _seems_optout) for each in self.unused_optout),
            *(_unused_step(*each, _is_refused) for each in self.unused_consent),
            *(_select_step(*each) for each in self.select),
        ]
        if not steps:
            return None

        def read(row: SheetRow) -> Permission:
            found = [step(row) for step in steps]
            person = next((each.person for each in found if each.person), None)
            out = next((each.row for each in found if each.row), None)
            problems = tuple(problem for each in found for problem in each.problems)
            return Permission(person, out, problems) if person or out or problems else NO_OBJECTION

        return read

    def _optout_step(self, column: str, place: int) -> _Step:
        memo = Memo(lambda cell: read_optout(cell, column))

        def step(row: SheetRow) -> Permission:
            answer = True if column in row.errors else memo[row.cells[place]]
            if answer is False:
                return NO_OBJECTION
            values: dict[str, Value] = {"where": Phrase(ROW_OF_SHEET, {"row": str(row.number)})}
            if answer is True and column not in row.errors:
                values["source"] = Phrase(CELL_OF_FILE, {"file": self.file, "column": column, "row": str(row.number)})
            return Permission(Finding(Reason.SUPPRESSED, values), None, answer if isinstance(answer, tuple) else ())

        return step

    def _consent_step(self, column: str, place: int) -> _Step:
        memo = Memo(lambda cell: read_consent(cell, self.yes))

        def step(row: SheetRow) -> Permission:
            answer = memo[row.cells[place]]
            if answer.yes or column in row.errors:
                return NO_OBJECTION
            if answer.no:
                return Permission(_refuse(Reason.NO_CONSENT, column, row))
            if answer.empty:
                return Permission(None, _refuse(Reason.NO_CONSENT, column, row))
            values = {"column": column, "found": row.cells[place] or ""}
            return Permission(problems=(Finding(Reason.CONSENT_UNCLEAR, values),))

        return step


CELL_OF_FILE = N_("{file}, column {column}, row {row}")
_COLUMN_OF_ROW = N_("column {column}, row {row}")


def _refuse(reason: Reason, column: str, row: SheetRow) -> Finding:
    return Finding(reason, {"where": Phrase(_COLUMN_OF_ROW, {"column": column, "row": str(row.number)})})


def _unused_step(column: str, place: int, is_no: Callable[[str | None], bool]) -> _Step:
    memo = Memo(is_no)
    reason = Reason.OPTOUT_UNUSED_COLUMN
    return lambda row: Permission(_refuse(reason, column, row)) if memo[row.cells[place]] else NO_OBJECTION


def _select_step(column: str, place: int, allowed: frozenset[str]) -> _Step:
    memo = Memo(lambda cell: fold(cell or "") in allowed)

    def step(row: SheetRow) -> Permission:
        if memo[row.cells[place]] or column in row.errors:
            return NO_OBJECTION
        return Permission(None, Finding(Reason.NOT_SELECTED, {"column": column, "found": row.cells[place] or ""}))

    return step
