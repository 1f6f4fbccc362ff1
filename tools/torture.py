"""`make torture`: tries every kind of trouble against the sync, and prints a table for each kind.

`make torture TORTURE="hostile canaries"` runs only these kinds.
The exit status is 1 if a trial has a problem.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from tests.torture.tried import Tried
from tools.command import run_command

_REQUESTS = 10_000
_KILLS_OF_SCENARIO = 30
_PROGRESS_EVERY_SECONDS = 10.0


def _try_hostile_answers(_folder: Path) -> Iterable[Tried]:
    from tests.torture import hostile_answers  # noqa: PLC0415 - each kind imports only what it needs

    return hostile_answers.tried()


def _damage_files(folder: Path) -> Iterable[Tried]:
    from tests.torture import damaged_files  # noqa: PLC0415

    with _no_log_lines():
        yield from damaged_files.tried_in_all_pipelines(folder)


def _fuzz_requests(folder: Path) -> Iterable[Tried]:
    from tests import airflow_home  # noqa: PLC0415 - before anything imports Airflow

    try:
        airflow_home.make_airflow_database()
        from tests.torture import fuzzed_requests  # noqa: PLC0415

        yield from fuzzed_requests.tried(_REQUESTS, folder)
    finally:
        airflow_home.remove_airflow_home()


def _look_for_canaries(folder: Path) -> Iterable[Tried]:
    from tests.torture import canaries  # noqa: PLC0415

    return canaries.tried(folder)


def _kill_runs(_folder: Path) -> Iterable[Tried]:
    from tests.builders import simulated_shop  # noqa: PLC0415
    from tests.torture import kills  # noqa: PLC0415

    with _no_log_lines(), simulated_shop(kills.SIZES) as shop:
        yield from kills.tried(shop, kills=_KILLS_OF_SCENARIO)


def _cause_faults(folder: Path) -> Iterable[Tried]:
    from tests.builders import simulated_shop  # noqa: PLC0415
    from tests.torture import faults  # noqa: PLC0415

    with _no_log_lines(), simulated_shop(faults.SIZES) as shop:
        yield from faults.tried(shop, folder)


KINDS: dict[str, Callable[[Path], Iterable[Tried]]] = {
    "hostile": _try_hostile_answers,
    "damaged": _damage_files,
    "canaries": _look_for_canaries,
    "kills": _kill_runs,
    "faults": _cause_faults,
    "fuzzed": _fuzz_requests,  # last: it imports Airflow, which logs much
}
"""Each kind by its word on the command line. Its function gets an empty folder."""


@contextmanager
def _no_log_lines() -> Iterator[None]:
    """Switch the log of the sync off: its warnings would hide the progress."""
    logger = logging.getLogger("include")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if no trial has a problem."""
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], metavar="kind", help=", ".join(KINDS))
    kinds = parser.parse_args(arguments).kinds or list(KINDS)
    with redirect_stdout(sys.stderr):  # Airflow writes its log to stdout
        rows = [row for kind in kinds for row in _try_kind(kind)]
    print("\n".join(report(rows)))
    return 1 if any(row.problem for row in rows) else 0


def report(rows: Sequence[Tried]) -> Iterator[str]:
    """Yield a table for each kind, all problems, and a line with the sums of each kind."""
    kinds = list(dict.fromkeys(row.kind for row in rows))
    for kind in kinds:
        yield from _table([row for row in rows if row.kind == kind])
        yield ""
    for row in rows:
        if row.problem:
            yield _problem_line(row)
    yield from (_sum_line([row for row in rows if row.kind == kind]) for kind in kinds)


def _table(rows: Sequence[Tried]) -> Iterator[str]:
    yield f"{rows[0].kind:<45}{'tried':>8}{'held':>8}{'worst MB':>10}{'worst s':>9}"
    for group in dict.fromkeys(row.group for row in rows):
        found = [row for row in rows if row.group == group]
        held = sum(not row.problem for row in found)
        yield f"{group:<45}{len(found):>8,}{held:>8,}{_worst_mb(found):>10}{_worst_seconds(found):>9}"


def _sum_line(rows: Sequence[Tried]) -> str:
    held = sum(not row.problem for row in rows)
    measured = [f"at most {_worst_mb(rows)} MB"] if _worst_mb(rows) != "-" else []
    measured += [f"at most {_worst_seconds(rows)} s"] if _worst_seconds(rows) != "-" else []
    return ", ".join(
        [f"{rows[0].kind}: {len(rows):,} tried, {held:,} held, {len(rows) - held:,} not", *measured]
    )


def _problem_line(row: Tried) -> str:
    return f"{row.kind}, {row.group}, {row.case}: {row.problem}"


def _worst_mb(rows: Iterable[Tried]) -> str:
    worst = max(row.peak_mb for row in rows)
    return f"{worst:,.0f}" if worst else "-"


def _worst_seconds(rows: Iterable[Tried]) -> str:
    worst = max(row.seconds for row in rows)
    return f"{worst:,.1f}" if worst else "-"


def _try_kind(kind: str) -> Iterator[Tried]:
    """Yield the rows of a kind, and print the progress to stderr."""
    tried = problems = 0
    started = printed = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        for row in KINDS[kind](Path(folder)):
            tried, problems = tried + 1, problems + bool(row.problem)
            yield row
            if row.problem:
                print(_problem_line(row), file=sys.stderr)
            if time.monotonic() - printed > _PROGRESS_EVERY_SECONDS:
                printed = time.monotonic()
                print(f"{kind}: {tried:,} tried, {problems:,} with a problem, {row.group}", file=sys.stderr)
    print(f"{kind}: finished, {tried:,} tried in {time.monotonic() - started:,.0f} s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(run_command(main))
