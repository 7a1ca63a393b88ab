"""What can be said of a message without having it in memory: its header, and whether some words occur in it."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.large import Mail
from gateway.mime.header import Header

HEAD = 256 * 1024  # octets of a large message that are searched for its header's end: the longest real ones have 100 KB
TOO_LONG = "The header is longer than is looked at."


def read_header(mail: Mail) -> Header:
    """The message's header; one without an end within `HEAD` octets of a large message is cut off and faulty."""
    if isinstance(mail, bytes):
        return Header.read(mail)
    header = Header.read(mail.head(HEAD))
    if header.end < HEAD:
        return header
    return replace(header, fault=header.fault or TOO_LONG, complete=False)


def mail_begins(mail: Mail, octets: bytes) -> bool:
    """Whether these are its first octets."""
    return mail.startswith(octets) if isinstance(mail, bytes) else mail.head(len(octets)) == octets


def mentions(mail: Mail, words: bytes) -> bool:
    """Whether these octets occur anywhere in it."""
    if isinstance(mail, bytes):
        return words in mail
    most = max(0, len(words) - 1)  # octets before a cut that may be the beginning of them
    end = b""
    for piece in mail.slices():
        if words in piece or words in end + piece[:most]:
            return True
        end = (end + piece[-most:])[-most:] if most else b""
    return False
