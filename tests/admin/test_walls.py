"""The matrix of walls: every route and command as every role, over the real socket; no word of a closed client."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from fastapi import APIRouter

from gateway.admin import protocol, ruled
from gateway.admin.gate import Gate
from gateway.admin.peer import Peer
from gateway.admin.routes import feed
from gateway.domain.access import Caller, Standing
from gateway.domain.address import Address
from gateway.domain.firm import Firm, Role
from gateway.domain.record import EventKind
from gateway.policy.walls import MATRIX, Right, Walls
from tests.admin.house import NOW
from tests.admin.walled import ACCESS, MEMBERS, Walled, client_of, contact, firm, secret, walled

SSE = {"accept": "text/event-stream"}
GROUP = 4_242


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Walled]:
    async with walled(tmp_path) as built:
        yield built


def is_open(login: str, client: str) -> bool:
    return login in ACCESS[client]


def may(login: str, right: Right) -> bool:
    return Standing(MEMBERS[login]) in MATRIX[right]


@dataclass(frozen=True)
class Ask:
    """One request, with the client that it is about ("" for none)."""

    method: str
    template: str
    path: str
    right: Right
    client: str

    @property
    def body(self) -> object:
        bodies: Mapping[str, object] = {
            "/v1/apply": {},
            "/v1/backup": {"dir": "/proc/none"},
            "/v1/dkim": {"domain": "else.example"},
            "/v1/webhooks": {"name": "x", "url": "https://firm.example/"},
            "/v1/preferences": {},
            "/v1/messages/{message_id}/file": {"client": self.client},
            "/v1/messages/{message_id}/unfile": {"client": self.client},
            "/v1/messages/{message_id}/refile": {"from": self.client, "to": self.client},
        }
        return bodies.get(self.template)


async def asks(made: Walled, methods: frozenset[str]) -> list[Ask]:
    """Every route of the description, with every object that there is; a parameter without objects is an error here."""
    things: dict[str, dict[str, list[object]]] = {
        "name": {client: [client] for client in ACCESS},
        "message_id": {client: [number] for client, number in made.messages.items()},
        "document_id": {client: [number] for client, number in made.documents.items()},
        "queue_id": {client: [name] for client, name in made.entries.items()},
        "action": {"": ["hold", "release", "enable", "disable"]},
        "address": {"": ["ana@firm.example", "support@firm.example"]},
        "login": {"": list(MEMBERS)},
        "attachment": {"": [1]},
        "domain": {"": ["firm.example"]},
        "webhook": {"": ["crm"]},
        "step": {"": [1]},
        "thread": {client: [number] for client, number in made.threads.items()},
        "number": {client: [number] for client, number in made.events.items()},
    }
    async with made.client(None) as http:
        described = (await http.get("/openapi.json")).json()["paths"]
    found = []
    for template, operations in described.items():
        for method in operations.keys() & methods:
            right = Right(operations[method][ruled.KEY])
            names = [part[1:-1].removesuffix(":path") for part in template.split("/") if part.startswith("{")]
            choices = [
                [(name, client, one) for client, all_of in things[name].items() for one in all_of] for name in names
            ]
            for chosen in itertools.product(*choices):
                path = template
                for name, _, one in chosen:
                    path = path.replace(f"{{{name}}}", quote(str(one), safe=""))
                client = next((about for _, about, _ in chosen if about), "")
                found.append(Ask(method, template, path, right, client))
    return found


def leaks(login: str, asked: Ask, text: str) -> list[str]:
    """Closed clients of which the answer tells more than was asked; who sets the firm up may know names of settings."""
    found = [client for client in ACCESS if not is_open(login, client) and secret(client) in text]
    if asked.right not in {Right.SETTINGS, Right.CLIENTS} or MEMBERS[login] == "employee":
        said = text.replace(asked.client, "") if asked.client else text
        found += [client for client in ACCESS if not is_open(login, client) and client in said]
    return found


async def test_U3_every_read_as_every_member_shows_nothing_of_closed_clients(made: Walled) -> None:
    wrong: list[object] = []
    reads = await asks(made, frozenset({"get"}))
    assert len({one.template for one in reads}) >= 20
    cells = 0
    for login in MEMBERS:
        async with made.as_member(login) as http:
            for one in reads:
                answer = await http.get(one.path)
                cells += 1
                if leaks(login, one, answer.text):
                    wrong.append((login, one.path, answer.text))
                if not may(login, one.right):
                    expected = answer.status_code == 403
                elif one.client and not is_open(login, one.client):
                    expected = answer.status_code == 404
                else:
                    expected = answer.status_code == 200 or (answer.status_code == 404 and "dkim" in one.path)
                if not expected:
                    wrong.append((login, one.path, answer.status_code))
    assert wrong == []
    assert cells == len(MEMBERS) * len(reads)
    templates = len({one.template for one in reads})
    print(f"U3: {len(MEMBERS)} members x {len(reads)} objects of {templates} routes: {cells} reads, 0 cross-reads")


async def test_U3_the_operator_reads_everything(made: Walled) -> None:
    async with made.client(None) as http:
        for one in await asks(made, frozenset({"get"})):
            answer = await http.get(one.path)
            assert answer.status_code == 200 or "dkim" in one.path or one.path == "/v1/preferences", one.path
            assert not one.client or answer.text


async def test_U3_every_change_as_every_member_without_access_is_refused_and_changes_nothing(made: Walled) -> None:
    writes = [
        one
        for one in await asks(made, frozenset({"post", "put", "patch", "delete"}))
        if one.template not in {"/v1/mailboxes/{address}/test", "/v1/members/{login}/token"}
    ]
    before = {name: await made.house.store.queue.get(name) for name in made.entries.values()}
    wrong: list[object] = []
    for login in MEMBERS:
        async with made.as_member(login) as http:
            for one in writes:
                if (one.client and is_open(login, one.client)) or (not one.client and may(login, one.right)):
                    continue
                answer = await http.request(one.method, one.path, json=one.body, params={"at": "now"})
                expected = 404 if may(login, one.right) else 403
                if answer.status_code not in {expected, 400} or leaks(login, one, answer.text):
                    wrong.append((login, one.method, one.path, answer.status_code, answer.text))
    assert wrong == []
    assert {name: await made.house.store.queue.get(name) for name in made.entries.values()} == before


async def test_U3_what_is_closed_is_refused_in_the_very_words_of_what_is_not_there(made: Walled) -> None:
    pairs = [
        ("/v1/clients/Beta/messages", "/v1/clients/None/messages"),
        ("/v1/clients/Beta/documents", "/v1/clients/None/documents"),
        ("/v1/clients/Beta/promised", "/v1/clients/None/promised"),
        ("/v1/clients/Beta/aside", "/v1/clients/None/aside"),
        ("/v1/clients/Beta/saving", "/v1/clients/None/saving"),
        ("POST /v1/clients/Beta/documents/import", "POST /v1/clients/None/documents/import"),
        ("/v1/clients/Beta/scheduled", "/v1/clients/None/scheduled"),
        ("/v1/scheduled?client=Beta", "/v1/scheduled?client=None"),
        (f"/v1/messages/{made.messages['Beta']}", "/v1/messages/99999"),
        (f"/v1/messages/{made.messages['Beta']}/raw", "/v1/messages/99999/raw"),
        (f"POST /v1/messages/{made.messages['Beta']}/approve", "POST /v1/messages/99999/approve"),
        (f"/v1/messages/{made.messages['Beta']}/attachments", "/v1/messages/99999/attachments"),
        (f"/v1/messages/{made.messages['Beta']}/attachments/1", "/v1/messages/99999/attachments/1"),
        (f"/v1/documents/{made.documents['Beta']}", "/v1/documents/99999"),
        (f"/v1/documents/{made.documents['Beta']}/content", "/v1/documents/99999/content"),
        ("/v1/queue/entry-beta", "/v1/queue/entry-none"),
        ("POST /v1/queue/entry-beta/cancel", "POST /v1/queue/entry-none/cancel"),
        ("POST /v1/scheduled/entry-beta/cancel", "POST /v1/scheduled/entry-none/cancel"),
        ("POST /v1/mailboxes/ion@firm.example/sync", "POST /v1/mailboxes/none@firm.example/sync"),
        ("/v1/queue?before=entry-beta", "/v1/queue?before=entry-none"),
        ("/v1/clients/Beta/threads", "/v1/clients/None/threads"),
        (f"/v1/messages/{made.messages['Beta']}/page", "/v1/messages/99999/page"),
        (f"/v1/threads/{made.threads['Beta']}", "/v1/threads/99999"),
        (f"/v1/threads/{made.threads['Beta']}/page", "/v1/threads/99999/page"),
        (f"POST /v1/threads/{made.threads['Beta']}/mute", "POST /v1/threads/99999/mute"),
        (f"POST /v1/events/{made.events['Beta']}/snooze", "POST /v1/events/99999/snooze"),
    ]
    async with made.as_member("ana") as http:
        for closed, absent in pairs:
            answers = []
            for line in (closed, absent):
                method, _, path = line.rpartition(" ")
                answer = await http.request(method or "GET", path)
                assert answer.status_code == 404, line
                masked = answer.text
                masked = re.sub(r"\b[0-9]+\b", "N", masked)
                for word in ("entry-beta", "entry-none", "Beta", "None", "ion@", "none@"):
                    masked = masked.replace(word, "X")
                answers.append((masked, sorted(answer.headers)))
            assert answers[0] == answers[1], closed


SPELLINGS = (
    "/v1/clients/Alpha/../Beta/messages",
    "/v1/clients/Alpha/..%2fBeta/messages",
    "/v1/clients/Alpha%2f..%2fBeta/messages",
    "/v1/clients/..%2fclients%2fBeta/messages",
    "/v1/clients/%42eta/messages",
    "/v1/clients/beta/messages",
    "/v1/clients/Beta%00/messages",
    "/v1/clients/*/messages",
    "/v1/clients/Alpha/messages/../../Beta/messages",
    "/v1/messages/1%2f..%2f2/raw",
    "/v1/documents/..%2f..%2fmessages%2f2",
    "//v1/clients/Beta/messages",
    "/v1/queue/..%2fqueue%2fentry-beta",
)


async def test_U3_no_spelling_of_a_path_goes_round_a_wall(made: Walled) -> None:
    async with made.as_member("ana") as http:
        for path in SPELLINGS:
            for headers in ({}, {"x-http-method-override": "GET", "x-original-url": "/v1/clients/Beta/messages"}):
                answer = await http.get(path, headers=headers)
                assert answer.status_code in {400, 404}, path
                assert secret("Beta") not in answer.text


async def test_U3_a_message_of_two_clients_names_to_each_member_only_theirs(made: Walled) -> None:
    number = await made.file(50, "Alpha", "Beta")
    for login, own in (("ana", "Alpha"), ("ion", "Beta")):
        async with made.as_member(login) as http:
            assert (await http.get(f"/v1/messages/{number}")).json()["clients"] == [own]
            events = (await http.get("/v1/events", params={"limit": 500})).json()["events"]
            assert {one["client"] for one in events if one["message"] == number} == {own}
    async with made.as_member("olga") as http:
        assert (await http.get(f"/v1/messages/{number}")).status_code == 404


async def test_U3_mail_to_two_clients_shows_others_only_the_recipients_of_their_own(made: Walled) -> None:
    private = Address("lover", "else.example")
    await made.queue("both", "ion", "hello", [contact("Alpha"), contact("Beta"), private])
    async with made.as_member("ana") as http:
        shown = (await http.get("/v1/queue/both")).json()
        assert [one["address"] for one in shown["recipients"]] == [str(contact("Alpha"))]
    async with made.as_member("ion") as http:
        assert len((await http.get("/v1/queue/both")).json()["recipients"]) == 3
    await made.queue("mine", "ion", "to a friend", [private])
    for login, status in (("ion", 200), ("ana", 404), ("olga", 404)):
        async with made.as_member(login) as http:
            assert (await http.get("/v1/queue/mine")).status_code == status


async def test_lists_page_past_what_is_hidden(made: Walled) -> None:
    for number in range(6):
        await made.queue(f"more-{number}", "left", "x", [contact("Alpha" if number % 2 else "Beta")])
    async with made.as_member("ana") as http:
        seen: list[str] = []
        before = None
        while True:
            page = (await http.get("/v1/queue", params={"limit": 2} | ({"before": before} if before else {}))).json()
            seen += [one["id"] for one in page["entries"]]
            if (before := page["next"]) is None:
                break
    assert seen == ["more-5", "more-3", "more-1", "entry-gamma", "entry-alpha"]


async def test_a_token_that_is_not_good_opens_nothing_even_to_root(made: Walled) -> None:
    unknown = f"Bearer postern_000000000000_{'A' * 43}"
    async with made.client(None) as http:
        for shown in (unknown, unknown.lower(), "Bearer", "Basic b2xnYTpvbGdh", "Bearer a b", "postern", "Bearer \xe9"):
            for path in ("/v1/status", "/healthz", "/v1/clients"):
                answer = await http.get(path, headers={b"authorization": shown.encode("latin-1")})
                assert (answer.status_code, answer.json()["kind"]) == (401, "unauthorized")
                assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_token_ends_by_its_time_by_revoking_by_a_new_one_and_with_its_member(
    made: Walled, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def works(token: str) -> bool:
        async with made.client(token) as http:
            return (await http.get("/v1/clients")).status_code == 200

    tokens = made.house.server._services.tokens
    first = made.tokens["ana"]
    assert await works(first)
    assert not await works(first[:-1] + ("A" if first[-1] != "A" else "B"))
    second = (await tokens.make("ana", "test", timedelta(days=2)))[0].value
    assert (await works(first), await works(second)) == (False, True)
    with monkeypatch.context() as later:
        later.setattr(tokens, "_now", lambda: NOW + timedelta(days=2))
        assert not await works(second)
    assert await works(second)
    await tokens.revoke("ana", "test")
    assert not await works(second)
    third = (await tokens.make("ana", "test"))[0].value
    without = firm(without="ana")
    await made.house.office.apply(without, by="test", at=NOW, prune=True)
    assert not await works(third)
    await made.house.office.apply(firm(), by="test", at=NOW)
    assert not await works(third), "a member who comes back gets a new token"


async def test_X1_a_token_is_shown_once_and_kept_as_a_digest(made: Walled, tmp_path: Path) -> None:
    async with made.client(None) as http:
        token = (await http.post("/v1/members/ana/token")).json()["token"]
        told = [(await http.get(path)).text for path in ("/v1/members", "/v1/activity", "/v1/export")]
    assert all(token not in text and token[21:] not in text for text in told)
    for path in (tmp_path / "data").glob("postern.db*"):
        assert token[21:].encode() not in path.read_bytes()


async def test_who_may_make_whose_token(made: Walled) -> None:
    granted = {
        (asker, login) for asker in MEMBERS for login in MEMBERS if (await _make(made, asker, login)).status_code == 200
    }
    everyone = set(MEMBERS)
    assert granted == {("olga", one) for one in everyone} | {("adam", one) for one in ("adam", "ana", "ion")} | {
        ("ana", "ana"),
        ("ion", "ion"),
    }
    assert (await _make(made, "olga", "nobody")).status_code == 404


async def _make(made: Walled, asker: str, login: str) -> httpx2.Response:
    async with made.as_member(asker) as http:
        answer = await http.post(f"/v1/members/{login}/token", params={"expires": "90d"})
    if answer.status_code == 200:
        made.tokens[login] = answer.json()["token"]
    return answer


async def test_a_life_that_is_none_is_a_fault(made: Walled) -> None:
    for expires in ("soon", "0d", "99999d", "-1d"):
        async with made.client(None) as http:
            answer = await http.post("/v1/members/ana/token", params={"expires": expires})
            assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "expires")
    async with made.as_member("ana") as http:
        assert (await http.get("/v1/clients")).status_code == 200, "the former is as good as before"


async def test_an_admin_sets_up_the_firm_but_makes_no_owner(made: Walled) -> None:
    def with_role(login: str, role: str) -> dict[str, object]:
        return {"member": [{"login": login, "name": login.title(), "role": role}]}

    async with made.as_member("adam") as http:
        for change in (with_role("adam", "owner"), with_role("olga", "employee"), with_role("new", "owner")):
            for params in ({}, {"dry_run": "true"}):
                assert (await http.post("/v1/apply", json=change, params=params)).status_code == 403
        assert (await http.post("/v1/apply", json=with_role("ion", "admin"))).status_code == 200
    async with made.as_member("ion") as http:
        assert (await http.get("/v1/rules")).status_code == 200, "a role counts at once"
    async with made.as_member("olga") as http:
        assert (await http.post("/v1/apply", json=with_role("adam", "owner"))).status_code == 200
        who = (await http.get("/v1/activity", params={"limit": 2})).json()["activity"][1]  # behind it, the step
    assert (who["who"], who["what"]) == ("member olga", 'role "admin" → "owner"')


async def test_U1_the_admin_group_can_be_made_to_need_tokens(made: Walled, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's word is replaced, for a process has but one uid; `test_peer` has the real one."""
    assert made.house.server._http is not None
    gate = made.house.server._http._config.app
    assert isinstance(gate, Gate)
    door = gate._door
    monkeypatch.setattr(protocol, "peer_of", lambda _: Peer(1, GROUP, GROUP))
    object.__setattr__(door, "own_uid", 1)
    object.__setattr__(door, "group_id", GROUP)
    for needs_token, status in ((False, 200), (True, 401)):
        object.__setattr__(door, "group_needs_token", needs_token)
        async with made.client(None) as http:
            for one in await _paths(made) if needs_token else ["/v1/status"]:
                answer = await http.get(one)
                assert answer.status_code == status, one
                assert "secret-of" not in answer.text
        async with made.as_member("ana") as http:
            assert (await http.get("/v1/clients")).status_code == 200
    object.__setattr__(door, "group_id", GROUP + 1)
    async with made.as_member("ana") as http:
        assert (await http.get("/v1/clients")).status_code == 403, "a token alone lets nobody in"


async def _paths(made: Walled) -> list[str]:
    assert made.messages
    templates = ("/v1/status", "/v1/clients", "/v1/queue", "/v1/events", "/v1/documents", "/openapi.json", "/healthz")
    return [*templates, "/v1/clients/Alpha/messages", f"/v1/messages/{made.messages['Alpha']}/raw"]


async def test_a_live_stream_shows_what_is_open_and_ends_with_the_token(
    made: Walled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_SECONDS", 0.05)
    add = made.house.store.feed.add
    start = made.house.store.feed.newest
    async with (
        asyncio.timeout(20),
        made.as_member("ana") as http,
        http.stream("GET", "/v1/events", params={"after": start}, headers=SSE) as stream,
    ):
        events = aiter(httpx2.EventSource(stream))
        await add(EventKind.CLIENT_MAIL, NOW, secret("Beta"), client="Beta")
        await add(EventKind.CLIENT_MAIL, NOW, "open", client="Alpha")
        assert json.loads((await anext(events)).data)["text"] == "open"
        await made.house.office.apply({"client": [client_of("Beta", "ion", "ana")]}, by="test", at=NOW)
        await add(EventKind.CLIENT_MAIL, NOW, "opened", client="Beta")
        assert json.loads((await anext(events)).data)["text"] == "opened"
        await made.house.server._services.tokens.revoke("ana", "test")
        await add(EventKind.CLIENT_MAIL, NOW, "too late", client="Alpha")
        assert [one async for one in events] == []


def test_the_matrix_has_every_right() -> None:
    assert MATRIX.keys() == set(Right)
    assert all(Standing.OPERATOR in who for who in MATRIX.values())


def test_a_route_without_a_right_is_not_served() -> None:
    undeclared, unruled = ruled.router("x"), APIRouter()

    async def nothing() -> None: ...

    undeclared.add_api_route("/a", nothing, openapi_extra=ruled.asks(Right.ALIVE))
    ruled.check(undeclared)
    with pytest.raises(LookupError, match="/b does not say what it asks for"):
        undeclared.add_api_route("/b", nothing)
    unruled.add_api_route("/c", nothing, openapi_extra=ruled.asks(Right.ALIVE))
    with pytest.raises(LookupError, match="not ruled"):
        ruled.check(unruled)


async def test_every_path_of_the_description_says_who_may(made: Walled) -> None:
    async with made.client(None) as http:
        paths = (await http.get("/openapi.json")).json()["paths"]
    rights = {Right(operation[ruled.KEY]) for operations in paths.values() for operation in operations.values()}
    assert rights == set(Right)


def test_a_star_opens_a_client_to_every_member_and_to_nobody_else() -> None:
    one = Firm(clients=())
    walls = Walls(one, Caller.member("ana", Role.OWNER))
    assert (walls.names, walls.opens("gone"), walls.runs_firm) == (frozenset(), False, True)
    with pytest.raises(ValueError, match="an operator has none"):
        Caller(Standing.OPERATOR, "ana")
