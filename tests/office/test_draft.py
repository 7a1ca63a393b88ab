"""A firm document is understood whole, or all its faults are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.address import Same
from gateway.domain.errors import Faulty
from gateway.domain.firm import Endpoint, Firm, Role, Secret, Security, SendingLimits
from gateway.mime.address import parse_address
from gateway.office.draft import FirmDraft, parse
from gateway.settings.firmfile import read
from tests.office.documents import changed, contract
from tests.settings.test_firmfile import PASSWORDS

CONFIG = Path(__file__).parents[2] / "config"


def faults_in(document: dict[str, Any], current: Firm | None = None, *, prune: bool = False) -> dict[str, str]:
    with pytest.raises(Faulty) as refused:
        parse(document, current=current, prune=prune)
    return {fault.path: fault.sentence for fault in refused.value.faults}


def test_the_file_of_the_contract_is_understood() -> None:
    draft = parse(contract())
    firm = draft.firm
    assert firm.name == "Popescu & Asociații"
    assert firm.reply_to == parse_address("office@firm.example")
    assert [(member.login, member.role) for member in firm.members] == [("ana", Role.OWNER), ("ion", Role.EMPLOYEE)]
    assert draft.passwords == {"ana": Secret("ana's password"), "ion": Secret("ion's password")}
    box = firm.mailbox_by_key["support@firm.example"]
    assert box.members == ("ana", "ion")
    assert box.password == Secret("upstream password")
    assert box.imap == Endpoint("127.0.0.1", 1143, Security.NONE)
    assert box.folders == ("INBOX", "Sent")
    assert firm.signatures[0].images[0].content == b"\x89PNG"[:4]
    assert firm.rules[0].when.to_client is True
    assert firm.rules[0].send_as == box.address
    assert firm.clients[0].addresses[0].email_sync
    assert draft.replaced_kinds == {"member", "mailbox", "signature", "rule", "client"}


def test_the_example_in_config_is_understood() -> None:
    draft = parse(read([CONFIG / "firm.toml"], PASSWORDS))
    assert isinstance(draft, FirmDraft)
    personal = draft.firm.mailbox_by_key["ana@firm.example"]
    assert personal.username == "ana@firm.example"
    shared = draft.firm.mailbox_by_key["support@firm.example"]
    assert (shared.imap.port, shared.smtp.port) == (993, 587)


@pytest.mark.parametrize(
    ("kind", "security", "port"),
    [
        ("imap", "tls", 993),
        ("imap", "starttls", 143),
        ("imap", "none", 143),
        ("smtp", "tls", 465),
        ("smtp", "starttls", 587),
        ("smtp", "none", 25),
    ],
)
def test_the_port_follows_from_the_security(kind: str, security: str, port: int) -> None:
    document = contract()
    document["mailbox"][0][kind] = {"host": "Mail.Firm.example", "security": security}
    endpoint = getattr(parse(document).firm.mailboxes[0], kind)
    assert endpoint == Endpoint("mail.firm.example", port, Security(security))


def test_what_may_leave_through_a_mailbox_is_the_providers_but_for_what_is_said() -> None:
    document = contract()
    document["mailbox"][0]["limits"] = {"messages_per_minute": 20}
    (box,) = parse(document).firm.mailboxes
    assert box.limits == SendingLimits(messages_per_minute=20)
    document["mailbox"][0]["limits"] = {"connections": 0}
    assert "greater than or equal to 1" in faults_in(document)["mailbox[0].limits.connections"]


def test_two_clients_have_no_tag_in_common() -> None:
    document = contract()
    document["client"] = [{"name": "One", "tag": "C042"}, {"name": "Two", "tag": "c042"}]
    assert faults_in(document) == {"client[1].tag": '"c042" is the tag of "One" already'}


def test_what_tells_whose_mail_is_is_read_in_the_spelling_that_is_compared() -> None:
    document = contract()
    document["firm"]["same_address"] = ["plus", "gmail-dots", "plus"]
    document["client"][0] |= {"domains": ["Pacino.example", "@p\u00e4cino.example"], "tag": "C042"}
    firm = parse(document).firm
    assert firm.same_address == tuple(Same)
    assert (firm.clients[0].domains, firm.clients[0].tag) == (("pacino.example", "xn--pcino-gra.example"), "C042")
    document["firm"]["same_address"] = ["dots"]
    assert "must be one of" in faults_in(document)["firm.same_address[0]"]


def test_domains_of_rules_are_compared_as_a_labels() -> None:
    document = contract()
    document["rule"][0]["when"] = {"recipient": ["@Bücher.example", "X@Bücher.example"]}
    assert parse(document).firm.rules[0].when.recipient == ("@xn--bcher-kva.example", "X@xn--bcher-kva.example")


def setting(kind: str, number: int, **fields: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document[kind][number].update(fields)

    return change


def doubled(kind: str, **fields: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document[kind].append(document[kind][0] | fields)

    return change


def contacts(*addresses: str) -> list[dict[str, Any]]:
    return [{"name": "C", "addresses": [{"address": address} for address in addresses]}]


FAULTS: list[tuple[Callable[[dict[str, Any]], None], str, str]] = [
    (setting("member", 0, login=""), "member[0].login", "must not be empty"),
    (setting("member", 0, login="a b"), "member[0].login", "without spaces"),
    (setting("member", 0, login="*"), "member[0].login", 'not "*"'),
    (setting("member", 0, name="A\r\nBcc: x@y.example"), "member[0].name", "one line"),
    (setting("member", 0, name="A\u202eB"), "member[0].name", "one line"),
    (setting("member", 0, role="boss"), "member[0].role", 'must be one of "owner", "admin", "employee"'),
    (setting("member", 0, password=""), "member[0].password", "must not be empty"),
    (setting("member", 0, password={"env": "X"}), "member[0].password", "must be text"),
    (setting("member", 0, pasword="x"), "member[0].pasword", 'did you mean "password"?'),
    (doubled("member", login="ANA"), "member[2].login", "is there already: member[0]"),
    (setting("mailbox", 0, address="support@"), "mailbox[0].address", "is not an address"),
    (setting("mailbox", 0, address="A <a@b.example>"), "mailbox[0].address", "is not an address"),
    (setting("mailbox", 0, members=["ana", "eve"]), "mailbox[0].members", 'no member "eve"'),
    (setting("mailbox", 0, signature="none"), "mailbox[0].signature", 'no signature "none"'),
    (setting("mailbox", 0, imap={"host": "h", "port": 0}), "mailbox[0].imap.port", "greater than or equal to 1"),
    (setting("mailbox", 0, imap={"host": "h", "tls": True}), "mailbox[0].imap.tls", "known here: host, port, security"),
    (setting("mailbox", 0, imap={"host": "a b"}), "mailbox[0].imap.host", "not a host name"),
    (setting("mailbox", 0, smtp={"port": 25}), "mailbox[0].smtp.host", "is missing"),
    (setting("mailbox", 0, smtp={"host": "h", "security": "ssl"}), "mailbox[0].smtp.security", '"starttls"'),
    (setting("mailbox", 0, folders=["a\nb"]), "mailbox[0].folders[0]", "one line"),
    (setting("mailbox", 0, allow_others_to_send="yes"), "mailbox[0].allow_others_to_send", "true or false"),
    (doubled("mailbox", address="SUPPORT@Firm.Example"), "mailbox[1].address", "is there already: mailbox[0]"),
    (setting("signature", 0, text="{{ member.name"), "signature[0].text", "line 1"),
    (setting("signature", 0, html="{% for x in y %}{% endfor %}"), "signature[0].html", "can't be used"),
    (setting("signature", 0, images={"a/b": {}}), "signature[0].images.a/b.[key]", "may not hold"),
    (doubled("signature"), "signature[1].name", "is there already: signature[0]"),
    (setting("rule", 0, send_as="gone@firm.example"), "rule[0].send_as", "no mailbox with the address"),
    (setting("rule", 0, send_as="gone"), "rule[0].send_as", "is not an address"),
    (setting("rule", 0, signature="none"), "rule[0].signature", 'no signature "none"'),
    (setting("rule", 0, display_name="{{ 7 * 7 }}"), "rule[0].display_name", "mul can't be used"),
    (setting("rule", 0, bcc=["a@b.example", "x"]), "rule[0].bcc[1]", "is not an address"),
    (setting("rule", 0, when={"member": ["eve"]}), "rule[0].when.member", 'no member "eve"'),
    (setting("rule", 0, when={"recipient": ["@"]}), "rule[0].when.recipient[0]", "is not an address"),
    (setting("rule", 0, when={"to_clients": True}), "rule[0].when.to_clients", 'did you mean "to_client"?'),
    (doubled("rule"), "rule[1].name", "is there already: rule[0]"),
    (setting("client", 0, members=["ana", "eve"]), "client[0].members", 'no member "eve"'),
    (setting("client", 0, contacts=contacts("x")), "client[0].contacts[0].addresses[0].address", "is not an address"),
    (setting("client", 0, contacts=contacts("a@b.example", "A@b.example")), "client[0].contacts", "twice"),
    (setting("client", 0, contacts=contacts("support@firm.example")), "client[0].contacts", "mailbox of the firm"),
    (setting("client", 0, domains=["gmail.com"]), "client[0].domains[0]", "everybody may have a mailbox"),
    (setting("client", 0, domains=["a b"]), "client[0].domains[0]", "is not an address"),
    (setting("client", 0, domains=["FIRM.example"]), "client[0].domains", "the firm's own"),
    (setting("client", 0, tag="a b"), "client[0].tag", "without spaces"),
    (setting("client", 0, tag="[x]"), "client[0].tag", "without spaces"),
    (doubled("client", name="al pacino"), "client[1].name", "is there already: client[0]"),
    (doubled("client", name="Al Pacino."), "client[1].name", "the same folder"),
    (doubled("client", name="Al\u00a0Pacino"), "client[1].name", "one line"),
]


@pytest.mark.parametrize(
    ("change", "path", "sentence"), FAULTS, ids=[f"{path} {number}" for number, (_, path, _) in enumerate(FAULTS)]
)
def test_each_fault_says_where_it_is_and_what_is_wrong(
    change: Callable[[dict[str, Any]], None], path: str, sentence: str
) -> None:
    document = contract()
    change(document)
    faults = faults_in(document)
    assert sentence in faults[path]


def test_all_faults_come_at_once() -> None:
    document = contract()
    document["member"][0]["role"] = "boss"
    document["mailbox"][0] |= {"members": ["eve"], "imap": {"port": 0}}
    document["mailbox"].append({**contract()["mailbox"][0], "address": "b@firm.example", "members": ["eve"]})
    document["signature"][0]["text"] = "{{"
    document["rule"][0] |= {"send_as": "gone@firm.example", "bcc": ["x"]}
    document["clients"] = []
    document["firm"] = {"nam": "x"}
    assert set(faults_in(document)) == {
        "clients",
        "firm.name",
        "firm.nam",
        "member[0].role",
        "mailbox[0].imap.host",
        "mailbox[0].imap.port",
        "mailbox[1].members",
        "signature[0].text",
        "rule[0].send_as",
        "rule[0].bcc[0]",
    }


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"member": {}}, "member"),
        ({"member": ["x"]}, "member[0]"),
        ({"firm": []}, "firm"),
        ({"firm": {"name": 1}}, "firm.name"),
    ],
)
def test_a_document_of_another_shape_is_faulty(document: dict[str, Any], path: str) -> None:
    assert list(faults_in(document)) == [path]


def test_no_fault_shows_a_password() -> None:
    document = contract()
    document["member"][0]["password"] = "canary\0"
    document["mailbox"][0]["password"] = ["canary"]
    assert "canary" not in str(faults_in(document))


def test_a_noun_that_is_faulty_itself_does_not_make_others_faulty() -> None:
    document = contract()
    document["member"][1]["role"] = "boss"
    document["signature"][0]["text"] = 5
    document["mailbox"][0]["name"] = ""
    assert set(faults_in(document)) == {"member[1].role", "signature[0].text", "mailbox[0].name"}


def test_what_the_document_does_not_name_stays() -> None:
    current = parse(contract()).firm
    draft = parse({"client": [{"name": "New", "members": ["*"]}]}, current=current)
    assert [client.name for client in draft.firm.clients] == ["Al Pacino", "New"]
    assert draft.firm.members == current.members
    assert draft.firm.rules == current.rules
    assert draft.firm.name == current.name


def test_secrets_that_the_document_leaves_out_stay() -> None:
    current = parse(contract()).firm
    document = contract()
    del document["mailbox"][0]["password"], document["member"][0]["password"]
    draft = parse(document, current=current)
    assert draft.firm == current
    assert set(draft.passwords) == {"ion"}


def test_the_fallbacks_password_stays_for_the_same_server_and_name_and_is_asked_for_else() -> None:
    document = contract()
    way = {"host": "relay.example", "security": "starttls", "username": "popescu", "password": "canary"}
    document["mailbox"][0]["fallback"] = way
    current = parse(document).firm
    fallback = current.mailboxes[0].fallback
    assert fallback is not None
    assert (fallback.smtp.port, fallback.username, fallback.password.value) == (587, "popescu", "canary")
    del way["password"]
    assert parse(document, current=current).firm == current
    for another in ({"host": "other.example"}, {"username": "ana"}, {"port": 25}):
        document["mailbox"][0]["fallback"] = way | another
        assert "is missing" in faults_in(document, current)["mailbox[0].fallback.password"]
    document["mailbox"][0]["fallback"] = {"host": "relay.example", "password": "canary"}
    assert "whose" in faults_in(document, current)["mailbox[0].fallback.username"]
    document["mailbox"][0]["fallback"] = {"host": "relay.example", "port": 25, "security": "none"}
    bare = parse(document, current=current).firm.mailboxes[0].by_fallback
    assert bare is not None
    assert (bare.username, bare.password.value, bare.smtp.port) == ("", "", 25)
    del document["mailbox"][0]["fallback"]
    assert parse(document, current=current).firm.mailboxes[0].fallback is None


def test_a_mailbox_that_is_new_needs_its_password() -> None:
    document = contract()
    del document["mailbox"][0]["password"]
    assert "is missing" in faults_in(document)["mailbox[0].password"]


def test_a_noun_that_is_named_is_as_the_document_says_its_defaults_included() -> None:
    current = parse(contract()).firm
    document = contract()
    del document["mailbox"][0]["allow_others_to_send"], document["mailbox"][0]["signature"]
    box = parse({"mailbox": document["mailbox"]}, current=current).firm.mailboxes[0]
    assert not box.allow_others_to_send
    assert box.signature is None


def test_one_rule_in_the_document_replaces_all_rules() -> None:
    current = parse(contract()).firm
    firm = parse({"rule": [{"name": "other"}]}, current=current).firm
    assert [rule.name for rule in firm.rules] == ["other"]
    assert parse({"rule": []}, current=current).firm.rules == ()


def test_prune_removes_what_is_not_named_of_the_kinds_that_are() -> None:
    current = parse(contract()).firm
    document = {"client": [{"name": "New", "members": ["*"]}]}
    pruned = parse(document, current=current, prune=True).firm
    assert [client.name for client in pruned.clients] == ["New"]
    assert pruned.members == current.members
    assert parse({"client": []}, current=current, prune=True).firm.clients == ()
    assert parse({"client": []}, current=current).firm.clients == current.clients


def test_pruning_what_others_need_is_a_fault_that_names_them() -> None:
    current = parse(contract()).firm
    faults = faults_in({"member": contract()["member"][:1]}, current, prune=True)
    assert faults == {
        'mailbox "support@firm.example" (not in the file).members': 'there is no member "ion"',
        'rule "everything to clients leaves as support" (not in the file).when.member': 'there is no member "ion"',
        'client "Al Pacino" (not in the file).members': 'there is no member "ion"',
    }


def test_a_new_clients_folder_may_not_be_one_that_is_there() -> None:
    current = parse(contract()).firm
    folder = faults_in({"client": [{"name": "Al Pacino."}]}, current)
    assert "the same folder" in folder["client[0].name"]
    case = faults_in({"client": [{"name": "AL PACINO"}], "member": [{"login": "Ana", "name": "A"}]}, current)
    assert 'client "Al Pacino" (not in the file)' in case["client[0].name"]
    assert 'member "ana" (not in the file)' in case["member[0].login"]


def test_a_document_without_a_kind_leaves_it() -> None:
    current = parse(contract()).firm
    assert parse(changed(client=None, rule=None), current=current).firm == current


def test_the_name_that_a_mailboxs_server_signs_its_results_with_is_kept_in_lower_case() -> None:
    document = contract()
    document["mailbox"][0]["authserv_id"] = "MX.Firm.example"
    assert parse(document).firm.mailbox_by_key["support@firm.example"].authserv_id == "mx.firm.example"
    for wrong in ("mx firm", "", "mx;dmarc=pass", "x" * 254):
        document["mailbox"][0]["authserv_id"] = wrong
        assert [path for path in faults_in(document) if path.endswith("authserv_id")]
