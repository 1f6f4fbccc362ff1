"""The plan of a run: all records, a window, or chosen records. One function for every kind of run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Literal, Self, cast

from include.errors import ParameterError
from include.outcomes import Reason
from include.window import Window, as_utc, local_text, subtracted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from include.pipelines import DailyPipeline

DAY = timedelta(hours=24)

Mode = Literal["full", "window", "only", "replay"]

MOST_KEYS = 100
"""The most keys that one replay accepts. More records are replayed by their reason code."""
LONGEST_KEY = 200
"""The longest key that the state store keeps, in characters."""


@dataclass(frozen=True)
class RunRequest:
    """The facts from Airflow and the parameters of the run.

    `run_type` is Airflow's (`scheduled`, `manual`, `backfill`, …). The data interval is None if a run is
    triggered over REST with a null logical date. `window_start` and `window_end` are ISO 8601 with an offset.
    `only` is the id of one record. `replay` (with mode replay) selects records that were not sent: "all", a
    reason code, or keys with commas between them. `zone` is the clock of times in `RunPlan.why`. `dag_id` is
    the shop's DAG, for commands; by default that of the pipeline.
    """

    run_type: str
    run_after: datetime
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    mode: str = "auto"
    window_start: str | None = None
    window_end: str | None = None
    only: str | None = None
    replay: str | None = None
    zone: tzinfo = UTC
    dag_id: str = ""

    @property
    def is_backfill(self) -> bool:
        return self.run_type == "backfill"

    @property
    def interval(self) -> Window:
        """The data interval; if it is absent or empty (plain cron), the 24 h before its end or the run."""
        start, end = self.data_interval_start, self.data_interval_end
        if start is None or end is None or start == end:
            end = end or self.run_after
            return Window(end - DAY, end)
        return Window(start, end)

    def asked_window(self) -> Window | None:
        """The window of the parameters, if any. Raises `ParameterError` for a wrong combination."""
        if self.mode not in ("auto", "full", "window", "replay"):
            raise ParameterError(
                f"parameter mode is {self.mode!r:.40}, allowed is auto, full, window or replay"
            )
        if not self.window_start and not self.window_end:
            return None
        if self.is_backfill:
            raise ParameterError(
                "all runs of a back-fill share window_start and window_end: leave them empty, and "
                "choose the dates of the back-fill instead"
            )
        if self.mode == "full":
            raise ParameterError("window_start and window_end contradict mode full: use only one of the two")
        return _window_of(self.window_start, self.window_end)


def _window_of(start: str | None, end: str | None) -> Window:
    if not start or not end:
        raise ParameterError("window_start and window_end belong together: give both or neither")
    first, last = _instant("window_start", start), _instant("window_end", end)
    if first >= last:
        raise ParameterError(f"window_start {start} must be before window_end {end}")
    return Window(first, last)


def _instant(name: str, text: str) -> datetime:
    try:
        return as_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise ParameterError(
            f"parameter {name} is {text!r:.40}, "
            f"allowed is ISO 8601 with an offset such as 2026-11-22T03:00:00-03:00"
        ) from None


@dataclass(frozen=True)
class Gap:
    """Uncovered time that this run does not reach, and the command that covers it."""

    window: Window
    command: str


@dataclass(frozen=True)
class RunPlan:
    """The records that a run reads: all (`full`), a window (without the overlap), `only` one record, or a
    `replay` of records that were not sent ("all", a reason code, or keys with commas between them).

    `why` is a sentence for the log.
    """

    mode: Mode
    window: Window | None
    gaps: tuple[Gap, ...]
    why: str
    only: str | None = None
    replay: str | None = None

    @property
    def is_partial(self) -> bool:
        """Whether the run reads chosen records only: then it covers no time and is no full load."""
        return self.only is not None or self.replay is not None

    def to_json(self) -> dict[str, object]:
        """Plain values, to pass from task to task."""
        window = self.window.to_json() if self.window else None
        gaps = [{"window": gap.window.to_json(), "command": gap.command} for gap in self.gaps]
        return {
            "mode": self.mode,
            "window": window,
            "gaps": gaps,
            "why": self.why,
            "only": self.only,
            "replay": self.replay,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Self:
        window = cast("dict[str, str] | None", value["window"])
        gaps = cast("list[dict[str, object]]", value["gaps"])
        return cls(
            mode=cast(Mode, value["mode"]),
            window=Window.from_json(window) if window else None,
            gaps=tuple(
                Gap(Window.from_json(cast("dict[str, str]", gap["window"])), str(gap["command"]))
                for gap in gaps
            ),
            why=str(value["why"]),
            only=cast("str | None", value.get("only")),
            replay=cast("str | None", value.get("replay")),
        )


def plan_run(
    request: RunRequest,
    *,
    pipeline: DailyPipeline,
    activated: bool,
    left_edge: datetime | None,
    covered: Iterable[Window],
    coverage_days: int,
) -> RunPlan:
    """The plan of this run. All rules for every kind of run are here.

    - products: always all records; the DAG decides whether it allows a back-fill;
    - contacts: all records the first time (`activated` false) and in mode `full`, but never in a back-fill;
    - purchases: never all records;
    - a window of the parameters, and the interval of a back-fill or a manual run, is used as it is;
    - a scheduled run starts earlier if `covered` (from the state store) leaves out time, at most
      `coverage_days` before its interval. Older uncovered time is returned as gaps. Time before `left_edge`
      (from the state store; None before the first run) is never missing, even if a back-fill covered a part.

    Raises `ParameterError` if the parameters contradict each other or the pipeline.
    """
    explicit = _explicit_plan(request, pipeline)
    if explicit:
        return explicit
    if pipeline.loads_in_full and request.mode == "auto" and not activated and not request.is_backfill:
        return RunPlan("full", None, (), "no full load has finished yet, so the run reads all records")
    if request.run_type == "scheduled":
        missing = _missing(left_edge, request.interval.start, covered)
        return _plan_scheduled(
            request, missing, timedelta(days=coverage_days), request.dag_id or pipeline.dag_id
        )
    why = f"{request.run_type} run for {request.interval.in_zone(request.zone)}"
    return RunPlan("window", request.interval, (), why)


def check_request(request: RunRequest, pipeline: DailyPipeline) -> None:
    """Raise the ParameterError that `plan_run` would raise for contradicting parameters."""
    _explicit_plan(request, pipeline)


def _explicit_plan(request: RunRequest, pipeline: DailyPipeline) -> RunPlan | None:
    """The plan that the parameters or the pipeline determine; None if they leave a choice."""
    window = request.asked_window()
    if request.mode == "replay" or request.replay:
        return _plan_replay(request, pipeline, window)
    if request.only:
        return _plan_one_record(request, request.only, pipeline, window)
    if not pipeline.has_history:
        return _plan_products(request, window)
    if request.mode == "full":
        return _plan_full(request, pipeline)
    if request.mode == "window" and not window and not request.is_backfill:
        raise ParameterError("mode window needs window_start and window_end: give both")
    if window is None:
        return None
    return RunPlan("window", window, (), f"the window of the parameters, {window.in_zone(request.zone)}")


def _plan_one_record(
    request: RunRequest, only: str, pipeline: DailyPipeline, window: Window | None
) -> RunPlan:
    if "@" in only:
        raise ParameterError("parameter only is an address: give the record's id (addresses are not kept)")
    if window or request.mode != "auto" or request.is_backfill:
        raise ParameterError(
            "parameter only reads one record of any time: leave out mode, window_start and window_end, and "
            "do not use it in a back-fill"
        )
    return RunPlan("only", None, (), f"only the record {only} of {pipeline.name}", only)


def _plan_replay(request: RunRequest, pipeline: DailyPipeline, window: Window | None) -> RunPlan:
    if request.mode != "replay":
        raise ParameterError("parameter replay goes with mode replay: give both or neither")
    if window or request.only or request.is_backfill:
        raise ParameterError(
            "mode replay sends records of any time that were not sent: leave out only, window_start and "
            "window_end, and do not use it in a back-fill"
        )
    wanted = request.replay or "all"
    if "@" in wanted:
        raise ParameterError(
            "parameter replay holds an address: give all, a reason code, or keys of records (addresses are "
            "not kept)"
        )
    keys = keys_of(wanted)
    _check_keys(keys)
    what = f"{len(keys)} keys" if len(keys) > 1 else wanted
    return RunPlan("replay", None, (), f"replay of {what} of {pipeline.name}", replay=wanted)


def _check_keys(keys: Sequence[str]) -> None:
    if len(keys) > MOST_KEYS:
        raise ParameterError(
            f"parameter replay has {len(keys)} keys, at most {MOST_KEYS} are allowed: give a reason code, or "
            "trigger several runs"
        )
    if not keys or (len(keys) > 1 and not {"all", *Reason}.isdisjoint(keys)):
        raise ParameterError(
            "parameter replay is all, one reason code, or keys of records with commas between them: do not "
            "mix these"
        )


def keys_of(replay: str) -> list[str]:
    """The keys in the parameter `replay`, each once: `a,b,a` → `a`, `b`. "all" or a reason code is alone."""
    return [*dict.fromkeys(filter(None, replay.split(",")))]


def _plan_products(request: RunRequest, window: Window | None) -> RunPlan:
    if window or request.mode == "window":
        raise ParameterError("a run always reads the whole catalogue: products have no window")
    return RunPlan("full", None, (), "a run always reads the whole catalogue")


def _plan_full(request: RunRequest, pipeline: DailyPipeline) -> RunPlan:
    if not pipeline.loads_in_full:
        raise ParameterError(
            f"{pipeline.name} cannot be read in full: give window_start and window_end instead"
        )
    if request.is_backfill:
        raise ParameterError("a back-fill reads the days of its runs: do not use mode full in it")
    return RunPlan("full", None, (), "parameter mode is full")


def _plan_scheduled(request: RunRequest, missing: list[Window], reach: timedelta, dag_id: str) -> RunPlan:
    interval = request.interval
    horizon = interval.start - reach
    start = min(
        (max(window.start, horizon) for window in missing if window.end > horizon), default=interval.start
    )
    older = [part for window in missing if (part := window.until(horizon))]
    why = f"scheduled run for {interval.in_zone(request.zone)}"
    if start < interval.start:
        starts = local_text(start, request.zone)
        why += f"; it starts at {starts} because no run has covered the time since then"
    gaps = tuple(Gap(gap, _backfill_command(dag_id, gap, interval.end - interval.start)) for gap in older)
    return RunPlan("window", Window(start, interval.end), gaps, why)


def _missing(left_edge: datetime | None, until: datetime, covered: Iterable[Window]) -> list[Window]:
    if left_edge is None or left_edge >= until:
        return []
    return subtracted([Window(left_edge, until)], covered)


def _backfill_command(dag_id: str, gap: Window, cadence: timedelta) -> str:
    """The command that covers the gap. Airflow creates the runs whose interval *starts* within both dates.

    The dates are inclusive. The interval with the gap's first instant may start up to a cadence earlier, and
    an hour more at a clock change. `--reprocess-behavior failed` does not repeat runs that succeeded.
    """
    first = gap.start - cadence - timedelta(hours=1)
    last = gap.end - timedelta(seconds=1)
    return (
        f"airflow backfill create --dag-id {dag_id} --from-date {first.isoformat()} "
        f"--to-date {last.isoformat()} --max-active-runs 1 --reprocess-behavior failed"
    )
