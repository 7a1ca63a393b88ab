"""Text as a parameter of SMTP holds it: xtext (RFC 3461 section 4), and its sister for other letters (RFC 6533)."""

from __future__ import annotations

import re

_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")
_HEX = re.compile(r"\+([0-9A-F]{2})")
_NOT_XCHAR = re.compile(r"[^!-*,-<>-~]")
_UTF8 = re.compile(r"(?:[!-<>-\[\]-~\u0080-\U0010ffff]|\\x\{[0-9A-Fa-f]{2,6}\})+")
_POINT = re.compile(r"\\x\{([0-9A-Fa-f]+)\}")
_NOT_QCHAR = re.compile(r"[^!-*,-<>-\[\]-~]")
_MUST_ESCAPE = frozenset(" +=\\")  # of ASCII, what may stand as \x{..} at all: RFC 6533 section 3, HEXPOINT


def encode_xtext(text: str) -> str:
    """The xtext of printable ASCII; ValueError for anything else."""
    if not text.isascii() or not text.isprintable():
        raise ValueError("xtext holds printable ASCII only")
    return _NOT_XCHAR.sub(lambda match: f"+{ord(match[0]):02X}", text)


def decode_xtext(word: str) -> str:
    """What ``word`` says; ValueError where it is no xtext, or says other than printable ASCII."""
    if not _XTEXT.fullmatch(word):
        raise ValueError("not xtext")
    text = _HEX.sub(lambda match: chr(int(match[1], 16)), word)
    if not text.isascii() or not text.isprintable():
        raise ValueError("the xtext holds other than printable ASCII")
    return text


def encode_utf8(text: str) -> str:
    r"""The utf-8-addr-xtext of printable text: ASCII, every other character as ``\x{219}`` (RFC 6533 section 3)."""
    if not text.isprintable():
        raise ValueError("only printable text has a utf-8-addr-xtext")
    return _NOT_QCHAR.sub(lambda match: f"\\x{{{ord(match[0]):02X}}}", text)


def decode_utf8(word: str) -> str:
    """What an address of type utf-8 says, in any of its three forms; ValueError where it is none, or not printable."""
    if not _UTF8.fullmatch(word):
        raise ValueError("not an address of type utf-8")
    text = _POINT.sub(_character, word)
    if not text.isprintable():
        raise ValueError("the address holds what is not printable")
    return text


def encode_orcpt(orcpt: str) -> str:
    """The value of ORCPT for a decoded "type;address", in ASCII: every server with DSN takes it (RFC 6533)."""
    kind, _, address = orcpt.partition(";")
    return f"{kind};{encode_utf8(address) if kind.lower() == 'utf-8' else encode_xtext(address)}"


def _character(match: re.Match[str]) -> str:
    digits, number = match[1].upper(), int(match[1], 16)
    if number > 0x10FFFF or digits != f"{number:02X}":
        raise ValueError("not the number of a character, or not its shortest form")
    if number < 0x80 and chr(number) not in _MUST_ESCAPE:
        raise ValueError("a character that needs no escape is escaped")
    return chr(number)
