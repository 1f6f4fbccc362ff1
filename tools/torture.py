"""`make torture`: what is tried against the sync, and what holds, as one table for each kind.

`make torture TORTURE="hostile canaries"` runs only these kinds. The exit status is 1 when anything does
not hold.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tests.torture.tried import Tried

_REQUESTS = 10_000
_PROGRESS_EVERY_SECONDS = 10.0


def _hostile_answers(_folder: Path) -> Iterable[Tried]:
    from tests.torture import hostile_answers  # noqa: PLC0415 - each kind loads only what it needs

    return hostile_answers.tried()


def _damaged_files(folder: Path) -> Iterable[Tried]:
    from tests.torture import damaged_files  # noqa: PLC0415

    return damaged_files.tried_in_all_pipelines(folder)


def _fuzzed_requests(folder: Path) -> Iterable[Tried]:
    from tests import airflow_home  # noqa: PLC0415 - before anything imports Airflow

    try:
        airflow_home.make_airflow_database()
        from tests.torture import fuzzed_requests  # noqa: PLC0415

        yield from fuzzed_requests.tried(_REQUESTS, folder)
    finally:
        airflow_home.remove_airflow_home()


def _canaries(folder: Path) -> Iterable[Tried]:
    from tests.torture import canaries  # noqa: PLC0415

    return canaries.tried(folder)


KINDS: dict[str, Callable[[Path], Iterable[Tried]]] = {
    "hostile": _hostile_answers,
    "damaged": _damaged_files,
    "fuzzed": _fuzzed_requests,
    "canaries": _canaries,
}
"""By the word that names the kind on the command line; each gets an empty folder."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all held."""
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], metavar="kind", help=", ".join(KINDS))
    wanted = parser.parse_args(arguments).kinds or list(KINDS)
    rows = [row for kind in wanted for row in _rows_of(kind)]
    print("\n".join(report(rows)))
    return 1 if any(row.problem for row in rows) else 0


def report(rows: Sequence[Tried]) -> Iterator[str]:
    """A table for each kind, all problems, and a line of sums for each kind."""
    kinds = list(dict.fromkeys(row.kind for row in rows))
    for kind in kinds:
        yield from _table([row for row in rows if row.kind == kind])
        yield ""
    for row in rows:
        if row.problem:
            yield _line_of(row)
    yield from (_sum([row for row in rows if row.kind == kind]) for kind in kinds)


def _table(rows: Sequence[Tried]) -> Iterator[str]:
    yield f"{rows[0].kind:<45}{'tried':>8}{'held':>8}{'worst MB':>10}{'worst s':>9}"
    for group in dict.fromkeys(row.group for row in rows):
        found = [row for row in rows if row.group == group]
        held = sum(not row.problem for row in found)
        yield f"{group:<45}{len(found):>8,}{held:>8,}{_worst_mb(found):>10}{_worst_seconds(found):>9}"


def _sum(rows: Sequence[Tried]) -> str:
    held = sum(not row.problem for row in rows)
    measured = [f"at most {_worst_mb(rows)} MB"] if _worst_mb(rows) != "-" else []
    measured += [f"at most {_worst_seconds(rows)} s"] if _worst_seconds(rows) != "-" else []
    return ", ".join(
        [f"{rows[0].kind}: {len(rows):,} tried, {held:,} held, {len(rows) - held:,} not", *measured]
    )


def _line_of(row: Tried) -> str:
    return f"{row.kind}, {row.group}, {row.case}: {row.problem}"


def _worst_mb(rows: Iterable[Tried]) -> str:
    worst = max(row.peak_mb for row in rows)
    return f"{worst:,.0f}" if worst else "-"


def _worst_seconds(rows: Iterable[Tried]) -> str:
    worst = max(row.seconds for row in rows)
    return f"{worst:,.1f}" if worst else "-"


def _rows_of(kind: str) -> Iterator[Tried]:
    """The rows of a kind; how far it is goes to stderr."""
    tried = problems = 0
    told = begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        for row in KINDS[kind](Path(folder)):
            tried, problems = tried + 1, problems + bool(row.problem)
            yield row
            if row.problem:
                print(_line_of(row), file=sys.stderr)
            if time.monotonic() - told > _PROGRESS_EVERY_SECONDS:
                told = time.monotonic()
                print(f"{kind}: {tried:,} tried, {problems:,} not held, {row.group}", file=sys.stderr)
    print(f"{kind}: done, {tried:,} tried in {time.monotonic() - begun:,.0f} s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
