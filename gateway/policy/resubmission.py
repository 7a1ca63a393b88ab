"""The same submission again: a mail program lost our 250 to a broken connection, and sends once more.

What is the same: the author, the envelope's sender and set of recipients, and every byte. A mail program that tries
again sends what it has in its outbox, Date and Message-ID included; a person who writes the same words again gets new
ones. What the program asks for beside it (NOTIFY, ORCPT, ENVID, a time) is no part: some ask differently when trying
again, and the first acceptance counts. The order and the spelling in which recipients are named are no part either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import timedelta

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from gateway.domain.address import Address

# Mail programs try again within minutes, at the latest when they are started again after lunch. Whoever hands in the
# very same bytes later than that means it (a scanner or a cron job without Date and Message-ID).
WINDOW = timedelta(hours=1)


_NONCE = bytes(12)  # a key's one use is one fingerprint, and nothing is encrypted


class Fingerprint:
    """What makes two submissions one, 64 hex digits: a hash of the envelope, then a tag of the bytes under that hash.

    The tag is AES-GCM's over data that is not encrypted (NIST SP 800-38D): a tenth of BLAKE2b's time for a large
    message, a fifteenth of SHA-256's where the processor has no instructions for that. Who knows the key can make two
    messages of one tag; the key follows from the author and the envelope, so that all one can do is make oneself a
    message that is taken for one's own of the same hour.
    """

    def __init__(self, envelope: bytes) -> None:
        self._envelope = envelope
        self._taken = Cipher(AES(envelope), GCM(_NONCE)).encryptor()

    def update(self, octets: bytes, /) -> None:
        """To be shown the bytes as they are submitted, before any rule, in as many pieces as they come."""
        self._taken.authenticate_additional_data(octets)

    def hexdigest(self) -> str:
        """Of what was shown; once."""
        self._taken.finalize()
        return self._envelope[:16].hex() + self._taken.tag.hex()


def start_fingerprint(login: str, sender: Address | None, recipients: Iterable[Address]) -> Fingerprint:
    """Of a submission before its bytes."""
    digest = hashlib.blake2b(digest_size=32)
    for part in (login, sender.key if sender else "", *sorted({one.key for one in recipients})):
        octets = part.encode("utf-8", "surrogateescape")
        digest.update(len(octets).to_bytes(4, "big"))  # no two lists of parts run together to the same bytes
        digest.update(octets)
    return Fingerprint(digest.digest())
