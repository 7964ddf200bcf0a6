"""The filters `first_name` and `title`: names of people as they are typed.

A title before the name (`Dr.`, `Sr(a).`, `Mrs`), initials, particles, emoji, marks, quotation marks and remarks in
brackets are no part of a first name. In `Souza, Ana` the name stands behind the comma, unless what stands there is a
title, a suffix, a number or in small letters. A title alone is given back as it is.
"""

import re
import unicodedata

from batch.model.reasons import Reason

_TITLE_WORDS = """
    dr dra drs dras sr sra srs sras srta srto senhor senhora senhorita prof profa professor professora seu dona dom eng
    enga engo engenheiro engenheira arq arqa arquiteto arquiteta adv advogado advogada exmo exma ilmo ilma prezado
    prezada caro cara pastor pastora padre pe pr pra frei irma bispo reverendo rev cap capitao cel coronel sgt sargento
    ten tenente gen general maj major sd soldado cabo delegado delegada vereador vereadora deputado deputada med medico
    medica enf enfermeira enfermeiro des desembargador juiz juiza
    dep gov presb diac conego cmte comandante cb alm brig sgto cpt capt lt ofc abg abog abogado abogada mtro mtra
    lcdo lcda ldo lda dna att attn at
    srita senor senorita don lic licda ing inga doctor doctora mr mrs ms miss mx sir madam mister missus reverend
"""
_WORDS_BEHIND = "jr junior filho neto sobrinho ltda sa me mei epp eireli cia phd md mba esq crm cro oab cpf"
_REMARK_WORDS = "vip cliente novo nova lead ativo ativa inativo inativa aluno aluna teste whatsapp zap cel celular"
_TITLES = frozenset(_TITLE_WORDS.split())
_BEHIND = frozenset(_WORDS_BEHIND.split())
"""Words behind a name; after a comma they are no first name."""
_PARTICLES = frozenset({"da", "de", "do", "das", "dos", "e"})
_NUMERALS = frozenset({"ii", "iii", "iv"})
_REMARKS = frozenset(_REMARK_WORDS.split())
_ROLES = frozenset({"cliente", "lead", "aluno", "aluna", "vip", "contato", "contacto"})
"""Words of lists before a name (`Cliente: Ana`)."""
_LETTERS = re.compile(r"[^\W\d_]+")
_APOSTROPHES = "'\u2019"
_INSIDE = frozenset("'\u2019\u2018`\u00b4-\u2010\u2011")
"""Signs that belong to a name between two letters."""
_USUAL = re.compile(
    r"([A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017f]{2,}+)[0-9]*+"
    r"(?: [A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017f0-9.'\-]++)*"
)
"""Names of most cells, the first of whose words is asked for."""
_ORDINAL = re.compile(r"(?<!\d)\d++\s*+[\u00aa\u00ba\u00b0]")
_GENDER = re.compile(
    r"(?<=[^\W\d_])(?:\.?\s?[\u00aa\u00ba]|\.?\((?:a|o|as|os)\))|(?<=[^\W\d_])/[ao]s?(?=[\s.]|$)", re.IGNORECASE
)
"""`Dr.ª`, `Sr(a)`, `Sr/a`: the ending of the other gender."""
_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]|\{([^{}]*)\}|<([^<>]*)>")
_ADDRESS = re.compile(r"(?<!\S)[^\s@]++@[^\s.]++\.\S++|https?://\S++|www\.\S++")
_STYLED = "\U0001d400"
_FIRST_STYLE_WIDTH = ("\uff21", "\uff5a")


def first_name(value: str) -> str | Reason:
    """Return the first name as it is written; a title where there is nothing else.

    Text without a letter is no name.
    """
    if (usual := _USUAL.fullmatch(value)) and _bare(usual[1]) not in _NO_FIRST_WORDS:
        return usual[1]
    text = _strip_brackets(_GENDER.sub("", _ORDINAL.sub(" ", _ADDRESS.sub(" ", value))))
    before, *behind = (_split_words(part) for part in text.split(","))
    if len(behind) == 1 and before and _is_first_name(behind[0], text):
        before = behind[0] or before
    words = before or next(filter(None, behind), [])
    if not words:
        return Reason.VALUE_NOT_A_NAME
    return _choose(words) or _as_written(value, words)


def _choose(words: list[str]) -> str | None:
    """Return the first word that is neither title, particle nor initial; None where there is only that."""
    kept = [word for word in words if _bare(word) not in _NO_NAMES]
    kept = [word for word in kept if _bare(word) not in _ROLES] or kept
    full = (word for word in kept if len(word) > 1 and _bare(word) not in _PARTICLES)
    return next(full, None) or next((word for word in kept if len(word) == 1), None)


def _as_written(value: str, words: list[str]) -> str:
    return value.strip() if all(sign.isalpha() or sign in ". " for sign in value.strip()) else words[0]


def _is_first_name(words: list[str], text: str) -> bool:
    """True if what stands behind a comma is the first name of `Souza, Ana`."""
    start = text.partition(",")[2].lstrip()
    if not words or start[:1].isdigit():
        return False
    named = [word for word in words if _bare(word) not in _TITLES]
    capital = bool(named) and (not named[0].islower() or text.islower())
    return capital and _bare(named[0]) not in _BEHIND


def _strip_brackets(text: str) -> str:
    """Leave out remarks in brackets; keep the words of brackets with which a name begins, or without a name beside."""

    first = next((place for place, sign in enumerate(text) if sign.isalpha()), 0)

    def keep(match: re.Match[str]) -> str:
        inside = next(filter(None, match.groups()), "")
        words = _split_words(inside)
        starts = match[0][0] == "(" and match.start() < first
        is_remark = not starts or len(words) != 1 or _bare(words[0]) in _REMARKS or text[match.end() :].isspace()
        return " " if is_remark else f" {inside} "

    bare = _BRACKETS.sub(keep, text)
    return bare if _split_words(bare) else text


def _split_words(text: str) -> list[str]:
    """Return the runs of letters; digits, apostrophes and hyphens count inside them."""
    signs = []
    for place, sign in enumerate(text):
        kind = unicodedata.category(sign)
        if kind in {"Cf", "Cs"} or "\ufe00" <= sign <= "\ufe0f":
            continue  # invisible: joins emoji, or turns the direction of writing
        if sign >= _STYLED or _FIRST_STYLE_WIDTH[0] <= sign <= _FIRST_STYLE_WIDTH[1]:
            plain = unicodedata.normalize("NFKC", sign)
            signs.append(plain if plain.isalpha() else " ")
        elif (
            kind[0] == "L" or kind in ("Mn", "Mc", "Nd") or (sign in _INSIDE and text[place + 1 : place + 2].isalpha())
        ):
            signs.append(sign)
        else:
            signs.append(" ")
    trimmed = (word.strip("0123456789" + "".join(_INSIDE)) for word in "".join(signs).split())
    return [word for word in trimmed if any(map(str.isalpha, word))]


def _bare(word: str) -> str:
    """Return a word in small letters without accents."""
    if word.isascii():
        return word.lower()
    return "".join(sign for sign in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(sign))


_NO_NAMES = _TITLES | _BEHIND | _PARTICLES
"""Words with which no first name begins."""
_NO_FIRST_WORDS = _NO_NAMES | _ROLES


def title(value: str) -> str:
    """Capitalize a Brazilian name: `JOÃO D'ÁVILA DOS SANTOS` -> `João D'Ávila dos Santos`."""
    return " ".join(_capitalize_word(word, first=place == 0) for place, word in enumerate(value.split(" ")))


def _capitalize_word(word: str, *, first: bool) -> str:
    lower = word.lower()
    if lower in _PARTICLES and not first:
        return lower
    if lower in _NUMERALS:
        return word.upper()
    mixed = word != lower and word != word.upper() and word[1:] != word[1:].lower()
    return word if mixed else _LETTERS.sub(_capitalize, lower)


def _capitalize(match: re.Match[str]) -> str:
    letters, start = match[0], match.start()
    after_apostrophe = start > 0 and match.string[start - 1] in _APOSTROPHES
    return letters if after_apostrophe and len(letters) == 1 else letters[0].upper() + letters[1:]
