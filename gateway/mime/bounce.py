"""Bounces that come back by mail: recognised from reports (RFC 3464, RFC 6533) and from the many servers without any.

One reader of structures for all servers: report parts, the returned header, and the words in front of it. A bounce
comes from anybody, so nothing here is trusted: `policy.returned` ties it to a message that we really sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gateway.domain.address import Address
from gateway.mime.automatic import from_machine
from gateway.mime.bounce_original import Original, original_part, read_original, split_text
from gateway.mime.bounce_ses import NOTIFICATION, read_notification
from gateway.mime.bounce_sign import OTHER_REPORTS
from gateway.mime.bounce_status import StatusReport, address_in, read_status
from gateway.mime.bounce_text import Notice, anonymous, named_recipients, notice_of
from gateway.mime.bounce_value import ReportedAction, Returned, ReturnedRecipient
from gateway.mime.charset import decode_text
from gateway.mime.encoding import decode_transfer
from gateway.mime.header import Header, readable
from gateway.mime.plain import plain_text
from gateway.mime.tree import Part, parts

__all__ = ["ReportedAction", "Returned", "ReturnedRecipient", "returned"]

MAX_WORDS = 128 * 1024  # characters of text that are read: a server's words and the header that follows them
MAX_STATUS = 1024 * 1024  # octets of a delivery-status part: a thousand recipients take 300 KB
MAX_NAMED = 10_000  # octets of X-Failed-Recipients

_STATUS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_WRITTEN_STATUS = re.compile(r"^(?:Final|Original)-Recipient[ \t]*:", re.MULTILINE | re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,998}>")


def returned(raw: bytes) -> Returned | None:
    """Read a bounce, a notice of delay or a success report; None for every other mail. Never raises; linear.

    Where a filter wrapped a bounce into a notice that names nobody, the one inside is what counts.
    """
    return _returned(raw, wrapped=False)


def _returned(raw: bytes, *, wrapped: bool) -> Returned | None:
    tree = parts(raw)
    header = tree[0].header
    if not _may_be_report(tree[0]):
        return None
    if header.first(NOTIFICATION) is not None:
        return read_notification(plain_text(raw, MAX_WORDS))
    words, block = _words(raw, tree)
    original = read_original(block)
    report = _report(raw, tree, words)
    recipients = _recipients(header, report, notice_of(words, header.text("Subject")), original)
    if original.is_report and not wrapped and not any(one.address for one in recipients):
        inner = _returned(block, wrapped=True)
        if inner is not None:
            return inner
    if not recipients:
        return None
    return Returned(
        recipients=recipients,
        message_id=original.message_id or _other_id(header, report),
        envid=report.envid,
        original_from=original.sender,
        of_bounce=original.is_report,
    )


def _may_be_report(top: Part) -> bool:
    if top.params.get("report-type", "").lower() in OTHER_REPORTS:
        return False
    header = top.header
    return (
        top.content_type == "multipart/report"
        or from_machine(header)
        or header.first("X-Failed-Recipients") is not None
    )


def _report(raw: bytes, tree: Sequence[Part], words: str) -> StatusReport:
    """Read the machine's part, or fields of its kind in the text; without recipients where there is neither."""
    for part in tree:
        if part.content_type in _STATUS:
            body = raw[part.header_end : min(part.body_end, part.header_end + MAX_STATUS)]
            report = read_status(_lines(decode_transfer(body, part.encoding)[0]))
            if report.recipients:
                return report
    return read_status(words if _WRITTEN_STATUS.search(words) else "")


def _lines(octets: bytes) -> str:
    return decode_text(octets, "utf-8").replace("\r\n", "\n").replace("\r", "\n")


def _words(raw: bytes, tree: Sequence[Part]) -> tuple[str, bytes]:
    """Return the server's text, and the returned message or its header: a part, or what the text goes over into.

    Where the parts can't be told apart (servers do write boundaries that they never use), all is one text.
    """
    block = original_part(raw, tree)
    text = plain_text(raw, MAX_WORDS)
    start = tree[0].header_end
    if not text.strip():
        text = _lines(raw[start : start + MAX_WORDS])
    if block:
        return text, block
    before, after = split_text(text.encode("utf-8", "replace"))
    if not after and tree[0].is_multipart:
        after = split_text(raw[start : start + MAX_WORDS].replace(b"\r\n", b"\n"))[1]
    return before.decode("utf-8"), after


def _recipients(
    header: Header, report: StatusReport, notice: Notice, original: Original
) -> tuple[ReturnedRecipient, ...]:
    """Take the machine's part where it names somebody, else the words, where they speak of a failure at all."""
    if any(one.address for one in report.recipients):
        return report.recipients
    known = _failed_recipients(header)
    if not report.recipients and not known and not notice.failure:
        return ()
    told = {*original.senders, *(address.key for address in _people(header))}
    named = named_recipients(notice, known, told, () if original.is_report else original.recipients)
    if report.recipients:
        return _filled(report.recipients, named)
    if named:
        return named
    return (anonymous(notice),) if original.message_id else ()


def _filled(
    reported: tuple[ReturnedRecipient, ...], named: tuple[ReturnedRecipient, ...]
) -> tuple[ReturnedRecipient, ...]:
    """Take the address from the words where the report's own can't be read, if it can be only one."""
    if len(reported) != 1 or len(named) != 1:
        return reported
    one, words = reported[0], named[0]
    return (replace(one, address=words.address, code=one.code or words.code, text=one.text or words.text),)


def _failed_recipients(header: Header) -> tuple[Address, ...]:
    values = b",".join(header.all("X-Failed-Recipients"))[:MAX_NAMED]
    found = (address_in(word) for word in readable(values).split(","))
    return tuple({address.key: address for address in found if address is not None}.values())


def _people(header: Header) -> Iterator[Address]:
    """Whom the report itself is from and to."""
    for name in ("To", "From"):
        for word in header.text(name, MAX_NAMED).split(","):
            address = address_in(word)
            if address is not None:
                yield address


def _other_id(header: Header, report: StatusReport) -> str:
    """Find the original's Message-ID where its header did not come back: the report may name it, or answer it."""
    for text in (report.message_id, header.text("In-Reply-To"), header.text("References")):
        found = _MESSAGE_ID.findall(text)
        if found:
            return str(found[-1])
    return ""
