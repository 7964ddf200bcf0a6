"""Random campaigns and rows, for properties of the row evaluator."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import strategies as st

from batch.campaign import Campaign, load_campaign
from batch.loader.formats.dates_and_numbers import error_cell
from batch.model.sheets import SheetInfo, SheetRow

ID = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
OTHER_ID = "3C90C3CC-0D44-4B50-8888-8DD25736052A"
COLUMNS = ("Telefone", "Nome", "Valor", "Dia", "Agente", "Status", "Fatura", "Sair", "Parte", "Ordem")
INFO = SheetInfo(file="a.csv", format="csv", sheet=None, encoding="utf-8", delimiter=";", header_row=1, columns=COLUMNS)

_phones = [
    "11988887777",
    "(11) 8888-7777",
    "1133334444",
    "+351 912 345 678",
    "123",
    "0800 123 4567",
    "+55 21 97777 6666",
]
_TEXTS = (
    "OPEN", "aberto", "1234,5", "1.234,50", "12,345", "12/03/2026", "1/2/26", 'a"b\\c', "%s 100%", "{{1}}", "x" * 59,
    "x" * 130, "y" * 1020, "Ana  Lima", "dr. ana", "a  \u2028\x7f\x01", "a\nb", "a     b",
)  # fmt: skip
cells = st.none() | st.sampled_from([*_phones, ID, OTHER_ID, *_TEXTS]) | st.text(max_size=20)
_usual = {
    "Telefone": st.sampled_from(_phones[:4]),
    "Nome": st.sampled_from(["Ana Lima", "dra. zo\u00e9 e cia", "x" * 70, "y" * 130, "z" * 500, None]),
    "Valor": st.sampled_from(["1234,5", "0", "1.5"]),
    "Dia": st.sampled_from(["12/03/2026", "2026-03-12 10:00"]),
    "Agente": st.sampled_from([ID, OTHER_ID, None]),
    "Status": st.sampled_from(["OPEN", "RESOLVED", None]),
    "Fatura": st.sampled_from(["12", "n\u00ba 13", " a\u0303"]),
    "Sair": st.sampled_from([None, "n\u00e3o", "sim", "x"]),
    "Parte": st.sampled_from(["BODY", "BODY", "HEADER", "BUTTON", "FOOTER"]),
    "Ordem": st.sampled_from(["1", "1", "2", "0"]),
}
_cells_of_rows = st.tuples(*[_usual[name] for name in COLUMNS]) | st.tuples(
    *[_usual[name] | _usual[name] | _usual[name] | cells for name in COLUMNS]
)
_unreadable = st.dictionaries(st.sampled_from(["", *COLUMNS * 2]), st.just(error_cell("#N/A")), min_size=1, max_size=3)
rows = st.builds(
    SheetRow,
    number=st.integers(2, 10**6),
    cells=_cells_of_rows,
    errors=st.just({}) | st.just({}) | _unreadable,
    hidden=st.booleans(),
    shown=st.just({})
    | st.dictionaries(st.integers(0, len(COLUMNS) - 1), st.tuples(cells.map(lambda text: text or ""), st.just("0.0"))),
)
"""Rows of anything, every second without an odd cell."""

_VALUES = (
    "{Nome}", "{Nome|first_name|title}", "{Nome|default:amigo}", "{Valor|brl}", "de {Valor|brl} {{x}}%",
    "{Nome|title}: {Valor|brl} ate {Dia|date:dd/mm}", "{Nome}{Nome|upper}", "{Fatura|default:}", "oi",
    "{Fatura|digits}", "{Nome|strip} %d {Fatura|urlencode}",
)  # fmt: skip


def _column(name: str, *defaults: str) -> list[str]:
    given = [f'{{ column = "{name}", default = "{default}" }}' for default in defaults]
    return [f'{{ column = "{name}" }}', *given]


def _toml(section: str, **keys: str | None) -> str:
    lines = [f"{key} = {value}" for key, value in keys.items() if value is not None]
    return "\n".join([section, *lines, ""])


@st.composite
def campaign_texts(draw: st.DrawFn) -> str:
    """Campaign files; nearly all fit the columns."""

    def one(*choices: str | None) -> str | None:
        return draw(st.sampled_from(choices))

    fields, indexes, by_row = [], Counter(), draw(st.booleans())
    for _ in range(draw(st.integers(0, 4))):
        component = one("BODY", "BODY", "HEADER", "BUTTON")
        button = one("0", "1") if component == "BUTTON" else None
        card = one(None, None, "0", "1")
        indexes[component, button, card] += 1
        index = str(indexes[component, button, card])
        sources = {
            "component": one(f'"{component}"', *_column("Parte", "BODY")) if by_row else f'"{component}"',
            "type": one('"TEXT"', None, '"URL"', *(_column("Parte", "TEXT") if by_row else ())),
            "index": one(index, *_column("Ordem")) if by_row else index,
            "button_index": one(button, '{ column = "Ordem", default = 0 }') if by_row else button,
            "card_index": one(card, '{ column = "Ordem", default = 3 }') if by_row else card,
            "value": one(*(f'"{value}"' for value in _VALUES), *_column("Nome", "", "nada")),
        }
        fields.append(_toml("[[template_fields]]", **sources))
    in_body = indexes["BODY", None, None]
    text = "".join(f"{{{{{n}}}}} e " * draw(st.integers(1, 3)) for n in range(1, in_body + 1))
    shares = f'[{{ id = "{ID}", share = "60%" }}, {{ id = "{OTHER_ID}", share = "40%" }}]'
    columns = {
        "wa_contact_id": one(
            '"Telefone"', '"Telefone"', *_column("Telefone", "11977776666"), '{ value = "11966665555" }'
        ),
        "remote_profile_name": one(None, '"Nome"', *_column("Nome", "", "Cliente"), '{ value = "Loja" }'),
        "person_contact_id": one(None, *_column("Agente", "", OTHER_ID)),
        "crm_person_id": one(None, None, f'{{ value = "{OTHER_ID}" }}'),
        "assigned_agent_id": one(None, *_column("Agente", "", OTHER_ID)),
        "status": one(None, '"Status"', *_column("Status", "OPEN", "")),
    }
    return "\n".join(
        [
            _toml("[campaign]", name='"a"', unique_by=one(None, '["Fatura"]', '["Fatura", "Dia"]')),
            _toml("[sender]", whatsapp_phone_id=one(f'"{ID}"', shares, *_column("Agente", OTHER_ID))),
            _toml(
                "[template]",
                name=one('"t"', '"t"', '{ column = "Nome" }'),
                language=one('"pt_BR"', '{ column = "Fatura", default = "pt_BR" }'),
                body=one(None, f'"{text}fim"', f'"{text}{"z" * 900}"'),
            ),
            _toml("[suppress]", column=one(None, '"Sair"')),
            _toml("[columns]", **columns),
            *fields,
            _toml(
                "[phone]", format=one('"national"', '"e164"', '"digits"'), region=one('"BR"', '"BR"', '"BR"', '"PT"')
            ),
            _toml("[sheet]", hidden_rows=one('"skip"', '"send"')),
        ]
    )


def load(text: str, folder: Path) -> Campaign:
    """Load a campaign. Raises CampaignError."""
    path = folder / "a.toml"
    path.write_text(text, encoding="utf-8")
    return load_campaign(path, now=datetime(2026, 3, 11, tzinfo=UTC))
