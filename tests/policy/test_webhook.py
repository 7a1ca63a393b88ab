"""What a webhook gets, held against the specification's own example and against an independent reading of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

from gateway.domain.record import Event, EventKind
from gateway.policy.webhook import WAITS, body_of, headers_of, wait_after, written

NOW = datetime(2021, 2, 25, 22, 42, 10, tzinfo=UTC)


def test_the_signature_is_the_hmac_of_id_time_and_body() -> None:
    secret, body = bytes(range(32)), b'{"event_type":"ping"}'
    headers = headers_of(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", NOW, body)
    stamp = str(int(NOW.timestamp()))
    signed = b".".join([b"msg_p5jXN8AQM9LWM0D4loKWxJek", stamp.encode(), body])
    expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{expected}",
    }
    assert base64.b64decode(written(secret).removeprefix("whsec_")) == secret


def test_a_known_signature_stays_what_it_is() -> None:
    """The example of the specification's reference library: its secret, id, time and body."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = headers_of(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_body_has_a_type_a_time_and_the_event() -> None:
    event = Event(7, NOW, EventKind.CLIENT_MAIL, "New mail: “x”", "Al", "support@firm.example", 3)
    body = json.loads(body_of(event))
    assert (body["type"], body["timestamp"]) == ("client-mail", "2021-02-25T22:42:10Z")
    assert body["data"]["text"] == "New mail: “x”"
    assert body["data"]["number"] == 7


def test_waits_grow_for_a_day_and_a_half_and_then_end() -> None:
    waits = [wait_after(attempts) for attempts in range(1, len(WAITS) + 2)]
    assert waits[0] == timedelta(seconds=5)
    assert waits[:-1] == sorted(WAITS)
    assert waits[-1] is None
    assert timedelta(hours=24) < sum(WAITS, timedelta()) < timedelta(hours=48)
