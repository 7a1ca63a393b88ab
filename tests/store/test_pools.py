"""Pools whose threads run before anybody needs them."""

from __future__ import annotations

import threading

import pytest

from gateway.store.pools import pool


def test_a_pool_starts_no_thread_once_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    with pool(3, "three") as made:
        monkeypatch.setattr(threading.Thread, "start", lambda thread: pytest.fail("a thread was started"))
        inside, go = threading.Barrier(4), threading.Event()

        def work() -> str:
            inside.wait(10)
            go.wait(10)
            return threading.current_thread().name

        found = [made.submit(work) for _ in range(3)]
        inside.wait(10)  # all three at once
        late = made.submit(int)
        go.set()
        assert late.result(10) == 0
        assert {one.result(10) for one in found} == {"three_0", "three_1", "three_2"}


def test_a_system_without_threads_is_an_error_and_leaves_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    before, start = set(threading.enumerate()), threading.Thread.start

    def second_fails(thread: threading.Thread) -> None:
        if thread.name == "none_1":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", second_fails)
    with pytest.raises(RuntimeError, match="thread"):
        pool(3, "none")
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
