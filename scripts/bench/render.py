#!/usr/bin/env python3
"""CPU of rendering a message by offset, beside what Python's `email` takes to read and write it unchanged.

Usage: python scripts/bench/render.py
"""

from __future__ import annotations

import email
import email.policy
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from gateway.domain.address import Address, NamedAddress
from gateway.mime.header import Field
from gateway.mime.render import Edits, SignatureBlock, render

SIZES = {"2 KB": (20, 2_000), "20 KB": (300, 500), "1 MB": (17_500, 30)}  # lines of attachment, messages
EDITS = Edits(
    prepend=(Field.token("Received", "by mail.firm.example with ESMTPSA; Tue, 3 Mar 2026 10:00:00 +0000"),),
    replace=(Field.mailboxes("From", [NamedAddress("Support", Address("support", "firm.example"))]),),
    remove=frozenset({"bcc"}),
    signature=SignatureBlock("-- \nAna Pop\nFirm", "<p><b>Ana Pop</b><br>Firm</p>"),
)


def message(number: int, lines: int) -> bytes:
    """A message with boundaries of its own, as every real one has: text, HTML, and a file of so many lines."""
    return (
        "From: Ana <ana@firm.example>\r\nTo: al@pacino.example\r\nSubject: Statement\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/mixed; boundary="m{number}"\r\n\r\n--m{number}\r\n'
        f'Content-Type: multipart/alternative; boundary="a{number}"\r\n\r\n'
        f"--a{number}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello, the statement.\r\n"
        f"--a{number}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<body><p>Hello, the statement.</p></body>\r\n"
        f"--a{number}--\r\n--m{number}\r\nContent-Type: application/pdf; name=statement.pdf\r\n"
        f"Content-Transfer-Encoding: base64\r\n\r\n{('JVBERi0x' * 7 + chr(13) + chr(10)) * lines}--m{number}--\r\n"
    ).encode()


def cpu_ms(work: Callable[[bytes], object], messages: list[bytes]) -> float:
    """Milliseconds of CPU per message."""
    started = time.process_time()
    for raw in messages:
        work(raw)
    return (time.process_time() - started) * 1000 / len(messages)


def parse_and_write(raw: bytes) -> bytes:
    return email.message_from_bytes(raw, policy=email.policy.SMTP).as_bytes()


def main() -> None:
    for size, (lines, count) in SIZES.items():
        messages = [message(number, lines) for number in range(count)]
        ours = cpu_ms(lambda raw: render(raw, EDITS), messages)
        theirs = cpu_ms(parse_and_write, messages[: max(3, count // 10)])
        print(f"{size:>6}: splice {ours:7.3f} ms, email {theirs:7.3f} ms, {theirs / ours:5.1f} times as much")


if __name__ == "__main__":
    main()
