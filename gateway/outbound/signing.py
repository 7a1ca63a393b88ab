"""Signs what leaves with the keys of its domain (DKIM): the last that happens to a message before it is queued."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from gateway.domain.dkim import Algorithm
from gateway.mime import dkim
from gateway.mime.header import Header
from gateway.policy.dkim import signs_for
from gateway.store.dkim import ActiveKey, DkimShelf

log = structlog.get_logger()


class Signing:
    """Holds the active keys, read and ready; it follows the shelf by itself once they were loaded.

    A message is signed when it is accepted, so that a key may retire or go while mail is queued.
    """

    def __init__(self, shelf: DkimShelf) -> None:
        self._shelf = shelf
        self._signers: dict[str, tuple[dkim.Signer, ...]] = {}
        shelf.on_change.append(self._take)

    async def load(self) -> None:
        """Take the keys from the shelf. Conflict when the gateway's key does not open them."""
        self._take(await self._shelf.active())

    def signs(self, domain: str) -> bool:
        """Whether a key of that domain, or of one above it, is active."""
        return bool(self._signers and signs_for(self._signers, domain))

    def sign(self, raw: bytes, domain: str, at: datetime) -> bytes:
        """The message with its signatures on top; ``domain`` is that of From, ``at`` an aware moment.

        The same bytes where no key of the domain, or of one above it, is active, or where the header can be read in
        two ways. ``raw`` has CRLF line ends. CPU only, about 10 ms for 1 MB: a large one belongs into a thread.
        """
        if not self._signers:
            return raw
        signers = signs_for(self._signers, domain)
        signed = dkim.sign(raw, signers, at)
        if signers and signed is raw:
            log.warning("not-signed", domain=domain, reason=dkim.unsignable(Header.read(raw)))
        return signed

    def _take(self, active: Sequence[ActiveKey]) -> None:
        """RSA first: a receiver that looks at one signature only knows that."""
        known = {(one.domain, one.selector): one for signers in self._signers.values() for one in signers}
        found: dict[str, list[dkim.Signer]] = {}
        for one in sorted(active, key=lambda one: one.key.algorithm is not Algorithm.RSA):
            names = one.key.domain, one.key.selector
            signer = known.get(names)
            if signer is None or dkim.public_of(signer.key) != one.key.public:
                signer = dkim.Signer(*names, dkim.read_private(one.private.value))
            found.setdefault(one.key.domain, []).append(signer)
        self._signers = {domain: tuple(signers) for domain, signers in found.items()}
