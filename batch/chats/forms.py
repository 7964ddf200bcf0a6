"""Requests that differ only in some texts: encoded, and checked by the API's rules, once for all of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from json.encoder import encode_basestring

from batch.chats.requests import encode
from batch.model.message import Message

__all__ = ["RequestForms"]

Values = Sequence[str | None]
_MOST_FORMS = 1000


class RequestForms:
    """Encodes messages that are made of values: the same bytes as `encode`, at a tenth of its work."""

    def __init__(self, make: Callable[[Values], Message], of_few_values: Collection[int] = ()) -> None:
        """`make`: the message of some values. It puts each value that is not None into one field, as it is.

        `of_few_values`: places of those that are words of a short list, for which no other text can stand.
        """
        self._make = make
        self._of_few = frozenset(of_few_values)
        self._forms: dict[Values, _Form | None] = {}

    def encode(self, values: Values) -> str:
        """`encode(make(values))`. The values are as the API's page wants them: their rows were checked."""
        kept = tuple([value if place in self._of_few else value and "" for place, value in enumerate(values)])
        form = self._forms.get(kept)
        if form is None:
            if kept in self._forms or len(self._forms) >= _MOST_FORMS or "" in values:
                return encode(self._make(values))
            form = self._forms[kept] = self._new_form(values)
        return form.filled(values) if form else encode(self._make(values))

    def _new_form(self, values: Values) -> _Form | None:
        marks = {
            place: str(uuid.uuid4())  # a text that every field takes, and that stands nowhere else
            for place, value in enumerate(values)
            if value is not None and place not in self._of_few
        }
        body = encode(self._make([marks.get(place, value) for place, value in enumerate(values)]))
        places = {body.find(f'"{mark}"'): place for place, mark in marks.items()}
        if len(places) < len(marks) or -1 in places:
            return None
        return _Form(body, sorted(places.items()), marks)


class _Form:
    """A body with holes."""

    __slots__ = ("_holes", "_pieces")

    def __init__(self, body: str, found: list[tuple[int, int]], marks: dict[int, str]) -> None:
        self._pieces: list[str] = []
        self._holes: list[tuple[int, int]] = []
        after = 0
        for start, place in found:
            self._pieces += [body[after:start], ""]
            self._holes.append((len(self._pieces) - 1, place))
            after = start + len(marks[place]) + 2
        self._pieces.append(body[after:])

    def filled(self, values: Values) -> str:
        pieces = self._pieces.copy()
        for hole, place in self._holes:
            pieces[hole] = encode_basestring(values[place] or "")
        return "".join(pieces)
