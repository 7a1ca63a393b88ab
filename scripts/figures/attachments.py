"""Attachments of the corpus beside those that the standard library reads: equal ones, and why the others differ."""

from __future__ import annotations

import argparse
import email
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path

from gateway.domain.record import Attachment
from gateway.mime.attachments import attachments
from gateway.mime.cms import Kind, container
from gateway.mime.header import Header
from gateway.mime.tnef import is_tnef, unpacked

ROOT = Path(__file__).resolve().parents[2]
BODIES = frozenset({"text/plain", "text/html", "text/enriched", "text/rfc822-headers", "text/x-amp-html"})
SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
FORWARDED = frozenset({"message/rfc822", "message/global"})


@dataclass(frozen=True)
class One:
    """An attachment as somebody read it; content is a hash, of a message within the message its own parts only."""

    name: str
    content: str
    defects: tuple[str, ...] = ()


def theirs(raw: bytes) -> Iterator[One]:
    """What the standard library finds, by the same notion of what an attachment is, and nothing of our code."""
    waiting: list[tuple[Message, str]] = [(email.message_from_bytes(raw), "")]
    while waiting:
        part, around = waiting.pop()
        kind, inner = part.get_content_type(), part.get_payload()
        if kind.startswith("multipart/"):
            if isinstance(inner, list):
                waiting += [(one, kind) for one in reversed(inner) if isinstance(one, Message)]
        elif kind in FORWARDED and isinstance(inner, list) and isinstance(inner[0], Message):
            yield One(_name(part) or "(a message)", "(a message)")
            if around != "multipart/report":
                waiting.append((inner[0], ""))
        elif _is_attachment(part, kind, around):
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                yield One(_name(part), _hash(content), tuple(type(one).__name__ for one in part.defects))
            else:
                yield One(_name(part), "(not decoded)")


def _is_attachment(part: Message, kind: str, around: str) -> bool:
    name = _name(part)
    if kind in SIGNATURES and (around == "multipart/signed" or name.lower() in {"", "smime.p7s", "signature.asc"}):
        return False
    if kind == "application/pgp-encrypted":
        return False
    if part.get_content_disposition() == "attachment" or name:
        return True
    if kind == "text/calendar":
        return around != "multipart/alternative"
    return kind not in BODIES and not kind.startswith("message/")


def _name(part: Message) -> str:
    try:
        name = part.get_filename() or ""
        return str(make_header(decode_header(name))) if "=?" in name else str(name)
    except (HeaderParseError, LookupError, ValueError):
        return "(no name that it can read)"


def ours(raw: bytes, found: tuple[Attachment, ...]) -> Iterator[One]:
    """What we find; a forwarded message without a name of its own is called after its subject, so by nothing here."""
    for one in found:
        if "/" in one.part:
            continue  # from within a container: judged apart
        if one.content_type in FORWARDED:
            yield One(one.name if one.name.encode() in raw else "(a message)", "(a message)")
        else:
            yield One(one.name, _hash(one.content))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def why(raw: bytes, mine: One | None, their: One | None) -> str:
    """The named reason why the two differ; empty where there is none that we know."""
    if their is not None and their.content == "(not decoded)":
        return "message/delivery-status with a name: the standard library takes it apart, and has no bytes of it"
    if mine is None:
        return ""
    if their is not None and mine.content == their.content:
        if re.search(rb"name[^\r\n]*[\x80-\xff]", raw):
            return "a name in bare eight bits, which the standard library does not decode"
        return ""
    if their is not None and "InvalidBase64CharactersDefect" in their.defects:
        return "base64 with other characters behind it, which the standard library decodes too"
    return _structure(raw)


def _structure(raw: bytes) -> str:
    if re.search(rb'boundary="[^"\r\n]*\r?\n', raw):
        return "a boundary that is folded, which the standard library does not unfold"
    headers = [Header.read(raw), *(Header.read(raw, at.end()) for at in re.finditer(rb"\n--[^\n]*\n", raw))]
    types = [header.first("Content-Type") or b"text/plain" for header in headers]
    if not all(re.match(rb"[^\s/;<>]+/[^\s/;<>]+", each) for each in types):
        return "a type that cannot be read: kept as a file rather than lost"
    if any(header.fault for header in headers):
        return "a line in a header that is no field: the standard library takes it for the header's end"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verbose", action="store_true", help="name the message of each difference")
    given = parser.parse_args()
    folder = Path(os.environ.get("POSTERN_CORPUS", ROOT.parent / "shared" / "corpus")) / "messages"
    if not folder.is_dir():
        sys.exit(f"no corpus in {folder.parent}: say where it is in POSTERN_CORPUS")
    tally, reasons, inside = Counter[str](), Counter[str](), Counter[str]()
    started = time.process_time()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        raw = path.read_bytes()
        found = attachments(raw)
        tally["messages"] += 1
        tally["attachments"] += len(found)
        tally.update(f"note: {one.note}" for one in found if one.note)
        for reason in compared(raw, found, tally):
            reasons[reason or "UNEXPLAINED"] += 1
            if given.verbose or not reason:
                print(f"{path.relative_to(folder)}: {reason or 'UNEXPLAINED'}")
        opened(found, raw, inside)
    print(f"{tally['messages']} messages, {tally['attachments']} attachments, {tally['compared']} compared")
    print(f"{tally['equal']} equal to the standard library's in name and content")
    print(*(f"{count:5} differ: {reason}" for reason, count in reasons.most_common()), sep="\n")
    print(*(f"{count:5} {what}" for what, count in sorted(inside.items())), sep="\n")
    print(*(f"{tally[what]:5} {what}" for what in sorted(tally) if what.startswith("note")), sep="\n")
    print(f"{time.process_time() - started:.1f} s of CPU, both readers and the comparison")


def compared(raw: bytes, found: tuple[Attachment, ...], tally: Counter[str]) -> Iterator[str]:
    """Yield a reason for each that only one of us has, or that we read in two ways."""
    containers = {one.part.split("/")[0] for one in found if "/" in one.part}
    mine, their = list(ours(raw, found)), list(theirs(raw))
    tally["compared"] += len(mine)
    same = Counter((one.name, one.content) for one in mine) & Counter((one.name, one.content) for one in their)
    tally["equal"] += same.total()
    left, right = _without(mine, same), _without(their, same)
    for one in left:
        other = next((each for each in right if each.content == one.content or each.name == one.name), None)
        if other is not None:
            right.remove(other)
        yield why(raw, one, other)
    for one in right:
        yield _only_theirs(raw, one, containers)


def _without(rows: list[One], same: Counter[tuple[str, str]]) -> list[One]:
    left, seen = [], Counter(same)
    for one in rows:
        if seen[one.name, one.content] > 0:
            seen[one.name, one.content] -= 1
        else:
            left.append(one)
    return left


def _only_theirs(raw: bytes, one: One, containers: set[str]) -> str:
    if is_tnef("", one.name) or b"ms-tnef" in raw.lower():
        return "a winmail.dat, of which we give the files instead"
    if containers or b"smime-type=signed-data" in raw.lower() or b"pkcs7-mime" in raw.lower():
        return "a container of a signed message, of which we give the parts instead"
    return why(raw, None, one) or _structure(raw)


def opened(found: tuple[Attachment, ...], raw: bytes, inside: Counter[str]) -> None:
    """Hold what containers gave against `tnef` and `openssl`, where they are installed."""
    for part in _leaves(raw):
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            continue
        kind, name = part.get_content_type(), _name(part)
        if is_tnef(kind, name):
            inside[f"winmail.dat: {_tnef(content)}"] += 1
        elif kind.endswith("pkcs7-mime"):
            inside[f"PKCS#7: {_pkcs7(content)}"] += 1


def _leaves(raw: bytes) -> Iterator[Message]:
    return (part for part in email.message_from_bytes(raw).walk() if not part.is_multipart())


def _tnef(content: bytes) -> str:
    mine = unpacked(content)
    if shutil.which("tnef") is None:
        return "not compared, for tnef is not installed"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["tnef", "-C", folder], input=content, capture_output=True, check=False)
        their = Counter(_hash(path.read_bytes()) for path in Path(folder).iterdir())
    return "as tnef reads it" if mine and Counter(_hash(one.content) for one in mine.files) == their else "NOT AS TNEF"


def _pkcs7(content: bytes) -> str:
    mine = container(content)
    if mine is None or mine.kind is not Kind.SIGNED or mine.content is None:
        return f"{mine.kind if mine else 'damaged'}, kept as it came"
    command = ["openssl", "cms", "-verify", "-noverify", "-nosigs", "-inform", "DER", "-binary"]
    ran = subprocess.run(command, input=content, capture_output=True, check=False)
    if b"unsupported" in ran.stderr:
        return "signed with a digest that openssl does not know any more: not compared"
    return "signed, its content as openssl reads it" if ran.stdout == mine.content else "signed, NOT AS OPENSSL"


if __name__ == "__main__":
    main()
