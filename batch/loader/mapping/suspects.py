"""Texts of cells that no person would have written into a message: errors, null words, garbled or lost characters.

A spreadsheet that was pasted, exported or joined leaves `#REF!`, `NULL`, `JoÃ£o`, `&amp;` or `3,52E+43` in cells. Pure.
What is not in these lists passes: a text that a person may have meant is never refused.
"""

import html
import re
from dataclasses import dataclass

from batch.i18n import N_
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, Reason


def _read_list(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.replace("\n", " ").split(","))


_NULLS = _read_list(
    """
    null,(null),<null>,[null],none,<none>,nan,<nan>,nat,nil,undefined,n/a,n.a.,n.a,<na>,n/d,n.d.,n/i,[object object],
    -,--,---,\u2013,\u2014,?,??,???,...,\u2026,(blank),[blank],(empty),(vazio),(em branco),(vacío),(en blanco),(vacías),
    vazio,em branco,não informado,nao informado,não consta,nao consta,não disponível,nao disponivel,sem informação,
    sem informacao,sem dados,não se aplica,nao se aplica,not available,not applicable,no data,no informado,
    no disponible,no aplica,sin datos,sin información,sin informacion,no especificado,no especificada,sin especificar,
    não especificado,nao especificado,não definido,nao definido,no definido,não encontrado,nao encontrado,not found,
    not provided,not specified,não identificado,nao identificado,no identificado,null null,none none,nan nan,
    undefined undefined,n/a n/a
    """
) | {"NA"}
"""Whole cells that stand for no value; all but `NA` in any case."""
_NAMELESS = _read_list(
    """
    sem nome,sem cadastro,no name,noname,sin nombre,desconhecido,desconocido,unknown,true,false,verdadeiro,verdadero,
    falso,nome,name,nombre,nome completo,nome do cliente,full name,first name,firstname,nombre completo,desconhecida,
    desconocida,anônimo,anonimo,anónimo,anonymous,unnamed,s/n,*,**,***,.,..,_,__,xxx,xxxx,xxxxx,xxxxxx
    """
)
"""Whole cells that are no person's name."""
_LOADING = frozenset({"loading...", "carregando...", "cargando...", "loading…", "carregando…", "cargando…"})
_ERROR = re.compile(
    r"(?<![\w#])(?:#(?:[¡¿]?(?:NULL|NULO|DIV/0|VALUE|VALOR|REF|NAME|NOME|NOMBRE|N[UÚ]M|SPILL|DESPEJAR|DERRAMAR?|"
    r"DESBORDAMIENTO|C[AÁ]LC|FIELD|CAMPO|BLOCKED|BLOQUEADO|UNKNOWN|DESCONHECIDO|DESCONOCIDO|CONNECT|CONECTAR|BUSY|"
    r"OCUPADO|EXTERNAL|EXTERNO|PYTHON|ERROR|ERRO)[!?]|N/[AD]\b|N/A!|GETTING_DATA\b|OBTENDO_DADOS\b|"
    r"OBTENIENDO_DATOS\b|#{3,}(?!\w))|Erro?:5[0-9]{2}\b)",
    re.IGNORECASE,
)
_NULL_INSIDE = re.compile(r"(?<![\w.@/-])(?:null|NULL|undefined|NaN|\[object Object\])(?![\w@/-])")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_SCIENTIFIC = re.compile(r"[+-]?[0-9](?:(?:[.,][0-9]+)?[eE][+-][0-9]{2,3}|[.,][0-9]+[eE][0-9]{1,3})")
"""With a sign behind the E, as spreadsheets write it, or decimals before it, as Java does; `1E5` may be a code."""
_LOST = "\ufffd"
_LOST_LETTER = re.compile(r"[^\W\d_]\?{1,2}[^\W\d_]")
"""A question mark for a letter that an encoding lacks, in a name."""
_MARKS = "()[]{}<>«»%*|$"
"""Marks around a field that was not filled in (`%NOME%`, `[nome]`), or around a null word."""

_TAIL = bytes(range(0x80, 0xC0))
"""The bytes of UTF-8 behind the first of a letter."""
_WINDOWS, _DOS, _MAC = (re.escape(_TAIL.decode(name, "ignore")) for name in ("cp1252", "cp850", "mac_roman"))
_BOXES = "\u2500-\u259f"
_PAUSES = "\xa0\u2026\u2019\u2013\u2014"
_QUOTES = f"{_PAUSES}\u2018\u201c\u201d"
_SIGNS = f"{_QUOTES}\u2122\u203a®©ºª°²³»"
"""Those of them that may stand behind a capital at the end of a word: AMANHÃ..."""
_GARBLED = re.compile(
    rf"(?<![A-ZÀ-Þ])[ÂÃ][\x80-\x9f{_WINDOWS}]|Ã(?![{_SIGNS}])[{_WINDOWS}]|Ã(?![{_PAUSES}])[{_WINDOWS}](?=[^\W\d_])"
    rf"|Â(?![{_QUOTES}])[{_WINDOWS}]|[ÄÅ](?![{_SIGNS}])[{_WINDOWS}]|(?:[ÐÑØÙÎÏ][{_WINDOWS}]){{2,}}"
    rf"|â€|â\u201a¬|â\u201e[¢¹]|â[†\u02c6\u02dcœšžŒ™¬\xad¤][{_WINDOWS}]|ï»¿|ï¿½|ðŸ"
    rf"|(?<=\w)[├┬┼][{_DOS}](?=\w)|(?:[├┬┼]|ÔÇ)(?![{_BOXES}])[{_DOS}]|√[{_MAC}]|\u201aÄ|¬[º∫ª∞]"
)
"""UTF-8 that was read as Windows-1252, as CP850 or as MacRoman."""
_INVISIBLE = "\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
_NOT_SHOWN = re.compile(f"[{_INVISIBLE}]|(?<![^\x00-\u024f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\u024f])")
"""Joiners belong to emoji and to scripts of other countries; beside Latin letters they do nothing."""
_GUARD = re.compile(f"[#&:\\[Â-ßâïð├┬┼Ô√¬\u201a\u200c\u200d{_LOST}{_INVISIBLE}]")
"""A character without which only words can be at fault."""


class Cleaned(str):
    """A text out of which invisible characters were taken."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CellRule:
    """Rule for a cell that a message or a field takes."""

    allow: frozenset[str] = frozenset()
    """Words that pass, in small letters (`[values] allow`)."""
    is_name: bool = False
    """The cell is a person's name: null words may be part of it, as Ana Null is."""
    has_default: bool = False
    """The campaign says what stands in place of an empty cell, and so of a null word."""

    def admit(self, text: str) -> str | Finding:
        """Return a trimmed text as it may go out: `Cleaned`, if something was taken out; empty for a null word."""
        if text.replace(",", "").isdecimal():
            return text  # an amount: nearly each is another, and is read anew
        small = text.lower()
        if small not in _WORDS and not _may_be_broken(text, small):
            return text
        cleaned = _clean(text)
        small = cleaned.lower()
        words = {small, small.strip(_MARKS).strip()}
        is_null = not words.isdisjoint(_NULLS) or cleaned in _NULLS or (self.is_name and words & _NAMELESS)
        if is_null and words.isdisjoint(self.allow):
            return "" if self.has_default else Finding(Reason.VALUE_NULL, {"found": cleaned})
        if cleaned is text:
            return self.find_fault(text) or text
        garbled = None if text.lower() in self.allow else self._find_garbled(text)
        return garbled or self.find_fault(cleaned) or Cleaned(cleaned)

    def find_fault(self, text: str) -> Finding | None:
        """Return the fault of a text that is no null word."""
        small = text.lower()
        if small in self.allow or (small not in _LOADING and not _may_be_broken(text, small)):
            return None
        if _SCIENTIFIC.fullmatch(text):
            return Finding(Reason.VALUE_DIGITS_LOST, {"found": text})
        if small in _LOADING:
            return Finding(Reason.VALUE_BROKEN, {"found": Phrase(_WORD, {"word": text})})
        if not self.is_name and (found := self._find(_NULL_INSIDE, text)):
            return Finding(Reason.VALUE_BROKEN, {"found": Phrase(_NULL, {"word": found})})
        return self._find_broken(text)

    def _find_broken(self, text: str) -> Finding | None:
        if _LOST in text:
            return Finding(Reason.VALUE_BROKEN, {"found": Phrase(_LOST_CHARACTER)})
        if found := self._find(_ERROR, text):
            return Finding(Reason.VALUE_BROKEN, {"found": Phrase(_WORD, {"word": found})})
        if (found := self._find(_ENTITY, text)) and html.unescape(found) != found:
            return Finding(Reason.VALUE_BROKEN, {"found": Phrase(_HTML, {"word": found})})
        return self._find_garbled(text)

    def _find_garbled(self, text: str) -> Finding | None:
        # Before invisible characters are taken out: the second byte of `í` is one, the soft hyphen.
        if _GARBLED.search(text) or (self.is_name and _LOST_LETTER.search(text)):
            return Finding(Reason.VALUE_BROKEN, {"found": Phrase(_GARBLED_TEXT, {"text": text[:_SHOWN_AT_MOST]})})
        return None

    def _find(self, pattern: re.Pattern[str], text: str) -> str | None:
        return next((found[0] for found in pattern.finditer(text) if found[0].lower() not in self.allow), None)


PLAIN_RULE = CellRule()
_WORDS = _NULLS | _NAMELESS | _LOADING | {"na"}
_SHOWN_AT_MOST = 60
_WORD = N_("the error word {word}")
_NULL = N_("{word} in place of a value")
_LOST_CHARACTER = N_("a character that was lost when the file was saved (\ufffd)")
_HTML = N_("the HTML entity {word}")
_GARBLED_TEXT = N_("garbled letters, as a file has that was opened in a wrong encoding ({text})")


def _may_be_broken(text: str, small: str) -> bool:
    """Return False for nearly every text, at a tenth of what the patterns take. `small`: in small letters."""
    if "null" in small or "nan" in small or "undefined" in small or "e+" in small or "e-" in small:
        return True
    if text[:1] in _MARKS or text[1:2] in {".", ","} or "?" in text:
        return True
    if text.isascii():
        return "#" in text or "&" in text or ":" in text or "[" in text
    return _GUARD.search(text) is not None


def _clean(text: str) -> str:
    """Return the text without invisible characters, trimmed; the same object when it has none."""
    if text.isprintable() or _NOT_SHOWN.search(text) is None:
        return text
    return _NOT_SHOWN.sub("", text).strip()
