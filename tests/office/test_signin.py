"""Signing in: slow for guessers, quick for the known, the same for the unknown."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from gateway.domain.errors import TemporaryFailure
from gateway.domain.firm import Firm, Member
from gateway.office.attempts import MAX_KEYS, MAX_PER_LOGIN, MAX_PER_PEER, WINDOW, Attempts, May, network
from gateway.office.passwords import Passwords
from gateway.office.signin import CACHED_FOR, SignIn
from gateway.settings.firmtables import MAX_PASSWORD

HOME = "192.0.2.1"
ANA = "ana's păssword"


class Counted(Passwords):
    """Counts how often argon2 is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def verify(self, password_hash: str, password: str) -> bool:
        self.asked += 1
        return await super().verify(password_hash, password)


class Desk:
    """A sign-in with one member, a clock that is set by hand, and a count of argon2's work."""

    def __init__(self, firm: Firm, passwords: Counted) -> None:
        self.firm = firm
        self.time = 1_000.0
        self.passwords = passwords
        self.passwords.asked = 0
        self.sign_in = SignIn(lambda: self.firm, clock=lambda: self.time, passwords=passwords)

    async def tries(self, password: str = ANA, *, login: str = "ana", peer: str = HOME) -> str:
        """What a try comes to: "in", "wrong" or "limited"."""
        try:
            member = await self.sign_in.check(login, password, peer)
        except TemporaryFailure:
            return "limited"
        assert member is None or member.login == login
        return "in" if member else "wrong"


@pytest.fixture(scope="module")
def passwords() -> Counted:
    return Counted()


@pytest.fixture(scope="module")
def firm(passwords: Counted) -> Firm:
    hashed = asyncio.run(passwords.hashed(ANA))
    return Firm(members=(Member("ana", "Ana", password_hash=hashed), Member("new", "New")))


@pytest.fixture
def desk(firm: Firm, passwords: Counted) -> Desk:
    return Desk(firm, passwords)


@pytest.mark.parametrize(
    ("login", "password", "result"),
    [
        ("ana", ANA, "in"),
        ("ana", "ana's pa\u0306ssword", "in"),
        ("ana", "wrong", "wrong"),
        ("ana", ANA + " ", "wrong"),
        ("ANA", ANA, "wrong"),
        ("ana", "", "wrong"),
        ("eve", ANA, "wrong"),
        ("", "", "wrong"),
        ("new", "", "wrong"),
        ("new", "nobody's", "wrong"),
        ("ana", "x" * (MAX_PASSWORD + 1), "wrong"),
        ("ana", "\ud800\0", "wrong"),
    ],
)
async def test_S16_only_the_members_own_password_signs_in(desk: Desk, login: str, password: str, result: str) -> None:
    assert await desk.tries(password, login=login) == result
    assert desk.passwords.asked == 1


async def test_a_right_password_costs_argon2_once_in_five_minutes(desk: Desk) -> None:
    assert [await desk.tries() for _ in range(50)] == ["in"] * 50
    assert desk.passwords.asked == 1
    desk.time += CACHED_FOR - 1
    assert await desk.tries() == "in"
    assert desk.passwords.asked == 1
    desk.time += 1
    assert await desk.tries() == "in"
    assert desk.passwords.asked == 2


async def test_a_wrong_password_is_not_taken_because_the_right_one_was(desk: Desk) -> None:
    assert await desk.tries() == "in"
    assert await desk.tries("wrong") == "wrong"
    assert await desk.tries() == "in"


async def test_a_password_that_was_changed_or_a_member_who_is_gone_is_out_at_once(desk: Desk) -> None:
    assert await desk.tries() == "in"
    before = desk.firm
    hashed = await desk.passwords.hashed("other")
    desk.firm = replace(before, members=(replace(before.members[0], password_hash=hashed),))
    assert await desk.tries() == "wrong"
    desk.firm = Firm()
    assert await desk.tries("other") == "wrong"


async def test_S14_a_guesser_is_limited_and_the_member_elsewhere_is_not(desk: Desk) -> None:
    guesses = [await desk.tries(f"guess {number}", peer="198.51.100.7") for number in range(40)]
    assert guesses == ["wrong"] * MAX_PER_PEER + ["limited"] * (40 - MAX_PER_PEER)
    assert desk.passwords.asked == MAX_PER_PEER
    assert await desk.tries("right or not", peer="198.51.100.7", login="eve") == "limited"
    assert await desk.tries() == "in"


async def test_S14_many_guessers_are_limited_by_login_and_who_has_been_in_stays_in(desk: Desk) -> None:
    assert await desk.tries() == "in"
    desk.time += CACHED_FOR
    guesses = [await desk.tries("guess", peer=f"198.51.100.{number}") for number in range(100)]
    assert guesses.count("wrong") == MAX_PER_LOGIN
    assert await desk.tries(peer="203.0.113.9") == "limited"
    assert await desk.tries() == "in"


async def test_S14_many_logins_from_one_peer_are_limited_by_peer(desk: Desk) -> None:
    guesses = [await desk.tries(login=f"user{number}") for number in range(30)]
    assert guesses.count("wrong") == MAX_PER_PEER


async def test_S14_of_a_thousand_guesses_from_everywhere_few_are_looked_at_and_the_good_are_in(desk: Desk) -> None:
    assert await desk.tries() == "in"
    before, peers = desk.passwords.asked, [f"198.51.100.{number}" for number in range(8)]
    good = []
    for number in range(1_000):
        await desk.tries(f"guess {number}", peer=peers[number % len(peers)], login=("ana", "eve", "bob")[number % 3])
        if number % 100 == 0:
            good.append(await desk.tries())
    assert good == ["in"] * 10
    assert desk.passwords.asked - before <= len(peers) * MAX_PER_PEER


async def test_S14_guesses_all_at_once_are_counted_before_they_are_made(desk: Desk) -> None:
    guesses = await asyncio.gather(*(desk.tries("guess") for _ in range(30)))
    assert guesses.count("wrong") == MAX_PER_PEER


async def test_many_right_passwords_for_the_first_time_at_once_are_all_in(desk: Desk) -> None:
    tries = await asyncio.gather(*(desk.tries() for _ in range(40)))
    assert tries == ["in"] * 40
    assert desk.passwords.asked <= MAX_PER_PEER
    assert [await desk.tries("wrong") for _ in range(MAX_PER_PEER + 1)] == ["wrong"] * MAX_PER_PEER + ["limited"]


async def test_S14_right_ones_among_guesses_all_at_once_are_in_and_no_more_guesses_are_looked_at(desk: Desk) -> None:
    words = ["guess", "guess", ANA, *["guess"] * 3, ANA, *["guess"] * 40]
    tries = await asyncio.gather(*(desk.tries(word) for word in words))
    assert [tries[at] for at, word in enumerate(words) if word == ANA] == ["in", "in"]
    assert tries.count("wrong") == MAX_PER_PEER
    assert tries.count("limited") == len(words) - MAX_PER_PEER - 2


async def test_first_times_at_once_leave_no_failures_behind_for_others(desk: Desk) -> None:
    await asyncio.gather(*(desk.tries() for _ in range(40)))
    desk.time += CACHED_FOR
    assert await desk.tries(peer="203.0.113.9") == "in"


async def test_S14_the_limit_ends_with_the_minute(desk: Desk) -> None:
    for _ in range(MAX_PER_PEER):
        await desk.tries("wrong")
    assert await desk.tries() == "limited"
    desk.time += WINDOW
    assert await desk.tries() == "in"


@pytest.mark.parametrize("logins", [["ana"] * 40, [f"user{number}" for number in range(40)]])
def test_right_passwords_use_up_no_tries(logins: list[str]) -> None:
    attempts = Attempts(lambda: 0.0)
    for login in logins:
        assert attempts.may(login, HOME) is May.NOW
        attempts.end(attempts.book(login, HOME), right=True)


async def test_S15_an_unknown_login_costs_as_much_as_a_wrong_password(desk: Desk) -> None:
    spans: dict[str, list[float]] = {"ana": [], "eve": [], "new": []}
    for number in range(45):
        login = list(spans)[number % 3]
        desk.time += WINDOW
        start = time.perf_counter()
        await desk.tries("wrong", login=login)
        spans[login].append(time.perf_counter() - start)
    least = {login: min(found) for login, found in spans.items()}  # what a busy machine disturbs the least
    assert max(least.values()) < 2 * min(least.values()), least


async def test_the_event_loop_runs_on_while_argon2_works(desk: Desk) -> None:
    checking = asyncio.create_task(desk.tries())
    turns = 0
    while not checking.done():
        await asyncio.sleep(0)
        turns += 1
    assert await checking == "in"
    assert turns > 10


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_a_peer_is_an_address_or_an_ipv6_network(peer: str, counted: str) -> None:
    assert network(peer) == counted


def test_what_is_remembered_of_guessers_is_bounded() -> None:
    attempts = Attempts(lambda: 0.0)
    for number in range(MAX_KEYS + 50):
        attempts.end(attempts.book(f"user{number}", f"10.1.{number // 256 % 256}.{number % 256}"), right=False)
        attempts.end(attempts.book(f"user{number}", f"10.0.{number // 256 % 256}.{number % 256}"), right=True)
    assert len(attempts._failures) <= MAX_KEYS
    assert len(attempts._known) <= MAX_KEYS
    assert not attempts._under_way
