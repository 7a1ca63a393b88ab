"""Moves the style sheet of an HTML signature into its elements: mail programs drop or leak what stands in <style>."""

from __future__ import annotations

import re
from functools import lru_cache

FILLED = 256  # signatures kept as filled in: a firm's members times its signatures, within reason

_STYLE = re.compile(r"<style[\s>]", re.IGNORECASE)
_AT_RULES = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@lru_cache(maxsize=FILLED)
def inlined(html: str) -> str:
    """The fragment with its ``<style>`` elements written into ``style`` attributes.

    What can't be inlined, rules for other screens (``@media``), stays in one ``<style>`` in front. Markup without a
    style sheet is returned as it is. No sheet is fetched or read from a file, whatever the markup names.
    """
    if not _STYLE.search(html):
        return html
    import css_inline  # most firms have no style sheet in a signature, and the daemon's start is short

    fragment = css_inline.CSSInliner(load_remote_stylesheets=False).inline_fragment(html, "")
    if "@media" not in html.lower():
        return fragment
    whole = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True).inline(html)
    kept = _AT_RULES.search(whole)
    return f"<style>{kept[1].strip()}</style>{fragment}" if kept and "@media" in kept[1].lower() else fragment
