"""Mail programs that people have: each hands over a message, and it is what it wrote."""

from __future__ import annotations

import pytest

from tests.peers import programs
from tests.peers.ca import Ca
from tests.submission.house import LOGIN, PASSWORD, house

HEAD = b"From: Ana <ana@firm.example>\r\nTo: c@client.example\r\nSubject: x\r\n\r\n"
RAW = HEAD + b"line\r\n.dot\r\n..two\r\n.\r\n\xc4\x83\r\n"

pytestmark = pytest.mark.real


async def test_swaks_submits() -> None:
    async with house() as found:
        account = programs.Account("127.0.0.1", found.port, LOGIN, PASSWORD)
        ran = await programs.swaks(account, "ana@firm.example", ["c@client.example", "d@client.example"], RAW)
        assert ran.status == 0, ran.output
        assert RAW.rstrip(b"\r\n") in found.accepted[0].raw
        assert len(found.accepted[0].recipients) == 2


@pytest.mark.parametrize("secure", [False, True])
async def test_msmtp_submits(ca: Ca, secure: bool) -> None:
    async with house(ca) as found:
        account = programs.Account("localhost", found.port, LOGIN, PASSWORD, ca.trust if secure else None)
        ran = await programs.msmtp(account, "ana@firm.example", ["c@client.example"], RAW)
        assert ran.status == 0, ran.output
        assert found.accepted[0].raw.endswith(RAW.partition(b"\r\n\r\n")[2])
        assert found.accepted[0].tls is secure


async def test_curl_submits(ca: Ca) -> None:
    async with house(ca) as found:
        ran = await programs.run(
            programs.or_skip("curl"),
            *("--silent", "--show-error", "--ssl-reqd", "--cacert", str(ca.trust)),
            *("--url", f"smtp://localhost:{found.port}/mail.program", "--user", f"{LOGIN}:{PASSWORD}"),
            *("--mail-from", "ana@firm.example", "--mail-rcpt", "c@client.example", "--upload-file", "-"),
            stdin=RAW,
        )
        assert ran.status == 0, ran.output
        assert found.accepted[0].raw == RAW


async def test_a_wrong_password_is_said_to_the_person() -> None:
    async with house() as found:
        account = programs.Account("127.0.0.1", found.port, LOGIN, "wrong")
        ran = await programs.swaks(account, "ana@firm.example", ["c@client.example"], RAW)
        assert ran.status != 0
        assert "535 5.7.8 Wrong user name or password" in ran.output
