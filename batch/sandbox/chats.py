"""Chats of the sandbox: one for each sender and person, made by the first message and reused by the next."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import NAMESPACE_URL, uuid4, uuid5

from batch.sandbox.deliveries import USUAL, Way, way_of
from batch.sandbox.requests import PostedChat, digits_of, person_of

_OLD: Final = timedelta(days=30)


@dataclass(kw_only=True, slots=True)
class _ChatMessage:
    at: datetime
    text: str
    from_me: bool = True
    id: str = field(default_factory=lambda: str(uuid4()))
    way: Way = USUAL
    """Of one of ours."""
    kind: str = "text"


@dataclass(kw_only=True, slots=True)
class Chat:
    """A chat and its messages, oldest first."""

    id: str
    sender: str
    contact: str
    name: str | None
    status: str
    agent: str | None = None
    crm_person: str | None = None
    unread: int = 0
    messages: list[_ChatMessage] = field(default_factory=list)

    def as_json(self, moment: datetime) -> dict[str, object]:
        """Return the documented answer of that moment, with all its fields."""
        last = max((each for each in self.messages if each.at <= moment), key=lambda each: each.at, default=None)
        number = person_of(self.contact)
        return {
            "id": self.id,
            "wa_contact_id": number.removeprefix("+"),
            "contact_name": self.name,
            "contact_number": number,
            "status": self.status,
            "chat_type": "INDIVIDUAL",
            "unread_count": self.unread,
            "is_manually_unread": False,
            "priority": 1,
            "archived_at": None,
            "assigned_agent_id": self.agent,
            "phone_number": {"id": self.sender, "display_number": "+55 11 4000-0000"},
            "assigned_agent": None if self.agent is None else _agent_json(self.agent),
            "last_message_at": None if last is None else _iso(last.at),
            "last_message": None if last is None else _message_json(last, moment),
            "crm_person": None if self.crm_person is None else {"id": self.crm_person, "name": self.name},
        }

    def timeline(self, moment: datetime, *, page: int = 1) -> dict[str, object]:
        """Return its messages as the API's timeline, newest first; of a timeline in pages, one (from 1)."""
        records = [
            {"id": sent.id, "event_type": "MESSAGE", "event_at": _iso(sent.at), "message": _message_json(sent, moment)}
            for sent in sorted(self.messages, key=lambda each: each.at, reverse=True)
            if sent.at <= moment
        ]
        size = self.way.page or len(records)
        return {"total": len(records), "records": records[(page - 1) * size : page * size]}

    @property
    def way(self) -> Way:
        """The way of the person's messages."""
        return way_of(digits_of(self.contact))


class Chats:
    """All chats. `templates`: template name to its text with {{1}} ..., for the bodies in timelines."""

    def __init__(self, templates: Mapping[str, str], now: Callable[[], datetime]) -> None:
        self.now = now
        self._templates = templates
        self._by_people: dict[tuple[str, str], Chat] = {}
        self._by_id: dict[str, Chat] = {}

    def get(self, chat_id: str) -> Chat | None:
        """Return the chat with this id; None when there is none."""
        return self._by_id.get(chat_id)

    def apply(self, request: PostedChat, *, old_chat: bool) -> tuple[Chat, dict[str, object]]:
        """Send the message into the chat that is there, or a new one; return the chat and the answer.

        The answer shows a reused chat as it was before this message, so that signs of its earlier life are in it.
        `old_chat`: a chat that is not known yet is made as one of 30 days ago, with unread messages of the person.
        """
        people = (request.whatsapp_phone_id.lower(), person_of(request.wa_contact_id))
        chat = self._by_people.get(people)
        if chat is None and old_chat:
            chat = self._add(people, _old_chat(request, self.now() - _OLD))
        answer = None if chat is None else chat.as_json(self.now())
        chat = chat or self._add(people, _new_chat(request))
        way = chat.way
        chat.messages.append(_ChatMessage(at=self.now(), text=self._text(request), way=way))
        answer = answer or chat.as_json(self.now())
        if way.twice:
            chat.messages.append(_ChatMessage(at=self.now(), text="Outra mensagem"))
        if way.reply:
            kind = "button" if way.is_button else "text"
            at = self.now() + timedelta(seconds=way.reply_after)
            chat.messages.append(_ChatMessage(at=at, from_me=False, text=way.reply, kind=kind))
        return chat, answer

    def _add(self, people: tuple[str, str], chat: Chat) -> Chat:
        self._by_people[people] = self._by_id[chat.id] = chat
        return chat

    def _text(self, request: PostedChat) -> str:
        values = {entry.index: entry.value for entry in request.template_fields if entry.component.upper() == "BODY"}
        text = self._templates.get(request.template.name)
        if text is None:
            return " ".join((request.template.name, *(values[index] for index in sorted(values))))
        return re.sub(r"\{\{(\d+)\}\}", lambda found: values.get(int(found[1]), found[0]), text)


def _new_chat(request: PostedChat) -> Chat:
    return Chat(
        id=str(uuid4()),
        sender=request.whatsapp_phone_id,
        contact=request.wa_contact_id,
        name=request.remote_profile_name,
        status=request.status,
        agent=request.assigned_agent_id,
        crm_person=request.crm_person_id,
    )


def _old_chat(request: PostedChat, at: datetime) -> Chat:
    chat = _new_chat(request)
    chat.unread = 2
    chat.messages = [
        _ChatMessage(at=at, from_me=False, text="Bom dia, ainda tem?"),
        _ChatMessage(at=at, from_me=False, text="Oi?"),
    ]
    return chat


def _message_json(sent: _ChatMessage, moment: datetime) -> dict[str, object]:
    status = sent.way.status((moment - sent.at).total_seconds()) if sent.from_me else "received"
    return {
        "id": sent.id,
        "type": "template" if sent.from_me else sent.kind,
        "origin": "OUTBOUND" if sent.from_me else "INBOUND",
        "from_me": sent.from_me,
        "sent_via": "INTEGRATION" if sent.from_me else "CONTACT",
        "status": status,
        "error": sent.way.error if status == "failed" else None,
        "body_text": sent.text,
        "content_payload": {},
        "reactions": [],
        "meta_timestamp": str(int(sent.at.timestamp())),
        "created_at": _iso(sent.at),
        "is_history": False,
        "history_phase": None,
        "history_chunk_order": None,
        "history_progress": None,
        "is_media_placeholder": False,
        "agent": None,
        "user": None,
        "crm_marketing_lead_source": [],
    }


def _agent_json(agent_id: str) -> dict[str, object]:
    user = {"id": str(uuid5(NAMESPACE_URL, agent_id)), "name": "Agente", "avatar": None}
    return {"agent_id": agent_id, "user": user}


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
