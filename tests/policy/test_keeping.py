"""What of a message becomes documents, and which links promise some."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.record import Attachment
from gateway.mime.links import MAX_LINKS, links
from gateway.policy.cloud import MAX_PROMISED, promise, promised
from gateway.policy.filename import document_name
from gateway.policy.keeping import Known, LeftOut, left_out, may_repeat
from tests.cost import within


def picture(octets: int, side: int = 64, *, shown: bool = True, kind: str = "image/png") -> Attachment:
    head = b"\x89PNG\r\n\x1a\n" + bytes(8) + side.to_bytes(4, "big") * 2
    return Attachment(1, "image001.png", kind, head + bytes(octets - len(head)), shown=shown)


PDF = Attachment(1, "a.pdf", "application/pdf", b"%PDF", shown=True)
SEEN, SAVED = Known(seen=True), Known(seen=True, saved=True)


@pytest.mark.parametrize(
    ("one", "known", "reason"),
    [
        (PDF, SAVED, None),
        (picture(100, 1), Known(), LeftOut.TRACKER),
        (picture(100, 1, shown=False), Known(), LeftOut.TRACKER),
        (picture(4_000), Known(), LeftOut.ICON),
        (picture(4_000, shown=False), Known(), None),
        (picture(4_000, 1_200), Known(), None),
        (picture(40_000), Known(), None),
        (picture(40_000), SEEN, LeftOut.REPEATED),
        (picture(40_000), SAVED, LeftOut.REPEATED),
        (picture(40_000, shown=False), SEEN, LeftOut.REPEATED),
        (picture(40_000, shown=False), SAVED, None),
        (picture(400_000), SAVED, None),
    ],
)
def test_only_decoration_is_left_out_and_never_for_its_disposition_alone(
    one: Attachment, known: Known, reason: LeftOut | None
) -> None:
    assert left_out(one, known) is reason


def test_only_small_pictures_are_remembered() -> None:
    assert may_repeat(picture(40_000))
    assert not may_repeat(picture(400_000))
    assert not may_repeat(PDF)


SHARES = [
    ("https://drive.google.com/file/d/1aZ/view?usp=sharing", "Google Drive"),
    ("https://DRIVE.google.com./open?id=1", "Google Drive"),
    ("https://docs.google.com/spreadsheets/d/1/edit", "Google Docs"),
    ("https://firm-my.sharepoint.com/:x:/p/al/E1", "SharePoint"),
    ("https://firm.sharepoint.com/sites/Tax/Shared%20Documents/a.pdf", "SharePoint"),
    ("https://1drv.ms/b/s!Ab", "OneDrive"),
    ("https://www.dropbox.com/scl/fi/a/b.pdf?rlkey=x", "Dropbox"),
    ("https://wetransfer.com/downloads/a/b", "WeTransfer"),
    ("https://firm.wetransfer.com/downloads/a/b", "WeTransfer"),
    ("https://we.tl/t-abc", "WeTransfer"),
]
NONE = [
    "https://drive.google.com.evil.example/file/d/1",
    "https://evil.example/drive.google.com/file/d/1",
    "https://evil.example/?u=https://drive.google.com/file/d/1",
    "https://drive.google.com@evil.example/file/d/1",
    "https://evil.example#@drive.google.com/file/d/1",
    "https://evildrive.google.com/file/d/1",
    "https://sharepoint.com/:x:/p",
    "https://evilsharepoint.com/:x:/p",
    "https://drive.google.com:8080/file/d/1",
    "https://drive.google.com%2eevil.example/file/d/1",
    "https://drive.google.com\\@evil.example/file/d/1",
    "https://\u0501rive.google.com/file/d/1",
    "https://drive.google.com/",
    "https://www.dropbox.com/login",
    "https://firm.sharepoint.com/",
    "ftp://drive.google.com/file/d/1",
    "https://[drive.google.com]/file/d/1",
    "https://evil.safelinks.protection.outlook.com.evil.example/?url=https%3A%2F%2Fwe.tl%2Ft",
]


@pytest.mark.parametrize(("link", "service"), SHARES)
def test_a_share_is_told_by_its_host(link: str, service: str) -> None:
    found = promise(link)
    assert found is not None
    assert (found.service, found.link) == (service, link)


@pytest.mark.parametrize("link", NONE)
def test_what_only_looks_like_a_share_is_none(link: str) -> None:
    assert promise(link) is None


def test_what_a_scanner_put_around_a_share_is_taken_off() -> None:
    found = promise("https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fwe.tl%2Ft-abc&data=05")
    assert found is not None
    assert found.link == "https://we.tl/t-abc"


@given(st.text(max_size=80))
def test_any_text_may_stand_where_a_link_should(text: str) -> None:
    promise(f"https://{text}")
    promise(f"https://a.safelinks.protection.outlook.com/?url={text}")


BODIES = (
    b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n"
    b"See (https://we.tl/t-abc), or <https://we.tl/t-abc>. Also http://a.example/x_(y).\r\n--b\r\n"
    b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b'<a HREF=3D"https://drive.google.com/open?id=3D1&amp;x=3D2">https://we.tl/shown-only</a><a href=3D/rel>x</a>'
    b"<a href=3D'https://one.example/'>\r\n--b\r\n"
    b"Content-Type: text/plain; name=file.txt\r\n\r\nhttps://in.a/file\r\n--b--\r\n"
)


def test_links_are_those_of_the_text_and_where_those_of_the_page_lead() -> None:
    assert links(BODIES) == (
        "https://we.tl/t-abc",
        "http://a.example/x_(y)",
        "https://drive.google.com/open?id=1&x=2",
        "https://one.example/",
    )
    assert [one.service for one in promised(links(BODIES))] == ["WeTransfer", "Google Drive"]


def test_F5_links_are_bounded_in_number_and_time() -> None:
    many = b"\r\n" + b"".join(b"https://we.tl/t-%d " % number for number in range(50_000))
    page = b"Content-Type: text/html\r\n\r\n" + b"<a href=" * 100_000 + b"href" + b" " * 500_000 + b"https://x" * 50_000
    found = within(1.0, lambda: links(many))
    assert len(found) == MAX_LINKS
    assert len(within(0.1, lambda: promised(found))) == MAX_PROMISED
    within(1.0, lambda: links(page))


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [("", "application/pdf", "attachment.pdf"), ("..", "x/y", "attachment"), ("a.b", "image/png", "a.b")],
)
def test_an_attachment_without_a_name_is_called_after_its_type(name: str, kind: str, expected: str) -> None:
    assert document_name(name, kind) == expected
