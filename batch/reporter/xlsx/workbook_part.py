"""The part of a workbook that lists its sheets: read, and given a first sheet."""

from collections.abc import Collection, Mapping

from batch.ooxml.package import Package, find_workbook, is_true, make_tab
from batch.ooxml.references import whole_number
from batch.ooxml.schema import find_place
from batch.ooxml.xml import Edits, UnsupportedMarkup, format_attributes, parse_tree

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
        self._content = package.read(self.part)
        self._root = parse_tree(self._content)
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
        edits = Edits()
        self._list_first(edits, title, relation, gone)
        left = [tab for tab in self.tabs if tab.relation not in gone]
        places = {self.tabs.index(tab): index for index, tab in enumerate(left, start=1)}
        self._move_names(edits, places, filters)
        self._open_first(edits)
        self._calculate(edits)
        self._package.put(self.part, edits.apply(self._content))

    def _list_first(self, edits: Edits, title: str, relation: str, gone: Collection[str]) -> None:
        ids = {whole_number(each.attributes.get("sheetId")) for each in self._sheets.children}
        new = next(number for number in range(1, len(ids) + 2) if number not in ids)
        # The prefix of the other sheets' references may be declared on each of them alone.
        kind = _STRICT_RELATIONS if self.strict else _RELATIONS
        declared = {**self._root.attributes, **self._sheets.attributes}
        known = next((name for name, value in declared.items() if value == kind and name.startswith("xmlns:")), None)
        prefix = known or ("xmlns:rel" if self._sheets.prefix == "r:" else "xmlns:r")
        attributes = {"name": title, "sheetId": str(new), **({} if known else {prefix: kind})}
        attributes[f"{prefix.removeprefix('xmlns:')}:id"] = relation
        edits.prepend(self._sheets, f"<{self._sheets.prefix}sheet{format_attributes(attributes)}/>".encode())
        for element, tab in zip(self._sheets.children, self.tabs, strict=True):
            if tab.relation in gone:
                edits.replace(element, b"")

    def _move_names(self, edits: Edits, places: Mapping[int, int], filters: Mapping[str, str]) -> None:
        holder = self._root.find("definedNames")
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
                edits.replace(each, b"")
                continue
            edits.set(each, localSheetId=str(place))
            tab = self.tabs[local]
            if each.attributes.get("name") == _FILTER and tab.relation in wanted:
                edits.rewrite(each, _filter_text(tab.title, wanted.pop(tab.relation)))
        added = b"".join(self._filter_name(relation, area, places) for relation, area in wanted.items())
        if holder and gone == len(names) and not added:
            edits.replace(holder, b"")
        elif holder and added:
            edits.append(holder, added)
        elif added:
            whole = f"<{self._prefix}definedNames>".encode() + added + f"</{self._prefix}definedNames>".encode()
            edits.insert(find_place(self._root, "definedNames"), whole)

    def _filter_name(self, relation: str, area: str, places: Mapping[int, int]) -> bytes:
        index = next(index for index, tab in enumerate(self.tabs) if tab.relation == relation)
        attributes = format_attributes({"name": _FILTER, "localSheetId": str(places[index]), "hidden": "1"})
        text = _filter_text(self.tabs[index].title, area)
        return f"<{self._prefix}definedName{attributes}>".encode() + text + f"</{self._prefix}definedName>".encode()

    def _open_first(self, edits: Edits) -> None:
        views = self._root.find("bookViews")
        for view in views.children if views else ():
            edits.set(view, activeTab="0", firstSheet="0")

    def _calculate(self, edits: Edits) -> None:
        """Formulas that look at the result columns are calculated anew when Excel opens the file."""
        present = self._root.find("calcPr")
        if present:
            get = present.attributes.get
            # Values that a library left to Excel stay so; others are complete, also when the report is read again.
            complete = get("calcCompleted", "1") if not is_true(get("fullCalcOnLoad")) else get("calcCompleted")
            edits.set(present, fullCalcOnLoad="1", calcCompleted=complete)
        else:
            markup = f'<{self._prefix}calcPr calcCompleted="1" fullCalcOnLoad="1"/>'
            edits.insert(find_place(self._root, "calcPr"), markup.encode())

    @property
    def _prefix(self) -> str:
        return self._root.prefix


def _filter_text(title: str, area: str) -> bytes:
    name = title.replace("'", "''").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"'{name}'!{area}".encode()
