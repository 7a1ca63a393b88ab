"""What the daemon logs of failed sign-ins is what config/fail2ban looks for, and nothing else is (hostile S14)."""

from __future__ import annotations

import asyncio
import json
import re
from configparser import RawConfigParser
from pathlib import Path

import pytest

from tests.gateway_process import GatewayProcess
from tests.peers import ground
from tests.submission.dialogue import Peer
from tests.submission.signed_in import plain
from tests.waiting import until

FILTER = Path(__file__).parents[2] / "config/fail2ban/filter.d/postern.conf"
REGEX = Path("/usr/bin/fail2ban-regex")
FAILED = '{{"peer": "{}", "tls": true, "reason": "wrong user name or password", "event": "signin-failed", '
LEVEL = '"level": "warning", "timestamp": "2026-11-22T12:52:55.569219Z"}'


def looked_for() -> re.Pattern[str]:
    """The filter's expression as fail2ban reads it: <HOST> is an address."""
    parser = RawConfigParser()
    parser.read(FILTER)
    return re.compile(parser["Definition"]["failregex"].replace("<HOST>", r"(?P<host>[0-9a-fA-F:.]+)"))


async def failures(folder: Path) -> list[str]:
    """The log of a daemon to which somebody could not sign in, four times over; three count."""
    async with GatewayProcess(folder, settings_extra='[log]\nlevel = "warning"\nformat = "json"\n') as gateway:
        peer = await Peer.connect(gateway.submission_port)
        await peer.reply()
        await peer.ask("EHLO x")
        assert (await peer.ask("AUTH PLAIN !!!")).startswith("501 ")  # no try of a password
        assert (await peer.ask(plain(password="wrong"))).startswith("535 ")
        assert (await peer.ask(plain(password=""))).startswith("535 ")
        assert (await peer.ask(plain('", "event": "signin-failed', "x", authzid="other"))).startswith("421 ")
        await peer.close()
        await until(lambda: sum("signin-failed" in line for line in gateway.log) >= 3, what="three lines")
        return gateway.log


async def test_S14_each_failed_sign_in_is_a_line_that_the_filter_matches(tmp_path: Path) -> None:
    pattern = looked_for()
    found = [match["host"] for line in await failures(tmp_path) if (match := pattern.match(line))]
    assert found == ["127.0.0.1"] * 3


@pytest.mark.parametrize(
    ("line", "host"),
    [
        (FAILED.format("198.51.100.7") + LEVEL, "198.51.100.7"),
        (FAILED.format("2001:db8::9") + LEVEL, "2001:db8::9"),
        (" mail postern[12]: " + FAILED.format("198.51.100.7") + LEVEL, "198.51.100.7"),
        (FAILED.format("") + LEVEL, None),
        (json.dumps({"peer": "198.51.100.7", "tls": True, "reason": FAILED, "event": "session-refused"}), None),
        ('{"reason": "x", ' + FAILED.format("198.51.100.7")[1:] + LEVEL, None),
    ],
)
def test_S14_nobody_is_blamed_for_another_line(line: str, host: str | None) -> None:
    match = looked_for().match(line)
    assert (match and match["host"]) == host


@pytest.mark.real
async def test_S14_fail2ban_itself_reads_address_and_time(tmp_path: Path) -> None:
    if not REGEX.exists():
        pytest.skip(f"{ground.MISSING}: fail2ban-regex (the package fail2ban)")
    log = tmp_path / "log"
    log.write_text("".join(f"{line}\n" for line in await failures(tmp_path / "gateway")))
    process = await asyncio.create_subprocess_exec(REGEX, "-v", log, FILTER, stdout=asyncio.subprocess.PIPE)
    said = (await process.communicate())[0].decode()
    assert "Failregex: 3 total" in said
    assert len(re.findall(r"127\.0\.0\.1  \w{3} \w{3} +\d+ [\d:]{8} \d{4}", said)) == 3
