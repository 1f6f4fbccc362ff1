"""The cache of the receiver's secrets and of its health."""

from __future__ import annotations

import pytest

from include.errors import ConfigurationError
from plugins.web.ttl_cache import TTLCache


class Unreachable(Exception):
    """The source of the value does not answer."""


class Source:
    """A source that counts its reads, can fail, and has its own clock."""

    def __init__(self) -> None:
        self.now, self.reads, self.error = 0.0, 0, None

    def __call__(self) -> int:
        self.reads += 1
        if self.error is not None:
            raise self.error
        return self.reads

    error: Exception | None


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def cache(source: Source) -> TTLCache[int]:
    return TTLCache(source, 15, keep_on=(Unreachable, 300), clock=lambda: source.now)


def test_ttl_cache__reads_again_after_its_time(source: Source, cache: TTLCache[int]) -> None:
    assert [cache(), cache()] == [1, 1]
    source.now = 15
    assert cache() == 2


def test_ttl_cache__keeps_the_value_for_a_while_after_an_error(source: Source, cache: TTLCache[int]) -> None:
    cache()
    source.error = Unreachable()
    source.now = 299
    assert cache() == 1
    source.now = 300
    with pytest.raises(Unreachable):
        cache()


def test_ttl_cache__does_not_keep_the_value_after_another_error(source: Source, cache: TTLCache[int]) -> None:
    """A removed secret is not accepted any more."""
    cache()
    source.now, source.error = 15, ConfigurationError("no secret")
    with pytest.raises(ConfigurationError):
        cache()
    source.error = None
    assert cache() == 3


def test_ttl_cache__raises_an_error_of_the_first_read(source: Source, cache: TTLCache[int]) -> None:
    source.error = Unreachable()
    with pytest.raises(Unreachable):
        cache()
