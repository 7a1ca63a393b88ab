"""Whether a rule's conditions hold for a submission, and in words which one does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.domain.address import Address
from gateway.domain.firm import When
from gateway.policy.authorise import Authorised

MAX_KNOWN = 1_024  # rules whose conditions are remembered: a firm has some dozens


def failing(when: When, authorised: Authorised) -> str | None:
    """The first condition that does not hold, as words behind "because"; None where all hold."""
    failed = _failed(when, authorised)
    return None if failed is None else failed.why(when, authorised)


def matches(when: When, authorised: Authorised) -> bool:
    """Whether all the conditions hold; within a list one is enough."""
    return _failed(when, authorised) is None


def names(patterns: Sequence[str], address: Address) -> bool:
    """Whether one of ``user@domain`` and ``@domain`` is, or holds, the address."""
    spellings = {str(address).casefold(), f"@{address.domain}"}
    return any(pattern.casefold() in spellings for pattern in patterns)


def fits(pattern: str, text: str) -> bool:
    """Whether the whole text is as the pattern says, in any case; ``*`` stands for anything, nothing else is special.

    Takes each piece where it comes first, so time grows with the text and never with the ways to read it.
    """
    first, *rest = pattern.casefold().split("*")
    text = text.casefold()
    if not rest:
        return text == first
    *middle, last = rest
    if not text.startswith(first):
        return False
    at = len(first)
    for piece in middle:
        found = text.find(piece, at)
        if found == -1:
            return False
        at = found + len(piece)
    return len(text) - len(last) >= at and text.endswith(last)


@dataclass(frozen=True, slots=True)
class _Condition:
    given: Callable[[When], bool]
    holds: Callable[[When, Authorised], bool]
    why: Callable[[When, Authorised], str]


def _failed(when: When, authorised: Authorised) -> _Condition | None:
    for condition in _given(when):
        if not condition.holds(when, authorised):
            return condition
    return None


@lru_cache(maxsize=MAX_KNOWN)
def _given(when: When) -> tuple[_Condition, ...]:
    return tuple(condition for condition in _CONDITIONS if condition.given(when))


def _any_of(values: Iterable[str]) -> str:
    return " or ".join(f'"{value}"' for value in values)


def _fields_fit(when: When, authorised: Authorised) -> bool:
    letter = authorised.letter
    return all(any(fits(pattern, text) for text in letter.texts(name)) for name, pattern in when.header)


# In the order of their cost: what has to decode the message stands last.
_CONDITIONS = (
    _Condition(
        lambda when: bool(when.member),
        lambda when, mail: mail.member.login in when.member,
        lambda when, mail: f"the member is {mail.member.login}, not {_any_of(when.member)}",
    ),
    _Condition(
        lambda when: bool(when.sender),
        lambda when, mail: names(when.sender, mail.asked.address),
        lambda when, mail: f"From is {mail.asked.address}, not {_any_of(when.sender)}",
    ),
    _Condition(
        lambda when: bool(when.recipient),
        lambda when, mail: any(names(when.recipient, each) for each in mail.submission.recipients),
        lambda when, _: f"no recipient is {_any_of(when.recipient)}",
    ),
    _Condition(
        lambda when: when.to_client is not None,
        lambda when, mail: when.to_client == bool(mail.clients),
        lambda when, _: "no recipient is a client's" if when.to_client else "a recipient is a client's",
    ),
    _Condition(
        lambda when: bool(when.client),
        lambda when, mail: any(client.name in when.client for client in mail.clients),
        lambda when, _: f"no recipient is of the client {_any_of(when.client)}",
    ),
    _Condition(
        lambda when: when.reply is not None,
        lambda when, mail: when.reply == mail.letter.is_reply,
        lambda when, _: "it is no reply" if when.reply else "it is a reply",
    ),
    _Condition(
        lambda when: when.larger_than is not None,
        lambda when, mail: mail.letter.size > (when.larger_than or 0),
        lambda when, mail: f"it has {mail.letter.size} octets, not more than {when.larger_than}",
    ),
    _Condition(
        lambda when: when.smaller_than is not None,
        lambda when, mail: mail.letter.size < (when.smaller_than or 0),
        lambda when, mail: f"it has {mail.letter.size} octets, not fewer than {when.smaller_than}",
    ),
    _Condition(
        lambda when: bool(when.header),
        _fields_fit,
        lambda when, mail: next(
            f'no {name} field is like "{pattern}"'
            for name, pattern in when.header
            if not any(fits(pattern, text) for text in mail.letter.texts(name))
        ),
    ),
    _Condition(
        lambda when: when.attachments is not None,
        lambda when, mail: when.attachments == mail.letter.has_attachments,
        lambda when, _: "it has no attachment" if when.attachments else "it has an attachment",
    ),
)
