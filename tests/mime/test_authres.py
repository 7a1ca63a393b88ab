"""Authentication-Results as the RFC, the large providers and attackers write them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.verdict import Result
from gateway.mime.authres import AuthResults, MethodResult, ResultsFault, read_results
from tests.corpus import needs_corpus
from tests.cost import within
from tests.vectors import results_cases

GOOGLE = (
    "mx.google.com;\r\n dkim=pass header.i=@pacino.example header.s=s1 header.b=AbC/d+1=;\r\n"
    " spf=pass (google.com: domain of al@pacino.example designates 192.0.2.1 as permitted sender) "
    "smtp.mailfrom=al@pacino.example;\r\n dmarc=pass (p=REJECT sp=NONE dis=NONE) header.from=pacino.example"
)
MICROSOFT = (
    "spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=pacino.example; dkim=none (message not signed)\r\n"
    " header.d=none;dmarc=fail action=oreject\r\n header.from=pacino.example;compauth=pass reason=100"
)


def methods(value: str) -> list[tuple[str, str]]:
    return [(one.method, one.result.value) for one in read_results(value).results]


def test_what_google_writes() -> None:
    found = read_results(GOOGLE)
    assert found.authserv_id == "mx.google.com"
    assert methods(GOOGLE) == [("dkim", "pass"), ("spf", "pass"), ("dmarc", "pass")]
    assert found.results[0].get("header.b") == "AbC/d+1="
    assert found.results[1].get("smtp.mailfrom") == "al@pacino.example"
    assert found.results[2].comments == ("p=REJECT sp=NONE dis=NONE",)


def test_what_microsoft_writes_names_nobody() -> None:
    found = read_results(MICROSOFT)
    assert found.authserv_id == ""
    assert methods(MICROSOFT) == [("spf", "pass"), ("dkim", "none"), ("dmarc", "fail"), ("compauth", "pass")]
    assert found.results[2].get("action") == "oreject"


DEGENERATE = (
    "foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
    " policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't) 1362471462"
)


def test_microsoft_puts_the_recipients_domain_between_results() -> None:
    """As it is in a message of the corpus."""
    value = (
        "spf=pass (sender IP is 104.47.126.239) smtp.helo=x.outlook.com; outlook.com; dkim=none (message not signed) "
        "header.d=none;outlook.com; dmarc=pass action=none header.from=x.outlook.com;"
    )
    assert methods(value) == [("spf", "pass"), ("dkim", "none"), ("dmarc", "pass")]
    with pytest.raises(ResultsFault):
        read_results("a.example; spf=pass; outlook.com; dkim=none")


@needs_corpus
@pytest.mark.corpus
def test_every_field_of_the_corpus_is_read_but_those_of_an_older_yahoo() -> None:
    cases = list(results_cases())
    assert len(cases) == 100
    left = [case.found for case in cases if not case.passed]
    assert len(left) == 7
    assert all(found.endswith(".yahoo.com") for found in left)  # before there was a standard


# Examples of RFC 8601 appendix B, written down from the document.
@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("example.org 1; none", []),
        ("example.com;\r\n spf=pass smtp.mailfrom=example.net", [("spf", "pass")]),
        (
            "example.com;\r\n auth=pass (cram-md5) smtp.auth=al@example.net;\r\n spf=pass smtp.mailfrom=example.net",
            [("auth", "pass"), ("spf", "pass")],
        ),
        (
            'example.com; dkim=pass reason="good signature" header.i=@a.example; dkim=fail header.i=@b.example',
            [("dkim", "pass"), ("dkim", "fail")],
        ),
        (
            DEGENERATE,
            [("dkim", "fail")],
        ),
    ],
)
def test_the_examples_of_the_rfc(value: str, wanted: list[tuple[str, str]]) -> None:
    assert methods(value) == wanted


def test_a_quoted_local_part_and_a_bounce_address_are_values() -> None:
    found = read_results('a.example; dkim=pass header.i="a b"@c.example; spf=pass smtp.mailfrom=b+al=x.y@z.example')
    assert found.results[0].get("header.i") == "a b@c.example"
    assert found.results[1].get("smtp.mailfrom") == "b+al=x.y@z.example"


def test_words_that_no_standard_knows_are_left_out() -> None:
    assert methods("a.example; dmarc=bestguesspass header.from=x.example; bimi=skipped; spf=pass") == [("spf", "pass")]


@pytest.mark.parametrize(
    "value",
    [
        "",
        ";",
        "; dkim=pass",
        "a.example 2; dkim=pass",
        "a.example b.example; dkim=pass",
        "a.example; dkim",
        "a.example; dkim=",
        "a.example; dkim/2=pass",
        "a.example; dkim=pass header.d",
        "a.example; dkim=pass header.d==x",
        "a.example; dkim=pass (",
        "a.example; dkim=pass )",
        'a.example; dkim=pass reason="',
        "a.example; dkim=pass ((((((((x))))))))",
        "a.example; dkim=pass\x00",
        "a.example" + "; spf=pass" * 41,
        "a.example; spf=pass " + "x" * 20_000,
    ],
)
def test_what_is_no_such_field_or_too_much_is_refused(value: str) -> None:
    with pytest.raises(ResultsFault):
        read_results(value)


def test_I1_a_comment_or_a_quote_hides_no_result() -> None:
    hidden = 'a.example; spf=fail (ignore this: dmarc=pass) reason="; dmarc=pass"'
    assert read_results(hidden) == AuthResults(
        "a.example",
        (MethodResult("spf", Result.FAIL, (("reason", "; dmarc=pass"),), ("ignore this: dmarc=pass",)),),
    )


@given(st.text(alphabet='abd=;./ ()"\\\r\n\t@1p,<>', max_size=200))
def test_nothing_makes_it_fail_otherwise(value: str) -> None:
    with contextlib.suppress(ResultsFault):
        read_results(value)


@pytest.mark.parametrize("piece", ["(", "a(", '"', "a=b ", "\\(", "=", "a.", "a/", ";"])
def test_twenty_thousand_characters_cost_little(piece: str) -> None:
    value = "a.example; dkim=pass " + piece * (19_000 // len(piece))

    def tried() -> None:
        with contextlib.suppress(ResultsFault):
            read_results(value)

    within(1.0, tried)
