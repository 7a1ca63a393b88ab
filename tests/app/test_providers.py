"""What the settings say of a provider counts instead of what is known."""

from __future__ import annotations

from pathlib import Path

from gateway.app.providers import facts_as_told
from gateway.settings.gateway import parse
from gateway.upstream.providers import facts_of


def test_the_longest_name_that_fits_has_the_last_word_and_what_it_leaves_out_is_as_known() -> None:
    document = {
        "data_dir": "d",
        "upstream": {
            "provider": {
                "gmail.com": {"renew_idle": "3m"},
                "IMAP.gmail.com.": {"renew_idle": "4m", "connections": 3, "look_every": "20m"},
                "firm.example": {"download_a_day": "1 GB", "logins_a_second": 2},
            }
        },
    }
    settings = parse(document, base=Path("/"))
    gmail = facts_as_told(lambda: settings, "imap.gmail.com")
    assert (gmail.renew_idle, gmail.connections, gmail.poll) == (240, 3, 1200)
    assert gmail.download_a_day == facts_of("imap.gmail.com").download_a_day
    assert facts_as_told(lambda: settings, "alt.gmail.com.").renew_idle == 180
    own = facts_as_told(lambda: settings, "mail.firm.example")
    assert (own.download_a_day, own.logins_a_second, own.idled_on) == (10**9, 2, 2)
    assert facts_as_told(lambda: settings, "mail.notfirm.example") == facts_of("")


def test_with_few_connections_fewer_folders_get_one_of_their_own() -> None:
    settings = parse({"data_dir": "d", "upstream": {"provider": {"x.example": {"connections": 3}}}}, base=Path("/"))
    assert facts_as_told(lambda: settings, "x.example").idled_on == 1
