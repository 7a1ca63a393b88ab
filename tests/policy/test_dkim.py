"""Which keys sign, what a new one is called, and what is said of a record that is not right."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from gateway.domain.address import Address
from gateway.domain.dkim import Algorithm, KeyState, SigningKey
from gateway.domain.errors import Conflict, NotFound
from gateway.domain.firm import Endpoint, Firm, Mailbox, Secret, Security
from gateway.policy.dkim import above, check_published, is_ours, meant, new_selector, signs_for

AT = datetime(2026, 11, 22, tzinfo=UTC)
DAY = date(2026, 11, 22)
KEY = SigningKey("firm.example", "s", Algorithm.RSA, b"x", AT)
HOST = Endpoint("mail.example", 993, Security.TLS)


def firm(*domains: str) -> Firm:
    boxes = [Mailbox(Address("a", domain), "", (), "", Secret(""), HOST, HOST) for domain in domains]
    return Firm(mailboxes=tuple(boxes))


def key(selector: str, state: KeyState) -> SigningKey:
    return SigningKey("firm.example", selector, Algorithm.RSA, b"x", AT, state)


def test_a_domain_lies_below_others_but_no_top_level_one_counts() -> None:
    assert above("a.b.firm.example") == ["a.b.firm.example", "b.firm.example", "firm.example"]
    assert above("example") == []
    assert above("") == []


def test_the_domains_own_keys_sign_and_else_those_of_the_nearest_above() -> None:
    keys = {"firm.example": ["parent"], "b.firm.example": ["own"], "c.firm.example": []}
    assert signs_for(keys, "b.firm.example") == ["own"]
    assert signs_for(keys, "a.b.firm.example") == ["own"]
    assert signs_for(keys, "c.firm.example") == ["parent"]
    assert signs_for(keys, "else.example") == ()
    assert signs_for(keys, "xfirm.example") == ()


def test_a_key_may_be_made_for_a_mailboxs_domain_and_those_above_it() -> None:
    ours = firm("mail.firm.example")
    assert is_ours(ours, "mail.firm.example")
    assert is_ours(ours, "firm.example")
    assert not is_ours(ours, "example")
    assert not is_ours(ours, "other.firm.example")
    assert not is_ours(firm(), "firm.example")


def test_a_selector_is_made_of_the_month_and_numbered_where_it_is_taken() -> None:
    assert new_selector(Algorithm.RSA, DAY, ()) == "postern202611"
    assert new_selector(Algorithm.ED25519, DAY, ()) == "postern202611-ed"
    assert new_selector(Algorithm.RSA, DAY, {"postern202611", "postern202611-2"}) == "postern202611-3"


def test_the_key_that_is_meant_is_found_without_a_selector_where_it_can_be() -> None:
    keys = [key("old", KeyState.RETIRED), key("now", KeyState.ACTIVE), key("next", KeyState.WAITING)]
    assert meant(keys, "firm.example", None, {KeyState.WAITING}).selector == "next"
    assert meant(keys, "firm.example", "old", {KeyState.WAITING}).selector == "old"


@pytest.mark.parametrize(
    ("domain", "selector", "states", "error", "words"),
    [
        ("other.example", None, {KeyState.ACTIVE}, NotFound, "postern dkim new other.example"),
        ("firm.example", "none", {KeyState.ACTIVE}, NotFound, "it has a .waiting., b .waiting."),
        ("firm.example", None, {KeyState.WAITING}, Conflict, "--selector, a .waiting., b .waiting."),
        ("firm.example", None, {KeyState.ACTIVE}, Conflict, "no key that is active"),
    ],
)
def test_what_is_not_clear_is_asked_back(
    domain: str, selector: str | None, states: set[KeyState], error: type[Exception], words: str
) -> None:
    keys = [key("a", KeyState.WAITING), key("b", KeyState.WAITING)]
    with pytest.raises(error, match=words):
        meant(keys, domain, selector, states)


@pytest.mark.parametrize("text", [KEY.record_value.encode(), b"p=eA==", b"v=DKIM1; h=sha256; s=email; t=y; p=eA=="])
def test_the_keys_own_record_is_right_however_it_is_written(text: bytes) -> None:
    check_published(KEY, [text])


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "no TXT record at s._domainkey.firm.example yet"),
        ([KEY.record_value.encode(), b"v=spf1 -all"], "There are 2 TXT records"),
        ([b"v=spf1 -all"], "it is no DKIM record"),
        ([b"v=DKIM1; p="], "was revoked"),
        ([b"v=DKIM1; p=eA=x"], "cut or mistyped"),
        ([b"v=DKIM1; k=ed25519; p=eA=="], "another kind of key .k=ed25519."),
        ([b"v=DKIM1; p=eQ=="], "it holds another key"),
        ([b"v=DKIM1; h=sha1; p=eA=="], "does not allow sha256"),
        ([b"v=DKIM1; s=tlsrpt; p=eA=="], "not for e-mail"),
    ],
)
def test_what_is_wrong_with_a_record_is_said_in_words(found: list[bytes], words: str) -> None:
    with pytest.raises(Conflict, match=words) as refused:
        check_published(KEY, found)
    assert refused.value.sentence.endswith("then enable the key again.")
