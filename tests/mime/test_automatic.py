"""Which mail is a machine's, so that no machine of ours answers it (RFC 3834 section 2)."""

from __future__ import annotations

import pytest

from gateway.mime.automatic import is_automatic
from gateway.mime.header import Header


def automatic(text: str) -> bool:
    return is_automatic(Header.read(text.replace("\n", "\r\n").encode() + b"\r\n\r\n"))


@pytest.mark.parametrize(
    "text",
    [
        "From: al@client.example\nAuto-Submitted: auto-replied",
        "From: al@client.example\nAuto-Submitted: auto-generated (failure)",
        "From: al@client.example\nauto-submitted: AUTO-NOTIFIED; owner-email=x@y.example",
        "From: al@client.example\nPrecedence: bulk",
        "From: al@client.example\nPrecedence: Junk",
        "From: al@client.example\nPrecedence: list",
        "From: al@client.example\nX-Autoreply: yes",
        "From: al@client.example\nX-Auto-Response-Suppress: DR, OOF, AutoReply",
        "From: al@client.example\nX-Auto-Response-Suppress: All",
        "From: al@client.example\nList-Id: <talk.example>",
        "From: al@client.example\nList-Unsubscribe: <https://shop.example/no>",
        "From: al@client.example\nReturn-Path: <>",
        "From: al@client.example\nReturn-Path: < >",
        "From: al@client.example\nContent-Type: multipart/report; report-type=delivery-status",
        "From: al@client.example\nX-Failed-Recipients: bo@client.example",
        "From: MAILER-DAEMON@mx.example",
        "From: Mail Delivery Subsystem <Mailer-Daemon@mx.example>",
        'From: "Postmaster" <postmaster@mx.example>',
        "From: no-reply@shop.example",
        "From: Shop <do_not_reply@shop.example>",
        "From: talk-bounces@lists.example",
        "From: <>",
        "Subject: nobody wrote this",
        "From: MAILER-DAEMON@mx.example\nAuto-Submitted: no",
    ],
)
def test_C7_what_a_machine_wrote_is_recognised(text: str) -> None:
    assert automatic(text)


@pytest.mark.parametrize(
    "text",
    [
        "From: al@client.example",
        "From: Al Pacino <al@client.example>\nReturn-Path: <al@client.example>",
        "From: al@client.example\nAuto-Submitted: no",
        "From: al@client.example\nAuto-Submitted: no (a person)",
        "From: al@client.example\nPrecedence: first-class",
        "From: al@client.example\nX-Auto-Response-Suppress: DR, RN, NRN",
        "From: al@client.example\nSubject: Auto-Submitted: auto-replied",
        "From: Noreply Popescu <ana@firm.example>\nContent-Type: multipart/alternative",
        "From: bouncer@club.example",
    ],
)
def test_what_a_person_wrote_may_be_answered(text: str) -> None:
    assert not automatic(text)
