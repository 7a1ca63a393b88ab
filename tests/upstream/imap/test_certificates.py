"""Servers that can't prove who they are: no octet of a password is sent to them."""

from __future__ import annotations

import pytest
import trustme

from gateway.domain.errors import Unreachable
from gateway.domain.firm import Endpoint, Secret, Security
from gateway.trial.provider import TrialProvider
from gateway.upstream.imap import open_session
from tests.upstream.smtp.test_hostile import CONTEXTS

ADDRESS = "support@firm.example"


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
@pytest.mark.parametrize("fault", CONTEXTS)
async def test_C4_no_password_for_an_IMAP_server_that_cannot_prove_who_it_is(
    fault: str, security: Security, tmp_path_factory: pytest.TempPathFactory
) -> None:
    authority = trustme.CA()
    trust = tmp_path_factory.mktemp("trust") / "ca.pem"
    authority.cert_pem.write_to_path(trust)
    async with TrialProvider({ADDRESS: "secret"}, tls=CONTEXTS[fault](authority)) as provider:
        port = provider.imap_tls_port if security is Security.TLS else provider.imap_port
        with pytest.raises(Unreachable) as refused:
            await open_session(Endpoint("127.0.0.1", port, security), ADDRESS, Secret("secret"), trust=trust, timeout=5)
        assert "127.0.0.1" in refused.value.sentence
        reached = provider.faults.reached
        assert reached["imap:login"] == reached["imap:authenticate"] == 0
