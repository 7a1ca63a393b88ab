"""Decides about DKIM keys: which sign for a domain, what a new one is called, and whether its record is right."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from itertools import count
from typing import TypeVar

from gateway.domain.dkim import Algorithm, KeyState, SigningKey
from gateway.domain.errors import Conflict, NotFound
from gateway.domain.firm import Firm
from gateway.mime.dkim_record import KeyRecord, read_record

T = TypeVar("T")

AGAIN = "then enable the key again"


def above(domain: str) -> list[str]:
    """The domain, then the ones that it lies below; never a top-level one."""
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(max(len(labels) - 1, 0))]


def signs_for(keys: Mapping[str, Sequence[T]], domain: str) -> Sequence[T]:
    """The domain's own where it has any, else those of the nearest domain that it lies below (RFC 6376 3.5, ``d=``)."""
    return next((keys[name] for name in above(domain) if keys.get(name)), ())


def is_ours(firm: Firm, domain: str) -> bool:
    """Whether a mailbox of the firm is in the domain, or in one below it."""
    return any(domain in above(mailbox.address.domain) for mailbox in firm.mailboxes)


def new_selector(algorithm: Algorithm, today: date, taken: Collection[str]) -> str:
    """``postern202611``, with ``-ed`` for Ed25519, and a number where the month has one already."""
    base = f"postern{today:%Y%m}" + ("-ed" if algorithm is Algorithm.ED25519 else "")
    return next(name for number in count(1) if (name := base if number == 1 else f"{base}-{number}") not in taken)


def meant(keys: Iterable[SigningKey], domain: str, selector: str | None, states: Collection[KeyState]) -> SigningKey:
    """The key that a person means; without a selector the domain's only one in one of those states.

    Raises NotFound and Conflict with what to write instead.
    """
    ours = [key for key in keys if key.domain == domain]
    if not ours:
        raise NotFound(f"There is no key of {domain}: `postern dkim new {domain}` makes one.")
    if selector is not None:
        found = next((key for key in ours if key.selector == selector), None)
        if found is None:
            raise NotFound(f"{domain} has no key {selector!r}: it has {_names(ours)}.")
        return found
    fitting = [key for key in ours if key.state in states]
    if len(fitting) > 1:
        raise Conflict(f"{domain} has several such keys: say which one with --selector, {_names(fitting)}.")
    if not fitting:
        raise Conflict(f"{domain} has no key that is {' or '.join(states)}: it has {_names(ours)}.")
    return fitting[0]


def _names(keys: Iterable[SigningKey]) -> str:
    return ", ".join(f"{key.selector} ({key.state})" for key in keys)


def check_published(key: SigningKey, found: Sequence[bytes]) -> None:
    """Conflict, in words for who keeps the domain's DNS, unless the TXT records at the key's name are its record."""
    if not found:
        raise Conflict(
            f"There is no TXT record at {key.record_name} yet: publish what `postern dkim show {key.domain}` prints, "
            f"wait until your DNS provider has it, {AGAIN}."
        )
    if len(found) > 1:
        raise Conflict(
            f"There are {len(found)} TXT records at {key.record_name}, and receivers may take any: "
            f"leave only the one of this key, {AGAIN}."
        )
    record = read_record(found[0])
    wrong = "it is no DKIM record" if record is None else _wrong(key, record)
    if wrong:
        raise Conflict(
            f"The TXT record at {key.record_name} does not fit, {wrong}: replace it with what "
            f"`postern dkim show {key.domain}` prints, {AGAIN}."
        )


def _wrong(key: SigningKey, record: KeyRecord) -> str:
    """The first thing that keeps the record from being the key's, in words; empty where nothing does."""
    faults = (
        (record.public == b"", "it says that the key was revoked"),
        (record.public is None, "its key (p=) was cut or mistyped"),
        (record.kind != key.algorithm, f"it is of another kind of key (k={record.kind})"),
        (record.public != key.public, "it holds another key"),
        (record.hashes and "sha256" not in record.hashes, "it does not allow sha256 (h=)"),
        (record.services and "email" not in record.services, "it is not for e-mail (s=)"),
    )
    return next((words for wrong, words in faults if wrong), "")
