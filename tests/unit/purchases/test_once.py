"""Each key is done once by several threads: none twice, none left out, and without a deadlock."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from include.purchases.once_per_key import OncePerKey


def test_once_per_key__with_many_threads_and_keys_in_any_order() -> None:
    once, done, luck = OncePerKey(), Counter[str](), random.Random(5)  # noqa: S311 - luck, no secret
    wanted = [luck.sample("abcdefgh", k=luck.randint(1, 5)) for _ in range(400)]

    def work(keys: list[str]) -> bool:
        with once.reserve(keys) as left:
            for key in left:
                done[key] += 1
                once.mark_done(key)
        return all(done[key] for key in keys)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, wanted, timeout=20))
    assert done == dict.fromkeys("abcdefgh", 1)


def test_once_per_key__the_second_thread_waits_for_the_first() -> None:
    once, is_begun, may_end, order = OncePerKey(), threading.Event(), threading.Event(), list[str]()

    def first() -> None:
        with once.reserve(["a", "b"]):
            is_begun.set()
            assert may_end.wait(10)
            order.append("first")
            once.mark_done("a")

    def second() -> list[str]:
        assert is_begun.wait(10)
        with once.reserve(["a", "b", "a"]) as left:
            order.append("second")
            return left

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.submit(first), pool.submit(second)
        assert is_begun.wait(10)
        with once.reserve(["c"]) as left:
            assert left == ["c"], "another key does not wait"
        may_end.set()
        one.result(10)
        assert other.result(10) == ["b"]
    assert order == ["first", "second"]


def test_once_per_key__an_error_leaves_the_key_to_the_next_thread() -> None:
    once = OncePerKey()
    with pytest.raises(RuntimeError), once.reserve(["a"]):
        raise RuntimeError
    with once.reserve(["a"]) as left:
        assert left == ["a"]
