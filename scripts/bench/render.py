#!/usr/bin/env python3
"""CPU and memory of each stage between a mail program and the queue, beside the same work with Python's `email`.

Usage: python scripts/bench/render.py [--rounds N]
"""

from __future__ import annotations

import argparse
import email
import email.policy
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.headerregistry import Address as LibraryAddress
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

sys.path.insert(0, str(Path(__file__).parents[2]))

from gateway.domain.firm import Firm, Rule, Signature
from gateway.domain.mail import Decision
from gateway.mime.dkim import Signer, sign
from gateway.mime.header import Header
from gateway.mime.render import render
from gateway.outbound.compose import Stamp, edits_for
from gateway.policy.authorise import Authorised
from gateway.policy.rules import decide
from tests.policy.firms import FIRM, address, authorised, submission

SIZES = {  # lines of attachment, messages a round
    "2 KB": (20, 300),
    "20 KB": (300, 100),
    "1 MB": (17_500, 10),
    "25 MB": (440_000, 2),
}
_HTML = "<p><b>{{ member.name }}</b><br>{{ firm.name }}</p>"
SIGNATURE = Signature("long", "-- \n{{ member.name }}\n{{ firm.name }}", _HTML)
STAMP = Stamp("ABCDEFGHJKLM", "0123456789abcdef" * 2, "mail.firm.example", datetime(2026, 3, 3, 10, tzinfo=UTC))


def message(number: int, lines: int) -> bytes:
    """A message with boundaries of its own, as every real one has: text, HTML, and a file of so many lines."""
    return (
        "From: Ana <ana@firm.example>\r\nTo: al@pacino.example\r\nSubject: Statement\r\nMIME-Version: 1.0\r\n"
        "Date: Tue, 3 Mar 2026 10:00:00 +0000\r\nMessage-ID: <1@firm.example>\r\nUser-Agent: Letters 1.0\r\n"
        f'Content-Type: multipart/mixed; boundary="m{number}"\r\n\r\n--m{number}\r\n'
        f'Content-Type: multipart/alternative; boundary="a{number}"\r\n\r\n'
        f"--a{number}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello, the statement.\r\n"
        f"--a{number}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<body><p>Hello, the statement.</p></body>\r\n"
        f"--a{number}--\r\n--m{number}\r\nContent-Type: application/pdf; name=statement.pdf\r\n"
        f"Content-Transfer-Encoding: base64\r\n\r\n{('JVBERi0x' * 7 + chr(13) + chr(10)) * lines}--m{number}--\r\n"
    ).encode()


def firm() -> Firm:
    """A firm whose rules do all there is: identity, name, Reply-To, signature, copy."""
    rule = Rule(
        "as support",
        send_as=address("support@firm.example"),
        display_name="{{ member.name }} ({{ firm.name }})",
        reply_to="support@firm.example",
        signature=SIGNATURE.name,
        bcc=(address("archive@firm.example"),),
    )
    return replace(FIRM, rules=(rule,), signatures=(SIGNATURE,))


class Ours:
    """The stages as acceptance runs them; each stands on what the one before it made."""

    def __init__(self) -> None:
        self.firm = firm()
        self.signer = Signer("firm.example", "bench", rsa.generate_private_key(65537, 2048))
        self.asked = submission(login="ana", sender="ana@firm.example", to=("someone@else.example",))

    def header(self, raw: bytes) -> Header:
        return Header.read(raw)

    def authorise(self, raw: bytes) -> Authorised:
        return authorised(replace(self.asked, raw=raw), self.firm)  # reads the header block, too

    def rules(self, allowed: Authorised) -> Decision:
        return decide(self.firm, allowed)

    def splice(self, given: tuple[Authorised, Decision]) -> bytes:
        allowed, decision = given
        return render(allowed.submission.raw, edits_for(self.firm, allowed, decision, STAMP)).raw

    def sign(self, raw: bytes) -> bytes:
        return sign(raw, [self.signer], STAMP.at)

    def whole(self, raw: bytes) -> bytes:
        allowed = self.authorise(raw)
        return self.splice((allowed, self.rules(allowed)))


def library_header(raw: bytes) -> object:
    return email.message_from_bytes(raw.partition(b"\r\n\r\n")[0], policy=email.policy.SMTP)["From"]


def library_whole(raw: bytes) -> bytes:
    """The same edits with `email`: it reads all, changes some, and writes all anew."""
    parsed = email.message_from_bytes(raw, policy=email.policy.SMTP)
    assert isinstance(parsed, EmailMessage)
    getaddresses([str(parsed["From"])])
    del parsed["From"], parsed["Bcc"]
    parsed["From"] = LibraryAddress("Ana Pop (Popescu & Co)", "support", "firm.example")
    parsed["Reply-To"] = "support@firm.example"
    for part in parsed.walk():
        if part.get_content_maintype() == "text":
            assert isinstance(part, EmailMessage)
            kind = part.get_content_subtype()
            part.set_content(part.get_content() + "\n-- \nAna Pop\nPopescu & Co\n", subtype=kind)
    return parsed.as_bytes()


def cpu(work: Callable[..., object], inputs: Sequence[object], rounds: int) -> float:
    """Microseconds of CPU for one, the best round of several: what disturbs only adds."""
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        for each in inputs:
            work(each)
        best = min(best, time.process_time() - started)
    return best * 1e6 / len(inputs)


def peak(work: Callable[[bytes], object], raw: bytes) -> float:
    """The most memory that the work held beside the message itself, in messages."""
    work(raw)
    tracemalloc.start()
    work(raw)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / len(raw)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    # "all" is without DKIM, which is signed on top of it.
    stages = ("header", "authorise", "rules", "splice", "all", "DKIM", "email header", "email all")
    heads = [*(f"{stage:>12}" for stage in stages), *(f"{word:>8}" for word in ("times", "copies", "email"))]
    print("µs of CPU ", *heads, flush=True)
    for size, (lines, count) in SIZES.items():
        print(size.ljust(10), *measured([message(number, lines) for number in range(count)], rounds), flush=True)


def measured(messages: list[bytes], rounds: int) -> list[str]:
    ours = Ours()
    allowed = [ours.authorise(raw) for raw in messages]
    decided = [(each, ours.rules(each)) for each in allowed]
    few = messages[: max(2, len(messages) // 20)]
    header, whole = cpu(ours.header, messages, rounds), cpu(ours.whole, messages, rounds)
    theirs = cpu(library_whole, few, min(rounds, 2))
    numbers = (
        header,
        max(cpu(ours.authorise, messages, rounds) - header, 0),
        cpu(ours.rules, allowed, rounds),
        cpu(ours.splice, decided, rounds),
        whole,
        cpu(ours.sign, messages, min(rounds, 2)),
        cpu(library_header, few, rounds),
        theirs,
    )
    copies = peak(ours.whole, messages[0]), peak(library_whole, messages[0])
    return [*(f"{n:12.1f}" for n in numbers), f"{theirs / whole:8.1f}", *(f"{n:8.1f}" for n in copies)]


if __name__ == "__main__":
    main()
