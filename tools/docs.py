"""`make docs`: prints docs/reference from the code. A test compares the pages with what this prints."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from importlib import import_module
from typing import Any
from unittest.mock import patch

from include.outcomes import Cause, Drop, Outcome, PipelineName, Reason
from include.report import Calls, Compared, Report, StageCounts
from include.shops import DEFAULT, load_shops
from plugins.runs.params import KNOWN_PARAMS
from tools.command import run_command
from tools.local_stack import ROOT
from tools.settings_reference import settings_page

REFERENCE = ROOT / "docs" / "reference"
NOTICE = "`make docs` prints this page from {source}. Do not edit it.\n\n"
_COMMAND = re.compile(r"^([a-z-]+):.*## (.*)$", re.MULTILINE)

METRICS = {
    "runs.success": "runs that passed",
    "runs.failed": "runs that failed",
    "calls.<vendor>": "calls to `vtex` or `connectif`",
    "calls_429.<vendor>": "calls that the vendor answered with 429",
    "calls_repeated.<vendor>": "calls that repeated an earlier one",
    "duration.<stage>": "how long a stage took",
    "to_look_at.<pipeline>": "differences that an operator must look at; only of `reconcile`",
    "read": "records read; not of dry runs",
    "written": "records written at the target; not of dry runs",
    "outcome.<outcome>": "records by their outcome; not of dry runs",
    "reason.<code>": "records by their reason code; not of dry runs",
}
"""What each metric counts, by its name below `vtex_connectif.<pipeline>`."""


def main() -> int:
    """Write all pages; returns the exit code."""
    REFERENCE.mkdir(exist_ok=True)
    for name, render in PAGES.items():
        (REFERENCE / name).write_text(render(), encoding="utf-8")
    return 0


def settings() -> str:
    """The settings, from the comments of their file."""
    return _page("Settings", "include/settings.toml and include/settings.py", settings_page())


def reasons() -> str:
    """The reason codes of records, and the codes of fields that were left out."""
    by_record = [
        f"| `{reason}` | {reason.outcome} | {reason.meaning} | {reason.advice} |" for reason in Reason
    ]
    by_field = [f"| `{drop}` | {drop.meaning} | {drop.advice} |" for drop in Drop]
    text = [
        "Every record that a run reads has exactly one outcome.",
        "A record that is not `sent` or `unchanged` has a reason code.",
        "To send rejected and held records again, see [Replay](../runbook/replay.md).",
        "",
        "| code | outcome | meaning | what to do |",
        "|---|---|---|---|",
        *by_record,
        "",
        "## Fields that were left out",
        "",
        "The sync sent these records without an optional field or line.",
        "",
        "| code | meaning | what to do |",
        "|---|---|---|",
        *by_field,
    ]
    return _page("Reason codes", "include/outcomes.py", "\n".join(text))


def causes() -> str:
    """The causes of differences that `reconcile` finds."""
    rows = [
        f"| `{cause}` | {', '.join(cause.pipelines)} | {'yes' if cause.is_expected else '**no**'} | "
        f"{cause.meaning} | {cause.advice} |"
        for cause in Cause
    ]
    text = [
        "[`reconcile`](../reconcile.md) gives each difference between both sides one cause.",
        "Expected differences need no action: they are intended, or the next run resolves them.",
        "The others are *to look at*.",
        "",
        "| cause | pipelines | expected | meaning | what to do |",
        "|---|---|---|---|---|",
        *rows,
    ]
    return _page("Causes of differences", "include/outcomes.py", "\n".join(text))


def metrics() -> str:
    """The metrics, as a run sends them."""
    sent = _sent_metrics()
    order = list(METRICS)
    rows = [f"| `{name}` | {sent[name]} | {METRICS[name]} |" for name in sorted(sent, key=order.index)]
    text = [
        "The last task of each run sends these metrics to the backend in `[metrics]` of Airflow's",
        "configuration (`statsd_on`, or `otel_on` with `OTEL_EXPORTER_OTLP_ENDPOINT`).",
        "Without a backend Airflow sends nothing.",
        "",
        "Each name follows Airflow's own prefix and `vtex_connectif.<pipeline>.`, where `<pipeline>` is",
        "`contacts`, `products`, `purchases` or `reconcile`.",
        "",
        "| name | kind | what |",
        "|---|---|---|",
        *rows,
    ]
    return _page("Metrics", "plugins/runs/run_signals.py", "\n".join(text))


def parameters() -> str:
    """The parameters of each DAG, from the DAG itself."""
    parts = [
        "The API answers a wrong parameter with 400 and the reason:",
        "see [A parameter is refused](../runbook/parameter-refused.md).",
        "",
    ]
    for dag_id in KNOWN_PARAMS:
        parts += [f"## {dag_id}", "", *_parameter_rows(dag_id), ""]
    return _page("Parameters", "the DAGs", "\n".join(parts).rstrip())


def commands() -> str:
    """The targets of the Makefile."""
    targets = _COMMAND.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
    rows = [f"| `make {name}` | {text} |" for name, text in targets]
    return _page("Commands", "the Makefile", "\n".join(["| command | what it does |", "|---|---|", *rows]))


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "reasons.md": reasons,
    "causes.md": causes,
    "metrics.md": metrics,
    "parameters.md": parameters,
    "commands.md": commands,
}


def _page(title: str, source: str, text: str) -> str:
    return f"# {title}\n\n{NOTICE.format(source=source)}{text.rstrip()}\n"


def _parameter_rows(dag_id: str) -> Iterator[str]:
    dag = getattr(import_module(f"dags.{dag_id}"), dag_id)(load_shops().get(DEFAULT))
    if not dag.params:
        yield "This DAG has no parameters."
        return
    yield "| parameter | type | default | meaning |"
    yield "|---|---|---|---|"
    for name in dag.params:
        param = dag.params.get_param(name)
        default = param.value if param.has_value else None
        yield f"| `{name}` | {_type_of(param.schema)} | {_default(default)} | {param.description} |"


def _type_of(schema: Mapping[str, Any]) -> str:
    """`text`, `time with offset`, one of some values, …"""
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    (kind,) = [kind for kind in kinds if kind != "null"]
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if kind == "array":
        return f"list of {_items(schema['items'])}, at least {schema['minItems']}{_at_most(schema)}"
    if schema.get("format") == "date-time":
        return "time with offset"
    return {"boolean": "true or false", "string": "text"}[kind]


def _items(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    return f"objects with {', '.join(f'`{name}`' for name in schema['required'])}"


def _at_most(schema: Mapping[str, Any]) -> str:
    return f" and at most {schema['maxItems']}" if "maxItems" in schema else ""


def _default(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return ", ".join(f"`{each}`" for each in value)
    return "none" if value is None else f"`{value}`"


class _Recorder:
    """Takes the place of Airflow's metrics and keeps the names."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}

    def incr(self, name: str, _count: int = 1) -> None:
        self.kinds[name] = "counter"

    def timing(self, name: str, _duration: timedelta) -> None:
        self.kinds[name] = "timing"

    def gauge(self, name: str, _value: float) -> None:
        self.kinds[name] = "gauge"


def _sent_metrics() -> dict[str, str]:
    """The kind of each metric that a run sends, by its name with placeholders."""
    counts = StageCounts(calls={"vtex": Calls(made=1)}, seconds={"load": 1.0})
    counts.count(Reason.EMAIL_MISSING)
    compared = Compared(causes={Cause.GONE: 1})
    report = Report(
        pipeline=PipelineName.CONTACTS, mode="full", counts=counts, compared={PipelineName.PRODUCTS: compared}
    )
    recorder = _Recorder()
    from plugins.runs import run_signals  # noqa: PLC0415 - importing it reads the settings

    with patch.object(run_signals, "stats", recorder):
        for passed in (True, False):
            run_signals.send_metrics(report, passed=passed)
    return {_with_placeholders(name): kind for name, kind in recorder.kinds.items()}


def _with_placeholders(name: str) -> str:
    short = name.split(".", 2)[2]
    first, _, last = short.partition(".")
    placeholders: dict[str, str] = {
        "vtex": "<vendor>",
        "connectif": "<vendor>",
        "load": "<stage>",
        **{str(name): "<pipeline>" for name in PipelineName},
        **{str(outcome): "<outcome>" for outcome in Outcome},
        **{str(reason): "<code>" for reason in Reason},
    }
    return f"{first}.{placeholders.get(last, last)}" if last else short


if __name__ == "__main__":
    sys.exit(run_command(main))
