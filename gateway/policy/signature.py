"""Fills in the signature that rules chose, for one message."""

from __future__ import annotations

from html import escape

from gateway.domain.firm import Firm, Signature
from gateway.domain.mail import Decision
from gateway.mime.render import SignatureBlock
from gateway.policy.rules import template_values
from gateway.policy.style import inlined
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
    values = template_values(firm, decision.member, decision.mailbox, decision.clients)
    text_form, html_form = _forms(signature, is_reply=decision.is_reply)
    text = "\n".join(line.rstrip("\r") for line in fill(text_form, values).rstrip().split("\n"))
    html = inlined(fill(html_form, values, html=True).strip()) if html_form else _as_html(text)
    if not text and not html:
        return None
    return SignatureBlock(text=text, html=html, images=signature.images, seed=seed)


def _forms(signature: Signature, *, is_reply: bool) -> tuple[str, str]:
    """The text and the HTML template; with a short HTML form alone, text parts keep the text that there is."""
    if is_reply and (signature.reply_text or signature.reply_html):
        return signature.reply_text or signature.text, signature.reply_html
    return signature.text, signature.html


def _as_html(text: str) -> str:
    return "<div>" + "<br>\n".join(escape(line, quote=False) for line in text.split("\n")) + "</div>" if text else ""
