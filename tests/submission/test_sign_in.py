"""Signing in: who gets in, what wrong passwords lead to, and what never reaches the log."""

from __future__ import annotations

import base64
from collections.abc import MutableMapping
from typing import Any

import pytest

from gateway.domain.errors import TemporaryFailure
from gateway.submission.terms import Timers
from tests.submission.dialogue import Peer
from tests.submission.house import PASSWORD, house
from tests.submission.signed_in import greeted, plain

Logged = list[MutableMapping[str, Any]]


async def test_S14_the_third_wrong_password_ends_the_connection() -> None:
    async with house() as found:
        peer = await greeted(found.port)
        for _ in range(2):
            assert (await peer.ask(plain(password="wrong"))).startswith("535 5.7.8")
        assert (await peer.ask(plain(password="wrong"))).startswith("421 4.7.0")
        assert await peer.rest() == b""
        assert len(found.tried) == 3
        await peer.close()


async def test_S14_too_many_tries_are_refused_for_now_and_counted_too() -> None:
    async with house() as found:
        found.sign_in_trouble = TemporaryFailure("Too many tries; wait a minute")
        peer = await greeted(found.port)
        for _ in range(2):
            assert await peer.ask(plain()) == "454 4.7.0 Too many tries; wait a minute"
        assert (await peer.ask(plain())).startswith("421 4.7.0")
        await peer.close()


@pytest.mark.parametrize(
    "message",
    [b"\0ana\0", b"\0\0correct horse 7", b"ion\0ana\0correct horse 7", b"\0ana\0\xff\xfe", b"\0" + b"a" * 300 + b"\0x"],
)
async def test_S16_what_no_member_can_have_is_wrong_without_being_tried(message: bytes) -> None:
    async with house() as found:
        peer = await greeted(found.port)
        assert (await peer.ask("AUTH PLAIN " + base64.b64encode(message).decode())).startswith("535 ")
        assert found.tried == []
        assert (await peer.ask("MAIL FROM:<a@b.example>")).startswith("530 ")
        await peer.close()


async def test_S16_letters_of_every_script_sign_in() -> None:
    async with house() as found:
        peer = await greeted(found.port)
        assert (await peer.ask(plain("ană", "păss"))).startswith("235 ")
        assert found.tried == [("ană", "păss", "127.0.0.1")]
        await peer.close()


async def test_S16_authzid_may_repeat_the_login() -> None:
    async with house() as found:
        peer = await greeted(found.port)
        assert (await peer.ask(plain(authzid="ana"))).startswith("235 ")
        await peer.close()


@pytest.mark.parametrize("size", [13_000, 64_000, 1_000_000])
async def test_S16_an_endless_answer_ends_the_connection(size: int) -> None:
    async with house() as found:
        peer = await greeted(found.port)
        assert await peer.ask("AUTH PLAIN") == "334 "
        peer.send(b"A" * size)
        assert (await peer.reply()).startswith("501 ")
        assert await peer.rest() == b""
        assert found.tried == []
        await peer.close()


async def test_S16_a_long_initial_response_is_taken_up_to_the_limit_of_the_standard() -> None:
    async with house() as found:
        peer = await greeted(found.port)
        assert (await peer.ask("AUTH PLAIN " + "A" * 12_200)).startswith("501 ")
        assert (await peer.ask(plain())).startswith("235 ")
        await peer.close()


async def test_F2_silence_in_the_middle_of_a_sign_in_ends_it() -> None:
    async with house(timers=Timers(sign_in=0.2)) as found:
        peer = await greeted(found.port)
        assert await peer.ask("AUTH LOGIN") == "334 VXNlcm5hbWU6"
        assert (await peer.reply()).startswith("421 4.4.2")
        await peer.close()


async def test_X2_a_password_never_reaches_the_log(logged: Logged) -> None:
    canary = "canary-7f3a"
    async with house() as found:
        peer = await greeted(found.port)
        await peer.ask(plain(password=canary))
        await peer.ask("AUTH LOGIN YW5h")
        await peer.ask(base64.b64encode(canary.encode()))
        await peer.ask(plain(password=canary))
        await peer.close()
    failed = [line for line in logged if line["event"] == "signin-failed"]
    assert [line["peer"] for line in failed] == ["127.0.0.1"] * 3
    assert not any("login" in line for line in failed), "a name that is nobody's may be a password"
    text = repr(logged)
    assert canary not in text
    assert base64.b64encode(canary.encode()).decode() not in text
    assert PASSWORD not in text


async def test_the_same_password_works_by_both_mechanisms_in_any_case() -> None:
    async with house() as found:
        for command in (plain().replace("AUTH PLAIN", "auth Plain"), "Auth Login YW5h"):
            peer = await greeted(found.port)
            answer = await peer.ask(command)
            if answer.startswith("334"):
                answer = await peer.ask(base64.b64encode(PASSWORD.encode()))
            assert answer.startswith("235 ")
            await peer.close()


async def test_no_sign_in_in_the_middle_of_a_message() -> None:
    async with house() as found:
        peer: Peer = await greeted(found.port)
        await peer.ask(plain())
        await peer.ask("MAIL FROM:<ana@firm.example>")
        assert (await peer.ask(plain())).startswith("503 ")
        await peer.close()
