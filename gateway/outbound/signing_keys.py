"""Makes the keys that sign mail, and takes one into use once its record can be seen in DNS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.domain.dkim import Algorithm, KeyState, SigningKey
from gateway.domain.errors import Fault, Faulty, NotFound
from gateway.domain.firm import Firm, Secret
from gateway.mime.address import AddressFault, parse_address
from gateway.mime.dkim import MIN_RSA_BITS, PrivateKey, public_of
from gateway.policy.dkim import check_published, is_ours, meant, new_selector
from gateway.store.dkim import DkimShelf

log = structlog.get_logger()

PUBLIC_EXPONENT = 65_537  # what every library expects

FindTxt = Callable[[str], Awaitable[Sequence[bytes]]]  # the TXT records at a name; empty where there are none


class SigningKeys:
    """A person's work on the keys; ``by`` is who asks, for the activity trail. Domains are taken in any spelling.

    Every method raises NotFound or Conflict with what to do instead, and Faulty for names that DNS would not take.
    """

    def __init__(self, shelf: DkimShelf, *, firm: Callable[[], Firm], find_txt: FindTxt) -> None:
        self._shelf = shelf
        self._firm = firm
        self._find_txt = find_txt

    async def of(self, domain: str) -> Sequence[SigningKey]:
        """The domain's keys, the oldest first. NotFound where it has none."""
        name = _plain(domain)
        found = [key for key in await self._shelf.list() if key.domain == name]
        if not found:
            raise NotFound(f"There is no key of {name}: `postern dkim new {name}` makes one.")
        return found

    async def new(
        self, domain: str, algorithm: Algorithm, *, by: str, at: datetime, selector: str | None = None
    ) -> SigningKey:
        """A new key, waiting for its record; the selector is chosen where none is given."""
        name = _plain(domain)
        if not is_ours(self._firm(), name):
            raise NotFound(f"The firm has no mailbox in {name}: `postern mailbox list` shows in which it has some.")
        if selector is None:
            taken = {key.selector for key in await self._shelf.list() if key.domain == name}
            selector = new_selector(algorithm, at.date(), taken)
        made = await asyncio.to_thread(_make, algorithm)
        try:
            key = SigningKey(name, selector.lower(), algorithm, public_of(made), at)
        except ValueError as error:
            raise Faulty("dkim", [Fault("", f"{error}: choose another selector, or leave it out")]) from error
        await self._shelf.add(key, _pem(made), by)
        log.info("dkim-key-made", domain=name, selector=key.selector, algorithm=algorithm.value, by=by)
        return key

    async def enable(
        self, domain: str, selector: str | None, *, by: str, at: datetime, unchecked: bool = False
    ) -> SigningKey:
        """Sign with the key from now on, after a look at its record; the one before it retires.

        Raises Unreachable when DNS gives no answer.
        """
        key = await self._meant(domain, selector, {KeyState.WAITING})
        if not unchecked:
            check_published(key, await self._find_txt(key.record_name))
        enabled = await self._shelf.activate(key.domain, key.selector, by, at)
        log.info("dkim-key-enabled", domain=key.domain, selector=key.selector, by=by, unchecked=unchecked)
        return enabled

    async def disable(self, domain: str, selector: str | None, *, by: str, at: datetime) -> SigningKey:
        """Sign with the key no more; it may be enabled again."""
        key = await self._meant(domain, selector, {KeyState.ACTIVE})
        disabled = await self._shelf.retire(key.domain, key.selector, by, at)
        log.info("dkim-key-disabled", domain=key.domain, selector=key.selector, by=by)
        return disabled

    async def remove(self, domain: str, selector: str | None, *, by: str, at: datetime) -> SigningKey:
        """Forget a key that does not sign; queued mail was signed when it was accepted, and is not touched."""
        key = await self._meant(domain, selector, {KeyState.WAITING, KeyState.RETIRED})
        removed = await self._shelf.remove(key.domain, key.selector, by, at)
        log.info("dkim-key-removed", domain=key.domain, selector=key.selector, by=by)
        return removed

    async def _meant(self, domain: str, selector: str | None, states: set[KeyState]) -> SigningKey:
        return meant(await self._shelf.list(), _plain(domain), selector, states)


def _plain(domain: str) -> str:
    """The domain as mailboxes have it: lower-case A-labels."""
    try:
        return parse_address(f"postmaster@{domain.strip().removesuffix('.')}").domain
    except AddressFault as error:
        fault = Fault("domain", f"{domain!r} is no domain: write it as in an address, behind the @")
        raise Faulty("dkim", [fault]) from error


def _make(algorithm: Algorithm) -> PrivateKey:
    if algorithm is Algorithm.ED25519:
        return Ed25519PrivateKey.generate()
    return generate_private_key(PUBLIC_EXPONENT, MIN_RSA_BITS)


def _pem(key: PrivateKey) -> Secret:
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
