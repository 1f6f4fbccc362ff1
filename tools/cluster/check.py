"""`make cluster-test`: runs trials on a new cluster and prints two tables.

python -m tools.cluster.check              all trials (about 22 minutes on two cores)
python -m tools.cluster.check short        those of CI
python -m tools.cluster.check redis broker
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import requests

from tools.airflow_rest import RestError
from tools.cluster.memory import MemoryPeaks
from tools.cluster.restarts import Restarts
from tools.cluster.rows import Row
from tools.cluster.shop import ClusterShop, open_shop
from tools.cluster.topology import HOME, Cluster, ClusterSettings
from tools.cluster.trials import SHORT, TRIALS
from tools.command import run_command
from tools.local_stack import DAG_IDS
from tools.processes import ProcessFailed, only_one
from tools.progress import Progress

SIZES = ("--contacts", "400", "--products", "60", "--orders-per-day", "40", "--days", "9")
NO_SCHEDULE = {"AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False"}
"""Only triggered runs and back-fills, so that no other run works on the same records."""
QUICK = ("--knob", "scroll_slot_freed_at_end=true", "--rate-window-seconds", "10")


def main() -> int:
    """The exit code is 1 if a row is not ok."""
    chosen = chosen_trials(sys.argv[1:])
    progress = Progress()
    with only_one(HOME):
        rows, peaks = run_trials(chosen, HOME, progress.say)
    print("\n" + table(rows))
    print("\nLargest memory, in MB: " + ", ".join(f"{name} {peak}" for name, peak in sorted(peaks.items())))
    wrong = sum(not row.ok for row in rows)
    print(f"\nDone in {progress.seconds:.0f} s; {f'{wrong} rows are NOT ok' if wrong else 'all ok'}.")
    return 1 if wrong else 0


def chosen_trials(arguments: Sequence[str]) -> tuple[str, ...]:
    """The names of trials; ProcessFailed for an unknown one."""
    if not arguments:
        return tuple(TRIALS)
    if list(arguments) == ["short"]:
        return SHORT
    if unknown := set(arguments) - set(TRIALS):
        raise ProcessFailed(
            f"unknown trials: {', '.join(sorted(unknown))}. Choose from short, {', '.join(TRIALS)}"
        )
    return tuple(arguments)


def run_trials(
    chosen: Sequence[str], home: Path, say: Callable[[str], None]
) -> tuple[list[Row], Mapping[str, int]]:
    """The rows of the trials, and the largest memory of each container in MB."""
    rows: list[Row] = []
    settings = ClusterSettings(home=home, dotenv=NO_SCHEDULE, sandbox_options=(*SIZES, *QUICK))
    with (
        Cluster(settings, say) as cluster,
        Restarts(cluster),
        MemoryPeaks(cluster) as memory,
        open_shop(cluster) as shop,
    ):
        shop.wait_for_dags(DAG_IDS)
        for dag_id in DAG_IDS:
            shop.rest.unpause(dag_id)
        for name in chosen:
            say(f"trial {name}")
            for row in rows_of(name, shop):
                say(f"    {'ok    ' if row.ok else 'NOT OK'} {row.what}: {row.seen} (wanted {row.wanted})")
                rows.append(row)
    return rows, memory.peaks


def rows_of(name: str, shop: ClusterShop) -> Iterator[Row]:
    """The rows of one trial. One that cannot go on ends with a row that says why; the others still run."""
    try:
        yield from TRIALS[name](shop)
    except (ProcessFailed, RestError, requests.RequestException) as problem:
        yield Row(f"trial {name}", "runs to its end", f"{type(problem).__name__}: {problem}"[:300], ok=False)


def table(rows: Sequence[Row]) -> str:
    """The rows in aligned columns."""
    lines = [
        ("what", "wanted", "seen", ""),
        *((r.what, r.wanted, r.seen, "ok" if r.ok else "NOT OK") for r in rows),
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        "  ".join([*(c.ljust(w) for c, w in zip(line, widths, strict=False)), line[3]]) for line in lines
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
