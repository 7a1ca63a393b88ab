"""What rules may ask about a message, each fact worked out only when the first rule asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from gateway.mime.attachments import each_attachment
from gateway.mime.header import MAX_TEXT, Header, readable
from gateway.mime.words import clean, decode_words

_ANSWERING = frozenset({"in-reply-to", "references"})


@dataclass(frozen=True)
class Letter:
    """A message as submitted; ``header`` was read from its first octet."""

    header: Header
    _texts: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def size(self) -> int:
        """Octets as submitted."""
        return len(self.header.raw)

    @property
    def is_reply(self) -> bool:
        """Whether it names a message that it answers (RFC 5322 section 3.6.4)."""
        by_name = self.header.by_name  # asked by rule after rule; most messages answer nothing
        return ("in-reply-to" in by_name or "references" in by_name) and self._answers

    @cached_property
    def _answers(self) -> bool:
        return any(self.header.value(span) for span in self.header.fields if span.key in _ANSWERING)

    @cached_property
    def has_attachments(self) -> bool:
        """Whether there is a file in it besides the pictures that its text shows; this decodes up to the first."""
        return any(not one.shown for one in each_attachment(self.header.raw))

    def texts(self, name: str) -> tuple[str, ...]:
        """Every field of that name as a person reads it: decoded, unfolded, of each the first 100,000 octets."""
        key = name.lower()
        if key not in self._texts:
            values = self.header.all(name)
            self._texts[key] = tuple(clean(decode_words(readable(value[:MAX_TEXT]))) for value in values)
        return self._texts[key]
