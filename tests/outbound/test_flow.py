"""How much of a mailbox may be in hand: shares, paces, and one at a time for who is in trouble."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.address import Address
from gateway.domain.firm import Endpoint, Mailbox, Secret, Security, SendingLimits
from gateway.outbound.flow import AT_ONCE, LEAST, PER_MAILBOX, Flow
from gateway.policy.pace import LONGEST_PAUSE

BOX = Mailbox(
    address=Address("support", "firm.example"),
    name="Support",
    members=(),
    username="support",
    password=Secret("x"),
    imap=Endpoint("mail.firm.example", 993, Security.TLS),
    smtp=Endpoint("mail.firm.example", 465, Security.TLS),
)
PACED = replace(BOX, smtp=Endpoint("smtp.office365.com", 587, Security.STARTTLS))


@dataclass
class Clock:
    at: float = 0.0

    def __call__(self) -> float:
        return self.at


def filled(flow: Flow, key: str, count: int) -> None:
    for _ in range(count):
        flow.begun(BOX, key, 1)


def test_a_full_mailbox_leaves_the_others_their_room() -> None:
    flow = Flow(Clock())
    filled(flow, "slow", PER_MAILBOX)
    assert flow.rooms() == {"slow": 0}
    assert flow.each == PER_MAILBOX
    assert flow.wait("slow") is None
    assert flow.wait("other") == 0


def test_C3_however_many_slow_accounts_fill_the_house_another_one_has_room() -> None:
    flow = Flow(Clock())
    for number in range(AT_ONCE // PER_MAILBOX):
        filled(flow, f"slow {number}", PER_MAILBOX)
    assert set(flow.rooms().values()) == {0}
    assert flow.each == LEAST
    filled(flow, "other", LEAST - 1)
    assert flow.rooms()["other"] == 1
    assert flow.wait("other") == 0


def test_an_account_in_trouble_has_one_at_a_time_ever_more_rarely_until_it_works() -> None:
    clock = Clock()
    flow = Flow(clock)
    filled(flow, "box", 3)
    assert [flow.failed("box"), flow.failed("box"), flow.failed("box")] == [True, False, False]  # together: one failure
    for _ in range(3):
        flow.ended("box")
    assert flow.rooms() == {"box": 0}
    waits = []
    for _ in range(9):
        wait = flow.wait("box")
        assert wait
        waits.append(wait)
        clock.at += wait
        assert flow.rooms() == {"box": 1}
        filled(flow, "box", 1)
        assert (flow.rooms(), flow.wait("box")) == ({"box": 0}, None)
        assert not flow.failed("box")
        flow.ended("box")
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_PAUSE
    flow.reopen("box")
    assert flow.rooms() == {"box": 1}
    filled(flow, "box", 1)
    flow.worked("box")
    assert flow.rooms() == {"box": PER_MAILBOX - 1}


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 40)), max_size=30))
def test_a_paced_mailbox_is_never_claimed_faster_than_its_provider_allows(steps: list[tuple[float, int]]) -> None:
    clock = Clock()
    flow = Flow(clock)
    flow.begun(PACED, "box", 1)
    flow.ended("box")
    begun = 1
    for step, wish in steps:
        clock.at += step
        for _ in range(min(wish, flow.rooms()["box"])):
            flow.begun(PACED, "box", 1)
            flow.ended("box")
            begun += 1
    assert begun <= 30 + 30 * clock.at / 60 + 1


def test_a_paced_mailbox_is_waited_for_exactly() -> None:
    clock = Clock()
    flow = Flow(clock)
    for _ in range(30):
        flow.begun(PACED, "box", 1)
        flow.ended("box")
    wait = flow.wait("box")
    assert wait
    assert flow.rooms()["box"] == 0
    clock.at += wait
    assert flow.rooms()["box"] == 1


def test_limits_that_the_firm_changes_hold_from_the_next_message_on() -> None:
    clock = Clock()
    flow = Flow(clock)
    flow.begun(BOX, BOX.key, 1)
    assert flow.rooms()[BOX.key] == PER_MAILBOX - 1
    slow = replace(BOX, limits=SendingLimits(messages_per_minute=2))
    flow.begun(slow, BOX.key, 1)
    assert flow.rooms()[BOX.key] == 1
    flow.begun(slow, BOX.key, 1)
    assert flow.rooms()[BOX.key] == 0
    assert flow.wait(BOX.key) == 30.0
