"""The file that `init` writes, byte for byte, in both languages.

python -m pytest tests/unit/campaign/test_campaign_template.py    compares with tests/data/init
"""

from __future__ import annotations

from pathlib import Path

import pytest

from batch.campaign import Column, Constant, Draft, DraftField, render_campaign
from batch.i18n import LANGUAGES, use_language

FILES = Path(__file__).parents[2] / "data" / "init"
ODD = "a \"b\" \\c\\ 'd' = # [e] {f} {{1}} %s 100% <x> | \u00f1 \N{GRINNING FACE} \x01\x7f\t"

DRAFTS = {
    "unknown": Draft(
        name="contatos",
        sheet="contatos.xlsx",
        file="contatos.toml",
        all_columns=["Nome", "Telefone"],
        columns={"wa_contact_id": "Telefone", "remote_profile_name": "Nome"},
        language=Constant(value="pt_BR"),
    ),
    "known": Draft(
        name="clientes de novembro",
        sheet="'meus contatos/clientes.csv'",
        file="clientes.toml",
        all_columns=["Nome", "Telefone", "Vencimento", "x" * 61, *(f"Coluna {n}" for n in range(1200))],
        columns={"wa_contact_id": "Telefone", "remote_profile_name": "Nome", "assigned_agent_id": "Agente"},
        reasons={
            "wa_contact_id": "57 of 60 cells are phones.",
            "remote_profile_name": "A long reason that fills more than one line of a comment: " + "words " * 20,
        },
        language=Column(column="Idioma", default="pt_BR"),
        sender=Constant(value="0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"),
        template=Column(column="Modelo"),
        body="Ol\u00e1 {{1}}, vence em {{2}}: 100%",
        fields=[
            DraftField(component="BODY", index=1, value=Constant(value="{Nome|first_name|title}")),
            DraftField(component="BODY", index=2, value=None),
            DraftField(component="BUTTON", index=1, value=Column(column="Link"), button_index=0, card_index=1),
        ],
        example="{Vencimento|date:dd/mm}",
        tab="Plan 1",
        header_row=4,
    ),
    "odd": Draft(
        name=ODD,
        sheet=f"{ODD}\n.csv",
        file=f"{ODD}.toml",
        all_columns=[ODD],
        columns={"wa_contact_id": ODD},
        reasons={"wa_contact_id": f"{ODD}\nname = 1"},
        language=Constant(value=ODD),
        body=ODD,
        example=f"{{{ODD}\n}}",
        tab=ODD,
        fields=[DraftField(component=ODD, index=1, value=Column(column=ODD, default=ODD))],
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", DRAFTS)
def test_the_file_is_what_it_was(name: str, language: str) -> None:
    """A change of the template is seen here, line by line."""
    with use_language(language):
        text = render_campaign(DRAFTS[name])
    assert text == (FILES / f"{name}.{language}.toml").read_text(encoding="utf-8")
