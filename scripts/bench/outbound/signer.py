"""A milter as an administrator would write it: the `email` package parses, adds the signature, and serialises.

Run by the distribution's python3, for which python3-milter is packaged: signer.py SOCKET TEXT-FILE HTML-FILE
"""

from __future__ import annotations

import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import Milter  # type: ignore[import-not-found]  # of the distribution's python, not of ours

KEPT = ("content-type", "content-transfer-encoding")


class Signer(Milter.Base):  # type: ignore[misc]
    """One message at a time: the header and body are collected, and the body replaced at the end."""

    text = ""
    markup = ""

    def envfrom(self, *_: object) -> int:
        self._lines: list[bytes] = []
        self._body: list[bytes] = []
        return int(Milter.CONTINUE)

    def header(self, name: str, value: str) -> int:
        self._lines.append(f"{name}: {value}\n".encode("utf-8", "surrogateescape"))
        return int(Milter.CONTINUE)

    def body(self, chunk: bytes) -> int:
        self._body.append(chunk)
        return int(Milter.CONTINUE)

    def eom(self) -> int:
        raw = b"".join([*self._lines, b"\n", *self._body])
        message = message_from_bytes(raw, policy=policy.SMTP)
        assert isinstance(message, EmailMessage)
        self._sign(message)
        for name in KEPT:
            if message[name] is not None:
                self.chgheader(name, 1, str(message[name]))
        self.replacebody(message.as_bytes().partition(b"\r\n\r\n")[2])
        return int(Milter.CONTINUE)

    def _sign(self, message: EmailMessage) -> None:
        plain, markup = message.get_body(("plain",)), message.get_body(("html",))
        if plain is not None:
            plain.set_content(plain.get_content() + self.text)
        if markup is not None:
            whole = markup.get_content()
            at = whole.lower().rfind("</body>")
            at = len(whole) if at < 0 else at
            markup.set_content(whole[:at] + self.markup + whole[at:], subtype="html")


def main() -> None:
    socket, text, markup = sys.argv[1:]
    Signer.text, Signer.markup = Path(text).read_text(), Path(markup).read_text()
    Milter.factory = Signer
    Milter.set_flags(Milter.CHGHDRS | Milter.CHGBODY | Milter.ADDHDRS)
    Milter.runmilter("signer", f"unix:{socket}", 60)


if __name__ == "__main__":
    main()
