"""Fills in the signature that rules chose, for one message."""

from __future__ import annotations

from html import escape

from gateway.domain.firm import Firm
from gateway.domain.mail import Decision
from gateway.mime.render import SignatureBlock
from gateway.policy.rules import template_values
from gateway.policy.template import fill


def signature_block(decision: Decision, firm: Firm, seed: str) -> SignatureBlock | None:
    """Both forms of the signature; None where there is none, or nothing is left of it.

    ``seed`` is unguessable hex for this message. Without an HTML template the text one is shown in HTML parts too.
    Lines that became empty with their variables are gone. Raises Faulty when a template can't be filled in.
    """
    signature = decision.signature
    if signature is None:
        return None
    values = template_values(firm, decision.member, decision.mailbox, decision.clients)
    text = "\n".join(line.rstrip("\r") for line in fill(signature.text, values).rstrip().split("\n"))
    html = fill(signature.html, values, html=True).strip() if signature.html else _as_html(text)
    if not text and not html:
        return None
    return SignatureBlock(text=text, html=html, images=signature.images, seed=seed)


def _as_html(text: str) -> str:
    return "<div>" + "<br>\n".join(escape(line, quote=False) for line in text.split("\n")) + "</div>" if text else ""
