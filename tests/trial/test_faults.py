"""The plan of faults: every action at every stage, as often as planned, and counted."""

from __future__ import annotations

import asyncio

import pytest

from gateway.domain.errors import Faulty
from gateway.trial.faults import Action, Drop, Faults, Garbage, HangUp, Refuse, Say, Stall, parse_fault
from gateway.trial.provider import TrialProvider
from tests.proxy.talk import Talk
from tests.trial.conftest import AL, LETTER, SUPPORT
from tests.trial.dialogue import Dialogue

STAGES = ("connect", "greeting", "ehlo", "auth", "mail", "rcpt", "data", "final", "quit")


async def submit(port: int) -> list[str]:
    """Send one mail and leave; return the code of each reply, and an empty one where the server hung up."""
    codes: list[str] = []
    lines: list[str | bytes] = [
        "EHLO test.example",
        "AUTH PLAIN AGFsQHBhY2luby5leGFtcGxlAHNlY3JldA==",
        f"MAIL FROM:<{AL}>",
        f"RCPT TO:<{SUPPORT}>",
        "DATA",
        LETTER + b".",
        "QUIT",
    ]
    async with Dialogue(port) as dialogue:
        codes.append((await dialogue.reply())[:3])
        for line in lines:
            if not codes[-1] or codes[-1] not in {"220", "250", "235", "354"}:
                break
            codes.append((await dialogue.say(line))[:3])
    return codes


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("action", "ending"), [(Refuse(451, "4.3.0 on purpose"), "451"), (HangUp(), ""), (Drop(), ""), (HangUp(2), "xx")]
)
async def test_C1_smtp_misbehaves_at_every_stage_once(
    provider: TrialProvider, faults: Faults, stage: str, action: Action, ending: str
) -> None:
    faults.smtp(stage, action)
    codes = await submit(provider.smtp_port)
    if stage == "connect" and not isinstance(action, Refuse | HangUp):
        assert codes == [""]
    elif ending == "xx":
        assert len(codes[-1]) in {0, 2}
    else:
        assert codes[-1] == ending
    assert faults.hits == {f"smtp:{stage}": 1}
    assert await submit(provider.smtp_port) == ["220", "250", "235", "250", "250", "354", "250", "221"]


@pytest.mark.parametrize(
    ("action", "taken"), [(HangUp(), 0), (Drop(), 1), (Refuse(552, "5.3.4 no"), 0), (HangUp(after_answer=True), 1)]
)
async def test_C2_at_the_final_dot_the_client_cannot_always_know(
    provider: TrialProvider, faults: Faults, action: Action, taken: int
) -> None:
    faults.smtp("final", action)
    await submit(provider.smtp_port)
    assert len(provider.outbox) == taken


async def test_a_fault_strikes_as_often_as_planned_and_only_where_it_fits(
    provider: TrialProvider, faults: Faults
) -> None:
    faults.smtp("rcpt", Refuse(450, "4.2.1 busy"), times=2, match="Support@Firm")
    async with Dialogue(provider.smtp_port) as dialogue:
        await dialogue.sign_in()
        await dialogue.say(f"MAIL FROM:<{AL}>")
        assert (await dialogue.say(f"RCPT TO:<{AL}>")).startswith("250 ")
        replies = [await dialogue.say(f"RCPT TO:<{SUPPORT}>") for _ in range(3)]
    assert replies[:2] == ["450 4.2.1 busy\r\n"] * 2
    assert replies[2].startswith("250 ")
    assert (faults.hits["smtp:rcpt"], faults.reached["smtp:rcpt"]) == (2, 4)


async def test_always_lasts_until_it_is_cleared(provider: TrialProvider, faults: Faults) -> None:
    faults.smtp("auth", Refuse(454, "4.7.0 later"), times=None)
    for _ in range(3):
        assert (await submit(provider.smtp_port))[-1] == "454"
    faults.clear()
    assert (await submit(provider.smtp_port))[-1] == "221"
    assert faults.hits["smtp:auth"] == 3


async def test_a_421_hangs_up(provider: TrialProvider, faults: Faults) -> None:
    faults.smtp("mail", Refuse(421, "4.3.2 going down"))
    async with Dialogue(provider.smtp_port) as dialogue:
        await dialogue.sign_in()
        assert (await dialogue.say(f"MAIL FROM:<{AL}>")).startswith("421 ")
        assert await dialogue.rest() == b""


async def test_C3_who_stalls_goes_on_when_released(provider: TrialProvider, faults: Faults) -> None:
    faults.smtp("data", Stall())
    sending = asyncio.ensure_future(submit(provider.smtp_port))
    async with asyncio.timeout(10):
        await faults.wait_hit("smtp:data")
        assert not sending.done()
        assert (await submit(provider.smtp_port))[-1] == "221"
        faults.release()
        assert (await sending)[-1] == "221"


async def test_a_stall_for_seconds_ends_by_itself(provider: TrialProvider, faults: Faults) -> None:
    faults.smtp("ehlo", Stall(0.05))
    async with asyncio.timeout(10):
        assert (await submit(provider.smtp_port))[-1] == "221"


async def test_garbage_is_said_to_the_octet(provider: TrialProvider, faults: Faults) -> None:
    faults.smtp("ehlo", Garbage(b"\xff\0 what?\r\n"))
    async with Dialogue(provider.smtp_port) as dialogue:
        await dialogue.reply()
        dialogue.writer.write(b"EHLO x\r\nQUIT\r\n")
        assert await dialogue.rest() == b"\xff\0 what?\r\n221 2.0.0 until next time\r\n"


@pytest.mark.parametrize(
    ("action", "answers"),
    [
        (Refuse("NO", "[UNAVAILABLE] later"), [b"NO [UNAVAILABLE] later"]),
        (Refuse("BAD", "what?"), [b"BAD what?"]),
        (Refuse("BYE", "going down"), [b"* BYE going down"]),
        (HangUp(), []),
        (Drop(), []),
        (HangUp(10), [b"* 1 FETCH "]),
        (HangUp(after_answer=True), [b"* 1 FETCH (UID 1)", b"OK fetched"]),
        (Say(b"* OK [ALERT] full\r\n"), [b"* OK [ALERT] full", b"* 1 FETCH (UID 1)", b"OK fetched"]),
        (Garbage(b"* 1 FETCH (\r\n{-1}\r\na3 OK\r\n"), [b"* 1 FETCH (", b"{-1}"]),
    ],
)
async def test_D3_imap_misbehaves_at_a_command(
    provider: TrialProvider, faults: Faults, action: Action, answers: list[bytes]
) -> None:
    provider.deliver(AL, LETTER)
    faults.imap("fetch", action)
    async with Talk(provider.imap_port) as talk:
        await talk.sign_in()
        await talk.do("EXAMINE INBOX")
        await talk.send(b"a3 UID FETCH 1 UID\r\n")
        assert await talk.until(b"a3") in (answers, [*answers[:2], b"OK"])
    assert faults.hits == {"imap:fetch": 1}


@pytest.mark.parametrize("stage", ["connect", "greeting"])
async def test_D3_imap_may_hang_up_before_it_says_anything(provider: TrialProvider, faults: Faults, stage: str) -> None:
    faults.imap(stage, HangUp())
    faults.imap(stage, Refuse("BYE", "too many of you"))
    async with Talk(provider.imap_port) as talk:
        assert await talk.rest() == b""
    async with Talk(provider.imap_port) as talk:
        assert await talk.rest() == b"* BYE too many of you\r\n"
    async with Talk(provider.imap_port) as talk:
        await talk.sign_in()


async def test_an_append_may_be_kept_and_not_confirmed(provider: TrialProvider, faults: Faults) -> None:
    faults.imap("append", Drop(), match="Sent")
    async with Talk(provider.imap_port) as talk:
        await talk.sign_in()
        assert await talk.do(b"APPEND Sent {1+}\r\nx") == []
    assert len(provider.account(AL).folders["Sent"].messages) == 1


async def test_a_fetch_is_cut_off_in_the_middle_of_a_message(provider: TrialProvider, faults: Faults) -> None:
    provider.deliver(AL, LETTER)
    faults.imap("fetch", HangUp(after_bytes=50))
    async with Talk(provider.imap_port) as talk:
        await talk.sign_in()
        await talk.do("EXAMINE INBOX")
        await talk.send(b"x FETCH 1 BODY.PEEK[]\r\n")
        assert len(await talk.rest()) == 50


@pytest.mark.parametrize(
    ("text", "protocol", "stage", "argument", "actions"),
    [
        ("smtp:rcpt=refuse:450:2", "smtp", "rcpt", "", [Refuse(450)] * 2 + [None]),
        ("smtp:rcpt@al@pacino=refuse:550", "smtp", "rcpt", "TO:<al@pacino.example>", [Refuse(550), None]),
        ("smtp:rcpt@al@pacino=refuse:550", "smtp", "rcpt", "TO:<ana@firm.example>", [None]),
        ("imap:fetch=hangup:100", "imap", "fetch", "", [HangUp(100), None]),
        ("imap:IDLE=stall", "imap", "idle", "", [Stall(), None]),
        ("imap:login=stall:1.5:always", "imap", "login", "", [Stall(1.5)] * 5),
        ("imap:select=refuse:bye", "imap", "select", "", [Refuse("BYE"), None]),
        ("imap:select=refuse", "imap", "select", "", [Refuse("NO"), None]),
        ("smtp:final=drop:3", "smtp", "final", "", [Drop()] * 3 + [None]),
        ("smtp:ehlo=garbage", "smtp", "ehlo", "", [Garbage(), None]),
    ],
)
def test_a_fault_can_be_written_on_one_line(
    text: str, protocol: str, stage: str, argument: str, actions: list[Action | None]
) -> None:
    faults = Faults()
    parse_fault(text, faults)
    assert [faults.take(protocol, stage, argument) for _ in actions] == actions


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rcpt=drop",
        "smtp:=drop",
        "smtp:nothing=drop",
        "pop3:list=drop",
        "smtp:rcpt",
        "smtp:rcpt=explode",
        "smtp:rcpt=refuse",
        "smtp:rcpt=refuse:250",
        "imap:fetch=refuse:450",
        "smtp:rcpt=stall:long",
        "smtp:rcpt=hangup:x",
        "smtp:rcpt=drop:often",
        "smtp:rcpt=drop:1:2",
    ],
)
def test_a_fault_that_is_none_is_explained(text: str) -> None:
    with pytest.raises(Faulty) as caught:
        parse_fault(text, Faults())
    assert caught.value.faults[0].sentence


def test_a_stage_that_smtp_has_not_is_a_mistake_of_the_test() -> None:
    with pytest.raises(ValueError, match="no stage"):
        Faults().smtp("fetch", Drop())
