"""The test suites of SPF and ARC, and the signed messages of the corpus, as cases that tests and figures go through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

import yaml

from gateway.mime.arc import Chain, check_chain, read_chain
from gateway.mime.authres import ResultsFault, read_results
from gateway.mime.dkim_signature import DKIM, Unusable, read_signature
from gateway.mime.dkim_verify import Bodies, check_signature
from gateway.mime.header import Header, readable
from gateway.policy.lookup import FAILED, Answer, Kind, Question, answered
from gateway.policy.spf import Envelope, check_host
from tests.corpus import CORPUS, canonical, corpus_messages

SPF_SUITES = ("test__rfc7208-tests.yml", "test__rfc4408-tests.yml", "test__test.yml")
ARC_SUITE = "tests__arc-draft-validation-tests.yml"
ARC_NOW = 12_346  # the suite's signatures say 12345
SIGNED = ("dkimpy", "authheaders")

_RSA = (
    b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/"
    b"J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryO"
    b"TIKT+l/K4w3QIDAQAB"
)
# What the signed messages were made with: the keys of RFC 8463, and of Exim's tests.
KEYS: Mapping[str, bytes] = {
    "brisbane._domainkey.football.example.com": b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "test._domainkey.football.example.com": _RSA,
    "test._domainkey.example.com": _RSA,
    "test._domainkey.example.biz": _RSA,
    "sed._domainkey.test.ex": b"v=DKIM1; k=ed25519; p=sPs07Vu29FpHT/80UXUcYHFOHifD4o2ZlP2+XUh9g6E=",
}

Zone = Mapping[str, list[object]]


@dataclass(frozen=True)
class Case:
    """One test of a suite; ``wanted`` is empty where the suite leaves open what it comes to."""

    suite: str
    name: str
    wanted: frozenset[str]
    found: str

    @property
    def passed(self) -> bool:
        return self.found in self.wanted


def spf_cases(suite: str) -> Iterator[Case]:
    """Every test of one suite, evaluated."""
    text = (CORPUS / "vectors" / "spf" / suite).read_text("latin-1")
    for scenario in yaml.safe_load_all(text):
        tests = (scenario or {}).get("tests") or {}
        ask = _zone_server(
            {str(name).lower(): records for name, records in (scenario or {}).get("zonedata", {}).items()}
        )
        for name, test in tests.items():
            envelope = Envelope(ip_address(test["host"]), test["helo"], test["mailfrom"])
            result = test["result"]
            wanted = frozenset(result if isinstance(result, list) else [result])
            yield Case(suite, name, wanted, answered(check_host(envelope), ask).value)


def arc_cases() -> Iterator[Case]:
    """Every validation test of the ARC suite."""
    for scenario in yaml.safe_load_all((CORPUS / "vectors" / "arc" / ARC_SUITE).read_text()):
        if not scenario:
            continue
        records = {name: [text.encode()] for name, text in (scenario["txt-records"] or {}).items()}
        for name, test in scenario["tests"].items():
            raw = canonical((test["message"] or "").encode())
            header = Header.read(raw)
            chain = read_chain(header)
            if isinstance(chain, Chain):
                chain = check_chain(header, Bodies(raw[header.end :]), chain, records, ARC_NOW)
            wanted = str(test["cv"] or "").strip().lower()
            yield Case(ARC_SUITE, name, frozenset({wanted} - {""}), chain.result.value)


def results_cases() -> Iterator[Case]:
    """Every Authentication-Results of the corpus: whether it can be read, by the server that wrote it."""
    for path in corpus_messages():
        header = Header.read(canonical(path.read_bytes()))
        for value in header.all("Authentication-Results"):
            try:
                read_results(readable(value))
                found = "read"
            except ResultsFault as fault:
                found = f"{fault}, {readable(value).split()[0]}"
            yield Case(path.parent.name, path.name, frozenset({"read"}), found)


def dkim_cases(verified: Callable[[bytes, int, Mapping[str, bytes]], bool]) -> Iterator[Case]:
    """Every signature of the signed messages, against what another verifier says of it with the same keys."""
    for path in sorted(path for folder in SIGNED for path in (CORPUS / "messages" / folder).iterdir()):
        raw = canonical(path.read_bytes())
        header = Header.read(raw)
        for number in range(len(header.spans(DKIM))):
            wanted = "pass" if verified(raw, number, KEYS) else "no pass"
            yield Case(path.parent.name, f"{path.name}#{number}", frozenset({wanted}), _checked(header, raw, number))


def _checked(header: Header, raw: bytes, number: int) -> str:
    signature = read_signature(header, header.spans(DKIM)[number])
    if isinstance(signature, Unusable):
        return "no pass"
    records = [KEYS[signature.key_name]] if signature.key_name in KEYS else []
    checked = check_signature(header, Bodies(raw[header.end :]), signature, records, ARC_NOW)
    return "pass" if checked.result == "pass" else "no pass"


def _zone_server(zone: Zone) -> Callable[[Question], Answer]:
    """Answers from a suite's zone: SPF stands for TXT where there is no TXT, TIMEOUT for all that is not there."""

    def ask(question: Question, followed: int = 0) -> Answer:
        records = zone.get(question.name.lower(), [])
        has_txt = any(isinstance(record, dict) and "TXT" in record for record in records)
        texts: list[bytes] = []
        names: list[tuple[int, str]] = []
        for record in records:
            if not isinstance(record, dict):
                return FAILED if not texts and not names else Answer(tuple(texts))
            ((kind, value),) = record.items()
            if kind == "CNAME" and followed < 8:
                return ask(Question(question.kind, value.rstrip(".")), followed + 1)
            if question.kind is Kind.TXT:
                if value != "NONE" and (kind == "TXT" or (kind == "SPF" and not has_txt)):
                    texts.append(("".join(value) if isinstance(value, list) else value).encode("latin-1"))
            elif kind == question.kind:
                names.append((value[0], value[1]) if kind == "MX" else (0, value))
        return Answer(tuple(texts), tuple(name.rstrip(".") for _, name in sorted(names)))

    return ask
