"""A real server takes our words for the wishes, acts on them, and gives them back in its report as they were."""

from __future__ import annotations

import email
import email.policy
import secrets
import smtplib
from dataclasses import replace
from email.message import Message

import pytest

from gateway.domain.address import Address
from gateway.domain.mail import Notify, Recipient, Wish
from gateway.policy.dsn import parameters
from tests.peers.fixtures import MailServer
from tests.policy.test_dsn import entry
from tests.waiting import stays, until

RAW = b"From: ana@firm.example\r\nSubject: wished\r\n\r\nthe body\r\n"


def relayed(server: MailServer, author: str, one: Recipient, *, envid: str, full: bool) -> None:
    mail, rcpt = parameters(replace(entry(one), envid=envid, return_full=full), one, upstream_has_dsn=True)
    with smtplib.SMTP(server.host, server.smtp_port, timeout=30) as client:
        client.login("relay@firm.example", server.password)
        assert client.has_extn("dsn")
        client.sendmail(author, [str(one.address)], RAW, mail_options=list(mail), rcpt_options=list(rcpt))


@pytest.mark.real
@pytest.mark.parametrize("orcpt", ["rfc822;Al+x=y@pacino.example", "utf-8;ștefan@pacino.example"])
async def test_postfix_reports_in_the_authors_own_names(mail_server: MailServer, orcpt: str) -> None:
    author = f"{secrets.token_hex(6)}@firm.example"
    one = Recipient(Address("al", "pacino.example"), wish=Wish(frozenset({Notify.SUCCESS}), orcpt))
    relayed(mail_server, author, one, envid="QQ+1 =2", full=True)
    (raw,) = await until(lambda: mail_server.dovecot.messages(author), what="the report of Postfix", timeout=30)
    report = email.message_from_bytes(raw, policy=email.policy.default)
    status = next(part for part in report.walk() if part.get_content_type() == "message/delivery-status")
    groups = status.get_payload()
    assert isinstance(groups, list)
    message, recipient = (group for group in groups if isinstance(group, Message))
    assert message["Original-Envelope-Id"] == "QQ+1 =2"
    assert recipient["Original-Recipient"].replace(" ", "") == orcpt
    assert recipient["Action"] in {"delivered", "relayed"}


@pytest.mark.real
async def test_postfix_keeps_silent_where_nothing_is_wished(mail_server: MailServer) -> None:
    author, told = (f"{secrets.token_hex(6)}@firm.example" for _ in range(2))
    never = Recipient(Address(secrets.token_hex(6), "pacino.example"), wish=Wish(frozenset()))
    relayed(mail_server, author, never, envid="", full=False)
    relayed(mail_server, told, replace(never, wish=Wish(frozenset({Notify.SUCCESS}))), envid="", full=False)
    await until(lambda: mail_server.dovecot.messages(told), what="the report about the second message", timeout=30)

    async def silent() -> bool:
        return not mail_server.dovecot.messages(author)

    await stays(silent, 0.5, what="no report about the first")
