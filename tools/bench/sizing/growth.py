"""What a task would need in a larger shop, by a straight line through two measured sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tools.bench.sizing.figures import Figures, TaskFigures

Value = Callable[[TaskFigures], float]


@dataclass(frozen=True)
class Line:
    """The straight line through two measured values."""

    records: float
    value: float
    per_record: float

    def at(self, records: float) -> float:
        """The value in a shop of this size."""
        return self.value + self.per_record * (records - self.records)

    def reaches(self, value: float) -> float:
        """The size at which the value is reached; infinite if it does not grow."""
        if self.per_record <= 0:
            return float("inf")
        return self.records + (value - self.value) / self.per_record


def line_of(figures: Figures, pipeline: str, task: str, value: Value) -> Line:
    """The line of a task's value. ValueError unless two sizes were measured."""
    measured = figures.of(pipeline, task)
    if len(measured) < 2:
        raise ValueError(f"a plan needs {pipeline} in two sizes; measured: {len(measured)} for {task}")
    small, large = measured[0], measured[-1]
    growth = (value(large) - value(small)) / (large.records - small.records)
    return Line(large.records, value(large), growth)
