"""The firm as documents, one a thing, and documents as the firm; passwords are not in them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import TypeAdapter

from gateway.domain.address import Address, Same
from gateway.domain.firm import Client, Firm, Mailbox, Member, Rule, Secret, Signature
from gateway.domain.schedule import Opening

Document = dict[str, object]
T = TypeVar("T")

# Missing fields take the domain's defaults and unknown ones are dropped, so old rows stay readable as it grows.
_REPLY_TO: TypeAdapter[Address | None] = TypeAdapter(Address | None)
_OPENING: TypeAdapter[Opening | None] = TypeAdapter(Opening | None)
_SAME: TypeAdapter[tuple[Same, ...]] = TypeAdapter(tuple[Same, ...])
_MEMBER = TypeAdapter(Member)
_MAILBOX = TypeAdapter(Mailbox)
_SIGNATURE = TypeAdapter(Signature)
_RULE = TypeAdapter(Rule)
_CLIENT = TypeAdapter(Client)


@dataclass(frozen=True, slots=True)
class Noun:
    """One row: ``position`` keeps the firm's order within the kind."""

    kind: str
    name: str
    position: int
    document: Document


def nouns(firm: Firm) -> dict[tuple[str, str], Noun]:
    """Every thing of the firm by kind and name."""
    own = {
        "name": firm.name,
        "reply_to": _REPLY_TO.dump_python(firm.reply_to, mode="json"),
        "timezone": firm.timezone,
        "office_hours": firm.office_hours and _opening(firm.office_hours),
        "same_address": [same.value for same in firm.same_address],
    }
    rows = [Noun("firm", "", 0, own)]
    rows += [Noun("member", one.login, at, _plain(_MEMBER, one)) for at, one in enumerate(firm.members)]
    rows += [Noun("mailbox", one.key, at, _mailbox(one)) for at, one in enumerate(firm.mailboxes)]
    rows += [Noun("signature", one.name, at, _signature(one)) for at, one in enumerate(firm.signatures)]
    rows += [Noun("rule", one.name, at, _plain(_RULE, one)) for at, one in enumerate(firm.rules)]
    rows += [Noun("client", one.name, at, _plain(_CLIENT, one)) for at, one in enumerate(firm.clients)]
    return {(row.kind, row.name): row for row in rows}


def firm_of(rows: Mapping[tuple[str, str], Noun], password: Callable[[str], Secret]) -> Firm:
    """The firm of these rows; ``password`` gives what is sealed in the row of a name."""
    ordered = sorted(rows.values(), key=lambda row: row.position)

    def of(kind: str, read: Callable[[Noun], T]) -> tuple[T, ...]:
        return tuple(read(row) for row in ordered if row.kind == kind)

    own = rows[("firm", "")].document if rows else {"name": "", "reply_to": None}
    return Firm(
        name=str(own["name"]),
        reply_to=_REPLY_TO.validate_python(own["reply_to"]),
        timezone=str(own.get("timezone", Firm.timezone)),
        office_hours=_OPENING.validate_python(own.get("office_hours")),
        same_address=_SAME.validate_python(own.get("same_address", ())),
        members=of("member", lambda row: _MEMBER.validate_python(row.document)),
        mailboxes=of("mailbox", lambda row: _read_mailbox(row, password)),
        signatures=of("signature", lambda row: _read_signature(row.document)),
        rules=of("rule", lambda row: _RULE.validate_python(row.document)),
        clients=of("client", lambda row: _CLIENT.validate_python(row.document)),
    )


def canonical(row: Noun) -> Noun:
    """The same as this version would write it; without the secrets that are not in documents."""
    alone = {(row.kind, row.name): row}
    firm = firm_of({("firm", ""): Noun("firm", "", 0, {"name": "", "reply_to": None})} | alone, lambda _: Secret(""))
    return nouns(firm)[row.kind, row.name]


def _opening(opening: Opening) -> Document:
    """Sets are sorted, so that what did not change is the same row."""
    return {
        "opens": opening.opens.isoformat(),
        "closes": opening.closes.isoformat(),
        "days": sorted(opening.days),
        "holidays": sorted(day.isoformat() for day in opening.holidays),
    }


def _plain(adapter: TypeAdapter[T], one: T) -> Document:
    document: Document = adapter.dump_python(one, mode="json")
    return document


def _mailbox(one: Mailbox) -> Document:
    document: Document = _MAILBOX.dump_python(one, mode="json", exclude={"password": True, "fallback": {"password"}})
    return document


def passwords(one: Mailbox) -> dict[str, Secret]:
    """Its secrets by the name of the row that each is sealed in; no address holds a space behind its domain."""
    fallback = one.fallback
    own = {one.key: one.password}
    return own if fallback is None or not fallback.username else own | {_of_fallback(one.key): fallback.password}


def _of_fallback(key: str) -> str:
    return f"{key} fallback"


def _read_mailbox(row: Noun, password: Callable[[str], Secret]) -> Mailbox:
    document, fallback = row.document, row.document.get("fallback")
    if isinstance(fallback, dict):
        secret = password(_of_fallback(row.name)) if fallback["username"] else Secret("")
        document = {**document, "fallback": {**fallback, "password": secret}}
    return _MAILBOX.validate_python({**document, "password": password(row.name)})


def _signature(one: Signature) -> Document:
    """Pictures are octets, which JSON has no word for."""
    document: Document = _SIGNATURE.dump_python(one)
    images = [
        {"name": image.name, "content_type": image.content_type, "content": base64.b64encode(image.content).decode()}
        for image in one.images
    ]
    return {**document, "images": images}


def _read_signature(document: Document) -> Signature:
    images = document["images"]
    assert isinstance(images, list)
    decoded = [{**image, "content": base64.b64decode(image["content"])} for image in images]
    return _SIGNATURE.validate_python({**document, "images": decoded})
