"""The JSON of what clients' mail brought besides documents, and of where documents came from."""

from __future__ import annotations

from gateway.admin.shapes import Json, moment
from gateway.domain.record import Attachment
from gateway.domain.saving import Letter, ListedAside, Origin, Promise


def origin(value: Origin) -> Json:
    """A message that brought a document, and its name there."""
    return {"part": value.part, "name": value.name} | _letter(value.letter)


def promise(value: Promise) -> Json:
    """A link to a file that did not come; nobody has looked where it leads."""
    return {
        "id": value.id,
        "client": value.client,
        "service": value.service,
        "link": value.link,
        "noted_at": moment(value.at),
    } | _letter(value.letter)


def aside(value: ListedAside) -> Json:
    """An attachment that was not saved; ``why`` is ``left-out`` or ``infected``."""
    one = value.aside
    return {
        "id": value.id,
        "client": value.client,
        "part": one.part,
        "original_name": one.original_name,
        "content_type": one.content_type,
        "size": one.size,
        "sha256": one.sha256,
        "why": one.fate,
        "reason": one.reason,
        "noted_at": moment(value.at),
    } | _letter(value.letter)


def attachment(value: Attachment, infection: str) -> Json:
    """One of a message's attachments; ``infection`` is empty where none was found."""
    return {
        "number": value.number,
        "part": value.part,
        "name": value.name,
        "content_type": value.content_type,
        "size": len(value.content),
        "note": value.note,
        "shown": value.shown,
        "infection": infection,
    }


def _letter(value: Letter) -> Json:
    return {
        "message": value.message,
        "sent_at": moment(value.sent_at),
        "from": value.sender,
        "to": value.recipients,
        "subject": value.subject,
    }
