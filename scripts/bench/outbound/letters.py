"""The letter that everybody sends: multipart/alternative as mail programs write it, no two of them the same."""

from __future__ import annotations

from dataclasses import dataclass

MEMBERS = 10  # people who write at the same time, each from a mailbox of their own
DOMAIN = "firm.example"
PASSWORD = "a member's secret"
ARCHIVE = f"archive@{DOMAIN}"
CLIENT = "al@pacino.example"

_TEXT = "The return for last year is ready, and we would like you to read it before we file it.\r\n"
_HTML = (
    "<p>The return for last year is ready, and we would like you to read it=\r\n"
    " before we file it =E2=80=94 as always.</p>\r\n"
)


@dataclass(frozen=True, slots=True)
class Letter:
    """Ready for DATA but for its number, which stands between the two pieces."""

    before: bytes
    after: bytes

    def numbered(self, number: str) -> bytes:
        return self.before + number.encode() + self.after


def login(member: int) -> str:
    return f"member{member}"


def asked(member: int) -> str:
    """The address that the member's mail program puts into From."""
    return f"{login(member)}@{DOMAIN}"


def shown(member: int) -> str:
    """The address that the firm wants there."""
    return f"office{member}@{DOMAIN}"


def letter(size: int, member: int) -> Letter:
    """A letter of about ``size`` octets, half of its body in each of the two parts."""
    head = "\r\n".join(
        (
            f"From: Member {member} <{asked(member)}>",
            f"To: Al Pacino <{CLIENT}>",
            "Subject: Your return",
            "Date: Sat, 14 Mar 2026 10:00:00 +0200",
            "MIME-Version: 1.0",
            'Content-Type: multipart/alternative; boundary="=_limit"',
            "User-Agent: A mail program",
            "Message-ID: <",
        )
    )
    text = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nDear Al,\r\n"
    html = (
        "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        '<html><head><meta charset=3D"utf-8"></head><body>\r\n'
    )
    frame = len(head) + len(text) + len(html) + 120
    half = max(0, size - frame) // 2
    parts = (
        f"@{DOMAIN}>\r\n\r\n--=_limit\r\n{text}{_TEXT * round(half / len(_TEXT))}\r\n--=_limit\r\n{html}"
        f"{_HTML * round(half / len(_HTML))}</body></html>\r\n\r\n--=_limit--\r\n"
    )
    return Letter(head.encode(), parts.encode())
