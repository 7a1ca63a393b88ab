"""Fills in the signature that rules chose, for one message."""

from __future__ import annotations

from functools import lru_cache
from html import escape

from gateway.domain.firm import Firm, Signature
from gateway.domain.mail import Decision
from gateway.mime.render import SignatureBlock
from gateway.policy.rules import Named
from gateway.policy.style import FILLED, inlined
from gateway.policy.template import fill


def signature_block(decision: Decision, firm: Firm, seed: str) -> SignatureBlock | None:
    """Both forms of the signature; None where there is none, or nothing is left of it.

    ``seed`` is unguessable hex for this message. A reply gets the forms for replies where the signature has one.
    Without an HTML template the text one is shown in HTML parts too. Lines that became empty with their variables are
    gone, style sheets are inlined. Raises Faulty when a template can't be filled in.
    """
    signature = decision.signature
    if signature is None:
        return None
    named = Named.of(firm, decision.member, decision.mailbox, decision.clients)
    text, html = _written(*_forms(signature, is_reply=decision.is_reply), named)
    if not text and not html:
        return None
    return SignatureBlock(text=text, html=html, images=signature.images, seed=seed)


@lru_cache(maxsize=FILLED)
def _written(text_form: str, html_form: str, named: Named) -> tuple[str, str]:
    """The two forms filled in; the same few members write most of a firm's mail."""
    values = named.values()
    text = "\n".join(line.rstrip("\r") for line in fill(text_form, values).rstrip().split("\n"))
    return text, inlined(fill(html_form, values, html=True).strip()) if html_form else _as_html(text)


def _forms(signature: Signature, *, is_reply: bool) -> tuple[str, str]:
    """The text and the HTML template; with a short HTML form alone, text parts keep the text that there is."""
    if is_reply and (signature.reply_text or signature.reply_html):
        return signature.reply_text or signature.text, signature.reply_html
    return signature.text, signature.html


def _as_html(text: str) -> str:
    return "<div>" + "<br>\n".join(escape(line, quote=False) for line in text.split("\n")) + "</div>" if text else ""
