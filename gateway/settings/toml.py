"""Writes a document as TOML 1.0 that `tomllib` reads back equal: tables, arrays of tables, inline values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def write_toml(document: Mapping[str, object]) -> str:
    """Write values first, then a ``[table]`` or ``[[array of tables]]`` per key; anything deeper is written inline.

    Takes strings, booleans, integers, days, lists and mappings with string keys; TypeError on anything else (TOML has
    no null).
    """
    lines = [f"{_key(key)} = {_value(value)}" for key, value in document.items() if not _is_block(value)]
    for key, value in document.items():
        if isinstance(value, Mapping):
            lines += ["", f"[{_key(key)}]", *_pairs(value)]
        elif _is_block(value):
            assert isinstance(value, list)
            for item in value:
                lines += ["", f"[[{_key(key)}]]", *_pairs(item)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _is_block(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, Mapping) for item in value)
    return isinstance(value, Mapping)


def _pairs(table: Mapping[str, object]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items()]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        pairs = ", ".join(_pairs(value))
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list):
        return _array(value)
    raise TypeError(f"TOML has no {type(value).__name__}")


def _array(items: list[object]) -> str:
    values = [_value(item) for item in items]
    if any(isinstance(item, Mapping | list) for item in items):
        return "[\n" + "".join(f"  {value},\n" for value in values) + "]"
    return "[" + ", ".join(values) + "]"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(c) or (f"\\u{ord(c):04x}" if _is_control(c) else c) for c in text) + '"'


def _is_control(c: str) -> bool:
    return ord(c) < 0x20 or ord(c) == 0x7F
