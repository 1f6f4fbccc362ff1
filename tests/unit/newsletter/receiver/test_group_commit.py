"""Group commit: nothing is answered before it is durable, and many need few commits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from include.errors import TemporaryError
from include.newsletter.receiver.group_commit import GroupCommit, Rate


class Recorder:
    """A commit that can be held up, and can fail."""

    def __init__(self) -> None:
        self.commits: list[list[int]] = []
        self.go = threading.Event()
        self.go.set()
        self.fail: Exception | None = None

    def __call__(self, items: Sequence[int]) -> None:
        assert self.go.wait(10)
        self.commits.append(list(items))
        if self.fail:
            raise self.fail


def group_of(
    commit: Recorder, *, at_once: int = 500, most_waiting: int = 20_000, rate: Rate | None = None
) -> GroupCommit[int]:
    return GroupCommit(commit, at_once=at_once, most_waiting=most_waiting, rate=rate or Rate(1_000, 1.0))


def test_rate__lets_some_go_at_once_and_then_one_by_one() -> None:
    now = 100.0
    rate = Rate(3, 2.0, clock=lambda: now)
    assert [rate.seconds_to_wait() for _ in range(5)] == [0, 0, 0, 2, 4]
    now = 107.0
    assert [rate.seconds_to_wait() for _ in range(2)] == [0, 1]
    now = 1_000.0
    assert [rate.seconds_to_wait() for _ in range(4)] == [0, 0, 0, 2]


def test_flood__makes_few_commits_and_loses_nothing() -> None:
    commit = Recorder()

    async def main() -> None:
        group = group_of(commit, rate=Rate(2, 1.5))
        for item in range(2):
            await group.submit(item, within_seconds=5)
        later = []
        for item in range(2, 5):  # one after the other: each would be a commit of its own
            later.append(asyncio.create_task(group.submit(item, within_seconds=5)))
            await asyncio.sleep(0.01)
        await asyncio.gather(*later)

    asyncio.run(main())
    assert commit.commits == [[0], [1], [2, 3, 4]]


def test_submit__alone_goes_out_at_once() -> None:
    commit = Recorder()

    async def main() -> None:
        group = group_of(commit)
        for item in range(3):
            await group.submit(item, within_seconds=5)
            assert commit.commits[-1] == [item]
        assert group.oldest_seconds is None

    asyncio.run(main())


def test_submit__what_comes_meanwhile_goes_together_in_order_and_in_bounds() -> None:
    commit = Recorder()

    async def main() -> None:
        group = group_of(commit)
        commit.go.clear()
        submitted = [asyncio.create_task(group.submit(n, within_seconds=10)) for n in range(1_200)]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in submitted), "nobody is answered before it is durable"
        assert (group.oldest_seconds or 0) > 0
        commit.go.set()
        await asyncio.gather(*submitted)

    asyncio.run(main())
    assert [item for batch in commit.commits for item in batch] == list(range(1_200))
    assert [len(batch) for batch in commit.commits] == [500, 500, 200]


def test_submit__who_is_in_a_failed_commit_hears_of_it_and_the_next_one_works() -> None:
    commit = Recorder()

    async def main() -> None:
        group = group_of(commit)
        commit.fail = TemporaryError("locked")
        results = await asyncio.gather(
            *(group.submit(n, within_seconds=5) for n in range(3)), return_exceptions=True
        )
        assert [str(result) for result in results] == ["locked"] * 3
        commit.fail = None
        await group.submit(9, within_seconds=5)

    asyncio.run(main())
    assert commit.commits[-1] == [9]


def test_submit__gives_up_waiting_but_not_the_event() -> None:
    commit = Recorder()

    async def main() -> None:
        group = group_of(commit)
        commit.go.clear()
        with pytest.raises(TemporaryError, match="not written down within"):
            await group.submit(1, within_seconds=0.01)
        later = asyncio.create_task(group.submit(2, within_seconds=5))
        await asyncio.sleep(0)
        commit.go.set()
        await later

    asyncio.run(main())
    assert commit.commits == [[1], [2]]


def test_submit__refuses_when_too_many_wait() -> None:
    commit = Recorder()

    async def main() -> None:
        group = group_of(commit, at_once=1, most_waiting=3)
        commit.go.clear()
        first = asyncio.create_task(group.submit(0, within_seconds=5))
        await asyncio.sleep(0.01)  # under way
        waiting = [asyncio.create_task(group.submit(n, within_seconds=5)) for n in (1, 2, 3)]
        await asyncio.sleep(0.01)
        assert group.is_full
        with pytest.raises(TemporaryError, match="too many"):
            await group.submit(4, within_seconds=5)
        commit.go.set()
        await asyncio.gather(first, *waiting)

    asyncio.run(main())
    assert commit.commits == [[0], [1], [2], [3]]
