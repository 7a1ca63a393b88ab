"""One connection: whoever waits for a reply gets a reply or the reason why none comes, and nothing else wakes them."""

from __future__ import annotations

import asyncio

import pytest

from gateway.upstream.smtp.conversation import Conversation
from gateway.upstream.smtp.outcomes import Trouble


async def waiting(conversation: Conversation) -> asyncio.Task[int]:
    async def code() -> int:
        return (await conversation.reply("final", 20)).code

    task = asyncio.create_task(code())
    await asyncio.sleep(0)  # so that it waits
    return task


async def test_F7_room_to_write_again_is_no_reply() -> None:
    conversation = Conversation()
    task = await waiting(conversation)
    conversation.pause_writing()
    conversation.resume_writing()
    await asyncio.sleep(0)
    assert not task.done()
    conversation.data_received(b"250 taken\r\n")
    assert await task == 250


async def test_the_end_is_told_to_who_waits() -> None:
    conversation = Conversation()
    task = await waiting(conversation)
    conversation.connection_lost(None)
    with pytest.raises(Trouble):
        await task
