"""Measures how long Airflow takes to parse our DAG files, with one shop and with many.

Airflow's DAG processor forks a process for each file, which has Airflow's modules already. So a parse costs
what our file takes after an empty DAG file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tools.local_stack import ROOT

SHOPS = 20
_PROBE = """
import importlib, json, sys, time
def cost(work):
    before = time.process_time()
    work()
    return time.process_time() - before
def empty():
    from airflow.sdk import CronDataIntervalTimetable, DAG, ObjectStoragePath, Param, dag, task
    import airflow.providers.standard.decorators.python
    dag(dag_id="empty")(lambda: None)()
empty_seconds = cost(empty)
print(json.dumps({"empty": empty_seconds, "file": cost(lambda: importlib.import_module(sys.argv[1]))}))
"""


@dataclass(frozen=True)
class Parsing:
    """Processor seconds of a DAG file, without those of an empty DAG file."""

    file: str
    empty_seconds: float
    seconds: float
    seconds_with_shops: float

    @property
    def milliseconds_a_shop(self) -> float:
        """What each further shop adds."""
        return 1000 * (self.seconds_with_shops - self.seconds) / SHOPS

    def line(self) -> str:
        """`sync_contacts: 0.21 s, with 20 further shops 0.32 s (5.4 ms a shop)`."""
        return (
            f"{self.file}: {self.seconds:.2f} s, with {SHOPS} further shops {self.seconds_with_shops:.2f} s "
            f"({self.milliseconds_a_shop:.1f} ms a shop); an empty DAG file {self.empty_seconds:.2f} s"
        )


def measure_parsing() -> Iterator[Parsing]:
    """Parse each DAG file in a process of its own."""
    shops = {f"SYNC_SHOPS__S{number}__RUN__LIVE": "false" for number in range(SHOPS)}
    for path in sorted((ROOT / "dags").glob("*.py")):
        one, many = _parse(path.stem, {}), _parse(path.stem, shops)
        yield Parsing(path.stem, one["empty"], one["file"], many["file"])


def _parse(name: str, shops: Mapping[str, str]) -> dict[str, float]:
    found = subprocess.run(
        (sys.executable, "-c", _PROBE, f"dags.{name}"),
        cwd=ROOT,
        env={**os.environ, **shops},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(found.stdout.splitlines()[-1]))
