"""What header names usually say, in Portuguese and English. Pure.

Closed lists: a name that is not here is never guessed at. The campaign names such a column itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

RESULT_PREFIX = "wegly_"

PHONE_HEADERS: tuple[str, ...] = (
    "wa_contact_id",
    "telefone",
    "celular",
    "whatsapp",
    "telefone celular",
    "telefone whatsapp",
    "celular whatsapp",
    "whatsapp celular",
    "numero de telefone",
    "numero do telefone",
    "numero telefone",
    "numero de celular",
    "numero do celular",
    "numero celular",
    "numero de whatsapp",
    "numero do whatsapp",
    "numero whatsapp",
    "telefone de contato",
    "telefone para contato",
    "telefone contato",
    "telefone do cliente",
    "celular do cliente",
    "telefone principal",
    "celular principal",
    "telefone com ddd",
    "celular com ddd",
    "telefone movel",
    "ddd telefone",
    "ddd celular",
    "fone",
    "fone celular",
    "fone contato",
    "tel",
    "tel celular",
    "cel",
    "zap",
    "whats",
    "wpp",
    "n telefone",
    "n celular",
    "phone",
    "phone number",
    "mobile",
    "mobile phone",
    "mobile number",
    "cell",
    "cell phone",
    "cellphone",
    "telephone",
    "telephone number",
    "contact number",
    "contact phone",
    "whatsapp number",
    "phone mobile",
)
"""Names of a column of phone numbers, most usual first."""

NAME_HEADERS: tuple[str, ...] = (
    "remote_profile_name",
    "nome",
    "nome completo",
    "nome do cliente",
    "nome cliente",
    "nome do contato",
    "nome contato",
    "nome do aluno",
    "nome do paciente",
    "nome e sobrenome",
    "primeiro nome",
    "cliente",
    "contato",
    "name",
    "full name",
    "first name",
    "customer",
    "customer name",
    "client",
    "client name",
    "contact",
    "contact name",
)
"""Names of a column of people's names, most usual first."""

_OTHER_HEADERS: tuple[str, ...] = (
    "id",
    "fixo",
    "telefone fixo",
    "recado",
    "codigo",
    "cpf",
    "cnpj",
    "email",
    "mail",
    "cidade",
    "city",
    "estado",
    "state",
    "uf",
    "bairro",
    "endereco",
    "address",
    "rua",
    "cep",
    "data",
    "date",
    "vencimento",
    "data de nascimento",
    "nascimento",
    "aniversario",
    "valor",
    "value",
    "amount",
    "fatura",
    "boleto",
    "pedido",
    "order",
    "produto",
    "product",
    "plano",
    "empresa",
    "company",
    "sobrenome",
    "last name",
    "observacao",
    "observacoes",
    "obs",
    "notes",
    "status",
    "situacao",
    "agente",
    "vendedor",
    "optout",
    "tags",
)
"""Other usual names: they help to find the header row, and map to nothing by themselves."""

_SPACE_OR_UNDERSCORE = re.compile(r"[\s_\u200b\ufeff]+")
_IN_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
_LAST_NUMBER = re.compile(r"[0-9]{1,2}$")


@lru_cache(maxsize=4096)
def fold(name: str) -> str:
    """A header name without what people do not mean by it: accents, case, spaces, underscores, line breaks.

    Two names that fold alike are the same name: `Número\\nTelefone` and `NUMERO_TELEFONE`.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return _SPACE_OR_UNDERSCORE.sub("", plain.casefold())


def _bare(name: str) -> str:
    """A folded name without what is said beside it: brackets, punctuation, `nº`."""
    return _NOT_LETTERS.sub("", fold(_IN_BRACKETS.sub("", name).replace("º", " ").replace("°", " ")))


def _folded(names: Iterable[str]) -> frozenset[str]:
    return frozenset(_bare(name) for name in names)


_PHONES = _folded(PHONE_HEADERS)
_NAMES = _folded(NAME_HEADERS)
_OTHERS = _folded(_OTHER_HEADERS)


def is_phone_header(name: str) -> bool:
    """Whether a column of this name holds phone numbers. `Telefone 2` and `Celular (com DDD)` do."""
    bare = _bare(name)
    return bare in _PHONES or _LAST_NUMBER.sub("", bare) in _PHONES


def is_name_header(name: str) -> bool:
    """Whether a column of this name holds people's names."""
    return _bare(name) in _NAMES


def is_result_column(name: str) -> bool:
    """Whether a column of this name was added by a report of this program."""
    return fold(name).startswith(fold(RESULT_PREFIX)) and name.strip().casefold().startswith(RESULT_PREFIX)


def is_known_header(name: str) -> bool:
    """Whether this is a usual name of any column: used to find the header row, not to map."""
    bare = _bare(name)
    return is_phone_header(name) or bare in _NAMES or bare in _OTHERS or is_result_column(name)
