"""The part of a workbook that lists its sheets: read, and given a first sheet."""

from collections.abc import Collection, Mapping
from xml.sax.saxutils import escape

from batch.ooxml.package import Package, find_workbook, is_true, make_tab
from batch.ooxml.references import whole_number
from batch.ooxml.schema import find_place
from batch.ooxml.tree import Document
from batch.ooxml.xml import UnsupportedMarkup, format_attributes

_FILTER = "_xlnm._FilterDatabase"
_STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STRICT_RELATIONS = "http://purl.oclc.org/ooxml/officeDocument/relationships"


class WorkbookPart:
    """The workbook part of a package.

    Raises:
        UnsupportedMarkup: the part is damaged, or lists no sheets.
    """

    def __init__(self, package: Package) -> None:
        self._package = package
        self.part = find_workbook(package) or "xl/workbook.xml"
        self._document = Document(package.read(self.part))
        self._root = self._document.root
        relations = {each.id: each for each in package.relations(self.part)}
        self._relations = relations
        sheets = self._root.find("sheets")
        if sheets is None or not sheets.children:
            raise UnsupportedMarkup("a workbook without sheets")
        self._sheets = sheets
        self.tabs = tuple(make_tab(each.attributes, relations) for each in sheets.children)

    @property
    def epoch_1904(self) -> bool:
        """True when days are counted from 1904."""
        properties = self._root.find("workbookPr")
        return properties is not None and is_true(properties.attributes.get("date1904"))

    @property
    def strict(self) -> bool:
        """True for the strict form of the standard, which has namespaces of its own."""
        return _STRICT in self._root.attributes.values()

    def kind(self, word: str) -> str:
        """The whole type of a reference of this kind."""
        return f"{_STRICT_RELATIONS if self.strict else _RELATIONS}/{word}"

    def only(self, kind: str) -> str | None:
        """The part that the workbook refers to by this kind (`styles`); None when there is none."""
        found = (each.target for each in self._relations.values() if each.kind == kind and not each.outside)
        return next((target for target in found if target in self._package), None)

    def put_first(self, title: str, relation: str, *, gone: Collection[str], filters: Mapping[str, str]) -> None:
        """Write the part with a new sheet in front, which the workbook opens on.

        Names that belong to one sheet follow it to its new place.

        Args:
            title: of the new sheet.
            relation: the id of the reference to it.
            gone: the relations of sheets that are taken away.
            filters: relation of a sheet to the area of its filter (`$A$1:$B$9`).
        """
        self._list_first(title, relation, gone)
        left = [tab for tab in self.tabs if tab.relation not in gone]
        places = {self.tabs.index(tab): index for index, tab in enumerate(left, start=1)}
        self._move_names(places, filters)
        self._open_first()
        self._calculate()
        self._package.put(self.part, self._document.apply())

    def _list_first(self, title: str, relation: str, gone: Collection[str]) -> None:
        ids = {whole_number(each.attributes.get("sheetId")) for each in self._sheets.children}
        new = next(number for number in range(1, len(ids) + 2) if number not in ids)
        # The prefix of the other sheets' references may be declared on each of them alone.
        kind = _STRICT_RELATIONS if self.strict else _RELATIONS
        declared = {**self._root.attributes, **self._sheets.attributes}
        known = next((name for name, value in declared.items() if value == kind and name.startswith("xmlns:")), None)
        prefix = known or ("xmlns:rel" if self._sheets.prefix == "r:" else "xmlns:r")
        attributes = {"name": title, "sheetId": str(new), **({} if known else {prefix: kind})}
        attributes[f"{prefix.removeprefix('xmlns:')}:id"] = relation
        self._document.prepend(self._sheets, f"<{self._sheets.prefix}sheet{format_attributes(attributes)}/>".encode())
        for element, tab in zip(self._sheets.children, self.tabs, strict=True):
            if tab.relation in gone:
                self._document.remove(element)

    def _move_names(self, places: Mapping[int, int], filters: Mapping[str, str]) -> None:
        document, holder = self._document, self._root.find("definedNames")
        names = holder.children if holder else []
        wanted = dict(filters)
        gone = 0
        for each in names:
            local = whole_number(each.attributes.get("localSheetId"))
            if local is None:
                continue
            place = places.get(local)
            if place is None:
                gone += 1
                document.remove(each)
                continue
            document.set(each, localSheetId=str(place))
            tab = self.tabs[local]
            if each.attributes.get("name") == _FILTER and tab.relation in wanted:
                document.rewrite(each, _filter_text(tab.title, wanted.pop(tab.relation)))
        added = b"".join(self._filter_name(relation, area, places) for relation, area in wanted.items())
        if holder and gone == len(names) and not added:
            document.remove(holder)
        elif holder and added:
            document.append(holder, added)
        elif added:
            document.insert(find_place(self._root, "definedNames"), document.tag("definedNames", {}, added))

    def _filter_name(self, relation: str, area: str, places: Mapping[int, int]) -> bytes:
        index = next(index for index, tab in enumerate(self.tabs) if tab.relation == relation)
        attributes = {"name": _FILTER, "localSheetId": str(places[index]), "hidden": "1"}
        return self._document.tag("definedName", attributes, _filter_text(self.tabs[index].title, area))

    def _open_first(self) -> None:
        for view in self._document.children("bookViews"):
            self._document.set(view, activeTab="0", firstSheet="0")

    def _calculate(self) -> None:
        """Formulas that look at the result columns are calculated anew when Excel opens the file."""
        present = self._root.find("calcPr")
        if present:
            get = present.attributes.get
            # Values that a library left to Excel stay so; others are complete, also when the report is read again.
            complete = get("calcCompleted", "1") if not is_true(get("fullCalcOnLoad")) else get("calcCompleted")
            self._document.set(present, fullCalcOnLoad="1", calcCompleted=complete)
        else:
            markup = self._document.tag("calcPr", {"calcCompleted": "1", "fullCalcOnLoad": "1"})
            self._document.insert(find_place(self._root, "calcPr"), markup)


def _filter_text(title: str, area: str) -> bytes:
    name = escape(title.replace("'", "''"))
    return f"'{name}'!{area}".encode()
