"""DMARC records, the walk up the tree, and which domains are one house."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.dmarc import MAX_STEPS, DmarcRecord, House, Policy, house_of, looks_public, read_dmarc, steps
from gateway.policy.lookup import FAILED, Answer, Question, answered


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("v=DMARC1; p=none", DmarcRecord(Policy.NONE, Policy.NONE)),
        ("v=DMARC1;p=reject;sp=quarantine;", DmarcRecord(Policy.REJECT, Policy.QUARANTINE)),
        ("v = DMARC1 ; P=x; p = Reject", DmarcRecord(Policy.REJECT, Policy.REJECT)),
        ("v=DMARC1; p=REJECT", DmarcRecord(Policy.REJECT, Policy.REJECT)),
        ("v=DMARC1; p=bogus; rua=mailto:x@y.example", DmarcRecord(Policy.NONE, Policy.NONE)),
        ("v=DMARC1", DmarcRecord(Policy.NONE, Policy.NONE)),
        ("v=DMARC1; p=reject; adkim=s; aspf=S", DmarcRecord(Policy.REJECT, Policy.REJECT, True, True)),
        ("v=DMARC1; p=reject; pct=0", DmarcRecord(Policy.REJECT, Policy.REJECT, is_testing=True)),
        ("v=DMARC1; p=reject; t=y", DmarcRecord(Policy.REJECT, Policy.REJECT, is_testing=True)),
        ("v=DMARC1; p=reject; psd=y", DmarcRecord(Policy.REJECT, Policy.REJECT, is_registry=True)),
        ("v=DMARC1; p=reject; psd=n", DmarcRecord(Policy.REJECT, Policy.REJECT, is_house=True)),
        ("p=reject; v=DMARC1", None),
        ("v=DMARC2; p=reject", None),
        ("v=DMARC1; p=reject; p=none", None),
        ("v=spf1 -all", None),
        ("", None),
    ],
)
def test_a_record_says_what_it_says_or_nothing(text: str, wanted: DmarcRecord | None) -> None:
    assert read_dmarc(text.encode()) == wanted


def house(domain: str, **zone: str) -> House:
    known = {f"_dmarc.{name.replace('_', '.')}": text for name, text in zone.items()}

    def ask(question: Question) -> Answer:
        return Answer(texts=(known[question.name].encode(),) if question.name in known else ())

    return answered(house_of(domain), ask)


REJECT, NONE = "v=DMARC1; p=reject", "v=DMARC1; p=none; sp=quarantine"


def test_the_domains_own_record_decides_and_the_highest_one_is_the_house() -> None:
    found = house("a.b.pacino.example", a_b_pacino_example=NONE, pacino_example=REJECT)
    assert (found.top, found.policy) == ("pacino.example", Policy.NONE)


def test_below_the_house_its_wish_for_subdomains_holds() -> None:
    assert house("a.pacino.example", pacino_example=NONE).policy is Policy.QUARANTINE
    assert house("a.pacino.example", pacino_example=NONE).is_enforced


def test_a_registrys_record_makes_no_house_of_its_customers() -> None:
    found = house("mail.pacino.bank", bank="v=DMARC1; p=reject; psd=y")
    assert (found.top, found.policy) == ("pacino.bank", Policy.REJECT)
    assert not found.aligned("attacker.bank", strict=False)
    british = house("pacino.gov.uk", gov_uk=REJECT, pacino_gov_uk=NONE)
    assert british.top == "pacino.gov.uk"
    assert not british.aligned("attacker.gov.uk", strict=False)


def test_a_house_of_its_own_ends_the_walk() -> None:
    found = house("x.pacino.example", x_pacino_example="v=DMARC1; p=none; psd=n", pacino_example=REJECT)
    assert not found.aligned("pacino.example", strict=False)


@pytest.mark.parametrize(
    ("other", "relaxed"),
    [
        ("pacino.example", True),
        ("mail.pacino.example", True),
        ("x.y.pacino.example", True),
        ("evilpacino.example", False),
        ("pacino.example.attacker.example", False),
        ("example", False),
        ("", False),
    ],
)
def test_alignment(other: str, relaxed: bool) -> None:
    assert house("pacino.example", pacino_example=REJECT).aligned(other, strict=False) is relaxed
    assert house("pacino.example", pacino_example=REJECT).aligned(other, strict=True) is (other == "pacino.example")


def test_where_nobody_published_anything_only_the_domain_and_those_above_it_vouch() -> None:
    found = house("mail.pacino.co.uk")
    assert (found.top, found.policy) == ("", None)
    assert found.aligned("mail.pacino.co.uk", strict=False)
    assert found.aligned("pacino.co.uk", strict=False)
    assert not found.aligned("co.uk", strict=False)
    assert not found.aligned("uk", strict=False)
    assert not found.aligned("x.mail.pacino.co.uk", strict=False)


def test_a_policy_under_test_asks_for_nothing_yet() -> None:
    assert not house("pacino.example", pacino_example="v=DMARC1; p=reject; t=y").is_enforced


def test_several_records_are_none_and_dns_that_cannot_say_is_told() -> None:
    two = (REJECT.encode(), b"v=DMARC1; p=none")
    assert answered(house_of("pacino.example"), lambda _: Answer(texts=two)).policy is None
    assert answered(house_of("pacino.example"), lambda _: FAILED).unsure


@given(st.lists(st.sampled_from(["a", "bb", "co", "uk"]), min_size=1, max_size=40).map(".".join))
def test_a_walk_takes_eight_questions_at_most_and_ends_at_the_top(domain: str) -> None:
    asked = steps(domain)
    assert len(asked) <= MAX_STEPS
    assert asked[0] == domain
    assert asked[-1] == domain.rpartition(".")[2]
    assert all(domain.endswith(name) for name in asked)


def test_what_looks_like_a_registry() -> None:
    assert all(looks_public(name) for name in ("com", "co.uk", "gov.ro", "com.br"))
    assert not any(looks_public(name) for name in ("pacino.example", "pacino.ro", "a.co.uk", "co.example"))
