"""Values that are read now and then: the receiver's secrets, and its health."""

from __future__ import annotations

import pytest

from include.errors import ConfigurationError
from plugins.web.newsletter_receiver import Held


class Away(Exception):
    """What holds the value does not answer."""


class Source:
    """A value that can be away, on a clock of its own."""

    def __init__(self) -> None:
        self.now, self.reads, self.trouble = 0.0, 0, None

    def __call__(self) -> int:
        self.reads += 1
        if self.trouble is not None:
            raise self.trouble
        return self.reads

    trouble: Exception | None


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def held(source: Source) -> Held[int]:
    return Held(source, 15, outlasts=(Away, 300), clock=lambda: source.now)


def test_held__is_read_again_when_its_time_is_over(source: Source, held: Held[int]) -> None:
    assert [held(), held()] == [1, 1]
    source.now = 15
    assert held() == 2


def test_held__outlasts_what_holds_it_for_a_while(source: Source, held: Held[int]) -> None:
    held()
    source.trouble = Away()
    source.now = 299
    assert held() == 1
    source.now = 300
    with pytest.raises(Away):
        held()


def test_held__does_not_outlast_another_error(source: Source, held: Held[int]) -> None:
    """A secret that was taken away opens to nobody."""
    held()
    source.now, source.trouble = 15, ConfigurationError("no secret")
    with pytest.raises(ConfigurationError):
        held()
    source.trouble = None
    assert held() == 3


def test_held__an_error_at_the_start_is_told(source: Source, held: Held[int]) -> None:
    source.trouble = Away()
    with pytest.raises(Away):
        held()
