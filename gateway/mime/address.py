"""The one parser of addresses: RFC 5322 with RFC 6532, and whatever could be read in two ways is refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import idna

from gateway.domain.address import Address, NamedAddress
from gateway.mime.words import MAX_WORD, clean, decode_words, encode_words

MAX_VALUE = 300_000  # characters of one field: more than 5,000 recipients with names
MAX_MAILBOXES = 5_000  # of one field; twice that took a second on a slow machine
MAX_DOMAIN = 255  # characters before IDNA, whose cost grows with length
KNOWN = 2_048  # short values that are remembered with what they say: the same people write day after day

_ATOM_LETTER = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]"
_WORDS = rf"{_ATOM_LETTER}++(?: {_ATOM_LETTER}{_ATOM_LETTER}*+)*+"
_MOST = dict.fromkeys(",:;<>@(", MAX_MAILBOXES * 2) | {".": MAX_MAILBOXES * 10}  # of one field; names may hold some

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u00a0-\U0010ffff"
_TOKEN = re.compile(
    rf'(?P<space>[ \t]+)|(?P<atom>[{_ATEXT}]+)|"(?P<quoted>(?:[^"\\]++|\\.)*+)"'
    r"|(?P<literal>\[[!-Z^-~]+\])|(?P<special>[<>@,;:.])"
)
_DOT_ATOM = rf"{_ATOM_LETTER}++(?:\.{_ATOM_LETTER}{_ATOM_LETTER}*+)*+"
_LDH = r"[A-Za-z0-9\-]++(?:\.[A-Za-z0-9\-][A-Za-z0-9\-]*+)*+"
_SIMPLE = re.compile(rf"(?:({_WORDS}) |\"([ !#-\[\]-~]*)\" ?)?<({_DOT_ATOM})@({_LDH})>|({_DOT_ATOM})@({_LDH})")
_ADDRESS = re.compile(rf"({_DOT_ATOM})@({_LDH})")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udc7f\udd00-\udfff]")
_COMMENT = re.compile(r"[^()\\]++|\\.|[()]")
_PAIR = re.compile(r"\\(.)")
_PHRASE = re.compile(_WORDS)
_SHOWN = re.compile(r'(?<![^\s<>()\[\]",;:@])([^\s<>()\[\]",;:@]++)(?:@| ?@ ?(?=[^\s@]+\.))([^\s<>()\[\]",;:@]+)')
_AT = re.compile(r" ?[(\[{<]at[)\]}>] ?", re.IGNORECASE)  # how people write an @ that programs shall not find
_HIDING = re.compile(r"@|=\?|[(\[{<]at[)\]}>]", re.IGNORECASE)
_ENCODED = re.compile(r"=\?[^?]*\?[bq]\?", re.IGNORECASE)
_SPECIAL = frozenset('@<>,;:"()[]\\ ')


class AddressFault(ValueError):
    """The text is no address, or one that two readers may read differently; it says why."""


class _Token(NamedTuple):  # made in ten thousands: a dataclass would take three times as long
    kind: str  # "atom", "quoted", "literal", "comment", or the special itself
    text: str
    spaced: bool  # white space or a comment stands before it


def parse_address(text: str) -> Address:
    """One addr-spec and nothing beside it (RFC 5322 section 3.4.1); raises AddressFault."""
    return (_plain(text) if len(text) <= MAX_DOMAIN else None) or _address(text)


@lru_cache(maxsize=KNOWN)
def _plain(text: str) -> Address | None:
    """What nearly every address looks like; None where it takes the whole grammar."""
    match = _ADDRESS.fullmatch(text)
    if match is None or "=?" in text:
        return None
    try:
        return Address(match[1], match[2].lower())
    except ValueError as error:
        raise AddressFault(str(error)) from error


def _address(text: str) -> Address:
    tokens = _tokens(text)
    if any(token.spaced or token.kind == "comment" for token in tokens) or text != text.strip():
        raise AddressFault("an address stands alone, without spaces or comments")
    return _addr_spec(tokens)


def parse_mailboxes(value: str) -> tuple[NamedAddress, ...]:
    """All mailboxes of an address-list, those of groups too (RFC 5322 section 3.4); raises AddressFault."""
    return (_simple(value) if len(value) <= MAX_DOMAIN else ()) or _mailboxes(value)


@lru_cache(maxsize=KNOWN)
def _simple(value: str) -> tuple[NamedAddress, ...]:
    """What nearly every From looks like, ten times as fast; empty where it takes the whole grammar."""
    match = _SIMPLE.fullmatch(value)
    if match is None or "=?" in value:
        return ()
    words, quoted, local, domain = match[1], match[2], match[3] or match[5], match[4] or match[6]
    try:
        return (NamedAddress(words or " ".join((quoted or "").split()), Address(local, domain.lower())),)
    except ValueError as error:
        raise AddressFault(str(error)) from error


def _mailboxes(value: str) -> tuple[NamedAddress, ...]:
    found = tuple(_mailbox(tokens) for tokens in islice(_elements(_tokens(value)), MAX_MAILBOXES + 1))
    if len(found) > MAX_MAILBOXES:
        raise AddressFault(f"more than {MAX_MAILBOXES} addresses in one field")
    return found


def find_mailboxes(value: str) -> tuple[NamedAddress, ...]:
    """Parse for matching: no mailboxes at all where the value is not perfectly clear."""
    try:
        return parse_mailboxes(value)
    except AddressFault:
        return ()


def format_mailbox(named: NamedAddress) -> str:
    """Write the mailbox for a header: one line; ASCII but for a local part that is not."""
    name = clean(named.name)
    if not name:
        return str(named.address)
    if not name.isascii() or "=?" in name or any(len(word) > MAX_WORD for word in name.split(" ")):
        phrase = " ".join(encode_words(name))
    elif _PHRASE.fullmatch(name):
        phrase = name
    else:
        phrase = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{phrase} <{named.address}>"


def hides_address(named: NamedAddress) -> bool:
    """Whether the display name shows an address other than the real one; some programs show only the name."""
    if named.name.isascii() and not _HIDING.search(named.name):
        return False
    name = clean(unicodedata.normalize("NFKC", decode_words(decode_words(named.name))))
    name = _AT.sub(" @ ", name)
    for match in _SHOWN.finditer(name):
        shown = f"{match[1]}@{match[2]}".strip("'`.!?*").casefold()
        if shown not in {named.address.key, str(named.address).casefold()} and not _spells(shown, named.address):
            return True
    return False


def _spells(shown: str, address: Address) -> bool:
    try:
        return not shown.isascii() and parse_address(shown).key == address.key
    except AddressFault:
        return False


def _tokens(value: str) -> list[_Token]:
    if len(value) > MAX_VALUE or any(value.count(sign) > most for sign, most in _MOST.items()):
        raise AddressFault("the field is too long")
    value = _FOLD.sub("", value)
    if _CONTROL.search(value):
        raise AddressFault("a control character in an address")
    out: list[_Token] = []
    at, spaced = 0, False
    while at < len(value):
        if value[at] == "(":
            at, text = _comment(value, at)
            out.append(_Token("comment", text, spaced))
            spaced = True
            continue
        match = _TOKEN.match(value, at)
        if match is None:
            raise AddressFault(f"{value[at]!r} has no place in an address")
        kind, text = match.lastgroup or "", match[match.lastgroup or 0]
        at = match.end()
        if kind != "space":
            out.append(_Token(text if kind == "special" else kind, _unquoted(kind, text), spaced))
        spaced = kind == "space"
    return out


def _unquoted(kind: str, text: str) -> str:
    return _PAIR.sub(r"\1", text) if kind == "quoted" and "\\" in text else text


def _comment(value: str, at: int) -> tuple[int, str]:
    depth, inside = 0, []
    for match in _COMMENT.finditer(value, at):
        if match[0] == "(":
            depth += 1
        elif match[0] == ")":
            depth -= 1
        else:
            inside.append(_PAIR.sub(r"\1", match[0]) if "\\" in match[0] else match[0])
        if not depth:
            text = "".join(inside)
            if "<" in text or ">" in text:
                raise AddressFault("an address inside a comment")
            return match.end(), text
    raise AddressFault("a comment that is not closed")


def _elements(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    """Yield the tokens of one mailbox after the other; empty elements (obsolete, section 4.4) are skipped."""
    element: list[_Token] = []
    grouped = angle = False
    for token in tokens:
        if token.kind in {"<", ">"}:
            angle = token.kind == "<"
        if token.kind == ":" and not angle:
            if grouped or any(part.kind not in {"atom", "quoted", "comment", "."} for part in element):
                raise AddressFault("a colon outside of a group's name")
            if not any(part.kind in {"atom", "quoted"} for part in element):
                raise AddressFault("a group without a name")
            grouped, element = True, []
        elif token.kind == ";" or (token.kind == "," and not angle):
            if token.kind == ";" and not grouped:
                raise AddressFault("a semicolon outside of a group")
            if any(part.kind != "comment" for part in element):
                yield element
            grouped, element = grouped and token.kind != ";", []
        else:
            element.append(token)
    if grouped:
        raise AddressFault("a group that is not closed")
    if any(part.kind != "comment" for part in element):
        yield element


def _mailbox(tokens: list[_Token]) -> NamedAddress:
    comments = " ".join(token.text for token in tokens if token.kind == "comment")
    kinds = [token.kind for token in tokens]
    if "<" not in kinds:
        return NamedAddress(_name(comments), _addr_spec(tokens))
    start = kinds.index("<")
    if ">" not in kinds[start:]:
        raise AddressFault("a < that is not closed")
    end = kinds.index(">", start)
    if any(kind != "comment" for kind in kinds[end + 1 :]):
        raise AddressFault("text behind the address")
    address = _addr_spec(tokens[start + 1 : end])
    return NamedAddress(_name(_phrase(tokens[:start], address) or comments), address)


def _phrase(tokens: Sequence[_Token], address: Address) -> str:
    """Join the display name; obsolete dots are welcome, an @ only where it is the very address (many do that)."""
    words = [token for token in tokens if token.kind != "comment"]
    text = "".join(" " * (token.spaced and index > 0) + token.text for index, token in enumerate(words))
    if any(token.kind not in {"atom", "quoted", "."} for token in words) and text.casefold() != address.key:
        raise AddressFault("a display name that is not in quotes")
    return text


def _name(text: str) -> str:
    legacy = text.encode("utf-8", "surrogateescape")
    try:
        text = legacy.decode("utf-8")
    except UnicodeDecodeError:
        text = legacy.decode("cp1252", "replace")
    return " ".join(clean(decode_words(text)).split())


def _addr_spec(tokens: Sequence[_Token]) -> Address:
    """local-part "@" domain; comments and spaces only at its ends and around the @ (no section 4.4 dots)."""
    kept = [token for token in tokens if token.kind != "comment"]
    ats = [index for index, token in enumerate(kept) if token.kind == "@"]
    if len(ats) != 1:
        raise AddressFault("an address has one @" if kept else "an empty address")
    left, right = kept[: ats[0]], kept[ats[0] + 1 :]
    for side in (left, right):
        if any(token.spaced for token in side[1:]):
            raise AddressFault("a space or comment within an address")
        if not _dotted(side):
            raise AddressFault("an address is words with single dots between them")
    if any(token.kind == "literal" for token in left) or any(token.kind == "quoted" for token in right):
        raise AddressFault("not an address")
    local = "".join(token.text for token in left)
    _check_local(local)
    try:
        return Address(local, _domain("".join(token.text for token in right)))
    except (ValueError, UnicodeError) as error:
        raise AddressFault(str(error)) from error


def _dotted(side: Sequence[_Token]) -> bool:
    words, dots = side[::2], side[1::2]
    return (
        len(side) % 2 == 1
        and all(token.kind in {"atom", "quoted", "literal"} for token in words)
        and all(token.kind == "." for token in dots)
        and (len(side) == 1 or all(token.kind != "literal" for token in words))
    )


def _check_local(local: str) -> None:
    if "=?" in local and _ENCODED.search(local):
        raise AddressFault("an encoded word is no part of an address")
    if not local.isascii():
        if not local.isprintable():
            raise AddressFault("an invisible character in an address")
        odd = {c for c in local if not c.isascii() and set(unicodedata.normalize("NFKC", c)) & _SPECIAL}
        if odd:
            raise AddressFault("a character that others take for punctuation")


def _domain(text: str) -> str:
    if text.startswith("["):
        return text
    if len(text) > MAX_DOMAIN:
        raise AddressFault("a domain longer than 255 characters")
    if text.isascii():
        return text.lower()
    return idna.encode(text, uts46=True).decode("ascii").lower()
