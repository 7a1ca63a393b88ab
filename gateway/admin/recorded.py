"""What an export says that the record had of a message: read strictly, for its manifest may be anybody's work."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from gateway.domain.errors import Fault, Faulty
from gateway.domain.verdict import Check, Result, Source, Standing, Verdict, Weighed
from gateway.office.importing import Recorded

MAX_RECORDED = 4_000  # characters: it comes in the request's line, which has 16 KB with all headers
MAX_NAME = 255
MAX_CHECKS = 50

_Name = Annotated[str, Field(max_length=MAX_NAME)]
_Words = Annotated[str, Field(max_length=MAX_RECORDED)]


class _Check(BaseModel):
    method: _Name
    result: Result
    domain: _Name = ""
    detail: _Words = ""


class _Verdict(BaseModel):
    standing: Standing
    reason: _Words
    source: Source = Source.NOBODY
    authserv_id: _Name = ""
    checks: Annotated[list[_Check], Field(max_length=MAX_CHECKS)] = []
    approved_by: _Name = ""
    approved_at: AwareDatetime | None = None


class _Recorded(BaseModel):
    filed_at: AwareDatetime
    author_login: _Name = ""
    grant: _Name = ""
    verdict: _Verdict | None = None


def read(text: str) -> Recorded:
    """Faulty with everything that is wrong with it; what a newer version wrote besides is passed over."""
    try:
        one = _Recorded.model_validate_json(text)
    except ValidationError as error:
        faults = [Fault(".".join(("recorded", *map(str, each["loc"]))), each["msg"]) for each in error.errors()]
        raise Faulty("import", faults) from error
    return Recorded(one.filed_at, one.author_login, one.grant, _weighed(one.verdict) if one.verdict else None)


def _weighed(one: _Verdict) -> Weighed:
    checks = tuple(Check(each.method, each.result, each.domain, each.detail) for each in one.checks)
    told = Verdict(one.standing, one.reason, one.source, one.authserv_id, checks)
    return Weighed(told, approved_by=one.approved_by, approved_at=one.approved_at)
