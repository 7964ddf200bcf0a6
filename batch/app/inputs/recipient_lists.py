"""Lists of people out of any sheet: who must not be messaged, or who alone may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from batch.campaign import Campaign
from batch.errors import SheetError, nearest
from batch.i18n import _, ngettext, number
from batch.ledger import Staging
from batch.loader import ColumnFacts, Sheet, describe_columns, fold, is_phone_header, open_sheet, rank_phone_columns
from batch.model.phone.cells import read_phone
from batch.model.reasons import Finding, Reason, sentence
from batch.model.sheets import SheetRow

_MASKS = "*xX#\N{BULLET}"
SOMEBODY = 8
"""Digits of a cell that could be somebody's number; with fewer it is a note."""
KEPT = 1000
"""Cells that cannot be read of which the rows and words are kept; of more only how many there are."""
_ROWS_TOLD = 5
_PHONE_WORDS = ("fone", "celular", "whats", "zap", "phone", "mobile", "recado", "fixo")


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """Somebody on a list."""

    person: str
    """E.164."""
    row: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A cell that should be a phone and is none, with digits enough to be somebody's; or a row that is damaged."""

    row: int
    finding: Finding


@dataclass(kw_only=True)
class PeopleList:
    """A sheet of people that was opened. `people` may be read again; what it met on the last way is noted here."""

    path: Path
    sheet: Sheet
    columns: tuple[str, ...]
    """Those with phones: whoever stands in any of them is on the list."""
    region: str
    hidden_rows: bool = True
    """Whether hidden rows count."""
    unreadable: list[Unreadable] = field(default_factory=list)
    """The first KEPT cells that cannot be read and could be somebody."""
    unreadable_count: int = 0
    notes: int = 0
    """Cells with too few digits to be anybody."""
    passed_over: int = 0
    """Hidden rows that did not count."""

    def people(self) -> Iterator[Listed]:
        """Everybody on the list, in the sheet's order, as often as they stand there. Streams.

        Raises SheetError when the file was changed or damaged since it was opened.
        """
        self.unreadable.clear()
        self.unreadable_count = self.notes = self.passed_over = 0
        places = [(name, place) for place, name in enumerate(self.sheet.info.columns) if name in self.columns]
        for row in self.sheet.rows():
            if row.hidden and not self.hidden_rows:
                self.passed_over += 1
                continue
            for person in self._people_of(row, places):
                yield Listed(person=person, row=row.number)

    def refuse_unreadable(self) -> None:
        """Raise SheetError when `people` met numbers that cannot be read: one of them could be in the sheet to send."""
        if not self.unreadable_count:
            return
        more = self.unreadable_count - _ROWS_TOLD
        row = _("row {row}: {problem}")
        said = [row.format(row=each.row, problem=sentence(each.finding)) for each in self.unreadable[:_ROWS_TOLD]]
        if more > 0:
            said.append(_("And {n} more.").format(n=number(more)))
        problem = _("The list {file} has numbers that cannot be read, so nobody can tell whom they mean.")
        raise SheetError(
            " ".join([problem.format(file=self.path.name), *said]),
            _("Correct these cells or delete them, then run again. Nothing was sent."),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of the list, each a sentence; complete after `people` was read."""
        said = []
        if len(self.columns) > 1:
            listed = ", ".join(repr(name) for name in self.columns)
            several = _("The list {file} has several columns of phones, and all of them count: {columns}.")
            said.append(several.format(file=self.path.name, columns=listed))
        if self.notes:
            cells = ngettext(
                "The list {file} has {n} cell that holds no number; nobody is meant there.",
                "The list {file} has {n} cells that hold no number; nobody is meant there.",
                self.notes,
            )
            said.append(cells.format(file=self.path.name, n=number(self.notes)))
        if self.passed_over:
            rows = ngettext(
                "The list {file} has {n} hidden row; nobody there counts as allowed.",
                "The list {file} has {n} hidden rows; nobody there counts as allowed.",
                self.passed_over,
            )
            said.append(rows.format(file=self.path.name, n=number(self.passed_over)))
        return tuple(said)

    def _people_of(self, row: SheetRow, places: Sequence[tuple[str, int]]) -> Iterator[str]:
        """The people of a row; what is none of them is noted."""
        if "" in row.errors:
            self._note(row, Finding(Reason.ROW_MALFORMED, {"found": row.errors[""]}))
            return
        for name, place in places:
            cell = row.cells[place]
            if name in row.errors:
                self._note(row, Finding(Reason.CELL_UNREADABLE, {"column": name, "found": row.errors[name]}))
            elif cell:
                phone = read_phone(cell, region=self.region)
                if not isinstance(phone, Finding):
                    yield phone.e164
                elif phone.reason is Reason.PHONE_DIGITS_LOST or _could_be_somebody(cell):
                    self._note(row, phone)
                else:
                    self.notes += 1

    def _note(self, row: SheetRow, finding: Finding) -> None:
        self.unreadable_count += 1
        if len(self.unreadable) < KEPT:
            self.unreadable.append(Unreadable(row=row.number, finding=finding))


def read_people(
    path: Path, *, region: str = "BR", column: str | None = None, named: str = "", hidden_rows: bool = True
) -> PeopleList:
    """Open a list of people.

    Args:
        path: any sheet, also a plain list of numbers without a header.
        region: the country of numbers written without one.
        column: the one with the phones; None: every column that holds phones.
        named: who names the file, for the message.
        hidden_rows: whether who stands in a hidden row is on the list.

    Raises SheetError when the file is missing, no sheet, or has no phones.
    """
    try:
        sheet = open_sheet(path, wanted_columns=(column,) if column else ())
    except SheetError as error:
        said = (
            _("The list {file} cannot be used ({named}): {problem}")
            if named
            else _("The list {file} cannot be used: {problem}")
        )
        raise SheetError(said.format(file=path, named=named, problem=error.problem), error.remedy) from None
    columns = (_named(sheet, column),) if column else _phone_columns(sheet, region)
    if not columns:
        none = _("The list {file} has no column of phones; its columns are: {columns}.")
        raise SheetError(
            none.format(file=path.name, columns=", ".join(sheet.info.columns)),
            _('Call the column "Telefone", or put nothing but the numbers into the file.'),
        )
    return PeopleList(path=path, sheet=sheet, columns=columns, region=region, hidden_rows=hidden_rows)


def _could_be_somebody(cell: str) -> bool:
    """Whether a cell that is no phone has signs enough for one: digits, and what some hide digits behind."""
    digits = sum(character.isdigit() for character in cell)
    hidden = sum(character in _MASKS for character in cell)
    return digits >= SOMEBODY or (digits > 1 and digits + hidden >= SOMEBODY)


def _named(sheet: Sheet, column: str) -> str:
    alike = [name for name in sheet.info.columns if fold(name) == fold(column)]
    if column in sheet.info.columns or len(alike) == 1:
        return column if column in sheet.info.columns else alike[0]
    hint = nearest(column, sheet.info.columns)
    problem = _("{file} has no column {column!r}{hint}.").format(file=sheet.info.file, column=column, hint=hint)
    raise SheetError(
        problem.replace("?.", "?"), _("Its columns are: {columns}.").format(columns=", ".join(sheet.info.columns))
    )


def _phone_columns(sheet: Sheet, region: str) -> tuple[str, ...]:
    """Every column that may hold phones: a person missed here would be messaged."""
    facts = describe_columns(sheet.info, sheet.rows(), region=region)
    if len(facts) == 1 and facts[0].phones:
        return (facts[0].name,)
    sure = {each.name for each in rank_phone_columns(facts)}
    return tuple(each.name for each in facts if each.name in sure or _may_hold_phones(each))


def _may_hold_phones(column: ColumnFacts) -> bool:
    """By a name that is a phone's, or speaks of one (`Telefone fixo`, `WhatsApp da mãe`), unless its cells say no."""
    if not column.cells:
        return _speaks_of_phones(column.name)
    if is_phone_header(column.name):
        return True
    return _speaks_of_phones(column.name) and column.phones >= len(column.cells) / 2


def _speaks_of_phones(name: str) -> bool:
    return is_phone_header(name) or any(word in fold(name) for word in _PHONE_WORDS)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLists:
    """Lists that were found and can be read."""

    suppress: tuple[PeopleList, ...] = ()
    """Of the campaign's [suppress] files."""
    only: PeopleList | None = None
    """Of --only-allowed."""

    def apply(self, staging: Staging) -> None:
        """Give the lists to a sheet that is staged, before it is judged. Raises SheetError for what cannot be read."""
        for people in self.suppress:
            staging.suppress(_placed(people))
            people.refuse_unreadable()
        if self.only is not None:
            staging.allow_only(_placed(self.only), self.only.path.name)
            self.only.refuse_unreadable()

    def refuse_unreadable(self) -> None:
        """Read the lists to their end. Raises SheetError for numbers that cannot be read."""
        for people in self._all:
            for _person in people.people():
                pass
            people.refuse_unreadable()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about the lists; complete once they were applied."""
        return tuple(warning for people in self._all for warning in people.warnings)

    @property
    def _all(self) -> tuple[PeopleList, ...]:
        return (*self.suppress, *([self.only] if self.only else []))


def run_lists(campaign: Campaign, only_allowed: Path | None) -> RunLists:
    """The lists of a campaign and of --only-allowed. Raises SheetError, naming who names the file."""
    region = campaign.phone.region
    named = _("the campaign {file} names it under [suppress] files").format(file=campaign.path.name)
    return RunLists(
        suppress=tuple(read_people(path, region=region, named=named) for path in campaign.suppress.files),
        only=_only(only_allowed, region) if only_allowed else None,
    )


def _only(path: Path, region: str) -> PeopleList:
    """Hidden rows do not count: who filters a list to a few people means these few."""
    return read_people(path, region=region, named=_("--only-allowed names it"), hidden_rows=False)


def _placed(people: PeopleList) -> Iterator[tuple[str, str]]:
    for listed in people.people():
        yield listed.person, _("{file}, row {row}").format(file=people.path.name, row=listed.row)
