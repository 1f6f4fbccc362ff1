"""`make torture`: what was tried against the sync, and what held, as a table."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from sandbox.shop import Sizes
from tests.builders import SyncRunner, simulated_shop
from tests.torture.damaged_files import DAMAGES, STEPS_BY_NAME, Row, run_trials

SIZES = Sizes(contacts=220, products=60, orders_per_day=40, days=4)


def main() -> int:
    """0 when all held."""
    rows = list(_damaged_files())
    print("\n".join(lines(rows)))
    return 1 if any(row.problem for row in rows) else 0


def lines(rows: Iterable[Row]) -> Iterable[str]:
    """A line for each pipeline and stage: how many files were damaged in each way, and how many of that held."""
    tried_rows, held = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    problems = []
    for row in rows:
        place = (row.pipeline, row.stage, row.damage)
        tried_rows[place] += 1
        held[place] += not row.problem
        problems += [f"{row.pipeline}, {row.stage}: {row.file}, {row.damage}: {row.problem}"] * bool(
            row.problem
        )
    yield f"{'damaged files: held of tried':<45}" + "".join(f"{damage:>10}" for damage in DAMAGES)
    for pipeline, stage in dict.fromkeys((pipeline, stage) for pipeline, stage, _ in tried_rows):
        places = [(pipeline, stage, damage) for damage in DAMAGES]
        cells = "".join(f"{f'{held[place]}/{tried_rows[place]}':>10}" for place in places)
        yield f"{f'{pipeline}, {stage}':<45}{cells}"
    yield f"{held.total()} of {tried_rows.total()} held"
    yield from problems


def _damaged_files() -> Iterable[Row]:
    with simulated_shop(SIZES) as shop:
        for pipeline in STEPS_BY_NAME:
            shop.reset()
            with tempfile.TemporaryDirectory(prefix="torture-") as folder:
                runner = SyncRunner(shop, Path(folder))
                yield from run_trials(pipeline, runner)
                runner.close()


if __name__ == "__main__":
    sys.exit(main())
