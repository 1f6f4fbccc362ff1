"""Deliberate latency."""

import random

from pydantic import BaseModel, ConfigDict, Field


class Latency(BaseModel):
    """Each call of `routes` (empty = all routes) waits in real time before the vendor handles it."""

    model_config = ConfigDict(extra="forbid")

    seconds: float = Field(0, ge=0, le=600)
    jitter_seconds: float = Field(0, ge=0, le=600)
    routes: list[str] = []

    def wait_for(self, route: str) -> float:
        if self.routes and route not in self.routes:
            return 0.0
        return self.seconds + random.random() * self.jitter_seconds
