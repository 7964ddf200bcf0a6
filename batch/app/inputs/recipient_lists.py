"""Recipient lists read from any sheet: suppression files, and the allow list (`--only-allowed`)."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from batch.campaign import Campaign
from batch.control_characters import show_controls
from batch.errors import SheetError, nearest
from batch.i18n import _, ngettext, number
from batch.ledger import Staging
from batch.loader import ColumnFacts, Sheet, describe_columns, fold, is_phone_header, open_sheet, rank_phone_columns
from batch.model.phone.cells import read_phone
from batch.model.reasons import Finding, Reason, sentence
from batch.model.sheets import SheetRow

_MASKS = "*xX#\N{BULLET}"
MIN_DIGITS = 8
"""Digits of a cell that could be a phone; with fewer it is a note."""
UNREADABLE_KEPT = 1000
"""Unreadable cells that are kept with row and reason; of more only how many there are."""
_ROWS_SHOWN = 5
_PHONE_WORDS = ("fone", "celular", "whats", "zap", "phone", "mobile", "recado", "fixo")


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A cell that is no phone but has digits enough to be one, or a row that is damaged."""

    row: int
    finding: Finding


@dataclass(kw_only=True)
class RecipientList:
    """An open sheet of people. `people` may be read again; what the last reading met is kept here."""

    path: Path
    sheet: Sheet
    columns: tuple[str, ...]
    """The columns with phones: a person in any of them is on the list."""
    region: str
    hidden_rows: bool = True
    """Whether hidden rows count."""
    unreadable: list[Unreadable] = field(default_factory=list)
    """The first UNREADABLE_KEPT cells that cannot be read but may be phones."""
    unreadable_count: int = 0
    notes: int = 0
    """Cells with too few digits to be a phone."""
    ignored_rows: int = 0
    """Hidden rows that did not count."""

    @property
    def name(self) -> str:
        """The file's name for people."""
        return show_controls(self.path.name)

    def people(self) -> Iterator[tuple[str, int]]:
        """Yield each person (E.164) with the row, in the sheet's order, as often as they stand there. Streams.

        Raises SheetError when the file was changed or damaged since it was opened.
        """
        self.unreadable.clear()
        self.unreadable_count = self.notes = self.ignored_rows = 0
        places = [(name, place) for place, name in enumerate(self.sheet.info.columns) if name in self.columns]
        for row in self.sheet.rows():
            if row.hidden and not self.hidden_rows:
                self.ignored_rows += 1
                continue
            for person in self._people_of(row, places):
                yield person, row.number

    def refuse_unreadable(self) -> None:
        """Raise SheetError when `people` met numbers that cannot be read: one of them may be in the sheet to send."""
        if not self.unreadable_count:
            return
        more = self.unreadable_count - _ROWS_SHOWN
        row = _("row {row}: {problem}")
        sentences = [row.format(row=each.row, problem=sentence(each.finding)) for each in self.unreadable[:_ROWS_SHOWN]]
        if more > 0:
            sentences.append(_("And {n} more.").format(n=number(more)))
        problem = _("The list {file} has numbers that cannot be read, so nobody can tell whom they mean.")
        raise SheetError(
            " ".join([problem.format(file=self.name), *sentences]),
            _("Correct these cells or delete them, then run again. Nothing was sent."),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about the list; complete after `people` was read."""
        sentences = []
        if len(self.columns) > 1:
            listed = ", ".join(repr(name) for name in self.columns)
            several = _("The list {file} has several columns of phones, and all of them count: {columns}.")
            sentences.append(several.format(file=self.name, columns=listed))
        if self.notes:
            cells = ngettext(
                "The list {file} has {n} cell that holds no number; nobody is meant there.",
                "The list {file} has {n} cells that hold no number; nobody is meant there.",
                self.notes,
            )
            sentences.append(cells.format(file=self.name, n=number(self.notes)))
        if self.ignored_rows:
            rows = ngettext(
                "The list {file} has {n} hidden row; nobody there counts as allowed.",
                "The list {file} has {n} hidden rows; nobody there counts as allowed.",
                self.ignored_rows,
            )
            sentences.append(rows.format(file=self.name, n=number(self.ignored_rows)))
        return tuple(sentences)

    def _people_of(self, row: SheetRow, places: Sequence[tuple[str, int]]) -> Iterator[str]:
        """Yield the people of a row; keep what cannot be read."""
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
                elif phone.reason is Reason.PHONE_DIGITS_LOST or _may_be_phone(cell):
                    self._note(row, phone)
                else:
                    self.notes += 1

    def _note(self, row: SheetRow, finding: Finding) -> None:
        self.unreadable_count += 1
        if len(self.unreadable) < UNREADABLE_KEPT:
            self.unreadable.append(Unreadable(row=row.number, finding=finding))


def open_list(
    path: Path,
    *,
    region: str = "BR",
    column: str | None = None,
    named: str = "",
    hidden_rows: bool = True,
    encodings: Sequence[str | None] = (None,),
    has_loose_ends: bool = False,
) -> RecipientList:
    """Open a list of people.

    Args:
        path: any sheet, also a plain list of numbers without a header.
        region: the country of numbers written without one.
        column: the one with the phones; None: every column that holds phones.
        named: where the file is named, for the message.
        hidden_rows: people in hidden rows are on the list.
        encodings: of a text file, tried in this order; None: it is found.
        has_loose_ends: empty cells at the right edge of a text file's rows may be missing or too many.

    Raises SheetError when the file is missing, no sheet, or has no phones.
    """
    try:
        sheet = _open_sheet(path, column, encodings, has_loose_ends=has_loose_ends)
    except SheetError as error:
        problem = (
            _("The list {file} cannot be used ({named}): {problem}")
            if named
            else _("The list {file} cannot be used: {problem}")
        )
        raise SheetError(problem.format(file=path, named=named, problem=error.problem), error.remedy) from None
    columns = (_named(sheet, column),) if column else _phone_columns(sheet, region)
    if not columns:
        none = _("The list {file} has no column of phones; its columns are: {columns}.")
        raise SheetError(
            none.format(file=show_controls(path.name), columns=", ".join(sheet.info.columns)),
            _('Call the column "Telefone", or put nothing but the numbers into the file.'),
        )
    return RecipientList(path=path, sheet=sheet, columns=columns, region=region, hidden_rows=hidden_rows)


def _open_sheet(path: Path, column: str | None, encodings: Sequence[str | None], *, has_loose_ends: bool) -> Sheet:
    """Open a sheet in the first encoding in which it can be. Raises SheetError: what is wrong under the first."""
    wanted = (column,) if column else ()
    first, *others = dict.fromkeys(encodings)
    try:
        return open_sheet(path, wanted_columns=wanted, encoding=first, has_loose_ends=has_loose_ends)
    except SheetError:
        for encoding in others:
            with suppress(SheetError):
                return open_sheet(path, wanted_columns=wanted, encoding=encoding, has_loose_ends=has_loose_ends)
        raise


def _may_be_phone(cell: str) -> bool:
    """True for enough digits, counting the signs that some people hide digits behind."""
    digits = sum(character.isdigit() for character in cell)
    hidden = sum(character in _MASKS for character in cell)
    return digits >= MIN_DIGITS or (digits > 1 and digits + hidden >= MIN_DIGITS)


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
    """Return every column that may hold phones: a person missed here would be messaged."""
    facts = describe_columns(sheet.info, sheet.rows(), region=region)
    if len(facts) == 1 and facts[0].phones:
        return (facts[0].name,)
    sure = {each.name for each in rank_phone_columns(facts)}
    return tuple(each.name for each in facts if each.name in sure or _may_hold_phones(each))


def _may_hold_phones(column: ColumnFacts) -> bool:
    """Judge by a name that is a phone's, or mentions one (`Telefone fixo`, `WhatsApp da mãe`) and its cells agree."""
    mentions = any(word in fold(column.name) for word in _PHONE_WORDS)
    return is_phone_header(column.name) or (mentions and column.phones >= len(column.cells) / 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipientLists:
    """The open lists of one run."""

    suppress: tuple[RecipientList, ...] = ()
    """Of the campaign's [suppress] files."""
    only: RecipientList | None = None
    """Of --only-allowed."""

    def apply(self, staging: Staging) -> None:
        """Give the lists to a sheet that is staged, before it is judged. Raises SheetError for what cannot be read."""
        for people in self.suppress:
            staging.suppress(_with_places(people))
            people.refuse_unreadable()
        if self.only is not None:
            staging.allow_only(_with_places(self.only), self.only.name)
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
    def _all(self) -> tuple[RecipientList, ...]:
        return (*self.suppress, *([self.only] if self.only else []))


def open_lists(campaign: Campaign, only_allowed: Path | None, encoding: str | None = None) -> RecipientLists:
    """The lists of a campaign and of --only-allowed. Raises SheetError, naming who names the file.

    A list whose encoding is not found has that of the sheet: `encoding`, else the campaign's.
    """
    open_ = partial(
        open_list,
        region=campaign.phone.region,
        encodings=(None, encoding or campaign.sheet.encoding),
        has_loose_ends=campaign.sheet.row_ends == "loose",
    )
    named = _("the campaign {file} names it under [suppress] files").format(file=campaign.path.name)
    # Hidden rows do not count as allowed: who filters a list to a few people means these few.
    only = open_(only_allowed, named=_("--only-allowed names it"), hidden_rows=False) if only_allowed else None
    return RecipientLists(suppress=tuple(open_(path, named=named) for path in campaign.suppress.files), only=only)


def _with_places(people: RecipientList) -> Iterator[tuple[str, str]]:
    for person, row in people.people():
        yield person, _("{file}, row {row}").format(file=people.name, row=row)
