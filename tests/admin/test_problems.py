"""Every domain error has a status, and the document says what the person is to do."""

from __future__ import annotations

import pytest

from gateway.admin.problems import STATUS, status_of
from gateway.domain import errors


def classes(of: type[errors.PosternError]) -> list[type[errors.PosternError]]:
    return [of, *(deeper for below in of.__subclasses__() for deeper in classes(below))]


@pytest.mark.parametrize("kind", [one for one in classes(errors.PosternError) if one is not errors.Faulty])
def test_every_error_of_the_tree_has_a_status_of_its_own_kind(kind: type[errors.PosternError]) -> None:
    status = status_of(kind("sentence"))
    assert 400 <= status < 600
    assert (status >= 500) == (not issubclass(kind, errors.Refusal | errors.NotFound | errors.Conflict))


def test_the_nearest_class_decides() -> None:
    assert status_of(errors.GrantMissing("")) == STATUS[errors.Refusal]
    assert status_of(errors.TooLarge("")) == 413
    assert status_of(errors.Faulty("", [])) == 422
