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

from gateway.domain.address import Address

# Mail programs try again within minutes, at the latest when they are started again after lunch. Whoever hands in the
# very same bytes later than that means it (a scanner or a cron job without Date and Message-ID).
WINDOW = timedelta(hours=1)


def start_fingerprint(login: str, sender: Address | None, recipients: Iterable[Address]) -> hashlib.blake2b:
    """The fingerprint of what makes two submissions one, BLAKE2b (SHA-256 takes twice as long), before their bytes.

    To be shown the bytes as they are submitted, before any rule, in as many pieces as they come.
    """
    digest = hashlib.blake2b(digest_size=32)
    for part in (login, sender.key if sender else "", *sorted({one.key for one in recipients})):
        octets = part.encode("utf-8", "surrogateescape")
        digest.update(len(octets).to_bytes(4, "big"))  # no two lists of parts run together to the same bytes
        digest.update(octets)
    digest.update(b"\xff\xff\xff\xff")
    return digest
