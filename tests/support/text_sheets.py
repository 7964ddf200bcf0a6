"""Text sheets made of a seed: good ones as programs and people write them, and the same with a fault."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

from batch.errors import SheetError
from batch.loader import Sheet, open_sheet
from batch.model.sheets import SheetRow

NAMES = ["Nome", "Telefone", "CPF", "Produto", "Loja", "Obs"]
FAULTS = [
    *("separator", "two separators", "header separator", "name more", "name fewer", "quote lost", "quote added"),
    *("second header", "other header", "glued lines"),
]
_DELIMITERS = (";", ",", "\t", "|", ", ", " ; ")


class TextSheet:
    """The texts of a sheet of unlike cells, so that each tells its column and row."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 (no secret)
        self.delimiter = self.chance.choice(_DELIMITERS)
        self.quote = self.chance.choice(['"', '"', '"', "'"])
        self.always = self.quote == "'" or self.chance.random() < 0.2
        self.rows = [self._row(number) for number in range(self.chance.randint(3, 30))]
        self.lines = [[self._cell(cell) for cell in row] for row in (NAMES, *self.rows)]

    def _row(self, number: int) -> list[str]:
        chance = self.chance
        product = chance.choice([f"Bolo {number}", f"Bolo{self.delimiter.strip()} {number}", f'Tubo {number} 1/2"'])
        name = chance.choice([f"Pessoa {number}", f'Ana "Nina" {number}', f"D'Ávila {number}"])
        name = name if self.quote == '"' else name.replace("'", " ")
        return [
            name,
            f"119{number + 10_000_000:08}",
            chance.choice([f"{number:03}.222.333-00", ""]),
            product,
            chance.choice([f"Loja {number}", ""]),
            chance.choice(["", f"ok {number}"]),
        ]

    def _cell(self, cell: str) -> str:
        needs = self.delimiter.strip() in cell if self.delimiter.strip() else self.delimiter in cell
        if not (self.always or needs or (self.quote in cell and cell.startswith(self.quote))):
            return cell
        return self.quote + cell.replace(self.quote, self.quote * 2) + self.quote

    @property
    def texts(self) -> list[str]:
        return [self.delimiter.join(line) for line in self.lines]

    def pollute(self, fault: str) -> list[str]:
        """Return the texts of the lines with one fault."""
        texts = self.texts
        at = self.chance.randrange(1, len(texts))
        head, names = self.lines[0], range(len(NAMES))
        place = self.chance.choice(names)
        if "separator" in fault:
            lines = range(1, len(texts)) if fault != "header separator" else [0]
            for each in self.chance.sample(lines, min(len(lines), 2 if fault == "two separators" else 1)):
                texts[each] = self._with_separator(self.lines[each])
        elif fault.startswith("name"):
            more = [*head[:place], self._cell("Cidade"), *head[place:]]
            texts[0] = self.delimiter.join(more if fault == "name more" else head[:place] + head[place + 1 :])
        elif fault.startswith("quote"):
            texts[at] = self._with_quote(texts[at], is_lost=fault == "quote lost")
        elif fault == "glued lines":
            texts[at : at + 2] = ["".join(texts[at : at + 2])]
        else:
            other = [head[number] for number in (*reversed(names[:4]), *names[4:])]
            texts.insert(at, texts[0] if fault == "second header" else self.delimiter.join(other))
        return texts

    def _with_quote(self, text: str, *, is_lost: bool) -> str:
        marks = [index for index, char in enumerate(text) if char == self.quote]
        if is_lost and marks:
            cut = self.chance.choice(marks)
            return text[:cut] + text[cut + 1 :]
        cut = self.chance.randrange(len(text) + 1)
        return text if is_lost else text[:cut] + self.quote + text[cut:]

    def _with_separator(self, line: list[str]) -> str:
        cut = self.chance.randrange(1, len(line))
        if self.chance.random() < 0.5:
            return self.delimiter.join(line[:cut]) + self.delimiter.join(line[cut:])
        return self.delimiter.join([*line[:cut], "", *line[cut:]])


class ExcelSheet:
    """A sheet as Excel saves it as CSV: each block of 16 lines goes out to the last column that is filled in it."""

    def __init__(self, seed: int) -> None:
        chance = self.chance = random.Random(seed)  # noqa: S311 (no secret)
        self.delimiter = chance.choice(";,\t")
        above = chance.choice([0, 0, 0, 1, 3, chance.randint(4, 20)])
        self.header = above + 1
        self.rows = [TextSheet(seed)._row(at) for at in range(chance.choice([5, 20, 40, 80]))]
        share = chance.choice([0.0, 0.05, 0.3, 1.0])
        for at, row in enumerate(self.rows):
            row[:4] = [f"Pessoa {at}", f"119{at + 10_000_000:08}", f"{at:03}.222.333-00", f"Bolo {at}"]
            row[4] = f"Loja {at}" if chance.random() < max(share, 0.5) else ""
            row[5] = chance.choice(["ok", f"ligar {at}"]) if chance.random() < share else ""
        self.noted = set(chance.sample(range(len(self.rows)), chance.choice([0, 0, 0, 1, 2])))
        """Places of the rows with a note beside the table."""
        title = ["Clientes", *[""] * 5]
        lines = [title, *[[""] * 6 for _ in range(above - 1)]] if above else []
        body = [[*row, "x"] if at in self.noted else row for at, row in enumerate(self.rows)]
        self.lines = self.trim([*lines, NAMES, *body])

    @staticmethod
    def trim(lines: list[list[str]]) -> list[list[str]]:
        """Return the lines with as many cells as Excel writes."""
        made = []
        for first in range(0, len(lines), 16):
            block = lines[first : first + 16]
            width = max((at for line in block for at, cell in enumerate(line, 1) if cell), default=1)
            made += [[*line, ""][:width] for line in block]
        return made

    def write(self, path: Path) -> None:
        path.write_text("\n".join(map(self.delimiter.join, self.lines)), encoding="utf-8")

    def break_header(self) -> None:
        """Give the header a name or a separator more, or a name fewer."""
        head = self.lines[self.header - 1]
        at = self.chance.randrange(len(NAMES))
        more, fewer = [*head[:at], self.chance.choice(["Cidade", ""]), *head[at:]], head[:at] + head[at + 1 :]
        self.lines[self.header - 1] = self.chance.choice([more, more, fewer])

    def break_row(self) -> None:
        """Give a row a separator more or fewer, or cut one of its texts; none of one or two that are a block alone."""
        lines = len(self.lines)
        number = self.chance.randrange(self.header, lines - lines % 16 if lines % 16 < 3 and lines > 16 else lines)
        line = self.lines[number]
        at = self.chance.randrange(len(line))
        ways = [[*line[:at], "", *line[at:]], [*line[:at], *(line[at].split() or [""]), *line[at + 1 :]]]
        ways += [[*line[:at], line[at] + line[at + 1], *line[at + 2 :]]] if at + 1 < len(line) else []
        self.lines[number] = self.chance.choice(ways)


def find_shifted(sheet: Sheet, rows: list[list[str]], read: Iterable[SheetRow] | None = None) -> list[tuple[int, str]]:
    """Return the rows without an error, and the columns, that hold another text than the row of that phone.

    `read`: the rows of the sheet, where they are read already.
    """
    by_phone = {row[1]: row for row in rows}
    shifted = []
    for row in sheet.rows() if read is None else read:
        found = dict(zip(sheet.info.columns, row.cells, strict=True))
        if "" in row.errors or "Telefone" not in found:
            continue
        own = by_phone.get(found["Telefone"] or "")
        if own is None:
            # Another text in the place of the phone is no phone: its row is an error when it is checked.
            shifted += [(row.number, "Telefone")] if (found["Telefone"] or "").replace(" ", "").isdigit() else []
            continue
        shifted += [
            (row.number, name)
            for name, cell in zip(NAMES, own, strict=True)
            if name in found and name not in row.errors and _bare(found[name] or "") != _bare(cell)
        ]
    return shifted


def _bare(text: str) -> str:
    """Return a text without quotation marks and blanks at its ends: one that was lost or added is of the file."""
    return text.replace('"', "").replace("'", "").strip()


def read_polluted(path: Path, seed: int) -> tuple[str, list[tuple[int, str]]]:
    """Read one polluted file; returns the fault and what was read shifted."""
    made = TextSheet(seed)
    fault = FAULTS[seed % len(FAULTS)]
    path.write_text("\n".join(made.pollute(fault)), encoding="utf-8")
    try:
        sheet = open_sheet(path, wanted_columns=NAMES)
        return fault, find_shifted(sheet, made.rows)
    except SheetError:
        return fault, []
