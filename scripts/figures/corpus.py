"""Figure 4: the corpus through submission and, signature by signature, through all that acceptance does to bytes."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import html
import os
import re
import smtplib
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from pathlib import Path

from gateway.trial.provider import TrialProvider
from scripts.figures.pieces import pieces
from scripts.figures.setting import Setting, setting
from tests.journey.firm import ANA_PASSWORD, SIGNATURE
from tests.journey.provider import TrialSide
from tests.mime.every import KINDS, Row, listed, tried
from tests.mime.every import prepared as prepared_for
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
MARK = b"X-Figure: "
SLOWEST = 120.0  # seconds for one message from 250 to the provider


@dataclass
class Tally:
    """What came out."""

    sent: int = 0
    compared: int = 0
    signed: int = 0
    changed: list[str] = field(default_factory=list)
    refused: dict[str, list[str]] = field(default_factory=dict)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verbose", action="store_true", help="name the files of each refusal")
    parser.add_argument("--no-wire", action="store_true", help="the table alone, without a running gateway")
    given = parser.parse_args()
    folder = Path(os.environ.get("POSTERN_CORPUS", ROOT.parent / "shared" / "corpus"))
    if not (folder / "INDEX.tsv").exists():
        sys.exit(f"no corpus in {folder}: say where it is in POSTERN_CORPUS")
    for malformed in (False, True):
        print(*table(folder, malformed=malformed), sep="\n")
    if given.no_wire:
        return
    async with setting(real=False) as now:
        tally = Tally()
        names = well_formed(folder / "INDEX.tsv")
        for number, name in enumerate(names):
            await one(now, tally, name, prepared((folder / "messages" / name).read_bytes(), now.firm.support, number))
    report(tally, len(names), verbose=given.verbose)


def table(folder: Path, *, malformed: bool) -> Iterator[str]:
    """Yield lines: what became of all messages with each signature and number of copies, and why some did not leave."""
    messages = listed(folder, malformed=malformed)
    yield f"{len(messages)} {'malformed' if malformed else 'well-formed'} messages, by signature and copies"
    yield "signature  copies accepted refused   parts letters  signed changed  worse"
    refused: dict[str, int] = {}
    for kind in KINDS:
        for copies, row in enumerate(tried(messages, kind)):
            yield f"{kind:10} {copies:6} {_counts(row)}"
            yield from (f"    {what}" for what in dict.fromkeys((*row.changed, *row.worse)))
            refused = dict(row.refused)
    yield from (f"{count:5} refused: {why}" for why, count in refused.items())
    yield ""


def _counts(row: Row) -> str:
    numbers = (row.accepted, row.refused.total(), row.parts, row.letters, row.signed, len(row.changed), len(row.worse))
    return " ".join(f"{number:7}" for number in numbers)


def well_formed(index: Path) -> list[str]:
    """Return the files without the flag `malformed`."""
    rows = [line.split("\t") for line in index.read_text().splitlines()[1:]]
    return [row[0] for row in rows if "malformed" not in re.split(r"[ ,]+", row[2])]


def prepared(raw: bytes, sender: str, number: int) -> bytes:
    """Return the message as our author's mail program would hand it over, with a number to know it by."""
    return prepared_for(raw, sender, top=MARK + str(number).encode() + b"\r\n")


async def one(now: Setting, tally: Tally, name: str, raw: bytes) -> None:
    assert isinstance(now.provider, TrialSide)
    reason = await asyncio.to_thread(submitted, now, raw)
    if reason:
        tally.refused.setdefault(reason, []).append(name)
        return
    tally.sent += 1
    number = raw[len(MARK) : raw.index(b"\r\n")]
    trial = now.provider.trial
    what = f"{name} at the provider"
    after = await until(lambda: relayed(trial, now.firm.client, number), timeout=SLOWEST, what=what)
    assert after is not None
    trial.outbox.clear()
    old, new = ([piece for piece in pieces(side) if not piece.is_letter] for side in (raw, after))
    tally.compared += len(old)
    tally.signed += any(SIGNATURE in letter for letter in letters(after))
    pairs = zip(old, new, strict=False)
    if len(old) != len(new) or any(a.body != b.body or a.header.strip() != b.header.strip() for a, b in pairs):
        tally.changed.append(name)


def submitted(now: Setting, raw: bytes) -> str:
    """Return why it was refused, empty if it was not."""
    try:
        with smtplib.SMTP("127.0.0.1", now.gateway.submission_port, timeout=60) as smtp:
            smtp.login("ana", ANA_PASSWORD)
            smtp.sendmail(now.firm.support, [now.firm.client], raw, mail_options=["BODY=8BITMIME"])
    except smtplib.SMTPResponseException as error:
        text = error.smtp_error if isinstance(error.smtp_error, str) else error.smtp_error.decode()
        return f"{error.smtp_code} {text}"
    return ""


def relayed(trial: TrialProvider, client: str, number: bytes) -> bytes | None:
    """Return the client's copy as the provider got it."""
    line = MARK + number + b"\r\n"
    mails = [mail.raw for mail in trial.outbox if client in map(str, mail.recipients)]
    return next((raw for raw in mails if line in raw), None)


def letters(raw: bytes) -> Iterator[str]:
    """Yield each letter as a person reads it."""
    for piece in pieces(raw):
        if piece.is_letter:
            part = BytesParser().parsebytes(piece.header + b"\r\n" + piece.body)
            octets = part.get_payload(decode=True)
            if not isinstance(octets, bytes):
                continue
            with contextlib.suppress(LookupError, ValueError):  # an unknown charset: no signature was possible
                yield html.unescape(octets.decode(part.get_content_charset("utf-8"), "replace"))


def report(tally: Tally, total: int, *, verbose: bool) -> None:
    print(f"{total} well-formed messages: {tally.sent} accepted, {total - tally.sent} refused")
    print(f"{tally.compared} attachments and non-text parts compared in those accepted")
    print(f"messages with a changed one: {len(tally.changed)}", *tally.changed, sep="\n  ")
    print(f"{tally.signed} carry the signature in at least one text")
    counts = Counter({reason: len(names) for reason, names in tally.refused.items()})
    for reason, count in counts.most_common():
        print(f"{count:5} refused: {reason}")
        if verbose:
            print(*tally.refused[reason], sep="\n      ")


if __name__ == "__main__":
    asyncio.run(main())
