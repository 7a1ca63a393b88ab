"""Mail programs from the distribution, run as a person would run them, beside the test's event loop."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.peers import ground

PATIENCE = 60  # seconds: longer than any of these programs waits by itself for a server on loopback


@dataclass(frozen=True)
class Account:
    """What a person types into a mail program; with `trust` it uses STARTTLS and believes that authority only."""

    host: str
    port: int
    login: str
    password: str
    trust: Path | None = None


@dataclass(frozen=True)
class Ran:
    """How the program ended and what it said on both outputs."""

    status: int
    output: str


def or_skip(name: str) -> str:
    """Return the program's path, or skip the test."""
    path = ground.program(name)
    if path is None:
        pytest.skip(f"{ground.MISSING}: {name} not installed; run scripts/test as root on Debian or Ubuntu")
    return path


async def run(*command: str, stdin: bytes = b"", home: Path | None = None) -> Ran:
    """Run a program to its end, with a home folder of its own so that nobody's settings take part."""
    environ = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "HOME": str(home or "/nonexistent")}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environ,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            output, _ = await process.communicate(stdin)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return Ran(process.returncode or 0, output.decode(errors="replace"))


async def swaks(account: Account, sender: str, recipients: Sequence[str], raw: bytes, *more: str) -> Ran:
    """Submit by swaks, in clear (its TLS wants a package more); its output is the whole dialogue."""
    assert account.trust is None
    path = or_skip("swaks")
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "message.eml"
        data.write_bytes(raw.replace(b"\r\n", b"\n"))  # swaks makes the line ends of the wire itself
        sign_in = ["--auth", "PLAIN", "--auth-user", account.login, "--auth-password", account.password]
        server = ["--server", account.host, "--port", str(account.port)]
        envelope = ["--from", sender, "--to", ",".join(recipients), "--data", f"@{data}"]
        return await run(path, *server, *sign_in, *envelope, *more, home=Path(name))


async def msmtp(account: Account, sender: str, recipients: Sequence[str], raw: bytes) -> Ran:
    """Submit by msmtp, as `sendmail` would."""
    path = or_skip("msmtp")
    lines = [
        "account default",
        f"host {account.host}",
        f"port {account.port}",
        "auth plain",
        f"user {account.login}",
        f'password "{account.password}"',
        "timeout 30",
        *(["tls on", "tls_starttls on", f"tls_trust_file {account.trust}"] if account.trust else ["tls off"]),
    ]
    with tempfile.TemporaryDirectory() as name:
        settings = Path(name) / "msmtprc"
        settings.touch(mode=0o600)
        settings.write_text("\n".join(lines) + "\n")
        command = [path, "-C", str(settings), "-f", sender, "--", *recipients]
        return await run(*command, stdin=raw.replace(b"\r\n", b"\n"), home=Path(name))


async def mutt(
    account: Account, sender: str, recipients: Sequence[str], subject: str, body: str, attachments: Sequence[Path] = ()
) -> Ran:
    """Write and send a message in mutt, which builds the message itself."""
    path = or_skip("mutt")
    lines = [
        f'set smtp_url = "smtp://{quote(account.login, safe="")}@{account.host}:{account.port}"',
        f'set smtp_pass = "{account.password}"',
        'set smtp_authenticators = "plain"',
        f'set from = "{sender}"',
        "set use_from = yes",
        "set use_envelope_from = yes",
        "set copy = no",
        "set ssl_force_tls = no",
        *(["set ssl_starttls = yes", f'set certificate_file = "{account.trust}"'] if account.trust else []),
        *([] if account.trust else ["set ssl_starttls = no"]),
    ]
    with tempfile.TemporaryDirectory() as name:
        settings = Path(name) / "muttrc"
        settings.write_text("\n".join(lines) + "\n")
        attach = ["-a", *map(str, attachments), "--"] if attachments else ["--"]
        command = [path, "-n", "-F", str(settings), "-s", subject, *attach, *recipients]
        return await run(*command, stdin=body.encode(), home=Path(name))


async def curl_submit(account: Account, sender: str, recipients: Sequence[str], raw: bytes) -> Ran:
    """Submit by curl."""
    tls = ["--ssl-reqd", "--cacert", str(account.trust)] if account.trust else []
    to = [word for recipient in recipients for word in ("--mail-rcpt", recipient)]
    url = f"smtp://{account.host}:{account.port}/client.example"
    return await _curl(account, *tls, "--mail-from", sender, *to, "--upload-file", "-", url, stdin=raw)


async def curl_read(account: Account, folder: str, uid: int) -> Ran:
    """Fetch one message by IMAP with curl."""
    tls = ["--ssl-reqd", "--cacert", str(account.trust)] if account.trust else []
    return await _curl(account, *tls, f"imap://{account.host}:{account.port}/{quote(folder)};UID={uid}")


async def _curl(account: Account, *words: str, stdin: bytes = b"") -> Ran:
    path = or_skip("curl")
    return await run(
        path, "--silent", "--show-error", "--user", f"{account.login}:{account.password}", *words, stdin=stdin
    )
