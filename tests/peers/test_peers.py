"""The peers themselves: what the other tests take for granted about Postfix and Dovecot."""

from __future__ import annotations

import imaplib
import smtplib
import uuid
from pathlib import Path

import pytest

from tests.peers.fixtures import MailServer
from tests.peers.postfix import DEFERRED, REFUSED
from tests.peers.programs import Account, curl_read, curl_submit, msmtp, mutt, swaks
from tests.waiting import until, until_now

pytestmark = pytest.mark.real

MAIL = b"From: a@firm.example\r\nTo: b@client.example\r\nSubject: peers\r\n\r\nBody.\r\n"


def someone() -> str:
    return f"{uuid.uuid4().hex}@client.example"


def test_what_postfix_takes_can_be_read_from_dovecot(mail_server: MailServer) -> None:
    reader = someone()
    with smtplib.SMTP(mail_server.host, mail_server.smtp_port) as smtp:
        smtp.starttls(context=mail_server.ca.client_context())
        smtp.login("a@firm.example", mail_server.password)
        smtp.sendmail("a@firm.example", [reader], MAIL)
    (raw,) = until_now(lambda: mail_server.dovecot.messages(reader), what="the message in Dovecot")
    assert raw.endswith(b"\r\n\r\nBody.\r\n")


def test_postfix_speaks_implicit_tls(mail_server: MailServer) -> None:
    context = mail_server.ca.client_context()
    with smtplib.SMTP_SSL(mail_server.host, mail_server.postfix.smtps_port, context=context) as smtp:
        assert smtp.login("a@firm.example", mail_server.password)[0] == 235


def test_postfix_relays_for_nobody_without_sign_in(mail_server: MailServer) -> None:
    with smtplib.SMTP(mail_server.host, mail_server.smtp_port) as smtp, pytest.raises(smtplib.SMTPRecipientsRefused):
        smtp.sendmail("a@firm.example", [someone()], MAIL)


def test_a_wrong_password_is_refused(mail_server: MailServer) -> None:
    with smtplib.SMTP(mail_server.host, mail_server.smtp_port) as smtp, pytest.raises(smtplib.SMTPAuthenticationError):
        smtp.login("a@firm.example", "wrong")
    with imaplib.IMAP4(mail_server.host, mail_server.imap_port) as imap, pytest.raises(imaplib.IMAP4.error):
        imap.login("a@firm.example", "wrong")


@pytest.mark.parametrize(("local", "code"), [(REFUSED, 550), (DEFERRED, 450)])
def test_some_recipients_are_refused_on_demand(mail_server: MailServer, local: str, code: int) -> None:
    with smtplib.SMTP(mail_server.host, mail_server.smtp_port) as smtp:
        smtp.login("a@firm.example", mail_server.password)
        smtp.mail("a@firm.example")
        assert smtp.rcpt(f"{local}@client.example")[0] == code


def test_lmtp_wakes_a_session_that_idles(mail_server: MailServer) -> None:
    reader = mail_server.dovecot.add_user(someone())
    with imaplib.IMAP4(mail_server.host, mail_server.imap_port, timeout=10) as imap:
        imap.login(reader, mail_server.password)
        imap.select("INBOX", readonly=True)
        imap.send(b"x IDLE\r\n")
        assert imap.readline().startswith(b"+")
        mail_server.dovecot.deliver(reader, MAIL)
        assert b"EXISTS" in imap.readline()
        imap.send(b"DONE\r\n")
        while not imap.readline().startswith(b"x OK"):
            pass


def test_imaps_and_the_special_folders(mail_server: MailServer) -> None:
    context = mail_server.ca.client_context()
    with imaplib.IMAP4_SSL(mail_server.host, mail_server.dovecot.imaps_port, ssl_context=context) as imap:
        imap.login(someone(), mail_server.password)
        folders = b"\n".join(row for row in imap.list()[1] if isinstance(row, bytes))
    assert b"\\Sent" in folders
    assert b"\\Archive" in folders


def test_a_new_uidvalidity_renumbers_the_folder(mail_server: MailServer) -> None:
    reader = someone()
    for _ in range(3):
        mail_server.dovecot.deliver(reader, MAIL)
    mail_server.dovecot.doveadm("expunge", "-u", reader, "mailbox", "INBOX", "1")
    before = mail_server.dovecot.uidvalidity(reader)
    assert mail_server.dovecot.new_uidvalidity(reader) != before
    uids = mail_server.dovecot.doveadm("-f", "tab", "fetch", "-u", reader, "uid", "mailbox", "INBOX").split()
    assert uids == ["uid", "1", "2"]


def test_both_survive_a_restart(mail_server: MailServer) -> None:
    reader = someone()
    mail_server.dovecot.deliver(reader, MAIL)
    mail_server.dovecot.restart()
    mail_server.postfix.restart()
    with smtplib.SMTP(mail_server.host, mail_server.smtp_port) as smtp:
        smtp.login("a@firm.example", mail_server.password)
        smtp.sendmail("a@firm.example", [reader], MAIL)
    until_now(lambda: len(mail_server.dovecot.messages(reader)) == 2, what="the second message")


@pytest.mark.parametrize("secure", [False, True], ids=["clear", "starttls"])
async def test_every_mail_program_can_submit(mail_server: MailServer, secure: bool, tmp_path: Path) -> None:
    reader, trust = someone(), mail_server.ca.trust if secure else None
    account = Account("localhost", mail_server.smtp_port, "a@firm.example", mail_server.password, trust)
    paper = tmp_path / "paper.txt"
    paper.write_text("on paper\n")
    for ran in (
        await msmtp(account, "a@firm.example", [reader], MAIL),
        await mutt(account, "a@firm.example", [reader], "peers", "Body.\n", [paper]),
        await curl_submit(account, "a@firm.example", [reader], MAIL),
        *([] if secure else [await swaks(account, "a@firm.example", [reader], MAIL)]),
    ):
        assert ran.status == 0, ran.output
    expected = 3 if secure else 4
    await until(lambda: len(mail_server.dovecot.messages(reader)) == expected, what="a message from each program")
    assert all(b"Subject: peers" in mail for mail in mail_server.dovecot.messages(reader))


async def test_curl_reads_what_dovecot_holds(mail_server: MailServer) -> None:
    reader = someone()
    mail_server.dovecot.deliver(reader, MAIL)
    account = Account("localhost", mail_server.imap_port, reader, mail_server.password)
    ran = await curl_read(account, "INBOX", 1)
    assert ran.status == 0, ran.output
    assert "Subject: peers" in ran.output
