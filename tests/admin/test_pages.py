"""Conversations over the socket: threads, the thread of what was sent, and pages that act in no browser."""

from __future__ import annotations

import base64
import hashlib

import httpx2

from gateway.domain.record import Direction, NewFiling
from gateway.mime.facts import facts
from tests.admin.house import CLIENT, NOW, House
from tests.mime.test_harmless import wrong_in
from tests.rig import client_letter

RICH = (
    b"From: Al <al@pacino.example>\r\nTo: support@firm.example\r\nMessage-ID: <rich@pacino.example>\r\n"
    b"Subject: </title><script>alert(1)</script>\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b"<p>Dear Ana</p><img src='https://evil.example/pixel'><script>alert(1)</script>"
    b"<blockquote>what you wrote</blockquote>\r\n"
)
ANSWER = (
    b"From: support@firm.example\r\nTo: al@pacino.example\r\nMessage-ID: <out@firm.example>\r\n"
    b"In-Reply-To: <rich@pacino.example>\r\nSubject: Re: rich\r\n\r\nDear Al\r\n"
)


async def sent(house: House, raw: bytes = ANSWER) -> int:
    item = NewFiling(raw=raw, facts=facts(raw), clients=((CLIENT, Direction.SENT),), filed_at=NOW, author_login="ana")
    return (await house.store.record.file(item)).message


async def test_a_thread_has_what_was_sent_and_what_came(house: House, http: httpx2.AsyncClient) -> None:
    first = await house.file(RICH)
    second = await sent(house)
    other = await house.file(client_letter(), uid=9)
    listed = (await http.get(f"/v1/clients/{CLIENT}/threads")).json()["threads"]
    assert [(one["messages"], one["last_message"]) for one in listed] == [(1, other), (2, second)]
    page = (await http.get(f"/v1/clients/{CLIENT}/threads", params={"before": other, "limit": 1})).json()
    assert [one["last_message"] for one in page["threads"]] == [second]
    thread = (await http.get(f"/v1/threads/{listed[1]['thread']}")).json()
    assert thread["client"] == CLIENT
    assert [(one["message"]["id"], one["direction"]) for one in thread["messages"]] == [
        (first, "inbox"),
        (second, "sent"),
    ]
    assert (await http.get("/v1/threads/999")).status_code == 404


async def test_a_queue_entry_knows_the_thread_of_what_left(house: House, http: httpx2.AsyncClient) -> None:
    await house.queue("q1", ANSWER)
    assert (await http.get("/v1/queue/q1")).json()["threads"] == []
    await house.file(RICH)
    number = await sent(house)
    (place,) = (await http.get("/v1/queue/q1")).json()["threads"]
    assert (place["client"], place["message"]) == (CLIENT, number)
    messages = (await http.get(place["link"])).json()["messages"]
    assert [one["message"]["message_id"] for one in messages] == ["<rich@pacino.example>", "<out@firm.example>"]


async def test_the_copy_that_the_provider_made_is_known_by_its_message_id(
    house: House, http: httpx2.AsyncClient
) -> None:
    await house.queue("q1", ANSWER)
    number = await sent(house, b"Received: by provider.example\r\n" + ANSWER)
    (place,) = (await http.get("/v1/queue/q1")).json()["threads"]
    assert place["message"] == number


async def test_I7_a_page_is_served_so_that_nothing_in_it_acts(house: House, http: httpx2.AsyncClient) -> None:
    number = await house.file(RICH)
    answer = await http.get(f"/v1/messages/{number}/page")
    headers = answer.headers
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"].startswith("attachment;")
    assert headers["referrer-policy"] == "no-referrer"
    rules = [rule.strip() for rule in headers["content-security-policy"].split(";")]
    assert rules[:2] == ["sandbox", "default-src 'none'"]
    assert not any("unsafe" in rule or "http" in rule or "*" in rule for rule in rules)
    page = answer.text
    assert "evil.example" not in page
    assert "<script" not in page
    assert "&lt;/title&gt;&lt;script&gt;" in page
    assert "<blockquote>what you wrote</blockquote>" in page
    article = page[page.index("<article>") : page.index("</article>")]
    assert wrong_in(article) == []
    assert "Content-Security-Policy" in page.partition("<article>")[0], "a saved page has no headers"


async def test_I7_the_style_of_a_page_is_the_one_that_its_policy_names(house: House, http: httpx2.AsyncClient) -> None:
    answer = await http.get(f"/v1/messages/{await house.file(RICH)}/page")
    style = answer.text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


async def test_forged_mail_is_printed_as_such(house: House, http: httpx2.AsyncClient) -> None:
    number = await house.forged()
    page = (await http.get(f"/v1/messages/{number}/page")).text
    text = (await http.get(f"/v1/messages/{number}/page", params={"form": "text"})).text
    assert '<p class="warning">UNVERIFIED: it may not be from whom it says.' in page
    assert text.startswith("*** UNVERIFIED: it may not be from whom it says.")
    assert "DMARC fails" in page
    assert "DMARC fails" in text
    await http.post(f"/v1/messages/{number}/approve")
    assert "approved by" in (await http.get(f"/v1/messages/{number}/page")).text


async def test_attachments_are_listed(house: House, http: httpx2.AsyncClient) -> None:
    number = await house.file(client_letter())
    listed = (await http.get(f"/v1/messages/{number}/attachments")).json()["attachments"]
    for form in ("html", "text"):
        page = (await http.get(f"/v1/messages/{number}/page", params={"form": form})).text
        assert listed
        assert all(f"({one['content_type']}, {one['size']} octets" in page for one in listed)


async def test_a_thread_is_printed_whole_the_oldest_first(house: House, http: httpx2.AsyncClient) -> None:
    await house.file(RICH)
    number = await sent(house)
    (place,) = (await http.get(f"/v1/messages/{number}")).json()["threads"]
    page = (await http.get(f"{place['link']}/page")).text
    assert page.count("<article>") == 2
    assert page.index("<p>Dear Ana</p>") < page.index("<pre>Dear Al\n</pre>")
    assert page.endswith("</body></html>\n")
    text = (await http.get(f"{place['link']}/page", params={"form": "text"})).text
    assert text.index("Dear Ana") < text.rindex("Dear Al")
