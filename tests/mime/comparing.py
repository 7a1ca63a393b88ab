"""What became of a message, part by part, in the eyes of the independent reader: only letters may have got longer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.mime.independent import SEALED, Node, body_of, defects, header_of, read, text_of


@dataclass
class Comparison:
    """``changed`` says what must not be: empty if all is well."""

    parts: int = 0  # that were compared and no letter
    letters: int = 0
    signed: int = 0  # letters that hold something new
    pictures: int = 0  # parts that came beside a letter
    changed: list[str] = field(default_factory=list)
    worse: Counter[str] = field(default_factory=Counter)  # defects that were not there before
    added: list[str] = field(default_factory=list)  # what stands in the letters now


def compared(before: bytes, after: bytes) -> Comparison:
    """Compare all below the header of the message, and of that header the MIME fields."""
    result = Comparison()
    old, new = read(before), read(after)
    result.worse = defects(after, new) - defects(before, old)
    pairs = [(old, new)]
    while pairs:
        pairs.extend(_pair(result, before, after, *pairs.pop()))
    return result


def _pair(result: Comparison, before: bytes, after: bytes, old: Node, new: Node) -> list[tuple[Node, Node]]:
    if _same(before, after, old, new):
        if old.is_multipart and old.kind not in SEALED:
            result.parts += sum(not node.is_multipart and not node.is_letter for node in old)
            result.letters += sum(node.is_letter for node in old)
        else:
            result.letters += old.is_letter
            result.parts += not old.is_letter
        return []
    if old.is_multipart and old.kind == new.kind and old.kind not in SEALED and old.children:
        return _children(result, before, after, old, new)
    if old.is_letter and new.kind == "multipart/related" and new.children:
        result.pictures += len(new.children) - 1
        result.changed += [
            f"{part.kind} beside {old.path}" for part in new.children[1:] if not _is_picture(after, part)
        ]
        return [(old, new.children[0])]
    if old.is_letter and new.kind == old.kind:
        _letter(result, before, after, old, new)
    else:
        result.changed.append(f"part {old.path} {old.kind}")
    return []


def _children(result: Comparison, before: bytes, after: bytes, old: Node, new: Node) -> list[tuple[Node, Node]]:
    if _fields(before, old) != _fields(after, new):
        result.changed.append(f"the header of {old.path}")
    if before[old.header_end : old.preamble_end] != after[new.header_end : new.preamble_end]:
        result.changed.append(f"the preamble of {old.path}")
    if old.closed != new.closed or (old.closed and before[old.epilogue : old.end] != after[new.epilogue : new.end]):
        result.changed.append(f"the end of {old.path}")
    kept = [part for part in new.children if old.kind != "multipart/related" or not _is_picture(after, part)]
    result.pictures += len(new.children) - len(kept)
    if len(kept) != len(old.children):
        result.changed.append(f"{len(kept)} parts instead of {len(old.children)} in {old.path}")
    return list(zip(old.children, kept, strict=False))


def _is_picture(raw: bytes, node: Node) -> bool:
    """Whether it is one of ours."""
    return node.kind.startswith("image/") and b"@inline>" in header_of(raw, node)


def _letter(result: Comparison, before: bytes, after: bytes, old: Node, new: Node) -> None:
    """One block of text came in, somewhere, and that is all."""
    result.letters += 1
    was, now = text_of(before, old), text_of(after, new)
    if was is None:  # readers that guess must still guess the same of it: its octets stand
        was, now = (body_of(*side).decode("latin-1") for side in ((before, old), (after, new)))
    if now is None:
        result.changed.append(f"letter {old.path} {old.kind}, which can't be read any more")
        return
    if (other := _others(before, old)) != _others(after, new):
        result.changed.append(f"fields of letter {old.path}: {other!r}")
    start = _common(was, now)
    ending = _common(was[start:][::-1], now[start:][::-1])
    if start + ending < len(was):
        result.changed.append(f"words of letter {old.path} {old.kind}")
    elif len(now) > len(was):
        result.signed += 1
        result.added.append(now[start : len(now) - ending])


def _same(before: bytes, after: bytes, old: Node, new: Node) -> bool:
    return _fields(before, old) == _fields(after, new) and body_of(before, old) == body_of(after, new)


def _fields(raw: bytes, node: Node) -> bytes:
    """The header that must be the same: all of a part's, and of the message's own what MIME says."""
    if node.parent is not None and node.path:
        return header_of(raw, node)
    return b"".join(each for each in node.fields if each.lower().startswith(b"content-"))


def _others(raw: bytes, node: Node) -> list[bytes]:
    """The MIME fields of a letter beside those that name its charset and encoding."""
    ours = (b"content-type:", b"content-transfer-encoding:")
    kept = [each for each in node.fields if each.lower().startswith(b"content-")]
    return [each.rstrip() for each in kept if not each.lower().startswith(ours)]


def _common(one: str, other: str) -> int:
    """How many characters the two have in common from their start on."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
