"""What differs between two firms, as the lines that people read and the activity keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace

from gateway.domain.address import Address
from gateway.domain.firm import Change, Client, Firm, Grant, Mailbox, Member, Rule, Signature

_Noun = Member | Mailbox | Signature | Rule | Client
SHOWN = 60  # characters of a value: enough for a name or an address, and one line stays one line
MAX_LISTED = 10  # grants of one change: more come from a program, and the file tells them
_SHORT = (str, bool, Address, type(None))
# Secrets, and what would fill a page.
_UNSHOWN = frozenset({"password", "password_hash", "text", "html", "reply_text", "reply_html"})


def differences(old: Firm, new: Firm) -> list[Change]:
    """List every difference, members first; the order of nouns counts for rules alone. Never shows a secret."""
    changes = list(_header(old, new))
    for kind, before, after in (
        ("member", _by_name(old.members), _by_name(new.members)),
        ("mailbox", _by_name(old.mailboxes), _by_name(new.mailboxes)),
        ("signature", _by_name(old.signatures), _by_name(new.signatures)),
        ("rule", _by_name(old.rules), _by_name(new.rules)),
        ("client", _by_name(old.clients), _by_name(new.clients)),
    ):
        changes += _of_kind(kind, before, after)
    kept = [rule.name for rule in old.rules if rule.name in _by_name(new.rules)]
    if kept != [rule.name for rule in new.rules if rule.name in kept]:
        changes.append(Change("rule", "*", "changed", "order"))
    return changes


def _header(old: Firm, new: Firm) -> Iterator[Change]:
    what = [
        _field(name, before, after)
        for name, before, after in (
            ("name", old.name, new.name),
            ("reply_to", old.reply_to, new.reply_to),
            ("timezone", old.timezone, new.timezone),
            ("office_hours", old.office_hours, new.office_hours),
            ("same_address", old.same_address, new.same_address),
        )
        if before != after
    ]
    if what:
        yield Change("firm", new.name, "changed", ", ".join(what))


def _by_name(nouns: Iterable[_Noun]) -> dict[str, _Noun]:
    return {_name(noun): noun for noun in nouns}


def _name(noun: _Noun) -> str:
    match noun:
        case Member():
            return noun.login
        case Mailbox():
            return noun.key
        case _:
            return noun.name


def _of_kind(kind: str, before: dict[str, _Noun], after: dict[str, _Noun]) -> Iterator[Change]:
    for name, noun in after.items():
        if name not in before:
            yield Change(kind, name, "added")
        elif what := _changed_fields(before[name], noun):
            yield Change(kind, name, "changed", what)
    for name in before:
        if name not in after:
            yield Change(kind, name, "removed")


def _changed_fields(before: _Noun, after: _Noun) -> str:
    before, after = _canonical(before), _canonical(after)
    return ", ".join(
        _field(field.name, getattr(before, field.name), getattr(after, field.name))
        for field in fields(after)
        if field.compare and getattr(before, field.name) != getattr(after, field.name)
    )


def _canonical(noun: _Noun) -> _Noun:
    """Who is attached, was granted something or has access has no order."""
    match noun:
        case Mailbox():
            grants = tuple(sorted(noun.grants, key=_grant))
            return replace(noun, members=tuple(sorted(noun.members)), grants=grants)
        case Client():
            return replace(noun, members=tuple(sorted(noun.members)))
        case _:
            return noun


def _grant(grant: Grant) -> str:
    return f"{grant.member} {grant.days}".rstrip()


def _grants(before: Iterable[Grant], after: Iterable[Grant]) -> str:
    """Whose right to send came and whose went: what a person wants to know of it years later."""
    old, new = set(map(_grant, before)), set(map(_grant, after))
    changed = [("added", sorted(new - old)), ("removed", sorted(old - new))]
    return "; ".join(f"grants {verb} {_listed(grants)}" for verb, grants in changed if grants)


def _listed(grants: list[str]) -> str:
    more = len(grants) - MAX_LISTED
    return ", ".join(grants[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def _field(name: str, before: object, after: object) -> str:
    if name == "grants" and isinstance(before, tuple) and isinstance(after, tuple):
        return _grants(before, after)
    if name in _UNSHOWN or not isinstance(before, _SHORT) or not isinstance(after, _SHORT):
        return name.removesuffix("_hash")
    return f"{name} {_shown(before)} → {_shown(after)}"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "nothing" if value is None else f'"{value}"'
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
