"""A step that is repeated in a thread until a block ends."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self


class Repeating:
    """A context manager: inside it `step` is called every `pause` seconds. Subclasses define `step`."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _repeat(self) -> None:
        while not self._ended.wait(self._pause):
            self.step()

    def step(self) -> None:
        """What is repeated."""
        raise NotImplementedError
