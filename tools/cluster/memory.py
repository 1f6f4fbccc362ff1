"""The largest memory of each container while the trials run, for the limits in docker-compose.yaml."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.cluster.topology import Cluster

EVERY_SECONDS = 3.0


class MemoryPeaks:
    """Samples the proportional memory (PSS) of all processes of each container, in a thread. MB by container.

    A peak between two samples is missed. Docker also counts files in /tmp and the page cache.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.peaks: dict[str, int] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            for name, one in list(self._cluster.containers.items()):
                used = sum(map(_pss_kilobytes, one.pids())) // 1024
                self.peaks[name] = max(used, self.peaks.get(name, 0))


def _pss_kilobytes(pid: int) -> int:
    with contextlib.suppress(OSError):  # the process has ended
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
