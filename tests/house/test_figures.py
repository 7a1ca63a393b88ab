"""The instrument of the corpus figure notices what it is there to notice."""

from __future__ import annotations

import pytest

from scripts.figures.corpus import prepared
from scripts.figures.pieces import pieces

MAIL = b"\r\n".join(
    [
        b"From: a@b.example",
        b"Content-Type: multipart/mixed; boundary=outer",
        b"",
        b"preamble",
        b"--outer",
        b"Content-Type: multipart/alternative; boundary=inner",
        b"",
        b"--inner",
        b"",
        b"the letter",
        b"--inner",
        b"Content-Type: text/html",
        b"",
        b"<p>the letter</p>",
        b"--inner--",
        b"--outer",
        b"Content-Type: text/plain; name=list.txt",
        b"",
        b"attached",
        b"--outer",
        b"Content-Type: application/pdf",
        b"",
        b"%PDF",
        b"",
        b"--outer--",
        b"epilogue",
        b"",
    ]
)


def others(raw: bytes) -> list[tuple[bytes, bytes]]:
    return [(piece.header, piece.body) for piece in pieces(raw) if not piece.is_letter]


def test_the_leaves_are_found_with_their_octets() -> None:
    assert [(piece.body, piece.is_letter) for piece in pieces(MAIL)] == [
        (b"the letter", True),
        (b"<p>the letter</p>", True),
        (b"attached", False),
        (b"%PDF\r\n", False),
    ]


@pytest.mark.parametrize("change", [(b"%PDF\r\n", b"%PDF"), (b"attached", b"Attached"), (b"name=list", b"name=List")])
def test_a_change_of_anything_but_the_letter_is_seen(change: tuple[bytes, bytes]) -> None:
    assert others(MAIL.replace(*change)) != others(MAIL)


def test_a_change_of_the_letter_is_none() -> None:
    assert others(MAIL.replace(b"the letter", b"the letter\r\n-- \r\nAna")) == others(MAIL)


def test_a_signed_message_is_one_piece() -> None:
    signed = MAIL.replace(b"multipart/mixed", b"multipart/signed")
    (piece,) = pieces(signed)
    assert (piece.body, piece.is_letter) == (signed.partition(b"\r\n\r\n")[2], False)


def test_a_prepared_copy_has_one_from_and_the_same_body() -> None:
    ready = prepared(MAIL.replace(b"\r\n", b"\n").replace(b"From:", b"FROM :"), "ana@firm.example", 7)
    assert ready.lower().count(b"\nfrom") == 1
    assert ready.partition(b"\r\n\r\n")[2] == MAIL.partition(b"\r\n\r\n")[2]
