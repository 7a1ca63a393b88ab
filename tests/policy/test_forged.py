"""Row I1: who is taken for the client and who is not; and honest mail, which is not marked for nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from gateway.domain.verdict import Result, Source, Standing, Verdict
from gateway.policy.lookup import Answer, Question
from tests.corpus import canonical, corpus_messages, needs_corpus
from tests.cost import within
from tests.mime.signing import records as firm_records
from tests.mime.test_dkim_verify import by_dkimpy
from tests.policy.arriving import (
    ATTACKER,
    CLIENT,
    ENFORCED,
    FROM_ATTACKER,
    GOOGLE,
    LATER,
    LETTER,
    MICROSOFT,
    MONITORED,
    NOBODY,
    OWN,
    SPF,
    SUB,
    at_google,
    at_postfix,
    dns,
    letter,
    sealed,
    signed,
    verdict,
)

PASS = (
    "dkim=pass header.i=@pacino.example; spf=pass smtp.mailfrom=al@pacino.example; "
    "dmarc=pass header.from=pacino.example"
)
FAIL = (
    "dkim=pass header.i=@attacker.example; spf=pass smtp.mailfrom=x@attacker.example; "
    "dmarc=fail (p=REJECT sp=REJECT dis=REJECT) header.from=pacino.example"
)
FORGED = "Authentication-Results: {}; dkim=pass header.d=pacino.example; dmarc=pass header.from=pacino.example\r\n"


def standing(found: Verdict) -> Standing:
    return found.standing


# what is forged, checked here


def test_I1_an_envelope_of_the_attackers_with_spf_that_passes_is_unverified() -> None:
    found = verdict(at_postfix(letter(), ip=FROM_ATTACKER, sender="x@attacker.example"))
    assert (found.standing, found.source) == (Standing.UNVERIFIED, Source.HERE)
    assert "pacino.example asks to reject" in found.reason


def test_I1_the_clients_envelope_from_the_attackers_server_is_unverified() -> None:
    found = verdict(at_postfix(letter(), ip=FROM_ATTACKER))
    assert found.standing is Standing.UNVERIFIED
    assert [(check.method, check.result) for check in found.checks] == [("spf", Result.FAIL), ("dmarc", Result.FAIL)]


def test_I1_a_signature_of_the_attackers_domain_proves_nothing_of_the_clients() -> None:
    raw = at_postfix(signed(letter(), ATTACKER), ip=FROM_ATTACKER, sender="x@attacker.example")
    assert standing(verdict(raw)) is Standing.UNVERIFIED


def test_I1_of_two_signatures_the_clients_has_to_hold() -> None:
    broken = signed(letter(), CLIENT).replace(b"Please see", b"Please pay")
    both = at_postfix(signed(broken, ATTACKER), ip=FROM_ATTACKER, sender="x@attacker.example")
    assert standing(verdict(both)) is Standing.UNVERIFIED
    honest = at_postfix(signed(signed(letter(), CLIENT), ATTACKER), ip=FROM_ATTACKER, sender="list@attacker.example")
    assert standing(verdict(honest)) is Standing.VERIFIED


def test_I1_a_hundred_signatures_of_rubbish_neither_hide_the_real_one_nor_cost_more() -> None:
    rubbish = b"DKIM-Signature: v=1; a=ed25519-sha256; d=x.attacker.example; s=s; h=from; bh=eA==; b=eA==\r\n" * 40
    asked: list[str] = []
    answer = dns(ENFORCED, SPF)

    def ask(question: Question) -> Answer:
        asked.append(question.name)
        return answer(question)

    found = verdict(at_postfix(rubbish + signed(letter(), CLIENT), ip=FROM_ATTACKER), ask=ask)
    assert found.standing is Standing.VERIFIED
    assert len(asked) == 3  # two steps of the walk, one key


def test_I1_five_of_the_clients_are_tried_and_no_more() -> None:
    rubbish = b"DKIM-Signature: v=1; a=ed25519-sha256; d=pacino.example; s=s1; h=from; bh=eA==; b=eA==\r\n" * 30
    found = verdict(at_postfix(rubbish + letter(), ip=FROM_ATTACKER))
    assert found.standing is Standing.UNVERIFIED
    assert sum(check.method == "dkim" for check in found.checks) == 5


def test_I1_text_added_behind_a_signature_with_l_is_unverified_though_the_signature_holds() -> None:
    raw = by_dkimpy(LETTER.replace("pacino.example", "firm.example").encode(), length=True)
    zone = dict(firm_records())
    assert standing(verdict(at_postfix(raw, ip=FROM_ATTACKER), ask=dns(zone))) is Standing.VERIFIED
    longer = raw + b"Pay to this account instead.\r\n"
    found = verdict(at_postfix(longer, ip=FROM_ATTACKER), ask=dns(zone))
    assert found.standing is Standing.UNVERIFIED
    assert "text was added" in found.reason
    passed = "dkim=pass header.d=firm.example; dmarc=pass header.from=firm.example"
    told = verdict(at_google(longer, passed), GOOGLE, ask=dns(zone))
    assert (told.standing, told.source) == (Standing.UNVERIFIED, Source.PROVIDER)


def test_I1_a_signature_of_a_subdomain_counts_unless_the_owner_is_strict() -> None:
    raw = at_postfix(signed(letter(), SUB), ip=FROM_ATTACKER)
    assert standing(verdict(raw)) is Standing.VERIFIED
    strict = {"_dmarc.pacino.example": "v=DMARC1; p=reject; adkim=s"}
    assert standing(verdict(raw, ask=dns(strict, SPF))) is Standing.UNVERIFIED
    assert standing(verdict(raw, ask=dns())) is Standing.UNKNOWN  # nobody says that the two are one house


def test_I1_a_key_that_is_not_there_vouches_for_nothing_while_the_mail_is_new() -> None:
    raw = at_postfix(signed(letter(), CLIENT).replace(b"s=s1;", b"s=s9;"), ip=FROM_ATTACKER)
    assert standing(verdict(raw)) is Standing.UNVERIFIED


def test_I1_without_results_of_anybody_it_is_looked_at_here() -> None:
    assert verdict(at_google(signed(letter(), CLIENT), ""), GOOGLE).source is Source.HERE
    assert standing(verdict(at_google(signed(letter(), CLIENT), ""), GOOGLE)) is Standing.VERIFIED


# results in the header


def test_I1_results_that_the_sender_wrote_are_ignored() -> None:
    for name in ("mx.google.com", "mx.firm.example", "gateway.firm.example"):
        raw = letter(top=FORGED.format(name))
        at_home = verdict(at_postfix(raw, ip=FROM_ATTACKER, sender="x@attacker.example"), OWN)
        assert (at_home.standing, at_home.source) == (Standing.UNVERIFIED, Source.HERE), name
        told = verdict(at_google(raw, FAIL), GOOGLE)
        assert (told.standing, told.source) == (Standing.UNVERIFIED, Source.PROVIDER), name


def test_I1_results_below_a_forged_received_of_the_provider_are_ignored() -> None:
    top = "Received: from x by mx.google.com with SMTP; Sun, 22 Nov 2026 06:30:00 +0000\r\n" + FORGED.format(
        "mx.google.com"
    )
    assert standing(verdict(at_google(letter(top=top), FAIL), GOOGLE)) is Standing.UNVERIFIED


def test_I1_results_of_a_name_that_is_not_the_providers_are_ignored() -> None:
    raw = at_postfix(letter(), ip=FROM_ATTACKER, results="mx.attacker.example; " + PASS)
    for trust in (OWN, NOBODY, GOOGLE):
        found = verdict(raw, trust)
        assert (found.standing, found.source) == (Standing.UNVERIFIED, Source.HERE)


def test_I1_results_for_another_domain_are_none_for_this_one() -> None:
    raw = at_google(letter(), PASS.replace("pacino.example", "attacker.example"))
    found = verdict(raw, GOOGLE)
    assert (found.standing, found.source) == (Standing.UNVERIFIED, Source.PROVIDER)
    assert standing(verdict(raw, GOOGLE, dns(MONITORED))) is Standing.UNKNOWN
    assert standing(verdict(raw, GOOGLE, dns(ENFORCED, failing=["*"]))) is Standing.UNKNOWN
    assert standing(verdict(raw, GOOGLE, now=LATER)) is Standing.UNKNOWN


def test_a_provider_that_says_nothing_of_dmarc_is_taken_by_its_dkim_and_spf() -> None:
    signed_only = at_postfix(letter(), results="mx.firm.example; dkim=none")  # SPF is looked up here, and passes
    assert standing(verdict(signed_only, OWN)) is Standing.VERIFIED
    neither = at_postfix(letter(), results="mx.firm.example; dkim=none", ip=FROM_ATTACKER)
    assert standing(verdict(neither, OWN)) is Standing.UNVERIFIED
    spf_only = at_postfix(
        signed(letter(), CLIENT),
        results="mx.firm.example; spf=softfail smtp.mailfrom=al@pacino.example",
        ip=FROM_ATTACKER,
    )
    assert verdict(spf_only, OWN).source is Source.HERE
    assert standing(verdict(spf_only, OWN)) is Standing.VERIFIED


def test_I1_a_second_author_beside_the_real_one_is_unverified() -> None:
    for people in ("x@attacker.example, al@pacino.example", "al@pacino.example, x@attacker.example"):
        raw = at_postfix(signed(letter(people), ATTACKER), ip=FROM_ATTACKER, sender="x@attacker.example")
        found = verdict(raw)
        assert found.standing is Standing.UNVERIFIED
        assert "several domains" in found.reason


@pytest.mark.parametrize(
    "header",
    [
        b"From: al@pacino.example\r\nFrom: x@attacker.example\r\n",
        b"From: al@pacino.example\r\nFROM: x@attacker.example\r\n",
        b"From : al@pacino.example\r\nFrom: x@attacker.example\r\n",
        b"From: <@pacino.example:x@attacker.example>\r\n",
        b"From: al@pacino.example(<x@attacker.example>\r\n",
        b"From: <al@pacino.example>x@attacker.example\r\n",
        b"From: al\\,<x@attacker.example>\r\n",
        b"From: =?x?q?collab=40evil=3E=00?=al@pacino.example\r\n",
        b"To: ana@firm.example\r\n",
    ],
)
def test_I2_a_from_with_two_readings_or_none_is_nobodys_and_unverified(header: bytes) -> None:
    raw = at_postfix(header + b"Subject: x\r\n\r\nText.\r\n")
    found = verdict(raw)
    assert (found.standing, found.source) == (Standing.UNVERIFIED, Source.NOBODY)
    assert standing(verdict(raw, now=LATER)) is Standing.UNKNOWN


def test_I2_a_homograph_is_weighed_as_what_it_is() -> None:
    raw = letter("Al <al@\u0440acino.example>")  # the first letter is Cyrillic
    found = verdict(at_postfix(raw, ip=FROM_ATTACKER), ask=dns({"_dmarc.xn--acino-t2e.example": "v=DMARC1; p=reject"}))
    assert "pacino.example " not in found.reason


# what the provider says


def test_results_of_the_provider_count_wherever_it_writes_them() -> None:
    assert standing(verdict(at_google(letter(), PASS), GOOGLE)) is Standing.VERIFIED
    above = verdict(at_postfix(letter(), results="mx.firm.example; " + PASS, ip=FROM_ATTACKER), OWN)
    assert (above.standing, above.source, above.authserv_id) == (
        Standing.VERIFIED,
        Source.PROVIDER,
        "mx.firm.example",
    )


def test_microsofts_results_have_no_name() -> None:
    top = (
        "Received: from a.outlook.com (2603:10a6::1) by b.outlook.com with HTTPS; Sun, 22 Nov 2026 06:30:00 +0000\r\n"
        f"Authentication-Results: {PASS.replace('dmarc=pass', 'dmarc=pass action=none')}\r\n"
        "Received: from mail.example.org (203.1.113.7) by c.protection.outlook.com with Microsoft SMTP; now\r\n"
    )
    assert standing(verdict(letter(top=top), MICROSOFT)) is Standing.VERIFIED


def test_a_fail_that_the_sender_could_reach_counts_and_a_pass_does_not() -> None:
    """Milters write below Postfix's own Received, where a sender's forged field would stand as well."""
    fail = at_postfix(letter(top="Authentication-Results: mx.firm.example; " + FAIL + "\r\n"), ip=FROM_ATTACKER)
    assert verdict(fail, OWN).source is Source.PROVIDER
    assert standing(verdict(fail, OWN)) is Standing.UNVERIFIED


def test_spf_that_forbids_the_server_is_enough_where_the_provider_says_so() -> None:
    results = "spf=fail smtp.mailfrom=al@pacino.example; dkim=none; dmarc=none header.from=pacino.example"
    assert standing(verdict(at_google(letter(), results), GOOGLE)) is Standing.UNVERIFIED
    soft = results.replace("spf=fail", "spf=softfail")
    assert standing(verdict(at_google(letter(), soft), GOOGLE)) is Standing.UNKNOWN


# honest mail


def test_a_client_who_publishes_nothing_is_neither_verified_nor_marked() -> None:
    assert standing(verdict(at_postfix(letter()), ask=dns())) is Standing.UNKNOWN
    nothing = "spf=none smtp.mailfrom=al@pacino.example; dkim=none; dmarc=none header.from=pacino.example"
    assert standing(verdict(at_google(letter(), nothing), GOOGLE, ask=dns())) is Standing.UNKNOWN


def test_a_client_who_sends_through_a_hosters_server_is_not_marked() -> None:
    raw = at_postfix(signed(letter(), ATTACKER), ip=FROM_ATTACKER, sender="bounce@attacker.example")
    assert standing(verdict(raw, ask=dns(SPF))) is Standing.UNKNOWN


def test_forwarded_mail_whose_signature_holds_is_verified() -> None:
    raw = at_postfix(signed(letter(), CLIENT), ip=FROM_ATTACKER, sender="srs0=x=y=pacino.example=al@attacker.example")
    assert standing(verdict(raw)) is Standing.VERIFIED


def test_a_mailing_list_that_breaks_a_signature_is_not_marked_where_the_owner_only_watches() -> None:
    broken = signed(letter(), CLIENT).replace(b"Subject: ", b"Subject: [list] ") + b"-- \r\nlist footer\r\n"
    raw = at_postfix(broken, ip=FROM_ATTACKER, sender="list-bounces@attacker.example")
    assert standing(verdict(raw, ask=dns(MONITORED, SPF))) is Standing.UNKNOWN
    told = "dkim=fail header.d=pacino.example; dmarc=fail (p=NONE sp=NONE dis=NONE) header.from=pacino.example"
    assert standing(verdict(at_google(broken, told), GOOGLE)) is Standing.UNKNOWN


def test_history_is_not_marked_by_todays_keys_and_policies() -> None:
    gone = at_postfix(signed(letter(), CLIENT).replace(b"s=s1;", b"s=s9;"), ip=FROM_ATTACKER)
    assert standing(verdict(gone, now=LATER)) is Standing.UNKNOWN
    assert standing(verdict(at_postfix(letter(), ip=FROM_ATTACKER), now=LATER)) is Standing.UNKNOWN
    kept = at_postfix(signed(letter(), CLIENT), ip=FROM_ATTACKER)
    assert standing(verdict(kept, now=LATER)) is Standing.VERIFIED
    assert standing(verdict(at_google(letter(), FAIL), GOOGLE, now=LATER)) is Standing.UNVERIFIED  # seen at the time


def test_the_date_that_the_sender_writes_does_not_make_new_mail_old() -> None:
    raw = at_postfix(letter().replace(b"22 Nov 2026", b"22 Nov 2016"), ip=FROM_ATTACKER)
    assert standing(verdict(raw)) is Standing.UNVERIFIED


def test_dns_that_does_not_answer_marks_nothing() -> None:
    for failing in (["*"], ["_dmarc.pacino.example"], ["s1._domainkey.pacino.example"]):
        raw = at_postfix(signed(letter(), CLIENT), ip=FROM_ATTACKER)
        found = verdict(raw, ask=dns(ENFORCED, SPF, failing=failing))
        if failing == ["_dmarc.pacino.example"]:
            assert found.standing is Standing.VERIFIED  # its own signature needs no policy
        else:
            assert found.standing is Standing.UNKNOWN
            assert "DNS" in found.reason


def test_mail_within_the_firm_is_only_judged_by_what_the_provider_says() -> None:
    inside = b"Received: from x by y; Sun, 22 Nov 2026 06:30:00 +0000\r\n" + letter()
    assert standing(verdict(inside, own=["pacino.example"])) is Standing.UNKNOWN
    assert standing(verdict(at_google(letter(), FAIL), GOOGLE, own=["pacino.example"])) is Standing.UNVERIFIED
    report = at_postfix(letter("MAILER-DAEMON@mx.pacino.example"), sender="", ip=FROM_ATTACKER)
    assert standing(verdict(report, own=["pacino.example"])) is Standing.UNKNOWN
    assert standing(verdict(report)) is Standing.UNVERIFIED


def test_a_copy_that_came_by_no_server_is_unknown() -> None:
    assert standing(verdict(letter(), announced=False)) is Standing.UNKNOWN
    assert standing(verdict(letter(top=FORGED.format("mx.google.com")), GOOGLE, announced=False)) is Standing.UNKNOWN


# forwarded, and changed on the way


def forwarded(by: str, results: str = "dmarc=pass header.from=pacino.example", after: bytes = b"") -> Standing:
    changed = letter().replace(b"Subject: ", b"Subject: [office] ")
    raw = at_postfix(sealed(changed, by, results) + after, ip=FROM_ATTACKER, sender="x@attacker.example")
    return standing(verdict(raw))


def test_what_a_large_provider_saw_pass_and_sealed_is_verified() -> None:
    assert forwarded("google.com") is Standing.VERIFIED


def test_I1_a_chain_counts_only_from_known_sealers_unbroken_and_with_a_pass_for_the_domain() -> None:
    assert forwarded("attacker.example") is Standing.UNVERIFIED
    assert forwarded("google.com", after=b"Pay to this account instead.\r\n") is Standing.UNVERIFIED
    assert forwarded("google.com", "dmarc=fail header.from=pacino.example") is Standing.UNVERIFIED
    assert forwarded("google.com", "dmarc=pass header.from=attacker.example") is Standing.UNVERIFIED


def test_I1_the_providers_word_for_a_chain_counts_only_with_known_sealers() -> None:
    fails = FAIL.replace("spf=pass", "arc=pass (i=1); spf=pass")
    raw = letter()
    known = sealed(raw, "google.com", "dmarc=pass header.from=pacino.example")
    unknown = sealed(raw, "attacker.example", "dmarc=pass header.from=pacino.example")
    assert standing(verdict(at_google(known, fails), GOOGLE)) is Standing.VERIFIED
    assert standing(verdict(at_google(unknown, fails), GOOGLE)) is Standing.UNVERIFIED


# bounds

SIGNATURE = "DKIM-Signature: v=1; a=ed25519-sha256; d=pacino.example; s=s1; "
SET = (
    "ARC-Seal: i={0}; a=rsa-sha256; d=google.com; s=seal; b=eA==; cv={1}\r\n"
    "ARC-Message-Signature: i={0}; a=rsa-sha256; d=google.com; s=seal; h=from; bh=eA==; b=eA==\r\n"
    "ARC-Authentication-Results: i={0}; google.com; dmarc=pass header.from=pacino.example\r\n"
)


@pytest.mark.parametrize(
    ("top", "body"),
    [
        ("Authentication-Results: mx.google.com; " + "dkim=pass header.d=pacino.example; " * 39 + "spf=pass\r\n", ""),
        ("Authentication-Results: mx.google.com; dkim=pass " + "(" * 9_000 + "\r\n", ""),
        (SIGNATURE + "h=from; bh=eA==; b=" + "A" * 18_000 + "==\r\n", ""),
        (SIGNATURE + "h=" + "from:" * 199 + "to; bh=eA==; b=eA==\r\n", ""),
        (SIGNATURE + "l=1; c=simple/relaxed; h=from; bh=eA==; b=eA==\r\n", "x\r\n" * 300_000),
        (SIGNATURE + "h=from; bh=eA==; b=eA==\r\n", " \t" * 1_000_000),
        ("".join(SET.format(number, "pass" if number > 1 else "none") for number in range(1, 51)), "x\r\n" * 100_000),
        ("Received: from a (b [198.52.100.9]) by c; x\r\n", ""),
        ("X-Long: " + "a" * 10_000 + "\r\n", ""),
    ],
    ids=["results", "comment", "value", "names", "l=", "white", "arc", "received", "long"],
)
def test_F4_a_thousand_hostile_fields_are_weighed_within_half_a_second_of_cpu(top: str, body: str) -> None:
    raw = letter(top=top * (1 if body else 1_000)) + body.encode()
    for trust, arrived in ((GOOGLE, at_google(raw, FAIL)), (OWN, at_postfix(raw, ip=FROM_ATTACKER))):
        found = within(0.5, partial(verdict, arrived, trust))
        assert standing(found) is Standing.UNVERIFIED


def test_F4_thousands_of_authors_are_not_looked_at_one_by_one() -> None:
    asked: list[str] = []
    answer = dns(ENFORCED)

    def ask(question: Question) -> Answer:
        asked.append(question.name)
        return answer(question)

    found = verdict(at_postfix(letter(", ".join(f"a@d{number}.example" for number in range(4_000)))), ask=ask)
    assert found.standing is Standing.UNVERIFIED
    assert len(asked) <= 3 * 3
    assert len(found.reason) < 200


@needs_corpus
@pytest.mark.corpus
def test_history_is_never_marked_for_what_its_domains_ask_today() -> None:
    """Every message of the corpus, as if each domain in it rejected by now what it does not stand for."""
    for trust in (NOBODY, GOOGLE, MICROSOFT):
        found = Counter(standing(verdict(raw, trust, all_reject, announced=False)) for raw in letters())
        assert found[Standing.UNVERIFIED] == 0
        assert found[Standing.VERIFIED] == {GOOGLE: 17, MICROSOFT: 4}.get(trust, 0)


def all_reject(question: Question) -> Answer:
    return Answer(texts=(b"v=DMARC1; p=reject",)) if question.name.startswith("_dmarc.") else Answer()


def letters() -> Iterator[bytes]:
    return (canonical(path.read_bytes()) for path in corpus_messages())
