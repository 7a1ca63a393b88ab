"""Figure: the test suites of SPF and ARC, and the signed messages of the corpus: passed of all, the failing named."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping

from tests.corpus import CORPUS
from tests.mime.signing import verified_by_dkimpy
from tests.policy.arriving import CLIENT, FROM_ATTACKER, GOOGLE, NOBODY, at_google, at_postfix, letter, signed, verdict
from tests.policy.test_forged import PASS
from tests.vectors import SPF_SUITES, Case, arc_cases, dkim_cases, results_cases, spf_cases

ROUNDS = 50


def main() -> None:
    if not (CORPUS / "vectors").is_dir():
        sys.exit(f"no test suites in {CORPUS}: say where they are in POSTERN_CORPUS")
    for suite in SPF_SUITES:
        report(f"SPF, {suite}", spf_cases(suite))
    report("ARC, validation", arc_cases())
    report("Authentication-Results of the corpus that can be read", results_cases())
    weighed()
    report("DKIM, messages/dkimpy and messages/authheaders, the same as dkimpy with the same keys", dkim_cases(theirs))


def theirs(raw: bytes, number: int, keys: Mapping[str, bytes]) -> bool:
    return verified_by_dkimpy(raw, number, {name: text.decode() for name, text in keys.items()})


def weighed() -> None:
    """CPU of weighing one message, with DNS answered at once."""
    large = letter() + (b"B" * 76 + b"\r\n") * 13_000
    for title, raw, trust in (
        ("its provider says who sent it", at_google(letter(), PASS), GOOGLE),
        ("signed, checked here", at_postfix(signed(letter(), CLIENT)), NOBODY),
        ("forged, checked here", at_postfix(letter(), ip=FROM_ATTACKER), NOBODY),
        ("signed, 1 MB, checked here", at_postfix(signed(large, CLIENT)), NOBODY),
    ):
        start = time.process_time()
        for _ in range(ROUNDS):
            verdict(raw, trust)
        print(f"Weighing: {(time.process_time() - start) / ROUNDS * 1000:.2f} ms of CPU: {title}")


def report(title: str, cases: Iterable[Case]) -> None:
    start = time.process_time()
    found = list(cases)
    spent = time.process_time() - start
    print(f"{title}: {sum(case.passed for case in found)} of {len(found)} ({spent:.1f} s of CPU)")
    for case in found:
        if not case.passed:
            wanted = ", ".join(sorted(case.wanted)) or "nothing: the suite leaves it open"
            print(f"    {case.name}: wanted {wanted}; came to {case.found}")


if __name__ == "__main__":
    main()
