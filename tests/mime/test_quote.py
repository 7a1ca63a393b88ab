"""Where a reply's quoted text begins, in the words of many programs and languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.htmlquote import html_quote
from gateway.mime.page import Page
from gateway.mime.quote import text_quote_start


def html_quote_start(html: str) -> int:
    return html_quote(Page.read(html))[0]


ATTRIBUTIONS = [
    "On Tue, 3 Mar 2026 at 10:02, Al Pacino <al@pacino.example> wrote:",
    "On Tue, 3 Mar 2026 at 10:02, Al Pacino\r\n<al@pacino.example>\r\nwrote:",
    "Am 03.03.2026 um 10:02 schrieb Al Pacino:",
    "Le mar. 3 mars 2026 à 10:02, Al Pacino <al@pacino.example> a écrit :",
    "El mar, 3 mar 2026 a las 10:02, Al Pacino (<al@pacino.example>) escribió:",
    "Il giorno mar 3 mar 2026 alle ore 10:02 Al Pacino <al@pacino.example> ha scritto:",
    "Em ter., 3 de mar. de 2026 às 10:02, Al Pacino <al@pacino.example> escreveu:",
    "Op di 3 mrt 2026 om 10:02 schreef Al Pacino <al@pacino.example>:",
    "W dniu 03.03.2026 o 10:02, Al Pacino pisze:",
    "Pe mar., 3 mar. 2026 la 10:02, Al Pacino <al@pacino.example> a scris:",
    "Den tis 3 mars 2026 kl 10:02 skrev Al Pacino <al@pacino.example>:",
    "03.03.2026, 10:02, Al Pacino <al@pacino.example>:",
    "вт, 3 мар. 2026 г. в 10:02, Al Pacino <al@pacino.example>:",
    "út 3. 3. 2026 v 10:02 odesílatel Al Pacino <al@pacino.example> napsal:",
    "-----Original Message-----\r\nFrom: Al",
    "-----Ursprüngliche Nachricht-----\r\nVon: Al",
    "---------- Forwarded message ---------\r\nFrom: Al",
    "________________________________\r\nFrom: Al <al@pacino.example>\r\nSent: Tuesday\r\nTo: Ana\r\nSubject: x\r\n",
    "De la: Al <al@pacino.example>\r\nTrimis: marți\r\nCătre: Ana\r\nSubiect: x\r\n",
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_the_quote_begins_with_whoever_wrote(attribution: str) -> None:
    own = "Dear Al,\r\n\r\nyes: at 10:00.\r\n\r\n"
    assert text_quote_start(f"{own}{attribution}\r\n\r\n> quoted\r\n> more\r\n") == len(own)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no quote at all",
        "On the other hand, he wrote:\r\nthis.",
        "Here is what I wrote:\r\n- one\r\n- two\r\n",
        "From: our database, and\r\nnot from elsewhere.\r\n",
        "> quoted\r\n\r\nmy answer below\r\n",
        "On 3 Mar 2026, Al wrote:\r\n> one?\r\n\r\nyes\r\n\r\n> two?\r\n\r\nno\r\n",
        "----\r\na table\r\n----\r\n",
        "-- \r\nAna\r\n",
    ],
)
def test_without_a_quote_or_with_the_answer_below_it_the_text_goes_on(text: str) -> None:
    assert text_quote_start(text) == len(text)


def test_a_quoted_tail_without_words_above_is_a_quote() -> None:
    assert text_quote_start("yes\r\n\r\n> are you coming?\r\n") == len("yes\r\n\r\n")


@pytest.mark.parametrize(
    "quote",
    [
        '<div class="gmail_quote"><div class="gmail_attr">On 3 Mar',
        '<blockquote type="cite"><div>On 3 Mar 2026, Al wrote:</div>',
        '<BLOCKQUOTE style="x" TYPE=CITE>x',
        '<div id="appendonsend"></div><hr>',
        '<div id="divRplyFwdMsg" dir="ltr"><b>From:</b> Al',
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3pt"><p><b>From:</b>',
        '<div class="moz-cite-prefix">On 3 Mar 2026 Al wrote:</div><blockquote type="cite">x</blockquote>',
        '<div id="ydp1yahoo_quoted_2" class="yahoo_quoted">',
        '<p class="MsoNormal"><b><span>Von:</span></b> Al<br><b>Gesendet:</b> heute<br></p>',
        "<hr><b>From:</b> Al<br><b>Sent:</b> today<br>",
    ],
)
def test_the_containers_of_mail_programs_are_known(quote: str) -> None:
    own = '<html><body><!-- <div class="gmail_quote"> --><div>Hello</div>'
    assert html_quote_start(f"{own}{quote}</body></html>") == len(own)


@pytest.mark.parametrize(
    ("html", "rest"),
    [
        ("<p>x</p>", ""),
        ("<body><p>x</p></BODY ></html>", "</BODY ></html>"),
        ("<body>x</body><!-- </body> -->", "</body><!-- </body> -->"),
        ("<body>a <blockquote>indented</blockquote></body>", "</body>"),
        ("<body>İ<b>x</b></body>", "</body>"),
        ('<body><div class="moz-cite-prefix">x</div><blockquote type="cite">q</blockquote>mine</body>', "</body>"),
    ],
)
def test_without_a_quote_the_body_end_is_the_place(html: str, rest: str) -> None:
    assert html[html_quote_start(html) :] == rest


@given(st.text(alphabet=st.sampled_from("On 2026-1:>\r\n<b/blockquote>wrote@-_ From"), max_size=300))
def test_any_text_has_a_place(text: str) -> None:
    assert 0 <= text_quote_start(text) <= len(text)
    assert 0 <= html_quote_start(text) <= len(text)
