"""Every message of the corpus, signed, sent through a real Postfix, and verified by two programs that are not ours."""

from __future__ import annotations

import re
import smtplib
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.domain.address import Address, NamedAddress
from gateway.mime.dkim import CLAIMS, sign
from gateway.mime.header import Field, Header
from gateway.mime.render import Edits, SignatureBlock, render
from tests.corpus import canonical, corpus_messages, needs_corpus
from tests.mime.signing import AT, BOTH, DOMAIN, records, without_separator
from tests.peers import verifiers
from tests.peers.ca import Ca
from tests.peers.dovecot import Dovecot
from tests.peers.postfix import Postfix
from tests.waiting import until_now

pytestmark = [pytest.mark.real, pytest.mark.corpus, needs_corpus]

MARK = "X-Number"
FIELD = 102_400  # octets: Postfix's header_size_limit, where it cuts a field
LINE = 998  # octets: Postfix cuts longer lines, as RFC 5321 section 4.5.3.1.6 lets it
DROPPED = frozenset(
    {"bcc", "resent-bcc", "return-path", "content-length"}
)  # Postfix's message_drop_headers: not signed
# As a provider's Postfix treats mail that comes from outside: it completes no addresses and adds no fields.
PROVIDER = "\nlocal_header_rewrite_clients =\nalways_add_missing_headers = no\n"
# Why a message is not verified: Postfix itself changed the bytes, or there was nothing sound to sign.
REASONS = {"malformed header", "lines of more than 998 octets", "a field longer than Postfix keeps"}
SIGNATURE = SignatureBlock("-- \nȘtefan Pop\nPopescu & Asociații", "<p>Ștefan Pop</p>")


@pytest.fixture(scope="module")
def provider(ca: Ca, dovecot: Dovecot) -> Iterator[Postfix]:
    peer = Postfix(ca, dovecot)
    try:
        peer.configure(PROVIDER)
        peer.start()
        yield peer
    finally:
        peer.remove()


@dataclass(frozen=True)
class Sent:
    """One message as it was handed to Postfix, or why it was not."""

    path: Path
    raw: bytes
    reason: str = ""


def test_two_third_parties_agree_with_every_signature_after_a_real_postfix(
    provider: Postfix, dovecot: Dovecot, tmp_path: Path
) -> None:
    if reason := verifiers.why_missing():
        pytest.skip(reason)
    sent = {number: _signed(number, path) for number, path in enumerate(corpus_messages())}
    arrived = _through(provider, dovecot, {number: one.raw for number, one in sent.items() if not one.reason})
    left_out = Counter(one.reason for one in sent.values() if one.reason)
    altered = {number: _altered(sent[number].raw, raw) for number, raw in arrived.items()}
    reasons = left_out + Counter(reason for reason in altered.values() if reason)
    assert reasons.keys() <= REASONS
    names = _write(tmp_path, {number: raw for number, raw in arrived.items() if not altered[number]})
    assert len(names) > 0.97 * len(sent)
    first, both = [name for pair in names.values() for name in pair], [name for name, _ in names.values()]
    _assert_all_pass(verifiers.mail_dkim(tmp_path, records(), both), both, sent)
    _assert_all_pass(verifiers.opendkim(tmp_path, records(), first), first, sent)


def _assert_all_pass(verdicts: dict[str, str], names: list[str], sent: dict[int, Sent]) -> None:
    assert verdicts.keys() == set(names)
    wrong = {str(sent[int(name[1:])].path): verdicts[name] for name in names if verdicts[name] != "pass"}
    assert wrong == {}


def _signed(number: int, path: Path) -> Sent:
    """As the gateway would hand it on."""
    raw = without_separator(canonical(path.read_bytes()))
    edits = Edits(
        prepend=(Field.token(MARK, str(number)),),
        replace=(Field.mailboxes("From", [NamedAddress("Popescu Support", Address("support", DOMAIN))]),),
        default=(
            Field.token("Date", "Sun, 22 Nov 2026 06:30:00 +0000"),
            Field.token("Message-ID", f"<{number}@{DOMAIN}>"),
        ),
        remove=CLAIMS | DROPPED,
        signature=SIGNATURE,
    )
    rendered = render(raw, edits).raw
    whole = rendered if rendered.endswith(b"\r\n") else rendered + b"\r\n"
    signed = sign(whole, BOTH, AT)
    if signed is whole:
        return Sent(path, whole, "malformed header")
    return Sent(path, signed)


def _through(provider: Postfix, dovecot: Dovecot, messages: dict[int, bytes]) -> dict[int, bytes]:
    """What came out behind Postfix, by the number that each message bears."""
    reader = dovecot.add_user(f"{uuid.uuid4().hex}@client.example")
    with smtplib.SMTP(provider.host, provider.smtp_port) as smtp:
        smtp.login("a@firm.example", provider.password)
        for raw in messages.values():
            smtp.sendmail("a@firm.example", [reader], raw, ["BODY=8BITMIME"])

    def all_there() -> bool:
        status = dovecot.doveadm("-f", "tab", "mailbox", "status", "-u", reader, "messages", "INBOX")
        return int(status.split()[-1]) == len(messages)

    until_now(all_there, timeout=60, what="every message behind Postfix")
    found = {}
    for raw in dovecot.messages(reader):
        number = re.search(rf"^{MARK}: (\d+)\r$".encode(), raw, re.MULTILINE)
        assert number
        found[int(number[1])] = raw
    assert found.keys() == messages.keys()
    return found


def _altered(sent: bytes, arrived: bytes) -> str:
    """Why the bytes below the trace fields are others than those that were sent; empty where they are not."""
    if arrived.endswith(sent):
        return ""
    if max(span.end - span.start for span in Header.read(sent).fields) > FIELD:
        return "a field longer than Postfix keeps"
    if max(map(len, sent.split(b"\r\n"))) > LINE:
        return "lines of more than 998 octets"
    return "unknown"


def _write(folder: Path, arrived: dict[int, bytes]) -> dict[int, tuple[str, str]]:
    """Two files of each: as it came, and without the RSA signature, so that the other one is looked at."""
    names = {number: (f"b{number}", f"e{number}") for number in arrived}
    for number, raw in arrived.items():
        both, single = names[number]
        (folder / both).write_bytes(raw)
        rsa = Header.read(raw).spans("DKIM-Signature")[0]
        (folder / single).write_bytes(raw[: rsa.start] + raw[rsa.end :])
    return names
