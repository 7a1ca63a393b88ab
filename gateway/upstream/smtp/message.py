"""A message as a server can take it: looked through once for all of its transactions, changed only where it must be."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.mime.check import is_ascii, line_fault
from gateway.mime.header import Header
from gateway.mime.seven import seven_bit
from gateway.upstream.smtp.outcomes import Trouble, impossible

LARGE = 256 * 1024  # octets: looking through more of them would hold up everybody else

Extensions = Mapping[str, str]  # by keyword in capitals; what stood behind it


class Message:
    """``raw`` has CRLF line ends; that is looked at before any of it leaves."""

    __slots__ = ("_ascii", "_fault", "_fitted", "_for", "_known", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._known = False
        self._fault: str | None = None
        self._ascii = False
        self._for: Extensions | None = None
        self._fitted = raw, b""

    @property
    def is_large(self) -> bool:
        """Whether `fitted` is better called in a thread, the first time for each connection."""
        return len(self.raw) > LARGE

    def fitted(self, extensions: Extensions) -> tuple[bytes, bytes]:
        """The octets as this server can take them, and MAIL's parameters; Trouble that is final where it can't."""
        if self._for is not extensions:
            self._fitted = self._fit(extensions)
            self._for = extensions
        return self._fitted

    def needs_utf8(self, extensions: Extensions) -> bool:
        """Whether a header of it needs SMTPUTF8; Trouble where the server does not offer that."""
        return not is_ascii(self.raw[: Header.read(self.raw).end]) and demand_utf8(extensions)

    def _fit(self, extensions: Extensions) -> tuple[bytes, bytes]:
        self._look()
        if self._fault is not None:
            raise Trouble(impossible("5.6.0", f"the message can't be sent: {self._fault}", "mail"))
        raw, parameters = self.raw, b""
        if not self._ascii:
            if "8BITMIME" in extensions:
                parameters = b" BODY=8BITMIME"
            else:
                raw = _seven(raw)
        if "SIZE" in extensions:
            _check_size(len(raw), extensions["SIZE"])
            parameters = b" SIZE=%d%s" % (len(raw), parameters)
        return raw, parameters

    def _look(self) -> None:
        if not self._known:
            self._fault, self._ascii = line_fault(self.raw), is_ascii(self.raw)
            self._known = True


def demand_utf8(extensions: Extensions) -> bool:
    """True; Trouble where the server does not offer SMTPUTF8."""
    if "SMTPUTF8" in extensions:
        return True
    text = "the server can't take addresses or headers in other letters than English ones (no SMTPUTF8)"
    raise Trouble(impossible("5.6.7", text, "mail"))  # RFC 6531 section 3.5: not to be changed on the way


def _seven(raw: bytes) -> bytes:
    seven = seven_bit(raw)
    if seven is None:
        text = (
            "the server takes only 7-bit messages (no 8BITMIME), and this one holds 8-bit text that may not be changed"
        )
        raise Trouble(impossible("5.6.3", text, "mail"))
    return seven


def _check_size(size: int, limit: str) -> None:
    """RFC 1870 section 6.1: what is over the announced limit need not be tried; 0 or nothing is no limit."""
    most = int(limit) if limit.isascii() and limit.isdigit() and len(limit) <= 20 else 0
    if 0 < most < size:
        text = f"the message has {size} octets, and the server takes no more than {most}"
        raise Trouble(impossible("5.3.4", text, "mail"))
