"""Search of the columns that a campaign names among those of a sheet."""

from batch.campaign import Campaign, Problem
from batch.errors import nearest
from batch.i18n import _
from batch.loader.filters.dates import doubtful_filter, month_first_filter
from batch.loader.filters.registry import Filter
from batch.loader.header_names import fold, is_result_column
from batch.loader.mapping.suspects import CellRule
from batch.model.sheets import SheetInfo


class ColumnFinder:
    """Places of named columns. Names without a single column are collected in `problems`, each once."""

    def __init__(self, info: SheetInfo, campaign: Campaign) -> None:
        self._order = campaign.sheet.dates
        self._allow = campaign.values.allow
        self._info = info
        self._places = {name: place for place, name in enumerate(info.columns)}
        self._alike: dict[str, list[str]] = {}
        for name in info.columns:
            self._alike.setdefault(fold(name), []).append(name)
        self.problems: list[Problem] = []
        self.used: set[str] = set()
        self.shown: set[str] = set()
        """Columns of which a value takes the shown text."""
        self.wanted: set[str] = set()
        """Names that were looked for, as the campaign has them."""
        self.dates: set[str] = set()
        """Columns that a filter reads as dates."""

    def find(self, wanted: str, *, key: str) -> tuple[str, int]:
        """Return name and index of the column that `wanted` names, for the campaign's `key`.

        Accents, case, spaces and underscores do not matter where only one column fits. Without a single one a problem
        is added, and the result serves only to find more problems.
        """
        self.wanted.add(wanted)
        name = self._name(wanted, key)
        if name is None:
            return wanted, 0
        self.used.add(name)
        return name, self._places[name]

    def shown_place(self, column: str, place: int) -> int:
        """Return the place of a column's shown text: these follow behind all cells."""
        self.shown.add(column)
        return place + len(self._info.columns)

    def rule(self, *, is_name: bool, has_default: bool) -> CellRule:
        """Return what a cell may hold."""
        return CellRule(allow=self._allow, is_name=is_name, has_default=has_default)

    def date_filters(self, column: str) -> tuple[Filter, ...]:
        """Return what comes before the filter `date`, by the order of day and month in the column."""
        self.dates.add(column)
        in_workbook = self._info.encoding is None
        if self._order == "mdy" and not in_workbook:
            return (month_first_filter,)
        is_doubtful = self._order == "mdy" or (self._order is None and column in self._info.month_first)
        return (doubtful_filter(in_workbook=in_workbook),) if is_doubtful else ()

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
