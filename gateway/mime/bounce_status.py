"""The machine's part of a report: groups of fields about the message and about each recipient (RFC 3464, RFC 6533)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.domain.address import Address
from gateway.mime.address import AddressFault, parse_address
from gateway.mime.bounce_value import MAX_TEXT, ReportedAction, ReturnedRecipient
from gateway.mime.words import clean, decode_words

MAX_RECIPIENTS = 1_000  # of one report: providers take 500 at once
MAX_LINES = 20_000  # of a delivery-status part
MAX_FIELD = 4_000  # characters of one value, with all its lines
MAX_ENVID = 100  # characters, RFC 3461 section 4.4

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,60})[ \t]*:[ \t]*(.*)", re.DOTALL)
_RECIPIENTS = ("original-recipient", "final-recipient", "x-actual-recipient", "x-original-recipient")
_ABOUT_MESSAGE = ("original-envelope-id", "x-original-message-id", "original-message-id")
ACTIONS = {action.value: action for action in ReportedAction} | {
    "failure": ReportedAction.FAILED,
    "fail": ReportedAction.FAILED,
    "expired": ReportedAction.FAILED,
    "deferred": ReportedAction.DELAYED,
    "delay": ReportedAction.DELAYED,
}
_BY_CLASS = {"2": ReportedAction.DELIVERED, "4": ReportedAction.DELAYED, "5": ReportedAction.FAILED}
_MADE_UP = {ReportedAction.FAILED: "5.0.0", ReportedAction.DELAYED: "4.0.0"}
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]\d)")
_CODE = re.compile(r"(?:^|[\s;,(\[<'\"]|\s:)([245][0-5]\d)(?=[\s\-,]|:\s|$)")
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_ADDRESS = re.compile(  # from the start of a word only, so that long words cost no squares
    r"(?<![^\s<>()])((?:\"(?:[^\"\\]|\\.){1,130}+\"|[^\s<>()@]{1,200}+)@[^\s<>()]++)"
)
_CLASS = {"2": "2.0.0", "4": "4.0.0", "5": "5.0.0"}


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What the fields say, before anybody has compared it with the original."""

    recipients: tuple[ReturnedRecipient, ...]
    envid: str
    message_id: str


def read_status(text: str) -> StatusReport:
    """Read the groups of a delivery-status part, or of text that looks like one; never raises."""
    found: list[ReturnedRecipient] = []
    about: dict[str, str] = {}
    for group in _groups(text):
        for name in _ABOUT_MESSAGE:
            if name in group:
                about.setdefault(name, group[name])
        if len(found) < MAX_RECIPIENTS and any(name in group for name in _RECIPIENTS):
            found.append(_recipient(group))
    message_id = about.get("x-original-message-id") or about.get("original-message-id") or ""
    return StatusReport(tuple(found), clean(about.get("original-envelope-id", ""))[:MAX_ENVID], clean(message_id))


def status_of(text: str) -> str:
    """Find the enhanced status code in a server's words; empty where there is none."""
    match = _STATUS.search(text)
    return match[1] if match else ""


def code_of(text: str) -> int:
    """Find the reply code in a server's words, the first that refuses before one that greets; 0 for none."""
    codes = [int(code) for code in _CODE.findall(text)]
    return next((code for code in codes if code >= 400), codes[0] if codes else 0)


def recipient_of(
    addresses: tuple[Address, ...], action: ReportedAction | None, status: str, words: str
) -> ReturnedRecipient:
    """Make the value, with what is missing taken from what is there: action, status, code, in that order of trust."""
    said = status_of(words)
    code = code_of(words)
    if action in {ReportedAction.FAILED, ReportedAction.DELAYED} and code < 400:
        code = 0  # a greeting or a number, no answer to our mail
    if not status or (status.endswith(".0.0") and said[:1] == status[:1]):
        status = said or status
    first = status[:1] or str(code)[:1]
    action = action or _BY_CLASS.get(first, ReportedAction.FAILED)
    return ReturnedRecipient(
        address=addresses[0] if addresses else None,
        action=action,
        status=status or _CLASS.get(first) or _MADE_UP.get(action, "2.0.0"),
        code=code,
        text="".join(c for c in clean(words)[:MAX_TEXT] if c.isprintable()),
        also=addresses[1:],
    )


def address_in(value: str) -> Address | None:
    """Find the one address of a value: plain, in angle brackets, or in the escaped ASCII of RFC 6533 section 3."""
    if "\\x{" in value:
        value = _ESCAPED.sub(_unescaped, value)
    if "=?" in value:
        value = decode_words(value)  # no standard knows that, some servers do it
    match = _ADDRESS.search(value[:MAX_FIELD])
    if not match:
        return None
    try:
        word = match[1].rstrip(".,;:")
        return parse_address(word if word.count('"') == 2 else word.strip("'\""))
    except AddressFault:
        return None


def _unescaped(match: re.Match[str]) -> str:
    point = int(match[1], 16)
    return chr(point) if point <= 0x10FFFF and not 0xD800 <= point < 0xE000 else match[0]


def _groups(text: str) -> Iterator[Mapping[str, str]]:
    """Yield the fields of one group after the other, the first of each name; a second recipient begins a new group."""
    group: dict[str, str] = {}
    for name, value in _fields(text):
        if not name or (name in group and name in {"final-recipient", "original-recipient"}):
            if group:
                yield group
            group = {}
        if name:
            group.setdefault(name, value)
    if group:
        yield group


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and unfolded value; an empty line is a pair of empty strings."""
    name, lines = "", [""]
    for line in text.split("\n", MAX_LINES)[:MAX_LINES]:
        if line[:1] in {" ", "\t"} and line.strip():
            if len(lines) < MAX_FIELD // 80:
                lines.append(line.strip())
            continue
        if name:
            yield name, " ".join(lines)[:MAX_FIELD].strip()
        match = _FIELD.match(line[:MAX_FIELD])
        name, lines = (match[1].lower(), [match[2]]) if match else ("", [""])
        if not line.strip():
            yield "", ""
    if name:
        yield name, " ".join(lines)[:MAX_FIELD].strip()


def _recipient(group: Mapping[str, str]) -> ReturnedRecipient:
    found = (address_in(group[name].split(";", 1)[-1]) for name in _RECIPIENTS if name in group)
    addresses = {address.key: address for address in found if address is not None}
    word = re.split(r"[^a-z]", group.get("action", "").strip().lower(), maxsplit=1)[0]
    words = group.get("diagnostic-code", "")
    kind, mark, rest = words.partition(";")
    if mark and len(kind) <= 20 and " " not in kind.strip():
        words = rest
    return recipient_of(
        tuple(addresses.values()), ACTIONS.get(word), status_of(group.get("status", "")), decode_words(words)
    )
