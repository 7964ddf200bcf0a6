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


_OPTOUT_STEMS = (
    *("optout", "optedout", "descadastr", "unsubscri", "desinscri", "desuscri", "dessuscri", "blacklist", "blocklist"),
    *("listanegra", "donotcontact", "donotmessage", "donotdisturb", "donotcall", "donotsend", "naocontatar"),
    *("naocontactar", "naoperturb", "naoenvi", "naomandar", "naoreceb", "naoquer", "naodesej", "naoautoriz"),
    *("nocontactar", "nomolestar", "noenviar", "noquier", "nodese", "noautoriz", "dardebaja", "dadodebaja"),
    *("recusoureceb", "cancelouinscri", "suppressionlist", "bloqueadoparaenvio", "unsubtime", "unsubdate", "unsubat"),
    *("naoaceit", "naopermit", "naoconcord", "naogost", "naoconsent", "naoconsin", "naoligar", "pediuparasair"),
    *("noacept", "nopermit", "noconsent", "noconsient", "norecib", "nollamar", "fechadebaja", "fechabaja"),
    *(
        "notagree",
        "notaccept",
        "notconsent",
        "notwant",
        "dontwant",
        "dontcontact",
        "dontmessage",
        "dontsend",
        "dontcall",
    ),
    *("recusamens", "recusoumens", "recusawhats", "recusouwhats", "recusacontat", "recusoucontat", "rechazamens"),
)
_OPTOUT_NAMES = frozenset({"baja", "dnc", "stop", "unsub", "bloqueado", "bloqueada", "bloqueio", "blocked", "sair"})
_CONSENT_STEMS = ("consent", "optin", "optedin", "lgpd", "gdpr", "subscribedto", "permiteenvio", "permissaodeenvio")
_CONSENT_NAMES = frozenset({"aceite", "permissao", "subscribed", "inscrito"})
_WILLING = ("aceit", "autoriz", "permit", "desej", "quer", "gostaria", "concord", "acept", "dese", "quier", "agree")
_WILLING_TO = (
    *("receb", "recib", "receiv", "mensag", "mensaj", "messag", "whats", "contat", "contact", "comunica", "notifica"),
    *("promo", "novidad", "marketing", "sms", "ofert"),
)


def is_optout_header(name: str) -> bool:
    """True for a name of a column in which a yes means no messages (`Opt-out`, `Descadastrado`, `No contactar`)."""
    bare = _bare(name)
    return bare in _OPTOUT_NAMES or any(stem in bare for stem in _OPTOUT_STEMS)


def is_consent_header(name: str) -> bool:
    """True for a name of a column in which a no means no messages (`Consentimento`, `Aceita receber mensagens?`)."""
    # With what stands in brackets: forms write `Aceita? (LGPD)`.
    bare = _NOT_LETTERS.sub("", fold(name))
    willing = any(stem in bare for stem in _WILLING) and any(stem in bare for stem in _WILLING_TO)
    named = bare in _CONSENT_NAMES or any(stem in bare for stem in _CONSENT_STEMS)
    return (willing or named) and not is_optout_header(name)


def is_known_header(name: str) -> bool:
    """True for a usual name of any column: it helps to find the header row, and maps to nothing by itself."""
    bare = _bare(name)
    return is_phone_header(name) or bare in _PERSON_NAMES or bare in _OTHER_NAMES or is_result_column(name)
