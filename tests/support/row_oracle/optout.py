"""The words of an opt-out column: a closed list of yes and no, so that nothing is guessed at. Pure."""

from __future__ import annotations

from batch.i18n import N_
from batch.loader.header_names import fold
from batch.model.phrases import Phrase, Value
from batch.model.reasons import Finding, Reason

_FIELD = Phrase(N_("the opt-out"))
_ALLOWED = Phrase(N_("sim or n\u00e3o (yes or no)"))
_YES = frozenset({"sim", "s", "yes", "y", "true", "verdadeiro", "1", "x"})
_NO = frozenset({"nao", "n", "no", "false", "falso", "0", ""})


def opted_out(cell: str | None, column: str) -> bool | Finding:
    """Whether the cell says that the person wants no messages; a finding when it says neither yes nor no."""
    word = fold(cell or "")
    if word in _YES:
        return True
    if word in _NO:
        return False
    values: dict[str, Value] = {"field": _FIELD, "column": column, "found": cell or "", "allowed": _ALLOWED}
    return Finding(Reason.VALUE_NOT_ALLOWED, values)
