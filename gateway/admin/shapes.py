"""The JSON of domain values, written out field by field so that no secret gets in by accident; times are ISO, UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from gateway.domain.firm import Change, Client, Endpoint, Mailbox, Member, Rule, Signature, When
from gateway.domain.record import Activity, Document, Event, Filing, HeaderFacts, Location, MailboxSync, Message, Talk
from gateway.domain.status import Status
from gateway.domain.verdict import Weighed
from gateway.policy.pace import limits_for

Json = dict[str, object]


def moment(at: datetime | None) -> str | None:
    """``2026-03-14T15:09:26Z``; a header's date without a zone counts as UTC."""
    if at is None:
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


def status(value: Status) -> Json:
    """One look at everything."""
    return {
        "health": value.health,
        "version": value.version,
        "pid": value.pid,
        "started_at": moment(value.started_at),
        "listeners": [{"name": one.name, "host": one.host, "port": one.port} for one in value.listeners],
        "admin_socket": value.admin_socket,
        "mailboxes": [sync(one) for one in value.mailboxes],
        "queue": dict(value.queue),
        "oldest_queued": moment(value.oldest_queued),
        "disk_free": value.disk_free,
        "problems": list(value.problems),
    }


def sync(value: MailboxSync) -> Json:
    """How a mailbox's link stands."""
    return {
        "mailbox": value.mailbox,
        "state": value.state,
        "since": moment(value.since),
        "detail": value.detail,
        "synced_at": moment(value.synced_at),
        "filed": value.filed,
        "skipped": value.skipped,
        "history": None if value.history is None else asdict(value.history),
    }


def change(value: Change) -> Json:
    """What was changed, as the activity trail has it."""
    return {"kind": value.kind, "name": value.name, "verb": value.verb, "what": value.what}


def member(value: Member) -> Json:
    """Without the password hash: whether there is one is all that anybody needs."""
    return {
        "login": value.login,
        "name": value.name,
        "role": value.role,
        "can_sign_in": bool(value.password_hash),
        "signature": value.signature,
    }


def mailbox(value: Mailbox, state: MailboxSync | None) -> Json:
    """Without the password; ``sync`` is null before the first connection."""
    return {
        "address": str(value.address),
        "name": value.name,
        "members": list(value.members),
        "username": value.username,
        "imap": _endpoint(value.imap),
        "smtp": _endpoint(value.smtp),
        "fallback": value.fallback and _endpoint(value.fallback.smtp) | {"username": value.fallback.username},
        "limits": asdict(limits_for(value)),
        "allow_others_to_send": value.allow_others_to_send,
        "grants": [
            {
                "member": grant.member,
                "first": grant.first.isoformat() if grant.first else None,
                "last": grant.last.isoformat() if grant.last else None,
            }
            for grant in value.grants
        ],
        "save_attachments": value.save_attachments,
        "authserv_id": value.authserv_id or None,
        "signature": value.signature,
        "folders": list(value.folders),
        "sent_copy_to_author": value.sent_copy_to_author,
        "mark_answered": value.mark_answered,
        "files_sent_mail": value.files_sent_mail,
        "sync": sync(state) if state else None,
    }


def client(value: Client) -> Json:
    """With contacts, addresses and toggles."""
    return {
        "name": value.name,
        "members": list(value.members),
        "domains": list(value.domains),
        "tag": value.tag or None,
        "contacts": [
            {
                "name": contact.name,
                "addresses": [
                    {
                        "address": str(one.address),
                        "email_sync": one.email_sync,
                        "notify": one.notify,
                        "login": one.login,
                    }
                    for one in contact.addresses
                ],
            }
            for contact in value.contacts
        ],
    }


def rule(value: Rule) -> Json:
    """Null where the rule leaves a thing as it is."""
    return {
        "name": value.name,
        "when": _when(value.when),
        "send_as": str(value.send_as) if value.send_as else None,
        "display_name": value.display_name,
        "reply_to": value.reply_to,
        "sender": value.sender,
        "signature": value.signature,
        "bcc": [str(address) for address in value.bcc],
        "office_hours": value.office_hours,
    }


def _when(value: When) -> Json:
    """Empty lists and null: no such condition."""
    return {
        "member": list(value.member),
        "sender": list(value.sender),
        "recipient": list(value.recipient),
        "client": list(value.client),
        "to_client": value.to_client,
        "reply": value.reply,
        "attachments": value.attachments,
        "header": dict(value.header),
        "larger_than": value.larger_than,
        "smaller_than": value.smaller_than,
    }


def signature(value: Signature) -> Json:
    """The templates; of images what they are, not their octets."""
    return {
        "name": value.name,
        "text": value.text,
        "html": value.html,
        "reply_text": value.reply_text,
        "reply_html": value.reply_html,
        "images": [
            {"name": image.name, "content_type": image.content_type, "size": len(image.content)}
            for image in value.images
        ],
    }


def filing(value: Filing) -> Json:
    """A message as it lies in one client's record."""
    return {
        "client": value.client,
        "direction": value.direction,
        "thread": value.thread,
        "flags": list(value.flags),
        "message": message(value.message),
    }


def place(value: Filing) -> Json:
    """Where a message that left lies: ``link`` is its thread on this socket."""
    return {
        "client": value.client,
        "message": value.message.id,
        "thread": value.thread,
        "link": f"/v1/threads/{value.thread}",
    }


def talk(value: Talk) -> Json:
    """A thread as it is listed."""
    return {
        "thread": value.thread,
        "messages": value.messages,
        "last_message": value.last,
        "last_at": moment(value.at),
        "last_from": value.sender,
        "subject": value.subject,
    }


def message(value: Message) -> Json:
    """Its facts, header fields decoded."""
    return {
        "id": value.id,
        "sha256": value.sha256,
        "size": value.size,
        "filed_at": moment(value.filed_at),
        "author_login": value.author_login,
        "grant": value.grant,
        "verdict": verdict(value.weighed) if value.weighed else None,
        **_facts(value.facts),
    }


def verdict(value: Weighed) -> Json:
    """Who sent it, as far as that can be said; ``standing`` is "verified", "unverified" or "unknown"."""
    found = value.verdict
    return {
        "standing": found.standing,
        "reason": found.reason,
        "source": found.source,
        "authserv_id": found.authserv_id,
        "checks": [
            {"method": one.method, "result": one.result, "domain": one.domain, "detail": one.detail}
            for one in found.checks
        ],
        "attachments_held": value.withheld,
        "approved_by": value.approved_by,
        "approved_at": moment(value.approved_at),
    }


def whole_message(value: Message, filings: Sequence[Filing], locations: Sequence[Location], text: str) -> Json:
    """The facts, whose it is and with which marks, where it was seen, and its text."""
    filed = [{"client": one.client, "direction": one.direction, "flags": list(one.flags)} for one in filings]
    clients = [one.client for one in filings]
    seen = [_location(one) for one in locations]
    return message(value) | {"clients": clients, "filings": filed, "locations": seen, "text": text}


def _location(one: Location) -> Json:
    place = {"mailbox": one.mailbox, "folder": one.folder, "uidvalidity": one.uidvalidity, "uid": one.uid}
    return place | {"labels": list(one.labels)}


def document(value: Document) -> Json:
    """``path`` is relative to the data folder; when, from and to are of the first message that had it."""
    return {
        "id": value.id,
        "client": value.client,
        "name": value.name,
        "original_name": value.original_name,
        "content_type": value.content_type,
        "size": value.size,
        "sha256": value.sha256,
        "path": value.path,
        "message": value.message,
        "saved_at": moment(value.saved_at),
        "note": value.note,
        "sent_at": moment(value.sent_at),
        "from": value.sender,
        "to": value.recipients,
        "subject": value.subject,
    }


def event(value: Event) -> Json:
    """One line of the feed."""
    return {
        "number": value.number,
        "at": moment(value.at),
        "kind": value.kind,
        "text": value.text,
        "client": value.client,
        "mailbox": value.mailbox,
        "message": value.message,
        "queue_id": value.queue_id,
    }


def activity(value: Activity) -> Json:
    """One line of the trail."""
    return {
        "number": value.number,
        "at": moment(value.at),
        "who": value.who,
        "kind": value.kind,
        "name": value.name,
        "verb": value.verb,
        "what": value.what,
        "link": value.link,
    }


def _endpoint(value: Endpoint) -> Json:
    return {"host": value.host, "port": value.port, "security": value.security}


def _facts(value: HeaderFacts) -> Json:
    return {
        "message_id": value.message_id,
        "in_reply_to": list(value.in_reply_to),
        "references": list(value.references),
        "subject": value.subject,
        "from": value.sender,
        "to": value.recipients,
        "date": moment(value.date),
    }
