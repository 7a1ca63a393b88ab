"""Keys and dkimpy for the tests of signing: made once, and with the DNS that their records would be in."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace

import dkim as dkimpy
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from gateway.domain.dkim import SigningKey
from gateway.mime.dkim import Signer, algorithm_of, public_of
from gateway.mime.header import Header

AT = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
DOMAIN = "firm.example"
RSA = Signer(DOMAIN, "postern202611", generate_private_key(65_537, 2048))
ED25519 = Signer(DOMAIN, "postern202611-ed", Ed25519PrivateKey.generate())
BOTH = (RSA, ED25519)


def published(signer: Signer) -> SigningKey:
    """The signer's key as its record tells it."""
    return SigningKey(signer.domain, signer.selector, algorithm_of(signer.key), public_of(signer.key), AT)


def records(signers: Iterable[Signer] = BOTH) -> dict[str, str]:
    """Name and text of each record."""
    return {key.record_name: key.record_value for key in map(published, signers)}


def tag_values(raw: bytes, tag: str) -> list[str]:
    """The values of one tag in each signature, from the top down."""
    fields = [re.sub(rb"\s", b"", value).decode() for value in Header.read(raw).all("DKIM-Signature")]
    return [piece[len(tag) + 1 :] for field in fields for piece in field.split(";") if piece.startswith(f"{tag}=")]


def without_separator(raw: bytes) -> bytes:
    """Without the line of an mbox on top, which is not part of the message."""
    return re.sub(rb"\A(\xef\xbb\xbf)?>?From [^\r\n]*\r\n", b"", raw)


def verdicts(raw: bytes, signers: Iterable[Signer] = BOTH) -> list[bool]:
    """What dkimpy says of each signature of the message, from the top down."""
    known = records(signers)
    return [verified_by_dkimpy(raw, number, known) for number in range(len(Header.read(raw).spans("DKIM-Signature")))]


def verified_by_dkimpy(raw: bytes, number: int, known: Mapping[str, str]) -> bool:
    """Whether the signature of that number holds; ``known`` are the key records by name."""

    def dns(name: bytes, timeout: int = 5) -> bytes | None:
        text = known.get(name.decode().removesuffix("."))
        return None if text is None else text.encode()

    quiet = logging.getLogger("dkimpy")
    quiet.setLevel(logging.CRITICAL)
    try:
        return bool(dkimpy.DKIM(raw, logger=quiet).verify(number, dnsfunc=dns))
    except dkimpy.DKIMException:
        return False


class _VerifyKey:
    """What dkimpy takes from PyNaCl, which we have no other use for: the curve alone; all else is dkimpy's own work."""

    def __init__(self, key: bytes, encoder: object) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))

    def verify(self, digest: bytes, signature: bytes) -> None:
        self._key.verify(signature, digest)


NACL = SimpleNamespace(
    signing=SimpleNamespace(VerifyKey=_VerifyKey),
    encoding=SimpleNamespace(Base64Encoder=None),
    exceptions=SimpleNamespace(BadSignatureError=InvalidSignature, ValueError=ValueError),
)
if not hasattr(dkimpy, "nacl"):
    dkimpy.nacl = NACL
