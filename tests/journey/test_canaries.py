"""Rows X1 to X3 on the real daemon at its most talkative: planted secrets lie nowhere but where they are sealed."""

from __future__ import annotations

import base64
import smtplib
import socket
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.gateway_process import GatewayProcess
from tests.journey import seen
from tests.journey.firm import ANA_PASSWORD, FirmOnPaper
from tests.journey.mail import note, submit
from tests.journey.provider import Provider
from tests.waiting import until

WRONG = "canary-Wr0ng/pass+word"  # typed by somebody who is no member
UPSTREAM = "canary-Upstre4m/?pass word"  # of a mailbox whose provider refuses it
TYPED = "canary-typed-into-the-wr0ng-field"  # a password where the login belongs
SENT = "canary-In-A-B0dy-of-json"
BODY = "canary-of-the-text-itself"
BLIND = "canary.blind@elsewhere.example"


def spellings(secret: str) -> Iterator[bytes]:
    """As it is, in a URL, and in Base64 behind any number of octets: the digits that no neighbour can change."""
    plain = secret.encode()
    yield plain
    yield quote(secret, safe="").encode()
    for shift in range(3):
        digits = base64.b64encode(bytes(shift) + plain).rstrip(b"=")
        yield digits[(shift * 8 + 5) // 6 : len(digits) - 1]


def hits(content: bytes, secrets: Iterable[str]) -> list[str]:
    return [secret for secret in secrets if any(one in content for one in spellings(secret))]


def test_a_secret_is_found_in_any_spelling() -> None:
    for text in (
        WRONG,
        quote(WRONG, safe=""),
        *(base64.b64encode(b"x" * n + WRONG.encode()).decode() for n in range(4)),
    ):
        assert hits(f"... {text} ...".encode(), [WRONG]) == [WRONG]
    assert hits(base64.b64encode(f"\0ana\0{WRONG}".encode()), [WRONG]) == [WRONG]
    assert hits(b"nothing", [WRONG]) == []


@pytest.mark.parametrize("provider", ["trial"], indirect=True)
@pytest.mark.parametrize("settings", ['[log]\nlevel = "debug"\n'])
async def test_X1_X2_X3_no_secret_is_in_a_file_a_log_an_answer_or_the_process(
    gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper, tmp_path: Path
) -> None:
    told = [await _sign_in_wrongly(gateway), *await _ask_wrongly(gateway)]
    body = note(firm.support, firm.client) + f"{BODY}\r\n".encode()
    await submit(gateway.submission_port, firm.support, [firm.client, BLIND], b"Bcc: %b\r\n%b" % (BLIND.encode(), body))
    await until(lambda: any('"blind": 1' in line for line in gateway.log), what="the attempt was told of")
    token = (await gateway.cli("member", "token", "ana"))["token"]
    hook = (await gateway.cli("webhook", "add", "crm", "https://hooks.firm.example/x"))["secret"].removeprefix("whsec_")
    told.append((await gateway.say("backup", str(tmp_path / "backup"))).stdout.encode())
    await _refuse_upstream(gateway, provider, firm, tmp_path)
    for arguments in (("export",), ("status",), ("activity", "--json"), ("webhook", "list", "--json"), ("verify",)):
        said = await gateway.say(*arguments)
        told.append((said.stdout + said.stderr).encode())
    secrets = (WRONG, UPSTREAM, TYPED, SENT, ANA_PASSWORD, token, hook)
    process = Path(f"/proc/{gateway.pid}")
    talked = "\n".join(gateway.log).encode()
    kept = [path for root in (gateway.data_dir, tmp_path / "backup") for path in root.rglob("*") if path.is_file()]
    assert any(path.name.endswith("-wal") for path in kept), "it is what we look through"
    assert b"debug" in talked
    assert hits(talked, (*secrets, BODY, BLIND)) == []
    assert hits(b"\n".join(told), secrets) == []
    assert {path.name: found for path in kept if (found := hits(path.read_bytes(), secrets))} == {}
    for name in ("cmdline", "environ"):
        assert hits((process / name).read_bytes(), secrets) == []
    assert all(path.stat().st_mode & 0o007 == 0 for path in kept)


async def _sign_in_wrongly(gateway: GatewayProcess) -> bytes:
    """Each on a connection of its own: the gateway hangs up on guessers."""
    heard = b""
    plain = base64.b64encode(f"\0ana\0{WRONG}".encode()).decode()
    for line in (f"AUTH PLAIN {plain}", f"AUTH PLAIN {plain[:-3]}", f"MAIL FROM:<{WRONG}>"):
        with smtplib.SMTP("127.0.0.1", gateway.submission_port) as smtp:
            smtp.ehlo()
            heard += b" ".join(str(part).encode() for part in smtp.docmd(line))
    for user, password in ((TYPED, "x"), (TYPED, WRONG)):
        with smtplib.SMTP("127.0.0.1", gateway.submission_port) as smtp:
            with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                smtp.login(user, password)
            heard += str(refused.value).encode()
    return heard


async def _ask_wrongly(gateway: GatewayProcess) -> list[bytes]:
    """A body that does not fit, a token that is none, a path that is not there: each with a secret in it."""
    shown = f"Authorization: Bearer {SENT}\r\n"
    asked = (
        ("POST /v1/backup", f'{{"dir": 7, "x": "{SENT}"}}', ""),
        ("POST /v1/apply", f'{{"member": [{{"login": 1, "password": "{SENT}"}}]}}', ""),
        ("POST /v1/apply", f'{{"member": "{SENT}', ""),
        ("GET /v1/status", "", shown),
        ("POST /v1/dkim", f'{{"domain": ["{SENT}"]}}', ""),
    )
    heard = []
    for line, body, more in asked:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(str(gateway.socket))
            head = f"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n{more}"
            sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            heard.append(b"".join(iter(partial(sock.recv, 65536), b"")))
    assert all(b"HTTP/1.1 4" in one for one in heard)
    return heard


async def _refuse_upstream(gateway: GatewayProcess, provider: Provider, firm: FirmOnPaper, tmp_path: Path) -> None:
    changed = tmp_path / "changed.toml"
    changed.write_text(firm.toml(provider, password=UPSTREAM))
    await gateway.cli("apply", str(changed))

    async def is_refused() -> bool:
        states = (await gateway.get("/v1/mailboxes"))["mailboxes"]
        return bool(states[0]["sync"]["state"] == "stopped")

    await until(is_refused, timeout=30, what="the mailbox stopped")
    await seen.entries(gateway)
