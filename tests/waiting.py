"""Waiting for a condition with a time limit: the one place in the tests that lets time pass."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")

PAUSE = 0.02  # seconds between two looks: short against what tests wait for, long against a busy loop


@overload
async def until(condition: Callable[[], Awaitable[T]], timeout: float = 10, what: str = "") -> T: ...  # noqa: ASYNC109
@overload
async def until(condition: Callable[[], T], timeout: float = 10, what: str = "") -> T: ...  # noqa: ASYNC109
async def until(condition: Callable[[], object], timeout: float = 10, what: str = "") -> object:  # noqa: ASYNC109
    """Return the condition's first true value; it may be sync or async. TimeoutError says `what` never came."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(_sentence(what, timeout, value))
        await asyncio.sleep(PAUSE)


async def stays(condition: Callable[[], Awaitable[bool]], seconds: float, what: str) -> None:
    """Hold the condition to be true for a while, where the point is that nothing happens."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert await condition(), f"no longer: {what}"
        await asyncio.sleep(PAUSE * 5)


def until_now(condition: Callable[[], T], timeout: float = 10, what: str = "") -> T:
    """Do the same where no event loop runs: session fixtures that start servers."""
    end = time.monotonic() + timeout
    pause = threading.Event()
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(_sentence(what, timeout, value))
        pause.wait(PAUSE)
    return value


def _sentence(what: str, timeout: float, value: object) -> str:
    return f"waited {timeout:g} s for {what or 'a condition'}; it is still {value!r}"
