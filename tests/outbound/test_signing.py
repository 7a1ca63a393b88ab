"""Signing what leaves: with the keys that are active at that moment, and otherwise not at all."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from gateway.domain.address import Address
from gateway.domain.dkim import Algorithm, KeyState
from gateway.domain.errors import Conflict, Faulty, NotFound, Unreachable
from gateway.domain.firm import Endpoint, Firm, Mailbox, Secret, Security
from gateway.outbound.signing import Signing
from gateway.outbound.signing_keys import SigningKeys
from gateway.store.store import Store
from tests.mime.signing import AT, tag_values
from tests.store.conftest import Opener, data_dir, open_store, store

__all__ = ["data_dir", "open_store", "store"]

RAW = b"From: a@firm.example\r\nSubject: x\r\n\r\nx\r\n"
HOST = Endpoint("mail.example", 993, Security.TLS)
FIRM = Firm(
    mailboxes=tuple(
        Mailbox(Address("a", domain), "", (), "", Secret(""), HOST, HOST)
        for domain in ("firm.example", "mail.xn--bcher-kva.example")
    )
)


class Zone:
    """A DNS that a person fills."""

    def __init__(self) -> None:
        self.records: dict[str, list[bytes]] = {}
        self.reachable = True

    async def find(self, name: str) -> list[bytes]:
        if not self.reachable:
            raise Unreachable("DNS gave no answer.")
        return self.records.get(name, [])


@pytest.fixture
def zone() -> Zone:
    return Zone()


@pytest.fixture
def keys(store: Store, zone: Zone) -> SigningKeys:
    return SigningKeys(store.dkim, firm=lambda: FIRM, find_txt=zone.find)


@pytest.fixture
async def signing(store: Store) -> Signing:
    made = Signing(store.dkim)
    await made.load()
    return made


async def enabled(keys: SigningKeys, domain: str, algorithm: Algorithm = Algorithm.RSA) -> str:
    key = await keys.new(domain, algorithm, by="test", at=AT)
    await keys.enable(domain, key.selector, by="test", at=AT, unchecked=True)
    return key.selector


async def test_without_a_key_the_bytes_are_the_same(signing: Signing) -> None:
    assert signing.sign(RAW, "firm.example", AT) is RAW


async def test_a_key_signs_from_the_moment_it_is_enabled_until_it_is_disabled(
    keys: SigningKeys, signing: Signing
) -> None:
    await keys.new("firm.example", Algorithm.RSA, by="test", at=AT)
    assert signing.sign(RAW, "firm.example", AT) is RAW
    await keys.enable("firm.example", None, by="test", at=AT, unchecked=True)
    assert tag_values(signing.sign(RAW, "firm.example", AT), "s") == ["postern202611"]
    await keys.disable("firm.example", None, by="test", at=AT)
    assert signing.sign(RAW, "firm.example", AT) is RAW


async def test_both_kinds_sign_and_rsa_is_on_top_whichever_came_first(keys: SigningKeys, signing: Signing) -> None:
    await enabled(keys, "firm.example", Algorithm.ED25519)
    await enabled(keys, "firm.example")
    assert tag_values(signing.sign(RAW, "firm.example", AT), "a") == ["rsa-sha256", "ed25519-sha256"]


async def test_the_next_key_takes_over_in_one_step(keys: SigningKeys, signing: Signing) -> None:
    first = await enabled(keys, "firm.example")
    second = await enabled(keys, "firm.example")
    assert (first, second) == ("postern202611", "postern202611-2")
    assert tag_values(signing.sign(RAW, "firm.example", AT), "s") == [second]
    assert [key.state for key in await keys.of("firm.example")] == [KeyState.RETIRED, KeyState.ACTIVE]


async def test_a_domain_above_signs_for_those_below_that_have_no_key(keys: SigningKeys, signing: Signing) -> None:
    await enabled(keys, "xn--bcher-kva.example")
    assert tag_values(signing.sign(RAW, "mail.xn--bcher-kva.example", AT), "d") == ["xn--bcher-kva.example"]
    await enabled(keys, "mail.xn--bcher-kva.example")
    assert tag_values(signing.sign(RAW, "mail.xn--bcher-kva.example", AT), "d") == ["mail.xn--bcher-kva.example"]
    assert signing.sign(RAW, "else.example", AT) is RAW


async def test_a_restart_signs_with_the_same_key(open_store: Opener, zone: Zone) -> None:
    store = await open_store()
    keys = SigningKeys(store.dkim, firm=lambda: FIRM, find_txt=zone.find)
    await enabled(keys, "firm.example", Algorithm.ED25519)
    before = Signing(store.dkim)
    await before.load()
    await store.close()
    after = Signing((await open_store()).dkim)
    await after.load()
    assert after.sign(RAW, "firm.example", AT) == before.sign(RAW, "firm.example", AT) != RAW


async def test_an_odd_header_is_left_unsigned_and_the_log_says_so(keys: SigningKeys, signing: Signing) -> None:
    await enabled(keys, "firm.example", Algorithm.ED25519)
    odd = b"From : a@firm.example\r\n\r\nx\r\n"
    with capture_logs() as said:
        assert signing.sign(odd, "firm.example", AT) is odd
    assert [(line["event"], line["domain"]) for line in said] == [("not-signed", "firm.example")]
    assert "white space" in said[0]["reason"]


async def test_a_key_is_enabled_once_its_record_can_be_seen(keys: SigningKeys, zone: Zone) -> None:
    key = await keys.new("firm.example", Algorithm.RSA, by="test", at=AT)
    with pytest.raises(Conflict, match="no TXT record"):
        await keys.enable("firm.example", None, by="test", at=AT)
    zone.records[key.record_name] = [b"v=DKIM1; p=eA=="]
    with pytest.raises(Conflict, match="another key"):
        await keys.enable("firm.example", None, by="test", at=AT)
    zone.reachable = False
    with pytest.raises(Unreachable):
        await keys.enable("firm.example", None, by="test", at=AT)
    zone.reachable = True
    zone.records[key.record_name] = [key.record_value.encode()]
    assert (await keys.enable("firm.example", None, by="test", at=AT)).state is KeyState.ACTIVE


async def test_any_spelling_of_the_domain_is_taken(keys: SigningKeys) -> None:
    key = await keys.new(" MAIL.Bücher.Example. ", Algorithm.ED25519, by="test", at=AT, selector="S1")
    assert (key.domain, key.selector) == ("mail.xn--bcher-kva.example", "s1")
    assert (await keys.of("mail.BÜCHER.example"))[0] == key


@pytest.mark.parametrize(
    ("domain", "selector", "error", "words"),
    [
        ("else.example", None, NotFound, "no mailbox in else.example"),
        ("example", None, NotFound, "no mailbox in example"),
        ("not a domain", None, Faulty, "is no domain"),
        ("x@firm.example", None, Faulty, "is no domain"),
        ("firm.example\r\nX: y", None, Faulty, "is no domain"),
        ("", None, Faulty, "is no domain"),
        ("firm.example", "a b", Faulty, "choose another selector"),
        ("firm.example", "x" * 64, Faulty, "choose another selector"),
    ],
)
async def test_names_that_cannot_be_are_refused_with_a_sentence(
    keys: SigningKeys, domain: str, selector: str | None, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        await keys.new(domain, Algorithm.ED25519, by="test", at=AT, selector=selector)
    assert list(await keys._shelf.list()) == []


async def test_what_is_not_there_is_said(keys: SigningKeys) -> None:
    for change in (keys.disable, keys.remove):
        with pytest.raises(NotFound, match="postern dkim new"):
            await change("firm.example", None, by="test", at=AT)
    with pytest.raises(NotFound, match="postern dkim new"):
        await keys.of("firm.example")


async def test_many_changes_at_once_end_in_what_the_store_has(
    keys: SigningKeys, signing: Signing, store: Store
) -> None:
    names = [await enabled(keys, "firm.example", Algorithm.ED25519) for _ in range(4)]
    await asyncio.gather(*(keys.enable("firm.example", name, by="t", at=AT, unchecked=True) for name in names))
    (active,) = await store.dkim.active()
    assert tag_values(signing.sign(RAW, "firm.example", AT), "s") == [active.key.selector]


async def test_X1_no_log_line_holds_a_private_key(keys: SigningKeys, store: Store) -> None:
    with capture_logs() as said:
        await enabled(keys, "firm.example")
        await keys.disable("firm.example", None, by="test", at=AT)
        await keys.remove("firm.example", None, by="test", at=AT)
    done = ("made", "enabled", "disabled", "removed")
    assert [line["event"] for line in said] == [f"dkim-key-{verb}" for verb in done]
    assert "PRIVATE" not in repr(said)


def test_a_start_of_the_daemon_loads_no_dns() -> None:
    program = "import sys, gateway.outbound.signing_keys, gateway.upstream.dns; sys.exit('dns.resolver' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
