"""The firm's file: read from disk with its secrets resolved, and written again with them left out."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.domain.errors import Fault, Faulty
from gateway.domain.firm import Client, Endpoint, Firm, Mailbox, Rule, Signature
from gateway.settings.faults import read_toml
from gateway.settings.firmtables import KINDS
from gateway.settings.references import resolve


def read(paths: Sequence[Path], environ: Mapping[str, str]) -> dict[str, object]:
    """Read the files as one document that JSON can carry: lists of nouns joined, ``[firm]`` in one of them only.

    Secrets become plain strings, ``text`` and ``html`` of a signature may be ``{ file = … }``, its images are packed.
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
        faults += [Fault(prefix + fault.path, fault.sentence) for fault in resolve(table, path.parent, environ)]
        _join(document, table, path, faults)
    if faults:
        raise Faulty(", ".join(map(str, paths)), faults)
    return document


def firm_document(firm: Firm) -> dict[str, object]:
    """Make the document that says all of the firm but its secrets; absent secrets mean: keep the ones that are set."""
    header = {"name": firm.name, "reply_to": str(firm.reply_to) if firm.reply_to else None}
    document: dict[str, object] = {
        "firm": _without_none(header) if firm.name else {},
        "member": [{"login": member.login, "name": member.name, "role": member.role.value} for member in firm.members],
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


def _endpoint(endpoint: Endpoint) -> dict[str, object]:
    return {"host": endpoint.host, "port": endpoint.port, "security": endpoint.security.value}


def _mailbox(mailbox: Mailbox) -> dict[str, object]:
    return _without_none(
        {
            "address": str(mailbox.address),
            "name": mailbox.name,
            "members": list(mailbox.members),
            "allow_others_to_send": mailbox.allow_others_to_send,
            "save_attachments": mailbox.save_attachments,
            "signature": mailbox.signature,
            "username": mailbox.username,
            "imap": _endpoint(mailbox.imap),
            "smtp": _endpoint(mailbox.smtp),
            "folders": list(mailbox.folders) or None,
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
            "images": images or None,
        }
    )


def _rule(rule: Rule) -> dict[str, object]:
    when = {
        "member": list(rule.when.member) or None,
        "sender": list(rule.when.sender) or None,
        "recipient": list(rule.when.recipient) or None,
        "to_client": rule.when.to_client,
    }
    return _without_none(
        {
            "name": rule.name,
            "when": _without_none(when) or None,
            "send_as": str(rule.send_as) if rule.send_as else None,
            "display_name": rule.display_name,
            "reply_to": rule.reply_to,
            "sender": rule.sender,
            "signature": rule.signature,
            "bcc": [str(address) for address in rule.bcc] or None,
        }
    )


def _client(client: Client) -> dict[str, object]:
    return {
        "name": client.name,
        "members": list(client.members),
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
