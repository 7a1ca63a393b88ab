"""Files that are promised rather than sent: links to shares of the large services, told by their host alone.

No request is made to any of them. A host is matched whole or at a dot, never by what it contains.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

MAX_PROMISED = 100  # of one message
MAX_UNWRAPPED = 3  # scanners' links in scanners' links

_SAFE_LINKS = ".safelinks.protection.outlook.com"  # Microsoft writes every link anew; where it led is in "url"
_PORTS = {None, 80, 443}
_HOST = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,10}")
_ODD = re.compile(r"[\x00-\x20\\\x7f-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Promised:
    """A share that a message names; ``link`` is as the sender wrote it, without what a scanner put around it."""

    service: str
    link: str


@dataclass(frozen=True, slots=True)
class _Service:
    name: str
    hosts: tuple[str, ...]  # whole; with a leading dot all below
    path: re.Pattern[str]  # what tells a share from the service's own pages


_SHARES = (
    _Service("OneDrive", ("1drv.ms", "onedrive.live.com"), re.compile(r"/.")),
    _Service(
        "SharePoint",
        (".sharepoint.com",),
        re.compile(r"/(?::[a-z]:/|personal/|sites/|teams/)"),
    ),
    _Service("Google Drive", ("drive.google.com",), re.compile(r"/(?:a/[^/]+/)?(?:file/|drive/|folderview|open|uc\b)")),
    _Service(
        "Google Docs",
        ("docs.google.com",),
        re.compile(r"/(?:a/[^/]+/)?(?:document|spreadsheets|presentation|drawings|file|open|uc)\b"),
    ),
    _Service("Dropbox", ("dropbox.com", "www.dropbox.com"), re.compile(r"/(?:s|sh|scl|t|transfer|l)/")),
    _Service("Dropbox", ("dl.dropboxusercontent.com", "db.tt"), re.compile(r"/.")),
    _Service("WeTransfer", ("we.tl",), re.compile(r"/.")),
    _Service("WeTransfer", ("wetransfer.com", ".wetransfer.com"), re.compile(r"/downloads/")),
)


def promised(links: Iterable[str]) -> tuple[Promised, ...]:
    """Those that lead to a share, each once, in their order; at most MAX_PROMISED."""
    found: dict[str, Promised] = {}
    for link in links:
        one = promise(link)
        if one is not None and len(found) < MAX_PROMISED:
            found.setdefault(one.link, one)
    return tuple(found.values())


def promise(link: str) -> Promised | None:
    """The share that a link leads to; None for any other link, and for one that could be read in two ways."""
    for step in _unwrapped(link):
        place = _place(step)
        if place is None:
            return None
        host, path = place
        for service in _SHARES:
            if any(_is(host, known) for known in service.hosts) and service.path.match(path):
                return Promised(service.name, step)
    return None


def _unwrapped(link: str) -> Iterator[str]:
    for _ in range(MAX_UNWRAPPED):
        yield link
        place = _place(link)
        if place is None or not _is(place[0], _SAFE_LINKS):
            return
        inner = parse_qs(urlsplit(link).query, max_num_fields=20).get("url")
        if not inner:
            return
        link = inner[0]


def _place(link: str) -> tuple[str, str] | None:
    """Host and path; user names, other ports and odd characters are how links are disguised."""
    if _ODD.search(link):
        return None
    try:
        url = urlsplit(link)
        if url.scheme not in {"http", "https"} or "@" in url.netloc or url.port not in _PORTS:
            return None
    except ValueError:
        return None
    host = (url.hostname or "").removesuffix(".")
    return (host, url.path or "/") if _HOST.fullmatch(host) else None


def _is(host: str, known: str) -> bool:
    return host.endswith(known) if known.startswith(".") else host == known
