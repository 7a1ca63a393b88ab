"""Figure: the test suites of SPF and ARC, and the signed messages of the corpus: passed of all, the failing named."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping

from tests.corpus import CORPUS
from tests.mime.signing import verified_by_dkimpy
from tests.vectors import SPF_SUITES, Case, arc_cases, dkim_cases, spf_cases


def main() -> None:
    if not (CORPUS / "vectors").is_dir():
        sys.exit(f"no test suites in {CORPUS}: say where they are in POSTERN_CORPUS")
    for suite in SPF_SUITES:
        report(f"SPF, {suite}", spf_cases(suite))
    report("ARC, validation", arc_cases())
    report("DKIM, messages/dkimpy and messages/authheaders, the same as dkimpy with the same keys", dkim_cases(theirs))


def theirs(raw: bytes, number: int, keys: Mapping[str, bytes]) -> bool:
    return verified_by_dkimpy(raw, number, {name: text.decode() for name, text in keys.items()})


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
