"""The states of a connection, and what each command may do in them."""

from __future__ import annotations

import asyncio
import base64

import pytest

from gateway.proxy.imap import session as sessions
from gateway.trial.provider import TrialProvider
from tests.proxy.conftest import AL, LETTER
from tests.proxy.talk import Talk


def plain(response: bytes) -> str:
    """Give the command with the response that the RFCs call initial."""
    return "AUTHENTICATE PLAIN " + base64.b64encode(response).decode()


async def test_the_greeting_tells_what_can_be_done(provider: TrialProvider) -> None:
    async with Talk(provider.imap_port) as talk:
        assert await talk.answer() == b"* OK [CAPABILITY IMAP4rev1 LITERAL+ ID ENABLE SASL-IR AUTH=PLAIN] ready"


async def test_what_is_offered_changes_with_signing_in(talk: Talk) -> None:
    (told, _) = await talk.do("CAPABILITY")
    assert {b"IDLE", b"MOVE", b"UIDPLUS", b"SPECIAL-USE", b"LIST-STATUS", b"UNSELECT"} <= set(told.split())
    assert b"AUTH=PLAIN" not in told


@pytest.mark.parametrize(
    "command",
    [
        'LOGIN al@pacino.example "secret"',
        "login AL@PACINO.EXAMPLE {6+}\r\nsecret",
        plain(b"\0al@pacino.example\0secret"),
        plain(b"al@pacino.example\0al@pacino.example\0secret"),
    ],
)
async def test_signing_in(provider: TrialProvider, command: str) -> None:
    async with Talk(provider.imap_port) as talk:
        await talk.answer()
        assert (await talk.do(command))[-1].startswith(b"OK [CAPABILITY ")
        assert (await talk.do("LOGIN a b"))[-1] == b"BAD you have signed in already"


async def test_authenticate_asks_for_what_was_not_given(provider: TrialProvider) -> None:
    async with Talk(provider.imap_port) as talk:
        await talk.answer()
        await talk.send(b"x AUTHENTICATE PLAIN\r\n")
        assert await talk.answer() == b"+ "
        await talk.send(base64.b64encode(b"\0al@pacino.example\0secret") + b"\r\n")
        assert (await talk.answer()).startswith(b"x OK ")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("LOGIN al@pacino.example wrong", b"NO [AUTHENTICATIONFAILED]"),
        ("LOGIN nobody@pacino.example secret", b"NO [AUTHENTICATIONFAILED]"),
        ('LOGIN al@pacino.example ""', b"NO [AUTHENTICATIONFAILED]"),
        ("LOGIN al@pacino.example", b"BAD"),
        ("AUTHENTICATE PLAIN !!!", b"BAD"),
        ("AUTHENTICATE PLAIN *", b"BAD"),
        ("AUTHENTICATE PLAIN =", b"BAD"),
        ("AUTHENTICATE PLAIN " + base64.b64encode(b"al\0secret").decode(), b"BAD"),
        (
            "AUTHENTICATE PLAIN " + base64.b64encode(b"x\0al@pacino.example\0secret").decode(),
            b"NO [AUTHORIZATIONFAILED]",
        ),
        ("AUTHENTICATE PLAIN " + base64.b64encode(b"\0\xff\0secret").decode(), b"NO [AUTHENTICATIONFAILED]"),
        ("AUTHENTICATE CRAM-MD5", b"NO [CANNOT]"),
        ("SELECT INBOX", b"BAD sign in first"),
        ("FETCH 1 UID", b"BAD sign in first"),
    ],
)
async def test_S16_nobody_gets_in_without_the_password(provider: TrialProvider, command: str, answer: bytes) -> None:
    async with Talk(provider.imap_port) as talk:
        await talk.answer()
        assert (await talk.do(command))[-1].startswith(answer)
        assert (await talk.do('LIST "" *'))[-1] == b"BAD sign in first"


async def test_S14_three_wrong_passwords_end_the_connection(provider: TrialProvider) -> None:
    async with Talk(provider.imap_port) as talk:
        await talk.answer()
        for _ in range(2):
            assert (await talk.do("LOGIN al@pacino.example wrong"))[0].startswith(b"NO ")
        assert (await talk.do("LOGIN al@pacino.example wrong"))[0].startswith(b"* BYE ")
        assert await talk.rest() == b""


async def test_selecting_tells_what_the_folder_holds(provider: TrialProvider, talk: Talk) -> None:
    folder = provider.account(AL).folders["INBOX"]
    folder.deliver(LETTER, ["\\Seen", "$Work"])
    folder.deliver(LETTER)
    answers = await talk.do("SELECT inbox")
    assert b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)" in answers
    assert b"* 2 EXISTS" in answers
    assert any(answer.startswith(b"* OK [UNSEEN 2]") for answer in answers)
    assert any(answer.startswith(b"* OK [UIDVALIDITY %d]" % folder.uidvalidity) for answer in answers)
    assert any(answer.startswith(b"* OK [UIDNEXT 3]") for answer in answers)
    assert answers[-1].startswith(b"OK [READ-WRITE]")


async def test_a_folder_that_is_not_there_closes_the_one_that_was_open(talk: Talk) -> None:
    await talk.do("SELECT INBOX")
    assert (await talk.do("SELECT Nowhere"))[-1].startswith(b"NO [NONEXISTENT]")
    assert (await talk.do("FETCH 1 UID"))[-1] == b"BAD select a folder first"


async def test_folders_are_listed_with_their_uses(talk: Talk) -> None:
    assert await talk.do('LIST "" *') == [
        b'* LIST (\\HasNoChildren) "/" "INBOX"',
        b'* LIST (\\Sent \\HasNoChildren) "/" "Sent"',
        b'* LIST (\\Drafts \\HasNoChildren) "/" "Drafts"',
        b'* LIST (\\Trash \\HasNoChildren) "/" "Trash"',
        b'* LIST (\\Archive \\HasNoChildren) "/" "Archive"',
        b"OK listed",
    ]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ('LIST "" ""', [b'* LIST (\\Noselect) "/" ""']),
        ('LIST (SPECIAL-USE) "" S*', [b'* LIST (\\Sent \\HasNoChildren) "/" "Sent"']),
        (
            'LIST "" (INBOX Sent)',
            [b'* LIST (\\HasNoChildren) "/" "INBOX"', b'* LIST (\\Sent \\HasNoChildren) "/" "Sent"'],
        ),
        ('LIST "" Sen% RETURN (SPECIAL-USE CHILDREN)', [b'* LIST (\\Sent \\HasNoChildren) "/" "Sent"']),
        ('LIST (SUBSCRIBED) "" Sent', [b'* LIST (\\Sent \\HasNoChildren \\Subscribed) "/" "Sent"']),
        (
            'LIST "" INBOX RETURN (STATUS (MESSAGES UNSEEN))',
            [b'* LIST (\\HasNoChildren) "/" "INBOX"', b'* STATUS "INBOX" (MESSAGES 0 UNSEEN 0)'],
        ),
        ('LSUB "" Sent', [b'* LSUB () "/" "Sent"']),
        ("STATUS Sent (MESSAGES UIDNEXT UNSEEN RECENT)", [b'* STATUS "Sent" (MESSAGES 0 UIDNEXT 1 UNSEEN 0 RECENT 0)']),
        ("NAMESPACE", [b'* NAMESPACE (("" "/")) NIL NIL']),
        ('ID ("name" "test" "version" NIL)', [b'* ID ("name" "Postern")']),
        ("ID NIL", [b'* ID ("name" "Postern")']),
        ("ENABLE X-NONE", [b"* ENABLED"]),
        ("NOOP", []),
    ],
)
async def test_a_question_is_answered(talk: Talk, command: str, told: list[bytes]) -> None:
    answers = await talk.do(command)
    assert answers[:-1] == told
    assert answers[-1].startswith(b"OK ")


async def test_a_new_folder_can_be_subscribed_and_listed_by_its_real_name(talk: Talk) -> None:
    assert (await talk.do('CREATE "Clien&AVs-i/Pacino/"'))[-1] == b"OK created"
    assert (await talk.do('CREATE "Clien&AVs-i/Pacino"'))[-1].startswith(b"NO [ALREADYEXISTS]")
    assert (await talk.do('UNSUBSCRIBE "Clien&AVs-i/Pacino"'))[-1].startswith(b"OK ")
    assert await talk.do('LSUB "" Clien*') == [b"OK listed"]
    assert (await talk.do('LIST "" Clien*'))[0] == b'* LIST (\\HasNoChildren) "/" "Clien&AVs-i/Pacino"'
    assert (await talk.do("SUBSCRIBE Nowhere"))[-1].startswith(b"NO [NONEXISTENT]")


@pytest.mark.parametrize("name", ['"/a"', '"a//b"', '"/"', '"a*"', '""'])
async def test_a_folder_without_a_proper_name_is_not_created(talk: Talk, name: str) -> None:
    assert (await talk.do(f"CREATE {name}"))[-1].startswith(b"NO [CANNOT]")


async def test_append_keeps_every_octet_and_tells_the_uid(provider: TrialProvider, talk: Talk) -> None:
    folder = provider.account(AL).folders["Sent"]
    literal = b"{%d+}\r\n" % len(LETTER) + LETTER
    answer = (await talk.do(b'APPEND Sent (\\Seen $Work) " 1-Feb-2026 10:00:00 +0200" ' + literal))[-1]
    assert answer == b"OK [APPENDUID %d 1] kept" % folder.uidvalidity
    message = folder.messages[0]
    assert message.raw == LETTER
    assert message.flags == {"\\Seen", "$Work"}
    assert message.internaldate.isoformat() == "2026-02-01T10:00:00+02:00"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"APPEND Nowhere {1+}\r\nx", b"NO [TRYCREATE]"),
        (b"APPEND Sent {1+}\r\n\0", b"NO [CANNOT]"),
        (b'APPEND Sent "32-Feb-2026 10:00:00 +0000" {1+}\r\nx', b"BAD"),
        (b'APPEND Sent "01-Feb-2026 10:00:00 +9900" {1+}\r\nx', b"BAD"),
        (b"APPEND Sent (\\Nonsense) {1+}\r\nx", b"BAD"),
        (b"APPEND Sent x", b"BAD"),
        (b'APPEND Sent "x"', b"BAD"),
        (b"APPEND Sent ~{1+}\r\nx", b"BAD"),
    ],
)
async def test_an_append_that_cannot_be_done(talk: Talk, command: bytes, answer: bytes) -> None:
    assert (await talk.do(command))[-1].startswith(answer)
    assert (await talk.do("NOOP"))[-1].startswith(b"OK ")


async def test_appending_to_the_open_folder_is_told(talk: Talk) -> None:
    await talk.do("SELECT Sent")
    assert (await talk.do(b"APPEND Sent {1+}\r\nx"))[0] == b"* 1 EXISTS"


@pytest.fixture
async def three(provider: TrialProvider, talk: Talk) -> Talk:
    """Give a connection on an INBOX of three letters."""
    for _ in range(3):
        provider.deliver(AL, LETTER)
    await talk.do("SELECT INBOX")
    return talk


async def test_flags_are_set_added_and_removed(three: Talk) -> None:
    assert (await three.do("STORE 1 FLAGS (\\seen $A)"))[0] == b"* 1 FETCH (FLAGS ($A \\Seen))"
    assert (await three.do("UID STORE 1 +FLAGS \\Flagged $B"))[0] == b"* 1 FETCH (UID 1 FLAGS ($A $B \\Flagged \\Seen))"
    assert (await three.do("STORE 1 -FLAGS ($A $B)"))[0] == b"* 1 FETCH (FLAGS (\\Flagged \\Seen))"
    assert await three.do("STORE 1:3 FLAGS.SILENT ()") == [b"OK stored"]
    assert await three.do("NOOP") == [b"OK nothing done"]


async def test_what_another_flags_is_told(provider: TrialProvider, three: Talk) -> None:
    async with Talk(provider.imap_port) as other:
        await other.sign_in()
        await other.do("SELECT INBOX")
        await other.do("STORE 2 +FLAGS (\\Answered)")
    assert await three.do("NOOP") == [b"* 2 FETCH (UID 2 FLAGS (\\Answered))", b"OK nothing done"]


async def test_expunge_counts_down_from_the_end(three: Talk) -> None:
    await three.do("STORE 1,3 +FLAGS (\\Deleted)")
    assert await three.do("EXPUNGE") == [b"* 3 EXPUNGE", b"* 1 EXPUNGE", b"OK removed"]


async def test_uid_expunge_removes_only_what_is_named_and_marked(three: Talk) -> None:
    await three.do("STORE 1:2 +FLAGS (\\Deleted)")
    assert await three.do("UID EXPUNGE 2:3") == [b"* 2 EXPUNGE", b"OK removed"]


async def test_close_removes_and_unselect_does_not(provider: TrialProvider, three: Talk) -> None:
    folder = provider.account(AL).folders["INBOX"]
    await three.do("STORE 1 +FLAGS (\\Deleted)")
    assert await three.do("UNSELECT") == [b"OK closed, nothing removed"]
    assert len(folder.messages) == 3
    await three.do("SELECT INBOX")
    assert await three.do("CLOSE") == [b"OK closed"]
    assert [message.uid for message in folder.messages] == [2, 3]


async def test_copy_and_move_tell_where_things_went(provider: TrialProvider, three: Talk) -> None:
    archive = provider.account(AL).folders["Archive"]
    code = b"[COPYUID %d " % archive.uidvalidity
    await three.do("STORE 2 +FLAGS.SILENT (\\Flagged)")
    assert (await three.do("COPY 2:3 Archive"))[-1] == b"OK " + code + b"2:3 1:2] copied"
    assert await three.do("UID MOVE 1 Archive") == [b"* OK " + code + b"1 3] moved", b"* 1 EXPUNGE", b"OK moved"]
    assert [message.flags for message in archive.messages] == [{"\\Flagged"}, set(), set()]
    assert (await three.do("COPY 1 Nowhere"))[-1].startswith(b"NO [TRYCREATE]")
    assert await three.do("UID COPY 99 Archive") == [b"OK copied"]


@pytest.mark.parametrize("command", ["STORE 1 FLAGS (\\Seen)", "EXPUNGE", "MOVE 1 Archive"])
async def test_a_folder_opened_to_look_is_not_changed(provider: TrialProvider, three: Talk, command: str) -> None:
    before = list(provider.account(AL).folders["INBOX"].messages)
    await three.do("EXAMINE INBOX")
    assert (await three.do(command))[-1].startswith(b"NO [CANNOT]")
    await three.do("CLOSE")
    assert provider.account(AL).folders["INBOX"].messages == before


async def test_idle_tells_at_once_what_happens(provider: TrialProvider, talk: Talk) -> None:
    await talk.do("SELECT INBOX")
    await talk.send(b"i IDLE\r\n")
    assert await talk.answer() == b"+ idling"
    provider.deliver(AL, LETTER)
    assert await talk.answer() == b"* 1 EXISTS"
    provider.account(AL).folders["INBOX"].remove(1)
    assert await talk.answer() == b"* 1 EXPUNGE"
    await talk.send(b"done\r\n")
    assert await talk.answer() == b"i OK idle ended"
    assert provider.account(AL).folders["INBOX"].watchers == 0


async def test_idle_ends_with_the_connection(provider: TrialProvider, talk: Talk) -> None:
    folder = provider.account(AL).folders["INBOX"]
    await talk.do("SELECT INBOX")
    await talk.send(b"i IDLE\r\n")
    await talk.answer()
    provider.drop_connections()
    assert await talk.rest() == b""
    assert folder.watchers == 0


async def test_only_done_ends_idle(talk: Talk) -> None:
    await talk.send(b"i IDLE\r\nNOOP\r\n")
    assert await talk.answer() == b"+ idling"
    assert await talk.answer() == b"i BAD DONE was expected"


async def test_D2_a_new_uidvalidity_ends_the_connection(provider: TrialProvider, three: Talk) -> None:
    provider.account(AL).folders["INBOX"].renew()
    assert (await three.do("NOOP"))[0].startswith(b"* BYE ")


async def test_logout_says_goodbye(talk: Talk) -> None:
    assert await talk.do("LOGOUT") == [b"* BYE until next time", b"OK signed out"]
    assert await talk.rest() == b""


async def test_F2_who_is_silent_is_hung_up_on(provider: TrialProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SIGN_IN_PATIENCE", 0.05)
    async with Talk(provider.imap_port) as talk:
        await talk.answer()
        await talk.send(b"a NOO")
        assert await talk.rest() == b"* BYE you have been silent for too long\r\n"


async def test_F2_an_unfinished_authenticate_is_hung_up_on(
    provider: TrialProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SIGN_IN_PATIENCE", 0.05)
    async with Talk(provider.imap_port) as talk:
        await talk.answer()
        await talk.send(b"a AUTHENTICATE PLAIN\r\n")
        assert await talk.rest() == b"+ \r\n* BYE you have been silent for too long\r\n"


async def test_idle_is_renewed_or_ends(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.proxy.imap.commands import selection

    monkeypatch.setattr(selection, "PATIENCE", 0.05)
    await talk.send(b"i IDLE\r\n")
    assert b"* BYE you have been idle for too long\r\n" in await talk.rest()


async def test_two_sessions_see_the_same_folder(provider: TrialProvider) -> None:
    async with Talk(provider.imap_port) as first, Talk(provider.imap_port) as second:
        await asyncio.gather(first.sign_in(), second.sign_in())
        await asyncio.gather(first.do("SELECT INBOX"), second.do("SELECT INBOX"))
        await first.do(b"APPEND INBOX {1+}\r\nx")
        assert (await second.do("NOOP"))[0] == b"* 1 EXISTS"


async def test_what_a_provider_lacks_is_neither_offered_nor_obeyed() -> None:
    async with (
        TrialProvider({AL: "secret"}, without=("IDLE", "UIDPLUS", "MOVE")) as provider,
        Talk(provider.imap_port) as talk,
    ):
        await talk.sign_in()
        told = (await talk.do("CAPABILITY"))[0].split()
        assert not {b"IDLE", b"UIDPLUS", b"MOVE"} & set(told)
        assert (await talk.do("IDLE"))[-1] == b"BAD there is no such command"
        assert (await talk.do(b"APPEND INBOX {1+}\r\nx"))[-1] == b"OK kept"
