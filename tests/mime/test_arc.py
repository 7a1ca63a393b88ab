"""ARC chains: its authors' test suite, and bounds."""

from __future__ import annotations

import pytest

from gateway.domain.verdict import Result
from gateway.mime.arc import MAX_SETS, Chain, read_chain
from gateway.mime.dkim_verify import Checked
from gateway.mime.header import Header
from tests.corpus import needs_corpus
from tests.vectors import arc_cases

# The suite gives no result for these three: chains that say of themselves that they are broken. RFC 8617 section 5.2
# (step 2) fails them.
OPEN = {"cv_fail_i1_as_cv_fail", "cv_fail_i2_as2_fail", "cv_fail_i2_as1_fail"}


@needs_corpus
@pytest.mark.corpus
def test_every_chain_of_the_suite_comes_to_what_the_suite_says() -> None:
    cases = list(arc_cases())
    assert len(cases) == 171
    assert {case.name for case in cases if not case.passed} == OPEN
    assert {case.found for case in cases if case.name in OPEN} == {"fail"}


def fields(number: int, *, cv: str = "") -> str:
    common = "a=rsa-sha256; d=x.example; s=s; b=eA==;"
    claims = cv or ("none" if number == 1 else "pass")
    return (
        f"ARC-Seal: i={number}; {common} cv={claims}\r\n"
        f"ARC-Message-Signature: i={number}; {common} h=from; bh=eA==\r\n"
        f"ARC-Authentication-Results: i={number}; x.example; dmarc=pass\r\n"
    )


def chain(text: str) -> Chain | Checked:
    return read_chain(Header.read(f"{text}From: a@b.example\r\n\r\nx\r\n".encode()))


def test_a_chain_is_read_whatever_the_order_of_its_fields() -> None:
    found = chain(fields(1) + fields(2))
    assert isinstance(found, Chain)
    assert [one.seal.instance for one in found.sets] == [1, 2]
    assert found.sets[0].results == " x.example; dmarc=pass"
    assert found.key_names == ("s._domainkey.x.example",)


@pytest.mark.parametrize(
    "text",
    [
        fields(2),
        fields(1) + fields(3),
        fields(1) + fields(1),
        fields(1) + fields(2, cv="none"),
        fields(1, cv="pass"),
        fields(1) + fields(2, cv="fail"),
        fields(1).replace("Results: i=1;", "Results:"),
        fields(1).replace("h=from", "h=from:arc-seal"),
        "".join(fields(number) for number in range(1, MAX_SETS + 2)),
        "".join(fields(number) for number in range(1, 400)),
    ],
)
def test_a_chain_with_a_hole_a_double_or_a_contradiction_fails(text: str) -> None:
    found = chain(text)
    assert isinstance(found, Checked)
    assert found.result is Result.FAIL


def test_no_chain_is_none() -> None:
    assert chain("") == Checked(Result.NONE)
