"""Google's labels and numbers as a session gives them, whatever a server writes in their place."""

from __future__ import annotations

import pytest

from gateway.upstream.imap.fetch import HeaderRow
from gateway.upstream.imap.labels import UIDS_AT_ONCE
from tests.upstream.imap.scripted import CAPABILITY, Scripted, Talk

GOOGLE = f"{CAPABILITY} CONDSTORE X-GM-EXT-1"


async def header_row(items: bytes) -> HeaderRow:
    """The row of a FETCH answered with these items."""

    async def script(talk: Talk) -> None:
        await talk.welcome(GOOGLE)
        await talk.show()
        assert "X-GM-MSGID X-GM-LABELS" in await talk.hear("UID FETCH")
        await talk.say(b"* 1 FETCH (UID 1 RFC822.SIZE 5 " + items + b" BODY[HEADER]<0> {5}\r\nA: b\n)")
        await talk.ok()
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        await session.examine("INBOX")
        (row,) = await session.fetch_headers(1, 1)
        await session.close()
        return row


async def test_labels_and_number_are_read_as_people_write_them() -> None:
    labels = rb'(\Inbox "\\Sent" Important "Muy Importante" "Gr&APYA3w-e/&-" {3}' + b"\r\na\tb)"
    row = await header_row(b"X-GM-MSGID 1278455344230334865 X-GM-LABELS " + labels)
    assert row.number == 1278455344230334865
    assert row.labels == tuple(sorted(("\\Inbox", "\\Sent", "Important", "Muy Importante", "Größe/&", "a\tb")))


@pytest.mark.parametrize(
    ("items", "number", "labels"),
    [
        (b"X-GM-MSGID NIL X-GM-LABELS NIL", 0, ()),
        (b"X-GM-MSGID 9223372036854775808 X-GM-LABELS ()", 0, ()),
        (b'X-GM-MSGID 7 X-GM-LABELS ((nested) "G&rosse" "Gr\xc3\xb6" NIL)', 7, ("G&rosse", "Grö")),
        (b"X-GM-MSGID 7 X-GM-LABELS atom", 7, ()),
        (b"FLAGS ()", 0, ()),
    ],
)
async def test_D4_what_is_no_number_and_what_is_no_label_is_none(
    items: bytes, number: int, labels: tuple[str, ...]
) -> None:
    row = await header_row(items)
    assert (row.number, row.labels) == (number, labels)


async def test_D4_thousands_of_long_labels_are_bounded() -> None:
    row = await header_row(
        b"X-GM-MSGID 7 X-GM-LABELS (" + b" ".join(b"%d%s" % (n, b"x" * 300) for n in range(2000)) + b")"
    )
    assert len(row.labels) == 500
    assert max(map(len, row.labels)) <= 225


async def test_what_changed_is_asked_for_in_portions() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome(GOOGLE)
        await talk.show()
        assert await talk.hear("UID FETCH") == f"1:{UIDS_AT_ONCE} (UID X-GM-LABELS) (CHANGEDSINCE 41)"
        await talk.say(b"* 3 FETCH (UID 30 MODSEQ (42) X-GM-LABELS (\\Sent))", b"* 4 FETCH (UID 31 FLAGS (\\Seen))")
        await talk.ok()
        assert (
            await talk.hear("UID FETCH") == f"{UIDS_AT_ONCE + 1}:{UIDS_AT_ONCE + 4} (UID X-GM-LABELS) (CHANGEDSINCE 41)"
        )
        await talk.ok()
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        await session.examine("INBOX")
        assert await session.relabelled(UIDS_AT_ONCE + 5, 41) == {30: ("\\Sent",)}
        await session.close()


async def test_without_labels_nothing_is_asked() -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome(f"{CAPABILITY} CONDSTORE")
        await talk.show()
        await talk.listen()

    async with Scripted(script) as server:
        session = await server.session()
        await session.examine("INBOX")
        assert await session.relabelled(100, 41) == {}
        await session.close()
