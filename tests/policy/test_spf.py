"""SPF: the test suites of its authors, its limits, and what hostile records cost."""

from __future__ import annotations

import contextlib
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.verdict import Result
from gateway.policy.lookup import FAILED, Answer, Kind, Question, answered
from gateway.policy.spf import Envelope, check_host
from gateway.policy.spf_record import SpfFault, read_spf
from tests.corpus import needs_corpus
from tests.cost import within
from tests.vectors import spf_cases

# pyspf's own suite tries an extension of pyspf here, which RFC 7208 section 6 has no room for.
EXTENSIONS = {"default-modifier", "default-modifier-harsh"}


@needs_corpus
@pytest.mark.corpus
@pytest.mark.parametrize(
    ("suite", "count", "failing"),
    [
        ("test__rfc7208-tests.yml", 203, set()),
        ("test__rfc4408-tests.yml", 191, set()),
        ("test__test.yml", 16, EXTENSIONS),
    ],
)
def test_every_test_of_the_suites_comes_to_what_they_say(suite: str, count: int, failing: set[str]) -> None:
    cases = list(spf_cases(suite))
    assert len(cases) == count
    assert {case.name for case in cases if not case.passed} == failing


class Dns:
    """Answers every TXT question with one record of the test's making, and counts."""

    def __init__(self, record: str, names: tuple[str, ...] = ("192.0.2.9",)) -> None:
        self._record = record
        self._names = names
        self.asked: list[Question] = []

    def __call__(self, question: Question) -> Answer:
        self.asked.append(question)
        if question.kind is Kind.TXT:
            return Answer(texts=(self._record.encode(),))
        return Answer(names=self._names)


def result(dns: Dns, sender: str = "al@pacino.example") -> Result:
    return answered(check_host(Envelope(ip_address("198.51.100.1"), "mx.pacino.example", sender)), dns)


def test_a_record_that_includes_itself_ends_after_ten_terms() -> None:
    dns = Dns("v=spf1 include:%{d} -all")
    assert result(dns) is Result.PERMERROR
    assert len(dns.asked) == 11


def test_a_record_of_many_terms_asks_no_more_than_it_may() -> None:
    dns = Dns("v=spf1 " + "a:x.example " * 30 + "-all")
    assert result(dns) is Result.PERMERROR
    assert len(dns.asked) == 11


def test_dns_that_cannot_say_is_a_temporary_error() -> None:
    envelope = Envelope(ip_address("198.51.100.1"), "x.example", "al@pacino.example")
    assert answered(check_host(envelope), lambda _: FAILED) is Result.TEMPERROR


def test_mail_of_nobody_asks_for_the_greeting() -> None:
    dns = Dns("v=spf1 +all")
    assert result(dns, "") is Result.PASS
    assert dns.asked == [Question(Kind.TXT, "mx.pacino.example")]


@pytest.mark.parametrize(
    "record", ["v=spf1 " + "%{" * 4_000, "v=spf1 a:" + "x" * 8_000, "v=spf1 " + "exists:%{i}." * 900]
)
def test_a_long_record_costs_little(record: str) -> None:
    assert within(0.5, lambda: result(Dns(record))) is Result.PERMERROR


@given(st.text(alphabet="v=spf1 aimxptcl:/%{}dshr.-+~?0129e", max_size=60))
def test_no_record_raises_anything_else(text: str) -> None:
    assert result(Dns("v=spf1 " + text)) in Result
    with contextlib.suppress(SpfFault):
        read_spf(b"v=spf1 " + text.encode())
