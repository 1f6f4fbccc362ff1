"""Progress lines."""

from __future__ import annotations

import logging

import pytest

from include.pipeline.progress import Progress


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_progress__logs_at_most_every_few_seconds(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    progress = Progress(logging.getLogger("test"), "orders", 20_000, clock=clock)
    for _ in range(1_000):
        clock.now += 0.05
        progress.add()
    assert len(caplog.messages) == 9 or len(caplog.messages) == 10
    assert caplog.messages[0].startswith("orders: 1")


def test_progress__logs_number_rate_and_time_left(clock: Clock) -> None:
    progress = Progress(logging.getLogger("test"), "orders", 20_000, clock=clock)
    clock.now = 60
    progress.add(1_200)
    assert progress.line() == "orders: 1,200 of 20,000, 20.0/s, 16 min left"


def test_progress__short_waits_are_in_seconds(clock: Clock) -> None:
    progress = Progress(logging.getLogger("test"), "orders", 100, clock=clock)
    clock.now = 10
    progress.add(50)
    assert progress.line() == "orders: 50 of 100, 5.0/s, 10 s left"


@pytest.mark.parametrize(
    ("total", "done", "line"),
    [
        (None, 30, "documents: 30, 3.0/s"),
        (0, 0, "documents: 0, 0.0/s"),
        (30, 0, "documents: 0 of 30, 0.0/s"),
        (30, 30, "documents: 30 of 30, 3.0/s"),
        (30, 40, "documents: 40 of 30, 4.0/s"),
    ],
)
def test_progress__without_a_total_and_when_finished(
    total: int | None, done: int, line: str, clock: Clock
) -> None:
    progress = Progress(logging.getLogger("test"), "documents", total, clock=clock)
    clock.now = 10
    progress.add(done)
    assert progress.line() == line


def test_progress__before_any_time_has_passed(clock: Clock) -> None:
    assert Progress(logging.getLogger("test"), "x", 5, clock=clock).line() == "x: 0 of 5, 0.0/s"
