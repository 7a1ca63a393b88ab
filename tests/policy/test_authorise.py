"""Who may send as whom, and to which clients: contract.md, "Sending"."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from gateway.domain.address import NamedAddress
from gateway.domain.errors import BadMessage, ClientOffLimits, GrantMissing, Loop, NotSignedIn
from gateway.mime.header import MAX_FIELDS
from gateway.policy.authorise import MAX_OWN_RECEIVED, MAX_RECEIVED, Authorised
from gateway.policy.grants import ALLOW_OTHERS, ATTACHED
from tests.policy.firms import FIRM, address, authorised, client, submission


def test_a_member_sends_as_the_mailbox_that_they_are_attached_to() -> None:
    passed = authorised(submission("From: Ion <ion@firm.example>", sender="ion@firm.example"))
    assert passed.member.login == "ion"
    assert str(passed.mailbox.address) == "ion@firm.example"
    assert passed.grant == ATTACHED
    assert passed.header_from == NamedAddress("Ion", address("ion@firm.example"))
    assert passed.clients == ()


def test_a_member_who_is_not_attached_sends_on_behalf_where_the_mailbox_allows_it() -> None:
    passed = authorised(submission("From: support@firm.example", login="eva"))
    assert passed.grant == ALLOW_OTHERS


def test_attachment_is_the_grant_where_both_hold() -> None:
    assert authorised(submission("From: support@firm.example")).grant == ATTACHED


def test_P1_the_sentence_names_the_grant_that_is_missing() -> None:
    with pytest.raises(GrantMissing) as refused:
        authorised(submission("From: office@firm.example"))
    assert refused.value.sentence == (
        "You (ion) may not send as office@firm.example: you are not attached to that mailbox and it does not allow "
        "others to send. Ask an administrator to set members, grants or allow_others_to_send."
    )


def test_an_address_that_is_no_mailbox_is_refused_with_another_sentence() -> None:
    with pytest.raises(GrantMissing, match=r"no mailbox with that address is synced"):
        authorised(submission("From: ion@elsewhere.example"))


def test_a_login_that_is_not_a_member_any_more_is_refused() -> None:
    with pytest.raises(NotSignedIn):
        authorised(submission(login="gone"))


@pytest.mark.parametrize("sender", ["ion@firm.example", "ION@FIRM.EXAMPLE", "support@firm.example", None])
def test_the_envelope_sender_may_be_absent_the_same_or_another_that_the_member_may_use(sender: str | None) -> None:
    assert authorised(submission(sender=sender)).mailbox.key == "ion@firm.example"


@pytest.mark.parametrize("sender", ["ana@firm.example", "office@firm.example", "partner@else.example"])
def test_P1_the_envelope_sender_of_somebody_else_is_refused(sender: str) -> None:
    with pytest.raises(GrantMissing):
        authorised(submission(sender=sender))


@pytest.mark.parametrize("name", ["Resent-From", "Resent-Sender", "resent-from"])
def test_P1_resending_as_somebody_else_is_refused(name: str) -> None:
    with pytest.raises(GrantMissing):
        authorised(submission(f"From: ion@firm.example\n{name}: Ana <ana@firm.example>"))
    assert authorised(submission(f"From: ion@firm.example\n{name}: Ion <ion@firm.example>"))


def test_P1_resending_as_who_knows_whom_is_refused() -> None:
    with pytest.raises(BadMessage, match="Resent-From"):
        authorised(submission("From: ion@firm.example\nResent-From: a@(x"))


def test_the_address_decides_whatever_its_spelling() -> None:
    assert authorised(submission("From: ION@Firm.Example")).mailbox.key == "ion@firm.example"


ENCODED = base64.b64encode(b"<ceo@bank>").decode()


@pytest.mark.parametrize(
    "header",
    [
        "To: x@y.example",
        "From: ion@firm.example\nFrom: ion@firm.example",
        "From: ion@firm.example\nfrom: ana@firm.example",
        "From: ion@firm.example\nFROM : ana@firm.example",
        "From : ion@firm.example",
        "From\n : ion@firm.example",
        " From: ana@firm.example\nFrom: ion@firm.example",
        "From: ion@firm.example\nno field at all\nSubject: x",
        "From: ion@firm.example, ana@firm.example",
        "From: ion@firm.example,",
        "From: Us: ion@firm.example;",
        "From: Us: ion@firm.example, ana@firm.example;",
        "From: Us:;",
        "From: <@firm.example:ion@firm.example>",
        'From: "ceo@bank.example" <ion@firm.example>',
        'From: "ana@firm.example" <ion@firm.example>',
        "From: ceo@bank.example <ion@firm.example>",
        f"From: =?utf-8?b?{ENCODED}=?=,<ion@firm.example>",
        f"From: =?utf-8?b?{base64.b64encode(b'<ceo@bank.example>').decode()}?= <ion@firm.example>",
        "From: <ion@firm.example>ceo@bank.example",
        "From: a\\,<ion@firm.example>",
        "From: <ion@firm.example",
        "From: <ion@firm.example> <ana@firm.example>",
        "From: ion@firm.example(",
        "From: ion@firm.example\x01",
        "From: ion",
        "From:",
        "From: <>",
    ],
)
def test_P2_a_from_that_can_be_read_in_two_ways_or_in_none_is_refused(header: str) -> None:
    with pytest.raises(BadMessage):
        authorised(submission(header))


@pytest.mark.parametrize(
    "header",
    [
        "From: ion@firm.example",
        "from:ion@firm.example",
        "From:\n Ion\n <ion@firm.example>",
        'From: "Ionescu, Ion: tax; law" <ion@firm.example>',
        "From: Ion <ion@firm.example> (Tax: law, audit)",
        "From: =?utf-8?q?Ion_Ionescu?= <ion@firm.example>",
        'From: "ion@firm.example" <ion@firm.example>',
        "Received: from a\n by b\nSubject: x\nFrom: ion@firm.example",
    ],
)
def test_what_mail_programs_write_passes(header: str) -> None:
    assert authorised(submission(header)).mailbox.key == "ion@firm.example"


def test_a_client_s_whole_domain_is_closed_to_who_has_no_access_and_open_to_who_has() -> None:
    firm = replace(FIRM, clients=(replace(client("Kanzlei", members=("ana",)), domains=("kanzlei.example",)),))
    to = ("anybody@kanzlei.example",)
    with pytest.raises(ClientOffLimits, match="no access"):
        authorised(submission("From: ion@firm.example", to=to), firm)
    assert authorised(submission("From: ana@firm.example", login="ana", to=to), firm).clients == firm.clients


@pytest.mark.parametrize(
    "line",
    [
        "Sender: ana@firm.example",
        "Sender: Ana Pop <ana@firm.example>",
        "Sender: ceo@bank.example",
        "Reply-To: ana@firm.example",
        "Reply-To: a@else.example, Ana <ANA@firm.example>",
        "Reply-To: a@else.example\nReply-To: office@firm.example",
        "Reply-To: Us: a@else.example, office@firm.example;",
    ],
)
def test_P1_a_sender_or_reply_to_of_somebody_else_is_refused_and_the_field_named(line: str) -> None:
    with pytest.raises(GrantMissing, match=line.partition(":")[0]):
        authorised(submission(f"From: ion@firm.example\n{line}"))


@pytest.mark.parametrize(
    "line",
    [
        "Sender: a@firm.example, ion@firm.example",
        "Sender: ion@firm.example\nSender: ion@firm.example",
        "Sender: ion@firm.example\nSender: ana@firm.example",
        "Sender:",
        "Sender: <>",
        "Sender: Us: ion@firm.example;",
        "Sender: ion@firm.example(",
        "Sender : ion@firm.example",
        'Sender: "ana@firm.example" <ion@firm.example>',
        "Reply-To: ana@firm.example (",
        "Reply-To: a@b@c",
        "Reply-To: <ana\uff20firm.example> <",
        "Reply-To: =?utf-8?q?ana=40firm.example?= <",
        "Reply-To : ion@firm.example",
        "Reply-To\n : ion@firm.example",
        "Resent-From : ion@firm.example",
    ],
)
def test_P1_a_sender_or_reply_to_that_can_be_read_in_two_ways_is_refused(line: str) -> None:
    with pytest.raises(BadMessage, match=line.partition(":")[0].strip()):
        authorised(submission(f"From: ion@firm.example\n{line}"))


@pytest.mark.parametrize(
    "line",
    [
        "Sender: Ion <ION@firm.example>",
        "Sender: support@firm.example",
        "Reply-To: ion@firm.example",
        "Reply-To: support@firm.example, private@else.example",
        "Reply-To:",
        "Reply-To: <>",
        'Reply-To: "none" <>',
        "Reply-To: undisclosed (nobody",
    ],
)
def test_a_sender_that_the_member_is_and_answers_to_whom_they_may_speak_for_pass(line: str) -> None:
    assert authorised(submission(f"From: ion@firm.example\n{line}")).mailbox.key == "ion@firm.example"


@pytest.mark.parametrize("line", ["X-Odd : value", "Bcc : x@y.example", "Subject\t: hello", "Bcc\n : x@y.example"])
def test_white_space_before_the_colon_of_a_field_that_names_no_author_is_no_reason_to_refuse(line: str) -> None:
    assert authorised(submission(f"From: ion@firm.example\n{line}")).mailbox.key == "ion@firm.example"


@pytest.mark.parametrize("hidden", ["X-Odd : a\nno field", "X-Odd : a\nX: nul\x00here"])
def test_P2_a_harmless_oddity_hides_no_other_fault_of_the_header(hidden: str) -> None:
    with pytest.raises(BadMessage):
        authorised(submission(f"From: ion@firm.example\n{hidden}"))


def test_P2_a_bare_cr_in_the_header_is_refused() -> None:
    given = submission("From: ion@firm.example\nSubject: a")
    with pytest.raises(BadMessage, match="bare CR"):
        authorised(replace(given, raw=given.raw.replace(b"Subject: a", b"Subject: a\rFrom: ana@firm.example")))


def test_a_header_with_more_fields_than_are_looked_at_is_refused() -> None:
    with pytest.raises(BadMessage, match=str(MAX_FIELDS)):
        authorised(submission("From: ion@firm.example" + "\nX: y" * MAX_FIELDS))


def test_clients_among_the_recipients_are_found_once_each() -> None:
    passed = authorised(submission(to=["AL@pacino.example", "x@y.example", "al@pacino.example"]))
    assert [found.name for found in passed.clients] == ["Al Pacino"]


def test_a_client_without_access_is_refused_without_its_name() -> None:
    with pytest.raises(ClientOffLimits) as refused:
        authorised(submission(to=["boss@secret.example"]))
    assert "boss@secret.example belongs to a client that you have no access to" in refused.value.sentence
    assert "Secret Corp" not in refused.value.sentence


def test_an_address_without_email_sync_is_refused_with_the_name_for_who_has_access() -> None:
    with pytest.raises(ClientOffLimits) as refused:
        authorised(submission(to=["off@unsynced.example"]))
    assert '"Unsynced Ltd"' in refused.value.sentence
    assert "email_sync" in refused.value.sentence


def test_without_access_no_sentence_about_sync_names_the_client_either() -> None:
    firm = replace(FIRM, clients=(client("Hush", "h@hush.example", members=["ana"], sync=False),))
    with pytest.raises(ClientOffLimits) as refused:
        authorised(submission(to=["h@hush.example"]), firm, without_access="pass")
    assert "Hush" not in refused.value.sentence


def test_the_policy_may_let_either_pass() -> None:
    assert authorised(submission(to=["boss@secret.example"]), without_access="pass").clients[0].name == "Secret Corp"
    assert authorised(submission(to=["off@unsynced.example"]), without_sync="pass").clients[0].name == "Unsynced Ltd"


def test_an_address_of_two_clients_is_open_when_one_of_them_is() -> None:
    both = (client("Closed", "x@both.example", members=["ana"]), client("Open", "x@both.example", members=["ion"]))
    firm = replace(FIRM, clients=both)
    assert [found.name for found in authorised(submission(to=["x@both.example"]), firm).clients] == ["Closed", "Open"]


@pytest.mark.parametrize(("count", "loops"), [(MAX_RECEIVED, False), (MAX_RECEIVED + 1, True)])
def test_C7_a_message_that_has_seen_too_many_servers_goes_in_circles(count: int, loops: bool) -> None:
    given = submission("Received: by x\n" * count + "From: ion@firm.example")
    if loops:
        with pytest.raises(Loop, match="100"):
            authorised(given)
    else:
        assert authorised(given)


@pytest.mark.parametrize(("count", "loops"), [(MAX_OWN_RECEIVED, False), (MAX_OWN_RECEIVED + 1, True)])
def test_C7_a_message_that_left_here_too_often_goes_in_circles(count: int, loops: bool) -> None:
    trace = "Received: by mail.firm.example (Postern)\n with ESMTPSA id ABC; Sat, 14 Mar 2026 12:00:00 +0000\n"
    given = submission(
        "Received: from a.example by b.example with SMTP\n" * 9 + trace * count + "From: ion@firm.example"
    )
    if loops:
        with pytest.raises(Loop, match="forwards to itself"):
            authorised(given)
    else:
        assert authorised(given)


def test_only_authorise_makes_the_value_that_rules_take() -> None:
    passed = authorised(submission())
    fields = {name: getattr(passed, name) for name in Authorised.__slots__}
    with pytest.raises(TypeError, match="only authorise"):
        Authorised(**fields, seal=object())
