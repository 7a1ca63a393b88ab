"""Reads the signatures of a message, DKIM's and those that ARC makes in the same way (RFC 6376 section 3.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gateway.domain.verdict import Result
from gateway.mime.header import FieldSpan, Header
from gateway.mime.taglist import octets, read_tags

DKIM = "dkim-signature"
ARC_MESSAGE = "arc-message-signature"
ARC_SEAL = "arc-seal"
MAX_NAMES = 200  # in h=; messages that sign everything twice list 60

_DOMAIN = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)
_NAME = re.compile(r"[!-9;-~]+")
_NUMBER = re.compile(r"[0-9]{1,12}")
_ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}
_FORMS = frozenset({"simple", "relaxed"})


@dataclass(frozen=True, slots=True)
class Signature:
    """One that can be checked; ``form`` and ``body_form`` are "simple" or "relaxed"."""

    span: FieldSpan
    domain: str  # lower case
    selector: str
    kind: str  # "rsa" or "ed25519"
    value: bytes = field(repr=False)
    form: str = "relaxed"
    body_form: str = "relaxed"
    names: tuple[str, ...] = ()  # lower case; empty for a seal, which covers fields of its own
    body_hash: bytes = b""
    length: int | None = None  # octets of the canonical body that are signed; None: all
    expires: int | None = None  # seconds since 1970
    identity: str = ""  # domain of i=, lower case; empty where it is not given
    instance: int = 0  # i= of ARC

    @property
    def key_name(self) -> str:
        """Where its key is published (section 3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


@dataclass(frozen=True, slots=True)
class Unusable:
    """One that can't be checked: treated as if it were not there (section 6.1), and told to whoever asks."""

    domain: str
    why: str
    result: Result = Result.PERMERROR


def read_signature(header: Header, span: FieldSpan) -> Signature | Unusable:
    """A DKIM-Signature; also ARC-Message-Signature, whose i= is a number (RFC 8617 section 4.1.2)."""
    is_arc = span.key == ARC_MESSAGE
    tags = read_tags(header.value(span))
    if tags is None:
        return Unusable("", "it is no list of tags")
    domain = tags.get("d", "").lower()
    if not is_arc and tags.get("v") != "1":
        return Unusable(domain, "its version is none that there is")
    common = _common(tags)
    if isinstance(common, str):
        return Unusable(domain, common, Result.POLICY if "SHA-1" in common else Result.PERMERROR)
    names = tuple(name.strip().lower() for name in tags.get("h", "").split(":"))
    if is_arc:  # the suite of its authors takes an empty list, and empty names in it
        names = tuple(filter(None, names))
    why = _faulty_names(names, is_arc=is_arc) or _faulty_numbers(tags) or _faulty_identity(tags, is_arc=is_arc)
    body_hash = octets(tags.get("bh", ""))
    forms = _forms(tags.get("c", "relaxed/relaxed" if is_arc else "simple/simple"))
    if why or not body_hash or forms is None:
        return Unusable(domain, why or ("it has no hash of the body" if forms else "its canonical form is unknown"))
    return _signature(span, tags, common, (names, body_hash, forms), is_arc=is_arc)


def _signature(
    span: FieldSpan,
    tags: dict[str, str],
    common: tuple[str, str, bytes],
    signed: tuple[tuple[str, ...], bytes, tuple[str, str]],
    *,
    is_arc: bool,
) -> Signature:
    return Signature(
        span=span,
        domain=tags["d"].lower(),
        selector=common[0],
        kind=common[1],
        value=common[2],
        form=signed[2][0],
        body_form=signed[2][1],
        names=signed[0],
        body_hash=signed[1],
        length=int(tags["l"]) if "l" in tags else None,
        expires=int(tags["x"]) if "x" in tags else None,
        identity="" if is_arc else tags.get("i", "").rpartition("@")[2].lower(),
        instance=_instance(tags) if is_arc else 0,
    )


def read_seal(header: Header, span: FieldSpan) -> tuple[Signature, str] | Unusable:
    """An ARC-Seal and its cv= (RFC 8617 section 4.1.3), in lower case."""
    tags = read_tags(header.value(span))
    if tags is None:
        return Unusable("", "it is no list of tags")
    domain = tags.get("d", "").lower()
    common = _common(tags)
    if isinstance(common, str):
        return Unusable(domain, common)
    if "h" in tags or "bh" in tags or tags.get("cv", "").lower() not in {"none", "pass", "fail"}:
        return Unusable(domain, "it is no seal")
    if "t" in tags and not _NUMBER.fullmatch(tags["t"]):
        return Unusable(domain, "its time is no number")
    seal = Signature(
        span=span, domain=domain, selector=common[0], kind=common[1], value=common[2], instance=_instance(tags)
    )
    return seal, tags["cv"].lower()


def _common(tags: dict[str, str]) -> tuple[str, str, bytes] | str:
    """Selector, kind of key and signature; or what is wrong, in words."""
    if tags.get("a") in {"rsa-sha1", "dsa-sha1"}:
        return "it is made with SHA-1, which proves nothing any more"  # RFC 8301 section 3.1
    kind = _ALGORITHMS.get(tags.get("a", ""))
    value = octets(tags.get("b", ""))
    domain, selector = tags.get("d", ""), tags.get("s", "")
    if kind is None or not value:
        return "its algorithm or its value can't be read"
    if not _DOMAIN.fullmatch(domain) or "." not in domain or not _DOMAIN.fullmatch(selector):
        return "its domain or selector is none"
    if "dns/txt" not in [way.strip().lower() for way in tags.get("q", "dns/txt").split(":")]:
        return "its key is published in no way that there is"
    return selector.lower(), kind, value


def _faulty_names(names: tuple[str, ...], *, is_arc: bool) -> str:
    if len(names) > MAX_NAMES:
        return "it signs more fields than are looked at"
    if not all(_NAME.fullmatch(name) for name in names):
        return "its list of fields can't be read"
    if is_arc:
        return "it signs a seal" if ARC_SEAL in names else ""
    return "" if "from" in names else "it does not sign From"


def _faulty_identity(tags: dict[str, str], *, is_arc: bool) -> str:
    identity, domain = tags.get("i", "").rpartition("@")[2].lower(), tags["d"].lower()
    inside = is_arc or not identity or identity == domain or identity.endswith(f".{domain}")
    return "" if inside else "its i= lies outside of its d="


def _faulty_numbers(tags: dict[str, str]) -> str:
    wrong = [name for name in ("t", "x", "l") if name in tags and not _NUMBER.fullmatch(tags[name])]
    if wrong:
        return f"its {wrong[0]}= is no number"
    if "t" in tags and "x" in tags and int(tags["x"]) <= int(tags["t"]):
        return "it expired before it was made"
    return ""


def _forms(text: str) -> tuple[str, str] | None:
    head, slash, body = text.lower().partition("/")
    forms = head.strip(), body.strip() if slash else "simple"
    return forms if set(forms) <= _FORMS else None


def _instance(tags: dict[str, str]) -> int:
    """Zero where it is none."""
    text = tags.get("i", "")
    return int(text) if re.fullmatch(r"[1-9][0-9]?", text) else 0
