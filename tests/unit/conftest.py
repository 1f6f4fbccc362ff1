"""Fixtures of the quick tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scripted_server import ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that answers as the test tells it."""
    with ScriptedServer() as started:
        yield started
