"""`postern webhook`: made with a secret that is shown once, listed without it, removed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.domain.webhook import Target
from gateway.office.webhooks import Webhooks
from gateway.settings.gateway import Webhooks as Rules
from tests.admin.house import NOW, House
from tests.cli.terminal import ask

URL = "https://hooks.firm.example/x"


@pytest.fixture
def sending(house: House) -> House:
    """A house that could send, and in this test has nothing to."""

    async def post(target: Target, headers: Mapping[str, str], body: bytes, *, allow_private: bool) -> int:
        raise AssertionError("nothing happens here")

    hooks = Webhooks(house.store, firm=lambda: house.office.firm, rules=Rules, now=lambda: NOW, post=post)
    object.__setattr__(house.server._services, "webhooks", hooks)
    return house


async def test_a_webhook_is_made_listed_and_removed(sending: House) -> None:
    made = await ask(sending.socket, "webhook", "add", "crm", URL, "--kind", "bounce")
    assert (made.code, made.out[:6], made.out.strip() in made.err) == (0, "whsec_", False)
    listed = await ask(sending.socket, "webhook", "list")
    assert made.out.strip() not in listed.out
    assert listed.out.splitlines()[1].split()[:5] == ["crm", URL, "bounce", "-", "well"]
    (hook,) = (await ask(sending.socket, "webhook", "list", "--json")).json["webhooks"]
    assert "secret" not in hook
    assert (await ask(sending.socket, "webhook", "add", "crm", URL)).code == 65
    assert (await ask(sending.socket, "webhook", "remove", "crm")).out == "crm is removed.\n"
    assert (await ask(sending.socket, "webhook", "remove", "crm")).code == 65
    done = [one["verb"] for one in (await ask(sending.socket, "activity", "--json")).json["activity"][:2]]
    assert done == ["removed", "added"]


async def test_X5_a_url_that_leads_inside_is_65_with_what_to_do(sending: House) -> None:
    for url in ("https://127.0.0.1/", "http://hooks.firm.example/", "https://printer.local/"):
        said = await ask(sending.socket, "webhook", "add", "crm", url)
        assert (said.code, said.out) == (65, "")
        assert "[webhooks]" in said.err
    assert (await ask(sending.socket, "webhook", "add", "crm", URL, "--kind", "gossip")).code == 65


async def test_wishes_are_said_by_commands(house: House) -> None:
    number = await house.happen("stopped")
    said = await ask(house.socket, "prefer", "client-mail=none", "--as", "ana")
    assert (said.code, "client-mail:" in said.out, "none" in said.out) == (0, True, True)
    assert (await ask(house.socket, "prefer", "client-mail", "--as", "ana")).code == 64
    assert (await ask(house.socket, "prefer")).code == 65
    snoozed = await ask(house.socket, "snooze", number, "--as", "ana")
    assert snoozed.out == "Warnings about support@firm.example are quiet until 2026-03-15T15:09:26Z.\n"
    assert (await ask(house.socket, "dismiss", number, "--as", "ana")).code == 0
    assert "are heard again" in (await ask(house.socket, "dismiss", number, "--undo", "--as", "ana")).out
    await house.file()
    (filed,) = await house.store.record.list("Al Pacino", None)
    assert "is muted" in (await ask(house.socket, "mute", filed.thread, "--as", "ana")).out
    assert "is heard again" in (await ask(house.socket, "mute", filed.thread, "--undo", "--as", "ana")).out
    assert (await ask(house.socket, "mute", 999, "--as", "ana")).code == 65
