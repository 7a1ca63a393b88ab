"""`postern member|client|rule|signature list`: the nouns of the firm that are made with `postern apply`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click

from gateway.cli.answer import Answer
from gateway.cli.daemon import Daemon
from gateway.cli.paper import Paper, size
from gateway.cli.talking import talking


@dataclass(frozen=True)
class Noun:
    """How one kind is listed."""

    name: str
    about: str
    columns: Sequence[str]
    row: Callable[[Answer], Sequence[str]]


def _member(one: Answer) -> Sequence[str]:
    return one.text("login"), one.text("name"), one.text("role"), "yes" if one.flag("can_sign_in") else "no"


def _client(one: Answer) -> Sequence[str]:
    contacts = [address.text("address") for contact in one.parts("contacts") for address in contact.parts("addresses")]
    addresses = [*contacts, *(f"@{domain}" for domain in one.words("domains"))]
    return one.text("name"), ", ".join(one.words("members")), ", ".join(addresses), one.text("tag")


def _rule(one: Answer) -> Sequence[str]:
    actions = ("send_as", "display_name", "reply_to", "sender", "signature")
    made = [f"{action}={one.text(action)}" for action in actions if one.plain.get(action) is not None]
    made += [f"bcc={address}" for address in one.words("bcc")]
    if one.plain.get("office_hours") is not None:
        made.append("in office hours" if one.flag("office_hours") else "at any hour")
    return one.text("name"), _when(one.part("when")), ", ".join(made)


_LISTS = ("member", "sender", "recipient", "client")
_FLAGS = (
    ("to_client", "to a client", "to no client"),
    ("reply", "a reply", "no reply"),
    ("attachments", "with attachments", "without attachments"),
)
_SIZES = ("larger_than", "smaller_than")


def _when(when: Answer | None) -> str:
    if when is None:
        return "always"
    given = [f"{key}={'|'.join(when.words(key))}" for key in _LISTS if when.words(key)]
    given += [yes if when.flag(key) else no for key, yes, no in _FLAGS if when.plain.get(key) is not None]
    header = when.part("header")
    given += [f"{name}: {header.text(name)}" for name in header.plain] if header else []
    given += [f"{key.replace('_', ' ')} {size(when.number(key))}" for key in _SIZES if when.plain.get(key) is not None]
    return ", ".join(given) or "always"


def _signature(one: Answer) -> Sequence[str]:
    kinds = ["text", *(["html"] if one.text("html") else [])]
    kinds += ["reply"] if one.text("reply_text") or one.text("reply_html") else []
    images = [image.text("name") for image in one.parts("images")]
    return one.text("name"), "+".join(kinds), ", ".join(images)


KINDS = (
    Noun("member", "People of the firm who sign in.", ("login", "name", "role", "signs in"), _member),
    Noun("client", "Whom the firm works for.", ("name", "members", "addresses", "tag"), _client),
    Noun("rule", "What happens to submissions, in order.", ("name", "when", "does"), _rule),
    Noun("signature", "Signatures.", ("name", "parts", "images"), _signature),
)


def _group(noun: Noun) -> click.Group:
    group = click.Group(noun.name, help=noun.about)
    plural = f"{noun.name}s"

    @group.command("list", help=f"List the {plural}.")
    @talking
    def list_all(daemon: Daemon, paper: Paper) -> None:
        answer = daemon.get(f"/v1/{plural}")
        if paper.as_json:
            paper.answer(answer)
            return
        rows = [noun.row(one) for one in answer.parts(plural)]
        paper.table(noun.columns, rows, empty=f"No {noun.name} yet: `postern apply FILE` adds them.")

    return group


NOUNS = {noun.name: _group(noun) for noun in KINDS}
