"""The real bounces of about a hundred mail servers, and every other real message there is, which is none.

`bounces.tsv` says for each real bounce what happened, to whom, and the Message-ID of the original where it came back;
the reader's own answers were written down, then checked by eye and against what Python's own parser finds.
"""

from __future__ import annotations

import email
import re
from email.message import Message
from pathlib import Path

import pytest

from gateway.mime.automatic import is_automatic
from gateway.mime.bounce import returned
from gateway.mime.bounce_sign import may_be_bounce
from gateway.mime.header import Header
from tests.corpus import CORPUS, canonical, corpus_messages, needs_corpus

pytestmark = [pytest.mark.corpus, needs_corpus]

ROWS = [line.split("\t") for line in (Path(__file__).parent / "bounces.tsv").read_text("utf-8").splitlines()]

# What the bounces' folder holds beside bounces, and why it is none of them.
NO_BOUNCES = {
    "c8521576": "a complaint (ARF)",
    "cd5acd56": "a complaint (ARF)",
    "69925f45": "a complaint (ARF)",
    "95ef1843": "a complaint, without ARF",
    "6251e383": "a program's answer to a newsletter",
    "15283300": "a mailing list that takes no mail from strangers; it speaks of no delivery",
    "f3eb3230": "a bounce that a person forwards in a text of their own",
    "ce9cd949": "a bounce that a person forwards in a text of their own",
    "ed979b0c": "a person's letter",
}

# Their fields hold an encoded word, and a route with a recipient that has no domain.
UNREADABLE = ("07f358bd2bffaf23.eml", "498461f24b0a77e1.eml")


def message(name: str) -> bytes:
    return (CORPUS / "messages" / name).read_bytes()


@pytest.mark.parametrize(("name", "actions", "recipients", "message_id"), ROWS, ids=[row[0] for row in ROWS])
def test_a_real_bounce_is_understood(name: str, actions: str, recipients: str, message_id: str) -> None:
    found = returned(message(name))
    assert found is not None
    assert [str(one.address) for one in found.recipients] == recipients.split(" ")
    assert [one.action.value for one in found.recipients] == actions.split(" ")
    assert found.message_id == message_id


def test_nothing_else_is_taken_for_a_bounce() -> None:
    root = CORPUS / "messages"
    known = {row[0] for row in ROWS}
    wrong = [str(path.relative_to(root)) for path in corpus_messages() if returned(path.read_bytes())]
    assert set(wrong) == known


def test_all_bounces_of_the_folder_are_understood_but_for_what_is_none() -> None:
    missed = [path.name for path in (CORPUS / "messages" / "sisimai").iterdir() if not returned(path.read_bytes())]
    assert {name[:8] for name in missed} == set(NO_BOUNCES)


def test_the_line_ends_do_not_matter() -> None:
    for row in ROWS:
        raw = message(row[0])
        found, other = returned(raw), returned(canonical(raw))
        assert found is not None
        assert other is not None
        assert [one.keys for one in other.recipients] == [one.keys for one in found.recipients]
        assert other.message_id == found.message_id


def final_recipients(parsed: Message) -> set[str]:
    """What Python's own parser finds in the delivery-status parts."""
    found: set[str] = set()
    for part in parsed.walk():
        groups = part.get_payload() if part.get_content_type() == "message/delivery-status" else []
        for group in groups if isinstance(groups, list) else []:
            assert isinstance(group, Message)
            value = str(group.get("Final-Recipient", ""))
            found |= {match.lower() for match in re.findall(r"[^\s;<>@:=]+@[^\s;<>()@=]+", value)}
    return found


def test_an_independent_parser_finds_the_same_recipients() -> None:
    compared = 0
    for row in ROWS:
        named = final_recipients(email.message_from_bytes(message(row[0])))
        if named and not row[0].endswith(UNREADABLE):
            found = returned(message(row[0]))
            assert found is not None
            compared += 1
            assert named <= {key for one in found.recipients for key in one.keys}, row[0]
    assert compared > 150


def test_C7_no_bounce_is_ever_answered() -> None:
    assert all(is_automatic(Header.read(message(row[0]))) for row in ROWS)


def test_all_but_one_are_told_from_their_header_alone() -> None:
    """The one comes from a noreply@ and says nothing else; to look for such, every shop's mail would be downloaded."""
    missed = [row[0] for row in ROWS if not may_be_bounce(header_of(message(row[0])))]
    assert missed == ["sisimai/b0a4299a7281bb46.eml"]


def header_of(raw: bytes) -> bytes:
    return raw[: Header.read(raw).end]


def test_hardly_any_other_mail_is_taken_for_one_by_its_header() -> None:
    root, known = CORPUS / "messages", {row[0] for row in ROWS}
    others = {str(path.relative_to(root)): path for path in corpus_messages()}
    wrong = {name for name, path in others.items() if name not in known and may_be_bounce(header_of(path.read_bytes()))}
    assert wrong == {
        "cpython/845bca9a59de1959.eml",  # a report that names nobody
        "enmime/3cb89b9d766fd7c2.eml",  # the same
        "mimekit/b1a779bedea42745.eml",  # from the null sender
    }
