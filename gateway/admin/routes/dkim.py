"""The keys that sign mail: made, enabled once their record is published, disabled, removed; never shown whole."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from gateway.admin import ruled, shapes
from gateway.admin.given import Asker, Given
from gateway.admin.ruled import asks
from gateway.admin.services import Services
from gateway.domain.dkim import Algorithm, SigningKey
from gateway.outbound.signing_keys import SigningKeys
from gateway.policy.walls import Right

router = ruled.router("dkim")


class Wanted(BaseModel):
    """A new key; without a selector one is chosen."""

    model_config = ConfigDict(extra="forbid")

    domain: str
    selector: str | None = None
    algorithm: Algorithm = Algorithm.RSA


class Action(StrEnum):
    """The last step of the path."""

    ENABLE = "enable"
    DISABLE = "disable"
    REMOVE = "remove"


@router.post("/v1/dkim", openapi_extra=asks(Right.SETTINGS))
async def new(wanted: Wanted, given: Given, asker: Asker) -> shapes.Json:
    """Makes a key that waits; the answer has the record to publish."""
    key = await _keys(given).new(wanted.domain, wanted.algorithm, by=asker, at=given.now(), selector=wanted.selector)
    return shown(key)


@router.get("/v1/dkim", openapi_extra=asks(Right.SETTINGS))
async def keys(given: Given) -> shapes.Json:
    """Of all domains."""
    return {"keys": [shown(key) for key in await given.store.dkim.list()]}


@router.get("/v1/dkim/{domain}", openapi_extra=asks(Right.SETTINGS))
async def keys_of(domain: str, given: Given) -> shapes.Json:
    """Of one domain, the oldest first."""
    return {"keys": [shown(key) for key in await _keys(given).of(domain)]}


@router.post("/v1/dkim/{domain}/{action}", openapi_extra=asks(Right.SETTINGS))
async def act(
    domain: str, action: Action, given: Given, asker: Asker, *, selector: str | None = None, unchecked: bool = False
) -> shapes.Json:
    """Without a selector, the domain's only key that this can be done to. 409 where the record is not right."""
    keys, at = _keys(given), given.now()
    if action is Action.ENABLE:
        return shown(await keys.enable(domain, selector, by=asker, at=at, unchecked=unchecked))
    if action is Action.DISABLE:
        return shown(await keys.disable(domain, selector, by=asker, at=at))
    return shown(await keys.remove(domain, selector, by=asker, at=at))


def _keys(given: Services) -> SigningKeys:
    return SigningKeys(given.store.dkim, firm=lambda: given.office.firm, find_txt=given.find_txt)


def shown(key: SigningKey) -> shapes.Json:
    """The public half, as DNS wants it."""
    return {
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm,
        "state": key.state,
        "made_at": shapes.moment(key.made_at),
        "active_since": shapes.moment(key.active_since),
        "record": {"name": key.record_name, "type": "TXT", "value": key.record_value, "zone_line": key.zone_line},
    }
