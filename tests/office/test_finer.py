"""Grants with days, replies and finer rules in the firm's file: understood, refused, exported, told."""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import Faulty
from gateway.domain.firm import Grant, When
from gateway.office.draft import parse
from gateway.office.office import Office
from gateway.settings.firmfile import firm_document
from gateway.settings.toml import write_toml
from tests.office.documents import contract
from tests.office.shelf import NOON, Shelf
from tests.office.test_office import applied, office_on

FINER = """
[firm]
name = "F"
timezone = "Europe/Bucharest"

[[member]]
login = "ana"
name = "Ana"
signature = "support"

[[member]]
login = "eva"
name = "Eva"

[[mailbox]]
address = "ana@firm.example"
name = "Ana"
members = ["ana"]
password = "x"
imap = { host = "h.example" }
smtp = { host = "h.example" }
grants = [
  { member = "eva", first = 2026-08-01, last = 2026-08-15 },
  { member = "eva", first = "2026-12-24" },
  { member = "ana" },
  { member = "ana" },
]

[[signature]]
name = "support"
text = "long"
reply_text = "short"
reply_html = "<p>short</p>"

[[client]]
name = "Al Pacino"

[[rule]]
name = "r"
when = { client = ["Al Pacino"], reply = true, attachments = false, header = { Subject = "*invoice*", X-A = "b" }, \
larger_than = "5 MB", smaller_than = 12345678 }
"""


def finer() -> dict[str, Any]:
    return tomllib.loads(FINER)


def test_all_of_it_is_understood() -> None:
    firm = parse(finer()).firm
    assert firm.timezone == "Europe/Bucharest"
    assert [member.signature for member in firm.members] == ["support", None]
    assert firm.mailboxes[0].grants == (
        Grant("eva", date(2026, 8, 1), date(2026, 8, 15)),
        Grant("eva", date(2026, 12, 24)),
        Grant("ana"),
    )
    assert (firm.signatures[0].reply_text, firm.signatures[0].reply_html) == ("short", "<p>short</p>")
    assert firm.rules[0].when == When(
        client=("Al Pacino",),
        reply=True,
        attachments=False,
        header=(("Subject", "*invoice*"), ("X-A", "b")),
        larger_than=5_000_000,
        smaller_than=12_345_678,
    )


def test_a_document_of_json_says_the_same() -> None:
    assert parse(json.loads(json.dumps(finer(), default=date.isoformat))).firm == parse(finer()).firm


@pytest.mark.parametrize("zone", ["UTC", "Europe/Bucharest", "America/Argentina/Buenos_Aires"])
def test_a_time_zone_that_the_machine_knows_is_taken(zone: str) -> None:
    assert parse(finer() | {"firm": {"name": "F", "timezone": zone}}).firm.timezone == zone


Change = Callable[[dict[str, Any]], None]


def grants(*given: dict[str, Any]) -> Change:
    return lambda document: document["mailbox"][0].update(grants=list(given))


def when(**given: Any) -> Change:
    return lambda document: document["rule"][0].update(when=given)


def zone(value: object) -> Change:
    return lambda document: document["firm"].update(timezone=value)


FAULTS: list[tuple[Change, str, str]] = [
    *((zone(bad), "firm.timezone", "Europe/Bucharest") for bad in ("Mars/Base", "../etc", "/etc/passwd", "", "Europe")),
    (zone("CET+\0"), "firm.timezone", "Europe/Bucharest"),
    (zone(2), "firm.timezone", "text in quotes"),
    (grants({"member": "gone"}), "mailbox[0].grants", 'no member "gone"'),
    (grants({"member": "eva", "first": "2026-08-02", "last": date(2026, 8, 1)}), "mailbox[0].grants[0].last", "first"),
    (grants({"member": "eva", "first": "1 August"}), "mailbox[0].grants[0].first", "like 2026-08-01"),
    (grants({"member": "eva", "until": "2026-08-01"}), "mailbox[0].grants[0].until", "unknown key"),
    (grants({"first": "2026-08-01"}), "mailbox[0].grants[0].member", "is missing"),
    (grants(*[{"member": "eva"}] * 1_001), "mailbox[0].grants", "1000"),
    (lambda d: d["member"][0].update(signature="gone"), "member[0].signature", 'no signature "gone"'),
    (lambda d: d["signature"][0].update(reply_text="{{"), "signature[0].reply_text", "line 1"),
    (lambda d: d["signature"][0].update(reply_html="{% for x in y %}"), "signature[0].reply_html", "line 1"),
    (when(client=["Gone"]), "rule[0].when.client", 'no client "Gone"'),
    (when(client="Al Pacino"), "rule[0].when.client", "must be a list"),
    (when(reply="yes"), "rule[0].when.reply", "true or false"),
    (when(header={"Sub ject": "x"}), "rule[0].when.header.Sub ject", "may not hold"),
    (when(header={"Subject:": "x"}), "rule[0].when.header.Subject:", "may not hold"),
    (when(header={"Subject": "a\r\nBcc: x"}), "rule[0].when.header.Subject", "one line"),
    (when(header={"Subject": ""}), "rule[0].when.header.Subject", "must not be empty"),
    (when(header={"Subject": 5}), "rule[0].when.header.Subject", "text in quotes"),
    (when(larger_than="5 apples"), "rule[0].when.larger_than", '"50 MB"'),
    (when(larger_than=-1), "rule[0].when.larger_than", '"5 MB"'),
    (when(smaller_than=True), "rule[0].when.smaller_than", '"5 MB"'),
    (when(larger_than="5 MB", smaller_than=5_000_001), "rule[0].when.smaller_than", "no message is both"),
]


@pytest.mark.parametrize(
    ("change", "path", "sentence"), FAULTS, ids=[f"{path} {number}" for number, (_, path, _) in enumerate(FAULTS)]
)
def test_each_fault_says_where_it_is_and_what_is_wrong(change: Change, path: str, sentence: str) -> None:
    document = finer()
    change(document)
    with pytest.raises(Faulty) as refused:
        parse(document)
    faults = {fault.path.removesuffix(".[key]"): fault.sentence for fault in refused.value.faults}
    assert sentence in faults[path]


def test_a_client_that_a_rule_names_does_not_go_unseen() -> None:
    current = parse(finer()).firm
    with pytest.raises(Faulty) as refused:
        parse({"client": []}, current=current, prune=True)
    assert [str(fault) for fault in refused.value.faults] == [
        'rule "r" (not in the file).when.client: there is no client "Al Pacino"'
    ]


def test_a_member_who_was_granted_something_does_not_go_unseen() -> None:
    current = parse(finer()).firm
    with pytest.raises(Faulty) as refused:
        parse({"member": finer()["member"][:1]}, current=current, prune=True)
    assert [fault.path for fault in refused.value.faults] == ['mailbox "ana@firm.example" (not in the file).grants']


async def test_applied_twice_or_from_its_export_or_in_another_order_it_changes_nothing() -> None:
    office = office_on(Shelf())
    assert await applied(office, finer())
    assert await applied(office, finer()) == []
    exported = office.export()
    assert "first = 2026-08-01, last = 2026-08-15" in exported
    assert 'larger_than = "5 MB", smaller_than = 12345678' in exported
    assert await applied(office, tomllib.loads(exported), prune=True) == []
    document = finer()
    document["mailbox"][0]["grants"].reverse()
    document["rule"][0]["when"]["header"] = {"X-A": "b", "Subject": "*invoice*"}
    assert await applied(office, document) == []


async def change_lines(office: Office, change: Change) -> list[str]:
    document = finer()
    change(document)
    return [str(one) for one in (await office.apply(document, by="uid 0", at=NOON)).changes]


async def test_the_activity_says_whose_right_to_send_came_and_went() -> None:
    office = office_on(Shelf())
    await applied(office, finer())
    lines = await change_lines(office, grants({"member": "eva", "first": "2026-12-24"}, {"member": "eva"}))
    assert lines == [
        "mailbox ana@firm.example changed: grants added eva; grants removed ana, eva from 2026-08-01 to 2026-08-15"
    ]
    many = grants(*({"member": "eva", "first": f"2027-01-{day:02}"} for day in range(1, 21)))
    assert "and 10 more; grants removed" in (await change_lines(office, many))[0]


async def test_the_activity_tells_the_rest_without_filling_a_page() -> None:
    office = office_on(Shelf())
    await applied(office, finer())

    def change(document: dict[str, Any]) -> None:
        document["firm"]["timezone"] = "UTC"
        document["member"][0]["signature"] = ""
        document["signature"][0] |= {"reply_text": "shorter", "reply_html": ""}
        document["rule"][0]["when"] = {"reply": False}

    assert await change_lines(office, change) == [
        'firm F changed: timezone "Europe/Bucharest" → "UTC"',
        'member ana changed: signature "support" → nothing',
        "signature support changed: reply_text, reply_html",
        "rule r changed: when",
    ]


PATTERNS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    document = copy.deepcopy(contract())
    document["firm"]["timezone"] = draw(st.sampled_from(["UTC", "Europe/Bucharest"]))
    spans = [sorted(draw(st.tuples(st.dates(), st.dates()))) for _ in range(draw(st.integers(0, 3)))]
    document["mailbox"][0]["grants"] = [{"member": "ana", "first": first, "last": last} for first, last in spans]
    document["member"][0]["signature"] = draw(st.sampled_from(["", "support"]))
    document["signature"][0] |= {"reply_text": draw(st.sampled_from(["", "x"])), "reply_html": draw(PATTERNS)[:1]}
    small, large = sorted(draw(st.tuples(st.integers(0, 10**12), st.integers(0, 10**12))))
    document["rule"][0]["when"] = {
        "client": draw(st.sampled_from([[], ["Al Pacino"]])),
        "reply": draw(st.booleans()),
        "attachments": draw(st.booleans()),
        "header": {"Subject": draw(PATTERNS), draw(st.sampled_from(["X-A", '"', "a.b"])): draw(PATTERNS)},
        "larger_than": small,
        "smaller_than": f"{large + 2}",
    }
    return document


@given(documents())
def test_any_of_it_survives_export_and_apply(document: dict[str, Any]) -> None:
    firm = parse(document).firm
    assert parse(tomllib.loads(write_toml(firm_document(firm))), current=firm, prune=True).firm == firm
