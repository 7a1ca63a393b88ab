"""The mail that is read: from a client, in the sizes that a firm's mailbox has, the same in every run."""

from __future__ import annotations

import random
from base64 import encodebytes
from pathlib import Path

CLIENT = "al@pacino.example"
OFFICE = "office@firm.example"
SIZES = ((0.6, 2_000, 10_000), (0.3, 10_000, 80_000), (0.1, 100_000, 500_000))  # share, from, to: octets
WITH_FILE = 0.5  # of those over 10 KB, and all over 100 KB
SEED = 5

_WORDS = (
    "the",
    "statement",
    "for",
    "march",
    "is",
    "attached",
    "please",
    "look",
    "at",
    "page",
    "two",
    "and",
    "tell",
    "us",
)


def letter(number: int, size: int, *, file: bool, seed: random.Random) -> bytes:
    """One message of about that many octets, with LF line ends, as a Maildir has it."""
    head = (
        f"Return-Path: <{CLIENT}>\nReceived: from mx.pacino.example by mx.firm.example with ESMTP id {number:x}\n"
        f"From: Al Pacino <{CLIENT}>\nTo: Office <{OFFICE}>\nSubject: Letter {number}\n"
        f"Date: Sat, 14 Mar 2026 10:{number // 60 % 60:02}:{number % 60:02} +0000\n"
        f"Message-ID: <{number}.{seed.getrandbits(32):x}@pacino.example>\nMIME-Version: 1.0\n"
    )
    if not file:
        return f"{head}Content-Type: text/plain; charset=utf-8\n\n{_text(size - len(head), seed)}".encode()
    content = encodebytes(seed.randbytes(max(1, (size - 1500) * 3 // 4))).decode("ascii")
    return (
        f'{head}Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain\n\n{_text(800, seed)}\n'
        f'--b\nContent-Type: application/pdf; name="statement {number}.pdf"\n'
        f'Content-Disposition: attachment; filename="statement {number}.pdf"\n'
        f"Content-Transfer-Encoding: base64\n\n{content}\n--b--\n"
    ).encode()


def fill(maildir: Path, count: int) -> int:
    """Writes that many messages where Dovecot finds them; octets of all."""
    seed = random.Random(SEED)
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True, exist_ok=True)
    octets = 0
    for number in range(count):
        _, least, most = seed.choices(SIZES, [share for share, _, _ in SIZES])[0]
        size = seed.randrange(least, most)
        file = size >= 100_000 or (size >= 10_000 and seed.random() < WITH_FILE)
        raw = letter(number, size, file=file, seed=seed)
        octets += len(raw)
        (maildir / "cur" / f"{1_700_000_000 + number}.M{number}.bench:2,S").write_bytes(raw)
    return octets


def _text(size: int, seed: random.Random) -> str:
    lines: list[str] = []
    left = size
    while left > 0:
        lines.append(" ".join(seed.choices(_WORDS, k=12)))
        left -= len(lines[-1]) + 1
    return "\n".join(lines) + "\n"
