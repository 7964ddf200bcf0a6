"""Finds the columns a campaign names in the sheet's header."""

from __future__ import annotations

from batch.campaign import Problem
from batch.errors import nearest
from batch.i18n import _
from batch.loader.header_names import fold, is_result_column
from batch.model.sheets import SheetInfo

__all__ = ["ColumnFinder"]


class ColumnFinder:
    """Column names to their places. What cannot be found is gathered in `problems`, each once."""

    def __init__(self, info: SheetInfo) -> None:
        self._info = info
        self._places = {name: place for place, name in enumerate(info.columns)}
        self._alike: dict[str, list[str]] = {}
        for name in info.columns:
            self._alike.setdefault(fold(name), []).append(name)
        self.problems: list[Problem] = []
        self.used: set[str] = set()

    def find(self, wanted: str, *, key: str) -> tuple[str, int]:
        """Name and index of the column that `wanted` names, for the campaign's `key`.

        Accents, case, spaces and underscores do not matter where only one column is meant. When none is meant, or no
        single one, there is a problem, and the answer is only good for finding more problems.
        """
        name = self._name(wanted, key)
        if name is None:
            return wanted, 0
        self.used.add(name)
        return name, self._places[name]

    def _name(self, wanted: str, key: str) -> str | None:
        alike = [wanted] if wanted in self._places else self._alike.get(fold(wanted), [])
        if len(alike) > 1 or set(alike) & set(self._info.ambiguous):
            several = _("{key}: several columns of {file} are named {column!r}").format(
                key=key, file=self._info.file, column=wanted
            )
            self._add(several, _("Rename one of them in the sheet, or name another column."))
            return None
        if not alike:
            self._add(
                _("{key}: no column {column!r}{nearest}").format(
                    key=key, column=wanted, nearest=nearest(wanted, self._others())
                ),
                self._listed(),
            )
            return None
        return alike[0]

    def _add(self, text: str, remedy: str) -> None:
        problem = Problem(text=text, remedy=remedy)
        if problem not in self.problems:
            self.problems.append(problem)

    def _others(self) -> list[str]:
        return [name for name in self._info.columns if not is_result_column(name)]

    def _listed(self) -> str:
        if not self._others():
            return _("The sheet's columns are: none.")
        return _("The sheet's columns are: {columns}.").format(columns=", ".join(self._others()))
