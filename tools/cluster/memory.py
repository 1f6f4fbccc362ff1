"""The largest memory of each container while the trials run, for the limits in docker-compose.yaml."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tools.cluster.repeating import Repeating
from tools.cluster.topology import Cluster

EVERY_SECONDS = 3.0


class MemoryPeaks(Repeating):
    """Samples the proportional memory (PSS) of all processes of each container. MB by container.

    A peak between two samples is missed. Docker also counts files in /tmp and the page cache.
    """

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(EVERY_SECONDS)
        self._cluster = cluster
        self.peaks: dict[str, int] = {}

    def step(self) -> None:
        """Look at each container once."""
        for name, one in list(self._cluster.containers.items()):
            used = sum(map(_pss_kilobytes, one.pids())) // 1024
            self.peaks[name] = max(used, self.peaks.get(name, 0))


def _pss_kilobytes(pid: int) -> int:
    with contextlib.suppress(OSError):  # the process has ended
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
