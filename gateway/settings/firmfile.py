"""The firm's file: read from disk with its secrets resolved, and written again with them left out."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from gateway.domain.errors import Fault, Faulty
from gateway.domain.firm import Client, Endpoint, Fallback, Firm, Grant, Mailbox, Member, Rule, Signature, When
from gateway.domain.schedule import Opening
from gateway.settings.days import as_json
from gateway.settings.faults import read_toml
from gateway.settings.firmtables import KINDS, WEEKDAYS
from gateway.settings.references import resolve


def read(paths: Sequence[Path], environ: Mapping[str, str]) -> dict[str, object]:
    """Read the files as one document that JSON can carry: lists of nouns joined, ``[firm]`` in one of them only.

    Secrets become plain strings, the templates of a signature may be ``{ file = … }``, its images are packed, and days
    are strings.
    Paths in a file are relative to its folder. Raises Faulty with every fault of every file; what the document means
    is not looked at.
    """
    faults: list[Fault] = []
    document: dict[str, object] = {}
    for path in paths:
        try:
            table = read_toml(path)
        except Faulty as error:
            faults += error.faults
            continue
        prefix = f"{path.name}: " if len(paths) > 1 else ""
        found = [*as_json(table), *resolve(table, path.parent, environ)]
        faults += [Fault(prefix + fault.path, fault.sentence) for fault in found]
        _join(document, table, path, faults)
    if faults:
        raise Faulty(", ".join(map(str, paths)), faults)
    return document


def firm_document(firm: Firm) -> dict[str, object]:
    """Make the document that says all of the firm but its secrets; absent secrets mean: keep the ones that are set.

    Days are dates, as TOML has them.
    """
    header = {
        "name": firm.name,
        "reply_to": str(firm.reply_to) if firm.reply_to else None,
        "timezone": firm.timezone,
        "office_hours": _opening(firm.office_hours) if firm.office_hours else None,
        "same_address": [same.value for same in firm.same_address] or None,
    }
    document: dict[str, object] = {
        "firm": _without_none(header) if firm.name else {},
        "member": [_member(member) for member in firm.members],
        "mailbox": [_mailbox(mailbox) for mailbox in firm.mailboxes],
        "signature": [_signature(signature) for signature in firm.signatures],
        "rule": [_rule(rule) for rule in firm.rules],
        "client": [_client(client) for client in firm.clients],
    }
    return {key: value for key, value in document.items() if value}


def _join(document: dict[str, object], table: Mapping[str, object], path: Path, faults: list[Fault]) -> None:
    for key, value in table.items():
        known = document.get(key)
        if known is None:
            document[key] = value
        elif key in KINDS and isinstance(known, list) and isinstance(value, list):
            document[key] = known + value
        else:
            faults.append(Fault(f"{path.name}: {key}", "is in another of the files too: say it once"))


def _without_none(table: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in table.items() if value is not None}


def _opening(opening: Opening) -> dict[str, object]:
    return {
        "days": [WEEKDAYS[day] for day in sorted(opening.days)],
        "opens": f"{opening.opens:%H:%M}",
        "closes": f"{opening.closes:%H:%M}",
        "holidays": sorted(opening.holidays),
    }


def _endpoint(endpoint: Endpoint) -> dict[str, object]:
    return {"host": endpoint.host, "port": endpoint.port, "security": endpoint.security.value}


def _fallback(fallback: Fallback) -> dict[str, object]:
    return _without_none({**_endpoint(fallback.smtp), "username": fallback.username or None})


def _member(member: Member) -> dict[str, object]:
    return _without_none(
        {"login": member.login, "name": member.name, "role": member.role.value, "signature": member.signature}
    )


def _grant(grant: Grant) -> dict[str, object]:
    return _without_none({"member": grant.member, "first": grant.first, "last": grant.last})


def _mailbox(mailbox: Mailbox) -> dict[str, object]:
    return _without_none(
        {
            "address": str(mailbox.address),
            "name": mailbox.name,
            "members": list(mailbox.members),
            "allow_others_to_send": mailbox.allow_others_to_send,
            "grants": [_grant(grant) for grant in mailbox.grants] or None,
            "save_attachments": mailbox.save_attachments,
            "authserv_id": mailbox.authserv_id or None,
            "signature": mailbox.signature,
            "username": mailbox.username,
            "imap": _endpoint(mailbox.imap),
            "smtp": _endpoint(mailbox.smtp),
            "fallback": _fallback(mailbox.fallback) if mailbox.fallback else None,
            "limits": _without_none(asdict(mailbox.limits)) or None,
            "folders": list(mailbox.folders) or None,
            "sent_copy_to_author": mailbox.sent_copy_to_author,
            "mark_answered": mailbox.mark_answered,
            "files_sent_mail": mailbox.files_sent_mail,
        }
    )


def _signature(signature: Signature) -> dict[str, object]:
    images = {
        image.name: {
            "content_type": image.content_type,
            "base64": base64.b64encode(image.content).decode("ascii"),
        }
        for image in signature.images
    }
    return _without_none(
        {
            "name": signature.name,
            "text": signature.text,
            "html": signature.html or None,
            "reply_text": signature.reply_text or None,
            "reply_html": signature.reply_html or None,
            "images": images or None,
        }
    )


def _size(octets: int) -> str | int:
    """As people write it where that is exact."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if octets and octets % factor == 0:
            return f"{octets // factor} {unit}"
    return octets


def _when(when: When) -> dict[str, object]:
    return _without_none(
        {
            "member": list(when.member) or None,
            "sender": list(when.sender) or None,
            "recipient": list(when.recipient) or None,
            "client": list(when.client) or None,
            "to_client": when.to_client,
            "reply": when.reply,
            "attachments": when.attachments,
            "header": dict(when.header) or None,
            "larger_than": None if when.larger_than is None else _size(when.larger_than),
            "smaller_than": None if when.smaller_than is None else _size(when.smaller_than),
        }
    )


def _rule(rule: Rule) -> dict[str, object]:
    return _without_none(
        {
            "name": rule.name,
            "when": _when(rule.when) or None,
            "send_as": str(rule.send_as) if rule.send_as else None,
            "display_name": rule.display_name,
            "reply_to": rule.reply_to,
            "sender": rule.sender,
            "signature": rule.signature,
            "bcc": [str(address) for address in rule.bcc] or None,
            "office_hours": rule.office_hours,
        }
    )


def _client(client: Client) -> dict[str, object]:
    return {
        "name": client.name,
        "members": list(client.members),
        **_without_none({"domains": list(client.domains) or None, "tag": client.tag or None}),
        "contacts": [
            {
                "name": contact.name,
                "addresses": [
                    {
                        "address": str(entry.address),
                        "email_sync": entry.email_sync,
                        "notify": entry.notify,
                        "login": entry.login,
                    }
                    for entry in contact.addresses
                ],
            }
            for contact in client.contacts
        ],
    }
