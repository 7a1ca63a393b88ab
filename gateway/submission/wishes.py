"""What a mail program wishes beside delivery: reports (RFC 3461, 6533) and a later time (RFC 4865); strict, pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from gateway.domain.mail import Notify, Wish
from gateway.mime.xtext import decode_utf8, decode_xtext, encode_orcpt
from gateway.policy.hold import MAX_HOLD, latest
from gateway.submission import replies
from gateway.submission.replies import Refused

OF_MAIL = frozenset({"RET", "ENVID", "HOLDFOR", "HOLDUNTIL"})
OF_RCPT = frozenset({"NOTIFY", "ORCPT"})

MAX_ENVID = 100  # characters, decoded; RFC 3461 section 4.4
MAX_ORCPT = 500  # characters, RFC 3461 section 4.2; other letters as the next server may need them: escaped in ASCII

NOTHING_ASKED = Wish()
_NOTIFY = {kind.value.upper(): kind for kind in Notify}
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9!#$%&'*+/?^_`{|}~\-]{1,64}")
_SECONDS = re.compile(r"[1-9][0-9]{0,8}")  # RFC 4865: up to nine digits
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


def read_wish(parameters: Mapping[str, str], *, smtputf8: bool) -> Wish:
    """NOTIFY and ORCPT of one RCPT (RFC 3461 sections 4.1 and 4.2). Raises Refused."""
    if not parameters:
        return NOTHING_ASKED
    notify = _notify(parameters["NOTIFY"]) if "NOTIFY" in parameters else NOTHING_ASKED.notify
    orcpt = _orcpt(parameters["ORCPT"], smtputf8=smtputf8) if "ORCPT" in parameters else ""
    return Wish(notify, orcpt)


def read_envid(parameters: Mapping[str, str]) -> str:
    """ENVID, decoded (RFC 3461 section 4.4); empty where it was not given. Raises Refused."""
    if "ENVID" not in parameters:
        return ""
    try:
        envid = decode_xtext(parameters["ENVID"])
    except ValueError:
        raise Refused(replies.BAD_ENVID) from None
    if len(envid) > MAX_ENVID or not envid.strip():
        raise Refused(replies.BAD_ENVID)
    return envid


def read_return_full(parameters: Mapping[str, str]) -> bool:
    """Whether RET asks for the whole message in reports (RFC 3461 section 4.3). Raises Refused."""
    wanted = parameters.get("RET", "HDRS").upper()
    if wanted not in {"FULL", "HDRS"}:
        raise Refused(replies.BAD_RET)
    return wanted == "FULL"


def read_not_before(parameters: Mapping[str, str], now: datetime) -> datetime | None:
    """HOLDFOR or HOLDUNTIL as a moment in UTC (RFC 4865); None to send now, also for a moment that has passed.

    Raises Refused, with 501 for what is beyond the limit too: the RFC wants it taken for a fault of the syntax.
    """
    if "HOLDFOR" in parameters and "HOLDUNTIL" in parameters:
        raise Refused(replies.HOLD_TWICE)
    if "HOLDFOR" in parameters:
        return now.astimezone(UTC) + _interval(parameters["HOLDFOR"])
    if "HOLDUNTIL" not in parameters:
        return None
    until = _moment(parameters["HOLDUNTIL"])
    if until > latest(now):
        raise Refused(replies.HOLD_TOO_LONG)
    return until.astimezone(UTC) if until > now else None


def _notify(value: str) -> frozenset[Notify]:
    words = value.upper().split(",")
    if words == ["NEVER"]:
        return frozenset()
    if len(set(words)) != len(words) or not _NOTIFY.keys() >= set(words):
        raise Refused(replies.BAD_NOTIFY)
    return frozenset(_NOTIFY[word] for word in words)


def _orcpt(value: str, *, smtputf8: bool) -> str:
    kind, _, word = value.partition(";")
    if not _ADDRESS_TYPE.fullmatch(kind) or not (smtputf8 or value.isascii()):
        raise Refused(replies.BAD_ORCPT)
    try:
        address = decode_utf8(word) if kind.lower() == "utf-8" else decode_xtext(word)
    except ValueError:
        raise Refused(replies.BAD_ORCPT) from None
    orcpt = f"{kind};{address}"
    if not address.strip() or len(encode_orcpt(orcpt)) > MAX_ORCPT:
        raise Refused(replies.BAD_ORCPT)
    return orcpt


def _interval(value: str) -> timedelta:
    if not _SECONDS.fullmatch(value):
        raise Refused(replies.BAD_HOLD)
    interval = timedelta(seconds=int(value))
    if interval > MAX_HOLD:
        raise Refused(replies.HOLD_TOO_LONG)
    return interval


def _moment(value: str) -> datetime:
    """RFC 3339 section 5.6; errata 2040 of RFC 4865 says that any offset is meant."""
    if not _MOMENT.fullmatch(value.upper()):
        raise Refused(replies.BAD_HOLD)
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:  # the 30th of February, the leap second
        raise Refused(replies.BAD_HOLD) from None
