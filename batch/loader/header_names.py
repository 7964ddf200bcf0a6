"""Usual header names, in Portuguese and English. Pure.

Closed lists: a name that is not here is never guessed at, and the campaign names such a column itself.
"""

import re
import unicodedata
from functools import lru_cache

RESULT_PREFIX = "wegly_"

_PHONES = """
    wa_contact_id, telefone, celular, whatsapp, telefone celular, telefone whatsapp, celular whatsapp,
    whatsapp celular, numero de telefone, numero do telefone, numero telefone, numero de celular,
    numero do celular, numero celular, numero de whatsapp, numero do whatsapp, numero whatsapp,
    telefone de contato, telefone para contato, telefone contato, telefone do cliente, celular do cliente,
    telefone principal, celular principal, telefone com ddd, celular com ddd, telefone movel, ddd telefone,
    ddd celular, fone, fone celular, fone contato, tel, tel celular, cel, zap, whats, wpp, n telefone,
    n celular, phone, phone number, mobile, mobile phone, mobile number, cell, cell phone, cellphone, telephone,
    telephone number, contact number, contact phone, whatsapp number, phone mobile
"""
"""Names of a column of phone numbers."""
_PEOPLE = """
    remote_profile_name, nome, nome completo, nome do cliente, nome cliente, nome do contato, nome contato,
    nome do aluno, nome do paciente, nome e sobrenome, primeiro nome, cliente, contato, name, full name,
    first name, customer, customer name, client, client name, contact, contact name
"""
"""Names of a column of people's names."""
_OTHERS = """
    id, fixo, telefone fixo, recado, codigo, cpf, cnpj, email, mail, cidade, city, estado, state, uf, bairro,
    endereco, address, rua, cep, data, date, vencimento, data de nascimento, nascimento, aniversario, valor,
    value, amount, fatura, boleto, pedido, order, produto, product, plano, empresa, company, sobrenome,
    last name, observacao, observacoes, obs, notes, status, situacao, agente, vendedor, optout, tags
"""
"""Other usual names: they help to find the header row, and map to nothing by themselves."""

_SPACE_OR_UNDERSCORE = re.compile(r"[\s_\u200b\ufeff]+")
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
_LAST_NUMBER = re.compile(r"[0-9]{1,2}$")


@lru_cache(maxsize=4096)
def fold(name: str) -> str:
    """Return a header name without accents, case, spaces, underscores and line breaks.

    Two names that fold alike are the same name: `Número\\nTelefone` and `NUMERO_TELEFONE`.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return _SPACE_OR_UNDERSCORE.sub("", plain.casefold())


@lru_cache(maxsize=4096)
def _bare(name: str) -> str:
    """Return a folded name without brackets, punctuation and `nº`."""
    bare = _without(_without(name, "(", ")"), "[", "]")
    return _NOT_LETTERS.sub("", fold(bare.replace("º", " ").replace("°", " ")))


def _without(name: str, opening: str, closing: str) -> str:
    """Remove what stands in brackets of one kind. Linear also for brackets that are never closed."""
    kept = []
    end = 0
    while (start := name.find(opening, end)) >= 0 and (closed := name.find(closing, start)) >= 0:
        kept.append(name[end:start])
        end = closed + 1
    return "".join([*kept, name[end:]])


def _read_names(text: str) -> frozenset[str]:
    return frozenset(_bare(name) for name in text.split(","))


_PHONE_NAMES, _PERSON_NAMES, _OTHER_NAMES = map(_read_names, (_PHONES, _PEOPLE, _OTHERS))


def is_phone_header(name: str) -> bool:
    """True for a name of a column of phone numbers, as `Telefone 2` and `Celular (com DDD)`."""
    bare = _bare(name)
    return bare in _PHONE_NAMES or _LAST_NUMBER.sub("", bare) in _PHONE_NAMES


_MOBILES = ("celular", "whats", "wpp", "zap", "mobile", "movil", "movel", "cellphone")


def is_mobile_header(name: str) -> bool:
    """True for a name of a column of phones that says mobile or WhatsApp (`Mobile Phone Number`, `WhatsApp da mãe`)."""
    return any(word in _bare(name) for word in _MOBILES)


_AREAS = _read_names("area, codigo de area, cod area, area code, codigo area, prefixo, prefijo, lada, clave lada")


def is_area_header(name: str) -> bool:
    """True for a name that may be of a column of area codes (`DDD`, `A1_DDD`, `DDD Cel`, `Código de área`)."""
    bare = _bare(name)
    return bare in _AREAS or bare.startswith("ddd") or bare.rstrip("0123456789").endswith("ddd")


def is_name_header(name: str) -> bool:
    """True for a name of a column of people's names."""
    return _bare(name) in _PERSON_NAMES


def is_result_column(name: str) -> bool:
    """True for a name of a column that a report of this program adds."""
    return fold(name).startswith(fold(RESULT_PREFIX)) and name.strip().casefold().startswith(RESULT_PREFIX)


_OPTOUT = re.compile(
    r"opt(?:ed)?out|opto(?:u)?pornao|descadastr|unsub(?:scri|time|date|at)|de(?:sin|su|ssu)scri|black_?list|blocklist"
    r"|listanegra|suppressionlist|donot(?:contact|message|disturb|call|send|text)"
    r"|nao(?:contac?ta|perturb|incomod|envi|mandar|receb(?!id|eu)|quer|desej|autoriz|aceit|permit|concord"
    r"|gost|consent|consin|lig[au]|pode(?:mos)?(?:envi|contat|receb|mandar))"
    r"|no(?:contactar|molest|enviar|quier|dese|autoriz|acept|permit|consent|consient|recib|llam|puede(?:envi|contact|recib))"
    r"|not(?:agree|accept|consent|want)|do(?:es)?nt(?:want|contact|message|send|call)"
    r"|(?:dar|dado|fecha)(?:de)?baja|baja(?:whats|market|mensaj|mailing|comunic|newsletter|publici|lista)"
    r"|(?:solicit|ped|pid)[a-z]{0,9}(?:baja|remoc|exclus|parasair|parasalir|saida)"
    r"|(?:retir|remov|sai|exclu(?!siv)|quit|sac|tir|apag)[a-z]{1,6}(?:d[aeo]|dela|from|fromthe)?(?:lista?|mailing)"
    r"(?![a-z])|recus[ao]u?(?:receb|mens|whats|contat|inscri)|rechaza(?:mens|recib)|pediuparasair|cancelouinscri"
    r"|(?:cancel|anul)[a-z]{0,8}(?:inscri|assinatura|suscri|subscri)[a-z]{0,30}"
    r"(?:mail|correo|mens|messag|whats|newsl|comunic)"
    r"|bloque[a-z]{0,8}(?:envi|mens|whats|contat|contact)|s[ei][mn](?:autoriza|consent|permis|optin)"
    r"|(?:consent|opt(?:ed)?in|lgpd|autoriza|permis)[a-z]{0,30}"
    r"(?:revog|revoc|revok|withdr|negad|deneg|recus|rechaz|refus|declin|cancel)"
    r"|(?:revog|revoc|revok|withdr|retir|neg[ao]|deneg|recus|rechaz|refus|declin|cancel)[a-z]{0,30}(?:consent|opt(?:ed)?in)"
)
_OPTOUT_NAMES = _read_names(
    "baja, dnc, stop, unsub, bloqueado, bloqueada, bloqueio, blocked, sair, parar, pare, salir, remover, removido, "
    "removida"
)
_CONSENT = re.compile(
    r"consent|opt(?:ed)?in|lgpd|gdpr|subscribedto|subscriberstatus|marketingpermission|marketingstatus"
    r"|status(?:de|da|para)?(?:marketing|comunica)|(?:permi[st]|autoriz|ace[ip]t|accept|pode|puede)[a-z]{0,30}(?:envi|send)"
    r"|(?:receb(?:e(?!u|nd)|er)|recib(?:e|ir)|receives?)[a-z]{0,30}"
    r"(?:mensa|msg|messag|whats|newsl|novidad|promo|marketing|ofert|comunic)"
)
_CONSENT_NAMES = _read_names(
    "aceite, permissao, subscribed, inscrito, newsletter, marketing, email marketing, sms marketing, "
    "whatsapp marketing, autoriza, contatar, contactar, contactable, contatavel, enviar, enviar mensagem, enviar msg, "
    "enviar whatsapp, enviar whats, enviar mensaje, mandar mensagem, mandar whatsapp, send message, send whatsapp"
)
_WILLING = re.compile(
    r"aceit|acc?ept|autoriz|permi[ts]|desej|quer|gostaria|concord|dese[ao]|quier|agree|want|wish|like|pode|puede"
)
_WILLING_TO = re.compile(
    r"receb|recib|receiv|mensa[gj]|messag|whats|contat|contact|comunic|notific|promo|novidad|marketing|sms|ofert|newsl"
    r"|propagand|publicid|boletin"
)
_OF_CONSENT = re.compile(
    r"(?:consent(?:ed)?|opt(?:ed)?in|subscribed)(?:[a-z]{0,30}(?:timestamp|(?<!up)date|ipaddress)|time|ip|at|source)$"
    r"|^(?:data|dia|hora|fecha|horario|date|time|ip|origem|fonte|origen)(?:e?hora)?(?:d[aeo]|del|of)?"
    r"(?:optin|consent|aceite|lgpd|permis|autoriz)"
)
"""Names of the day, the place or the way of an opt-in, as Mailchimp exports `OPTIN_TIME`: neither a yes nor a no."""


def is_optout_header(name: str) -> bool:
    """True for a name of a column in which a yes means no messages (`Opt-out`, `Descadastrado`, `No contactar`)."""
    bare = _bare(name)
    return bare in _OPTOUT_NAMES or _OPTOUT.search(bare) is not None


def is_consent_header(name: str) -> bool:
    """True for a name of a column in which a no means no messages (`Consentimento`, `Aceita receber mensagens?`)."""
    # With what stands in brackets: forms write `Aceita? (LGPD)`.
    bare = _NOT_LETTERS.sub("", fold(name))
    willing = _WILLING.search(bare) and _WILLING_TO.search(bare)
    named = _CONSENT_NAMES.intersection((bare, _bare(name))) or _CONSENT.search(bare) or willing
    return bool(named) and not _OF_CONSENT.search(bare) and not is_optout_header(name)


def is_known_header(name: str) -> bool:
    """True for a usual name of any column: it helps to find the header row, and maps to nothing by itself."""
    bare = _bare(name)
    return is_phone_header(name) or bare in _PERSON_NAMES or bare in _OTHER_NAMES or is_result_column(name)
