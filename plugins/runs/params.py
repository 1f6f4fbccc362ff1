"""The parameters of the DAGs: what Airflow's forms show, and what its API checks. Light to import."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Param

from include.dag_ids import UPDATE_NEWSLETTER
from include.errors import ConfigurationError, ParameterError
from include.outcomes import PipelineName
from include.parameters import unknown_parameters
from include.plan import RunRequest, check_request

DAILY_PARAMS: dict[str, Param] = {
    "mode": Param(
        "auto",
        enum=["auto", "full", "window", "replay"],
        type="string",
        title="What to take",
        description=(
            "auto: as the schedule does; full: everything; window: only the time given below; "
            "replay: only records that were not sent, see below."
        ),
    ),
    "replay": Param(
        None,
        type=["null", "string"],
        pattern=r"^[^@\s]+$",
        maxLength=200,
        title="What to replay",
        description=(
            "With mode replay: all (rejected and held records), a reason code such as target_rejected, or "
            "the key of one record. Empty: all."
        ),
    ),
    "window_start": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="From",
        description="With offset. Together with To, or not at all.",
    ),
    "window_end": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="To",
        description="With offset; the first instant that is not taken.",
    ),
    "only": Param(
        None,
        type=["null", "string"],
        pattern=r"^[^@\s]+$",
        maxLength=100,
        title="Only one record",
        description="The id of a customer document, a product or an order: takes it alone and logs its way.",
    ),
    "allow_mass_change": Param(
        False,
        type="boolean",
        title="Allow a mass change",
        description="Lets a run pass that the mass-change guard stopped. Read the message of that run first.",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description="Does everything but the writes, and says what would be sent.",
    ),
}


_ALLOW_EMPTY = Param(
    False,
    type="boolean",
    title="Allow an empty load",
    description="Lets a full load pass that finds nothing at VTEX. Read the message of the failed run first.",
)

LOAD_PARAMS: dict[str, Param] = DAILY_PARAMS | {"allow_empty": _ALLOW_EMPTY}

RECONCILE_PARAMS: dict[str, Param] = {
    "pipelines": Param(
        ["contacts", "products", "purchases"],
        type="array",
        items={"type": "string", "enum": ["contacts", "products", "purchases"]},
        examples=["contacts", "products", "purchases"],
        minItems=1,
        uniqueItems=True,
        title="Pipelines",
        description="What to compare.",
    ),
    "window_start": DAILY_PARAMS["window_start"],
    "window_end": DAILY_PARAMS["window_end"],
    "repair": Param(
        False,
        type="boolean",
        title="Repair",
        description="Sends the purchases that are missing at Connectif, quietly. Nothing else is repaired.",
    ),
}


KNOWN: dict[str, frozenset[str]] = {
    "sync_contacts": frozenset(LOAD_PARAMS),
    "sync_products": frozenset(LOAD_PARAMS),
    "sync_purchases": frozenset(DAILY_PARAMS),
    "reconcile": frozenset(RECONCILE_PARAMS),
    UPDATE_NEWSLETTER: frozenset({"events"}),
    "check_setup": frozenset(),
}
"""The keys that a run's conf may have, by DAG."""

_TEXTS = ("mode", "window_start", "window_end", "only", "replay")


def refusal_of(dag_id: str, conf: Mapping[str, Any], run_type: str) -> str | None:
    """Why a run with this conf must not be made; None where it may be, or where the DAG is not ours.

    The types of the values are left to Airflow's own check. `run_type` is `manual` or `backfill`.
    """
    if dag_id not in KNOWN:
        return None
    if problem := unknown_parameters(conf, KNOWN[dag_id]):
        return f"The conf has an {problem}"
    try:
        _check_together(dag_id, conf, run_type)
    except ConfigurationError as contradiction:
        return str(contradiction)
    return None


def _check_together(dag_id: str, conf: Mapping[str, Any], run_type: str) -> None:
    texts = {name: conf[name] for name in _TEXTS if isinstance(conf.get(name), str)}
    request = RunRequest(run_type=run_type, run_after=datetime.now(UTC), **texts)
    if dag_id == "reconcile":
        request.asked_window()
        check_repair(bool(conf.get("repair")), conf.get("pipelines", list(PipelineName)))
    elif dag_id.startswith("sync_"):
        check_request(request, PipelineName(dag_id.removeprefix("sync_")))


def check_repair(repair: bool, pipelines: Any) -> None:
    """ParameterError where `repair` is asked for without the only pipeline that it repairs."""
    if repair and PipelineName.PURCHASES not in pipelines:
        raise ParameterError("repair sends purchases: add purchases to pipelines, or leave repair out")
