"""The measure of CPU time that other tests trust: it lets go what is cheap, and says no to what is not."""

from __future__ import annotations

from functools import partial

import pytest

from tests.cost import USUAL, _counted, in_proportion, spent, within


def test_what_is_cheap_gives_its_value() -> None:
    assert within(1, lambda: "found") == "found"


def test_what_costs_more_is_told_with_what_it_took() -> None:
    tries = []
    with pytest.raises(AssertionError, match=r"This took 0\.\d+ s of CPU, and was to take less than 0\.0001"):
        within(0.0001, lambda: tries.append(sum(range(300_000))), "This")
    assert len(tries) > 1


def test_four_times_the_work_costs_some_four_times_as_much() -> None:
    one, four = (partial(sum, range(2_000_000 * times)) for times in (1, 4))
    in_proportion(one, four, below=8)
    with pytest.raises(AssertionError, match=r"[0-9.]+ ms, then [0-9.]+ ms"):
        in_proportion(one, four, below=2)


def test_the_yardstick_itself_takes_what_it_takes_anywhere() -> None:
    with spent() as found:
        for _ in range(20):
            _counted()
    assert 10 * USUAL < found.seconds < 60 * USUAL
