"""Which names of charsets we believe, and how bytes become text and text becomes bytes."""

from __future__ import annotations

import codecs
import re
from encodings.aliases import aliases
from functools import lru_cache

_NAME = re.compile(r"[a-z0-9][a-z0-9_.:+\-]{0,39}")
_ALSO = {  # names met in real mail that Python does not know
    "ansi": "cp1252",
    "default": "cp1252",
    "iso_8859_8_i": "iso8859-8",
    "iso_8859_8_e": "iso8859-8",
    "ks_c_5601_1987": "cp949",
    "ks_c_5601": "cp949",
    "big5": "cp950",
    "cn_big5": "cp950",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "utf8mb4": "utf-8",
    "windows_874": "cp874",
    "windows_936": "gb18030",
    "windows_949": "cp949",
    "x_gbk": "gb18030",
    "x_mac_roman": "mac-roman",
    "x_sjis": "cp932",
    "x_euc_jp": "euc-jp",
}
_NARROW = {  # what is read generously is written as the name says: others' readers need not be generous
    "big5": "big5",
    "cn_big5": "big5",
    "euc_kr": "euc_kr",
    "gb2312": "gb2312",
    "gbk": "gbk",
    "shift_jis": "shift_jis",
    "sjis": "shift_jis",
    "windows_936": "gbk",
    "x_gbk": "gbk",
    "x_sjis": "shift_jis",
}
WIDE = frozenset({"utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"})
_KNOWN = frozenset(aliases) | frozenset(aliases.values())  # a lookup outside it would be remembered for ever
_REFUSED = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf_7", "mbcs", "oem"})
_ASCII = bytes(range(0x20, 0x7F)) + b"\t\r\n"


@lru_cache(maxsize=256)
def codec_of(name: str) -> str | None:
    """Python's name of a text codec, or None for one that we don't know or that is not a charset of mail."""
    name = name.strip().strip("\"'").lower() or "us-ascii"
    if not _NAME.fullmatch(name):
        return None
    key = _key(name)
    key = _ALSO.get(key, key).replace("-", "_")
    if key not in _KNOWN and key.removeprefix("x_") in _KNOWN:
        key = key.removeprefix("x_")
    if (key not in _KNOWN and key != "iso8859_8") or aliases.get(key, key) in _REFUSED:
        return None
    try:
        info = codecs.lookup(key)
    except LookupError:
        return None
    return info.name if getattr(info, "_is_text_encoding", False) else None


def written_codec(name: str) -> str | None:
    """Python's codec for text that we add under that charset's name: narrower than what we read for some."""
    return _NARROW.get(_key(name.strip().strip("\"'").lower())) or codec_of(name)


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name)


@lru_cache(maxsize=256)
def is_ascii_superset(codec: str) -> bool:
    """Whether ASCII text is the same bytes in it: what splicing text into bytes rests on."""
    try:
        return _ASCII.decode("ascii").encode(codec) == _ASCII
    except UnicodeError:
        return False


def decode_text(raw: bytes, charset: str) -> str:
    """Text for reading: the charset that was named; if that can't be, UTF-8; if that can't be, Windows-1252."""
    codec = codec_of(charset)
    if codec not in {None, "ascii", "utf-8"}:
        return raw.decode(codec, "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8" if codec == "utf-8" else "cp1252", "replace")
