"""The restart policy of the compose file, which Docker applies: what ends by itself is started again."""

from __future__ import annotations

from tools.cluster.repeating import Repeating
from tools.cluster.topology import Cluster

EVERY_SECONDS = 1.0


class Restarts(Repeating):
    """Starts containers that have ended, while the block lasts. A scheduler ends if PostgreSQL refuses it."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(EVERY_SECONDS)
        self._cluster = cluster

    def step(self) -> None:
        """Look at each container once."""
        self._cluster.restart_ended()
