"""Columns of the phone: the number, perhaps in parts, and the columns that say its country and area. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from batch.loader.mapping.values import Cells, FieldSlot, Findings, Memo
from batch.model.phone.brazil import AREAS
from batch.model.phone.cells import find_region, read_phone
from batch.model.phone.digits import Phone
from batch.model.reasons import Finding, Reason

_FLOAT_END = ".0"


@dataclass(frozen=True, kw_only=True, slots=True)
class PhoneColumns:
    """The columns of one sheet that make up the phone, each with its name and place."""

    slot: FieldSlot
    parts: tuple[int, ...] = ()
    """Places of the parts of a number that stands in several columns; empty: it stands in that of `slot`."""
    region: str
    """Country of numbers that say none."""
    country: tuple[str, int] | None = None
    area: str | tuple[str, int] | None = None
    """Area code of numbers that have none, or the column of it."""

    names: frozenset[str] = frozenset()
    """The columns of the parts."""

    @property
    def columns(self) -> frozenset[str]:
        """The names of all columns that the phone is read from."""
        further = [each[0] for each in (self.country, self.area) if isinstance(each, tuple)]
        return frozenset([*self.names, *further, *([self.slot.column] if self.slot.column and not self.names else [])])

    def reader(self) -> Callable[[Cells], Phone | Findings]:
        """Return a function that reads a row's phone."""
        if not (self.parts or self.country or self.area):
            return lambda cells: self._judge(read_phone(self._text(cells), region=self.region))
        regions = Memo(self._read_region)
        areas = Memo(self._read_area)
        country, area = self.country, self.area

        def read(cells: Cells) -> Phone | Findings:
            region = regions[cells[country[1]]] if country else self.region
            code = areas[cells[area[1]]] if isinstance(area, tuple) else area or ""
            if isinstance(region, Finding) or isinstance(code, Finding):
                return tuple(each for each in (region, code) if isinstance(each, Finding))
            sure = country is not None and bool((cells[country[1]] or "").strip())
            return self._judge(read_phone(self._text(cells), region=region, area=code, sure=sure))

        return read

    def _judge(self, phone: Phone | Finding) -> Phone | Findings:
        return (Finding(phone.reason, {**self.slot.origin, **phone.values}),) if isinstance(phone, Finding) else phone

    def _text(self, cells: Cells) -> str:
        if self.parts:
            texts = ((cells[place] or "").strip().removesuffix(_FLOAT_END) for place in self.parts)
            return " ".join(filter(None, texts))
        return (cells[self.slot.place] or "").strip() or self.slot.fallback if self.slot.column else self.slot.fallback

    def _read_region(self, cell: str | None) -> str | Finding:
        if not (cell or "").strip() or self.country is None:
            return self.region
        values = {"column": self.country[0], "found": cell or ""}
        return find_region(cell or "") or Finding(Reason.COUNTRY_UNKNOWN, values)

    def _read_area(self, cell: str | None) -> str | Finding:
        code = (cell or "").strip().removesuffix(_FLOAT_END).strip("() ").lstrip("0")
        known = not code or code in AREAS
        return code if known else Finding(Reason.PHONE_BAD_AREA_CODE, {"found": cell or "", "area": code})
