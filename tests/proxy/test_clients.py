"""Real mail programs on the server: Python's imaplib, curl and mutt."""

from __future__ import annotations

import asyncio
import imaplib
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from gateway.trial.provider import TrialProvider
from tests.peers import programs
from tests.peers.programs import Account, Ran
from tests.proxy.conftest import AL, LETTER, SUPPORT
from tests.waiting import until

Sending = Callable[[Account, str, Sequence[str], bytes], Awaitable[Ran]]


def by_imaplib(port: int) -> bytes:
    """Do what scripts do with imaplib; return the message that it read."""
    with imaplib.IMAP4("127.0.0.1", port, timeout=20) as program:
        program.login(AL, "secret")
        assert program.create("Clients/Pacino") == ("OK", [b"created"])
        assert len(program.list()[1]) == 6
        assert program.append("Sent", "\\Seen", imaplib.Time2Internaldate(time.time()), LETTER)[0] == "OK"
        assert program.status("Sent", "(MESSAGES UIDNEXT)")[1] == [b'"Sent" (MESSAGES 1 UIDNEXT 2)']
        assert program.select("Sent") == ("OK", [b"1"])
        assert program.uid("SEARCH", "FROM", "pacino") == ("OK", [b"1"])
        _, answer = program.uid("FETCH", "1", "(FLAGS BODY.PEEK[])")
        assert program.store("1", "+FLAGS", "(\\Deleted)")[0] == "OK"
        assert program.expunge() == ("OK", [b"1"])
        assert program.close()[0] == "OK"
    assert isinstance(answer[0], tuple)
    return bytes(answer[0][1])


async def test_imaplib_reads_what_it_appended(provider: TrialProvider) -> None:
    assert await asyncio.to_thread(by_imaplib, provider.imap_port) == LETTER


@pytest.mark.real
async def test_curl_reads_a_message_to_the_octet(provider: TrialProvider) -> None:
    provider.deliver(AL, LETTER)
    ran = await programs.curl_read(Account("127.0.0.1", provider.imap_port, AL, "secret"), "INBOX", 1)
    assert (ran.status, ran.output.encode()) == (0, LETTER)


@pytest.mark.real
async def test_curl_submits_to_the_trial_provider(provider: TrialProvider) -> None:
    account = Account("127.0.0.1", provider.smtp_port, AL, "secret")
    ran = await programs.curl_submit(account, AL, [SUPPORT], LETTER)
    assert (ran.status, ran.output) == (0, "")
    assert provider.account(SUPPORT).folders["INBOX"].messages[0].raw == LETTER


@pytest.mark.real
@pytest.mark.parametrize("program", [programs.swaks, programs.msmtp])
async def test_senders_submit_to_the_trial_provider(provider: TrialProvider, program: Sending) -> None:
    ran = await program(Account("127.0.0.1", provider.smtp_port, AL, "secret"), AL, [SUPPORT], LETTER)
    assert ran.status == 0, ran.output
    assert provider.outbox[0].raw.rstrip() == LETTER.rstrip()  # swaks ends a message with an empty line


@pytest.mark.real
async def test_mutt_reads_a_folder_and_copies_a_message(provider: TrialProvider, tmp_path: Path) -> None:
    path, terminal = programs.or_skip("mutt"), programs.or_skip("script")
    provider.deliver(AL, LETTER)
    settings = tmp_path / "muttrc"
    settings.write_text(
        f"""set folder = "imap://127.0.0.1:{provider.imap_port}/"
set spoolfile = "+INBOX"
set imap_user = "{AL}"
set imap_pass = "secret"
set ssl_starttls = no
set ssl_force_tls = no
set confirmappend = no
set delete = yes
set quit = yes
push "<copy-message>=Archive<enter><enter><flag-message><quit>"
"""
    )
    ran = await programs.run(terminal, "-qec", f"env TERM=vt100 {path} -n -F {settings}", "/dev/null", home=tmp_path)
    account = provider.account(AL)
    copies = await until(lambda: account.folders["Archive"].messages, what=f"a copy in Archive; mutt said {ran.output}")
    assert copies[0].raw == LETTER
    assert "\\Flagged" in account.folders["INBOX"].messages[0].flags
