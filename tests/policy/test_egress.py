"""Row X5: no spelling of a URL, and no answer of DNS, leads to where only we can go."""

from __future__ import annotations

import pytest

from gateway.domain.errors import Faulty, Refusal
from gateway.domain.webhook import Target
from gateway.policy.egress import choose, parse_target


def parsed(url: str, *, allow_http: bool = False, allow_private: bool = False) -> Target:
    return parse_target(url, allow_http=allow_http, allow_private=allow_private)


def test_a_plain_url_is_taken_apart() -> None:
    assert parsed("https://Hooks.Firm.Example/a?b=c") == Target("hooks.firm.example", 443, "/a?b=c", True)
    assert parsed("https://hooks.firm.example.:8443") == Target("hooks.firm.example", 8443, "/", True)
    assert parsed("http://93.184.215.14/", allow_http=True) == Target("93.184.215.14", 80, "/", False)
    assert parsed("https://[2606:4700::1111]/").authority == "[2606:4700::1111]"
    assert parsed("http://crm.lan/x", allow_http=True, allow_private=True).authority == "crm.lan"
    assert parsed("http://localhost:8080/", allow_http=True, allow_private=True).authority == "localhost:8080"


X5 = [
    "http://127.0.0.1/",
    "http://hooks.firm.example/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://0/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://169.254.169.254/latest",
    "https://localhost/",
    "https://localhost./",
    "https://x.localhost/",
    "https://printer.local/",
    "https://nas.lan/",
    "https://db.internal/",
    "https://10.0.0.1/",
    "https://192.168.1.1/",
    "https://172.16.0.1/",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://255.255.255.255/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://198.18.0.1/",
    "https://192.0.2.1/",
    "https://[::]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fec0::1]/",
    "https://[fe80::1%25eth0]/",
    "file:///etc/passwd",
    "gopher://firm.example/",
    "unix:/run/x",
    "ftp://firm.example/",
    "https:firm.example",
    "//firm.example/",
    "firm.example",
    "https://user@firm.example/",
    "https://user:password@firm.example/",
    "https://firm.example@127.0.0.1/",
    "https://@firm.example/",
    "https://firm.example:25/",
    "https://firm.example:22/",
    "https://firm.example:0/",
    "https://firm.example:99999/",
    "https:///x",
    "https://",
    "https://firm.example/#x",
    "https://firm.example\\@evil.example/",
    "https://firm/",
    "https://-x.example/",
    "https://a..example/",
    "https://firm_x.example/",
    "https://ﬁrm.example/",
    "https://[::1/",
    'https://firm.example/%0d%0a"é',
]


@pytest.mark.parametrize(
    "url", [*X5, "https://firm.example/a b", "https://firm.example/\r\nX: y", "https://a\tb.example/"]
)
def test_X5_a_url_that_is_no_public_https_server_is_refused_with_what_to_do(url: str) -> None:
    with pytest.raises(Faulty) as refused:
        parsed(url)
    (fault,) = refused.value.faults
    assert fault.path == "url"
    assert len(fault.sentence) > 20


def test_X5_the_addresses_of_a_name_are_weighed_all_of_them() -> None:
    assert choose("x.example", ["93.184.215.14", "2606:4700::1111"], allow_private=False) == "93.184.215.14"
    assert choose("x.example", ["127.0.0.1"], allow_private=True) == "127.0.0.1"
    for addresses in (
        ["127.0.0.1"],
        ["93.184.215.14", "10.0.0.1"],
        ["::1"],
        ["fe80::1%eth0"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a00:1"],
        ["2002:a00:1::"],
        [],
    ):
        with pytest.raises(Refusal, match="nothing was sent"):
            choose("x.example", addresses, allow_private=False)
