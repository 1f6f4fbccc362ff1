"""`make bench`: measures calls, records a second, seconds by stage and peak memory of each pipeline.

make bench
make bench BENCH='contacts --records 100000 1000000'
make bench BENCH='contacts --records 100000 --bucket'       also staged in a bucket (moto's S3)
make bench BENCH=parsing             how long Airflow takes to parse the DAG files
make bench BENCH=newsletter          also on a real Airflow: latency and a burst of callbacks
make bench BENCH='flow --minutes 10' a steady flow of callbacks on a real Airflow
make bench BENCH=sizing              memory and processor time of each task (options: 'sizing --help')
make bench BENCH='purchases --records 2000 --minute-seconds 12 --json figures.json'
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path

from include.outcomes import PipelineName
from tools.bench import realtime
from tools.bench.measure import Result, measure
from tools.bench.parsing import measure_parsing
from tools.bench.scenarios import DEFAULT_RECORDS, Scenario, scenarios_of, usual_scenarios
from tools.bench.sizing import command
from tools.bench.table import NOTES, machine, machine_line, ratios, table
from tools.command import run_command

PARSING, FLOW, SIZING = "parsing", "flow", "sizing"


def main() -> int:
    """Measure and print; returns the exit code."""
    if sys.argv[1:2] == [SIZING]:
        return command.main(sys.argv[2:])
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "pipelines", nargs="*", metavar="PIPELINE", help=", ".join(DEFAULT_RECORDS) + " (default: all)"
    )
    parser.add_argument(
        "--records", nargs="+", type=int, help="sizes for one pipeline; for purchases the orders of a day"
    )
    parser.add_argument(
        "--minute-seconds", type=int, help="length of a rate-limit minute in runs with limits"
    )
    parser.add_argument(
        "--bucket", action="store_true", help="also measure each run with its staged files in a local bucket"
    )
    parser.add_argument("--minutes", type=float, default=1.0, help="how long a flow lasts (default: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to this file")
    options = parser.parse_args()
    if options.pipelines == [PARSING]:
        for parsing in measure_parsing():
            _print(parsing.line())
        return 0
    if options.pipelines == [FLOW]:
        for flow in realtime.measure_flow(options.minutes, _print):
            _print(flow.line())
        return 0
    try:
        scenarios = scenarios_for(options.pipelines, options.records, options.minute_seconds)
        if options.bucket:
            scenarios = list(chain.from_iterable(map(with_bucket, scenarios)))
    except ValueError as wrong:
        parser.error(str(wrong))
    facts = machine()
    with tempfile.TemporaryDirectory(prefix="bench-") as logs:
        results = [result for scenario in scenarios for result in _announce_and_measure(scenario, Path(logs))]
    print(f"\n{machine_line(facts)}\n\n{table(results)}\n\n{NOTES}")
    for line in ratios(results):
        print(f"\n{line}")
    real_time = []
    if any(scenario.pipeline is PipelineName.NEWSLETTER for scenario in scenarios):
        print()
        for figure in realtime.measure_newsletter(_print):
            real_time.append(figure)
            _print(figure.line())
    if options.json:
        figures = {
            "machine": facts,
            "runs": [result.to_json() for result in results],
            "real_time": [asdict(figure) for figure in real_time],
        }
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def scenarios_for(
    pipelines: list[str], records: list[int] | None, minute_seconds: int | None
) -> list[Scenario]:
    """The scenarios of the arguments. Raises ValueError if they contradict each other."""
    unknown = [pipeline for pipeline in pipelines if pipeline not in set(DEFAULT_RECORDS)]
    if unknown:
        raise ValueError(f"no such pipeline: {', '.join(unknown)}; use {', '.join(DEFAULT_RECORDS)}")
    chosen = [PipelineName(pipeline) for pipeline in pipelines] or list(DEFAULT_RECORDS)
    if records is None:
        return usual_scenarios(chosen, minute_seconds)
    if len(chosen) != 1:
        raise ValueError("--records needs one pipeline: name it")
    return [scenario for number in records for scenario in scenarios_of(chosen[0], number, minute_seconds)]


def with_bucket(scenario: Scenario) -> list[Scenario]:
    """The scenario, and the same with its staged files in a bucket. Newsletter runs stage nothing."""
    if scenario.pipeline is PipelineName.NEWSLETTER:
        return [scenario]
    return [scenario, replace(scenario, staging="bucket")]


def _print(line: str) -> None:
    print(line, flush=True)


def _announce_and_measure(scenario: Scenario, logs: Path) -> Iterator[Result]:
    print(f"{scenario.title}, {scenario.records:,} records …", flush=True)
    return measure(scenario, logs)


if __name__ == "__main__":
    sys.exit(run_command(main))
