"""One POST: to the very address that was weighed, with nothing followed, and an error with a sentence for the rest."""

from __future__ import annotations

import gc
import ssl
from collections.abc import Sequence

import pytest
import trustme

from gateway.domain.errors import PosternError, ProtocolFault, Refusal, Unreachable
from gateway.domain.webhook import Target
from gateway.upstream import http
from gateway.upstream.http import post
from tests.office.listener import Listener, listening

NO_TLS = ssl.create_default_context


async def send(listener: Listener, addresses: Sequence[str] = ("127.0.0.1",), *, allow_private: bool = True) -> int:
    async def resolve(host: str, port: int) -> Sequence[str]:
        assert (host, port) == ("hooks.firm.example", listener.port)
        return addresses

    target = Target("hooks.firm.example", listener.port, "/x?y=z", False)
    fields = {"webhook-id": "evt_1"}
    return await post(target, fields, b"{}", context=NO_TLS, allow_private=allow_private, resolve=resolve)


async def test_a_request_is_whole_and_the_status_comes_back() -> None:
    async with listening() as listener:
        assert await send(listener) == 204
    ((fields, body),) = listener.requests
    assert listener.lines == ["POST /x?y=z HTTP/1.1"]
    assert (fields["host"], body) == (f"hooks.firm.example:{listener.port}", b"{}")
    assert (fields["webhook-id"], fields["content-length"], fields["connection"]) == ("evt_1", "2", "close")


async def test_X5_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with listening() as listener:
        listener.answer(302)
        assert await send(listener) == 302
    assert len(listener.requests) == 1


async def test_X5_a_name_that_leads_inside_is_not_connected_to() -> None:
    async with listening() as listener:
        for addresses in (["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["::ffff:127.0.0.1"]):
            with pytest.raises(Refusal, match="nothing was sent"):
                await send(listener, addresses, allow_private=False)
    assert listener.requests == []


async def test_X5_the_address_that_was_weighed_is_dialled_whatever_the_name_says_next() -> None:
    """A name that is public at the first question and ours at the second: there is no second."""
    asked: list[str] = []

    async def flipping(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["192.0.2.1"] if len(asked) == 1 else ["127.0.0.1"]

    async with listening() as listener:
        target = Target("flips.example", listener.port, "/", False)
        with pytest.raises(Refusal):
            await post(target, {}, b"", context=NO_TLS, allow_private=False, resolve=flipping)
        assert asked == ["flips.example"]
        assert await post(target, {}, b"", context=NO_TLS, allow_private=True, resolve=flipping) == 204
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", Unreachable),
        (b"SSH-2.0-OpenSSH\r\n", ProtocolFault),
        (b"HTTP/1.1 999 X\r\n\r\n", ProtocolFault),
        (b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n", ProtocolFault),
    ],
)
async def test_what_is_no_answer_is_an_error_with_a_sentence(answer: bytes, error: type[PosternError]) -> None:
    async with listening() as listener:
        listener.answers = [answer]
        with pytest.raises(error, match=r"hooks\.firm\.example"):
            await send(listener)


async def test_a_server_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TOTAL_SECONDS", 0.0)
    async with listening() as listener:
        with pytest.raises(Unreachable, match="did not answer"):
            await send(listener)


# asyncio's server forgets to close what failed its handshake; it is the listener's end, not ours. It is collected here,
# or the warning comes in whichever test is the next to have its garbage collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_X5_tls_checks_the_name_and_not_the_address() -> None:
    ca, server, client = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert("hooks.firm.example").configure_cert(server)
    ca.configure_trust(client)

    async def here(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async with listening(server) as listener:
        target = Target("hooks.firm.example", listener.port, "/", True)
        assert await post(target, {}, b"", context=lambda: client, allow_private=True, resolve=here) == 204
        for name, context in (("other.example", client), ("hooks.firm.example", ssl.create_default_context())):
            wrong = Target(name, listener.port, "/", True)
            with pytest.raises(Unreachable, match="certificate"):
                await post(wrong, {}, b"secret", context=lambda one=context: one, allow_private=True, resolve=here)  # type: ignore[misc]
    assert [body for _, body in listener.requests] == [b""]
    gc.collect()
