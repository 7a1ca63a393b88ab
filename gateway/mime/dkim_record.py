"""Reads the TXT record that a DKIM key is published in (RFC 6376 section 3.6.1)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

MAX_RECORD = 10_000  # octets; an RSA key of 4096 bits takes 750

_TAG = re.compile(r"([A-Za-z][A-Za-z0-9_]*)\s*=\s*(.*)", re.DOTALL)
_WHITE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What a record says; ``public`` is empty for a key that was revoked, None where it can't be read."""

    kind: str  # "rsa" where the record does not say
    public: bytes | None
    hashes: frozenset[str] = frozenset()  # empty: any
    services: frozenset[str] = frozenset()  # empty: any
    flags: frozenset[str] = frozenset()


def read_record(text: bytes) -> KeyRecord | None:
    """None for text that is no key record: another version, no ``p=``, or not a list of tags at all."""
    tags: dict[str, str] = {}
    for piece in text[:MAX_RECORD].decode("utf-8", "replace").split(";"):
        if not piece.strip():
            continue
        found = _TAG.fullmatch(piece.strip())
        if found is None or found[1] in tags:
            return None
        tags[found[1]] = found[2].strip()
    if tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags:
        return None
    listed = [_words(tags.get(name, "")) for name in ("h", "s", "t")]
    return KeyRecord(tags.get("k", "rsa"), _octets(tags["p"]), *listed)


def _octets(value: str) -> bytes | None:
    try:
        return base64.b64decode(_WHITE.sub("", value), validate=True)
    except (binascii.Error, ValueError):
        return None


def _words(value: str) -> frozenset[str]:
    return frozenset(word.strip() for word in value.split(":") if word.strip() not in {"", "*"})
