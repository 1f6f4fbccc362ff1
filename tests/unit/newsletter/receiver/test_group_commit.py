"""Group commit: no item is confirmed before it is durable, and many items need few commits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from include.errors import TemporaryError
from include.newsletter.receiver.group_commit import GroupCommit


class Recorder:
    """A commit that can block and can fail."""

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


def make_group(commit: Recorder, *, batch_size: int = 500, max_waiting: int = 20_000) -> GroupCommit[int]:
    return GroupCommit(commit, batch_size=batch_size, max_waiting=max_waiting)


def test_submit__commits_a_single_item_immediately() -> None:
    commit = Recorder()

    async def main() -> None:
        group = make_group(commit)
        for item in range(3):
            await group.submit(item, within_seconds=5)
            assert commit.commits[-1] == [item]
        assert group.oldest_seconds is None

    asyncio.run(main())


def test_submit__items_during_a_commit_go_together_in_order_and_in_batches() -> None:
    commit = Recorder()

    async def main() -> None:
        group = make_group(commit)
        commit.go.clear()
        submitted = [asyncio.create_task(group.submit(n, within_seconds=10)) for n in range(1_200)]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in submitted), "no item is confirmed before it is durable"
        assert (group.oldest_seconds or 0) > 0
        commit.go.set()
        await asyncio.gather(*submitted)

    asyncio.run(main())
    assert [item for batch in commit.commits for item in batch] == list(range(1_200))
    assert [len(batch) for batch in commit.commits] == [500, 500, 200]


def test_submit__all_callers_of_a_failed_commit_get_its_error() -> None:
    commit = Recorder()

    async def main() -> None:
        group = make_group(commit)
        commit.fail = TemporaryError("locked")
        results = await asyncio.gather(
            *(group.submit(n, within_seconds=5) for n in range(3)), return_exceptions=True
        )
        assert [str(result) for result in results] == ["locked"] * 3
        commit.fail = None
        await group.submit(9, within_seconds=5)

    asyncio.run(main())
    assert commit.commits[-1] == [9]


def test_submit__stops_waiting_but_keeps_the_event() -> None:
    commit = Recorder()

    async def main() -> None:
        group = make_group(commit)
        commit.go.clear()
        with pytest.raises(TemporaryError, match="not saved within"):
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
        group = make_group(commit, batch_size=1, max_waiting=3)
        commit.go.clear()
        first = asyncio.create_task(group.submit(0, within_seconds=5))
        await asyncio.sleep(0.01)  # the commit runs
        waiting = [asyncio.create_task(group.submit(n, within_seconds=5)) for n in (1, 2, 3)]
        await asyncio.sleep(0.01)
        assert group.is_full
        with pytest.raises(TemporaryError, match="too many"):
            await group.submit(4, within_seconds=5)
        commit.go.set()
        await asyncio.gather(first, *waiting)

    asyncio.run(main())
    assert commit.commits == [[0], [1], [2], [3]]
