"""The provider as a whole: it goes down, comes back, and loses nothing but its connections."""

from __future__ import annotations

import pytest

from gateway.trial.provider import TrialProvider
from tests.proxy.talk import Talk
from tests.trial.conftest import AL, LETTER
from tests.trial.dialogue import Dialogue


async def test_D1_a_restart_drops_everybody_and_keeps_ports_and_mail(provider: TrialProvider) -> None:
    provider.deliver(AL, LETTER)
    before = (provider.smtp_port, provider.imap_port, provider.account(AL).folders["INBOX"].uidvalidity)
    async with Talk(provider.imap_port) as talk, Dialogue(provider.smtp_port) as dialogue:
        await talk.sign_in()
        await talk.do("SELECT INBOX")
        await dialogue.sign_in()
        assert provider.connections == 2
        await provider.restart()
        assert await talk.rest() == b""
        assert await dialogue.rest() == b""
    assert (provider.smtp_port, provider.imap_port, provider.account(AL).folders["INBOX"].uidvalidity) == before
    async with Talk(provider.imap_port) as talk:
        await talk.sign_in()
        assert b"* 1 EXISTS" in await talk.do("SELECT INBOX")


async def test_while_it_is_down_nobody_connects(provider: TrialProvider) -> None:
    await provider.stop_listening()
    with pytest.raises(ConnectionRefusedError):
        await Talk(provider.imap_port).__aenter__()
    await provider.restart()
    async with Talk(provider.imap_port) as talk:
        await talk.sign_in()


async def test_a_folder_renewed_numbers_its_messages_from_one(provider: TrialProvider) -> None:
    folder = provider.account(AL).folders["INBOX"]
    for _ in range(3):
        provider.deliver(AL, LETTER)
    folder.remove(1)
    before = folder.uidvalidity
    folder.renew()
    assert [message.uid for message in folder.messages] == [1, 2]
    assert (folder.uidvalidity, folder.uidnext) == (before + 1, 3)


async def test_a_folder_may_go_back_in_time(provider: TrialProvider) -> None:
    folder = provider.account(AL).folders["INBOX"]
    for _ in range(3):
        provider.deliver(AL, LETTER)
    folder.go_back(2)
    assert provider.deliver(AL, LETTER) == 2
    assert [message.uid for message in folder.messages] == [1, 2]


def test_an_account_that_is_not_there_is_a_mistake_of_the_test() -> None:
    with pytest.raises(KeyError):
        TrialProvider({}).account(AL)
